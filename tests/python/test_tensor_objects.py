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


def test_a_copy_shares_its_elements_and_a_deepcopy_does_not():
    tensor = torch.tensor([1.0, 2.0], requires_grad=True)
    tensor.label = "mine"
    shallow, deep = copy.copy(tensor), copy.deepcopy(tensor)
    with torch.no_grad():
        tensor.fill_(5)
    assert shallow.tolist() == [5, 5] and shallow.requires_grad and shallow.label == "mine"
    assert deep.tolist() == [1, 2]


def test_generators_are_pickled_with_their_state():
    generator = torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    again = pickle.loads(pickle.dumps(generator))
    assert torch.equal(torch.rand(4, generator=again), torch.rand(4, generator=generator))


def test_dlpack_shares_with_numpy_both_ways():
    numpy = pytest.importorskip("numpy")
    tensor = torch.arange(6.0).reshape(2, 3)
    array = numpy.from_dlpack(tensor[:, ::2])
    tensor[0, 2] = 9
    assert array.tolist() == [[0, 9], [3, 5]]
    array = numpy.arange(4, dtype=numpy.int16)
    back = torch.from_dlpack(array[1:])
    array[1] = 7
    assert back.dtype is torch.int16 and back.tolist() == [7, 2, 3]
    for dtype in ("uint8", "bool", "float64", "int64"):
        assert str(torch.from_dlpack(numpy.ones(2, dtype=dtype)).dtype) == f"torch.{dtype}"


def test_dlpack_capsules_are_used_once_and_let_go_of_their_tensor():
    tensor = torch.ones(3)
    reference = weakref.ref(tensor)
    capsule = torch.to_dlpack(tensor)
    other = torch.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        torch.from_dlpack(capsule)
    assert other.data_ptr() == tensor.data_ptr()
    torch.to_dlpack(tensor)  # never used
    del tensor, other, capsule
    assert reference() is None
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        torch.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(RuntimeError, match="invalid capsule"):
        torch.from_dlpack(3)
    assert torch.ones(2).__dlpack_device__() == (1, 0)


def test_is_contiguous_in_another_memory_format():
    tensor = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()
    assert torch.ones(2, 1, 3, 3).is_contiguous(memory_format=torch.channels_last)
    assert not torch.ones(2, 2).is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(TypeError, match="must be torch.memory_format"):
        tensor.is_contiguous(memory_format=1)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages_are_what_tensors_share():
    tensor = torch.arange(6.0)
    view = tensor[2:].reshape(2, 2)
    assert tensor.untyped_storage() == view.untyped_storage() != torch.ones(6).untyped_storage()
    assert view.untyped_storage().data_ptr() == tensor.data_ptr() != view.data_ptr()
    assert view.untyped_storage().nbytes() == 24 and len(view.storage()) == 6
    assert view.storage().tolist() == [0, 1, 2, 3, 4, 5] and view.storage().dtype is torch.float32
    view.storage()[1] = 9
    assert tensor[1] == 9 and view.storage()[1] == 9
    view.untyped_storage().fill_(0)
    assert tensor.tolist() == [0] * 6
    assert torch.is_storage(tensor.untyped_storage()) and not torch.is_storage(tensor)


def test_set_makes_a_tensor_part_of_another_storage():
    source, tensor = torch.arange(6.0), torch.ones(2)
    assert tensor.set_(source[3:]) is tensor
    source[3] = 7
    assert tensor.tolist() == [7, 4, 5]
    tensor.set_(source.untyped_storage(), 1, (2, 2), (1, 2))
    assert tensor.tolist() == [[1, 7], [2, 4]]
    assert tensor.set_().tolist() == []
    with pytest.raises(RuntimeError, match="Could not set tensor of type"):
        tensor.set_(torch.ones(2, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 24"):
        tensor.set_(source.untyped_storage(), 4, (3,))
