"""autograd.functional, gradcheck and checkpoints beside PyTorch: one expression a test, run on both."""

import importlib
import re
import warnings

import pytest
import rushlight

SETUP = """
d = lambda *shape: torch.arange(1.0, 1 + torch.Size(shape).numel(), dtype=torch.float64).reshape(shape).requires_grad_()
x, y = torch.arange(1.0, 4.0), torch.ones(3) * 2
number = lambda x, y: (x * y * x).sum()
pair = lambda x, y: (x * y, x + y)
cube = lambda x: (x**3).sum()

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 3

class Unsteady(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        calls.append(grad)
        return grad * 2 + 1e-9 * len(calls)

def checkpointed(function, reentrant, **options):
    leaf = torch.arange(3.0, requires_grad=True)
    out = checkpoint(function, leaf, use_reentrant=reentrant, **options)
    out.sum().backward()
    return out.grad_fn.name(), leaf.grad

def grad_of_checkpoint(reentrant):
    leaf = torch.arange(3.0, requires_grad=True)
    return torch.autograd.grad(checkpoint(lambda a: a.sin(), leaf, use_reentrant=reentrant).sum(), leaf)

calls = []
def changing(a):
    calls.append(a)
    return a.exp().sin() if len(calls) == 1 else a * 1
def shrinking(a):
    calls.append(a)
    return a.exp() if len(calls) == 1 else a[:2].exp()
def random(a):
    return a * torch.rand(3)
def both_random(reentrant):
    torch.manual_seed(3)
    return checkpointed(random, reentrant), torch.rand(2)

class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * 2
        ctx.save_for_backward(x, y)
        return y * x

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        ctx.saved_tensors

def once_only(reentrant):
    checkpointed(lambda a: Once.apply(a.sin()), reentrant)

def gradient_of(function):
    def gradient(x):
        with torch.enable_grad():
            return torch.autograd.grad(function(x).sum(), x, create_graph=True)[0]
    return gradient

def again(function):
    return lambda x: checkpoint(function, x, use_reentrant=False)

def with_gradients_inside(early_stop):
    x = torch.arange(3.0, requires_grad=True)
    with set_checkpoint_early_stop(early_stop):
        inner = again(lambda x: x.sin().exp().sin())
        return gradient_of(again(gradient_of(inner)))(x), again(gradient_of(gradient_of(inner)))(x)

def in_a_group():
    calls = []
    def function(a):
        calls.append(a)
        return a.sin().cos()
    x, y = torch.arange(3.0, requires_grad=True), torch.arange(3.0, requires_grad=True)
    first, second = checkpoint(lambda a, b: (function(a), function(b)), x, y, use_reentrant=False)
    with module.GraphExecGroup() as group:
        assert module.GraphExecGroup._get_current_group() is group
        first.sum().backward(retain_graph=True)
        second.sum().backward()
    return len(calls), x.grad, y.grad

def group_in_a_group():
    with module.GraphExecGroup():
        with module.GraphExecGroup():
            pass

def of_devices():
    kind = module.DefaultDeviceType
    before = kind.get_device_type()
    kind.set_device_type("cpu")
    return before, kind.get_device_type(), module.get_device_states(x), module.set_device_states([], [])

def jacobians(numerical, **options):
    a, b = d(2), d(2)
    pair = lambda x, y: (2 * x + y, x * y)
    if numerical:
        return gradcheck_module.get_numerical_jacobian(lambda inputs: pair(*inputs), (a, b), **options)
    return gradcheck_module.get_analytical_jacobian((a, b), pair(a, b)[0], **options)

def nested(early_stop):
    with set_checkpoint_early_stop(early_stop):
        x = torch.arange(3.0, requires_grad=True)
        f = again(lambda x: x.sin().exp())
        again(lambda x: f(f(x)).cos())(x).sum().backward()
    return x.grad
"""

