"""The operations of neural networks as functions: those of the op table that PyTorch keeps here."""

from rushlight import _C

globals().update({name: function for name, function in _C._nn_functions.items() if name[0] != "_"})

__all__ = sorted(name for name in _C._nn_functions if name[0] != "_")


def __getattr__(name):
    raise AttributeError(f"module 'rushlight.nn.functional' has no attribute '{name}'"
                         + ("" if name.startswith("__") else ": Rushlight does not have it yet"))
