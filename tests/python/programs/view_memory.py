import torch

x = torch.arange(12)
y = x.view(3, 4)
y[0, 0] = 100
print(
    x[0],
    x.data_ptr() == y.data_ptr(),
    y.is_contiguous(),
    y.t().is_contiguous(),
    y.stride(),
    y.t().stride(),
    y.storage_offset(),
    y[1:].storage_offset(),
)
try:
    y.t().view(12)
except RuntimeError as e:
    print(e)
print(
    y.t().reshape(12),
    y.t().contiguous().view(-1),
    y.permute(1, 0).shape,
    y.unsqueeze(0).squeeze().shape,
    y.expand(2, 3, 4).stride(),
    y.repeat(2, 1).shape,
    y.flatten(),
    y.narrow(1, 1, 2),
    y.select(1, 0),
    y.unbind(1)[0],
    y.split([1, 3], 1)[1],
    y.chunk(2, 1)[0],
    y.unfold(1, 2, 2),
    y.as_strided((2, 2), (4, 1)),
    torch.movedim(torch.zeros(1, 2, 3), 0, -1).shape,
    y.swapaxes(0, 1).shape,
    y.diagonal(),
    y.T[0],
    y.view_as(torch.zeros(4, 3)).shape,
    x.view(2, -1, 3).shape,
    x.reshape(-1, 2)[:2],
    y.ravel()[:3],
)
a = torch.ones(2, 2)
b = a
c = a.clone()
a += 1
print(b, c, a is b, a.add(1) is a)
d = a.detach()
d.zero_()
print(a)
print(
    torch.zeros(2, 3).numel(),
    torch.zeros(2, 3).nelement(),
    torch.zeros(2, 3).ndim,
    torch.zeros(2, 3).dim(),
    torch.zeros(2, 3).size(-1),
    len(torch.zeros(2, 3)),
    torch.zeros(2, 3).nbytes,
    torch.zeros(()).shape,
    list(torch.zeros(2, 3).shape),
    torch.zeros(2, 3).shape[0],
    *torch.zeros(2, 3).shape,
    torch.zeros(2, 3).shape == (2, 3),
    torch.Size([2]) + (3,),
)
z = torch.zeros(3)
z[:2].add_(5)
z[-1:] -= 1
z[[0]] *= 2
z.masked_fill_(z < 0, 9).clamp_(max=8)
print(
    z,
    z.copy_(torch.tensor([1, 2, 3])),
    z.fill_(7),
    z.zero_(),
    z.index_fill_(0, torch.tensor([1]), 4),
    z.scatter_(0, torch.tensor([0]), 3.0),
    z.index_add_(0, torch.tensor([0, 0]), torch.tensor([1.0, 1.0])),
)
o = torch.empty(2)
torch.add(torch.ones(2), 1, out=o)
print(o)
torch.cat([o, o], out=(e := torch.empty(0)))
print(e)
