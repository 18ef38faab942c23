"""Linear algebra: the operations whose names begin with `linalg_`, and products."""

from rushlight import _C
from rushlight._lazy import getter as _getter

globals().update(
    {name[len("linalg_") :]: function for name, function in _C._torch_functions.items() if name.startswith("linalg_")}
)
matmul = _C._torch_functions["matmul"]


def _known() -> str:
    return "it has " + ", ".join(sorted(name for name in globals() if name[0] != "_"))


__getattr__ = _getter(__name__, hint=_known)
