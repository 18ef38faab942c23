"""Pointwise operations beside PyTorch: values, dtypes, grad_fn names, gradients of both orders, errors."""

import math
import types

import pytest
import rushlight

FLOATS = [-3.0, -1.5, -1.0, -0.5, -0.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.5, 7.0, math.inf, -math.inf, math.nan]
OTHERS = [2.0, -0.5, 3.0, 0.0, 1.0, -2.0, 0.3, -1.0, 1.0, 0.25, -3.0, 2.0, 1.0, 2.0, 1.0]
INTEGERS = [-7, -3, -1, 0, 1, 2, 3, 5, 7, 100]
DIVISORS = [2, -2, 3, 5, -1, 7, 2, -3, 4, 9]
INTEGER_DTYPES = ["uint8", "int8", "int16", "int32", "int64"]
FLOAT_DTYPES = ["float16", "bfloat16", "float32", "float64"]

UNARY = """abs absolute acos acosh arccos arcsinh arctan asin asinh atan atanh bitwise_not ceil cos cosh deg2rad digamma
erf erfc erfinv exp exp2 expm1 fix floor frac isfinite isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2
logical_not logit nan_to_num neg negative positive rad2deg reciprocal relu round rsqrt selu sgn sigmoid sign signbit
sin sinc sinh sqrt square tan tanh trunc celu hardshrink""".split()

BINARY = """add arctan2 atan2 bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift copysign div divide
eq floor_divide fmax fmin fmod gcd ge greater gt heaviside lcm ldexp le less logaddexp logaddexp2 logical_and
logical_or logical_xor lt maximum minimum mul multiply ne nextafter not_equal pow remainder rsub sub subtract
true_divide xlogy float_power isclose""".split()

FUNCTIONAL = """celu(x, 0.5) elu(x) elu(x, 0.7) gelu(x) gelu(x, approximate='tanh') hardshrink(x) hardsigmoid(x)
hardswish(x) hardtanh(x) hardtanh(x, -0.2, 0.4) leaky_relu(x) leaky_relu(x, 0.3) logsigmoid(x) mish(x) relu(x)
relu6(x) selu(x) sigmoid(x) silu(x) softplus(x) softplus(x, 2.0, 3.0) softshrink(x) softsign(x) tanh(x)
tanhshrink(x) threshold(x, 0.4, 20.0) prelu(x, torch.tensor([0.25]).to(x.dtype)) relu(x, inplace=False)"""
FUNCTIONAL = [
    "F." + part + ")" for part in " ".join(FUNCTIONAL.split()).replace(") ", ")\n").replace(")\n", ")|").split("|")
]
FUNCTIONAL = [text.removesuffix(")") for text in FUNCTIONAL]

