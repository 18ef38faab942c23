import torch

for a in (
    torch.uint8,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.bool,
):
    x = torch.tensor([1, 0, 3]).to(a)
    print(a, x, (x + 1).dtype, (x * 1.5).dtype, x.sum().dtype, (x == 1).dtype, x.element_size(), x / 2)
print(
    (torch.tensor(1) + torch.tensor([1.0], dtype=torch.float16)).dtype,
    (torch.tensor([1]) + torch.tensor(1.0, dtype=torch.float64)).dtype,
    torch.result_type(torch.tensor([1]), 1.0),
    torch.promote_types(torch.int8, torch.uint8),
    torch.can_cast(torch.float, torch.int),
)
print(
    torch.tensor([1.9, -1.9]).int(),
    torch.tensor([1.5, 2.5, -0.5]).round(),
    torch.tensor([7, -7]) // 2,
    torch.tensor([7, -7]) % 3,
    torch.tensor([7.0, -7.0]).fmod(3),
    torch.div(torch.tensor(7), 2, rounding_mode="trunc"),
    torch.tensor(5) / 2,
    -7 // torch.tensor(2),
    2 ** torch.arange(4),
    torch.tensor(2.0) ** -1,
)
print(
    torch.tensor([300]).to(torch.uint8),
    torch.tensor([-1]).to(torch.uint8),
    torch.tensor(3.7).long(),
    torch.tensor([0.1] * 3).sum() == 0.3,
    torch.tensor(0.1, dtype=torch.float64) + 0.2,
    torch.tensor(1e-8).half(),
)
try:
    torch.tensor([1, 2], requires_grad=True)
except RuntimeError as e:
    print(e)
try:
    torch.arange(3).mean()
except RuntimeError as e:
    print(str(e)[:60])
try:
    torch.ones(2, dtype=torch.long) @ torch.ones(2)
except RuntimeError as e:
    print(e)
print(torch.get_default_dtype(), torch.tensor(1.0).dtype)
torch.set_default_dtype(torch.float64)
print(torch.tensor(1.0).dtype, torch.ones(1), torch.rand(1).dtype)
torch.set_default_dtype(torch.float32)
print(
    torch.float32.is_floating_point,
    torch.ones(2).type(),
    torch.ones(2).type(torch.int8),
    torch.ones(2).is_floating_point(),
    torch.IntTensor([1, 2]),
    isinstance(torch.ones(1), torch.FloatTensor),
    torch.ones(1).to("cpu", torch.float64),
    torch.ones(1).type_as(torch.tensor(1)),
)
