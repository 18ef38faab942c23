from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.module import Module


class _DropoutNd(Module):
    pass


_BASE = "_DropoutNd"
__getattr__, __all__ = provide(__name__)
