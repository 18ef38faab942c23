"""Autograd beside PyTorch: the programs of autograd_cases on both, then what PyTorch cannot be asked."""

import contextlib
import gc
import re
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path

import pytest
import rushlight
from autograd_cases import CASES, notes, use
from rushlight import _C

# is_grads_batched needs vmap, which is refused by name; a check of ours comes first in the other.
DIFFERENT = {"gradbatched", "function_badret_none"}


def outcome(library, name):
    """What a program returned and noted, or the error it raised, as comparable text."""
    use(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = ("value", repr(CASES[name]()))
        except Exception as error:  # the error is the result
            result = ("error", type(error).__name__, str(error))
    text = [*result, repr(notes)]
    notes.clear()
    text = [part.replace("rushlight", "torch") for part in text]
    return [re.sub(r"0x[0-9a-f]+", "0x", part) for part in text]


# Where PyTorch's text goes on with advice that is ours to give better.
ADVICE = (
    " Hint: enable anomaly",
    " You can set the tensor's grad_dtype",
    " You can ask on the forum",
    " See github",
    "build/aten",
)


def beginning(text):
    return text[: min(text.find(each) % (len(text) + 1) for each in ADVICE)]


@pytest.mark.parametrize("name", [n for n in CASES if n not in DIFFERENT])
def test_as_pytorch(torch, name):
    ours, theirs = outcome(rushlight, name), outcome(torch, name)
    assert ours[0] == theirs[0], (ours, theirs)
    if ours[0] == "error":
        assert ours[1] == theirs[1], (ours, theirs)
        assert ours[2].startswith(beginning(theirs[2])), (ours, theirs)
    else:
        assert ours[1].startswith(beginning(theirs[1])), (ours, theirs)
    assert ours[-1] == theirs[-1]


@pytest.fixture(scope="module")
def frozen():
    """Spares the collector what was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.sanitize
@pytest.mark.parametrize("name", [n for n in CASES if n != "createg"])  # a cycle that is warned of
def test_leaves_nothing_behind(frozen, name):
    """Each program once more, without PyTorch: what it leaves in memory is what its result holds."""
    outcome(rushlight, name)
    before = live()
    outcome(rushlight, name)
    assert live() == before


# -- Ours ----------------------------------------------------------------------------------------


def leaf(*values):
    return rushlight.tensor(values or [1.0, 2.0, 3.0], requires_grad=True)


@pytest.mark.sanitize
def test_the_error_names_the_culprits():
    x = leaf()
    y = x * 1
    z = y.exp()
    saved = __import__("inspect").currentframe().f_lineno - 1
    z.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as error:
        z.sum().backward()
    assert f"`exp` ({__file__}:{saved}) saved its result for backward" in str(error.value)
    assert f"`mul_` ({__file__}:{saved + 2}) changed it since" in str(error.value)


def test_the_error_names_a_line_of_the_program_not_of_the_library():
    x = leaf()
    a, b = x * 1, x * 1
    line = __import__("inspect").currentframe().f_lineno + 1
    y = rushlight.tensordot(a, b, dims=0)  # a function in Python, which calls operations
    a.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as error:
        y.sum().backward()
    assert f"({__file__}:{line}) saved its input" in str(error.value)


@pytest.mark.sanitize
def test_the_culprit_may_be_code_that_is_gone():
    x = leaf()
    names = {"x": x}
    exec(compile("y = x * 1\nz = y.exp()\nz.mul_(2)", "gone.py", "exec"), names)
    z = names["z"]
    names.clear()
    gc.collect()
    with pytest.raises(RuntimeError, match="`exp` saved its result for backward, but `mul_` changed it since"):
        z.sum().backward()


def live():
    gc.collect()
    return _C._allocator_stats()[:2]


def test_a_chain_of_a_million():
    before = live()
    x = leaf()
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    del x, y
    assert live() == before


def test_memory_of_a_chain_of_a_million():
    """As ARCHITECTURE.md states: at most 900 bytes an addition, forward, backward and destruction together."""
    program = """
import rushlight

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024

x = rushlight.ones(3, requires_grad=True)
(x + 1).sum().backward()
before = status("VmRSS")
y = x
for _ in range(1_000_000):
    y = y + 1
y.sum().backward()
del y
print(status("VmHWM") - before)
"""
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert int(output) < 900 * 1_000_000


@pytest.mark.sanitize
def test_nothing_stays_after_the_loss_is_gone():
    x = leaf()
    x.grad = rushlight.zeros(3)
    before = live()
    loss = ((x * x).exp().sin() @ x).sum()
    loss.backward()
    del loss
    assert live() == before


class Cube(rushlight.autograd.Function):
    @staticmethod
    def forward(ctx, x, fail=False):
        ctx.save_for_backward(x)
        ctx.fail = fail
        return x**3

    @staticmethod
    def backward(ctx, grad):
        if ctx.fail:
            raise KeyError("on purpose")
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad, None

    @staticmethod
    def jvp(ctx, tangent, fail):
        if ctx.fail:
            raise KeyError("on purpose")
        return tangent * 5


def test_no_growth_over_steps_with_hooks_functions_and_exceptions():
    x = leaf()

    def step(i):
        handle = x.register_hook(lambda g: g * 2)
        y = Cube.apply(x, i % 3 == 0)
        y.register_hook(lambda g: g + y.detach())  # a cycle
        y.grad_fn.register_hook(lambda computed, arrived: None)
        y.kept = y  # another
        y.grad_fn.kept = y  # and another
        try:
            (y * x).sum().backward()
        except KeyError:
            pass
        handle.remove()
        x.grad = None

    assert_no_growth(step)


def assert_no_growth(step):
    for i in range(100):
        step(i)
    before = live()
    for i in range(10_000):
        step(i)
    assert live() == before


def test_no_growth_over_steps_in_forward_mode():
    forward_ad = rushlight.autograd.forward_ad
    x, plain = leaf(), rushlight.ones(3)

    def step(i):
        with contextlib.suppress(KeyError), forward_ad.dual_level():
            dual = forward_ad.make_dual(x, rushlight.ones(3))
            plain[1:].mul_(dual[0].detach())
            (dual.exp()[1:] * dual[1:]).sum().backward()
            forward_ad.make_dual(plain, dual.detach()).sin_()
            Cube.apply(dual, i % 3 == 0).clone().mul_(dual)
        x.grad = None

    assert_no_growth(step)


@pytest.mark.sanitize
def test_cycles_are_collected():
    x = leaf()
    y = Cube.apply(x)
    y.grad_fn.y = y
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None

    z = x * 2
    z.register_hook(lambda grad: z)  # noqa: F821
    gone = weakref.ref(z)
    del z
    gc.collect()
    assert gone() is None


@pytest.mark.sanitize
def test_ctx_lives_as_long_as_the_graph():
    x = leaf()
    y = Cube.apply(x)
    ctx = y.grad_fn
    ctx.mark = "mine"
    assert y.grad_fn is ctx and type(ctx).__name__ == "CubeBackward"
    del ctx
    gc.collect()
    assert y.grad_fn.mark == "mine"
    z = (y * 2).sum()
    del y
    gc.collect()
    assert z.grad_fn.next_functions[0][0].next_functions[0][0].mark == "mine"
    z.backward()
    assert x.grad.tolist() == [6, 24, 54]


@pytest.mark.sanitize
def test_an_exception_arrives_with_its_traceback_and_the_engine_goes_on():
    x = leaf()
    with pytest.raises(KeyError, match="on purpose") as error:
        Cube.apply(x, True).sum().backward()
    assert any(entry.name == "backward" and entry.path == Path(__file__) for entry in error.traceback)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 12, 27]


def test_double_backward_through_a_function(torch):
    x = leaf()
    (first,) = rushlight.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (second,) = rushlight.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = rushlight.autograd.grad(second.sum(), x)
    assert [first.tolist(), second.tolist(), third.tolist()] == [[3, 12, 27], [6, 12, 18], [6, 6, 6]]


@pytest.mark.sanitize
def test_saved_tensors_hooks():
    packed, unpacked = [], []

    def pack(tensor):
        packed.append(tensor)
        return len(packed) - 1

    def unpack(number):
        unpacked.append(number)
        return packed[number]

    x = leaf()
    with rushlight.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).exp()
    assert len(packed) == 3 and packed[0] is x and packed[2].data_ptr() == y.data_ptr()
    (first,) = rushlight.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = rushlight.autograd.grad(first.sum(), x)
    assert first.allclose(2 * x * y) and second.allclose((2 + 4 * x * x) * y)
    with rushlight.autograd.graph.save_on_cpu():
        (x * x).sum().backward()
    with rushlight.autograd.graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"):
            with rushlight.autograd.graph.saved_tensors_hooks(pack, unpack):
                pass

    def changes(tensor):
        return tensor.add_(1)

    with rushlight.autograd.graph.saved_tensors_hooks(changes, unpack):
        with pytest.raises(RuntimeError, match="pack hook is modifying its input in place"):
            x * (x + 1)


@pytest.mark.sanitize
def test_multi_grad_hooks():
    seen = []
    a, b, c = leaf(), leaf(), leaf()
    d = a * 2
    handle = rushlight.autograd.graph.register_multi_grad_hook((a, b, c, d), lambda grads: seen.append(grads))
    (d * b).sum().backward()
    assert len(seen) == 1 and seen[0][2] is None and seen[0][3].tolist() == [1, 2, 3]
    handle.remove()
    (a * b).sum().backward()
    assert len(seen) == 1
    rushlight.autograd.graph.register_multi_grad_hook((a, b), lambda grad: seen.append("any"), mode="any")
    (a * b).sum().backward()
    assert seen[1:] == ["any"]


@pytest.mark.sanitize
def test_gradient_edges():
    x = leaf()
    y = x * 2
    edge = rushlight.autograd.graph.get_gradient_edge(y)
    z = (y * y).sum()
    (grad,) = rushlight.autograd.grad(z, edge)
    assert grad.tolist() == [4, 8, 12]
    rushlight.autograd.backward([edge], [rushlight.ones(3)])
    assert x.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        rushlight.autograd.graph.get_gradient_edge(rushlight.ones(1))


@pytest.mark.sanitize
def test_anomaly_mode_shows_the_forward_call():
    x = leaf(-1.0)
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        mode = rushlight.autograd.detect_anomaly()
    with mode:
        y = x.sqrt()
        with pytest.warns(UserWarning, match=r"(?s)Error detected in SqrtBackward0.*x\.sqrt\(\)"):
            with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output."):
                y.sum().backward()
    assert not rushlight.is_anomaly_enabled()
    rushlight.set_anomaly_enabled(True, check_nan=False)
    assert rushlight.is_anomaly_enabled() and not rushlight.is_anomaly_check_nan_enabled()
    with pytest.raises(TypeError, match=r"'enabled' \(position 1\)\)? must be bool, not int"):
        rushlight.set_anomaly_enabled(1)
    rushlight.set_anomaly_enabled(False)
    x.grad = None
    x.sqrt().sum().backward()
    assert x.grad.isnan().all()


@pytest.mark.sanitize
def test_threads_on_separate_graphs_and_shared_leaves():
    x = leaf()
    failures = []

    def work():
        try:
            for _ in range(200):
                y = x
                for _ in range(20):
                    y = y * 1.0
                y.sum().backward()
                Cube.apply(leaf()).sum().backward()
        except BaseException as error:  # shown by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and x.grad.tolist() == [800, 800, 800]


@pytest.mark.sanitize
def test_refused_by_name():
    with pytest.raises(NotImplementedError, match="is_grads_batched"):
        rushlight.autograd.grad(leaf().sum(), leaf(), is_grads_batched=True)
    with pytest.raises(NotImplementedError, match="profile is not"):
        rushlight.autograd.profiler.profile
