"""Methods of Tensor for which Python is the natural home: copying, pickling, formatting, hooks."""

import copyreg
import math
import warnings

from rushlight import _C
from rushlight._C import Tensor


def _rebuild_tensor(data, dtype, shape, strides, requires_grad, state, cls):
    """Makes a tensor again from the bytes of its elements in row-major order."""
    flat = _C.frombuffer(bytearray(data), dtype=dtype) if data else _C._torch_functions["empty"]((0,), dtype=dtype)
    if strides is None:
        tensor = flat.reshape(shape)
    else:
        tensor = _C._torch_functions["empty_strided"](shape, strides, dtype=dtype)
        tensor.copy_(flat.reshape(shape))
    if cls is not Tensor:
        tensor = Tensor._make_subclass(cls, tensor)
    tensor.requires_grad_(requires_grad)
    if state:
        tensor.__dict__.update(state)
    return tensor


def _elements(tensor):
    """The bytes of the elements in row-major order."""
    contiguous = tensor.detach().contiguous()
    count = contiguous.numel() * contiguous.element_size()
    if count == 0:
        return b""
    import ctypes

    return ctypes.string_at(contiguous.data_ptr(), count)


def __reduce_ex__(self, protocol):
    strides = None if self.is_contiguous() or 0 in self.stride() else self.stride()
    arguments = (
        _elements(self),
        self.dtype,
        tuple(self.shape),
        strides,
        self.requires_grad,
        dict(self.__dict__),
        type(self),
    )
    return _rebuild_tensor, arguments


def __deepcopy__(self, memo):
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
            "the moment.  If you were attempting to deepcopy a module, this may be because of a "
            "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    result = self.detach().clone()
    if type(self) is not Tensor:
        result = Tensor._make_subclass(type(self), result)
    result.requires_grad_(self.requires_grad)
    if self.grad is not None:
        if self.grad.dtype is not result.dtype:
            result.grad_dtype = self.grad_dtype
        result.grad = self.grad.__deepcopy__(memo)
    memo[id(self)] = result
    if self.__dict__:
        import copy

        result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


def __copy__(self):
    """Another tensor over the same elements."""
    result = self.detach()
    if type(self) is not Tensor:
        result = Tensor._make_subclass(type(self), result)
    result.requires_grad_(self.requires_grad)
    if self.__dict__:
        result.__dict__.update(self.__dict__)
    return result


def __format__(self, specification):
    if self.dim() == 0 and type(self) is Tensor and not self.is_meta:
        return self.item().__format__(specification)
    return object.__format__(self, specification)


def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


def __dir__(self):
    return sorted(set(object.__dir__(self)))


def type_(self, dtype=None, non_blocking=False, **kwargs):
    """The name of this tensor's type, or the tensor converted to `dtype`."""
    from rushlight import _legacy

    if dtype is None:
        return "torch." + _legacy.name_of(self.dtype)
    return self.to(_legacy.dtype_of(dtype))


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of `data` with this tensor's dtype unless another is given."""
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than "
            "tensor.new_tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        data = data.detach()
        return data.to(dtype or data.dtype, copy=True).requires_grad_(requires_grad)
    return _C.tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def is_set_to(self, tensor):
    """Whether both are the same elements in the same order."""
    same = (self.data_ptr(), self.shape, self.stride()) == (tensor.data_ptr(), tensor.shape, tensor.stride())
    return same and self.dtype is tensor.dtype


def _number(value):
    if not hasattr(value, "__float__"):
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return value


def apply_(self, callable):
    """Replaces each element by what `callable` gives for it: a loop in Python, for small tensors."""
    if self.requires_grad:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    values = [_number(callable(value)) for value in self.reshape(-1).tolist()]
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape)) if values else self


def map_(self, tensor, callable):
    """Replaces each element by what `callable` gives for it and the one of `tensor` in its place."""
    if self.requires_grad or tensor.requires_grad:
        raise RuntimeError("Can't call map_() on Variable that requires grad. Use var.detach().map_() instead.")
    pairs = zip(self.reshape(-1).tolist(), tensor.expand(self.shape).reshape(-1).tolist(), strict=True)
    values = [_number(callable(*pair)) for pair in pairs]
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape)) if values else self


def is_pinned(self, device=None):
    """Whether the memory is pinned for an accelerator: never."""
    return False


def dim_order(self, ambiguity_check=False):
    """The dims from the largest stride to the smallest."""
    stride = self.stride()
    return tuple(sorted(range(self.dim()), key=lambda dim: (-stride[dim], dim)))


