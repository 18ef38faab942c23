"""Modules as functions of their parameters."""

from rushlight.nn.utils.stateless import functional_call

__all__ = ["functional_call"]


def __getattr__(name):
    nearest = {
        "grad": "autograd.grad",
        "vjp": "autograd.functional.vjp",
        "jvp": "autograd.functional.jvp",
        "jacrev": "autograd.functional.jacobian",
        "jacfwd": "autograd.functional.jacobian",
        "hessian": "autograd.functional.hessian",
        "vmap": "a loop and stack()",
    }
    if name in nearest:
        raise NotImplementedError(f"rushlight.func.{name} is not there yet; the nearest is {nearest[name]}")
    raise AttributeError(f"module 'rushlight.func' has no attribute '{name}'")
