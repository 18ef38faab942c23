"""Settings of PyTorch's backends: accepted, and without effect."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any


def _absent() -> bool:
    return False


def _switches(backend: str, **values: Any) -> ModuleType:
    """A module whose names can be read and set, for `import torch.backends.cudnn as cudnn` too."""
    module = ModuleType(f"{__name__}.{backend}", "Settings without effect.")
    module.__dict__.update(is_available=_absent, is_built=_absent, **values)
    return sys.modules.setdefault(module.__name__, module)


cudnn = _switches("cudnn", enabled=True, benchmark=False, deterministic=False, allow_tf32=True, version=lambda: None)
cuda = _switches("cuda", matmul=SimpleNamespace(allow_tf32=False, fp32_precision="none"))
mps = _switches("mps")
mkl = _switches("mkl")
mkldnn = _switches("mkldnn", enabled=False)
openmp = _switches("openmp")
