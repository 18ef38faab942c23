import torch

x = torch.arange(10)
print(
    x[(x > 2) & (x < 7)],
    x[(x < 2) | (x > 8)],
    x[~(x % 2 == 0)],
    (x > 3).sum(),
    (x > 3).any(),
    (x >= 0).all(),
    (x > 3).nonzero().squeeze(),
)
print(
    torch.where(x > 5, x, -x),
    torch.where(x > 7),
    torch.logical_xor(x > 3, x > 6),
    (x > 3) ^ (x > 6),
    x.eq(3).float().mean(),
)
m = torch.tensor([[1, 2], [3, 4]])
print(
    m[m > 1],
    m.masked_fill(m > 2, 0),
    m == m.T,
    torch.equal(m, m.clone()),
    torch.isclose(torch.tensor(0.1 + 0.2), torch.tensor(0.3)),
)
if (x > 100).any():
    print("no")
elif x.sum() == 45:
    print("yes", x.sum() == 45, bool(x[0] == 0))
print(
    torch.tensor([True, False]) + 1,
    torch.tensor([True, True]).sum(),
    torch.tensor([True, False]).float(),
    ~torch.tensor([True, False]),
    torch.tensor([True]) * 3.5,
)
print(
    torch.isnan(torch.tensor([1, float("nan")])),
    torch.isinf(torch.tensor([float("-inf"), 1])),
    torch.isfinite(torch.tensor([1.0, float("inf")])),
    torch.nan_to_num(torch.tensor([float("nan"), float("inf")])),
)
a = torch.zeros(3, 3)
a[a == 0] = 5
a[0, a[0] > 3] = -1
a[torch.eye(3, dtype=torch.bool)] = 9
print(a, (a != 9).sum(dim=1), a.gt(0).int(), torch.count_nonzero(a), a.clamp(min=0, max=5), a.sign())
print(torch.all(a > 0, dim=1), torch.any(a < 0, dim=0, keepdim=True), x.unsqueeze(0) == x.unsqueeze(1).ne(3))
print(
    5 in x,
    50 in x,
    torch.tensor(3) in x,
    max(x),
    min(x),
    sum(x),
    sorted(x.tolist(), reverse=True)[:2],
    list(map(int, x[:3])),
    len(x),
)
