from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.optim import _differentiable
from rushlight.optim.optimizer import _check, _check_betas, _check_lr, _Native

__all__ = ["Adam"]


def _check_tensor(option, name, foreach, capturable) -> None:
    if isinstance(option, Tensor):
        if foreach and not capturable:
            raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        if option.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")


class Adam(_Native):
    """Adam (Kingma and Ba, 2015), and AMSGrad (Reddi et al., 2018) with `amsgrad`."""

    _native_step = _C._adam_step
    _update = staticmethod(_differentiable.adam)
    _later_options = {"amsgrad": False, "capturable": False, "decoupled_weight_decay": False, "fused": None}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_tensor(lr, "lr", foreach, capturable)
        _check_lr(lr)
        _check(eps, "epsilon value")
        _check_betas(betas)
        _check(weight_decay, "weight_decay value")
        kinds = {Tensor if isinstance(beta, Tensor) else type(beta) for beta in betas}
        if len(kinds) != 1 or not kinds <= {float, Tensor}:
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            _check_tensor(beta, f"betas[{i}]", foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(beta.squeeze() if isinstance(beta, Tensor) else beta for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
