"""Derivatives of Python functions of tensors: jacobian, hessian, and their products with vectors.

The work is done in C++ (rushlight/functional.h), on tuples of tensors; here single tensors are told from tuples.
"""

from typing import Any

from rushlight import _C
from rushlight._C import Tensor

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


def _construct_standard_basis_for(tensors, tensor_numels) -> tuple[Tensor, ...]:
    """The identity matrix over all elements of `tensors`, cut into columns: those of each tensor, in its dtype."""
    if len(tensors) != len(tensor_numels):
        raise AssertionError(
            "Expected tensors and tensor_numels to have the same length, "
            f"but got {len(tensors)} and {len(tensor_numels)}"
        )
    if not tensors:
        raise AssertionError("Expected at least one tensor")
    columns = _C._torch_functions["eye"](sum(tensor_numels)).split(list(tensor_numels), 1)
    return tuple(part.to(tensor) for part, tensor in zip(columns, tensors, strict=True))


class _Function:
    """The user's function on tuples of tensors; remembers whether it returned a tuple itself."""

    def __init__(self, function, name, of_number=False):
        self.function, self.name, self.of_number = function, name, of_number
        self.is_tuple = False

    def __call__(self, *inputs):
        made = self.function(*inputs)
        self.is_tuple, outputs = _tuple(made, "outputs of the user-provided function", self.name)
        if self.of_number and self.is_tuple:
            raise RuntimeError(f"The function given to {self.name} should return a single Tensor")
        return outputs


def _unwrap(results, is_tuple):
    return results if is_tuple else results[0]


def _product(name, func, inputs, v, create_graph, strict):
    """(func's results, whether they are a tuple, the products, whether the inputs were a tuple)"""
    is_tuple, inputs = _tuple(inputs, "inputs", name)
    if v is not None:
        _, v = _tuple(v, "v", name)
    function = _Function(func, name, of_number=name in ("vhp", "hvp"))
    outputs, products = getattr(_C, "_" + name)(function, inputs, v, create_graph, strict)
    return outputs, function.is_tuple, products, is_tuple


def vjp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), vᵀ·J): the vector `v`, of the outputs' shape, times the Jacobian."""
    outputs, outputs_tuple, products, inputs_tuple = _product("vjp", func, inputs, v, create_graph, strict)
    return _unwrap(outputs, outputs_tuple), _unwrap(products, inputs_tuple)


def jvp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), J·v): the Jacobian times the vector `v`, of the inputs' shape, by two backward passes."""
    outputs, outputs_tuple, products, _ = _product("jvp", func, inputs, v, create_graph, strict)
    return _unwrap(outputs, outputs_tuple), _unwrap(products, outputs_tuple)


def vhp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), vᵀ·H) for a function that returns one number."""
    outputs, _, products, inputs_tuple = _product("vhp", func, inputs, v, create_graph, strict)
    return outputs[0], _unwrap(products, inputs_tuple)


def hvp(func, inputs, v=None, create_graph=False, strict=False) -> Any:
    """(func(inputs), H·v) for a function that returns one number, by three backward passes; vhp needs two."""
    outputs, _, products, inputs_tuple = _product("hvp", func, inputs, v, create_graph, strict)
    return outputs[0], _unwrap(products, inputs_tuple)


def _is_forward(strategy, create_graph, strict, vectorize):
    """Whether the Jacobian is computed by forward mode. Throws where that, or `vectorize`, does not go with the rest."""
    if strategy == "reverse-mode":
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
                "together. Please either set `strict=False` or `vectorize=False`."
            )
        return False
    for name, given, kind in (("create_graph", create_graph, NotImplementedError), ("strict", strict, RuntimeError)):
        if given:
            raise kind(
                f'torch.autograd.functional.jacobian: `{name}=True` and `strategy="forward-mode"` are not supported '
                f'together (yet). Please either set `{name}=False` or `strategy="reverse-mode"`.'
            )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
            "`vectorize=True`."
        )
    return True


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode") -> Any:
    """d func(inputs) / d inputs: a Tensor of shape output + input, or tuples of them, by output, then by input."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function '
                             'has more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, '
                             'prefer to use "reverse-mode".')  # fmt: skip
    forward = _is_forward(strategy, create_graph, strict, vectorize)
    inputs_tuple, inputs = _tuple(inputs, "inputs", "jacobian")
    function = _Function(func, "jacobian")
    rows = _C._jacobian(function, inputs, create_graph, strict, forward)
    return _unwrap(tuple(_unwrap(row, inputs_tuple) for row in rows), function.is_tuple)


def hessian(
    func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"
) -> Any:
    """The second derivatives of a function that returns one number; tuples by input, then by input."""
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    forward = _is_forward(outer_jacobian_strategy, create_graph, strict, vectorize)
    is_tuple, inputs = _tuple(inputs, "inputs", "hessian")
    rows = _C._hessian(_Function(func, "hessian", of_number=True), inputs, create_graph, strict, forward)
    return _unwrap(tuple(_unwrap(row, is_tuple) for row in rows), is_tuple)
