"""Tensors and functions as Python objects: subclasses, finalizers, copies, data that refers to itself."""

import copy
import gc
import pickle
import weakref

import pytest
import rushlight as torch


class Slotted(torch.Tensor):
    __slots__ = ["label"]


class MoreSlotted(Slotted):
    __slots__ = ["other"]


class Thing:
    pass


def test_slots_of_a_subclass_hold_and_let_go():
    tensor = MoreSlotted(torch.ones(2))
    with pytest.raises(AttributeError):
        tensor.label
    tensor.label, tensor.other = Thing(), Thing()
    seen = [weakref.ref(tensor.label), weakref.ref(tensor.other)]
    del tensor
    assert [reference() for reference in seen] == [None, None]


def test_a_cycle_through_slots_is_collected():
    first, second = Slotted(torch.ones(2)), Slotted(torch.ones(2))
    first.label, second.label = second, first
    reference = weakref.ref(first)
    del first, second
    gc.collect()
    assert reference() is None


def test_finalizer_of_a_subclass_runs_once_and_may_keep_the_tensor():
    kept, runs = [], []

    class Finalized(torch.Tensor):
        def __del__(self):
            runs.append(1)
            kept.append(self)

    tensor = Finalized(torch.ones(2))
    del tensor
    assert runs == [1] and kept[0].tolist() == [1, 1]
    kept.clear()
    assert runs == [1]


@pytest.mark.parametrize("function", [torch.add, torch.Tensor.add, torch.nn.functional.relu, torch.tensor])
def test_functions_are_copied_and_pickled_by_name(function):
    assert copy.copy(function) is function
    assert copy.deepcopy({"activation": function})["activation"] is function
    assert pickle.loads(pickle.dumps(function)) is function


def test_data_that_contains_itself_is_refused():
    data = [0]
    data.append(data)
    for given in (data, [[1, 2], data]):
        with pytest.raises((TypeError, ValueError)):
            torch.tensor(given)


def test_in_place_forms_of_composed_operations_write():
    index, source = torch.tensor([[0, 1, 0]]), torch.ones(1, 3)
    target = torch.zeros(2, 3)
    assert target.scatter_reduce_(0, index, source, "sum") is target
    assert target.tolist() == [[1, 0, 1], [0, 1, 0]]
