import copy

import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(60, 3)
y = (X @ torch.tensor([[1.0], [2.0], [-1.0]])) + 0.5 * torch.randn(60, 1)
tr, va = (X[:40], y[:40]), (X[40:], y[40:])
model = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=0.05)
best, wait, best_state = float("inf"), 0, None
for epoch in range(200):
    model.train()
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(tr[0]), tr[1])
    loss.backward()
    opt.step()
    model.eval()
    with torch.no_grad():
        v = nn.functional.mse_loss(model(va[0]), va[1]).item()
    if v < best - 1e-4:
        best, wait, best_state = v, 0, copy.deepcopy(model.state_dict())
    else:
        wait += 1
        if wait > 10:
            print("stop at", epoch)
            break
model.load_state_dict(best_state)
print(f"{best:.4f}", f"{nn.functional.mse_loss(model(va[0]), va[1]).item():.4f}", model.load_state_dict(best_state))
