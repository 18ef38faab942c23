import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
acts = {}


def get_activation(name):
    def hook(model, input, output):
        acts[name] = output.detach()

    return hook


hs = [m.register_forward_hook(get_activation(n)) for n, m in model.named_children()]
out = model(torch.ones(2, 3))
print({k: v.shape for k, v in acts.items()}, acts["1"])
for h in hs:
    h.remove()
grads = []
w = model[0].weight
h = w.register_hook(lambda g: grads.append(g.norm()) or g * 2)
out.sum().backward()
print(grads, w.grad)
h.remove()


def pre(module, args):
    print("pre", type(module).__name__, len(args))
    return (args[0] * 0,)


h = model[2].register_forward_pre_hook(pre)
print(model(torch.ones(1, 3)))
h.remove()


def bw(module, gi, go):
    print("bw", [None if g is None else tuple(g.shape) for g in gi], [tuple(g.shape) for g in go])


h = model[2].register_full_backward_hook(bw)
model(torch.ones(1, 3)).sum().backward()
h.remove()
x = torch.ones(2, requires_grad=True)
y = x * 3
y.retain_grad()
y.sum().backward()
print(y.grad)
