import torch

torch.manual_seed(0)
X = torch.cat([torch.randn(50, 2) * 0.3 + c for c in torch.tensor([[0.0, 0.0], [3.0, 3.0], [0.0, 4.0]])])
C = X[torch.randperm(len(X))[:3]].clone()
for it in range(10):
    D = ((X[:, None] - C[None]) ** 2).sum(-1)
    a = D.argmin(1)
    newC = torch.stack([X[a == k].mean(0) for k in range(3)])
    if torch.allclose(newC, C):
        break
    C = newC
print(it, C[C[:, 0].argsort()], torch.bincount(a, minlength=3) if hasattr(torch, "bincount") else "none")
Xc = X - X.mean(0)
cov = Xc.T @ Xc / (len(X) - 1)
print(cov, torch.cov(X.T))
v = torch.ones(2)
for _ in range(50):
    v = cov @ v
    v = v / v.norm()
print(v, (v @ cov @ v), torch.linalg.norm(v) if hasattr(torch.linalg, "norm") else v.norm())
proj = Xc @ v
print(proj.var(), proj[:5])
d = torch.cdist(X[:3], C) if hasattr(torch, "cdist") else None
print(d)
