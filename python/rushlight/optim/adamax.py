from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check, _check_betas, _check_lr, _Native

__all__ = ["Adamax"]


class Adamax(_Native):
    """Adam by the infinity norm (Kingma and Ba, 2015)."""

    _native_step = _C._adamax_step
    _update = staticmethod(_differentiable.adamax)
    _later_options = {"capturable": False}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
