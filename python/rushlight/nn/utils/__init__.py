"""Gradients and parameters of a whole network at once."""

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
]


def __getattr__(name):
    raise AttributeError(
        f"module 'rushlight.nn.utils' has no attribute '{name}'"
        + ("" if name.startswith("__") else ": Rushlight does not have it yet")
    )
