"""Random numbers: after the same seed, PyTorch's, and its refusals."""

import warnings

import pytest
import rushlight
from same import assert_same

SIZES = "(1,) (5,) (15,) (16,) (17,) (3, 7) (1000,) (0,) ()".split(" ")
FLOATS = "float16 bfloat16 float32 float64".split()

DRAWS = """
torch.binomial(torch.full((300,), 20.0), torch.linspace(0, 1, 300))
torch.binomial(torch.full((300,), 1e5), torch.linspace(0, 1, 300))
torch.binomial(torch.full((300,), 1e7, dtype=torch.float64), torch.linspace(0, 1, 300, dtype=torch.float64))
torch.binomial(torch.tensor([-1.0, 0.0, 3.0]), torch.tensor([0.5, 0.5, 2.0]))
torch.rand(2, 3)
torch.rand_like(torch.ones(3, 5).t())
torch.randn_like(torch.ones(3, 5).t())
torch.randn_like(torch.ones(3, 5).t(), memory_format=torch.contiguous_format)
torch.randint(10, (2, 3))
torch.randint(-5, 10, (40,))
torch.randint(2, (40,), dtype=torch.bool)
torch.randint(0, 2**40, (10,))
torch.randint(100, (10,), dtype=torch.float16)
torch.randint(3, (3,), dtype=None)
torch.randint_like(torch.ones(3), 5)
torch.randint_like(torch.ones(3), 3, 8)
torch.randint_like(torch.ones(3), torch.tensor(5))
torch.randperm(10)
torch.randperm(1000)
torch.randperm(7, dtype=torch.float32)
torch.zeros(3, 4).t().uniform_(-2, 3)
torch.zeros(30, 4)[:, ::2].uniform_()
torch.zeros(30, 4)[:, ::2].normal_(1, 2)
torch.zeros(3, 4).t().normal_()
torch.zeros(20).random_()
torch.zeros(20, dtype=torch.int64).random_()
torch.zeros(20, dtype=torch.uint8).random_()
torch.zeros(20, dtype=torch.int32).random_(5, 10)
torch.zeros(20).random_(10)
torch.zeros(20).random_(0, None)
torch.zeros(20).exponential_(2.5).mul(0)
torch.zeros(20).geometric_(0.3)
torch.zeros(20).cauchy_(1, 0.5)
torch.zeros(20).bernoulli_(torch.tensor(0.3))
torch.zeros(4, 5).t().bernoulli_(torch.linspace(0, 1, 4))
torch.bernoulli(torch.linspace(0, 1, 20))
torch.bernoulli(torch.linspace(0, 1, 20, dtype=torch.float64))
torch.poisson(torch.linspace(0, 9, 20))
torch.normal(torch.zeros(20), 2.0)
torch.normal(1.0, torch.linspace(0, 1, 20))
torch.normal(torch.linspace(-1, 1, 20), torch.linspace(0, 1, 20))
torch.normal(torch.zeros(3, 1), torch.ones(4))
torch.normal(2.0, 3.0, (20,))
torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 2)
torch.multinomial(torch.tensor([[0.1, 0.2, 0.7], [1.0, 1.0, 1.0]]), 20, True)
torch.multinomial(torch.ones(0, 3), 2)
torch.rand(4, generator=torch.Generator().manual_seed(3))
torch.zeros(4).normal_(generator=torch.Generator().manual_seed(3))
torch.ones(3, device='meta').uniform_()
[torch.rand(3), torch.randn(5), torch.randn(20), torch.randn(1), torch.randperm(4), torch.rand(2)]
[torch.get_rng_state().sum(), torch.randn(3), torch.initial_seed(), torch.rand(2)]
"""

