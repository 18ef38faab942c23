from rushlight.nn.modules._layers import provide

_BASES = {"ReLU6": "Hardtanh"}
__getattr__, __all__ = provide(__name__)
