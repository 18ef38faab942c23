"""Gradients, parameters and weights of a whole network; sequences of different lengths."""

from typing import Any

from rushlight._lazy import getter as _getter
from rushlight.nn.utils.clip_grad import (  # noqa: F401
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from rushlight.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters  # noqa: F401

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
    "weight_norm",
    "remove_weight_norm",
    "spectral_norm",
    "remove_spectral_norm",
    "skip_init",
]


# What few programs use is imported when it is first asked for.
_LATER = {
    "weight_norm": "_weight_norm",
    "remove_weight_norm": "_weight_norm",
    "spectral_norm": "_spectral_norm",
    "remove_spectral_norm": "_spectral_norm",
    "rnn": "rnn",
    "stateless": "stateless",
}


def skip_init(module_cls, *args, **kwargs) -> Any:
    """A module whose parameters were given no values; `module_cls` must take a `device`."""
    import inspect

    from rushlight.nn import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs).to_empty(device=device)


__getattr__ = _getter(__name__, _LATER)
