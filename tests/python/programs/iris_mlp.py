import numpy as np
import torch
import torch.nn as nn

rng = np.random.RandomState(4)
X = np.vstack(
    [rng.normal(m, 0.4, (50, 4)) for m in ([5, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3, 5.5, 2])]
).astype(np.float32)
y = np.repeat([0, 1, 2], 50)
idx = rng.permutation(150)
X, y = X[idx], y[idx]
mu, sd = X[:120].mean(0), X[:120].std(0)
X = (X - mu) / sd
Xtr, Xte = map(torch.tensor, (X[:120], X[120:]))
ytr, yte = map(torch.tensor, (y[:120], y[120:]))
print(Xtr.dtype, ytr.dtype)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
crit = nn.CrossEntropyLoss()
for e in range(60):
    opt.zero_grad()
    out = net(Xtr)
    loss = crit(out, ytr)
    loss.backward()
    opt.step()
    if (e + 1) % 20 == 0:
        print(f"Epoch [{e + 1}/60], Loss: {loss.item():.4f}")
with torch.no_grad():
    _, predicted = torch.max(net(Xte).data, 1)
    correct = (predicted == yte).sum().item()
    print(f"Accuracy: {100 * correct / len(yte)} %")
cm = torch.zeros(3, 3, dtype=torch.int64)
for t, p in zip(yte.view(-1), predicted.view(-1)):
    cm[t.long(), p.long()] += 1
print(cm, cm.diag() / cm.sum(1))
probs = torch.softmax(net(Xte[:3]), dim=1)
conf, cls = probs.max(1)
print(np.round(probs.detach().numpy(), 2), cls)
