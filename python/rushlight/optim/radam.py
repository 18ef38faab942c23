from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check, _check_betas, _check_lr, _Native

__all__ = ["RAdam"]


class RAdam(_Native):
    """Rectified Adam (Liu et al., 2020)."""

    _native_step = _C._radam_step
    _update = staticmethod(_differentiable.radam)
    _later_options = {"capturable": False, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check(eps, "epsilon value")
        _check_betas(betas)
        _check(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
