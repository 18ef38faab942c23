"""torch.utils.dlpack: sharing tensors with other libraries."""

from rushlight._C import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
