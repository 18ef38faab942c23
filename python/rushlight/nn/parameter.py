"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from rushlight import _C
from rushlight._C import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


# The metaclass of Tensor is made by the extension: mypy cannot know it.
class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    # A tensor of a class of its own may say that it is a parameter.
    def __instancecheck__(self, instance):
        return super().__instancecheck__(instance) or (
            self is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)
        )


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that is trained: assigned to a Module, it is one of its `parameters()`."""

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> "Self":
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter(): argument 'data' must be Tensor, not {type(data).__name__}")
        if type(data) is Tensor or type(data) is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        parameter = data.detach().requires_grad_(requires_grad)
        if type(parameter) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns "
                f"an instance of the same type, but return type {type(parameter).__name__} was found instead. To use "
                "the type as a Parameter, please correct the detach() semantics defined by its "
                "__torch_dispatch__() implementation."
            )
        parameter._is_param = True
        return parameter

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = result
        if self.__dict__:
            import copy

            result.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return result

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict(), dict(self.__dict__))


def _rebuild_parameter(data, requires_grad, backward_hooks, state=None):
    parameter = Parameter(data, requires_grad)
    if state:
        parameter.__dict__.update(state)
    return parameter


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(self, instance):
        if self is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that is part of a Module's state but not trained; saved with it if `persistent`.

    It is marked, and of the class that `data` is of.
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> "Self":
        if data is None:
            data = Tensor()
        buffer = data.detach().requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


_C._set_tensor_classes(Parameter)


def __getattr__(name):
    raise AttributeError(f"module 'rushlight.nn.parameter' has no attribute '{name}': Rushlight does not have it yet")