EXPRESSIONS = """
jacobian(lambda x: x.sin() * x, x)
jacobian(pair, (x, y))
jacobian(pair, (x.clone().requires_grad_(), y), create_graph=True)
jacobian(lambda x, y: x * 2, (x, y))
jacobian(lambda x, y: x * 2, (x, y), strict=True)
jacobian(lambda x: x.detach(), x, strict=True)
jacobian(lambda x: x.detach(), x)
jacobian(lambda x: 3, x)
jacobian(lambda x: x, 3)
hessian(number, (x, y))
hessian(cube, x)
hessian(lambda x: x.sum(), x)
hessian(lambda x: x.sum(), x, strict=True)
hessian(lambda x: x * 2, x)
hessian(pair, (x, y))
vjp(lambda x: x.sin(), x, y)
vjp(pair, (x, y), (x, y))
vjp(number, (x, y))
vjp(lambda x: x * 2, x)
vjp(lambda x: x * 2, x, torch.ones(2))
vjp(pair, (x, y), (x,))
vjp(lambda x, y: x * 2, (x, y), x, strict=True)
jvp(lambda x: x.sin() * x, x, y)
jvp(pair, (x, y), (x, y))
jvp(lambda x: x * 2, x)
jvp(lambda x, y: x * 2, (x, y), (x, y), strict=True)
vhp(number, (x, y), (x, y))
hvp(number, (x, y), (x, y))
hvp(cube, x, y)
vhp(lambda x: x.sum(), x, y)
vhp(lambda x: x * 2, x, y)
vhp(number, (x, y))
gradcheck(lambda x: x.sin(), (d(2),))
gradcheck(Wrong.apply, (d(2),))
gradcheck(Wrong.apply, (d(2),), raise_exception=False)
gradcheck(lambda x: x, (torch.ones(2),))
gradcheck(lambda x: x.detach(), (d(2),))
gradcheck(lambda x, y: (x * y, x + y), (d(2), d(2)))
gradcheck(lambda x, k: x * k, (d(2), 3))
gradcheck(lambda x: x * 2, (d(1).detach().requires_grad_().expand(2),))
gradgradcheck(lambda x: x.sin() * x, (d(2),))
jvp(lambda x: x * 2, x, y, create_graph=True, strict=True)
hessian(lambda x, y: (x * x).sum(), (x, y), strict=True)
hessian(lambda x: torch.ones(3), x, strict=True)
hvp(lambda x: x.sum(), x, y, strict=True)
hvp(lambda x, y: (x * x).sum(), (x, y), (y, x), strict=True)
hvp(lambda x: (x * x).sum(), x, y, strict=True, create_graph=True)
hvp(lambda x: (x * x).sum(), x, y, create_graph=True)
hvp(cube, x, y, create_graph=True)
hvp(cube, x, (y, x))
vhp(lambda x: (x * x).sum(), x, y, strict=True, create_graph=True)
vhp(lambda x, y: (x * x).sum(), (x, y), (y, x), strict=True)
vhp(lambda x: torch.ones(3), x, y, strict=True)
jacobian(cube, x, vectorize=True)
jacobian(cube, x, vectorize=True, strict=True)
jacobian(cube, x, strategy="forward-mode", strict=True)
jacobian(cube, x, strategy="forward-mode", create_graph=True, vectorize=True)
jacobian(cube, x, strategy="sideways")
hessian(cube, x, outer_jacobian_strategy="sideways")
gradcheck(lambda x, y: (x * y, x.exp()), (d(3), d(3)), fast_mode=True)
gradcheck(Wrong.apply, (d(2),), fast_mode=True, raise_exception=False)
gradcheck(lambda x: x.sin(), (d(2),), check_grad_dtypes=True, masked=True)
gradcheck(lambda x: x.sin(), (d(2),), check_batched_forward_grad=True)
gradcheck(Unsteady.apply, (d(2),), fast_mode=True)
gradcheck(Unsteady.apply, (d(2),), nondet_tol=1e-5, raise_exception=False)
gradgradcheck(lambda x: x.sin() * x, (d(2),), fast_mode=True)
checkpointed(lambda a: (a * 2).sin(), True)
checkpointed(lambda a: (a * 2).sin(), False)
checkpointed(changing, False)
checkpointed(shrinking, False)
checkpointed(lambda a: a, True, foo=3)
checkpointed(lambda a: a, True, debug=True)
checkpointed(lambda a: a, False, debug=True, context_fn=lambda: module.noop_context_fn())
checkpointed(lambda a: a.sin(), False, debug=True)
in_a_group()
group_in_a_group()
of_devices()
jacobians(True)
jacobians(True, grad_out=2.0)
jacobians(False)
jacobians(False, grad_out=2.0)
grad_of_checkpoint(True)
grad_of_checkpoint(False)
both_random(True)
both_random(False)
once_only(False)
with_gradients_inside(True)
with_gradients_inside(False)
nested(True)
nested(False)
gradcheck(lambda x: torch.cat([x, x]) if (x >= 1).all() else x, (d(1),))
gradcheck(lambda x: x.float() if (x >= 1).all() else x, (d(1),), fast_mode=True)
""".strip().splitlines()


