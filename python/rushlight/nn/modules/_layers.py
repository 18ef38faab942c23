"""The classes of the layers, made when they are first asked for from what the C++ layer table tells.

A layer's file may name what its layers derive from, a class of the file or another layer: _BASE, and _BASES for single
layers. A class _Name in the file gives the layer Name its members.
"""

import importlib
from typing import Any

from rushlight import _C
from rushlight._lazy import getter
from rushlight.nn.modules.module import Module

FILES = dict(_C._layer_names())
# Layers written in Python: the files that show them, and those that hold them.
IN_PYTHON = {
    "LazyLinear": ("linear", "lazy"),
    "LazyBatchNorm1d": ("batchnorm", "lazy"),
    "LazyBatchNorm2d": ("batchnorm", "lazy"),
    "LazyBatchNorm3d": ("batchnorm", "lazy"),
    "LazyInstanceNorm1d": ("instancenorm", "lazy"),
    "LazyInstanceNorm2d": ("instancenorm", "lazy"),
    "LazyInstanceNorm3d": ("instancenorm", "lazy"),
    "TripletMarginWithDistanceLoss": ("loss", "_triplet"),
    "AdaptiveLogSoftmaxWithLoss": ("adaptive", "adaptive"),
}
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
        own = getattr(home, "_" + name, None)
        if own is not None:
            members.update({key: value for key, value in vars(own).items() if key[:2] != "__"})
        base = getattr(home, "_BASES", {}).get(name, getattr(home, "_BASE", "Module"))
        base = layer(base) if base in FILES else getattr(home, base, Module)
        _made[name] = _C._register_layer(type(name, (base,), members), name)
    return _made[name]


def provide(module_name, later=None) -> Any:
    """The `__getattr__` and `__dir__` of a module that provides the layers of its file, or all of them.

    `later`: further names, and the submodules in which they stand.
    """
    file = module_name.rpartition(".")[2]
    shown_in = {**FILES, **{name: shown for name, (shown, _) in IN_PYTHON.items()}}
    names = [name for name in shown_in if file in ("nn", "modules", shown_in[name])]
    missing = getter(module_name, later)

    def __getattr__(name):
        if name in IN_PYTHON and name in names:
            return getattr(importlib.import_module("rushlight.nn.modules." + IN_PYTHON[name][1]), name)
        if name in names:
            return layer(name)
        if file == "modules" and name in {"container", "lazy", "adaptive", *FILES.values()}:
            return importlib.import_module("rushlight.nn.modules." + name)
        return missing(name, 2)

    return __getattr__, names + list(later or ())
