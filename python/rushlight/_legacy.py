"""torch.FloatTensor and its kin: constructors that name a dtype, and the names that `.type()` gives."""

from rushlight import _C
from rushlight._C import Tensor

_NAMES = {
    "FloatTensor": _C.float32,
    "DoubleTensor": _C.float64,
    "HalfTensor": _C.float16,
    "BFloat16Tensor": _C.bfloat16,
    "ByteTensor": _C.uint8,
    "CharTensor": _C.int8,
    "ShortTensor": _C.int16,
    "IntTensor": _C.int32,
    "LongTensor": _C.int64,
    "BoolTensor": _C.bool,
}


class tensortype(type):
    """Its classes stand for tensors of one dtype, which are instances of them."""

    dtype: _C.dtype

    def __instancecheck__(cls, value):
        return isinstance(value, Tensor) and value.dtype is cls.dtype

    def __call__(cls, *args, **kwargs):
        kind = str(kwargs.get("device") or "cpu").partition(":")[0]
        if kind != "cpu":
            raise RuntimeError(f"legacy constructor expects device type: cpu but device type: {kind} was passed")
        data = args[0] if len(args) == 1 else None
        if isinstance(data, Tensor) and data.dtype is not cls.dtype:
            raise TypeError(
                f"expected a tensor of dtype {cls.dtype} (got {data.dtype}); convert it with .to({cls.dtype})"
            )
        sizes = data is None or isinstance(data, (int, _C.Size)) and not isinstance(data, bool)
        if sizes or isinstance(data, Tensor):
            return Tensor(*args, **kwargs).to(cls.dtype)
        if not hasattr(data, "__len__"):
            raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
        return _C.tensor(data, dtype=cls.dtype)

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


class _cudatensortype(tensortype):
    """Its classes stand for tensors on a device that is not there: they have no instances."""

    def __instancecheck__(cls, value):
        return False

    def __call__(cls, *args, **kwargs):
        raise TypeError(f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled.")

    def __repr__(cls):
        return f"<class 'torch.cuda.{cls.__name__}'>"


def _classes(kind, **attributes):
    """One class a dtype, by name."""
    attributes |= {"is_sparse": False, "layout": _C.strided}
    return {name: kind(name, (), {"dtype": dtype, **attributes}) for name, dtype in _NAMES.items()}


globals().update(_classes(tensortype, is_cuda=False, __module__="rushlight"))
CUDA_TYPES = _classes(_cudatensortype, is_cuda=True, __module__="rushlight.cuda")

__all__ = list(_NAMES)


def name_of(dtype):
    """'FloatTensor' for float32."""
    return next(name for name, known in _NAMES.items() if known is dtype)


def dtype_of(kind):
    """The dtype that a dtype, a class or a name like 'torch.FloatTensor' stands for."""
    if isinstance(kind, _C.dtype):
        return kind
    if isinstance(kind, tensortype):
        name = repr(kind)[len("<class '") : -len("'>")]
    elif isinstance(kind, (str, type)):
        name = "torch.Tensor" if kind is Tensor else kind if isinstance(kind, str) else kind.__name__
    else:
        raise TypeError(f"dtype must be a type, str, or dtype object, not {type(kind).__name__}")
    if name.startswith("torch.cuda."):
        raise RuntimeError(f"Cannot initialize CUDA without ATen_cuda library: there is no {name}")
    if name == "torch.Tensor":
        return _C.get_default_dtype()
    place, _, short = name.rpartition(".")
    if place != "torch" or short not in _NAMES:
        raise ValueError(f"invalid type: '{name}'")
    return _NAMES[short]


def default_dtype_of(kind):
    """The floating dtype that a class or its name stands for, as set_default_tensor_type takes it."""
    if isinstance(kind, str):
        place, _, short = kind.rpartition(".")
        kind = {"torch": globals(), "torch.cuda": CUDA_TYPES}.get(place, {}).get(short, kind)
    if isinstance(kind, _cudatensortype):
        kind()
    if not isinstance(kind, tensortype) or not kind.dtype.is_floating_point:
        invalid = "" if isinstance(kind, tensortype) else "invalid type object: "
        raise TypeError(f"{invalid}only floating-point types are supported as the default type, not {kind!r}")
    return kind.dtype
