"""New tensors: values, dtypes, layouts and refusals are PyTorch's."""

import math

import pytest
from same import assert_same

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()

CREATION = """
torch.zeros(2, 3)
torch.zeros((2, 3), dtype=torch.int64)
torch.zeros(())
torch.ones(2, 0, 3)
torch.ones(3, dtype=torch.bool)
torch.full((2,), 3)
torch.full((2,), True)
torch.full((2,), 3.5)
torch.full((2,), 3.7, dtype=torch.int64)
torch.full((2,), -1, dtype=torch.uint8)
torch.full((2,), 0.5, dtype=torch.bool)
torch.full((2,), float('inf'), dtype=torch.float16)
torch.full_like(torch.zeros(2, 3).t(), 2.5)
torch.full_like(torch.zeros(2, dtype=torch.int64), 2.5)
torch.zeros_like(torch.ones(2).expand(3, 2))
torch.zeros_like(torch.ones(2, 3).t(), memory_format=torch.contiguous_format)
torch.ones_like(torch.ones(2, 3, 4)[:, ::2], dtype=torch.int8)
torch.empty(0, 3)
torch.empty((2, 3, 4, 5), memory_format=torch.channels_last).stride()
torch.empty_strided((2, 3), (1, 2)).stride()
torch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()
torch.scalar_tensor(3)
torch.scalar_tensor(3, dtype=torch.int64)
torch.eye(3)
torch.eye(2, 3, dtype=torch.bool)
torch.eye(3, 2, dtype=torch.float16)
torch.eye(0)
torch.ones(2, 3, dtype=torch.int64).new_zeros(2, 2)
torch.ones(2, 3, dtype=torch.int64).new_full((2, 2), 3.7)
torch.ones(2, 3).new_ones((2, 2), dtype=torch.int32)
torch.ones(2, 3).t().new_empty(2, 3).stride()
torch.ones(2).new_empty_strided((2, 3), (1, 2)).stride()
torch.arange(5)
torch.arange(5.5)
torch.arange(end=4)
torch.arange(1, 4, step=2)
torch.arange(5, 0, -2)
torch.arange(-1.5, 3)
torch.arange(True)
torch.arange(0.5, 5, 1.9, dtype=torch.int64)
torch.arange(0, 3, 0.7, dtype=torch.int32)
torch.arange(0, 300, 100, dtype=torch.int8)
torch.arange(2**62, 2**62 + 3)
torch.arange(-2**63, 2**63 - 1, 2**61)
torch.arange(0, 1, float('inf'))
torch.linspace(0, 1, 5)
torch.linspace(3, 10, 1)
torch.linspace(0, 1, 0)
torch.linspace(-10, 3, 7, dtype=torch.int8)
torch.linspace(torch.tensor(0.), torch.tensor(1), 3)
torch.linspace(torch.tensor(0.), 1, 3)
torch.linspace(0, torch.tensor(1.), 3)
torch.logspace(0, 3, 4)
torch.logspace(0, 3, 4, base=2, dtype=torch.int64)
torch.logspace(0.5, 3, 1, dtype=torch.int64)
torch.hann_window(5)
torch.hann_window(1)
torch.hann_window(0)
torch.bartlett_window(8, False)
torch.fill(torch.ones(2, 3).t(), 3)
torch.ones(2, 3, device='meta')
torch.zeros_like(torch.ones(2, 3), device='meta')
"""

REFUSALS = """
torch.zeros(-1)
torch.empty(2, -3)
torch.empty(2**40, 2**40)
torch.empty(2**62)
torch.empty_strided((2, 3), (1,))
torch.empty_strided((2, 3), (-1, 1))
torch.empty_permuted((2, 3), (0, 0))
torch.empty(2, memory_format=torch.preserve_format)
torch.zeros_like(torch.ones(2, 3), memory_format=torch.channels_last)
torch.full((2,), 300, dtype=torch.int8)
torch.full((2,), -300, dtype=torch.uint8)
torch.full((2,), -0.5, dtype=torch.uint8)
torch.full((2,), 1e50)
torch.full((2,), 70000, dtype=torch.float16)
torch.full((2,), float('nan'), dtype=torch.int64)
torch.zeros(2, dtype=torch.int8).fill_(300)
torch.zeros(2).fill_(torch.tensor([3]))
torch.eye(-1)
torch.eye(2, -1)
torch.arange(0, 5, 0)
torch.arange(0, 5, 0.5, dtype=torch.int64)
torch.arange(5, 0)
torch.arange(0, float('inf'))
torch.arange(0, float('nan'))
torch.arange(1e20)
torch.arange(3, dtype=torch.bool)
torch.linspace(0, 1, -1)
torch.linspace(0, 1, 3, dtype=torch.bool)
torch.linspace(0, 300, 3, dtype=torch.uint8)
torch.linspace(0, torch.tensor([1.]), 3)
torch.logspace(0, 1, 3, dtype=torch.bool)
torch.hann_window(-1)
torch.hann_window(4, dtype=torch.int64)
torch.arange()
torch.full((2,))
"""

