"""Mistakes: one clear error of PyTorch's class that begins with its words, nothing changed, a healthy process."""

import ast
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import rushlight
from bad_input_cases import CASES, IN_PLACE, OWN_WORDS
from rushlight import _C
from same import assert_same

WORDS = 25  # so many characters agree


def lines(text):
    return [line for line in text.strip().split("\n") if line]


def scope(library):
    names = {"torch": library, "np": np, "nn": library.nn, "F": library.nn.functional}
    return {**names, "optim": library.optim, "data": library.utils.data}


def outcome(library, source, names=None):
    """(class, message) of the error, or ("no error", "")."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "mistake", "exec"), names or scope(library))
        except Exception as error:
            return type(error).__name__, str(error).replace("rushlight", "torch")
    return "no error", ""


@pytest.fixture(autouse=True)
def healthy():
    """Whatever a test does, afterwards the library computes, records and draws as before."""
    yield
    x = rushlight.arange(4.0, requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [0, 2, 4, 6]
    assert rushlight.is_grad_enabled() and rushlight.get_default_dtype() is rushlight.float32
    assert rushlight.manual_seed(0) and f"{rushlight.rand(1).item():.6f}" == "0.496257"


@pytest.mark.sanitize
@pytest.mark.parametrize("kind", CASES)
def test_every_mistake_is_an_error(kind):
    for source in lines(CASES[kind]):
        error, message = outcome(rushlight, source)
        assert error != "no error", source
        assert message.strip() and "nb::" not in message and "incompatible function arguments" not in message, source


@pytest.mark.parametrize("kind", CASES)
def test_errors_are_those_of_pytorch(torch, kind):
    own_words = set(lines(OWN_WORDS))
    for source in lines(CASES[kind]):
        ours, theirs = outcome(rushlight, source), outcome(torch, source)
        assert ours[0] == theirs[0], f"{source}: {ours}, but PyTorch: {theirs}"
        if source not in own_words:
            assert ours[1][:WORDS] == theirs[1][:WORDS], f"{source}: {ours[1]}, but PyTorch: {theirs[1]}"


def operands(library):
    library.manual_seed(0)
    x, i = library.arange(6.0).reshape(2, 3), library.arange(6)
    return {**scope(library), "x": x, "i": i, "p": library.arange(6.0).reshape(2, 3).requires_grad_()}


def state(names):
    tensors = [names[name] for name in "xip"]
    return [(t.tolist(), tuple(t.shape), t.stride(), t.dtype, t.requires_grad, t.is_leaf, t.grad) for t in tensors]


@pytest.mark.sanitize
@pytest.mark.parametrize("source", lines(IN_PLACE))
def test_a_mistake_in_place_changes_nothing(source):
    names = operands(rushlight)
    kept = {name: names[name] for name in "xip"}
    before = state(kept)
    versions = [t._version for t in kept.values()]
    random = rushlight.get_rng_state().tolist()
    assert outcome(rushlight, source, names)[0] != "no error"
    assert state(kept) == before
    assert [t._version for t in kept.values()] == versions
    assert rushlight.get_rng_state().tolist() == random


@pytest.mark.parametrize("source", lines(IN_PLACE))
def test_a_mistake_in_place_is_one_in_pytorch(torch, source):
    ours, theirs = outcome(rushlight, source, operands(rushlight)), outcome(torch, source, operands(torch))
    assert ours[0] == theirs[0], f"{ours}, but PyTorch: {theirs}"


def test_arrays_of_dtypes_that_we_lack_are_refused_by_name():
    for name in ("uint16", "uint32", "uint64", "complex64", "complex128", "object", "str_", "datetime64", "longdouble"):
        array = np.zeros(2, dtype=name)
        for make in (rushlight.tensor, rushlight.as_tensor, rushlight.from_numpy):
            with pytest.raises(TypeError, match=f"can't convert np.ndarray of type numpy.{name}"):
                make(array)
    for number in (1j, [1j], np.complex64(1)):
        with pytest.raises((NotImplementedError, TypeError), match="complex"):
            rushlight.tensor(number)


def test_an_array_that_is_not_writable_is_shared_with_a_warning(torch):
    for library in (torch, rushlight):
        array = np.arange(3.0)
        array.flags.writeable = False
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert library.from_numpy(array).tolist() == [0, 1, 2]
            assert library.tensor(array).tolist() == [0, 1, 2]
        # PyTorch warns once in a process.
        assert all("The given NumPy array is not writable" in str(w.message) for w in caught)
        assert len(caught) == 1 or library is torch


def test_a_number_of_numpy_is_copied_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in (np.float32(3), np.int32(3), np.bool_(True)):
            assert rushlight.as_tensor(number).item() == number
            assert rushlight.utils.data.default_convert(number).item() == number


WARNINGS = """
torch.ones(1).expand(6).masked_fill_(torch.ones(6) > 0, 0.0)
torch.ones(1).expand(6).index_put_((torch.tensor([1]),), torch.tensor(1.0))
torch.ones(1).expand(6)[torch.tensor([1])] = 2
torch.ones(1).expand(6).index_fill_(0, torch.tensor([1]), 1.0)
torch.ones(3)[torch.ones(3, dtype=torch.uint8)]
torch.ones(3).index_put_((torch.ones(3, dtype=torch.uint8),), torch.ones(3), accumulate=True)
F.dropout2d(torch.ones(3, 3))
F.dropout2d(torch.ones(2, 3, 3))
F.dropout3d(torch.ones(3, 3))
nn.Linear(2, 2, device='meta').load_state_dict({'weight': torch.ones(2, 2), 'bias': torch.ones(2, device='meta')})
"""


@pytest.mark.parametrize("source", lines(WARNINGS))
def test_warnings_are_those_of_pytorch(torch, source):
    def told(library):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(source, scope(library))
        return [str(warning.message).partition(" (Triggered internally")[0] for warning in caught]

    assert told(rushlight) == told(torch) != []


@pytest.mark.parametrize(
    "source",
    [
        "torch.randperm(256, dtype=torch.uint8).sort()[0].tolist()",
        "torch.randperm(128, dtype=torch.int8).sum().item()",
        "torch.tensor([1, np.array(2.5)]).tolist()",
        "torch.tensor(Lender(torch.ones(2)), dtype=torch.float64).tolist()",
        "(lambda x: torch.as_tensor(Lender(x)).data_ptr() == x.data_ptr())(torch.ones(2))",
        "format(torch.ones((), device='meta'))",
        "(lambda x: x.new(x.storage()).data_ptr() == x.data_ptr())(torch.ones(3))",
        "(lambda x: (x.numpy(), x.resize_(2), x.resize_(3))[1].shape)(torch.ones(3))",
    ],
)
def test_what_is_no_mistake(torch, source):
    class Lender:
        """Only speaks DLPack."""

        def __init__(self, tensor):
            self.__dlpack__, self.__dlpack_device__ = tensor.__dlpack__, tensor.__dlpack_device__

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [eval(source, {**scope(library), "Lender": Lender}) for library in (rushlight, torch)]
    assert values[0] == values[1]


def test_set_default_tensor_type_is_deprecated(torch):
    for library in (torch, rushlight):
        with pytest.warns(UserWarning, match=r"torch.set_default_tensor_type\(\) is deprecated as of PyTorch 2.1"):
            library.set_default_tensor_type(library.FloatTensor)


@pytest.mark.filterwarnings("ignore:torch.set_default_tensor_type")
@pytest.mark.parametrize("kind", ["torch.LongTensor", "'torch.cuda.FloatTensor'", "torch.float32", "3"])
def test_set_default_tensor_type_refuses(torch, kind):
    assert_same(torch, f"torch.set_default_tensor_type({kind})")


# ---- Shapes that do not fit, in every operation of the table ----

MAKERS = {"randn", "rand", "ones", "zeros", "empty", "leaf"}

# PyTorch gives another class, or none, by accident of how it is made: it reads a dim that is not there, skips a check
# where there is nothing to compute, or has a second kernel with errors of its own.
ACCIDENTS = {
    "baddbmm", "addbmm", "F.bilinear", "F.embedding", "index_select", "index_add", "index_copy", "index_fill",
    "index_reduce", "F.nll_loss", "F.batch_norm", "F.instance_norm", "F.scaled_dot_product_attention", "bernoulli_",
    "scatter", "scatter_add", "scatter_reduce", "linalg.matrix_norm", "linalg.norm", "linalg.vander", "F.pad",
    "narrow_copy", "pixel_unshuffle", "F.embedding_bag", "embedding", "embedding_bag", "batch_norm", "instance_norm",
    "native_batch_norm",
}  # fmt: skip


def shapes_in(tree):
    """(node, field) of each list of literal sizes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in MAKERS and all(isinstance(a, ast.Constant) for a in node.args):
                yield node, "args"
            elif node.func.id == "randint" and node.args and isinstance(node.args[-1], ast.Tuple):
                yield node.args[-1], "elts"


