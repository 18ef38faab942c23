"""What tensors lie in: the bytes that several of them may share."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from typing import Any

from rushlight import _C
from rushlight._C import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """The bytes of a tensor and of all that share them."""

    is_cuda = False

    def __init__(self, size: int = 0) -> None:
        self._bytes = _C._torch_functions["zeros"](size, dtype=_C.uint8)

    @classmethod
    def _of(cls, tensor: Tensor) -> UntypedStorage:
        storage = cls.__new__(cls)
        storage._bytes = _C._storage_bytes(tensor)
        return storage

    @property
    def device(self) -> _C.device:
        return self._bytes.device

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._bytes.numel()

    size = __len__ = nbytes

    def element_size(self) -> int:
        """1"""
        return 1

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def tolist(self) -> list:
        """The bytes as numbers."""
        return self._bytes.tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return UntypedStorage._of(self._bytes[index].clone())
        return int(self._bytes[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and (self.data_ptr(), self.nbytes()) == (
            other.data_ptr(),
            other.nbytes(),
        )

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def fill_(self, value: int) -> UntypedStorage:
        """Sets every byte."""
        self._bytes.fill_(value)
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Copies the bytes of another storage of this size."""
        self._bytes.copy_(source.untyped()._bytes)
        return self

    def clone(self) -> UntypedStorage:
        """A storage of its own with the same bytes."""
        return UntypedStorage._of(self._bytes.clone())

    def cpu(self) -> UntypedStorage:
        """Itself."""
        return self

    def is_shared(self) -> bool:
        """Whether the bytes are in shared memory: never."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory is pinned for an accelerator: never."""
        return False

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


class TypedStorage:
    """The elements of a storage, read in one dtype."""

    is_cuda = False

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: _C.dtype, _internal: bool = False) -> None:
        self._untyped_storage, self.dtype = wrap_storage, dtype

    @property
    def _elements(self) -> Tensor:
        size = self.element_size()
        return self._untyped_storage._bytes[: len(self) * size].view(self.dtype)

    @property
    def device(self) -> _C.device:
        return self._untyped_storage.device

    @property
    def _cdata(self) -> int:
        return self._untyped_storage._cdata

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped_storage

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    def size(self) -> int:
        """How many elements there are."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def tolist(self) -> list:
        """The elements as numbers."""
        return self._elements.tolist() if len(self) else []

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._elements[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements[index] = value

    def __iter__(self) -> Iterator:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and self._untyped_storage == other._untyped_storage

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def fill_(self, value: Any) -> TypedStorage:
        """Sets every element."""
        self._elements.fill_(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        """Copies the elements of another storage."""
        self._elements.copy_(source._elements)
        return self

    def clone(self) -> TypedStorage:
        """A storage of its own with the same elements."""
        return TypedStorage(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        """Itself."""
        return self

    def is_shared(self) -> bool:
        """Whether the bytes are in shared memory: never."""
        return False

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes that the elements lie in."""
    return UntypedStorage._of(self)


@functools.cache
def _warn_of_typed_storages() -> None:
    """Warns the first caller of storage()."""
    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage "
        "class. This should only matter to you if you are using storages directly.  To access UntypedStorage "
        "directly, use tensor.untyped_storage() instead of tensor.storage()",
        UserWarning,
        stacklevel=3,
    )


def storage(self: Tensor) -> TypedStorage:
    """What the elements lie in, read in their dtype."""
    _warn_of_typed_storages()
    return TypedStorage(wrap_storage=UntypedStorage._of(self), dtype=self.dtype)


def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Becomes elements of the storage of `source`, a tensor or a storage: of all of it unless `size` says which."""
    if source is None:
        source = _C._torch_functions["empty"]((0,), dtype=self.dtype)
    if isinstance(source, Tensor):
        if source.dtype is not self.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}; they must be the same"
            )
        if size is None:
            storage_offset, size, stride = source.storage_offset(), source.shape, source.stride()
        holder = source
    else:
        if isinstance(source, TypedStorage) and source.dtype is not self.dtype:
            raise RuntimeError(
                f"Expected a Storage of type {str(self.dtype).partition('.')[2]} or an UntypedStorage, but got one of type "
                f"{str(source.dtype).partition('.')[2]} for argument 1 'storage'"
            )
        holder = source.untyped()._bytes
    if size is None:
        size = (holder.numel() // self.element_size(),)
    if stride is None:
        stride = _C._torch_functions["empty"](tuple(size), device="meta").stride()
    return _C._torch_functions["_set_"](self, holder, storage_offset, tuple(size), tuple(stride))


Tensor.untyped_storage, Tensor.storage, Tensor.set_ = untyped_storage, storage, set_
Tensor._typed_storage = lambda self: TypedStorage(wrap_storage=UntypedStorage._of(self), dtype=self.dtype)
