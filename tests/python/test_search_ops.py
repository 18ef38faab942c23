"""Finding and counting: distinct elements, places in order, derivatives by differences, special functions' names."""

import pytest
import rushlight
from both import compare

# (expression, …): compared with PyTorch, results, classes of errors and gradients.
EXPRESSIONS = [
    "unique(tensor([3, 1, 2, 3, 1]), return_inverse=True, return_counts=True)",
    "unique(tensor([[3, 1], [2, 3], [3, 1]]), dim=0, return_inverse=True, return_counts=True)",
    "unique(tensor([[3, 1, 3], [2, 3, 2]]), dim=-1, return_counts=True)",
    "unique(tensor([nan, 1.0, nan]))",
    "unique(zeros(0))",
    "unique(tensor(3))",
    "unique(zeros(0, 2), dim=1)",
    "unique(tensor([1, 2]), dim=3)",
    "tensor([[True, False]]).unique()",
    "unique_consecutive(tensor([1, 1, 2, 2, 1]), return_inverse=True, return_counts=True)",
    "tensor([[1, 1], [1, 1], [2, 1]]).unique_consecutive(return_counts=True, dim=0)",
    "bincount(tensor([1, 0, 1]), minlength=-1)",
    "bincount(tensor([-1]))",
    "bincount(tensor([1.0]))",
    "histc(tensor([1.0, inf]))",
    "searchsorted(tensor([1.0, 2.0]), tensor([1.5, nan]), out_int32=True)",
    "searchsorted(tensor([[1.0, 2.0], [3.0, 4.0]]), 1)",
    "searchsorted(tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([1.0, 2.0, 3.0]))",
    "searchsorted(tensor([1.0]), tensor([1.0]), side='left', right=True)",
    "isin(tensor([1.0, nan]), tensor([nan]))",
    "isin(tensor([True]), tensor([True]))",
    "gradient(tensor([1.0, 2.0, 4.0, 8.0]))",
    "gradient(leaf(3, 4), spacing=[1.0, 2.0], edge_order=2)",
    "gradient(leaf(4), spacing=(tensor([0.0, 1.0, 3.0, 4.0], dtype=float64),), edge_order=2)",
    "gradient(leaf(3, 4), spacing=2.0, dim=0)",
    "gradient(tensor([1.0, 2.0]), edge_order=2)",
    "gradient(ones(2, 2), dim=(0, 0))",
    "unravel_index(tensor([5, 3]), (2, 3))",
    "unravel_index(tensor([5.0]), (2, 3))",
    "einsum(leaf(2, 3), [0, 1], leaf(3, 2), [1, 2], [0, 2])",
    "einsum(leaf(2, 3), [..., 1])",
    "einsum('ij')",
    "cdist(leaf(30, 3), leaf(2, 3))",
    "cdist(leaf(2, 3), leaf(2, 4))",
    "cross(leaf(2, 2), leaf(2, 2))",
    "trapezoid(leaf(3), tensor([1.0, 2.0]))",
    "add(2, leaf(2))",
    "sub(2, tensor([1, 2]))",
    "true_divide(1, tensor([2, 4]))",
    "add(1, 2)",
    "add(leaf(2), 2, leaf(2))",
    "addcmul(leaf(2), 2, leaf(2), leaf(2))",
    "addmm(0.5, leaf(2, 2), 2, leaf(2, 3), leaf(3, 2))",
    "leaf(2, 2).addmm(0.5, 2, leaf(2, 3), leaf(3, 2))",
    "max(tensor([1, 2]), tensor(6))",
    "min(ones(2, 2), tensor(1))",
    "clamp(tensor([True, False]), min=tensor(2.5, dtype=float64))",
    "clamp(tensor([1, 2, 3]), min=tensor(1.5), max=tensor(2.5))",
    "full((2,), 1.5, out=zeros(2, dtype=int64))",
    "linspace(0, 1, 3, out=zeros(3, dtype=int64))",
    "eye(2, out=zeros(2, 2, dtype=uint8))",
    "eye(2.5)",
    "arange(4, out=zeros(2, 3)[:, 1:])",
    "linspace(0, 3, 4, out=zeros(2, 2))",
    "logspace(tensor(0.0), tensor(2), 3)",
    "logspace(tensor([0.0]), 2, 3)",
    "meshgrid()",
    "block_diag()",
    "tensor([0, 2**70], dtype=bool)",
    "amax(ones(2, 2), dim=None)",
    "unravel_index(tensor([5, 3], dtype=uint8), (200, 300))",
    "tensordot(ones(2, 1, dtype=int8), ones(2, 3, dtype=int8), dims=([1], [0]))",
    "linalg.vander(tensor(3), N=3)",
    "linalg.vander(tensor(3))",
    "norm(full((4,), 300.0, dtype=float16))",
    "dist(full((4,), 30.0, dtype=float16), zeros(4, dtype=float16), 4)",
    "linalg.vector_norm(full((4, 3), 400.0, dtype=bfloat16), 3, dim=0)",
    "gradient(tensor([1.0, 2.0, 4.0]), spacing=None)",
    "unique(tensor([[nan, 1.0], [0.0, nan], [nan, 1.0]]), dim=0)",
    "gather(leaf(2, 2), 0, empty(0, dtype=uint8))",
    "addr(ones(2, 2, dtype=bool), ones(2, dtype=bool), ones(2, dtype=bool), beta=True, alpha=2)",
    "narrow(leaf(3), 0, tensor(1), 1)",
    "narrow(ones(3), 0, tensor([1]), 1)",
    "narrow(ones(3), 0, tensor(1.0), 1)",
    "randn(5).expand(1, 5).stride()",
    "randn(5).expand(2, 1, 5).stride()",
    "randn(()).expand(1, 1).stride()",
    "zeros(3).index_put_((tensor([0, 1]),), tensor([1, 2, 3]))",
    "broadcast_shapes((-1,), (3,))",
    "broadcast_shapes(2.5)",
    "finfo(float32) == finfo(), iinfo(int8) == iinfo(int16)",
    "iinfo(bool)",
    "str(iinfo(int32)), str(iinfo(uint8)), str(finfo(float16))",
    "ones(3).masked_fill(tensor([1, 0, 1]), 2)",
    "ones(3).masked_fill(tensor([1, 0, 1], dtype=int16), 2)",
    "finfo(int8)",
    "finfo('a')",
    "iinfo(3)",
    "roll(tensor([1, 2, 3]), 1, None)",
    "cat([empty(0), empty(0)], 1)",
    "cat([empty(0), leaf(2, 2)], 1)",
    "tensordot(leaf(2, 1), leaf(2, 3), dims=([1], [0]))",
    "gather(ones(2, 2), 0, empty(0, dtype=uint8))",
    "tensor(2**65, dtype=float64)",
    "tensor(2**65)",
    "sum(tensor([300, 2]), dtype=uint8)",
    "prod(tensor([300, 2]), dtype=uint8)",
    "nansum(tensor([1, 2], dtype=int32), dtype=int16)",
    "prod(tensor([1.0, 0.5]), dtype=bool)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore")
