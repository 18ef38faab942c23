"""Modules spread over several devices, as a program finds them where there is one."""

from rushlight._lazy import getter as _getter
from rushlight.nn.parallel.data_parallel import DataParallel
from rushlight.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel"]

__getattr__ = _getter(__name__, hint="Rushlight computes on one device, the CPU")
