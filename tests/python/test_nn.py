"""nn beside PyTorch: each line of a table is run with both libraries and must give the same."""

import copy
import gc
import importlib
import inspect
import pickle
import warnings
import weakref

import numpy
import pytest
import rushlight

# Constructor, then the inputs of one call.
LAYERS = """
nn.Identity(3, unused=True)           | randn(2, 3)
nn.Linear(5, 3)                       | randn(4, 5)
nn.Linear(5, 3, bias=False)           | randn(2, 4, 5)
nn.Linear(5, 3, dtype=torch.float64)  | randn(5).double()
nn.Bilinear(3, 4, 2)                  | randn(5, 3) | randn(5, 4)
nn.Flatten()                          | randn(2, 3, 4)
nn.Flatten(0, 1)                      | randn(2, 3, 4)
nn.Unflatten(1, (2, 3))               | randn(4, 6)
nn.Dropout()                          | randn(30)
nn.Dropout(0.2, inplace=True)         | randn(4, 5) * 1
nn.Dropout(p=1)                       | randn(4, 5)
nn.Dropout1d(0.4)                     | randn(4, 5, 3)
nn.Dropout2d(0.4)                     | randn(4, 5, 3, 3)
nn.Dropout3d(0.4)                     | randn(4, 5, 3, 2, 2)
nn.AlphaDropout(0.4)                  | randn(4, 5)
nn.FeatureAlphaDropout(0.4)           | randn(4, 5, 2)
nn.ReLU()                             | randn(4, 5)
nn.ReLU(inplace=True)                 | randn(4, 5) * 1
nn.ReLU6()                            | randn(4, 5) * 9
nn.LeakyReLU()                        | randn(4, 5)
nn.LeakyReLU(1, True)                 | randn(4, 5) * 1
nn.ELU(0.5)                           | randn(4, 5)
nn.CELU(2)                            | randn(4, 5)
nn.SELU()                             | randn(4, 5)
nn.GELU()                             | randn(4, 5)
nn.GELU('tanh')                       | randn(4, 5)
nn.SiLU()                             | randn(4, 5)
nn.Mish()                             | randn(4, 5)
nn.Hardsigmoid()                      | randn(4, 5)
nn.Hardswish()                        | randn(4, 5)
nn.Hardtanh()                         | randn(4, 5)
nn.Hardtanh(-2, 2.5, True)            | randn(4, 5) * 1
nn.Sigmoid()                          | randn(4, 5)
nn.LogSigmoid()                       | randn(4, 5)
nn.Tanh()                             | randn(4, 5)
nn.Tanhshrink()                       | randn(4, 5)
nn.Softsign()                         | randn(4, 5)
nn.Softplus()                         | randn(4, 5)
nn.Softplus(2, threshold=1e-5)        | randn(4, 5)
nn.Softshrink(0.1)                    | randn(4, 5)
nn.Hardshrink()                       | randn(4, 5)
nn.Threshold(0.1, 20)                 | randn(4, 5)
nn.RReLU()                            | randn(4, 5)
nn.RReLU(0.2, 0.7)                    | randn(4, 50).double()
nn.RReLU(inplace=True)                | randn(4, 5) * 1
nn.Softmax2d()                        | randn(2, 3, 4, 5)
nn.GroupNorm(2, 4)                    | randn(3, 4, 5)
nn.GroupNorm(2, 4, eps=1, bias=False) | randn(3, 4)
nn.GroupNorm(4, 4, affine=False)      | randn(3, 4, 2, 2).double()
nn.InstanceNorm1d(3)                  | randn(2, 3, 4)
nn.InstanceNorm1d(3)                  | randn(3, 4)
nn.InstanceNorm2d(3, 0.1, 0.5, True, True) | randn(2, 3, 4, 2)
nn.InstanceNorm3d(2)                  | randn(2, 2, 2, 2, 3)
nn.InstanceNorm3d(2, eps=0)           | randn(2, 2, 2, 2, 3)
nn.BatchNorm3d(2)                     | randn(2, 2, 2, 2, 3)
nn.LocalResponseNorm(3, alpha=1, beta=2, k=3) | randn(2, 5, 4)
nn.LocalResponseNorm(2)               | randn(2, 5, 4, 3)
nn.PixelShuffle(2)                    | randn(2, 8, 3, 4)
nn.PixelUnshuffle(2)                  | randn(2, 2, 4, 6)
nn.ChannelShuffle(2)                  | randn(2, 6, 3)
nn.ConstantPad1d(1, 3.5)              | randn(2, 3)
nn.ConstantPad2d((1, -1, 2, 0), 3)    | randn(2, 3, 4)
nn.ConstantPad3d(1, 0.5)              | randn(2, 3, 4)
nn.ZeroPad1d((1, 2))                  | randn(2, 3)
nn.ZeroPad2d(2)                       | randn(1, 2, 3, 4)
nn.ZeroPad3d(1)                       | randn(1, 2, 3, 4)
nn.ReflectionPad1d((2, 1))            | randn(2, 3, 4)
nn.ReflectionPad2d(1)                 | randn(1, 2, 3, 4)
nn.ReflectionPad3d(1)                 | randn(1, 2, 3, 4, 2)
nn.ReplicationPad1d((5, -1))          | randn(2, 3, 4)
nn.ReplicationPad2d(1)                | randn(2, 3, 4)
nn.ReplicationPad3d(1)                | randn(2, 3, 4, 2)
nn.CircularPad1d(2)                   | randn(2, 3, 4)
nn.CircularPad2d((1, 2, 3, 0))        | randn(2, 3, 4)
nn.CircularPad3d(1)                   | randn(1, 2, 3, 4, 2)
nn.MultiMarginLoss()                  | randn(4, 3) | tensor([0, 2, 1, 1])
nn.MultiMarginLoss(2, 0.5, torch.rand(3), reduction='sum') | randn(4, 3) | tensor([0, 2, 1, 1])
nn.MultiMarginLoss(reduction='none')  | randn(3) | tensor(1)
nn.MultiLabelMarginLoss()             | randn(2, 4) | tensor([[3, 0, -1, 1], [1, 1, 0, 2]])
nn.MultiLabelMarginLoss(reduction='none') | randn(2, 4) | tensor([[-1, 0, -1, 1], [1, 3, 0, 2]])
nn.MultiLabelSoftMarginLoss()         | randn(2, 4) | randn(2, 4).sign() / 2 + 0.5
nn.MultiLabelSoftMarginLoss(torch.rand(4), reduction='none') | randn(2, 4) | randn(2, 4).sign() / 2 + 0.5
nn.Embedding(5, 3, max_norm=1)        | tensor([[0, 4], [4, 2]])
nn.Embedding(5, 3, max_norm=0.5, norm_type=1.5) | tensor([0, 4])
nn.EmbeddingBag(5, 3)                 | tensor([[0, 4], [4, 2]])
nn.EmbeddingBag(5, 3, mode='sum')     | tensor([0, 4, 4, 2]) | tensor([0, 3, 3])
nn.EmbeddingBag(5, 3, mode='max')     | tensor([0, 4, 4, 2]) | tensor([0, 3, 3])
nn.EmbeddingBag(5, 3, mode='max', padding_idx=-1) | tensor([0, 4, 4, 2]) | tensor([0, 1, 3])
nn.EmbeddingBag(5, 3, padding_idx=4)  | tensor([[0, 4, 1], [4, 2, 2]])
nn.EmbeddingBag(5, 3, max_norm=1) | tensor([[0, 4, 1], [4, 2, 2]])
nn.EmbeddingBag(5, 3, mode='sum', include_last_offset=True) | tensor([0, 4, 4]) | tensor([0, 1, 3])
nn.Softmax(dim=1)                     | randn(4, 5)
nn.LogSoftmax(-1)                     | randn(4, 5)
nn.Softmin(0)                         | randn(4, 5)
nn.GLU()                              | randn(4, 6)
nn.PReLU()                            | randn(4, 6)
nn.PReLU(6, init=0.1)                 | randn(4, 6)
nn.MSELoss()                          | randn(4, 6) | randn(4, 6)
nn.MSELoss(reduction='sum')           | randn(4, 6) | randn(4, 6)
nn.L1Loss(reduction='none')           | randn(4, 6) | randn(4, 6)
nn.SmoothL1Loss(beta=0.5)             | randn(4, 6) | randn(4, 6)
nn.HuberLoss(delta=0.5)               | randn(4, 6) | randn(4, 6)
nn.NLLLoss()                          | randn(4, 6) | tensor([0, 5, 2, 1])
nn.CrossEntropyLoss()                 | randn(4, 6) | tensor([0, 5, 2, 1])
nn.CrossEntropyLoss(torch.arange(6.), ignore_index=2, label_smoothing=0.1) | randn(4, 6) | tensor([0, 5, 2, 1])
nn.BCELoss()                          | rand(4, 6)  | rand(4, 6)
nn.BCEWithLogitsLoss(pos_weight=torch.ones(6) * 2) | randn(4, 6) | rand(4, 6)
nn.KLDivLoss(reduction='batchmean')   | randn(4, 6) | rand(4, 6)
nn.PoissonNLLLoss()                   | randn(4, 6) | rand(4, 6)
nn.GaussianNLLLoss(full=True)         | randn(4, 6) | randn(4, 6) | rand(4, 6)
nn.CosineEmbeddingLoss(0.1)           | randn(4, 6) | randn(4, 6) | tensor([1, -1, 1, -1])
nn.HingeEmbeddingLoss()               | randn(4, 6) | tensor([[1], [-1], [1], [-1]])
nn.MarginRankingLoss(0.2)             | randn(4)    | randn(4) | tensor([1, -1, 1, -1])
nn.TripletMarginLoss(swap=True)       | randn(4, 6) | randn(4, 6) | randn(4, 6)
nn.SoftMarginLoss()                   | randn(4, 2) | tensor([[1, -1], [1, 1], [-1, -1], [1, -1]])
nn.LayerNorm(6)                       | randn(4, 6)
nn.LayerNorm((3, 2), bias=False)      | randn(4, 3, 2)
nn.LayerNorm([6], 0.1, False)         | randn(4, 6)
nn.RMSNorm(6)                         | randn(4, 6)
nn.RMSNorm((3, 2), eps=0.1)           | randn(4, 3, 2)
nn.BatchNorm1d(6)                     | randn(4, 6)
nn.BatchNorm1d(3, momentum=None)      | randn(4, 3, 5)
nn.BatchNorm1d(6, affine=False)       | randn(4, 6)
nn.BatchNorm1d(6, track_running_stats=False, bias=False) | randn(4, 6)
nn.BatchNorm2d(3)                     | randn(4, 3, 5, 2)
nn.Embedding(5, 3)                    | tensor([[0, 4], [4, 1]])
nn.Embedding(5, 3, padding_idx=-1)    | tensor([4, 0, 4, 2])
nn.Embedding(2, 3, _weight=torch.ones(2, 3)) | tensor([0, 1])
nn.CosineSimilarity(dim=0)            | randn(4, 6) | randn(4, 6)
nn.PairwiseDistance(keepdim=True)     | randn(4, 6) | randn(4, 6)
nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)) | randn(3, 4)
"""
ROWS = [[part.strip() for part in line.split("|")] for line in LAYERS.strip().splitlines()]