COPIES = """
torch.ones(2, 3).to(torch.int32)
torch.ones(2, 3).to('cpu', torch.int32)
torch.ones(2, 3).to(dtype=torch.float64, copy=True)
torch.ones(2).to(torch.ones(1, dtype=torch.int16))
torch.ones(2).type_as(torch.ones(1, dtype=torch.int16))
torch.ones(2, 3).t().double()
torch.ones(2, 3).t().to(torch.float64, memory_format=torch.contiguous_format)
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
torch.ones(2, 3).t().clone()
torch.ones(2, 3).t().clone(memory_format=torch.contiguous_format)
torch.ones(2, 3).t().contiguous()
torch.ones(2, 3).cpu()
torch.tensor([1.7, -1.7, float('nan'), float('inf')]).long()
torch.tensor([1.7, -1.7, 300.]).int().char()
torch.tensor([0., 0.1, float('nan')]).bool()
torch.tensor([1.00048828125, 65520.]).half()
torch.tensor([1.00390625, 3e38]).bfloat16()
torch.zeros(2, 3).copy_(torch.tensor([1, 2, 3]))
torch.zeros(3).fill_(torch.tensor(2))
torch.ones(1).expand(3).fill_(2)
torch.ones(2, device='meta').to('cpu')
torch.zeros(2, 3).copy_(torch.ones(3, 2))
torch.zeros(2, 3).copy_(torch.ones(1, 2, 3))
torch.ones(1).expand(3).copy_(torch.ones(3))
torch.ones(2).to('cuda')
"""


@pytest.mark.parametrize("source", (CREATION + REFUSALS + COPIES).split("\n")[1:])
def test_as_pytorch(torch, source):
    if source:
        assert_same(torch, source)


@pytest.mark.parametrize("name", DTYPES)
def test_conversions_between_all_dtypes(torch, name):
    for source in DTYPES:
        values = f"torch.tensor([0, 1, 2, 100, 120]).to(torch.{source})"
        assert_same(torch, f"{values}.to(torch.{name})")


@pytest.mark.parametrize("name", DTYPES[6:])
@pytest.mark.parametrize("count", [1, 2, 7, 8, 15, 16, 17, 33, 100])
def test_spaced_numbers(torch, name, count):
    assert_same(torch, f"torch.linspace(-1.3, 7.1, {count}, dtype=torch.{name})")
    assert_same(torch, f"torch.linspace(5, -2, {count}, dtype=torch.{name})")


@pytest.mark.parametrize("name", DTYPES[6:])
@pytest.mark.parametrize("step", [0.1, -0.3, 1.0, 2.5])
def test_arange_of_floats(torch, name, step):
    """PyTorch's last bit depends on its vector width, so AVX-512 machines may differ by one place."""
    import rushlight

    ours = rushlight.arange(1.5, 1.5 + 77 * step, step, dtype=getattr(rushlight, name)).double().tolist()
    dtype = getattr(torch, name)
    theirs = torch.arange(1.5, 1.5 + 77 * step, step, dtype=dtype).double().tolist()
    place = 2 * torch.finfo(dtype).eps
    assert len(ours) == len(theirs)
    assert all(math.isclose(a, b, rel_tol=place, abs_tol=place) for a, b in zip(ours, theirs))


def test_gradients_flow_through_copies(torch):
    import rushlight

    for library in (rushlight, torch):
        x = library.ones(3, requires_grad=True)
        y = (x.double().clone().to(library.float32) * 2).contiguous()
        library.zeros(2, 3).copy_(y).sum().backward()
        assert x.grad.tolist() == [4, 4, 4]
        assert "ToCopyBackward0" in repr(x.double().grad_fn)


def test_to_without_change_is_the_tensor_itself(torch):
    import rushlight

    for library in (rushlight, torch):
        x = library.ones(3)
        assert x.to(library.float32) is x and x.float() is x and x.cpu() is x and x.to("cpu") is x
        assert x.contiguous() is x and x.type_as(x) is x and x.to(x) is x
        assert x.to(library.float32, copy=True) is not x


def test_range_warns():
    import rushlight

    with pytest.warns(UserWarning, match="torch.range is deprecated"):
        assert rushlight.range(0, 3, 0.5).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
