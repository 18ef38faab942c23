"""torch.distributions: samples from the same seed, densities, gradients, errors, beside PyTorch."""

import pytest
import rushlight
from same import describe

# Names in scope: torch, and D for torch.distributions.
LINES = """
D.Normal(0, 1)
D.Normal(torch.zeros(2), 1.0)
D.Normal(torch.zeros(2), torch.ones(3))
D.Normal(0, -1)
D.Normal(0.0, float('nan'))
D.Normal('a', 1)
D.Normal(0.0, -1.0, validate_args=False)
D.Normal(torch.tensor([0.0, 1.0]), 2.0).sample()
D.Normal(torch.tensor([0.0, 1.0]), 2.0).sample((3,))
D.Normal(torch.tensor([0.0, 1.0]), 2.0).rsample((20,))
D.Normal(torch.tensor([0.0, 1.0]), 2.0).rsample(torch.Size([2, 1]))
D.Normal(torch.tensor([0.0, 1.0]), 2.0).log_prob(torch.tensor([[0.5], [2.0]]))
D.Normal(torch.tensor([0.0, 1.0]), 2.0).entropy()
D.Normal(0.0, 1.0).cdf(torch.tensor([0.5, -3.0])), D.Normal(0.0, 1.0).icdf(torch.tensor([0.5, 0.1]))
D.Normal(0.0, 2.0).mean, D.Normal(0.0, 2.0).mode, D.Normal(0.0, 2.0).stddev, D.Normal(0.0, 2.0).variance
D.Normal(0.0, 2.0).perplexity(), D.Normal(0.0, 2.0).expand((2, 3)), D.Normal(0.0, 2.0).expand([2]).sample().shape
D.Normal(0.0, 1.0).log_prob('a')
D.Normal(0.0, 1.0).log_prob(torch.tensor(float('nan')))
D.Normal(torch.zeros(2), 1.0).log_prob(torch.zeros(3))
D.Normal(torch.zeros(2), 1.0).batch_shape, D.Normal(torch.zeros(2), 1.0).event_shape, D.Normal(0.0, 1.0).support
D.Normal.arg_constraints, D.Categorical.arg_constraints, D.Bernoulli.arg_constraints
D.Normal(torch.zeros(2, dtype=torch.float64), 1).sample()
D.Categorical(torch.tensor([0.2, 0.3, 0.5]))
D.Categorical(torch.tensor([1.0, 3.0])).probs
D.Categorical(logits=torch.zeros(2, 3))
D.Categorical(logits=torch.tensor([1.0, 2.0])).probs, D.Categorical(logits=torch.tensor([1.0, 2.0])).logits
D.Categorical()
D.Categorical(torch.ones(2), torch.ones(2))
D.Categorical(torch.tensor([-1.0, 2.0]))
D.Categorical(torch.tensor(1.0))
D.Categorical(torch.tensor([0.2, 0.3, 0.5])).sample()
D.Categorical(torch.tensor([0.2, 0.3, 0.5])).sample((4, 2))
D.Categorical(torch.tensor([[0.2, 0.8], [0.9, 0.1]])).sample((5,))
D.Categorical(logits=torch.randn(2, 3, 4)).sample()
D.Categorical(torch.tensor([0.2, 0.3, 0.5])).log_prob(torch.tensor([0, 2, 2]))
D.Categorical(torch.tensor([[0.2, 0.8], [0.9, 0.1]])).log_prob(torch.tensor([1, 0]))
D.Categorical(torch.tensor([[0.2, 0.8], [0.9, 0.1]])).log_prob(torch.tensor([[1], [0], [1]]))
D.Categorical(torch.tensor([0.5, 0.5])).log_prob(torch.tensor(5))
D.Categorical(torch.tensor([0.5, 0.5])).log_prob(torch.tensor(0.5))
D.Categorical(torch.tensor([0.2, 0.8])).entropy(), D.Categorical(torch.tensor([0.0, 1.0])).entropy()
D.Categorical(torch.ones(3)).mean, D.Categorical(torch.tensor([1.0, 5.0])).mode, D.Categorical(torch.ones(3)).param_shape
D.Categorical(torch.ones(3)).enumerate_support(), D.Categorical(torch.ones(2, 3)).enumerate_support()
D.Categorical(torch.ones(3)).support, D.Categorical(torch.ones(3)).expand((2,)).probs
D.Bernoulli(0.3), D.Bernoulli(logits=torch.zeros(2))
D.Bernoulli(2.0)
D.Bernoulli(0.5, 0.5)
D.Bernoulli(0.5).log_prob(torch.tensor(0.5))
D.Bernoulli(torch.tensor([0.2, 0.5, 1.0])).log_prob(torch.tensor([0.0, 1.0, 1.0]))
D.Bernoulli(torch.tensor([0.2, 0.5])).entropy(), D.Bernoulli(torch.tensor([0.2, 0.5, 0.7])).mode
D.Bernoulli(torch.tensor([0.2, 0.5])).mean, D.Bernoulli(torch.tensor([0.2, 0.5])).variance
D.Bernoulli(logits=torch.tensor([0.2, 0.5])).probs, D.Bernoulli(torch.tensor([0.2, 0.5])).logits
D.Bernoulli(torch.tensor([0.2, 0.5])).enumerate_support(), D.Bernoulli(0.3).expand((2,)).probs
D.Bernoulli(torch.tensor([0.2, 0.7], dtype=torch.float64)).sample((4,)).shape
D.Uniform(0.0, 1.0), D.Uniform(torch.zeros(2), 3.0).sample(), D.Uniform(torch.zeros(2), 3.0).rsample((3,))
D.Uniform(1.0, 0.0)
D.Uniform(0.0, 1.0).log_prob(torch.tensor(3.0))
D.Uniform(0.0, 4.0).log_prob(torch.tensor([0.5, 4.0])), D.Uniform(0.0, 4.0).entropy(), D.Uniform(0.0, 4.0).mean
D.Uniform(0.0, 4.0).cdf(torch.tensor(1.0)), D.Uniform(0.0, 4.0).icdf(torch.tensor(0.3)), D.Uniform(0.0, 4.0).stddev
D.Exponential(2.0), D.Exponential(torch.tensor([1.0, 4.0])).sample((3,)), D.Exponential(2.0).mean
D.Exponential(-2.0)
D.Exponential(2.0).log_prob(torch.tensor(-3.0))
D.Exponential(2.0).log_prob(torch.tensor(3.0)), D.Exponential(2.0).entropy(), D.Exponential(2.0).cdf(torch.tensor(0.3))
D.Independent(D.Normal(torch.zeros(2), torch.ones(2)), 1)
D.Independent(D.Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1).log_prob(torch.ones(3, 2))
D.Independent(D.Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1).entropy()
D.Independent(D.Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1).event_shape
D.Independent(D.Normal(torch.zeros(2), torch.ones(2)), 2)
D.Independent(D.Normal(torch.zeros(2), torch.ones(2)), 1).log_prob(torch.zeros(3))
D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 2.0))
D.kl_divergence(D.Categorical(torch.tensor([0.5, 0.5])), D.Categorical(torch.tensor([0.1, 0.9])))
D.kl_divergence(D.Categorical(torch.tensor([0.5, 0.5])), D.Categorical(torch.tensor([1.0, 0.0])))
D.kl_divergence(D.Bernoulli(0.3), D.Bernoulli(torch.tensor([0.6, 1.0])))
D.kl_divergence(D.Exponential(0.3), D.Exponential(2.0))
D.kl_divergence(D.Uniform(0.0, 1.0), D.Uniform(-1.0, 2.0)), D.kl_divergence(D.Uniform(0.0, 3.0), D.Uniform(0.0, 2.0))
D.kl_divergence(D.Normal(0.0, 1.0), D.Uniform(0.0, 1.0))
"""


