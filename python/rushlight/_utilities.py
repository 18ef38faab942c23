"""Small functions of the torch namespace that are no operations."""

from typing import Any

from rushlight import _C
from rushlight._C import Tensor

__all__ = [
    "is_tensor",
    "numel",
    "is_floating_point",
    "is_complex",
    "is_inference",
    "is_nonzero",
    "is_conj",
    "is_neg",
    "is_same_size",
    "is_signed",
    "conj",
    "conj_physical",
    "resolve_conj",
    "resolve_neg",
    "real",
    "imag",
    "get_device",
    "result_type",
    "promote_types",
    "can_cast",
    "finfo",
    "iinfo",
    "set_default_tensor_type",
    "is_storage",
    "use_deterministic_algorithms",
    "are_deterministic_algorithms_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "get_deterministic_debug_mode",
    "set_flush_denormal",
    "detach_",
    "is_distributed",
    "set_num_interop_threads",
    "get_num_interop_threads",
    "broadcast_shapes",
    "typename",
    "set_float32_matmul_precision",
    "get_float32_matmul_precision",
    "compile",
    "set_warn_always",
    "_assert",
    "_check",
    "_check_index",
    "_check_value",
    "_check_type",
    "_check_not_implemented",
]


def _operation(table: str, name: str):
    """An operation's function, found again by pickle."""
    return getattr(_C, table)[name]


def _assert(condition, message) -> None:
    """Raises AssertionError unless `condition` holds, which may be a tensor."""
    if not condition:
        raise AssertionError(message)


def _check_with(kind, cond, message) -> None:
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        raise kind(str(message()) if message else "Expected cond to be True, but got False.")


def _check(cond, message=None) -> None:
    """Raises RuntimeError with what `message()` says unless `cond` is True."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond, message=None) -> None:
    """_check() of an index: IndexError."""
    _check_with(IndexError, cond, message)


def _check_value(cond, message=None) -> None:
    """_check() of a value: ValueError."""
    _check_with(ValueError, cond, message)


def _check_type(cond, message=None) -> None:
    """_check() of a type: TypeError."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond, message=None) -> None:
    """_check() of what is not implemented: NotImplementedError."""
    _check_with(NotImplementedError, cond, message)


def is_tensor(obj) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj) -> bool:
    """Whether `obj` is a storage object."""
    from rushlight.storage import TypedStorage, UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))


def _check_tensor(function, input) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")


def _check_dtypes(function, **dtypes) -> None:
    for position, (name, dtype) in enumerate(dtypes.items(), 1):
        if not isinstance(dtype, _C.dtype):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be torch.dtype, not {type(dtype).__name__}"
            )


def numel(input) -> int:
    """Number of elements."""
    _check_tensor("numel", input)
    return input.numel()


