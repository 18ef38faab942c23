from collections.abc import Sequence
from typing import Any

from rushlight import _C
from rushlight._C import Size, Tensor
from rushlight.autograd.grad_mode import no_grad
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution, _as_tensors, _clamped, _Lazy

__all__ = ["Bernoulli"]

_cross_entropy = _C._nn_functions["binary_cross_entropy_with_logits"]


class Bernoulli(Distribution):
    """One with probability `probs`, else zero; `logits` is log(probs / (1 - probs))."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if probs is not None:
            (self.probs,) = _as_tensors(probs)
        else:
            (self.logits,) = _as_tensors(logits)
        self._param = self.__dict__["probs" if probs is not None else "logits"]
        super().__init__(self._param.size(), validate_args=validate_args)

    @_Lazy
    def probs(self) -> Tensor:
        """The probability of one."""
        return self.logits.sigmoid()

    @_Lazy
    def logits(self) -> Tensor:
        """The log-odds of one."""
        probs = _clamped(self.probs)
        return probs.log() - (-probs).log1p()

    @property
    def param_shape(self) -> Size:
        return self._param.size()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return _C._torch_functions["where"](self.probs == 0.5, float("nan"), mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def expand(self, batch_shape: Sequence[int]) -> "Bernoulli":
        name = "probs" if "probs" in self.__dict__ else "logits"
        return Bernoulli(**{name: self.__dict__[name].expand(batch_shape)}, validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return self.probs.expand(self._extended_shape(sample_shape)).bernoulli()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = _as_tensors(self.logits, value)
        return -_cross_entropy(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return _cross_entropy(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = _C._torch_functions["arange"](2, dtype=self._param.dtype).view((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
