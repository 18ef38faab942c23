"""Function: an operation whose backward the user defines."""

import functools
import warnings
from typing import Any

from rushlight._C import (
    BackwardCFunction,
    Tensor,
    _FunctionBase,
    _make_backward_class,
    _set_function_defaults,
    is_grad_enabled,
)
from rushlight.autograd.grad_mode import no_grad

__all__ = ["Function", "FunctionCtx", "once_differentiable", "InplaceFunction", "NestedIOFunction"]

FunctionCtx = BackwardCFunction


def _bind_default_args(forward, args, kwargs):
    """All arguments of `forward` by position, its defaults included."""
    import inspect

    try:
        bound = inspect.signature(forward).bind(*args, **(kwargs or {}))
    except ValueError:  # a forward made in C has no signature
        return args
    bound.apply_defaults()
    return bound.args


class FunctionMeta(type):
    """Gives each Function the class of its nodes, `<name>Backward`."""

    def __init__(cls, name, bases, attrs) -> None:
        super().__init__(name, bases, attrs)
        cls._backward_cls = _make_backward_class(name + "Backward", cls)


class Function(_FunctionBase, metaclass=FunctionMeta):
    """Base of operations with a backward of their own; call them by `apply`.

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            (result,) = ctx.saved_tensors
            return grad * result

    y = Exp.apply(x)

    `forward(*args)` may do without ctx if there is a `setup_context(ctx, inputs, output)`.
    """

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs) -> None:
        super().__init__()
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style "
            "autograd function with static forward method. "
            "(Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs) -> Any:
        """Computes the results."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output) -> Any:
        """Keeps in `ctx` what backward needs, if forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs) -> Any:
        """The gradients of forward's arguments, from those of its results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it "
            "with backward mode AD."
        )

    @staticmethod
    def vjp(ctx, *grad_outputs) -> Any:
        """Another name of backward."""
        return Function.backward(ctx, *grad_outputs)

    @staticmethod
    def vmap(info, in_dims, *args):
        """Vectorising maps are not available."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @staticmethod
    def jvp(ctx, *grad_inputs) -> Any:
        """The tangents of forward's results, from those of its arguments: for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )


_set_function_defaults(Function.backward, Function.vjp, Function.setup_context)


class _Once(Function):
    """Passes tensors on, and refuses to be differentiated."""

    @staticmethod
    def forward(ctx, *tensors) -> Any:
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    @staticmethod
    def jvp(ctx, *tangents) -> Any:
        return tuple(tangent.view_as(tangent) for tangent in tangents)


_Once._backward_cls = _make_backward_class("Error", _Once)


def once_differentiable(fn) -> Any:
    """Decorates a backward that can't be differentiated itself: trying to is then an error."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        recording = is_grad_enabled()
        with no_grad():
            outputs = fn(ctx, *args)
        if not recording or not any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return outputs
        is_tuple = isinstance(outputs, tuple)
        all_outputs = outputs if is_tuple else (outputs,)
        # What is None has an edge, too, that leads nowhere.
        nothing = Tensor()
        tensors = [nothing if each is None else each.detach().requires_grad_() for each in all_outputs]
        refusing = _Once.apply(*tensors)
        results = tuple(None if a is None else b for a, b in zip(all_outputs, refusing, strict=True))
        return results if is_tuple else results[0]

    return wrapper


class InplaceFunction(Function):
    """Function, under the name it had for in-place operations."""

    def __init__(self, inplace=False) -> None:
        super().__init__()
        self.inplace = inplace


class NestedIOFunction:
    """Refused: flatten the arguments instead."""

    def __init_subclass__(cls, **kwargs):
        raise NotImplementedError(
            "NestedIOFunction is not available: pass tensors to Function.apply one by one, not nested"
        )
