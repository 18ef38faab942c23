import torch
from torch import nn

torch.manual_seed(0)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(6, 4)
        self.out = nn.Linear(4, 6, bias=False)
        self.out.weight = self.emb.weight

    def forward(self, i):
        return self.out(self.emb(i).mean(1))


m = LM()
print(sum(p.numel() for p in m.parameters()), [n for n, _ in m.named_parameters()], list(m.state_dict()))
m(torch.tensor([[1, 2]])).sum().backward()
print(m.emb.weight.grad)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
for p in net[0].parameters():
    p.requires_grad = False
opt = torch.optim.Adam(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1)
before = net[0].weight.clone()
net(torch.ones(1, 4)).sum().backward()
opt.step()
print(torch.equal(before, net[0].weight), net[0].weight.grad, net[2].weight.grad is not None)
print([(n, p.requires_grad) for n, p in net.named_parameters()])
ema = {k: v.clone() for k, v in net.state_dict().items()}
for _ in range(3):
    opt.zero_grad()
    net(torch.ones(1, 4)).sum().backward()
    opt.step()
    for k, v in net.state_dict().items():
        ema[k].mul_(0.9).add_(v, alpha=0.1)
print(ema["2.bias"])
net[2] = nn.Linear(4, 3)
net.add_module("3", nn.Sigmoid())
print(net)
print(f"{sum(p.numel() for p in net.parameters() if p.requires_grad):,}")