def outcome(library, expression):
    functional = importlib.import_module(library.__name__ + ".autograd.functional")
    checkpoint = importlib.import_module(library.__name__ + ".utils.checkpoint")
    names = {name: getattr(functional, name) for name in ("jacobian", "hessian", "vjp", "jvp", "vhp", "hvp")}
    names |= {name: getattr(library.autograd, name) for name in ("gradcheck", "gradgradcheck")}
    names |= {"torch": library, "module": checkpoint, "checkpoint": checkpoint.checkpoint}
    names["gradcheck_module"] = importlib.import_module(library.__name__ + ".autograd.gradcheck")
    names["set_checkpoint_early_stop"] = checkpoint.set_checkpoint_early_stop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(SETUP, names)
        try:
            text = repr(eval(expression, names))
        except Exception as error:  # the error is the result
            text = f"{type(error).__name__}: {error}"
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r" on index \(\d+,\) by 1e-06| by 1e-06", "", text)
    text = text.split("\n\nTip:")[0].split("\n\nNOTE:")[0].replace("rushlight", "torch")
    return re.sub(r"grad_fn=<\w+>", "grad_fn", text).strip()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_as_pytorch(torch, expression):
    assert outcome(rushlight, expression) == outcome(torch, expression)


def in_turn(first, second):
    """A function that is `first` at the first call, and `second` at each other."""
    functions = iter([first])
    return lambda x: next(functions, second)(x)


def three(x):
    return x.sin().exp().cos()


def two(x):
    return x.sin().exp()


def wider(x):
    return x.sin() * rushlight.ones(2)


@pytest.mark.sanitize
@pytest.mark.parametrize("functions", [(three, two), (two, wider), (two, three)])
def test_checkpoint_debug_lists_the_operations(functions):
    module = importlib.import_module("rushlight.utils.checkpoint")
    a = rushlight.ones(1, requires_grad=True)
    with module.set_checkpoint_debug_enabled(True), module.set_checkpoint_early_stop(False):
        out = module.checkpoint(in_turn(*functions), a, use_reentrant=False)
        with pytest.raises(module.CheckpointError) as error:
            out.sum().backward()
    text = str(error.value)
    assert text.startswith(" An error happened while unpacking tensors; dumping logs of latest computation\n")
    assert "You are seeing this error because you passed `debug=True` to checkpoint" in text
    first, second = text.split("Operations recorded during ")[1:]
    for function, log in zip(functions, (first, second)):
        line = function.__code__.co_firstlineno + 1
        assert f"1. SinBackward0 ({__file__}:{line}): return x.sin()" in log
    assert sum("<--- the first that differs" in line for line in text.splitlines()) == 1 + (wider in functions)
    assert not module._C._end_trace(module._C._start_trace())


def test_checkpoint_says_that_debug_tells_more():
    module = importlib.import_module("rushlight.utils.checkpoint")
    out = module.checkpoint(in_turn(two, wider), rushlight.ones(1, requires_grad=True), use_reentrant=False)
    with pytest.raises(module.CheckpointError, match="different metadata(.|\n)*Tip: with checkpoint.debug=True"):
        out.sum().backward()


def test_analytical_jacobian_tells_unsteady_gradients():
    class Unsteady(rushlight.autograd.Function):
        runs = 0

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            Unsteady.runs += 1
            return grad * 2 + 1e-9 * Unsteady.runs

    module = importlib.import_module("rushlight.autograd.gradcheck")
    x = rushlight.ones(2, dtype=rushlight.float64, requires_grad=True)
    with pytest.warns(FutureWarning, match="part of PyTorch's private API"):
        assert module.get_analytical_jacobian((x,), Unsteady.apply(x))[1:] == (False, True, True)
