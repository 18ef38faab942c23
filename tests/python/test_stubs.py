"""The type stubs: an editor and mypy know every name of the running package, and tell a mistake before it runs."""

import ast
import importlib
import sys
from pathlib import Path

import pytest
import rushlight
from rushlight import _C, nn

PACKAGE = Path(rushlight.__file__).parent
api = pytest.importorskip("mypy.api", reason="mypy, which ./dev installs, is not here")

CORRECT = """
import rushlight as torch
import rushlight.nn.functional as F
from rushlight import Tensor, nn
from rushlight.utils.data import DataLoader, Dataset, TensorDataset


class Net(nn.Module):
    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, hidden), nn.Linear(hidden, 3)
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer("mask", torch.tril(torch.ones(3, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.1, training=self.training)) * self.scale


class Squares(Dataset[tuple[Tensor, Tensor]]):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x = torch.tensor(float(index))
        return x, x**2


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad * y


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    outputs: Tensor = model(x)
    return (outputs.argmax(dim=1) == y).float().mean().item()


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
x, y = torch.randn(32, 4, device=device), torch.randint(0, 3, (32,))
model: Net = Net().to(device).train()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
for xb, yb in DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True):
    loss = loss_fn(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
scheduler.step()
with torch.no_grad():
    values, indices = model(x).max(1)
    best: Tensor = torch.max(x, dim=1).values.add_(1)
a = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
b = a.view(-1).unsqueeze(0).sum(axis=0, keepdims=True) + 2 * a.t().contiguous().view(6)
(g,) = torch.autograd.grad(b.sum(), [a])
total: int = sum(p.numel() for p in model.parameters())
state: dict[str, Tensor] = model.state_dict()
model.load_state_dict(state)
sequence = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Flatten())
shape: torch.Size = torch.cat([x, x], dim=1).shape[1:]
rows, columns = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
print(sequence(x).size(0) + 1, total, Exp.apply(a), torch.einsum("ij,kj->ik", x, x), accuracy(model, x, y), len(shape))
print(torch.where(x > 0, x, 0.0), torch.split(x, 8)[0], x.permute(1, 0), x[:, None, ...], torch.sum(x, 0, out=x[0]))
for name, parameter in model.named_parameters():
    nn.init.zeros_(parameter.requires_grad_(False))
"""

# a line that does not run, and what mypy must say of it
MISTAKES = {
    "torch.zeros(2).no_such_method()": 'has no attribute "no_such_method"',
    "torch.no_such_function(x)": "has no attribute",
    "nn.NoSuchLayer()": "has no attribute",
    "F.no_such_function(x)": "has no attribute",
    "torch.add(x, 'one')": 'incompatible type "str"',
    "torch.add(x, 1, alfa=2)": 'Unexpected keyword argument "alfa"',
    "x.reshape('2')": 'incompatible type "str"',
    "x.transpose(0)": "Missing positional argument",
    "x.sum(dim='rows')": 'incompatible type "str"',
    "torch.zeros(2, dtype='float32')": "No overload variant",
    "x.relu_(1)": "Too many arguments",
    "x.relu(out=x)": 'Unexpected keyword argument "out"',
    "n: int = x.shape": "Incompatible types in assignment",
    "nn.Linear('4', 3)": 'incompatible type "str"',
    "nn.Linear(4, 3, biass=True)": 'Unexpected keyword argument "biass"',
    "nn.ReLU()(x, x)": "Too many arguments",
    "torch.optim.SGD([x], lr='fast')": 'incompatible type "str"',
    "DataLoader(TensorDataset(x), batch_size='8')": 'incompatible type "str"',
    "nn.Module().register_buffer('name', 3)": 'incompatible type "int"',
}
HEAD = "\n".join(CORRECT.split("\n")[:6]) + "\nx = torch.zeros(2, 3)\n"


def check(source, tmp_path, monkeypatch):
    """What mypy --strict says of a program that uses the package under test."""
    monkeypatch.setenv("MYPYPATH", str(PACKAGE.parent))
    path = tmp_path / "program.py"
    path.write_text(source)
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", "--python-executable", sys.executable]
    told, faults, _ = api.run([*options, "--cache-dir", str(tmp_path / "cache"), str(path)])
    return told.replace(str(path), "program.py") + faults


