"""Functions whose Python form takes more kinds of arguments than their operation."""

from typing import Any

from rushlight import _C
from rushlight._C import Tensor


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums products over `dims`: the last of `a` with the first of `b`, or two lists of dims (RuntimeError if they
    do not fit)."""
    if isinstance(dims, _C.Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = list(range(a.dim() - dims, a.dim())), list(range(dims))
    dims_a, dims_b = ([dim] if isinstance(dim, int) else list(dim) for dim in dims)
    result = _C._functions["tensordot"](a, b, dims_a, dims_b)
    return result if out is None else out.copy_(result)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that differ from zero: a row for each, or with `as_tuple` a tensor for each dim."""
    if as_tuple:
        return _C._functions["_nonzero_numpy"](input)
    result = _nonzero(input)
    return result if out is None else out.resize_(result.shape).copy_(result)


_nonzero = _C._functions["nonzero"]
_C.Tensor.nonzero = nonzero
