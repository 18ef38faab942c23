"""Makes a batch of samples."""

import collections.abc
import copy
import sys
from typing import Any

from rushlight import _C
from rushlight._C import Tensor, as_tensor, float64, tensor

_stack = _C._torch_functions["stack"]

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data) -> Any:
    """The same sample with tensors in place of NumPy's arrays and numbers, deep down."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy":
        if kind.__name__ == "ndarray" and data.dtype.kind in "SUO":
            return data
        return data if kind.__name__ in ("str_", "bytes_") else as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return _rebuild(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(entry) for entry in data))
    if isinstance(data, tuple):
        return [default_convert(entry) for entry in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild(data, [default_convert(entry) for entry in data])
    return data


def _rebuild(sample, entries):
    """A collection like `sample`, with its type and attributes where possible, that holds `entries`."""
    try:
        if isinstance(sample, collections.abc.MutableMapping):
            clone: Any = copy.copy(sample)
            clone.update(entries)
            return clone
        if isinstance(sample, collections.abc.MutableSequence):
            clone = copy.copy(sample)
            for i, entry in enumerate(entries):
                clone[i] = entry
            return clone
        return type(sample)(entries)
    except TypeError:  # no such constructor
        return entries


def collate(batch, *, collate_fn_map=None) -> Any:
    """Makes a batch of a list of samples by the functions that `collate_fn_map` has for their types."""
    sample = batch[0]
    kind = type(sample)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        if collate_fn_map is default_collate_fn_map:
            _add_numpy()
        for entry in collate_fn_map:
            if isinstance(sample, entry):
                return collate_fn_map[entry](batch, collate_fn_map=collate_fn_map)
    if isinstance(sample, collections.abc.Mapping):
        entries = {key: collate([each[key] for each in batch], collate_fn_map=collate_fn_map) for key in sample}
        return _rebuild(sample, entries)
    if isinstance(sample, collections.abc.Sequence):
        if isinstance(sample, tuple) and hasattr(sample, "_fields"):
            return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=False)))
        if any(len(each) != len(sample) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=True)]
        return columns if isinstance(sample, tuple) else _rebuild(sample, columns)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch, *, collate_fn_map=None) -> Any:
    return _stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None) -> Any:
    if batch[0].dtype.kind in "SUO":
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None) -> Any:
    return as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None) -> Any:
    return tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None) -> Any:
    return tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None) -> Any:
    return batch


default_collate_fn_map: dict = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _add_numpy() -> None:
    """Adds NumPy's types, once the program has imported NumPy; before Python's, some of which they derive from."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "number") or numpy.ndarray in default_collate_fn_map:
        return
    others = {key: default_collate_fn_map.pop(key) for key in list(default_collate_fn_map) if key is not Tensor}
    default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
    default_collate_fn_map[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
    default_collate_fn_map.update(others)


_add_numpy()


def default_collate(batch) -> Any:
    """Makes a batch of a list of samples, which are alike.

    Tensors and arrays are stacked, numbers become a tensor, text stays a list; of tuples, named tuples, lists and
    dicts it makes the same collection of such batches (a list, of plain tuples).
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def _is_stacking(collate_fn) -> bool:
    """Whether a function makes a batch of tensors by stacking them and nothing else."""
    return collate_fn is default_collate and default_collate_fn_map.get(Tensor) is collate_tensor_fn
