from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check_lr, _Native

__all__ = ["SGD"]


class SGD(_Native):
    """Stochastic gradient descent, with momentum and Nesterov's variant of it if asked for."""

    _native_step = _C._sgd_step
    _update = staticmethod(_differentiable.sgd)
    _foreach_differentiable = True
    _later_options = {"nesterov": False, "fused": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
