import torch
from torch import nn

print(torch.tensor(3.14159), torch.tensor([1e-8, 1.0]), torch.tensor([1e8, 1.5]), torch.tensor([1, 1000000]))
print(torch.tensor([[0.5, float("nan")], [float("inf"), -1]]), torch.zeros(0), torch.zeros(2, 0), torch.tensor(True))
print(torch.arange(1001), torch.ones(30, 30), torch.zeros(2, 2, 2, dtype=torch.int16), torch.rand(3).bfloat16().dtype)
t = torch.tensor(2.718281828)
print(f"{t:.3f} {t.item():8.4f} {t} {torch.tensor(5):d} {torch.tensor(5):>6} {t:e}")
print("%.2f %d %s" % (t, torch.tensor(7), torch.tensor([1.0, 2.0])))
print(str(torch.tensor([1.0], requires_grad=True)), (torch.ones(1, requires_grad=True) * 2), torch.ones(2).double())
torch.set_printoptions(precision=2, sci_mode=False)
print(torch.tensor([1e-5, 123.456]))
torch.set_printoptions(profile="default")
torch.set_printoptions(linewidth=40, edgeitems=2, threshold=10)
print(torch.arange(40.0).view(4, 10))
torch.set_printoptions(profile="default")
print(
    nn.Linear(2, 3),
    nn.ModuleList([nn.ReLU(), nn.ReLU()]),
    nn.ModuleDict({"a": nn.Tanh()}),
    nn.ParameterList([nn.Parameter(torch.ones(2))]),
)
print(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 2), nn.LeakyReLU(0.2)), nn.Softmax(dim=-1)))
print(
    nn.Embedding(3, 4, padding_idx=0),
    nn.LayerNorm(5),
    nn.BatchNorm1d(3, affine=False),
    nn.Dropout(0.1, inplace=True),
    nn.GELU("tanh"),
    nn.CrossEntropyLoss(label_smoothing=0.1),
    nn.Identity(),
    nn.Bilinear(1, 2, 3),
    nn.ELU(),
    nn.PReLU(),
    nn.Hardtanh(),
    nn.Threshold(0.1, 20),
    nn.Softplus(),
)
print(
    torch.float32,
    torch.Size([1, 2]),
    torch.device("cpu"),
    torch.strided,
    torch.contiguous_format,
    torch.finfo(torch.float32).eps,
    torch.iinfo(torch.int8),
)
print([torch.tensor(1), torch.tensor([2.5])], {"a": torch.zeros(1)}, (torch.ones(1),))
print(torch.max(torch.tensor([[1.0, 5.0], [7.0, 2.0]]), 1), torch.tensor([3, 1, 2]).sort())
print(
    torch.tensor([0.1, 0.25, 100.0]),
    torch.tensor([-0.0, 0.0]),
    torch.tensor([1e-45, 1e38]),
    torch.tensor([123456789.0]),
)
print(
    torch.tensor([1.0, 2.0]).tolist(),
    repr(torch.tensor(1)),
    torch.tensor([[True, False]]),
    torch.tensor([], dtype=torch.int64),
)
