import torch
from torch import nn

torch.manual_seed(0)
n_users, n_items, k = 20, 15, 4
R = torch.randn(n_users, k) @ torch.randn(k, n_items)
users = torch.arange(n_users).repeat_interleave(n_items)
items = torch.arange(n_items).repeat(n_users)
r = R[users, items]


class MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.u = nn.Embedding(n_users, k)
        self.i = nn.Embedding(n_items, k)
        self.ub = nn.Embedding(n_users, 1)
        self.ib = nn.Embedding(n_items, 1)
        for e in (self.u, self.i):
            e.weight.data.uniform_(0, 0.05)
        self.ub.weight.data.uniform_(-0.01, 0.01)
        self.ib.weight.data.zero_()

    def forward(self, u, i):
        return (self.u(u) * self.i(i)).sum(1) + self.ub(u).squeeze() + self.ib(i).squeeze()


m = MF()
opt = torch.optim.Adam(m.parameters(), lr=0.05, weight_decay=1e-6)
for epoch in range(60):
    perm = torch.randperm(len(r))
    for b in perm.split(100):
        loss = nn.functional.mse_loss(m(users[b], items[b]), r[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 20 == 19:
        print(epoch, f"{loss.item():.3f}")
print(m)
U, S = m.u.weight.detach(), m.i.weight.detach()
print(tuple((U @ S.T).shape), torch.topk(m(torch.full((n_items,), 3), torch.arange(n_items)), 3).indices)