def other_shapes(shape):
    for i in range(len(shape)):
        yield [*shape[:i], shape[i] + 1, *shape[i + 1 :]]
        yield [*shape[:i], 0, *shape[i + 1 :]]
        yield [*shape[:i], *shape[i + 1 :]]
    yield [2, *shape]
    yield [*shape, 2]


def with_other_shapes(example):
    """The example, each time with one of its tensors in another shape."""
    for k in range(len(list(shapes_in(ast.parse(example, mode="eval"))))):
        node, field = list(shapes_in(ast.parse(example, mode="eval")))[k]
        for shape in other_shapes([size.value for size in getattr(node, field)]):
            tree = ast.parse(example, mode="eval")
            node, field = list(shapes_in(tree))[k]
            sizes: list = [ast.Constant(size) for size in shape]
            if isinstance(node, ast.Call) and not sizes:
                sizes = [ast.Tuple([], ast.Load())]
            setattr(node, field, sizes)
            yield ast.unparse(tree)


def examples():
    for entry in _C._operation_table():
        for example in lines(entry["examples"]):
            yield entry["full_name"], example


def shapes_of(library, source):
    """The shapes and dtypes that an example gives, or the class of its error."""
    from both import Scope, flatten

    library.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scope = Scope(library)
            scope["torch"] = library
            results = flatten(eval(source, {"__builtins__": __builtins__}, scope))
        except Exception as error:
            return type(error).__name__
    return [(tuple(r.shape), str(r.dtype).split(".")[1]) if hasattr(r, "dtype") else r for r in results]


def test_shapes_that_do_not_fit_in_every_operation(torch):
    count, faults = 0, []
    for name, example in examples():
        for source in with_other_shapes(example):
            count += 1
            ours, theirs = shapes_of(rushlight, source), shapes_of(torch, source)
            accident = any(source.startswith(f"{known}(") or f".{known}(" in source for known in ACCIDENTS)
            excused = accident and ("Error" in f"{ours}{theirs}" or re.search(r"[( ]0[,)]", source))
            if ours != theirs and not excused:
                faults.append(f"{name}: {source}: {ours}, but PyTorch: {theirs}")
    assert count > 5000 and not faults, "\n".join(faults)


# ---- Programs that cannot start ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope.py"], "can't open file"),
        (["-m", "nosuchmodule"], "No module named nosuchmodule"),
        (["-c", "x = ("], "SyntaxError"),
        (["broken.py"], "SyntaxError"),
        (["folder"], "can't find '__main__' module"),
    ],
)
def test_the_runner_says_what_it_cannot_run(tmp_path, arguments, message):
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "folder").mkdir()
    command = [sys.executable, "-m", "rushlight", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and message in done.stderr
    assert "_runner.py" not in done.stderr and done.stderr.count("\n") <= 6
