from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check_lr, _Native

__all__ = ["Rprop"]


class Rprop(_Native):
    """Resilient backpropagation (Riedmiller and Braun, 1993)."""

    _native_step = _C._rprop_step
    _update = staticmethod(_differentiable.rprop)
    _later_options = {"capturable": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
