"""The first lesson: tensors, what they do, how they print, and where gradients come from.

It is plain PyTorch. Run it with PyTorch (`python first_lesson.py`) or with Rushlight
(`python -m rushlight first_lesson.py`): both print the same text.
"""

import copy

import numpy as np
import torch


def chapter(title):
    print(f"\n=== {title} ===")


def attempt(action):
    """Shows the error that a mistake gives: its class, and how its message begins."""
    try:
        print(action())
    except Exception as error:
        print(f"{type(error).__name__}: {str(error)[:50]}")


chapter("Creating tensors")
print(torch.tensor([[1, 2, 3], [4, 5, 6]]))
print(torch.tensor([1.5, 2, 3]), torch.tensor(7), torch.tensor(True), torch.tensor(2.5).dtype)
print(torch.tensor(np.float64(1.5)), torch.tensor(np.array([1, 2, 3], dtype=np.int32)))
print(torch.zeros(2, 3), torch.ones(2, dtype=torch.int64), torch.full((2, 2), 3.5), torch.eye(2))
print(torch.arange(5), torch.arange(1, 2, 0.25), torch.linspace(0, 1, 5), torch.empty(2, 0).shape)
template = torch.ones(2, 2, dtype=torch.float64)
print(torch.zeros_like(template), torch.full_like(template, 7), template.new_tensor([1, 2]))
print(torch.ones(2, device="cpu").device, torch.ones(2, requires_grad=True))
print(torch.Tensor([1, 2]), torch.LongTensor([1, 2]), torch.Tensor(2, 3).shape)

chapter("To NumPy and back")
array = np.arange(4.0)
shared = torch.from_numpy(array)
shared[0] = 10
array[1] = 20
print(shared, array, shared.dtype)
copied = torch.tensor(array)
array[2] = -1
print(copied, torch.ones(3).cpu().numpy(), torch.ones(2, 2).numpy().shape)
attempt(lambda: torch.ones(2, requires_grad=True).numpy())
attempt(lambda: torch.from_numpy([1, 2, 3]))

chapter("Element types")
x = torch.tensor([1.7, -1.7, 0.0])
print(x.type(), x.long().type(), x.int(), x.bool(), x.double(), x.half())
print(x.type(torch.LongTensor), x.to(torch.bfloat16), x.to("cpu").to(template).dtype)
print((torch.ones(2, dtype=torch.int32) + 1.5).dtype, (torch.ones(2, dtype=torch.uint8) + torch.ones(2)).dtype)
attempt(lambda: torch.tensor([1, 2]).mean())
attempt(lambda: torch.tensor([1, 2], requires_grad=True))

chapter("Joining and clipping")
a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0]])
print(torch.cat([a, b]), torch.cat([a, a], dim=1), torch.cat((a, a), -1).shape, torch.stack([a, a]).shape)
print(torch.clip(a, 1.5, 3.5), a.clamp(max=2), a.split(1), a.chunk(2, dim=1))

chapter("Arithmetic")
print(a * a, torch.mul(a, 10), a * b, 2 - a, 1 / a, a**2, a // 2, -a % 3, a @ b.T)
c = a.clone()
c += 1
c *= 2
print(c, c > 5, (c > 5).sum(), torch.where(c > 5, c, -c), torch.equal(c, c.clone()), torch.allclose(c, c + 1e-9))
attempt(lambda: torch.ones(2, 3) @ torch.ones(2, 3))
attempt(lambda: torch.ones(2, 3) + torch.ones(4))
for function in (
    torch.exp,
    torch.log,
    torch.sqrt,
    torch.abs,
    torch.sin,
    torch.cos,
    torch.tanh,
    torch.sigmoid,
    torch.relu,
    torch.neg,
    torch.reciprocal,
    torch.square,
    torch.sign,
    torch.floor,
    torch.ceil,
    torch.round,
):
    print(function.__name__, function(torch.tensor([0.5, 1.5, 2.5])))

chapter("Products of matrices")
vector, matrix, batch = torch.arange(3.0), torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(2, 2, 3)
print(matrix @ vector, vector @ vector, torch.matmul(batch, matrix.T), (batch @ batch.transpose(1, 2)).shape)

chapter("Shapes")
m = torch.arange(6).reshape(2, 3)
print(
    m.T, m.t().shape, m.transpose(0, 1).shape, batch.permute(2, 0, 1).shape, m.view(3, 2), m.flatten(), m.view(-1).shape
)
print(
    m.unsqueeze(0).shape,
    m.unsqueeze(-1).squeeze().shape,
    m[0].expand(2, 3),
    m[0].repeat(2, 2),
    m.T.contiguous().is_contiguous(),
)
attempt(lambda: m.T.view(6))
attempt(lambda: m.reshape(4))

chapter("Reductions")
s = torch.tensor([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]])
print(s.sum(), s.sum(0), s.sum(dim=1, keepdim=True), s.sum(axis=0) / s.shape[0], s.mean(), s.mean(dim=(0, 1)))
print(s.max(), s.max(dim=1), s.min(0), s.argmax(), s.argmin(dim=1), s.std(), s.var(dim=0), s.prod())
print(s.sum().item(), s.tolist(), float(s[0, 0]), int(s[1, 2]), f"{s.mean():.3f}", "%d" % s[0].sum())

