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


for _name, _dtype in _NAMES.items():
    globals()[_name] = tensortype(_name, (), {"dtype": _dtype, "is_cuda": False, "__module__": "rushlight"})

__all__ = list(_NAMES)


def name_of(dtype):
    """'FloatTensor' for float32."""
    return next(name for name, known in _NAMES.items() if known is dtype)


def dtype_of(kind):
    """The dtype that a dtype, a class or a name like 'torch.FloatTensor' stands for."""
    if isinstance(kind, _C.dtype):
        return kind
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    dtype = _NAMES.get(name.rpartition(".")[2])
    if dtype is None and kind is Tensor:
        return _C.get_default_dtype()
    if dtype is None:
        if isinstance(kind, str):
            raise ValueError(f"invalid type: '{kind}'")
        raise TypeError(
            "type(): argument 'dtype' must be a torch.dtype, a tensor class or its name, not " + type(kind).__name__
        )
    return dtype
