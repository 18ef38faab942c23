"""What of torch.profiler there is."""

from rushlight._lazy import getter as _getter
from rushlight.autograd.profiler import _ABSENT, _INSTEAD, record_function

__all__ = ["record_function"]

__getattr__ = _getter(__name__, absent=dict.fromkeys(_ABSENT, _INSTEAD))
