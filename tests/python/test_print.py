"""Text of tensors: PyTorch's, character by character."""

import random

import pytest
import rushlight

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
SPECIALS = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-4, 1e8, 1000.0, 9e-5]
MAGNITUDES = (
    lambda r: r.gauss(0, 1),
    lambda r: r.gauss(0, 1) * 10 ** r.uniform(-12, 12),
    lambda r: float(r.randrange(-1000, 1000)),
    lambda r: float(r.randrange(-(10**9), 10**9)),
    lambda r: r.randrange(5) / 8,
    lambda r: (r.randrange(-99999, 99999) + 0.5) / 1000,
    lambda r: 0.0,
    lambda r: -r.random() * 1e-4,
    lambda r: r.random() + 1e5,
    lambda r: 5e-324 ** r.random(),
    lambda r: 1e300 ** r.random(),
)


def draw(r, dtype, count):
    if dtype == "bool":
        return [r.random() < 0.5 for _ in range(count)]
    if dtype.startswith(("int", "uint")):
        bits = int(dtype.lstrip("uint")) - (dtype[0] == "i")
        high = min(2**bits, 10 ** r.randrange(1, 19))
        low = -high if dtype[0] == "i" and r.random() < 0.5 else 0
        return [r.randrange(low, high) for _ in range(count)]
    one = r.choice(MAGNITUDES)
    values = [one(r) for _ in range(count)]
    if r.random() < 0.3:
        for special in r.sample(SPECIALS, 3):
            if values:
                values[r.randrange(count)] = special
    return values


def draw_shape(r):
    dims = r.randrange(6)
    if dims == 1 and r.random() < 0.3:
        return [r.choice([999, 1000, 1001])]
    largest = [0, 60, 30, 10, 6, 4][dims]
    return [r.randrange(0 if r.random() < 0.05 else 1, largest + 1) for _ in range(dims)]


def draw_options(r):
    if r.random() < 0.5:
        return {"profile": r.choice(["default", "short", "full"])}
    return {
        "precision": r.choice([0, 1, 2, 4, 8, 17]),
        "threshold": r.choice([0, 5, 100, 1000, float("inf")]),
        "edgeitems": r.choice([0, 1, 2, 3, 5]),
        "linewidth": r.choice([20, 40, 80, 120, 200]),
        "sci_mode": r.choice([None, None, True, False]),
    }


@pytest.fixture
def default_printing(torch):
    yield
    for library in (torch, rushlight):
        library.set_printoptions(profile="default")
        library.set_default_dtype(library.float32)


@pytest.mark.parametrize("seed", range(20))
def test_repr_of_anything(torch, default_printing, seed):
    r = random.Random(seed)
    options, default = draw_options(r), r.choice(["float32", "float32", "float64"])
    for library in (torch, rushlight):
        library.set_printoptions(**options)
        library.set_default_dtype(getattr(library, default))
    for _ in range(50):
        shape, dtype, kind = draw_shape(r), r.choice(DTYPES), r.random()
        count = 1
        for size in shape:
            count *= size
        values = draw(r, dtype, count)
        texts = []
        for library in (torch, rushlight):
            x = library.tensor(values, dtype=library.float64 if "float" in dtype else library.int64)
            x = x.to(getattr(library, dtype)).reshape(shape)
            if len(shape) > 1 and kind < 0.3:
                x = x.transpose(0, -1)
            if "float" in dtype and kind > 0.7:
                x.requires_grad_()
            if "float" in dtype and kind > 0.85:
                x = x * 1.0
            texts.append((repr(x), str(x), f"{x}"))
        assert texts[0] == texts[1], (shape, dtype, options)


CASES = """
torch.tensor([])
torch.tensor([], dtype=torch.int64)
torch.empty(0, 3)
torch.empty(2, 0, dtype=torch.bool)
torch.tensor(3.5)
torch.tensor(3)
torch.tensor(True)
torch.tensor(float('nan'))
torch.tensor([1, 2], dtype=torch.uint8)
torch.ones(2, 3, device='meta')
torch.ones(2, dtype=torch.int64, device='meta')
torch.ones((), device='meta')
torch.ones(2, requires_grad=True)
torch.ones(2, requires_grad=True) * 2
torch.ones(40, 40, requires_grad=True).double().t()
torch.zeros(1001)
torch.zeros(20, 20, 20)
torch.zeros(1, 1, 2, 1, 2)
torch.arange(1001.0)
torch.tensor([1e-5, 1.0])
torch.tensor([0.1, 1000.0])
"""


@pytest.mark.parametrize("source", CASES.split("\n")[1:])
def test_repr(torch, source):
    if source:
        assert repr(eval(source, {"torch": rushlight})) == repr(eval(source, {"torch": torch}))


def test_print_shows_the_same_text(capsys):
    print(rushlight.tensor([1.0, 2.5]))
    assert capsys.readouterr().out == "tensor([1.0000, 2.5000])\n"


def test_refused_options_change_nothing():
    with pytest.raises(ValueError, match="precision"):
        rushlight.set_printoptions(precision=-1)
    assert repr(rushlight.tensor([1.5])) == "tensor([1.5000])"


def test_options_for_a_while():
    from rushlight._tensor_str import get_printoptions, printoptions

    before = get_printoptions()
    with printoptions(precision=2):
        assert repr(rushlight.tensor([1.125])) == "tensor([1.12])"
    assert get_printoptions() == before


def test_subclasses_show_their_name():
    class Mine(rushlight.Tensor):
        pass

    assert repr(Mine([1.0, 1.0])) == "Mine([1., 1.])"
