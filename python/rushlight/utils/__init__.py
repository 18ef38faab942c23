"""Datasets, hooks, checkpoints."""

from typing import TYPE_CHECKING

from rushlight._lazy import getter as _getter
from rushlight.utils import hooks

if TYPE_CHECKING:
    from rushlight.utils import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack", "hooks", "set_module"]
__getattr__ = _getter(
    __name__,
    {name: name for name in ("checkpoint", "data", "dlpack")},
    {"swap_tensors": "tensors do not exchange what they hold; assign their .data, or put one in the other's place"},
)


def set_module(obj, mod: str) -> None:
    """Names the module that `obj` is shown to belong to."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod
