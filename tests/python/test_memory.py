"""Lifetimes: what holds what, and what is released when. Runs under the sanitizers too."""

import gc
import weakref

import pytest
import rushlight

pytestmark = pytest.mark.sanitize


def test_a_view_keeps_the_storage_of_its_base():
    base = rushlight.arange(6)
    row = base.reshape(2, 3)[1]
    del base
    gc.collect()
    row += 10
    assert row.tolist() == [13, 14, 15]


def test_a_deep_graph_is_released_without_recursion():
    x = rushlight.ones(2, requires_grad=True)
    y = x
    for _ in range(20000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    z = x
    for _ in range(20000):
        z = z * 1
    del z
    gc.collect()
    assert x.grad.tolist() == [1, 1]


def test_the_graph_holds_what_backward_needs_and_no_longer():
    x = rushlight.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 2).exp()
    watched = weakref.ref(y)
    z = y.sum()
    del y
    z.backward()
    assert [round(value, 3) for value in x.grad.tolist()] == [14.778, 109.196]
    del z
    gc.collect()
    assert watched() is None


def test_attributes_of_a_tensor_live_as_long_as_it():
    class Mark:
        pass

    x = rushlight.zeros(3)
    x.mark = Mark()
    watched = weakref.ref(x.mark)
    holder = [x]
    del x
    gc.collect()
    assert holder[0].mark is watched()
    holder.clear()
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rushlight.tensor([[1, 2], [3]]),
        lambda: rushlight.zeros(2, 3) @ rushlight.zeros(2, 3),
        lambda: rushlight.zeros(2)[5],
        lambda: rushlight.zeros(2).reshape(3),
        lambda: rushlight.zeros(-1),
        lambda: rushlight.cat([rushlight.zeros(2, 2), rushlight.zeros(3, 3)]),
        lambda: rushlight.ones(2, requires_grad=True).backward(),
        lambda: rushlight.zeros(2).add("text"),
    ],
)
def test_a_refused_call_leaves_nothing_behind(wrong):
    for _ in range(3):
        with pytest.raises((ValueError, RuntimeError, IndexError, TypeError)):
            wrong()
    assert (rushlight.ones(2) + 1).tolist() == [2, 2]
