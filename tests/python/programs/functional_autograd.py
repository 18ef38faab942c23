import torch
from torch.autograd.functional import hessian, jacobian, jvp, vjp

f = lambda x: (x**3).sum() + x.prod()
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
(g,) = torch.autograd.grad(f(x), x, create_graph=True)
print(g)
h = torch.stack([torch.autograd.grad(gi, x, retain_graph=True)[0] for gi in g])
print(h)
print(
    hessian(f, x),
    jacobian(lambda x: x**2, x),
    vjp(lambda x: x * 2, x, torch.ones(3))[1],
    jvp(lambda x: x**2, x, torch.ones(3))[1],
)
y = x.exp()
y.backward(torch.tensor([1.0, 0.0, 0.0]), retain_graph=True)
print(x.grad)
x.grad = None
try:
    y.sum().backward()
    y.sum().backward()
except RuntimeError as e:
    print(str(e)[:60])
z = torch.tensor([0.5], requires_grad=True)
w = z.sin()
print(torch.autograd.grad(w, z, retain_graph=True), torch.autograd.grad(w, z, grad_outputs=torch.tensor([3.0])))


class MyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (input,) = ctx.saved_tensors
        gi = g.clone()
        gi[input < 0] = 0
        return gi


a = torch.tensor([-1.0, 2.0], requires_grad=True)
b = MyReLU.apply(a)
print(b)
b.sum().backward()
print(a.grad, torch.autograd.gradcheck(MyReLU.apply, (torch.randn(3, dtype=torch.double, requires_grad=True),)))
p = torch.ones(2, requires_grad=True)
q = p * 2
q.register_hook(lambda g: g * 10)
q.sum().backward()
print(p.grad)
with torch.set_grad_enabled(False):
    print((p * 2).requires_grad)
with torch.autograd.set_detect_anomaly(True):
    (p**2).sum().backward()
print(p.grad, p.is_leaf, q.is_leaf, q.grad_fn, p.detach().requires_grad)
u = torch.zeros(3, requires_grad=True)
try:
    u += 1
except RuntimeError as e:
    print(e)
t = torch.ones(2, requires_grad=True)
s = t.sigmoid()
s2 = s * 2
try:
    s.add_(1)
    s2.sum().backward()
    s.sum().backward()
except RuntimeError as e:
    print(str(e)[:80])