def outcome(library, source):
    library.manual_seed(3)
    try:
        value = eval(source, {"torch": library, "D": library.distributions})
    except Exception as error:
        return type(error).__name__, str(error)[:60]
    return rounded(describe(value, library))


def rounded(seen):
    """Numbers to six digits: another order of operations shows in the seventh."""
    if isinstance(seen, tuple) and len(seen) == 4:
        numbers = eval(seen[3], {"nan": float("nan"), "inf": float("inf")})
        return seen[0], seen[1], to_digits(numbers)
    return [rounded(item) for item in seen] if isinstance(seen, list) else seen


def to_digits(numbers):
    return [to_digits(n) for n in numbers] if isinstance(numbers, list) else f"{numbers:.5g}"


@pytest.mark.parametrize("source", LINES.strip().split("\n"))
def test_as_pytorch(torch, source):
    ours, theirs = outcome(rushlight, source), outcome(torch, source)
    if theirs[0] == "NotImplementedError":
        assert ours[0] == theirs[0] and ours[1]
    else:
        assert ours == theirs


def gradients(library):
    library.manual_seed(0)
    D = library.distributions
    logits, loc = library.randn(4, 3, requires_grad=True), library.zeros(2, requires_grad=True)
    scale = library.ones(2, requires_grad=True)
    policy = D.Categorical(logits=logits)
    action = policy.sample()
    loss = -(policy.log_prob(action) * library.arange(4.0)).sum() - 0.1 * policy.entropy().sum()
    normal = D.Normal(loc, scale)
    loss = loss + (normal.rsample((5,)) ** 2).sum() + normal.log_prob(library.ones(2)).sum()
    loss = loss + D.kl_divergence(normal, D.Normal(0.0, 1.0)).sum() + D.Bernoulli(logits=loc).entropy().sum()
    loss.backward()
    assert not normal.sample().requires_grad and not action.requires_grad
    return [value for t in (logits, loc, scale) for value in t.grad.flatten().tolist()]


def test_gradients_through_samples_and_densities(torch):
    assert gradients(rushlight) == pytest.approx(gradients(torch), rel=1e-5, abs=1e-6)


def test_samples_have_the_moments_of_their_distribution():
    D = rushlight.distributions
    rushlight.manual_seed(0)
    for made in (D.Normal(1.0, 2.0), D.Bernoulli(0.3), D.Uniform(-1.0, 3.0), D.Exponential(2.0)):
        drawn = made.sample((20000,))
        assert drawn.mean().item() == pytest.approx(made.mean.item(), abs=0.05)
        assert drawn.std().item() == pytest.approx(made.stddev.item(), abs=0.05)
    counts = D.Categorical(rushlight.tensor([1.0, 3.0])).sample((20000,)).float().mean().item()
    assert counts == pytest.approx(0.75, abs=0.02)


def test_what_is_missing_is_named():
    with pytest.raises(AttributeError, match="MultivariateNormal.*does not have it yet"):
        rushlight.distributions.MultivariateNormal
    with pytest.raises(NotImplementedError, match="use sample"):
        rushlight.distributions.Categorical(rushlight.ones(2)).rsample()
