"""Modules and parameters in lists and dicts."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.nn.modules.module import Module
from rushlight.nn.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Self


def _wrapped(index, length):
    """An index counted from the front, in PyTorch's words if it is out of range."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


class _ModuleSequence(Module):
    """What Sequential and ModuleList have in common: parts under the names 0, 1, 2 …"""

    def _replace_parts(self, parts):
        for name, _ in self._items("_modules"):
            self._delete_entry("_modules", name)
        for i, part in enumerate(parts):
            self._set_entry("_modules", str(i), part)

    def _parts(self):
        return [module for _, module in self._items("_modules")]

    def __len__(self) -> int:
        return len(self._items("_modules"))

    def __iter__(self) -> Iterator[Module]:
        return iter(self._parts())

    def __delitem__(self, index) -> None:
        parts = self._parts()
        del parts[index if isinstance(index, slice) else _wrapped(index, len(parts))]
        self._replace_parts(parts)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]


class Sequential(_ModuleSequence):
    """Calls its parts one after the other: Sequential(Linear(4, 8), ReLU()), or of an OrderedDict of them."""

    forward = _C._layer("Sequential")[1]["forward"]

    def __init__(self, *args) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def __getitem__(self, index):
        items = self._items("_modules")
        if isinstance(index, slice):
            return type(self)(OrderedDict(items[index]))
        return items[_wrapped(index, len(items))][1]

    def __setitem__(self, index, module) -> None:
        items = self._items("_modules")
        setattr(self, items[_wrapped(index, len(items))][0], module)

    def __add__(self, other) -> Any:
        if not isinstance(other, Sequential):
            raise ValueError(
                f"add operator supports only objects of Sequential class, but {str(type(other))} is given."
            )
        return Sequential(*self, *other)

    def __iadd__(self, other) -> "Self":
        if not isinstance(other, Sequential):
            raise ValueError(
                f"add operator supports only objects of Sequential class, but {str(type(other))} is given."
            )
        return self.extend(other)

    def __mul__(self, count) -> "Sequential":
        _check_count(count)
        return Sequential(*(module for _ in range(count) for module in self))

    __rmul__ = __mul__

    def __imul__(self, count) -> "Self":
        _check_count(count)
        parts = self._parts()
        return self.extend(parts * (count - 1))

    def pop(self, key) -> Any:
        """Removes a part and returns it."""
        module = self[key]
        del self[key]
        return module

    def append(self, module: Module) -> "Self":
        """Adds a part at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module) -> "Self":
        """Adds a part before the one at `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        length = len(self)
        if not -length <= index <= length:
            raise IndexError(f"Index out of range: {index}")
        parts = self._parts()
        parts.insert(index + length if index < 0 else index, module)
        self._replace_parts(parts)
        return self

    def extend(self, sequential) -> "Self":
        """Adds the parts of another at the end."""
        for module in list(sequential):
            self.append(module)
        return self


def _check_count(count):
    if not isinstance(count, int):
        raise TypeError(f"unsupported operand type(s) for *: {Sequential} and {type(count)}")
    if count <= 0:
        raise ValueError(f"Non-positive multiplication factor {count} for {Sequential}")


class ModuleList(_ModuleSequence):
    """A list of parts, which its owner calls."""

    def __init__(self, modules=None) -> None:
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, index):
        parts = self._parts()
        if isinstance(index, slice):
            return type(self)(parts[index])
        return parts[_wrapped(index, len(parts))]

    def __setitem__(self, index, module) -> None:
        setattr(self, str(_wrapped(index, len(self))), module)

    def __iadd__(self, modules) -> "Self":
        return self.extend(modules)

    def __add__(self, other) -> Any:
        combined = ModuleList()
        for i, module in enumerate(chain(self, other)):
            combined.add_module(str(i), module)
        return combined

    def __repr__(self) -> str:
        texts = [repr(item) for item in self]
        if not texts:
            return self._get_name() + "()"
        lines, first = [], 0
        for i, text in enumerate(texts):
            if i + 1 < len(texts) and texts[i + 1] == text:
                continue
            count = i + 1 - first
            lines.append(f"({first}): {text}" if count == 1 else f"({first}-{i}): {count} x {text}")
            first = i + 1
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {body}\n)"

    def insert(self, index, module) -> None:
        """Adds a part before the one at `index`."""
        parts = self._parts()
        parts.insert(index, module)
        self._replace_parts(parts)

    def append(self, module: Module) -> "Self":
        """Adds a part at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key) -> Any:
        """Removes a part and returns it."""
        module = self[key]
        del self[key]
        return module

    def extend(self, modules) -> "Self":
        """Adds several parts at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError("ModuleList.extend should be called with an iterable, but got " + type(modules).__name__)
        for module in list(modules):
            self.append(module)
        return self


class ModuleDict(Module):
    """A dict of parts, which its owner calls."""

    def __init__(self, modules=None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator:
        return iter(self._modules)

    def __contains__(self, key) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Removes all parts."""
        self._modules.clear()

    def pop(self, key) -> Any:
        """Removes a part and returns it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Any:
        return self._modules.copy().keys()

    def items(self) -> Any:
        return self._modules.items()

    def values(self) -> Any:
        return self._modules.values()

    def update(self, modules) -> None:
        """Adds the parts of a mapping or of pairs, in their order."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, but got "
                + type(modules).__name__
            )
        for key, module in _pairs(modules, "ModuleDict"):
            self[key] = module


def _pairs(source, owner):
    if isinstance(source, (ModuleDict, ParameterDict, Mapping)):
        yield from source.items()
        return
    for i, pair in enumerate(source):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{owner} update sequence element #{i} should be Iterable; is {type(pair).__name__}")
        length = len(pair)  # type: ignore[arg-type]  # as in PyTorch, what has no length is a TypeError
        if length != 2:
            raise ValueError(f"{owner} update sequence element #{i} has length {length}; 2 is required")
        yield pair


def _as_parameter(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _parameter_line(key, value, kind_of):
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    size = "x".join(str(size) for size in value.size())
    name = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {name} containing: [{kind_of(value)} of size {size}]"


class ParameterList(Module):
    """A list of parameters and other values."""

    def __init__(self, values=None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def __getitem__(self, index):
        if isinstance(index, slice):
            result = type(self)()
            for value in list(self)[index]:
                result.append(value)
            return result
        return getattr(self, str(_wrapped(index, len(self))))

    def __setitem__(self, index, value) -> None:
        setattr(self, str(_wrapped(index, len(self))), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator:
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, values) -> "Self":
        return self.extend(values)

    def append(self, value) -> "Self":
        """Adds a value at the end; a tensor becomes a parameter."""
        self._size += 1
        self[len(self) - 1] = value
        return self

    def extend(self, values) -> "Self":
        """Adds several values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError("ParameterList.extend should be called with an iterable, but got " + type(values).__name__)
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_parameter_line(key, value, lambda x: x.dtype) for key, value in enumerate(self))

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters and other values."""

    def __init__(self, parameters=None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key):
        return getattr(self, str(key))

    def __setitem__(self, key, value) -> None:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                f"'{type(key).__name__}'). Open an issue on github if you need non-string keys."
            )
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key) -> None:
        del self._keys[str(key)]
        delattr(self, str(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator:
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key) -> bool:
        return key in self._keys

    def keys(self) -> Any:
        return self._keys.keys()

    def items(self) -> Any:
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Any:
        return (self[key] for key in self._keys)

    def copy(self) -> "ParameterDict":
        """Another dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def clear(self) -> None:
        """Removes all entries."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key) -> Any:
        """Removes an entry and returns its value."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> Any:
        """Removes the last entry and returns it."""
        key = list(self._keys)[-1]
        return key, self.pop(key)

    def get(self, key, default=None) -> Any:
        return self[key] if key in self else default

    def setdefault(self, key, default=None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def fromkeys(self, keys, default=None) -> Any:
        return ParameterDict((key, default) for key in keys)

    def update(self, parameters) -> None:
        """Sets the entries of a mapping or of pairs."""
        if not isinstance(parameters, Iterable):
            raise TypeError(
                "ParametersDict.update should be called with an iterable of key/value pairs, but got "
                + type(parameters).__name__
            )
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            parameters = sorted(parameters.items())  # as in PyTorch; what has an order of its own keeps it
        for key, value in _pairs(parameters, "ParameterDict"):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_parameter_line(key, value, _C._type_text) for key, value in self.items())

    def __call__(self, input):
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other) -> "ParameterDict":
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other):
        result = other.copy()
        result.update(self)
        return result

    def __ior__(self, other) -> "Self":
        self.update(other)
        return self


_C._register_layer(Sequential, "Sequential")
