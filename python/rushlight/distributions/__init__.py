"""Probability distributions: samples, log-probabilities, entropies."""

from rushlight._lazy import getter as _getter
from rushlight.distributions import constraints
from rushlight.distributions.bernoulli import Bernoulli
from rushlight.distributions.categorical import Categorical
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.exponential import Exponential
from rushlight.distributions.independent import Independent
from rushlight.distributions.kl import kl_divergence, register_kl
from rushlight.distributions.normal import Normal
from rushlight.distributions.uniform import Uniform

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Normal",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]

__getattr__ = _getter(__name__, hint=f"Rushlight does not have it yet; it has {', '.join(__all__[:7])}")
