"""The Kullback-Leibler divergence of two distributions."""

from collections.abc import Callable
from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.distributions.bernoulli import Bernoulli
from rushlight.distributions.categorical import Categorical
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.exponential import Exponential
from rushlight.distributions.independent import Independent
from rushlight.distributions.normal import Normal
from rushlight.distributions.uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]

_formulas: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}
_where = _C._torch_functions["where"]


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Decorates the formula for two classes of distributions."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected type_p to be a Distribution subclass but got {kind}")

    def register(formula: Any) -> Any:
        _formulas[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q), the expectation under p of log p - log q; NotImplementedError if there is no formula."""
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _formulas:
                return _formulas[kind_p, kind_q](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = _where((q.probs == 0).expand_as(terms), float("inf"), terms)
    return _where((p.probs == 0).expand_as(terms), 0.0, terms).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus = _C._nn_functions["softplus"]
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = _where(q.probs == 0, float("inf"), one)
    one = _where(p.probs == 0, 0.0, one)
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = _where(q.probs == 1, float("inf"), zero)
    return one + _where(p.probs == 1, 0.0, zero)


@register_kl(Exponential, Exponential)
def _exponentials(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _where((q.low > p.low) | (q.high < p.high), float("inf"), result)


@register_kl(Normal, Uniform)
@register_kl(Normal, Exponential)
@register_kl(Exponential, Uniform)
def _beyond(p: Normal | Exponential, q: Uniform | Exponential) -> Tensor:
    # p has mass where q has none.
    shape = _C._torch_functions["broadcast_tensors"]([p.mean, q.mean])[0].shape
    return p.mean.new_full(shape, float("inf"))


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL(Independent || Independent): the numbers of reinterpreted dims differ")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))