def test_same_as_pytorch(torch, text):
    compare(torch, text, node=False)


def test_arrays_compare_elementwise():
    numpy = pytest.importorskip("numpy")
    tensor = rushlight.tensor([1.0, 2.0])
    for result in (tensor == numpy.array([1.0, 3.0]), numpy.array([1.0, 3.0]) == tensor):
        assert [bool(each) for each in result] == [True, False]
    assert (tensor < numpy.array([2, 2])).tolist() == [True, False]


def test_asarray_shares_what_it_can():
    numpy = pytest.importorskip("numpy")
    array = numpy.ones(2, dtype=numpy.float32)
    rushlight.asarray(array)[0] = 5
    assert array[0] == 5
    rushlight.asarray(array, copy=True)[0] = 7
    assert array[0] == 5
    with pytest.raises(ValueError, match="can't alias"):
        rushlight.asarray(array, dtype=rushlight.float64, copy=False)
    with pytest.raises(ValueError, match="can't alias arbitrary sequence"):
        rushlight.asarray([1, 2], copy=False)
    assert rushlight.asarray([1, 2], dtype=rushlight.float32, requires_grad=True).requires_grad


def test_apply_and_map_run_python_on_each_element():
    tensor = rushlight.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tensor.apply_(lambda x: x + 1) is tensor
    tensor.map_(rushlight.tensor([2.0, 3.0]), lambda x, y: x * y)
    assert tensor.tolist() == [[4, 9], [8, 15]]
    with pytest.raises(RuntimeError, match="Can't call apply_"):
        rushlight.ones(2, requires_grad=True).apply_(abs)


def test_out_that_must_grow_warns():
    with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
        rushlight.add(rushlight.ones(3), 1, out=rushlight.zeros(2))


def test_old_signatures_warn():
    rushlight.set_warn_always(True)  # whatever has warned before
    with pytest.warns(UserWarning, match="deprecated"):
        rushlight.addcmul(rushlight.ones(2), 2, rushlight.ones(2), rushlight.ones(2))
    rushlight.set_warn_always(False)


# What PyTorch does to a number among half-precision tensors, to the last bit.
WITH_A_NUMBER = ["x + 3.3", "3.3 - x", "x * 3.3", "x / 3.3", "x % 3.3", "x ** 3.3", "x == 0.1", "x < 0.1", "x // 0.7"]
WITH_A_NUMBER += ["torch.fmod(x, 0.3)", "torch.atan2(x, torch.tensor(0.1, dtype=torch.float64))"]
WITH_A_NUMBER += ["torch.div(x, y, rounding_mode='trunc')"]


@pytest.mark.parametrize("text", WITH_A_NUMBER)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numbers_among_half_precision_tensors(torch, text, dtype):
    results = []
    for library in (rushlight, torch):
        library.manual_seed(5)
        x, y = (library.randn(1024).to(getattr(library, dtype)) for _ in range(2))
        x[:8] = 0.1
        results.append(eval(text, {"torch": library, "x": x, "y": y}).double().tolist())
    assert all(a == b or (a != a and b != b) for a, b in zip(*results))