# What one library computes or refuses, the other must: f, g floats, i, k integers, b, c bools, x requires grad.
CASES = """
torch.add(i, 1, alpha=1.5)
torch.add(i, f, alpha=1.5)
torch.add(b, b, alpha=2)
torch.add(b, b, alpha=True)
torch.add(b, b, alpha=1.5)
torch.add(i, i, alpha=True)
torch.add(f, f, alpha=True)
torch.add(u, u, alpha=300)
torch.add(u, 1, alpha=-1)
torch.add(f, f, alpha=1e300)
torch.add(h, h, alpha=1e6)
torch.sub(b, 1)
torch.sub(b, i)
torch.sub(i, True)
torch.rsub(b, True)
torch.rsub(i, 1.5)
torch.rsub(x, 1.5)
torch.rsub(x, x, alpha=2)
torch.sub(x, x, alpha=2)
b - b
1 - b
-b
+b
~b
~i
~f
+x
i + 1
1 - x
2 / x
2 / i
2 // i
2 // f
2 % i
2.5 % f
2 ** x
2 ** i
x ** 2
x ** 0
x ** 0.5
x ** x
i // 0
i % 0
i // 2.5
i % 2.5
i8 + 300
u + 300
u - 300
u * 300
u == 300
u < 300
u / 300
u // 300
b + 300
f * 1e300
f == 1e300
i.clone().add_(1.5)
i.clone().mul_(f2)
i.clone().div_(2)
b.clone().add_(1)
i.clone().sqrt_()
i.clone().multiply_(1.5)
i.clone().pow_(0.5)
i.clone().clamp_(0.5)
i.clone().eq_(1)
f.clone().eq_(1)
f.clone().logical_not_()
f.clone().floor_divide_(0.3)
f.clone().remainder_(0.3)
f.clone().square_()
f.clone().arcsin_()
f.clone().add_(f[0])
f[0].clone().add_(f)
h.clone().add_(f)
f.clone().float_power_(2)
i.pow(-1)
i.pow(True)
u.pow(300)
b.pow(2)
b.pow(b)
torch.pow(2, x)
torch.pow(1, i)
torch.pow(True, b)
torch.pow(x, 3)
torch.pow(h, 3)
torch.float_power(i, 2)
torch.float_power(2, i)
torch.float_power(x, x)
torch.div(x, 2, rounding_mode='floor')
torch.div(x, g, rounding_mode='trunc')
torch.div(x, 2, rounding_mode=None)
torch.div(i, 2, rounding_mode='trunc')
torch.div(i, k, rounding_mode='floor')
torch.div(b, b, rounding_mode='floor')
torch.div(x, 2, rounding_mode='foo')
torch.remainder(x, 2)
torch.remainder(x, g)
torch.remainder(2, f)
torch.fmod(x, 2)
torch.fmod(x, g)
torch.fmod(b, 2)
torch.clamp(x, -1, 1)
torch.clamp(x, 0)
torch.clamp(x, max=1)
torch.clamp(x)
torch.clamp(x, min=g)
torch.clamp(x, g, g + 1)
torch.clamp(x, max=g)
torch.clamp(x, 2, 1)
torch.clamp(x, float('nan'))
torch.clamp(i, 0.5, 2.5)
torch.clamp(u, 0, 300)
torch.clamp(u, -1)
torch.clamp(b, 0, 1)
torch.clip(x, 0, 1)
torch.clamp_min(x, 1)
torch.clamp_min(x, g)
torch.clamp_max(x, 1)
torch.clamp_max(x, g)
torch.lerp(x, g, 0.3)
torch.lerp(x, g, g)
torch.lerp(i, i, 1)
torch.lerp(f, f.double(), 1)
torch.addcmul(x, g, g)
torch.addcmul(x, x, g, value=2)
torch.addcmul(i, i, i, value=1.5)
torch.addcmul(b, b, b)
torch.addcdiv(x, x, g)
torch.addcdiv(i, i, i)
torch.addcdiv(i, i, f2)
torch.heaviside(f, g)
torch.heaviside(f, i)
torch.nan_to_num(x, 1.0, 2.0, -3.0)
torch.logit(x, 0.1)
torch.round(x, decimals=1)
torch.round(f * 1000, decimals=-2)
torch.round(i, decimals=1)
torch.frac(i)
torch.floor(b)
torch.xlogy(x, 2)
torch.xlogy(2, x)
torch.xlogy(x, g)
torch.copysign(x, -1)
torch.copysign(i, -1)
torch.bitwise_and(i, 1)
torch.bitwise_and(1, i)
torch.bitwise_and(i, 1.5)
torch.bitwise_and(b, True)
i << 1
i >> 1
1 << i
i << 64
i >> 64
u << 9
f << 1
torch.logical_and(x, True)
torch.maximum(f, 1)
torch.equal(i, f)
torch.equal(f2, f2.clone())
torch.equal(f2, f2.double())
torch.allclose(f, f.double())
torch.allclose(f2, f2 + 1e-9)
torch.allclose(f, f, equal_nan=True)
torch.isclose(f, f, rtol=-1)
torch.isclose(f, f, atol=-1)
torch.isclose(f, g, atol=2.0)
torch.isclose(i, i + 1, rtol=0.3)
torch.isclose(f, f, equal_nan=True)
torch.polygamma(1, f2)
torch.polygamma(2, f2)
torch.hardshrink(x, 1.0)
F.hardtanh(x, 2, 1)
F.hardtanh(u)
F.hardtanh(b)
F.hardtanh(i)
F.relu6(i)
F.leaky_relu(i)
F.gelu(i)
F.gelu(x, approximate='foo')
F.softshrink(x, -1)
F.prelu(x, torch.tensor([0.1, 0.2]))
F.glu(x[:14])
F.glu(x)
F.glu(x[:12].reshape(3, 4), 1)
F.threshold(i, 1, 2)
F.leaky_relu(x.clone(), inplace=True)
F.silu(x.clone(), inplace=True)
F.relu(x.clone(), inplace=True)
F.relu_(x.clone())
F.elu_(x.clone())
torch.relu(b)
torch.relu_(x)
torch.celu(x, 0)
x.clone().sin_()
x.clone().mul_(x)
x.clone().pow_(2)
x.clone().div_(g)
x.clone().abs_()
""".strip().split("\n")

