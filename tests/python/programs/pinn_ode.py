import torch
import torch.nn as nn

torch.manual_seed(123)
net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
t = torch.linspace(0, 2, 20).view(-1, 1).requires_grad_(True)
for i in range(60):
    opt.zero_grad()
    u = net(t)
    du = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]
    d2u = torch.autograd.grad(du, t, torch.ones_like(du), create_graph=True)[0]
    loss = ((d2u + u) ** 2).mean() + (net(torch.zeros(1, 1)) - 1).pow(2).squeeze() + 0.1 * du[0, 0] ** 2
    loss.backward()
    opt.step()
    if i % 20 == 19:
        print(i, f"{loss.item():.3f}")
