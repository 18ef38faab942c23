"""Derivatives of Python functions of tensors: jacobian, hessian, and their products with vectors."""

from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.autograd import grad as _grad_of
from rushlight.autograd.grad_mode import enable_grad

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]


def _tuple(value, what, function):
    """(whether it was a tuple, the tuple); everything in it must be a Tensor."""
    is_tuple = isinstance(value, tuple)
    values = value if is_tuple else (value,)
    for i, each in enumerate(values):
        if not isinstance(each, Tensor):
            if is_tuple:
                raise TypeError(
                    f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at "
                    f"index {i} has type {type(each)}."
                )
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the given {what} "
                f"has type {type(each)}."
            )
    return is_tuple, values


def _prepared(inputs, create_graph):
    """Inputs to differentiate by: they stay in the caller's graph only if a graph is wanted."""
    if create_graph:
        return tuple(each.view_as(each) if each.requires_grad else each.clone().requires_grad_() for each in inputs)
    return tuple(each.detach().requires_grad_() for each in inputs)


def _returned(results, create_graph):
    return results if create_graph else tuple(each.detach() for each in results)


def _check_outputs(outputs, strict):
    for i, output in enumerate(outputs):
        if strict and not output.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be "
                "computed in a differentiable manner from the input when running in strict mode."
            )


def _gradients(outputs, inputs, weights, create_graph, retain=True):
    """The gradients; None where there are none."""
    chosen = [(o, w) for o, w in zip(outputs, weights, strict=False) if o.requires_grad]
    if not chosen:
        return (None,) * len(inputs)
    return _grad_of(
        [o for o, _ in chosen],
        inputs,
        [w for _, w in chosen],
        retain_graph=retain,
        create_graph=create_graph,
        allow_unused=True,
    )


def _filled(grads, references, strict, create_graph, stage):
    """Zeros in place of what does not depend; in strict mode, the error that says so."""
    filled = []
    for i, (grad, reference) in enumerate(zip(grads, references, strict=False)):
        if grad is None:
            if strict:
                raise RuntimeError(_INDEPENDENT[stage].format(i))
            grad = reference.new_zeros(reference.shape)
        elif strict and create_graph and not grad.requires_grad:
            raise RuntimeError(_INDEPENDENT["double_" + stage].format(i))
        filled.append(grad)
    return tuple(filled)


_STRICT = " This is not allowed in strict mode"
_OF_JACOBIAN = "The jacobian of the user-provided function is independent of input {}." + _STRICT
_OF_HESSIAN = "The hessian of the user-provided function is independent of input {}." + _STRICT
_WITH_GRAPH = " when create_graph=True."
_INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {}." + _STRICT + ".",
    "double_back": _OF_JACOBIAN + _WITH_GRAPH,
    "back_trick": "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients." + _STRICT + ".",
    "double_back_trick": _OF_JACOBIAN + _WITH_GRAPH,
    "hessian": _OF_JACOBIAN + ".",
    "double_hessian": _OF_HESSIAN + _WITH_GRAPH,
    "hessian_trick": "The hessian of the user-provided function is independent of entry {} in the grad_jacobian."
    + _STRICT
    + " as it prevents from using the double backward trick to replace forward mode AD.",
    "double_hessian_trick": _OF_HESSIAN + _WITH_GRAPH,
}


def _check_jacobian(jacobian, strict):
    for i, each in enumerate(jacobian):
        if strict and not each.requires_grad:
            raise RuntimeError(
                f"While computing the hessian, found that the jacobian of the user-provided function with respect to "
                f"input {i} is independent of the input. This is not allowed in strict mode. You should ensure that "
                "your function is twice differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )


def _vector(v, references, function, message):
    """The vector to multiply by, checked against the shapes of `references`; ones if there may be none."""
    if v is None:
        if len(references) != 1 or references[0].numel() != 1:
            raise RuntimeError(message)
        return tuple(reference.new_ones(reference.shape) for reference in references)
    _, values = _tuple(v, "v", function)
    if len(references) == 1 and len(values) != 1:
        raise RuntimeError("The given v should contain a single Tensor.")
    if len(values) != len(references):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(references)} but got {len(values)}.")
    for i, (value, reference) in enumerate(zip(values, references, strict=False)):
        if value.shape != reference.shape:
            place = f"Entry {i} in v" if len(references) > 1 else "v"
            raise RuntimeError(f"{place} has invalid size: should be {reference.shape} but got {value.shape}.")
    return tuple(value.detach() if not value.requires_grad else value for value in values)