# PyTorch differentiates these in place from the result, which has another node but the same gradient.
OTHER_NODES = ("F.leaky_relu(x.clone(), inplace", "F.elu_(")


class Library:
    """One of the two libraries with the same data in it."""

    def __init__(self, torch, functional):
        self.torch, self.functional = torch, functional
        data = {
            "f": torch.tensor(FLOATS),
            "g": torch.tensor(OTHERS),
            "f2": torch.tensor([0.5, 1.5, 2.0, 3.0, 0.1, 0.2, 0.3, 0.4, 5.0, 9.0]),
            "i": torch.tensor(INTEGERS),
            "k": torch.tensor(DIVISORS),
            "b": torch.tensor([True, False, True]),
            "h": torch.tensor(FLOATS, dtype=torch.float16),
            "u": torch.tensor([1, 2, 44, 255], dtype=torch.uint8),
            "i8": torch.tensor([1, 2, 44, -128], dtype=torch.int8),
            "x": torch.tensor(FLOATS, requires_grad=True),
        }
        self.names = {"torch": torch, "F": functional, **data}

    def run(self, text, **names):
        """The value of an expression, or the exception it raised."""
        try:
            return eval(text, {**self.names, **names})
        except Exception as error:
            return error


@pytest.fixture(scope="module")
def ours():
    return Library(rushlight, types.SimpleNamespace(**rushlight._C._nn_functions))


@pytest.fixture(scope="module")
def theirs(torch):
    return Library(torch, torch.nn.functional)


def tolerance(dtype):
    return {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 3e-6}.get(dtype, 1e-11)


def close(ours, theirs, limit):
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(close(a, b, limit) for a, b in zip(ours, theirs))
    if ours == theirs or (ours != ours and theirs != theirs):
        return True
    return abs(ours - theirs) <= limit * max(1.0, abs(theirs))


def node_name(tensor):
    return tensor.grad_fn.name() if tensor.grad_fn is not None else None


def assert_same(ours, theirs, text, nodes=True):
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), f"{text}: {ours!r} where PyTorch raises {theirs!r}"
        if isinstance(theirs, (RuntimeError, ValueError)) and not isinstance(theirs, NotImplementedError):
            words = str(theirs).split("\n")[0][:30]
            assert str(ours).startswith(words), f"{text}: {ours} where PyTorch says {words}"
        return
    assert not isinstance(ours, Exception), f"{text}: {ours!r} where PyTorch gives {theirs}"
    if isinstance(theirs, bool):
        assert ours is theirs, text
        return
    dtype = str(theirs.dtype).removeprefix("torch.")
    assert str(ours.dtype).endswith("." + dtype), f"{text}: {ours.dtype}, not {dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape), text
    mine, expected = ours.detach().tolist(), theirs.detach().tolist()
    assert close(mine, expected, tolerance(dtype)), f"{text}\n{mine}\n{expected}"
    if nodes:
        assert node_name(ours) == node_name(theirs), text


@pytest.mark.parametrize("text", CASES)
def test_case(ours, theirs, text):
    assert_same(ours.run(text), theirs.run(text), text, nodes=not text.startswith(OTHER_NODES))


@pytest.mark.parametrize("dtype", ["bool", *INTEGER_DTYPES, *FLOAT_DTYPES])
@pytest.mark.parametrize("name", UNARY)
def test_unary(ours, theirs, name, dtype):
    floats = FLOATS[:-1] if name == "signbit" else FLOATS
    values = floats if dtype in FLOAT_DTYPES else INTEGERS if dtype != "uint8" else [0, 1, 2, 200]
    text = f"torch.{name}(torch.tensor(values).to(torch.{dtype}))"
    assert_same(ours.run(text, values=values), theirs.run(text, values=values), text)