def is_floating_point(input) -> bool:
    """Whether elements are floating-point numbers."""
    _check_tensor("is_floating_point", input)
    return input.is_floating_point()


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made under inference_mode."""
    return input.is_inference()


def is_complex(input) -> bool:
    """Whether elements are complex numbers: never."""
    _check_tensor("is_complex", input)
    return False


def is_nonzero(input) -> bool:
    """Whether the only element differs from zero."""
    _check_tensor("is_nonzero", input)
    if input.numel() != 1:
        ambiguous = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {ambiguous} is ambiguous")
    return bool(input)


def is_conj(input) -> bool:
    """Whether the elements are read as conjugates: never, since they are real."""
    return False


def is_neg(input) -> bool:
    """Whether the elements are read as negatives: never."""
    return False


def is_distributed(input) -> bool:
    """Whether the tensor is spread over processes: never."""
    _check_tensor("is_distributed", input)
    return False


def is_same_size(input, other) -> bool:
    """Whether the shapes are the same."""
    return input.shape == other.shape


def is_signed(input) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


def conj(input) -> Tensor:
    """The conjugates, which real numbers are of themselves."""
    return input


conj_physical = resolve_conj = resolve_neg = real = conj


def imag(input) -> Tensor:
    """The imaginary parts: RuntimeError, for real numbers have none."""
    raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")


def get_device(input) -> int:
    """The number of the accelerator that holds the tensor; -1 for the CPU."""
    return -1


for _name in ("is_conj", "is_distributed", "is_neg", "is_same_size", "is_nonzero", "get_device", "conj_physical"):
    setattr(Tensor, _name, globals()[_name])
for _name in ("conj", "resolve_conj", "resolve_neg"):
    setattr(Tensor, _name, conj)
Tensor.real, Tensor.imag = property(real), property(imag)


def result_type(tensor1, tensor2) -> _C.dtype:
    """The dtype that an operation over both gives."""
    return _C._result_type(tensor1, tensor2)


def promote_types(type1, type2) -> _C.dtype:
    """The smallest dtype that both convert to."""
    _check_dtypes("promote_types", type1=type1, type2=type2)
    return _C._promote_types(type1, type2)


def can_cast(from_, to) -> bool:
    """Whether conversion between the dtypes keeps the kind of number."""
    _check_dtypes("can_cast", from_=from_, to=to)
    ranks = [2 if dtype.is_floating_point else 0 if dtype is _C.bool else 1 for dtype in (from_, to)]
    return ranks[0] <= ranks[1]


def broadcast_shapes(*shapes) -> _C.Size:
    """The shape to which all shapes broadcast."""
    result: list = []
    for index, given in enumerate(shapes):
        if not isinstance(given, (int, tuple, list)):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {given}")
        shape = [given] if isinstance(given, int) else list(given)
        if any(size < 0 for size in shape):
            raise ValueError("Attempting to broadcast a dimension with negative length!")
        length = max(len(result), len(shape))
        a, b = [1] * (length - len(result)) + result, [1] * (length - len(shape)) + shape
        for dim in range(-1, -length - 1, -1):
            if a[dim] != b[dim] and 1 not in (a[dim], b[dim]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {b[dim]} at {dim}! Mismatching argument at index "
                    f"{index} had {given}; but expected shape should be broadcastable to {a}"
                )
        result = [y if x == 1 else x for x, y in zip(a, b, strict=True)]
    return _C.Size(result)


def _kind(value) -> str:
    return type(value).__name__


class _Limits:
    """Limits are equal if they are of one dtype."""

    dtype: str

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class finfo(_Limits):
    """Limits of a floating-point dtype."""

    # bits, digits of the significand, largest and smallest exponent
    _FORMATS = {
        _C.float16: (16, 11, 16, -14),
        _C.bfloat16: (16, 8, 128, -126),
        _C.float32: (32, 24, 128, -126),
        _C.float64: (64, 53, 1024, -1022),
    }

    def __init__(self, type=None) -> None:
        type = type or _C.get_default_dtype()
        if not isinstance(type, _C.dtype):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {_kind(type)}")
        if type not in self._FORMATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        self.bits, digits, largest, smallest = self._FORMATS[type]
        self.dtype = repr(type)[6:]
        self.eps = 2.0 ** (1 - digits)
        self.max = (2.0 - self.eps) * 2.0 ** (largest - 1)
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**smallest
        # the decimals that survive: floor((digits - 1) log10 2)
        self.resolution = 10.0 ** -int((digits - 1) * 0.30102999566398119521)

    def __repr__(self):
        def short(value):
            return f"{value:g}"

        return (
            f"finfo(resolution={short(self.resolution)}, min={short(self.min)}, max={short(self.max)}, "
            f"eps={short(self.eps)}, smallest_normal={short(self.tiny)}, tiny={short(self.tiny)}, "
            f"dtype={self.dtype})"
        )


class iinfo(_Limits):
    """Limits of an integer dtype."""

    def __init__(self, type) -> None:
        if not isinstance(type, _C.dtype):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {_kind(type)}")
        if type is _C.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.is_floating_point:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        self.bits = 8 * type.itemsize
        self.dtype = repr(type)[6:]
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.min = -self.max - 1 if type.is_signed else 0

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"  # rounded, as PyTorch's


def set_default_tensor_type(t) -> None:
    """Sets the default dtype by the name or class of a tensor type."""
    import warnings

    from rushlight._legacy import default_dtype_of

    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
    _C.set_default_dtype(default_dtype_of(t))


def set_default_dtype(d) -> None:
    """Sets the dtype of new floating-point tensors."""
    _C.set_default_dtype(d)


__all__.append("set_default_dtype")


_DEBUG_MODES = ("default", "warn", "error")
_debug_mode = 0  # what was asked for; every algorithm is deterministic


def use_deterministic_algorithms(mode, *, warn_only=False) -> None:
    """Remembers what was asked for: every algorithm is deterministic."""
    global _debug_mode
    if not isinstance(mode, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}"
        )
    _debug_mode = 0 if not mode else 1 if warn_only else 2


def are_deterministic_algorithms_enabled() -> bool:
    """Whether use_deterministic_algorithms() asked for them."""
    return _debug_mode > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether use_deterministic_algorithms() asked for warnings only."""
    return _debug_mode == 1


def set_deterministic_debug_mode(debug_mode) -> None:
    """use_deterministic_algorithms() by the number or name of a mode: 0 default, 1 warn, 2 error."""
    global _debug_mode
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _debug_mode = int(debug_mode)


def get_deterministic_debug_mode() -> int:
    """The number of the mode that set_deterministic_debug_mode() describes."""
    return _debug_mode


def set_flush_denormal(mode) -> bool:
    """Whether the mode is as asked for: denormal numbers are never flushed to zero."""
    if not isinstance(mode, bool):
        raise RuntimeError(f"flush_denormal expects a bool, but got {type(mode).__name__}")
    return not mode


def detach_(input) -> Tensor:
    """Tensor.detach_()."""
    _check_tensor("detach_", input)
    return input.detach_()


def set_num_interop_threads(threads) -> None:
    """Nothing to do: operations do not run beside each other."""
    if threads < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")


def get_num_interop_threads() -> int:
    """One operation runs at a time."""
    return 1


def set_float32_matmul_precision(precision) -> None:
    """Accepts PyTorch's words; products are always of full precision."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"{precision} is not one of 'highest', 'high', or 'medium', the current "
            "float32 matmul precision is 'highest'."
        )


def get_float32_matmul_precision() -> str:
    """Always the highest."""
    return "highest"


def typename(obj) -> str:
    """The name of a tensor's type, else the class's full name."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def set_warn_always(b: bool, /) -> None:
    """Whether warnings that are otherwise given once are given each time."""
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {_kind(b)}")
    _C._set_warn_always(b)


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend=None,
    mode=None,
    options=None,
    name=None,
    disable=False,
    recompile_limit=None,
    isolate_recompiles=False,
    shapes_spec=None,
) -> Any:
    """The model itself, or, without one, a decorator that gives it: operations run eagerly, without a compiler."""
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if model is None:
        return compile
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    return model
