"""Accelerators: there is none."""

from typing import Any


def is_available() -> bool:
    """Never."""
    return False


def current_accelerator(check_available: bool = False) -> Any:
    """None: there is no accelerator."""
    return None  # noqa: RET501


def device_count() -> int:
    """None."""
    return 0


def _unavailable(*args, **kwargs):
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = set_device_index = current_device_idx = set_device_idx = synchronize = _unavailable
current_stream = set_stream = _unavailable
