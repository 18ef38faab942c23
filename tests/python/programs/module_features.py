import torch
from torch import nn

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.lin = nn.Linear(d, d)
        self.scale = nn.Parameter(torch.full((d,), 0.5))
        self.register_buffer("steps", torch.tensor(0))
        self.extra = None
        self.register_parameter("nothing", None)

    def forward(self, x):
        self.steps += 1
        return x + self.scale * torch.tanh(self.lin(x))

    def extra_repr(self):
        return f"d={self.scale.numel()}"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block(4) for _ in range(2))
        self.acts = nn.ModuleDict({"relu": nn.ReLU(), "prelu": nn.PReLU()})
        self.params = nn.ParameterDict({"w": nn.Parameter(torch.ones(2))})

    def forward(self, x, act="relu"):
        for b in self.blocks:
            x = b(x)
        return self.acts[act](x)


n = Net()
print(n)
print(n(torch.ones(1, 4)), n(torch.ones(1, 4), act="prelu").shape, n.blocks[0].steps)
for name, p in n.named_parameters():
    print(name, tuple(p.shape), p.requires_grad)
print([name for name, _ in n.named_modules()], [type(c).__name__ for c in n.children()], [k for k in n.state_dict()])
n.double()
print(n.blocks[0].lin.weight.dtype, n.blocks[0].steps.dtype)
n.float().eval()
print(n.training, n.blocks[1].training)
n.apply(lambda m: nn.init.constant_(m.weight, 0.1) if isinstance(m, nn.Linear) else None)
print(n.blocks[0].lin.weight[0])
for p in n.parameters():
    p.grad = torch.ones_like(p)
n.zero_grad()
print(all(p.grad is None for p in n.parameters()), n.get_submodule("blocks.0").scale)
try:
    n.load_state_dict({"x": torch.ones(1)})
except RuntimeError as e:
    print(str(e)[:120])
print(n.load_state_dict({}, strict=False).missing_keys[:2], hasattr(n, "foo"), isinstance(n.blocks[0], nn.Module))
del n.acts
print("acts" in dict(n.named_children()))
n.blocks.append(nn.Identity())
print(len(n.blocks), n.blocks[-1], n.blocks[:1])
s = nn.Sequential()
s.add_module("a", nn.Linear(1, 1))
s.append(nn.ReLU())
print(s, s.a.weight.shape, [m for m in s])
from collections import OrderedDict

print(nn.Sequential(OrderedDict([("fc", nn.Linear(2, 2)), ("act", nn.Sigmoid())])).fc)
print(sum(p.numel() for p in n.parameters() if p.requires_grad), next(n.parameters()).is_leaf, n.blocks[0].scale)


def count(m):
    return sum(p.numel() for p in m.parameters())


print(f"{'layer':<10}|{'params':>8}")
[print(f"{k:<10}|{count(v):>8,}") for k, v in n.named_children()]