REFUSALS = """
torch.rand(2, -3)
torch.rand(2, 3, dtype=torch.int32)
torch.randn(3, dtype=torch.int64)
torch.rand_like(torch.ones(3, dtype=torch.int64))
torch.randint(0, (3,))
torch.randint(5, 2, (3,))
torch.randint(300, (3,), dtype=torch.uint8)
torch.randint(-5, 10, (3,), dtype=torch.uint8)
torch.randint(3, (3,), dtype=torch.bool)
torch.randint_like(torch.ones(3), torch.tensor([5, 6]))
torch.randperm(-1)
torch.randperm(300, dtype=torch.int8)
torch.randperm(3, dtype=torch.bool)
torch.ones(3).uniform_(3, 1)
torch.ones(3).uniform_(-3e38, 3e38)
torch.ones(3).uniform_(float('nan'), 1)
torch.ones(3, dtype=torch.int64).uniform_()
torch.ones(3).normal_(0, -1)
torch.ones(0).normal_(0, -1)
torch.ones(1).expand(3).uniform_()
torch.ones(1).expand(3).bernoulli_()
torch.ones(3).bernoulli_(2)
torch.ones(3).bernoulli_(float('nan'))
torch.bernoulli(torch.tensor([1, 0]))
torch.ones(3).bernoulli_(torch.tensor([.1, 0]))
torch.ones(3).bernoulli_(torch.ones(2, 3))
torch.ones(3).exponential_(0)
torch.ones(3, dtype=torch.int64).exponential_()
torch.ones(3).geometric_(1)
torch.ones(3).log_normal_(0, -1)
torch.ones(3).cauchy_(0, -1)
torch.ones(3, dtype=torch.bool).geometric_(0.5)
torch.multinomial(torch.ones(3), 0)
torch.multinomial(torch.ones(3), 4)
torch.multinomial(torch.ones(3, 2, 2), 1)
torch.multinomial(torch.ones(3, dtype=torch.int64), 1)
torch.multinomial(torch.zeros(3), 1)
torch.multinomial(torch.tensor([-1., 2]), 1)
torch.normal(torch.zeros(3), -1)
torch.normal(torch.zeros(3), torch.tensor([-1., 1, 1]))
torch.normal(torch.zeros(3, dtype=torch.int64), 1)
torch.normal(torch.zeros(3), torch.ones(2))
torch.poisson(torch.ones(3, dtype=torch.int64))
torch.poisson(torch.tensor([-1.]))
torch.ones(3).random_(5, 2)
torch.set_rng_state(torch.zeros(3))
torch.set_rng_state(torch.zeros(3, dtype=torch.uint8))
"""


@pytest.mark.parametrize("source", (DRAWS + REFUSALS).split("\n")[1:])
def test_as_pytorch(torch, source):
    if source:
        assert_same(torch, source, seed=7)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
def test_streams(torch, size, name):
    assert_same(torch, f"[torch.rand({size}, dtype=torch.{name}), torch.rand(2)]", seed=1)
    if name in ("float32", "float64"):
        assert_same(torch, f"[torch.randn({size}, dtype=torch.{name}), torch.randn(2)]", seed=2)


def test_state_travels_between_the_libraries(torch):
    torch.manual_seed(5)
    torch.randn(3)
    rushlight.set_rng_state(rushlight.tensor(torch.get_rng_state().tolist(), dtype=rushlight.uint8))
    assert rushlight.randn(3).tolist() == torch.randn(3).tolist()
    assert rushlight.get_rng_state().tolist() == torch.get_rng_state().tolist()


NODES = {
    "x.uniform_()": "UniformBackward0",
    "x.normal_()": "NormalBackward0",
    "x.random_()": "RandomBackward2",
    "x.random_(3)": "RandomBackward1",
    "x.random_(1, 3)": "RandomBackward0",
    "x.bernoulli_()": "BernoulliBackward2",
    "x.bernoulli_(torch.ones(3))": "BernoulliBackward1",
    "torch.bernoulli(x)": "BernoulliBackward0",
    "x.exponential_()": "ExponentialBackward0",
    "torch.normal(x, 1.0)": "NormalBackward1",
    "torch.normal(1.0, x)": "NormalBackward2",
    "torch.normal(x, x)": "NormalBackward3",
    "torch.poisson(x)": "PoissonBackward0",
    "x.fill_(2)": "FillBackward2",
    "x.zero_()": "ZeroBackward0",
}


@pytest.mark.parametrize("source", NODES)
def test_what_was_overwritten_has_no_gradient(source):
    leaf = rushlight.ones(3, requires_grad=True)
    result = eval(source, {"torch": rushlight, "x": leaf.clone()})
    assert NODES[source] in repr(result.grad_fn)
    result.sum().backward()
    assert leaf.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "line",
    [
        "zeros(3).random_(-(2**60), 5)",
        "zeros(3).random_(-3, 2**30)",
        "zeros(3).random_(-(2**24), 2**24 + 1)",
        "zeros(3, dtype=torch.float16).random_(-3000, 2)",
        "zeros(3, dtype=torch.bfloat16).random_(-3, 300)",
        "zeros(3, dtype=torch.float64).random_(-(2**60), 2**60)",
    ],
)
def test_warns_of_integers_that_the_dtype_lacks(torch, line):
    def warnings_of(library):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eval("torch." + line, {"torch": library})
        return [str(each.message).partition(" (Triggered")[0] for each in caught]

    assert warnings_of(rushlight) == warnings_of(torch)