@pytest.mark.parametrize(
    "dtypes",
    [
        "bool bool",
        "bool int64",
        "uint8 int8",
        "int32 int32",
        "int64 float32",
        "float16 float16",
        "float32 float32",
        "float32 float64",
        "float64 float64",
    ],
)
@pytest.mark.parametrize("name", BINARY)
def test_binary(ours, theirs, name, dtypes):
    first, second = dtypes.split()
    small = dict(v=[0, 1, 2, 5, 7], w=[1, 2, 3, 2, 1])
    floats = dict(v=FLOATS, w=OTHERS)
    values = floats if first.startswith("float") else small if "uint8" in dtypes else dict(v=INTEGERS, w=DIVISORS)
    text = f"torch.{name}(torch.tensor(v).to(torch.{first}), torch.tensor(w).to(torch.{second}))"
    assert_same(ours.run(text, **values), theirs.run(text, **values), text)


@pytest.mark.parametrize("dtype", ["int64", *FLOAT_DTYPES])
@pytest.mark.parametrize("text", FUNCTIONAL)
def test_functional(ours, theirs, text, dtype):
    # PyTorch's gelu of infinities and sign of a bfloat16 NaN depend on the processor.
    floats = FLOATS[:12] if "gelu" in text else FLOATS
    make = f"torch.tensor({floats if dtype in FLOAT_DTYPES else INTEGERS}, dtype=torch.{dtype})"
    make = make.replace("nan", "float('nan')").replace("inf", "float('inf')")
    assert_same(ours.run(text, x=ours.run(make)), theirs.run(text, x=theirs.run(make)), text)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["hardsigmoid", "hardswish", "mish", "celu", "glu"])
def test_half_precision_is_rounded_once(ours, theirs, name, dtype):
    text = f"torch.nn.functional.{name}(torch.linspace(-9, 9, 4000).to(torch.{dtype})).tolist()"
    assert ours.run(text) == theirs.run(text)


def gradients(library, text):
    """Values of the first and second derivative of an expression in x, weighted so that no two elements are alike."""
    torch = library.torch
    x = torch.tensor(SMOOTH, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    result = eval(text, {**library.names, "x": x, "y": weights})
    if result.dtype != torch.float64 or not result.requires_grad:
        return None, None, None
    (first,) = torch.autograd.grad((result * weights).sum(), x, create_graph=True)
    second = None
    if first.requires_grad:
        (second,) = torch.autograd.grad((first * weights).sum(), x, allow_unused=True)
    # Adding 0 gives storage to the tensors of zeros that PyTorch makes without any.
    return node_name(result), first.tolist(), (second + 0).tolist() if second is not None else [0.0] * len(SMOOTH)


SMOOTH = [0.15, 0.35, 0.62, 0.93]
WEIGHTS = [1.25, -0.5, 2.0, 0.75]
DIFFERENTIABLE = (
    [f"torch.{name}({argument})" for name in UNARY for argument in ("x", "x * 1.9 - 0.95")]
    + [f"torch.{name}({a})" for name in BINARY for a in ("x, y", "y, x", "x, x", "x * y, x.reshape(4, 1)[:1]")]
    + [text.replace("x", "(x * 4 - 2)", 1) for text in FUNCTIONAL if "prelu" not in text and "inplace" not in text]
    + [text for text in CASES if "x" in text and "f" not in text.replace("F.", "").replace("clamp", "")]
)


@pytest.mark.parametrize(
    "text",
    [
        text.replace("g", "y") if "torch.lo" not in text else text
        for text in DIFFERENTIABLE
        if not any(word in text for word in ("bitwise", "gcd", "lcm", ":1", "(g", " g"))
    ],
)
def test_gradients(ours, theirs, text):
    try:
        name, first, second = gradients(theirs, text)
    except Exception as refused:
        with pytest.raises(type(refused)):
            gradients(ours, text)
        return
    mine = gradients(ours, text)
    if first is None:
        assert mine[1] is None
        return
    assert close(mine[1], first, 1e-9), f"{text}\n{mine[1]}\n{first}"
    assert close(mine[2], second, 1e-8), f"{text}\n{mine[2]}\n{second}"
    if "clone" not in text:
        assert mine[0] == name
