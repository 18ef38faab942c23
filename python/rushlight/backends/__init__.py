"""Settings of PyTorch's backends: accepted, and without effect."""

from types import SimpleNamespace


class _Switches(SimpleNamespace):
    """Attributes that can be read and set."""


def _absent() -> bool:
    return False


cudnn = _Switches(
    enabled=True, benchmark=False, deterministic=False, allow_tf32=True, is_available=_absent, version=lambda: None
)
cuda = _Switches(matmul=_Switches(allow_tf32=False, fp32_precision="none"), is_built=_absent)
mps = _Switches(is_available=_absent, is_built=_absent)
mkl = _Switches(is_available=_absent)
mkldnn = _Switches(is_available=_absent, enabled=False)
openmp = _Switches(is_available=_absent)
