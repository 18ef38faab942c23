"""Gradients: backward over what was recorded."""

from collections.abc import Mapping
from typing import Any

import rushlight as torch  # noqa: F401  (programs find it here)
from rushlight._C import SavedTensor, Tensor, _backward, _grad  # noqa: F401
from rushlight._lazy import getter as _getter
from rushlight.autograd import anomaly_mode, function, graph  # noqa: F401
from rushlight.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly  # noqa: F401
from rushlight.autograd.function import Function  # noqa: F401
from rushlight.autograd.grad_mode import (  # noqa: F401
    _force_original_view_tracking,
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    is_view_replay_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from rushlight.autograd.graph import GradientEdge, _unsafe_preserve_version_counter  # noqa: F401
from rushlight.autograd.variable import Variable  # noqa: F401

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "function",
    "grad",
    "grad_mode",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]


def _as_tuple(value):
    return (value,) if isinstance(value, (Tensor, GradientEdge)) else tuple(value)


def _inputs(given, caller):
    """What gradients are wanted for; of a dict, its values."""
    if type(given) is dict:
        given = given.values()
    elif isinstance(given, Mapping):
        raise TypeError(
            f"`inputs` argument to `{caller}()` must be a dict, not {type(given).__name__}. "
            "Other Mapping types are not supported."
        )
    inputs = _as_tuple(given)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{caller}()` cannot be empty.")
    return inputs


def _gradients(given, count):
    return (None,) * count if given is None else _as_tuple(given)[:count]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of `tensors`, weighted by `grad_tensors`, to the grad of leaves (or `inputs`)."""
    if grad_variables is not None:
        import warnings

        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. "
                "Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    inputs_given = () if inputs is None else _inputs(inputs, "backward")
    tensors = _as_tuple(tensors)
    retain = create_graph if retain_graph is None else retain_graph
    _backward(tensors, _gradients(grad_tensors, len(tensors)), bool(retain), bool(create_graph), inputs_given)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`: a tuple, or a dict like `inputs`.

    An input that was not used raises RuntimeError, unless `allow_unused` (None stands for its gradient)
    or `materialize_grads` (zeros do). `only_inputs` is ignored.
    """
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other "
            "parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if is_grads_batched:
        raise NotImplementedError("grad(): is_grads_batched=True needs vmap; call grad() for each row")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outputs, keys, inputs = _as_tuple(outputs), inputs, _inputs(inputs, "grad")
    retain = create_graph if retain_graph is None else retain_graph
    results = _grad(
        outputs,
        inputs,
        _gradients(grad_outputs, len(outputs)),
        bool(retain),
        bool(create_graph),
        bool(allow_unused or materialize_grads),
    )
    if materialize_grads and any(result is None for result in results):
        results = tuple(
            _zeros(input, create_graph) if result is None else result
            for input, result in zip(inputs, results, strict=False)
        )
    return dict(zip(keys, results, strict=True)) if type(keys) is dict else results


def _zeros(input, create_graph):
    if isinstance(input, GradientEdge):
        raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
    return input.new_zeros(input.shape, requires_grad=create_graph)


# What few programs use is imported when it is first asked for.
__getattr__ = _getter(
    __name__,
    {name: name for name in ("functional", "forward_ad", "profiler")},
    {"profiler_legacy": "use Python's own profilers, or perf"},
)

# Now, not later: an import of the module gradcheck would put it in the place of the function.
from rushlight.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck  # noqa: E402, F401
