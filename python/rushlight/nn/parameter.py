"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight._lazy import getter as _getter

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


if TYPE_CHECKING:
    from rushlight._C import Tensor as _AnyTensor
else:
    _AnyTensor = object


class UninitializedTensorMixin(_AnyTensor):
    """A tensor whose shape is not known yet: `materialize(shape)` makes it one of class `cls_to_become`."""

    cls_to_become: Any
    data: Any

    def materialize(self, shape, device=None, dtype=None):
        """Gives it a shape, and elements without values."""
        from rushlight import empty

        self.data = empty(shape, device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


def _refuse_operations(cls):
    """Methods that compute raise; those that convert, and those of Python objects, do not."""
    kept = "copy_ size get_device is_floating_point is_complex detach register_hook materialize share_memory_"
    converting = "half float double bfloat16 char short int long cuda cpu to type"

    def convert(name):
        def converted(self, *args, **kwargs):
            result = getattr(Tensor, name)(self.data, *args, **kwargs)
            return cls(self.requires_grad, result.device, result.dtype)

        converted.__name__ = name
        return converted

    def refuse(name):
        def refused(self, *args, **kwargs):
            raise ValueError(
                f"Attempted to use an uninitialized parameter in Tensor.{name}. This error happens when you are using "
                f"a `LazyModule` or explicitly manipulating `torch.nn.parameter.{cls.__name__}` objects. When using "
                "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch "
                "functions"
            )

        refused.__name__ = name
        return refused

    of_object = {name for name in dir(object)}
    for name in dir(Tensor):
        value = getattr(Tensor, name, None)
        is_operator = name.startswith("__") and name not in of_object
        if name in kept.split() or name.startswith("_") and not is_operator or not callable(value):
            continue
        if name in converting.split():
            setattr(cls, name, convert(name))
        elif name not in ("__init_subclass__", "__array_priority__", "__deepcopy__", "__dict__", "__setstate__"):
            setattr(cls, name, refuse(name))
    return cls


@_refuse_operations
class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        from rushlight import empty

        return Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)


@_refuse_operations
class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        from rushlight import empty

        buffer = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


def is_lazy(param):
    """Whether the shape of a parameter or buffer is not known yet."""
    return isinstance(param, UninitializedTensorMixin)


_C._set_tensor_classes(Parameter)

__getattr__ = _getter(__name__)