def _unwrap(results, is_tuple):
    return results if is_tuple else results[0]


def vjp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), vᵀ·J): the vector `v`, of the outputs' shape, times the Jacobian."""
    with enable_grad():
        inputs_tuple, inputs = _tuple(inputs, "inputs", "vjp")
        inputs = _prepared(inputs, create_graph)
        outputs_tuple, outputs = _tuple(func(*inputs), "outputs of the user-provided function", "vjp")
        _check_outputs(outputs, strict)
        message = (
            "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
        )
        v = _vector(v, outputs, "vjp", message)
    recording = create_graph
    with enable_grad():
        grads = _filled(
            _gradients(outputs, inputs, v, recording, retain=recording), inputs, strict, create_graph, "back"
        )
    return (
        _unwrap(_returned(outputs, create_graph), outputs_tuple),
        _unwrap(_returned(grads, create_graph), inputs_tuple),
    )


def jvp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), J·v): the Jacobian times the vector `v`, of the inputs' shape, by two backward passes."""
    with enable_grad():
        inputs_tuple, inputs = _tuple(inputs, "inputs", "jvp")
        inputs = _prepared(inputs, create_graph)
        message = "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
        v = _vector(v, inputs, "jvp", message)
        outputs_tuple, outputs = _tuple(func(*inputs), "outputs of the user-provided function", "jvp")
        _check_outputs(outputs, strict)
        # Jᵀ·u is linear in u, so its gradient by u, weighted by v, is J·v.
        weights = tuple(output.new_zeros(output.shape).requires_grad_() for output in outputs)
        backward = _filled(_gradients(outputs, inputs, weights, True), inputs, strict, create_graph, "back")
        products = _gradients(backward, weights, v, create_graph, retain=create_graph)
        products = _filled(products, outputs, strict, create_graph, "back_trick")
    return (
        _unwrap(_returned(outputs, create_graph), outputs_tuple),
        _unwrap(_returned(products, create_graph), outputs_tuple),
    )


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode") -> Any:
    """d func(inputs) / d inputs: a Tensor of shape output + input, or tuples of them, by output, then by input."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function '
                             'has more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, '
                             'prefer to use "reverse-mode".')  # fmt: skip
    if strategy == "forward-mode":
        for name, given in (("create_graph", create_graph), ("strict", strict)):
            if given:
                kind = NotImplementedError if name == "create_graph" else RuntimeError
                raise kind(
                    f'torch.autograd.functional.jacobian: `{name}=True` and `strategy="forward-mode"` are not supported '
                    f'together (yet). Please either set `{name}=False` or `strategy="reverse-mode"`.'
                )
        raise NotImplementedError('jacobian: strategy="forward-mode" is not available; use "reverse-mode"')
    if vectorize and strict:
        raise RuntimeError("torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
                           "together. Please either set `strict=False` or `vectorize=False`.")  # fmt: skip
    with enable_grad():
        inputs_tuple, inputs = _tuple(inputs, "inputs", "jacobian")
        inputs = _prepared(inputs, create_graph)
        outputs_tuple, outputs = _tuple(func(*inputs), "outputs of the user-provided function", "jacobian")
        _check_outputs(outputs, strict)
        rows = tuple(_rows(i, output, inputs, create_graph, strict) for i, output in enumerate(outputs))
    rows = tuple(_returned(row, create_graph) for row in rows)
    return _unwrap(tuple(_unwrap(row, inputs_tuple) for row in rows), outputs_tuple)


def _rows(index, output, inputs, create_graph, strict):
    """For each input, the Jacobian of one output: one backward pass for each element."""
    collected: list = [[] for _ in inputs]
    for j in range(output.numel()):
        weight = output.new_zeros((output.numel(),))
        weight[j] = 1
        grads = _gradients((output,), inputs, (weight.reshape(output.shape),), create_graph)
        for i, (grad, input) in enumerate(zip(grads, inputs, strict=False)):
            if grad is None:
                if strict:
                    raise RuntimeError(f"Output {index} of the user-provided function is independent of input {i}. "
                                       "This is not allowed in strict mode.")  # fmt: skip
                grad = input.new_zeros(input.shape)
            elif strict and create_graph and not grad.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode when create_graph=True."
                )
            collected[i].append(grad)
    stack = _C._functions["stack"]
    return tuple(
        (stack(grads, 0) if grads else input.new_zeros((0, *input.shape))).reshape(
            tuple(output.shape) + tuple(input.shape)
        )
        for grads, input in zip(collected, inputs, strict=False)
    )


def _scalar(outputs, is_tuple, function, strict):
    """The one number among what the user's function returned."""
    _check_outputs(outputs, strict)
    if is_tuple:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {function} should contain a single element")
    return outputs[0].reshape(())


