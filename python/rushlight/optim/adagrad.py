from typing import Any

from rushlight import _C
from rushlight._C import Tensor, tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check, _check_lr, _Native

__all__ = ["Adagrad"]


class Adagrad(_Native):
    """Adagrad (Duchi, Hazan and Singer, 2011)."""

    _native_step = _C._adagrad_step
    _update = staticmethod(_differentiable.adagrad)
    _later_options = {"fused": None}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        _check(lr_decay, "lr_decay value")
        _check(weight_decay, "weight_decay value")
        _check(initial_accumulator_value, "initial_accumulator_value value")
        _check(eps, "epsilon value")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] = tensor(0.0)
                state["sum"] = _C._torch_functions["full_like"](parameter.detach(), initial_accumulator_value)
