"""There is one process: what PyTorch says where it was built without torch.distributed, or before a group is made."""

from typing import Any

from rushlight._lazy import getter as _getter

__all__ = [
    "all_reduce",
    "barrier",
    "destroy_process_group",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]


def is_available() -> bool:
    """Never: programs that ask go on alone."""
    return False


def is_initialized() -> bool:
    """Never: there is no group of processes."""
    return False


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Raises: there is one process."""
    raise RuntimeError("init_process_group(): Rushlight computes in one process; is_available() says so")


def destroy_process_group(group: Any = None) -> None:
    """Raises: there is no group."""
    raise AssertionError("Process group cannot be None")


def _without_group(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


get_rank = get_world_size = get_backend = barrier = all_reduce = _without_group

__getattr__ = _getter(__name__, hint="Rushlight computes in one process; is_available() says so")
