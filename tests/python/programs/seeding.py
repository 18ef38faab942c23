import random

import numpy as np
import torch


def set_seed(s):
    random.seed(s)
    np.random.seed(s)
    torch.manual_seed(s)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(s)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


set_seed(123)
print(torch.rand(2), torch.randn(3), torch.randint(0, 100, (4,)), torch.randperm(6))
print(torch.initial_seed(), random.random(), np.random.rand())
s = torch.get_rng_state()
a = torch.rand(3)
torch.set_rng_state(s)
print(torch.equal(a, torch.rand(3)))
g = torch.Generator()
g.manual_seed(7)
print(torch.rand(2, generator=g), g.initial_seed())
with torch.random.fork_rng():
    torch.manual_seed(0)
    print(torch.rand(1))
print(
    torch.rand(1),
    torch.bernoulli(torch.full((5,), 0.3, dtype=torch.float64)),
    torch.normal(torch.zeros(3), torch.ones(3)),
)
torch.manual_seed(0)
print(torch.nn.Linear(2, 2).weight, torch.nn.functional.dropout(torch.ones(4), 0.0))
print(torch.empty(3).uniform_(-1, 1), torch.empty(2, 2).normal_(1, 2), torch.randint_like(torch.zeros(3), 10))
w = torch.tensor([0.1, 0.2, 0.7])
print(torch.multinomial(w, 2), torch.multinomial(w, 5, replacement=True))
