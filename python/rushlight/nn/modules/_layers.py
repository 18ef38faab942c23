"""The classes of the layers, made when they are first asked for from what the C++ layer table tells.

A layer's file may name what its layers derive from, a class of the file or another layer: _BASE, and _BASES for single
layers.
"""

import importlib
from typing import Any

from rushlight import _C
from rushlight.nn.modules.module import Module

FILES = dict(_C._layer_names())
_made: dict[str, type] = {}


def _reset_parameters(self) -> None:
    """Gives the parameters the values that they start with."""
    _C._reset_parameters(self)


def layer(name) -> Any:
    """The class of a layer; KeyError if the table has none of this name."""
    if name not in _made:
        file, members, resets = _C._layer(name)
        members.update(__module__="rushlight.nn.modules." + file, __qualname__=name)
        if resets:
            members["reset_parameters"] = _reset_parameters
        home = importlib.import_module("rushlight.nn.modules." + file)
        base = getattr(home, "_BASES", {}).get(name, getattr(home, "_BASE", "Module"))
        base = layer(base) if base in FILES else getattr(home, base, Module)
        _made[name] = _C._register_layer(type(name, (base,), members), name)
    return _made[name]


def provide(module_name) -> Any:
    """The `__getattr__` and `__dir__` of a module that provides the layers of its file, or all of them."""
    file = module_name.rpartition(".")[2]
    names = [name for name in FILES if FILES[name] == file] if file not in ("nn", "modules") else list(FILES)

    def __getattr__(name):
        if name in names:
            return layer(name)
        raise AttributeError(
            f"module '{module_name}' has no attribute '{name}'"
            + ("" if name.startswith("__") else ": Rushlight does not have it yet")
        )

    return __getattr__, names
