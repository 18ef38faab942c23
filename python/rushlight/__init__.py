"""Rushlight: PyTorch's core as a small, fast library.

`import rushlight as torch` runs a PyTorch program; `python -m rushlight script.py` runs it unchanged.
"""

from rushlight import _C
from rushlight._C import (  # noqa: F401  (the names of the package)
    Generator,
    Size,
    Tensor,
    as_tensor,
    bfloat16,
    bool,
    channels_last,
    contiguous_format,
    default_generator,
    device,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    from_dlpack,
    from_numpy,
    frombuffer,
    get_default_device,
    get_default_dtype,
    get_num_threads,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    is_warn_always_enabled,
    layout,
    long,
    memory_format,
    preserve_format,
    release_memory,
    set_anomaly_enabled,
    set_default_device,
    set_num_threads,
    short,
    sparse_coo,
    strided,
    tensor,
    to_dlpack,
    uint8,
)

__version__ = _C.__version__

# Every operation of the op table that is a function.
globals().update({name: function for name, function in _C._torch_functions.items() if name[0] != "_"})

from rushlight import _tensor  # noqa: E402  (completes the Tensor class)
from rushlight._legacy import *  # noqa: E402, F403
from rushlight._tensor_str import set_printoptions  # noqa: E402, F401
from rushlight._utilities import *  # noqa: E402, F403
from rushlight.functional import (  # noqa: E402, F401
    _unique,
    _unique2,
    asarray,
    einsum,
    gradient,
    nonzero,
    tensordot,
    unique,
    unique_consecutive,
    unravel_index,
)
from rushlight._histogram import histogramdd  # noqa: E402, F401
from rushlight.storage import TypedStorage, UntypedStorage  # noqa: E402, F401
from rushlight.random import (  # noqa: E402, F401
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from rushlight import autograd  # noqa: E402, F401
from rushlight.amp import (  # noqa: E402, F401
    GradScaler,
    autocast,
    get_autocast_dtype,
    is_autocast_enabled,
)
from rushlight.autograd.grad_mode import (  # noqa: E402, F401
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)

from rushlight._lazy import getter as _getter  # noqa: E402

from math import e, inf, nan, pi  # noqa: E402, F401

newaxis = None

_LAZY = frozenset(
    (
        "nn",
        "version",
        "distributed",
        "distributions",
        "func",
        "optim",
        "utils",
        "linalg",
        "special",
        "testing",
        "amp",
        "cuda",
        "accelerator",
        "backends",
        "compiler",
        "profiler",
    )
)

# What programs ask for and we cannot do yet, with what to use meanwhile.
_ABSENT = {
    "save": "pickle.dump(module.state_dict(), file) keeps tensors as well",
    "load": "pickle.load(file) reads what pickle.dump wrote",
    "complex64": "keep real and imaginary part in two tensors",
    "complex128": "keep real and imaginary part in two tensors",
    "nuclear_norm": "it needs singular values; torch.frobenius_norm and torch.linalg.matrix_norm do without",
    "hash_tensor": "its results are of dtype uint64; hash(tensor.numpy().tobytes()) tells tensors apart",
}


# Operations on lists of tensors, each also in place (`_foreach_add_`); and those with one form.
_LISTWISE = (
    "abs acos add addcdiv addcmul asin atan ceil clamp_max clamp_min cos cosh div erf erfc exp expm1 floor frac lerp "
    "lgamma log log10 log1p log2 maximum minimum mul neg pow reciprocal round rsqrt sigmoid sign sin sinh sqrt sub tan "
    "tanh trunc"
).split()
_LISTWISE += [f"{name}_" for name in _LISTWISE] + ["clone", "max", "mm", "norm", "powsum", "copy_", "zero_"]

_LATER = {name: name for name in _LAZY} | {f"_foreach_{name}": "_foreach" for name in _LISTWISE}

__getattr__ = _getter(__name__, {"_VF": "_extension", **_LATER}, _ABSENT, hint="")

_C.__getattr__ = _getter(
    _C.__name__,
    dict.fromkeys(
        (
            "_VariableFunctions",
            "_WeakTensorRef",
            "_autograd",
            "_current_autograd_node",
            "_current_graph_task_execution_order",
            "_current_graph_task_id",
            "_functions",
            "_will_engine_execute_node",
        ),
        "_extension",
    ),
    hint="",
    home=__name__,
)
