"""Optimizers and schedules of learning rates."""

from rushlight._lazy import getter as _getter
from rushlight.optim import lr_scheduler
from rushlight.optim.adadelta import Adadelta
from rushlight.optim.adagrad import Adagrad
from rushlight.optim.adam import Adam
from rushlight.optim.adamax import Adamax
from rushlight.optim.adamw import AdamW
from rushlight.optim.asgd import ASGD
from rushlight.optim.nadam import NAdam
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.radam import RAdam
from rushlight.optim.rmsprop import RMSprop
from rushlight.optim.rprop import Rprop
from rushlight.optim.sgd import SGD

__all__ = [
    "ASGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "lr_scheduler",
]


# What few programs use is imported when it is first asked for.
_LATER = {"LBFGS": "lbfgs", "Adafactor": "adafactor", "Muon": "muon", "swa_utils": "swa_utils"}
__all__ += _LATER
__getattr__ = _getter(__name__, _LATER, {"SparseAdam": "there are no sparse gradients; the nearest is optim.Adam"})
