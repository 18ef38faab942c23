from typing import Any

from rushlight._C import Tensor, tensor
from rushlight._utilities import finfo
from rushlight.autograd.grad_mode import enable_grad, no_grad
from rushlight.optim.optimizer import Optimizer

__all__ = ["Adafactor"]


def _check(fits, text) -> None:
    if not fits:
        raise ValueError(text)


class Adafactor(Optimizer):
    """Adam with a second moment kept as the product of a column and a row (Shazeer and Stern, 2018)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        _check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
        _check(lr >= 0.0, f"Learning rate should be >= 0 but is: {lr}")
        _check(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        _check(eps[0] is None or eps[0] >= 0.0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        _check(eps[1] >= 0.0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        _check(d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}")
        _check(weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
        for entry in self.state.values():
            if "step" in entry and not isinstance(entry["step"], Tensor):
                entry["step"] = tensor(float(entry["step"]))

    @no_grad()
    def step(self, closure=None) -> Any:
        """Updates every parameter that has a gradient; `closure`, if given, computes the loss first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, self.state[parameter], group)
        return loss


def _start(state, grad) -> None:
    state["step"] = tensor(0.0)
    if grad.dim() < 2:
        state["variance"] = grad.new_zeros(grad.shape)
        return
    state["row_var"] = grad.new_zeros([*grad.shape[:-1], 1])
    state["col_var"] = grad.new_zeros([*grad.shape[:-2], 1, grad.shape[-1]])


def _mean_square(grad, dim):
    return grad.norm(dim=dim, keepdim=True).square_().div_(grad.size(dim))


def _update(parameter, state, group) -> None:
    grad = -parameter.grad if group["maximize"] else parameter.grad
    if not state:
        _start(state, grad)
    state["step"] += 1
    step, lr = state["step"].item(), float(group["lr"])
    eps1, eps2 = group["eps"]
    eps1 = finfo(parameter.dtype).eps if eps1 is None else eps1
    weight = step ** group["beta2_decay"]
    size = max(eps2, parameter.norm(2).item() / parameter.numel() ** 0.5) * min(lr, 1 / step**0.5)
    if group["weight_decay"] != 0:
        parameter.mul_(1 - lr * group["weight_decay"])
    if grad.dim() > 1:
        row, column = state["row_var"], state["col_var"]
        row.lerp_(_mean_square(grad, -1), weight)
        column.lerp_(_mean_square(grad, -2), weight)
        variance = (row @ column).div_(row.mean(dim=-2, keepdim=True).clamp_(min=eps1))
    else:
        state["variance"].lerp_(grad * grad, weight)
        variance = state["variance"].clone()
    update = variance.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
    length = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * group["d"]))
    parameter.add_(update, alpha=-size / length)
