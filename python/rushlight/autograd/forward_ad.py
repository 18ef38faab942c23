"""Forward mode: tensors that carry a tangent, and operations that hand it on."""

from typing import Any, NamedTuple

from rushlight import _C
from rushlight._C import Tensor, _is_fwd_grad_enabled
from rushlight.autograd.grad_mode import _Mode

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_current_level = -1


def enter_dual_level() -> int:
    """Opens a level: from now on tensors may carry tangents. There is but one, 0."""
    global _current_level
    level = _C._enter_dual_level()
    if level != _current_level + 1:
        raise RuntimeError(
            "Entering a new forward AD level but the current level is not valid. "
            "Make sure you did not modify it directly."
        )
    _current_level = level
    return level


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level, the last that was opened, and takes their tangents from all tensors."""
    global _current_level
    if level is None:
        level = _current_level
    if level != _current_level:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    _C._exit_dual_level(level=level)
    _current_level = level - 1


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of `tensor` that carries `tangent`, of the same shape: itself if it is laid out alike, else a copy."""
    level = _current_level if level is None else level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    return _C._make_dual(tensor, tangent, level)


class UnpackedDualTensor(NamedTuple):
    """What unpack_dual returns."""

    primal: Tensor
    tangent: Tensor | None


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """A view of `tensor` without its tangent, and the tangent, or None."""
    level = _current_level if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*_C._unpack_dual(tensor, level))


class dual_level(_Mode):
    """A level for the length of a block.

    with dual_level():
        y = function(make_dual(x, v))
        product = unpack_dual(y).tangent  # of the Jacobian and v
    """

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(self, *exception: Any) -> None:
        exit_dual_level()


class _set_fwd_grad_enabled(_Mode):
    """Sets at once, and until the end of a block, whether operations hand tangents on."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.prev = _is_fwd_grad_enabled()
        _C._set_fwd_grad_enabled(mode)

    def clone(self) -> "_set_fwd_grad_enabled":
        return type(self)(self.mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        _C._set_fwd_grad_enabled(self.prev)
