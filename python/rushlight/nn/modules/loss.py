from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.module import Module


class _Loss(Module):
    pass


class _WeightedLoss(_Loss):
    pass


BASE = _Loss
_WEIGHTED = "BCELoss BCEWithLogitsLoss CrossEntropyLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss"
BASES = dict.fromkeys(_WEIGHTED.split(), _WeightedLoss)
__getattr__, __all__ = provide(__name__)
