"""Functions whose Python form takes more kinds of arguments than their operation."""

import warnings
from collections.abc import Sequence
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
    result = _C._torch_functions["tensordot"](a, b, dims_a, dims_b)
    return result if out is None else out.copy_(result)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that differ from zero: a row for each, or with `as_tuple` a tensor for each dim."""
    if as_tuple and out is not None:
        raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
    if as_tuple:
        return _C._torch_functions["_nonzero_numpy"](input)
    return _nonzero(input) if out is None else _nonzero(input, out=out)


_nonzero = _C._torch_functions["nonzero"]
_C.Tensor.nonzero = nonzero


def einsum(*args: Any) -> Tensor:
    """Sums of products in Einstein's notation: `einsum("ij,jk->ik", a, b)`, or with a list of dims after each operand,
    `einsum(a, [0, 1], b, [1, 2], [0, 2])` (ValueError if there is nothing to sum)."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        output = "->" + _letters(args[-1]) if len(args) % 2 else ""
        pairs = len(args) // 2 * 2
        equation = ",".join(_letters(subscripts) for subscripts in args[1:pairs:2]) + output
        return _einsum(equation, *args[0:pairs:2])
    return _einsum(*args)


def _letters(subscripts: Any) -> str:
    text = ""
    for number in subscripts:
        if number is not Ellipsis and not 0 <= number < 52:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        text += "..." if number is Ellipsis else chr(number + (65 if number < 26 else 71))
    return text


_einsum = _C._torch_functions["einsum"]


