"""Linear algebra: the operations whose names begin with `linalg_`, and products."""

from rushlight import _C

globals().update(
    {name[len("linalg_") :]: function for name, function in _C._functions.items() if name.startswith("linalg_")}
)
matmul = _C._functions["matmul"]


def __getattr__(name: str):
    raise AttributeError(
        f"rushlight.linalg has no '{name}'; it has "
        + ", ".join(sorted(known for known in globals() if known[0] != "_"))
    )