chapter("Indexing")
t = torch.arange(12).reshape(3, 4)
print(t[1], t[1, 2], t[:, 1], t[::2], t[..., -1], t[None].shape, t[[0, 2]], t[torch.tensor([2, 0]), 1:3])
print(t[t > 5], t[t[:, 0] > 0, 2], t[[True, False, True]])
t[0] = 100
t[:, 1] = torch.tensor([7, 8, 9])
t[t == 100] = -1
print(t)
print(len(t), [int(row.sum()) for row in t], 8 in t, bool(t[0, 1] == 7), copy.copy(t) is t, copy.deepcopy(t).equal(t))
attempt(lambda: t[5])
attempt(lambda: bool(t))

chapter("Printing")
print(torch.tensor([1e-8, 1.0, 1e8]), torch.tensor([0.1, float("nan"), float("inf")]), torch.tensor([]))
print(torch.arange(2000).reshape(40, 50))
print(torch.tensor([[0.00012, 123.456]]), torch.zeros(2, 2, 2), torch.tensor(3.0, dtype=torch.float64))
torch.set_printoptions(precision=2)
print(torch.tensor([3.14159, 2.71828]))
torch.set_printoptions(profile="default")

chapter("Random numbers")
torch.manual_seed(42)
print(torch.rand(3), torch.randint(0, 10, (5,)), torch.randperm(6), torch.rand(2, dtype=torch.float64))
print(torch.empty(3).uniform_(-1, 1), torch.randn(4), torch.normal(0.0, 1.0, (2,)))
generator = torch.Generator().manual_seed(7)
state = generator.get_state()
first = torch.rand(2, generator=generator)
generator.set_state(state)
print(torch.equal(first, torch.rand(2, generator=generator)))

chapter("Gradients")
w = torch.tensor([1.0, 2.0], requires_grad=True)
loss = ((w * 3 - 1) ** 2).sum()
print(w.is_leaf, loss, loss.grad_fn.name(), loss.grad_fn.next_functions[0][0].name())
loss.backward()
print(w.grad)
(w * w).sum().backward()
print(w.grad, "accumulated")
w.grad = None
y = w * 2
y.backward(torch.tensor([1.0, 10.0]))
print(w.grad, (w - 1), y.detach(), (w * 2).requires_grad)
with torch.no_grad():
    print((w * 2).requires_grad)
    w -= 0.1 * w.grad
print(w)
attempt(lambda: y.backward(torch.ones(2)))
attempt(lambda: (w * 2).backward())
attempt(lambda: w.add_(1))
z = w.exp()
z.mul_(2)
attempt(lambda: z.sum().backward())
x = torch.tensor(2.0, requires_grad=True)
(first_derivative,) = torch.autograd.grad(x**3, x, create_graph=True)
(second_derivative,) = torch.autograd.grad(first_derivative, x)
print(first_derivative, second_derivative)

chapter("A line through points, by hand")
torch.manual_seed(0)
points = torch.linspace(-1, 1, 20).unsqueeze(1)
values = 3 * points + 2 + 0.1 * torch.randn(20, 1)
slope, offset = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
for step in range(101):
    loss = ((points * slope + offset - values) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for parameter in (slope, offset):
            parameter -= 0.2 * parameter.grad
            parameter.grad.zero_()
    if step % 50 == 0:
        print(f"step {step:3d}  loss {loss.item():.5f}  slope {slope.item():.4f}  offset {offset.item():.4f}")

chapter("A dataset and a small network")


class Squares(torch.utils.data.Dataset):
    """Numbers and their squares."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        x = torch.tensor([index / 6 - 1.0])
        return x, x**2


class Net(torch.nn.Module):
    """Two layers."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(1, 8)
        self.output = torch.nn.Linear(8, 1)

    def forward(self, x):
        return self.output(torch.tanh(self.hidden(x)))


torch.manual_seed(1)
loader = torch.utils.data.DataLoader(Squares(), batch_size=5, shuffle=True)
print([batch.shape[0] for batch, _ in loader], next(iter(loader))[0].squeeze(1))
model = Net()
print(model)
print([(name, tuple(parameter.shape)) for name, parameter in model.named_parameters()])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_function = torch.nn.MSELoss()
for epoch in range(60):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1:2d}  loss {loss.item():.4f}")
model.eval()
with torch.no_grad():
    print(f"0.5 squared is about {model(torch.tensor([[0.5]])).item():.2f}")
saved = model.state_dict()
again = Net()
print(again.load_state_dict(saved), list(saved))