def _chosen(results: Any, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = results
    extra = ((inverse,) if return_inverse else ()) + ((counts,) if return_counts else ())
    return (values, *extra) if extra else values


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices along `dim`, in order; on request also where each element went, and how many
    there were of each."""
    if dim is None:
        results = _unique2(input)
    else:
        results = _C._torch_functions["_unique_dim"](input, dim)
    return _chosen(results, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or slices along `dim`, that differ from the one before; on request also where each went, and how
    many there were of each."""
    return _chosen(_C._torch_functions["_unique_consecutive"](input, dim=dim), return_inverse, return_counts)


_unique2 = _C._torch_functions["_unique2"]


def _unique(input: Tensor, sorted: bool = True, return_inverse: bool = False) -> tuple[Tensor, Tensor]:
    """The distinct elements and, on request, where each element went."""
    return _unique2(input, sorted, return_inverse)[:2]


_C.Tensor.unique = unique
_C.Tensor.unique_consecutive = unique_consecutive


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat indices into a tensor of `shape`, a tensor for each dim."""
    if not isinstance(indices, Tensor):
        raise TypeError(f"unravel_index(): argument 'indices' must be Tensor, not {type(indices).__name__}")
    if indices.is_floating_point() or indices.dtype is _C.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, Sequence):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    for size in shape:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
        if size < 0:
            raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    coordinates = []
    indices = indices.to(_C.int64)
    for size in reversed(shape):
        coordinates.append(indices.remainder(size))
        indices = indices.div(size, rounding_mode="floor")
    return tuple(reversed(coordinates))


def gradient(
    input: Tensor,
    *,
    spacing: Any = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Derivatives along `dim` (all dims by default) by central differences; `spacing` is a step, or a step or the
    places of the samples for each dim. At the edges one-sided differences of order `edge_order`."""
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype is _C.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if spacing is None:
        spacing = 1
    if isinstance(spacing, (tuple, list)):
        if len(spacing) != len(dims):
            wanted = (
                f"a scalar, or a list of length equal to 'self.dim() = {input.dim()}', since dim argument was not "
                f"given, but got a list of length {len(spacing)}"
                if dim is None
                else "a scalar or it's spacing and dim arguments to have the same length, but got a spacing argument "
                f"of length {len(spacing)} and a dim argument of length {len(dims)}."
            )
            raise RuntimeError("torch.gradient expected spacing to be unspecified, " + wanted)
        steps = list(spacing)
    else:
        steps = [spacing] * len(dims)
    wrapped = []
    for one in dims:
        if not -input.dim() <= one < input.dim():
            limits = f"[{-input.dim()}, {input.dim() - 1}]"
            raise IndexError(f"Dimension out of range (expected to be in range of {limits}, but got {one})")
        if one % input.dim() in wrapped:
            raise RuntimeError(f"dim {one % input.dim()} appears multiple times in the list of dims")
        wrapped.append(one % input.dim())
        if input.shape[one] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    results = []
    for one, step in zip(wrapped, steps, strict=True):
        by_places = isinstance(step, Tensor) and step.dim() > 0
        derivative = _by_places if by_places else _by_step
        results.append(derivative(input.movedim(one, -1), step, edge_order).movedim(-1, one))
    return tuple(results)


def _by_step(y: Tensor, h: Any, edge_order: int) -> Tensor:
    """The derivative along the last dim of samples that are `h` apart."""
    middle = (y[..., 2:] - y[..., :-2]) / (2 * h)
    if edge_order == 1:
        first, last = (y[..., 1:2] - y[..., :1]) / h, (y[..., -1:] - y[..., -2:-1]) / h
    else:
        first = (-1.5 * y[..., :1] + 2 * y[..., 1:2] - 0.5 * y[..., 2:3]) / h
        last = (1.5 * y[..., -1:] - 2 * y[..., -2:-1] + 0.5 * y[..., -3:-2]) / h
    return _C._torch_functions["cat"]([first, middle, last], -1)


def _by_places(y: Tensor, x: Tensor, edge_order: int) -> Tensor:
    """The derivative along the last dim of samples at the places `x`."""
    h = x[1:] - x[:-1]
    slopes = (y[..., 1:] - y[..., :-1]) / h
    left, right = h[:-1], h[1:]
    middle = (slopes[..., :-1] * right + slopes[..., 1:] * left) / (left + right)
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:
        bend = (slopes[..., 1:] - slopes[..., :-1]) / (left + right)
        first, last = first - bend[..., :1] * h[:1], last + bend[..., -1:] * h[-1:]
    return _C._torch_functions["cat"]([first, middle, last], -1)


def asarray(
    obj: Any,
    *,
    dtype: _C.dtype | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """A tensor of a tensor, an array, a buffer, a number or nested sequences; it shares the memory where it can,
    unless `copy` (ValueError if it must share and cannot)."""
    if isinstance(obj, Tensor):
        tensor = obj
        if requires_grad is None:
            requires_grad = obj.requires_grad
            if requires_grad:
                warnings.warn(
                    "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. "
                    "Pass requires_grad=False explicitly to get the old behavior and silence this warning.",
                    stacklevel=2,
                )
    elif hasattr(obj, "__array_interface__") and getattr(obj, "shape", ()) != ():
        tensor = _C.from_numpy(obj)
    elif hasattr(obj, "__dlpack__") or type(obj).__name__ == "PyCapsule":
        tensor = _C.from_dlpack(obj)
    elif not hasattr(obj, "__array_interface__") and isinstance(obj, (bytes, bytearray, memoryview)):
        tensor = _C.frombuffer(obj, dtype=dtype or _C.get_default_dtype())
    else:
        if copy is False and hasattr(obj, "__array_interface__"):
            raise RuntimeError("can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. ")
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return _C.tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
    wrong = dtype is not None and dtype is not tensor.dtype
    if wrong and copy is False:
        raise ValueError(f"can't alias tensor with dtype '{tensor.dtype}' into dtype '{dtype}'.")
    if copy or wrong:
        tensor = tensor.to(dtype or tensor.dtype, copy=True)
    tensor = _C.as_tensor(tensor, device=device)
    if requires_grad and not tensor.requires_grad:
        tensor = tensor.detach().requires_grad_()
    elif not requires_grad and tensor.requires_grad:
        tensor = tensor.detach()
    return tensor
