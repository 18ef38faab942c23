from rushlight.nn.modules._layers import provide

__getattr__, __all__ = provide(__name__)
