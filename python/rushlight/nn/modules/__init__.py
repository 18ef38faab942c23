from rushlight.nn.modules import utils  # noqa: F401
from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.container import (  # noqa: F401
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from rushlight.nn.modules.module import Module  # noqa: F401

__getattr__, __all__ = provide(__name__)
__all__ += ["Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
