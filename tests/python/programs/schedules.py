import torch
from torch.optim.lr_scheduler import *


def opt():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


o = opt()
s = LambdaLR(o, lambda e: 0.95**e)
l = []
for _ in range(5):
    o.step()
    s.step()
    l.append(s.get_last_lr()[0])
print([f"{x:.6f}" for x in l])
for mk in (
    lambda o: StepLR(o, 2, 0.1),
    lambda o: MultiStepLR(o, [2, 4], 0.5),
    lambda o: ExponentialLR(o, 0.9),
    lambda o: CosineAnnealingLR(o, 5, 1e-3),
    lambda o: CyclicLR(o, 0.01, 0.1, 2, cycle_momentum=False),
    lambda o: OneCycleLR(o, 0.5, total_steps=10),
    lambda o: CosineAnnealingWarmRestarts(o, 3),
    lambda o: LinearLR(o, 0.3, 1, 4),
    lambda o: SequentialLR(o, [ConstantLR(o, 0.1, 2), ExponentialLR(o, 0.9)], [2]),
):
    o = opt()
    s = mk(o)
    l = []
    for _ in range(8):
        o.step()
        s.step()
        l.append(o.param_groups[0]["lr"])
    print(type(s).__name__, [f"{x:.5f}" for x in l])
o = opt()
s = ReduceLROnPlateau(o, "min", patience=1, factor=0.5)
for v in [1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8]:
    s.step(v)
print(o.param_groups[0]["lr"], s.state_dict()["num_bad_epochs"])