def names(library):
    return {
        "torch": library,
        "nn": library.nn,
        "F": library.nn.functional,
        "randn": library.randn,
        "rand": library.rand,
        "tensor": library.tensor,
        "copy": copy,
        "pickle": pickle,
    }


def numbers(tensor):
    return None if tensor is None else tensor.detach().numpy()


def run_layer(library, constructor, inputs):
    """Everything there is to compare about one layer."""
    library.manual_seed(7)
    scope = names(library)
    layer = eval(constructor, scope)
    inputs = [eval(text, scope) for text in inputs]
    leaves = [x.requires_grad_() for x in inputs if x.is_floating_point()]
    given = [leaf * 1 for leaf in leaves] + [x for x in inputs if not x.is_floating_point()]
    library.manual_seed(8)
    output = layer(*given)
    (output * library.arange(1, output.numel() + 1).view(output.shape)).sum().backward()
    return {
        "text": repr(layer),
        "class": (type(layer).__name__, type(layer).__module__.partition(".")[2]),
        "start": [(name, numbers(p)) for name, p in layer.named_parameters()],
        "keys": list(layer.state_dict()),
        "output": numbers(output),
        "node": type(output.grad_fn).__name__,
        "gradients": [numbers(x.grad) for x in [*leaves, *layer.parameters()]],
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_layer_is_pytorchs(torch, row):
    ours, theirs = (run_layer(library, row[0], row[1:]) for library in (rushlight, torch))
    for key in ("text", "class", "keys"):
        assert ours[key] == theirs[key]
    assert [name for name, _ in ours["start"]] == [name for name, _ in theirs["start"]]
    for (name, a), (_, b) in zip(ours["start"], theirs["start"]):
        assert a.dtype == b.dtype and numpy.array_equal(a, b), name  # the same bits from the same seed
    numpy.testing.assert_allclose(ours["output"], theirs["output"], rtol=2e-6, atol=2e-6)
    for a, b in zip(ours["gradients"], theirs["gradients"]):
        assert (a is None) == (b is None)
        if a is not None:
            numpy.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", sorted({row[0].partition("(")[0][3:] for row in ROWS}))
def test_signature_is_pytorchs(torch, name):
    ours, theirs = (inspect.signature(getattr(library.nn, name)) for library in (rushlight, torch))
    if "kwargs" in theirs.parameters:
        return  # PyTorch's own says nothing
    shape = [[(p.name, p.kind, p.default) for p in signature.parameters.values()] for signature in (ours, theirs)]
    assert shape[0] == shape[1]


PROGRAMS = {
    "net": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.inner = nn.Sequential(nn.ReLU(), nn.Dropout(0.1))
        self.fc2 = nn.Linear(8, 2, bias=False)
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)
        self.nothing = None
        self.register_parameter("absent", None)
    def forward(self, x, *, twice=False):
        y = self.fc2(self.inner(self.fc1(x))) * self.scale
        return y * 2 if twice else y
""",
    "listed": """
class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU(), nn.Linear(2, 3)])
        self.table = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Tanh()})
        self.weights = nn.ParameterList([torch.ones(2), torch.zeros(2, 3)])
        self.named = nn.ParameterDict({"x": torch.ones(2), "y": nn.Parameter(torch.zeros(1))})
        self.shared = self.layers[0]
    def extra_repr(self):
        return "first\\nsecond"
