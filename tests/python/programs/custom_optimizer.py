import torch
from torch.optim import Optimizer


class MySGD(Optimizer):
    def __init__(self, params, lr=1e-2, momentum=0.0):
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["buf"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                state["step"] += 1
                buf = state["buf"]
                buf.mul_(group["momentum"]).add_(p.grad)
                p.add_(buf, alpha=-group["lr"])
        return loss


torch.manual_seed(0)
w = torch.nn.Parameter(torch.tensor([5.0, -3.0]))
b = torch.nn.Parameter(torch.zeros(()))
opt = MySGD([{"params": [w], "lr": 0.05}, {"params": b}], lr=0.1, momentum=0.9)
print(opt)


def closure():
    opt.zero_grad()
    loss = (w**2).sum() + (b - 1) ** 2
    loss.backward()
    return loss


for i in range(5):
    print(i, opt.step(closure).item())
print(w, b, opt.state[w]["step"], opt.state_dict()["param_groups"])
import copy

opt2 = copy.deepcopy(opt)
print(opt2.state_dict()["state"][0]["buf"])
