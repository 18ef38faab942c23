"""torch._foreach_…: one operation on every tensor of a list, as other people's optimizers call it."""

from collections.abc import Callable
from typing import Any

import rushlight
from rushlight import Tensor


def _norm(x, ord=2, dtype=None):
    return rushlight.linalg.vector_norm(x, ord, dtype=dtype)


def _powsum(x, ord=2, dtype=None):
    return x.abs().pow(ord).sum(dtype=dtype)


def _limited(method, limit):
    """maximum() or minimum(), for numbers as well."""
    return lambda x, other: getattr(x, method if isinstance(other, Tensor) else limit)(other)


def _in_place(function):
    return lambda x, other: x.copy_(function(x, other))


def _weighted(method):
    return lambda x, tensor1, tensor2, value=1: getattr(x, method)(tensor1, tensor2, value=value)


# What is not the tensor's method of that name.
_OTHERS: dict[str, Callable[..., Any]] = {
    "pow": rushlight.pow,  # of a number, too
    "norm": _norm,
    "powsum": _powsum,
    "maximum": _limited("maximum", "clamp_min"),
    "minimum": _limited("minimum", "clamp_max"),
    **{name: _weighted(name) for name in ("addcdiv", "addcdiv_", "addcmul", "addcmul_")},
}
_OTHERS |= {f"{name}_": _in_place(_OTHERS[name]) for name in ("maximum", "minimum")}

# Which argument after the tensors a keyword stands for; the others are options.
_POSITIONS = dict.fromkeys(("other", "scalar", "exponent", "tensor", "tensor1", "tensors1", "src", "mat2"), 0)
_POSITIONS |= dict.fromkeys(("tensor2", "weight", "weights"), 1) | dict.fromkeys(("value", "scalars"), 2)


def _column(value, count: int) -> list:
    """One argument for each tensor: from a list of as many, or always the same."""
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) == count:
        return list(value)
    if any(isinstance(item, Tensor) for item in value):
        raise RuntimeError(f"Tensor lists must have the same number of tensors, got {count} and {len(value)}")
    raise RuntimeError(
        f"Tensor list must have same number of elements as scalar list: it has {count}, the list {len(value)}"
    )


def _number_of_each(weights, count: int) -> list:
    """The numbers that a tensor holds, one for each tensor of the list."""
    if weights.dim() != 1:
        raise RuntimeError(f"Expected packed scalar Tensor to be of dimension 1. Got {weights.dim()} instead.")
    if len(weights) != count:
        raise RuntimeError(
            f"Expected length of scalars to match input of length {count} but got {len(weights)} instead."
        )
    return weights.tolist()


def _fits(target, others) -> bool:
    shapes = [other.shape for other in others if isinstance(other, Tensor)]
    try:
        return rushlight.broadcast_shapes(target.shape, *shapes) == target.shape
    except RuntimeError:
        return False


def _check_tensors(name, value) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, Tensor) for item in value):
        kind = "list" if isinstance(value, list) else type(value).__name__
        raise TypeError(f"_foreach_{name}(): argument 'self' (position 1) must be tuple of Tensors, not {kind}")
    if not value:
        raise RuntimeError("Tensor list must have at least one tensor.")


def _apply(name, self, *arguments, **options):
    given = sorted(options.keys() & _POSITIONS, key=_POSITIONS.__getitem__)
    others = [*arguments, *(options.pop(keyword) for keyword in given)]
    tensors = others[0] if name == "pow" and others and isinstance(self, (int, float)) else self
    _check_tensors(name, tensors)
    count = len(tensors)
    if name.startswith("addc") and len(others) > 2 and isinstance(others[2], Tensor):
        others[2] = _number_of_each(others[2], count)
    for argument in others:
        if isinstance(argument, Tensor) and argument.dim():
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {argument.dim()} dimensions and "
                f"{argument.numel()} elements."
            )
    rows = list(zip(*(_column(argument, count) for argument in (self, *others)), strict=True))
    function = _OTHERS.get(name) or getattr(Tensor, name)
    if not name.endswith("_"):
        return tuple(function(*row, **options) for row in rows)
    # What does not fit comes first: it raises before anything is changed.
    for row in sorted(rows, key=lambda row: _fits(row[0], row[1:])):
        function(*row, **options)
    return self


def __getattr__(name: str):
    """`_foreach_add_` and its kin, made when first asked for; rushlight/__init__.py lists them."""
    operation = name.removeprefix("_foreach_")
    if operation == name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def function(self, *arguments, **options):
        return _apply(operation, self, *arguments, **options)

    function.__name__ = function.__qualname__ = name
    return function
