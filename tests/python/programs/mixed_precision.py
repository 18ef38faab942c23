import pickle
import warnings

import torch
from torch import nn
from torch.amp import GradScaler, autocast


def said(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    print([(w.category.__name__, str(w.message)) for w in caught])
    return made


device = "cuda" if torch.cuda.is_available() else "cpu"
use_amp = device == "cuda"
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = GradScaler(device, enabled=use_amp)
x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
for step in range(3):
    optimizer.zero_grad()
    with autocast(device_type=device, dtype=torch.bfloat16, enabled=use_amp) as context:
        loss = nn.functional.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    print(loss.item(), scaler.step(optimizer))
    scaler.update()
print(model.weight)
print(context.device, context.fast_dtype, scaler.state_dict(), scaler.get_scale(), scaler.is_enabled())
scaler.load_state_dict({})
print(
    [t.tolist() for t in scaler.scale([torch.ones(1), torch.zeros(1)])], pickle.loads(pickle.dumps(scaler)).is_enabled()
)
print(scaler.step(optimizer, lambda: torch.tensor(3.0)))


@torch.autocast("cpu", enabled=False)
def double(x):
    "twice"
    return x * 2


print(double(x[0]), double.__doc__, double.__name__)
print(torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled(), torch.get_autocast_dtype("cpu"))
print(torch.amp.is_autocast_available("cpu"))
with said(lambda: autocast("cpu", dtype=torch.float32)):
    print((x @ x.t()).dtype)
with said(lambda: autocast("cuda")):
    print((x @ x.t()).dtype)
said(GradScaler)
said(torch.cuda.amp.GradScaler)
said(lambda: torch.cuda.amp.autocast(enabled=False))
for mistake in (
    lambda: autocast(3),
    lambda: autocast(),
    lambda: GradScaler("cpu", growth_factor=0.5),
    lambda: GradScaler("cpu", backoff_factor=1.5),
):
    try:
        mistake()
    except Exception as error:
        print(type(error).__name__, error)


class Square(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, grad):
        return 2 * grad * ctx.saved_tensors[0]


z = torch.tensor(3.0, requires_grad=True)
Square.apply(z).backward()
print(z.grad)
