"""What a module's `__dict__` shows: its parts live in C++, where Python's own dict does not reach."""

from collections.abc import MutableMapping
from typing import Any


class Attributes(dict):
    """The attributes of a module as PyTorch's modules keep them: tables, settings, and what was assigned. Made anew
    each time it is asked for; what is changed in it is changed in the module."""

    __slots__ = ("_module",)

    def __init__(self, module) -> None:
        super().__init__(module._state_with(lambda name: getattr(module, name)))
        self._module = module

    def __setitem__(self, name, value) -> None:
        self._module._put(name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name) -> None:
        super().__delitem__(name)
        self._module._own_dict.pop(name, None)

    update: Any = MutableMapping.update
    setdefault: Any = MutableMapping.setdefault
    pop: Any = MutableMapping.pop
    popitem: Any = MutableMapping.popitem
    clear: Any = MutableMapping.clear

    def _merge(self, other):
        self.update(other)
        return self

    __ior__: Any = _merge
