"""CUDA, as a program finds it on a machine without: nothing is available, and nothing can be used."""


def is_available() -> bool:
    """Never."""
    return False


def device_count() -> int:
    """None."""
    return 0


def is_initialized() -> bool:
    """Never."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Never."""
    return False


def manual_seed(seed) -> None:
    """Nothing to seed; PyTorch accepts this without CUDA too."""


def manual_seed_all(seed) -> None:
    """Nothing to seed; PyTorch accepts this without CUDA too."""


def empty_cache() -> None:
    """Nothing is cached."""


def memory_allocated(device=None) -> int:
    """Bytes on the device: none."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def seed() -> None:
    """Nothing to seed; PyTorch accepts this without CUDA too."""


seed_all = seed


def get_rng_state_all() -> list:
    """The states of the devices' generators: none."""
    return []


def _unavailable(*args, **kwargs):
    raise AssertionError("Torch not compiled with CUDA enabled")


init = get_rng_state = get_device_capability = ipc_collect = _unavailable
synchronize = current_device = set_device = get_device_name = get_device_properties = current_stream = _unavailable
Stream = Event = _unavailable

from rushlight._legacy import CUDA_TYPES  # noqa: E402
from rushlight.cuda import amp  # noqa: E402, F401

globals().update(CUDA_TYPES)
