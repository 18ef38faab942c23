"""DistributedDataParallel where there is one process."""

from typing import Any

from rushlight.distributed import get_rank
from rushlight.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Cannot be made: it needs a group of processes. Programs ask whether a model is one."""

    module: Module

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        get_rank()  # raises
