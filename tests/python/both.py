"""Evaluates one expression in PyTorch and in Rushlight and compares what comes out.

Names in scope: all of `torch.*`, `F`, `linalg`, `nan`, `inf`, and `leaf(*shape)`: float64 normal numbers that require
grad. Both libraries draw the same random numbers from the same seed, so no data is passed between them.
"""

import math
from types import SimpleNamespace

import rushlight
from rushlight import _C

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-10}


class Scope(dict):
    """The names of one library."""

    def __init__(self, library):
        super().__init__(nan=math.nan, inf=math.inf, leaf=self.leaf)
        self.library, self.leaves = library, []
        if library is rushlight:
            functions = dict(_C._nn_functions)
            prefix = "linalg_"
            self["linalg"] = SimpleNamespace(
                **{
                    name.removeprefix(prefix): f
                    for name, f in dict(_C._torch_functions).items()
                    if name.startswith(prefix)
                }
            )
            self["F"] = SimpleNamespace(**functions)
        else:
            self["F"], self["linalg"] = library.nn.functional, library.linalg

    def __missing__(self, name):
        try:
            return getattr(self.library, name)
        except AttributeError:
            raise KeyError(name) from None

    def leaf(self, *shape):
        self.leaves.append(self.library.randn(*shape, dtype=self.library.float64).requires_grad_())
        return self.leaves[-1]


def evaluate(library, text):
    """(result or exception, gradients of the leaves of a weighted sum of the results)."""
    scope = Scope(library)
    library.manual_seed(7)
    try:
        result = eval(text, {"__builtins__": __builtins__}, scope)
        tensors = [t for t in flatten(result) if hasattr(t, "grad_fn") and t.grad_fn is not None]
        if scope.leaves and tensors:
            library.manual_seed(8)
            total = sum((t * library.randn(tuple(t.shape), dtype=t.dtype)).sum() for t in tensors)
            total.backward()
        gradients = [x.grad for x in scope.leaves]
    except Exception as error:
        return error, []
    return result, gradients


def flatten(result):
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flatten(part)]
    return [result]


def same_numbers(ours, theirs, tolerance):
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(lambda a, b: same_numbers(a, b, tolerance), ours, theirs))
    if isinstance(theirs, float) and not isinstance(ours, bool):
        return (
            ours == theirs
            or (ours != ours and theirs != theirs)
            or math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)
        )
    return ours == theirs and type(ours) is type(theirs)


def assert_same(text, ours, theirs):
    ours, theirs = flatten(ours), flatten(theirs)
    assert len(ours) == len(theirs), text
    for a, b in zip(ours, theirs):
        if not hasattr(b, "dtype"):
            assert a == b, f"{text}: {a!r} but PyTorch {b!r}"
            continue
        dtype = str(b.dtype).removeprefix("torch.")
        assert str(a.dtype).rpartition(".")[2] == dtype, f"{text}: {a.dtype} but PyTorch {b.dtype}"
        assert tuple(a.shape) == tuple(b.shape), f"{text}: {tuple(a.shape)} but PyTorch {tuple(b.shape)}"
        assert same_numbers(a.detach().tolist(), b.detach().tolist(), TOLERANCE.get(dtype, 0)), (
            f"{text}:\n{a!r}\nbut PyTorch:\n{b!r}"
        )


def compare(torch, text, node=True):
    """Asserts the same results, dtypes, shapes, gradients and names of nodes; or the same error."""
    theirs, their_gradients = evaluate(torch, text)
    ours, our_gradients = evaluate(rushlight, text)
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception), f"{text} gave {ours!r} but PyTorch raised {theirs!r}"
        expected = str(theirs).split("\n")[0].split("Exception raised")[0].strip().rstrip(".")
        assert type(ours) is type(theirs), f"{text}: {ours!r} but PyTorch {theirs!r}"
        assert str(ours).startswith(expected), f"{text}: {ours} but PyTorch: {theirs}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"{text} raised {ours!r} but PyTorch gave {theirs!r}") from ours
    assert_same(text, ours, theirs)
    for a, b in zip(our_gradients, their_gradients):
        assert (a is None) == (b is None), f"gradient of {text}"
        if b is not None:
            assert_same(f"gradient of {text}", a, b)
    if node:
        for a, b in zip(flatten(ours), flatten(theirs)):
            if getattr(b, "grad_fn", None) is not None:
                assert a.grad_fn is not None, text
                assert a.grad_fn.name() == b.grad_fn.name(), text


def described(value):
    if isinstance(value, (tuple, list)):
        return [described(item) for item in value]
    if hasattr(value, "tolist"):
        return str(value.dtype).split(".")[-1], tuple(value.shape), repr(value.tolist())
    return str(value).replace("rushlight", "torch")


def outcome(library, line):
    """What a line gives on small tensors: its value, or the class and the beginning of its error."""
    x = library.arange(12.0).reshape(3, 4)
    names = dict(torch=library, x=x, y=library.zeros(2, 3, 4), s=library.tensor(1.0), i=library.tensor([0, 2]), b=x > 5)
    try:
        try:
            value = eval(line, names)
        except SyntaxError:
            exec(line, names)
            value = x
    except Exception as error:
        return type(error).__name__, str(error)[:25]
    return described(value)