def _gradient(output, inputs, strict=False):
    """The gradient, to be differentiated again."""
    grads = _gradients((output,), inputs, (output.new_ones(()),), True)
    return _filled(grads, inputs, strict, False, "back")


def hessian(
    func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"
) -> Any:
    """The second derivatives of a function that returns one number; tuples by input, then by input."""
    inputs_tuple, inputs = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*given):
        is_tuple, outputs = _tuple(func(*given), "outputs of the user-provided function", "hessian")
        grads = _gradient(_scalar(outputs, is_tuple, "hessian", strict), given)
        _check_jacobian(grads, strict)
        return grads

    result = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return _unwrap(tuple(_unwrap(row, inputs_tuple) for row in result), inputs_tuple)


def _hessian_product(function, func, inputs, v, create_graph, strict):
    """(func's number, its gradient, the inputs, the vector, whether the inputs were a tuple)"""
    inputs_tuple, inputs = _tuple(inputs, "inputs", function)
    inputs = _prepared(inputs, create_graph)
    message = (
        "The vector v can only be None if the input to the user-provided function is a single Tensor with a single "
        "element."
    )
    v = _vector(v, inputs, function, message)
    is_tuple, outputs = _tuple(func(*inputs), "outputs of the user-provided function", function)
    gradient = _gradient(_scalar(outputs, is_tuple, function, strict), inputs, strict)
    _check_jacobian(gradient, strict)
    return outputs[0], gradient, inputs, v, inputs_tuple


def vhp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), vᵀ·H) for a function that returns one number."""
    with enable_grad():
        output, gradient, inputs, v, is_tuple = _hessian_product("vhp", func, inputs, v, create_graph, strict)
        products = _gradients(gradient, inputs, v, create_graph, retain=create_graph)
        products = _filled(products, inputs, strict, create_graph, "hessian")
    return output if create_graph else output.detach(), _unwrap(_returned(products, create_graph), is_tuple)


def hvp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), H·v) for a function that returns one number, by three backward passes; vhp needs two."""
    with enable_grad():
        output, gradient, inputs, v, is_tuple = _hessian_product("hvp", func, inputs, v, create_graph, strict)
        # uᵀ·H is linear in u, so its gradient by u, weighted by v, is H·v.
        weights = tuple(each.new_zeros(each.shape).requires_grad_() for each in inputs)
        products = _filled(_gradients(gradient, inputs, weights, True), inputs, False, True, "hessian")
        products = _gradients(products, weights, v, create_graph, retain=create_graph)
        products = _filled(products, inputs, strict, create_graph, "hessian_trick")
    return output if create_graph else output.detach(), _unwrap(_returned(products, create_graph), is_tuple)
