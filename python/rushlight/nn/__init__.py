"""Neural networks: Module, layers, losses, and what they are made of."""

from rushlight.nn import functional, init, modules, parameter, utils  # noqa: F401
from rushlight.nn.modules import Module, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential  # noqa: F401
from rushlight.nn.modules._layers import provide
from rushlight.nn.parameter import (  # noqa: F401
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

__getattr__, __all__ = provide(__name__, later={"parallel": "parallel", "DataParallel": "parallel"})
__all__ += modules.__all__[-6:] + ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"]
__all__ += ["functional", "init", "modules", "parameter", "utils"]


def __dir__():
    return sorted({*globals(), *__all__})
