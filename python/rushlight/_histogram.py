"""torch.histogramdd: how many points fall into each cell of a grid."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from rushlight import _C
from rushlight._C import Tensor


class _Histogram(NamedTuple):
    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many of the points in the last dim of `input` fall into each cell, or the sum of their weights; and the
    edges of the cells in each dim. `bins` is a number, or a number or a tensor of edges for each dim; `range` holds
    the lowest and highest edge of each dim in turn. `density` divides by the sum and the volume of each cell."""
    if input.dim() == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if input.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    _check_weight(input, weight)
    points = input.detach().reshape(-1, input.shape[-1])
    edges = _edges(points, bins, range)
    cells: Any = 0  # the number of each point's cell
    inside: Any = 0  # the dims in which it lies in one
    for values, edge in zip(points.unbind(1), edges, strict=True):
        count = len(edge) - 1
        place = _C._torch_functions["searchsorted"](edge, values.contiguous(), right=True) - 1
        inside = inside + (values >= edge[0]) * (values <= edge[-1])
        cells = cells * count + place.clamp(max=count - 1)  # the last bin has both its ends
    shape = [len(edge) - 1 for edge in edges]
    kept = inside == len(edges)
    weights = None if weight is None else weight.detach().reshape(-1)[kept]
    hist = _C._torch_functions["bincount"](cells[kept], weights, math.prod(shape)).to(input.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for dim, edge in enumerate(edges):
            hist = hist.movedim(dim, -1).div(edge.diff()).movedim(-1, dim)
    return _Histogram(hist, tuple(edges))


def _check_weight(input, weight) -> None:
    if weight is None:
        return
    if weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    if weight.dtype is not input.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
            f"dtype, but got input({input.dtype}), and weight({weight.dtype})"
        )


def _edges(points, bins, range) -> list:
    """The edges of the cells in each dim, from the numbers of cells and limits, or as they are given."""
    dims = points.shape[1]
    each = [bins] * dims if isinstance(bins, int) else list(bins)
    given = bool(each) and isinstance(each[0], Tensor)
    if len(each) != dims and given:
        raise RuntimeError(
            f"torch.histogramdd: expected {dims} sequences of bin edges for a {dims}-dimensional histogram but got "
            f"{len(each)}"
        )
    if len(each) != dims:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if range is not None and len(range) != 2 * dims:
        raise RuntimeError(
            f"torch.histogramdd: for a {dims}-dimensional histogram range should have {2 * dims} elements, but got "
            f"{len(range)}"
        )
    edges = []
    for dim, (count, values) in enumerate(zip(each, points.unbind(1), strict=True)):
        limits = {} if given or range is None else {"range": tuple(range[2 * dim : 2 * dim + 2])}
        edges.append(_C._torch_functions["histogram"](values, count, **limits)[1])
    return edges