def test_a_correct_program_passes_and_runs(tmp_path, monkeypatch):
    assert check(CORRECT, tmp_path, monkeypatch) == ""
    exec(compile(CORRECT, "program", "exec"), {"__name__": "program"})


def test_mistakes_are_told(tmp_path, monkeypatch):
    lines = check(HEAD + "\n".join(MISTAKES), tmp_path, monkeypatch).splitlines()
    start = HEAD.count("\n") + 1
    for number, (source, expected) in enumerate(MISTAKES.items(), start):
        told = [line for line in lines if f".py:{number}: " in line]
        assert any(expected in line for line in told), f"{source}: {told}"
        with pytest.raises(Exception):
            run(source)


def run(source):
    names: dict = {}
    exec(HEAD, names)
    exec(source, names)
    if source.startswith("n: int"):
        raise TypeError(source)  # an annotation that lies is no fault at run time


def declared(path):
    """{name: node} of a stub's top level, with imports under the names that they give."""
    names = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname: node for alias in node.names if alias.asname})
            if node.names[0].name == "*":
                names.update(dict.fromkeys(importlib.import_module(node.module).__all__, node))
    return {name: node for name, node in names.items() if name[0] != "_"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nn",
        "nn.functional",
        "nn.modules",
        "linalg",
        *sorted(set("nn.modules." + f for f in nn.modules._layers.FILES.values())),
    ],
)
def test_every_public_name_is_in_the_stub_and_the_other_way_round(name):
    module = importlib.import_module(("rushlight." + name).rstrip("."))
    folder = PACKAGE.joinpath(*name.split("."))
    path = folder / "__init__.pyi" if folder.is_dir() else folder.with_suffix(".pyi")
    stub = declared(path)
    # Submodules and what modules import for themselves come and go with imports.
    here = {n for n in dir(module) if n[0] != "_" and not isinstance(getattr(module, n), type(ast))}
    here -= {n for n in here if getattr(module, n) is nn.modules._layers.provide}
    missing = {n for n in here if n not in stub and n not in dir(importlib.import_module("rushlight._C"))}
    assert not missing
    assert not {n for n in stub if not hasattr(module, n) and n not in ("Generator", "Tensor")}


def members(name):
    (node,) = (n for n in ast.parse((PACKAGE / "_C.pyi").read_text()).body if getattr(n, "name", "") == name)
    return {n.name if isinstance(n, ast.FunctionDef) else n.target.id for n in node.body if not isinstance(n, ast.Expr)}


def test_every_member_of_tensor_is_in_the_stub_and_the_other_way_round():
    stub = members("Tensor")
    assert not {n for n in dir(rushlight.Tensor) if n[0] != "_"} - stub
    assert not {n for n in stub if not hasattr(rushlight.Tensor, n)}
    plain = {"new", "repr", "setattr", "delattr", "getattribute", "reduce_ex", "format", "dir", "delitem"}
    operators = {n for n, value in rushlight.Tensor.__dict__.items() if n.startswith("__") and callable(value)}
    assert not operators - stub - {f"__{n}__" for n in plain}


@pytest.mark.parametrize("name", ["Generator", "Size", "device", "dtype"])
def test_members_of_small_classes(name):
    stub, kind = members(name), getattr(_C, name)
    assert not {n for n in kind.__dict__ if n[0] != "_"} - stub
    assert not {n for n in stub if not hasattr(kind, n)}


def test_the_stub_takes_what_the_schema_takes():
    stub = (PACKAGE / "__init__.pyi").read_text()
    assert (
        "def add(input: Tensor, other: Tensor | _Number, *, alpha: _Number | Tensor = 1, out: Tensor | None = None) -> Tensor: ..."
        in stub
    )
    layers = (PACKAGE / "nn" / "modules" / "linear.pyi").read_text()
    assert "def __init__(self, in_features: _int, out_features: _int, bias: _bool = True, " in layers


def test_stubs_are_small():
    stubs = list(PACKAGE.rglob("*.pyi"))
    assert (PACKAGE / "py.typed").exists() and sum(path.stat().st_size for path in stubs) < 500_000
