"""There is one process: what PyTorch says where it was built without torch.distributed."""

from rushlight._lazy import getter as _getter

__all__ = ["is_available"]


def is_available() -> bool:
    """Never: programs that ask go on alone."""
    return False


__getattr__ = _getter(__name__, hint="Rushlight computes in one process; is_available() says so")
