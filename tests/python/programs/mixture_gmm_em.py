import math

import torch

torch.manual_seed(2)
X = torch.cat([torch.randn(60) * 0.5 - 2, torch.randn(40) + 3]).double()
pi, mu, var = torch.tensor([0.5, 0.5]).double(), torch.tensor([-1.0, 1.0]).double(), torch.ones(2).double()
for i in range(25):
    logp = -0.5 * ((X[:, None] - mu) ** 2 / var + torch.log(2 * math.pi * var)) + pi.log()
    ll = logp.logsumexp(1).sum()
    r = (logp - logp.logsumexp(1, keepdim=True)).exp()
    Nk = r.sum(0)
    pi = Nk / len(X)
    mu = (r * X[:, None]).sum(0) / Nk
    var = (r * (X[:, None] - mu) ** 2).sum(0) / Nk
print(f"{ll:.6f}", pi, mu, var.sqrt(), r.argmax(1)[:10], X.dtype)
print(torch.quantile(X, torch.tensor([0.25, 0.5, 0.75]).double()), X.histc(5) if hasattr(X, "histc") else "")
