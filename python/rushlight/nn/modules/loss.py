from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.module import Module


class _Loss(Module):
    pass


class _WeightedLoss(_Loss):
    pass


_BASE = "_Loss"
_BASES = {
    "BCELoss": "_WeightedLoss",
    "CrossEntropyLoss": "_WeightedLoss",
    "MultiLabelSoftMarginLoss": "_WeightedLoss",
    "MultiMarginLoss": "_WeightedLoss",
    "NLLLoss": "_WeightedLoss",
}
__getattr__, __all__ = provide(__name__)
