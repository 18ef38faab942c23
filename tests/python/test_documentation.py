"""help(torch.add) and inspect.signature: what an entry of the op table says reaches Python."""

import inspect

import pytest
import rushlight
from rushlight import _C

FACES = {
    "torch": (dict(_C._torch_functions), ""),
    "Tensor": ({n: getattr(rushlight.Tensor, n) for n in dir(rushlight.Tensor)}, "Tensor."),
    "nn.functional": (dict(_C._nn_functions), ""),
}
KINDS = (_C.Operation, _C.OperationMethod)


@pytest.mark.parametrize("face", FACES)
def test_every_operation_is_documented(face):
    operations, prefix = FACES[face]
    operations = {name: function for name, function in operations.items() if isinstance(function, KINDS)}
    assert operations
    for name, operation in operations.items():
        if name.startswith("_"):
            continue
        assert operation.__name__ == name
        head, _, rest = operation.__doc__.partition("\n\n")
        assert head.startswith(f"{prefix}{name}(") and ") -> " in head, head
        assert rest.strip() and "Examples" in rest, f"{name}: {rest}"
        signature = inspect.signature(operation)
        assert all(f" {p.removesuffix('_')}" in head for p in list(signature.parameters)[bool(prefix) :]), head


def test_an_entry_is_shown_under_each_of_its_names():
    assert rushlight.add.__doc__.startswith("add(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor\n")
    assert rushlight.Tensor.add.__doc__.startswith("Tensor.add(Tensor|Scalar other, *, Scalar alpha=1) -> Tensor\n")
    assert "In place." in rushlight.Tensor.add_.__doc__
    assert "add(randn(3, 4), randn(4))" in rushlight.add.__doc__
    assert str(inspect.signature(rushlight.add)) == "(input, other, *, alpha=1)"
    assert rushlight.max.__doc__.count(" -> ") == 3  # its overloads
