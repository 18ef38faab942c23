"""Names for parts of a program. There is no profiler to show them: a part that is named runs as it would without."""

from contextlib import ContextDecorator

from rushlight._lazy import getter as _getter

__all__ = ["record_function"]


class record_function(ContextDecorator):
    """Names a block, or a function, for profilers."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args

    def __enter__(self) -> "record_function":
        return self

    def __exit__(self, *exception) -> None:
        pass


_INSTEAD = "use Python's own profilers, or perf: a call of an operation is one C++ frame"
_ABSENT = ("profile", "emit_itt", "emit_nvtx", "schedule", "tensorboard_trace_handler", "ProfilerActivity")

__getattr__ = _getter(__name__, absent=dict.fromkeys(_ABSENT, _INSTEAD))
