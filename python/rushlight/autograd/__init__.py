"""Gradients: backward over what was recorded."""

from rushlight._C import Tensor, _backward, _grad
from rushlight.autograd import graph  # noqa: F401
from rushlight.autograd.grad_mode import (  # noqa: F401
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from rushlight.autograd.variable import Variable  # noqa: F401


def _as_tuple(value):
    if value is None:
        return ()
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _gradients(given, count):
    gradients = _as_tuple(given) or (None,) * count
    if len(gradients) != count:
        raise RuntimeError(f"got {count} tensors and {len(gradients)} gradients")
    return gradients


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None,
             inputs=None):
    """Adds the gradients of `tensors`, weighted by `grad_tensors`, to the grad of leaves (or `inputs`)."""
    if grad_variables is not None and grad_tensors is None:
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors = _as_tuple(tensors)
    retain = create_graph if retain_graph is None else retain_graph
    _backward(tensors, _gradients(grad_tensors, len(tensors)), bool(retain), bool(create_graph),
              _as_tuple(inputs))


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
         allow_unused=None, is_grads_batched=False, materialize_grads=False):
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`: a tuple.

    An input that was not used raises RuntimeError, unless `allow_unused` (None stands for its gradient)
    or `materialize_grads` (zeros do).
    """
    if is_grads_batched:
        raise NotImplementedError("grad(): is_grads_batched=True needs vmap; call grad() for each row")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but "
                         "got: allow_unused=False.")
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if not inputs:
        raise ValueError("grad requires non-empty inputs.")
    retain = create_graph if retain_graph is None else retain_graph
    results = _grad(outputs, inputs, _gradients(grad_outputs, len(outputs)), bool(retain),
                    bool(create_graph), bool(allow_unused or materialize_grads))
    if materialize_grads:
        results = tuple(input.new_zeros(input.shape) if result is None else result
                        for input, result in zip(inputs, results))
    return results