def as_subclass(self, cls):
    """The same elements as an object of a subclass of Tensor."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure "
            "your class inherits from Tensor."
        )
    return Tensor._make_subclass(cls, self.detach() if self.is_leaf else self)


def polygamma(self, n):
    """The `n`-th derivative of digamma."""
    return _C._torch_functions["polygamma"](n, self)


def polygamma_(self, n):
    """polygamma() in place."""
    return self.copy_(_C._torch_functions["polygamma"](n, self))


def __rdiv__(self, other):
    return other / self


def new(self, *args, **kwargs):
    """A tensor of this one's dtype from sizes or data."""
    from rushlight.storage import TypedStorage, UntypedStorage

    if "size" in kwargs:
        args = (_C.Size(kwargs.pop("size")),)
    if len(args) == 1 and isinstance(args[0], (TypedStorage, UntypedStorage)):
        return _C._torch_functions["empty"](0, dtype=self.dtype).set_(args[0])
    return Tensor(*args, **kwargs).to(self.dtype)


def _resized(self, name, shape):
    warnings.warn(f"non-inplace {name} is deprecated", stacklevel=3)
    wanted = math.prod(shape)
    if wanted != self.numel():
        sizes, own = "x".join(map(str, shape)), "x".join(map(str, self.shape))
        raise RuntimeError(
            f"requested resize to {sizes} ({wanted} elements in total), but the given tensor has a size of {own} "
            f"({self.numel()} elements). autograd's resize can only change the shape of a given tensor, while "
            "preserving the number of elements. "
        )
    return self.contiguous().view(tuple(shape))


def resize(self, *sizes):
    """view() of the same number of elements, with a warning: deprecated in PyTorch."""
    return _resized(self, "resize", sizes)


def resize_as(self, tensor):
    """resize() to the shape of another tensor."""
    return _resized(self, "resize_as", tensor.shape)


def cuda(self, device=None, non_blocking=False, memory_format=None):
    """Raises: there is no CUDA."""
    if device is not None and _C.device(device).type != "cuda":
        raise RuntimeError("Invalid device, must be cuda device")
    raise AssertionError("Torch not compiled with CUDA enabled")


def pin_memory(self, device=None):
    """Raises: memory is pinned for the sake of an accelerator, which there is none of."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_shared(self):
    """Whether the bytes are in shared memory: never."""
    return False


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule, which other libraries make their array of."""
    if stream not in (None, -1, 1):
        raise TypeError("stream must be None on the CPU")
    return _C.to_dlpack(self.clone() if copy else self)


def __dlpack_device__(self):
    """(kDLCPU, 0)"""
    return 1, 0


def __array_wrap__(self, array, context=None, return_scalar=False):
    if array.dtype == bool:
        array = array.astype("uint8")
    return _C.from_numpy(array)


def _volatile(self) -> bool:
    import warnings

    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


def _set_volatile(self, value=None) -> None:
    import warnings

    message = "volatile was removed and now has no effect. Use `with torch.no_grad():` instead."
    warnings.warn(message, stacklevel=2)


Tensor.volatile = property(_volatile, _set_volatile, _set_volatile)
Tensor.__reduce_ex__ = __reduce_ex__
Tensor.__deepcopy__ = __deepcopy__
Tensor.__copy__ = __copy__
Tensor.__dlpack__ = __dlpack__
Tensor.__dlpack_device__ = __dlpack_device__
Tensor.__format__ = __format__
Tensor.__reversed__ = __reversed__
Tensor.__dir__ = __dir__
Tensor.__array_priority__ = 1000  # NumPy's operators leave the operation to us
Tensor.__array_wrap__ = __array_wrap__
Tensor.type = type_
Tensor.type.__name__ = "type"
Tensor.new_tensor = new_tensor
Tensor.new = new
for _method in (
    is_set_to,
    apply_,
    map_,
    is_pinned,
    dim_order,
    as_subclass,
    polygamma,
    polygamma_,
    __rdiv__,
    resize,
    resize_as,
):
    setattr(Tensor, _method.__name__, _method)
Tensor.cuda = cuda
Tensor.pin_memory = pin_memory
Tensor.is_shared = is_shared
Tensor.__module__ = "rushlight"


def _named(name):
    """What rushlight has under this name."""
    return getattr(_C, name)


copyreg.pickle(_C.dtype, lambda dtype: (_named, (repr(dtype)[6:],)))
copyreg.pickle(_C.memory_format, lambda value: (_named, (repr(value)[6:],)))
