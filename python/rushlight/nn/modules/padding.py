from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.module import Module


class _ConstantPadNd(Module):
    pass


class _ReflectionPadNd(Module):
    pass


class _ReplicationPadNd(Module):
    pass


class _CircularPadNd(Module):
    pass


_BASES = {
    "ConstantPad1d": "_ConstantPadNd",
    "ConstantPad2d": "_ConstantPadNd",
    "ConstantPad3d": "_ConstantPadNd",
    "ZeroPad1d": "_ConstantPadNd",
    "ZeroPad2d": "_ConstantPadNd",
    "ZeroPad3d": "_ConstantPadNd",
    "ReflectionPad1d": "_ReflectionPadNd",
    "ReflectionPad2d": "_ReflectionPadNd",
    "ReflectionPad3d": "_ReflectionPadNd",
    "ReplicationPad1d": "_ReplicationPadNd",
    "ReplicationPad2d": "_ReplicationPadNd",
    "ReplicationPad3d": "_ReplicationPadNd",
    "CircularPad1d": "_CircularPadNd",
    "CircularPad2d": "_CircularPadNd",
    "CircularPad3d": "_CircularPadNd",
}
__getattr__, __all__ = provide(__name__)
