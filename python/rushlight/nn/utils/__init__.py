"""Gradients, parameters and weights of a whole network; sequences of different lengths."""

import importlib
from typing import Any

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


def __getattr__(name):
    if name in ("rnn", "stateless"):
        return importlib.import_module("rushlight.nn.utils." + name)
    if name in _LATER:
        function = getattr(importlib.import_module("rushlight.nn.utils." + _LATER[name]), name)
        globals()[name] = function
        return function
    raise AttributeError(
        f"module 'rushlight.nn.utils' has no attribute '{name}'"
        + ("" if name.startswith("__") else ": Rushlight does not have it yet")
    )
