"""Optimizers and schedules of learning rates."""

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


def __getattr__(name: str):
    nearest = {"LBFGS": "Adam", "SparseAdam": "Adam", "Adafactor": "Adam", "Muon": "AdamW", "swa_utils": "SGD"}
    if name in nearest:
        raise NotImplementedError(f"rushlight.optim.{name} is not there yet; the nearest is optim.{nearest[name]}")
    raise AttributeError(f"module 'rushlight.optim' has no attribute '{name}'")
