"""Modules as functions of their parameters."""

from rushlight._lazy import getter as _getter
from rushlight.nn.utils._functional_call import functional_call

__all__ = ["functional_call"]

_NEAREST = {
    "grad": "autograd.grad",
    "vjp": "autograd.functional.vjp",
    "jvp": "autograd.functional.jvp",
    "jacrev": "autograd.functional.jacobian",
    "jacfwd": "autograd.functional.jacobian",
    "hessian": "autograd.functional.hessian",
    "vmap": "a loop and stack()",
}
__getattr__ = _getter(__name__, absent={name: f"the nearest is {nearest}" for name, nearest in _NEAREST.items()})