""",
}

EXPRESSIONS = """
net    | repr(m)
net    | [(f(torch.arange(6.).view(3, 2)).shape, f.running_mean.tolist(), f.running_var.tolist(), f.num_batches_tracked) for f in [nn.BatchNorm1d(2)]]
net    | [(f(torch.arange(6.).view(3, 2)).shape, f.eval()(torch.ones(1, 2)).tolist(), f.running_mean.tolist()) for f in [nn.BatchNorm1d(2, momentum=None)]]
net    | nn.Embedding(3, 2, sparse=True), nn.Embedding(3, 2, 1, 0.5, 3), nn.Embedding(3, 2, 1).weight
net    | nn.Embedding.__mro__[1].__name__, nn.ReLU6.__mro__[1].__name__, nn.Linear.__mro__[1].__name__
net    | [k for k, _ in m.named_parameters()]
net    | [k for k, _ in m.named_parameters(recurse=False)]
net    | [k for k, _ in m.named_parameters(prefix="p")]
net    | [k for k, _ in m.named_buffers()]
net    | [k for k, _ in m.named_modules()]
net    | [k for k, _ in m.named_modules(prefix="p")]
net    | [k for k, _ in m.named_children()]
net    | list(m.state_dict())
net    | dict(m.state_dict()._metadata)
net    | list(m.state_dict(prefix="p."))
net    | [m.state_dict()[k].requires_grad for k in m.state_dict()]
net    | m.training, m.eval().training, m.inner[1].training, m.train().inner[1].training
net    | m.nothing, m.absent, m.scale.shape, m.fc2.bias
net    | sorted(set(dir(m)) & {"fc1", "scale", "count", "forward", "training"})
net    | m.get_submodule("inner.1").p
net    | m.get_parameter("fc1.weight").shape
net    | list(m._parameters), list(m._buffers), list(m._modules), m._non_persistent_buffers_set
net    | len(list(m.parameters())), sum(p.numel() for p in m.parameters())
net    | [p.requires_grad for p in m.requires_grad_(False).parameters()]
net    | m.double().fc1.weight.dtype.itemsize, m.count.dtype.itemsize, m.float().scale.dtype.itemsize
net    | m(torch.ones(1, 4)).shape, m(torch.ones(3, 4), twice=True).shape
net    | m.load_state_dict(m.state_dict())
net    | m.load_state_dict({}, strict=False)
net    | repr(copy.deepcopy(m)) == repr(m), copy.deepcopy(m).scale is m.scale
net    | [k for k, _ in copy.deepcopy(m).named_buffers()], list(copy.deepcopy(m).state_dict())
net    | hasattr(m, "fc9"), hasattr(m, "fc1"), "fc1" in m.__dict__
net    | isinstance(m.scale, nn.Parameter), isinstance(m.count, nn.Parameter), isinstance(m.fc1, nn.Module)
net    | repr(m.scale), repr(nn.Parameter(torch.zeros(1), requires_grad=False))
net    | m.fc1 is m.fc1, m.scale is m.scale, m.inner[0] is list(m.inner)[0]
net    | (delattr(m, "fc2"), [k for k, _ in m.named_children()])[1]
net    | (setattr(m, "fc1", None), repr(m))[1]
net    | (setattr(m, "fc1", nn.Parameter(torch.ones(1))), list(m._parameters), list(m._modules))[1:]
net    | m.apply(lambda part: setattr(part, "seen", type(part).__name__)).inner[0].seen
net    | (m.zero_grad(), [p.grad for p in m.parameters()])[1]
listed | repr(m)
listed | [k for k, _ in m.named_parameters()]
listed | [k for k, _ in m.named_parameters(remove_duplicate=False)]
listed | [k for k, _ in m.named_modules()]
listed | list(m.state_dict())
listed | repr(m.layers[1:3]), repr(m.layers[-1]), len(m.layers)
listed | (m.layers.insert(1, nn.Tanh()), m.layers.append(nn.ReLU()), repr(m.layers))[2]
listed | (m.layers.__delitem__(0), repr(m.layers))[1]
listed | (m.layers.pop(1), repr(m.layers.extend([nn.GELU()])))[1]
listed | list(m.table.keys()), "a" in m.table, repr(m.table["b"]), list(m.table), len(m.table)
listed | (m.table.update({"c": nn.ReLU()}), m.table.pop("a"), repr(m.table))[2]
listed | len(m.weights), [tuple(p.shape) for p in m.weights], isinstance(m.weights[0], nn.Parameter)
listed | list(m.named.keys()), m.named["x"].requires_grad, len(m.named)
listed | repr(nn.ModuleList()), repr(nn.Sequential()), repr(nn.ModuleDict())
listed | repr(nn.Sequential(nn.Linear(1, 1), nn.ReLU())[0:1]), repr(nn.Sequential(nn.ReLU(), nn.Tanh())[-1])
listed | repr(nn.Sequential(nn.ReLU()).append(nn.Tanh()).insert(0, nn.GELU()).extend(nn.Sequential(nn.ELU())))
listed | repr(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())), repr(nn.Sequential(nn.ReLU()) * 2)
"""


def evaluate(library, program, expression):
    scope = names(library)
    exec(PROGRAMS[program], scope)
    library.manual_seed(0)
    scope["m"] = scope[program.capitalize()]()
    return repr(eval(expression, scope))


@pytest.mark.parametrize("row", [line.split("|", 1) for line in EXPRESSIONS.strip().splitlines()], ids=lambda r: r[1])
def test_expression_is_pytorchs(torch, row):
    program, expression = row[0].strip(), row[1].strip()
    assert evaluate(rushlight, program, expression) == evaluate(torch, program, expression)


ERRORS = """
m.missing
m.fc1.missing
m.fc1 = 3
m.fc1 = torch.zeros(1)
m.scale = torch.zeros(2)
m.scale = 3
m.scale = nn.Linear(1, 1)
m.count = 'x'
del m.missing
m.register_parameter('w', torch.zeros(1))
m.register_parameter('a.b', None)
m.register_parameter('', None)
m.register_parameter('fc1', None)
m.register_parameter(3, None)
m.register_parameter('q', nn.Parameter(torch.zeros(1)) * 2)
m.register_buffer('fc1', None)
m.register_buffer('b', 3)
m.register_buffer('a.b', None)
m.add_module('x', 3)
m.add_module('a.b', nn.ReLU())
m.add_module('', nn.ReLU())
m.add_module('scale', nn.ReLU())
m.add_module('forward', nn.ReLU())
m.get_submodule('fc1.weight')
m.get_submodule('nope')
m.get_parameter('fc1')
m.get_buffer('fc1')
m.train(3)
m.to(torch.int64)
m.load_state_dict({})
m.load_state_dict({'x': torch.zeros(1), **m.state_dict()})
m.load_state_dict({**m.state_dict(), 'fc1.weight': torch.zeros(2, 2), 'scale': 3})
m.load_state_dict(3)
nn.Module().forward(3)
nn.Module()(3)
nn.Module(3)
nn.Module(a=3)
nn.Linear(3)
nn.Linear(3, 4, 5, 6, 7, 8, 9)
nn.Linear(3, 4, biass=True)
nn.Linear(3, 4, in_features=3)
nn.Linear(3, 4)(torch.zeros(2, 5))
nn.Linear(3, 4)()
nn.Linear(3, 4)(torch.zeros(3), torch.zeros(3))
nn.Dropout(2)
nn.LayerNorm(3)(torch.zeros(2, 4))
nn.BatchNorm1d(3)(torch.zeros(1, 3))
nn.BatchNorm1d(3)(torch.zeros(3))
nn.BatchNorm2d(3)(torch.zeros(2, 3))
nn.BatchNorm1d(3)(torch.zeros(2, 4))
nn.Softmax2d()(torch.randn(3, 4))
nn.GroupNorm(3, 4)(torch.randn(3, 4))
nn.GroupNorm(2, 4)(torch.randn(1, 6, 2))
nn.GroupNorm(2, 2)(torch.randn(1, 2))
nn.InstanceNorm1d(5, affine=True)(torch.randn(2, 3, 4))
nn.InstanceNorm2d(3)(torch.randn(2, 3, 1, 1))
nn.InstanceNorm3d(2)(torch.randn(2, 2, 2))
nn.BatchNorm3d(2)(torch.randn(2, 2, 2))
nn.LocalResponseNorm(2)(torch.randn(2, 5))
nn.PixelShuffle(3)(torch.randn(2, 8, 3, 4))
nn.ChannelShuffle(4)(torch.randn(2, 6, 3))
nn.ReflectionPad1d(4)(torch.randn(2, 3, 4))
nn.ReflectionPad2d(1)(torch.randn(3, 4))
nn.CircularPad1d(5)(torch.randn(2, 3, 4))
nn.CircularPad2d(1)(torch.randn(3, 4))
nn.MultiMarginLoss(3)(torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))
nn.MultiMarginLoss(weight=torch.ones(2, 2))(torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))
nn.MultiMarginLoss()(torch.randn(4, 3), torch.tensor([0, 2, 1, 3]))
nn.MultiMarginLoss()(torch.randn(4, 3), torch.tensor([0, 2, 1]))
nn.MultiMarginLoss(weight=torch.ones(2))(torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))
nn.MultiLabelMarginLoss()(torch.randn(2, 4), torch.tensor([[3, 0], [1, 1]]))
F.pad(torch.zeros(2, 3), (1,))
F.pad(torch.zeros(2, 3), (1, 1), mode='bogus')
F.pad(torch.zeros(2, 3), (1, 1), mode='reflect', value=2)
F.pad(torch.zeros(2, 3), (-2, -2))
F.batch_norm(torch.zeros(2, 3), torch.zeros(3).double(), torch.ones(3).double())
F.layer_norm(torch.zeros(2, 3).double(), (3,), torch.zeros(3))
F.group_norm(torch.zeros(2, 3, 2), 3, torch.zeros(3).half())
F.rrelu(torch.zeros(2), 3, 1)
nn.Embedding(3, 2)(torch.tensor([3]))
nn.Embedding.from_pretrained(torch.ones(3))
nn.EmbeddingBag(3, 2)(torch.tensor([0, 1]))
nn.EmbeddingBag(3, 2)(torch.tensor([0, 1]), torch.tensor([[0]]))
nn.EmbeddingBag(3, 2)(torch.tensor([0, 1]), torch.tensor([1]))
nn.EmbeddingBag(3, 2)(torch.tensor([0, 1]), torch.tensor([0, 5]))
nn.EmbeddingBag(3, 2)(torch.tensor([[0, 1]]), torch.tensor([0]))
nn.EmbeddingBag(3, 2)(torch.tensor([[[0, 1]]]))
nn.EmbeddingBag(3, 2)(torch.tensor([0, 1]), torch.tensor([0.5]))
nn.EmbeddingBag(3, 2)(torch.tensor([[0, 3]]))
nn.EmbeddingBag(3, 2)(torch.tensor([[0, 1]]), None, torch.ones(1, 2))
nn.EmbeddingBag(3, 2, mode='sum')(torch.tensor([[0, 1]]), None, torch.ones(2))
nn.EmbeddingBag(3, 2, mode='knife')(torch.tensor([[0, 1]]))
nn.EmbeddingBag(3, 2, mode='max', scale_grad_by_freq=True)(torch.tensor([[0, 1]]))
F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), ignore_index=1)
F.batch_norm(torch.zeros(4, 3), None, None, training=True, eps=-1.0)
nn.Embedding(3, 2)(torch.tensor([0.0]))
nn.Embedding(3, 2, padding_idx=5)
nn.TripletMarginLoss(margin=0)(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
nn.CosineEmbeddingLoss()(torch.zeros(2, 2), torch.zeros(2, 2), torch.ones(2, 2))
F.dropout(torch.zeros(3), p=2)
F.layer_norm(torch.zeros(2, 3), (3,), torch.zeros(2))
nn.Dropout(-0.1)
nn.MSELoss(reduction='max')(torch.zeros(2), torch.zeros(2))
nn.Sequential(nn.ReLU())[1]
nn.Sequential(3)
nn.ModuleList([3])
nn.ModuleList([nn.ReLU()])[4]
nn.ModuleDict({'a': 3})
nn.ModuleList([nn.ReLU()])(3)
nn.init.kaiming_uniform_(torch.zeros(3))
nn.init.eye_(torch.zeros(3))
nn.init.xavier_uniform_(torch.zeros(3))
nn.init.calculate_gain('nope')
Late().later
"""
SETUP = """
class Early(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(1, 1)
class EarlyParameter(nn.Module):
    def __init__(self):
        self.w = nn.Parameter(torch.zeros(1))
class Late(nn.Module):
    pass
"""


def error_of(library, statement):
    scope = names(library)
    exec(PROGRAMS["net"] + SETUP, scope)
    scope["m"] = scope["Net"]()
    try:
        exec(statement, scope)
    except Exception as error:
        return error
    raise AssertionError("no error: " + statement)


@pytest.mark.parametrize("statement", [*ERRORS.strip().splitlines(), "Early()", "EarlyParameter()"])
def test_error_is_pytorchs(torch, statement):
    ours, theirs = error_of(rushlight, statement), error_of(torch, statement)
    assert type(ours) is type(theirs), (ours, theirs)
    expected = str(theirs).split("\n")[0].split(" (")[0]
    # Python's own words for wrong arguments differ in the method they name.
    if "positional argument" in expected or "unexpected keyword" in expected or "multiple values" in expected:
        expected = expected.split("() ")[-1]
    assert expected.replace("torch.nn.modules", "rushlight.nn.modules").strip()[:60] in str(ours)


# -- What Module promises in Python ----------------------------------------------------------------


class Net(rushlight.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = rushlight.nn.Linear(3, 2)
        self.register_buffer("mean", rushlight.zeros(3))

    def forward(self, x, scale=1):
        return self.fc(x - self.mean) * scale


def test_modules_written_in_python_run_inside_layers_written_in_cpp():
    net = rushlight.nn.Sequential(rushlight.nn.Sequential(Net(), rushlight.nn.ReLU()), rushlight.nn.Linear(2, 2))
    x = rushlight.randn(5, 3)
    assert rushlight.equal(net(x), net[1](rushlight.relu(net[0][0](x))))


def test_sequential_passes_on_what_is_no_tensor():
    class Split(rushlight.nn.Module):
        def forward(self, x):
            return {"x": x}

    class Join(rushlight.nn.Module):
        def forward(self, d):
            return d["x"] + 1

    net = rushlight.nn.Sequential(rushlight.nn.ReLU(), Split(), Join(), rushlight.nn.Identity())
    assert net(rushlight.tensor([-1.0, 2.0])).tolist() == [1.0, 3.0]
    assert rushlight.nn.Sequential()("anything") == "anything"


def test_pickle_and_deepcopy_keep_everything():
    net = Net()
    net.note = {"a": 1}
    net.fc.weight.tag = "first"
    net.eval()
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert twin.note == {"a": 1} and not twin.training and twin.fc is not net.fc
        assert twin.fc.weight is not net.fc.weight and rushlight.equal(twin.fc.weight, net.fc.weight)
        assert isinstance(twin.fc.weight, rushlight.nn.Parameter) and twin.fc.weight.tag == "first"
        x = rushlight.randn(2, 3)
        assert rushlight.equal(twin(x), net(x))
    layer = pickle.loads(pickle.dumps(rushlight.nn.LeakyReLU(0.3)))
    assert layer.negative_slope == 0.3 and repr(layer) == "LeakyReLU(negative_slope=0.3)"


def test_settings_are_attributes_that_count():
    layer = rushlight.nn.Dropout(0.5)
    layer.p = 0.0
    x = rushlight.randn(100)
    assert layer.p == 0.0 and rushlight.equal(layer(x), x)
    with pytest.raises(TypeError, match="Dropout.p must be float, not str"):
        layer.p = "x"


def test_one_object_a_module_for_as_long_as_it_is_held():
    net = Net()
    net.part = Net()
    net.part.mark = 5
    key = id(net.part)
    gc.collect()
    assert id(net.part) == key and net.part.mark == 5
    part = weakref.ref(net.part)
    del net
    gc.collect()
    assert part() is None


def test_cycles_through_modules_are_collected():
    net = Net()
    net.part = Net()
    net.part.owner = [net]
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None


def test_part_lives_while_it_is_held():
    part = Net().fc
    gc.collect()
    assert part(rushlight.zeros(1, 3)).shape == (1, 2)


def test_hooks(torch):
    def run(library):
        log = []
        layer = library.nn.Linear(2, 2)
        with library.no_grad():
            layer.weight.fill_(1.0)
            layer.bias.fill_(0.0)
        handles = [
            layer.register_forward_pre_hook(lambda m, args: log.append("pre") or (args[0] * 2,)),
            layer.register_forward_hook(lambda m, args, out: log.append("post") or out + 1),
            layer.register_forward_hook(lambda m, args, kwargs, out: log.append(sorted(kwargs)), with_kwargs=True),
            layer.register_forward_pre_hook(lambda m, args: log.append("first"), prepend=True),
        ]
        x = library.ones(1, 2)
        results = [layer(x).tolist()]
        results.append(library.nn.Sequential(layer, library.nn.ReLU())(x).tolist())
        for handle in handles:
            handle.remove()
        results.append(layer(x).tolist())
        return results, log

    assert run(rushlight) == run(torch)


def test_overrides_are_honoured_by_parents():
    calls = []

    class Frozen(rushlight.nn.Module):
        def train(self, mode=True):
            calls.append(mode)
            return super().train(False)

        def __repr__(self):
            return "<frozen>"

        def forward(self, x):
            return x

    net = rushlight.nn.Sequential(Frozen(), rushlight.nn.ReLU())
    net.train()
    assert calls == [True] and not net[0].training and net[1].training
    assert repr(net) == "Sequential(\n  (0): <frozen>\n  (1): ReLU()\n)"


def test_subclass_with_getattr_of_its_own():
    class Wrapper(rushlight.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

        def forward(self, x):
            return self.inner(x)

    wrapper = Wrapper(rushlight.nn.Linear(3, 2))
    assert wrapper.in_features == 3 and wrapper.inner.out_features == 2
    assert wrapper(rushlight.zeros(3)).shape == (2,)


def test_subclass_of_a_layer():
    class Scaled(rushlight.nn.Linear):
        def __init__(self, size):
            super().__init__(size, size)
            self.factor = 3.0

        def reset_parameters(self):
            rushlight.nn.init.constant_(self.weight, 1.0)
            rushlight.nn.init.zeros_(self.bias)

        def forward(self, x):
            return super().forward(x) * self.factor

    layer = Scaled(2)
    assert layer(rushlight.ones(2)).tolist() == [6.0, 6.0]
    assert repr(layer) == "Scaled(in_features=2, out_features=2, bias=True)"


def test_other_bases():
    import abc
    import typing

    T = typing.TypeVar("T")

    class Mixin:
        def __init_subclass__(cls, tag=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.tag = tag

    class Both(rushlight.nn.Module, Mixin, typing.Generic[T], abc.ABC, tag="x"):
        @abc.abstractmethod
        def forward(self, x): ...

    class Made(Both[int]):
        def forward(self, x):
            return x

    assert Both.tag == "x" and Made()(3) == 3
    with pytest.raises(TypeError):
        Both()


def test_forward_set_on_the_object_or_the_class():
    layer = rushlight.nn.ReLU()
    layer.forward = lambda x: x * 0 - 1
    assert layer(rushlight.ones(1)).tolist() == [-1.0]
    net = Net()
    type(net).__call__ = lambda self, x: "called"
    assert net(3) == "called"
    del type(net).__call__
    assert net(rushlight.zeros(1, 3)).shape == (1, 2)


def test_what_is_missing_says_so():
    with pytest.raises(AttributeError, match="nn' has no attribute 'Conv2d': Rushlight does not have it yet"):
        rushlight.nn.Conv2d
    with pytest.raises(NotImplementedError, match="QR"):
        rushlight.nn.init.orthogonal_(rushlight.zeros(2, 2))


INITS = """
uniform_(x, -2, 3)
normal_(x, 1, 2)
trunc_normal_(x)
trunc_normal_(x, 0, 0.1, 0.2, 0.4)
constant_(x, 0.3)
ones_(x)
zeros_(x)
eye_(x)
xavier_uniform_(x)
xavier_normal_(x, gain=2)
kaiming_uniform_(x, a=5 ** 0.5)
kaiming_normal_(x, mode='fan_out', nonlinearity='relu')
sparse_(x, 0.3)
dirac_(x.view(4, 2, 5))
"""


@pytest.mark.parametrize("call", INITS.strip().splitlines())
def test_init_gives_pytorchs_numbers(torch, call):
    def run(library):
        library.manual_seed(3)
        x = library.zeros(8, 5) + 9
        result = eval("init." + call, {"init": library.nn.init, "x": x})
        assert result is x or "view" in call
        return x.numpy()

    ours, theirs = run(rushlight), run(torch)
    if "normal_" in call or "sparse" in call:
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-6)
    else:
        assert numpy.array_equal(ours, theirs)


def test_clip_grad_norm(torch):
    def run(library):
        library.manual_seed(0)
        net = library.nn.Linear(3, 2)
        (net(library.ones(1, 3)).sum() * 10).backward()
        norm = library.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        library.nn.utils.clip_grad_value_(net.parameters(), 0.2)
        return norm.item(), [p.grad.tolist() for p in net.parameters()]

    assert run(rushlight) == run(torch)


def test_warnings_of_nn_utils(torch):
    def run(library):
        utils, net = library.nn.utils, library.nn.Linear(2, 2)
        stateless = importlib.import_module(utils.__name__ + ".stateless")
        calls = (
            lambda: utils.clip_grad_norm_([], 1.0),
            lambda: utils.clip_grad_norm_(library.nn.ReLU().parameters(), 1.0),
            lambda: utils.clip_grads_with_norm_(iter(()), 1.0, library.ones(())),
            lambda: stateless.functional_call(net, {"weight": library.ones(2, 2)}, (library.ones(2),)).shape,
        )
        for call in calls:
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                yield str(call()), [(w.category, str(w.message), w.filename) for w in given]

    assert list(run(rushlight)) == list(run(torch))


def test_parameters_as_a_vector():
    net = rushlight.nn.Linear(3, 2)
    vector = rushlight.nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (8,)
    rushlight.nn.utils.vector_to_parameters(rushlight.arange(8.0), net.parameters())
    assert net.bias.tolist() == [6.0, 7.0] and net.weight.requires_grad
