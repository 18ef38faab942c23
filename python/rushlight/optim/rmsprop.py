from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check, _check_lr, _Native

__all__ = ["RMSprop"]


class RMSprop(_Native):
    """RMSprop (Hinton's lecture, 2012), centred as by Graves (2013) if asked for."""

    _native_step = _C._rmsprop_step
    _update = staticmethod(_differentiable.rmsprop)
    _later_options = {"momentum": 0, "centered": False, "capturable": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check(eps, "epsilon value")
        _check(momentum, "momentum value")
        _check(weight_decay, "weight_decay value")
        _check(alpha, "alpha value")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
