"""Forward mode: every example of the op table beside PyTorch's tangents, and beside our own backward."""

import pytest
import rushlight
from test_operations import (
    DIFFERENTIABLE,
    IN_PLACE,
    LAYOUTS,
    UNSPECIFIED_INDEX,
    WRONG_GRADIENTS,
    Namespace,
    assert_same_tensor,
    compares_values,
    may_differ,
    tensors_in,
)

# PyTorch fails to set the tangent that it computes.
WRONG_TANGENTS = ("norm_except_dim(",)
FORMS = DIFFERENTIABLE + [each for each in IN_PLACE if each[0]["differentiable"] or each[0]["composite"]]


class DualNamespace(Namespace):
    """Its sources draw tensors that carry tangents, of the same layout."""

    def __init__(self, torch, layout, requires_grad):
        super().__init__(torch, dtype="float64", layout=layout)
        self.requires_grad = requires_grad
        self.tangents = []

    def source(self, draw):
        make = super().source(draw)

        def make_dual(*size, **options):
            tensor = make(*size, **options)
            if options:
                return tensor
            tangent = (tensor * 3).cos() / (len(self.tangents) + 1)
            self.tangents.append(tangent)
            leaf = tensor.detach().requires_grad_(self.requires_grad)
            self.leaves.append(leaf)
            dual = self.torch.autograd.forward_ad.make_dual(leaf, tangent)
            return dual * 1  # an in-place operation may not change a leaf

        return make_dual


def weight(torch, tensor):
    return torch.linspace(0.5, 1.5, tensor.numel(), dtype=tensor.dtype).reshape(tensor.shape)


def pushed(torch, line, layout):
    """(results, their tangents, the tangents of their gradients by the leaves), or the error."""
    forward_ad = torch.autograd.forward_ad
    torch.manual_seed(5)
    try:
        with forward_ad.dual_level():
            namespace = DualNamespace(torch, layout, True)
            made = eval(line, {"__builtins__": {}}, namespace)
            results = [t for t in tensors_in(made, torch.Tensor) if t.is_floating_point()]
            tangents = [forward_ad.unpack_dual(t).tangent for t in results]
            return results, tangents, over_backward(torch, results, namespace)
    except Exception as error:
        return error


def over_backward(torch, results, namespace):
    flowing = [t for t in results if t.requires_grad]
    if not flowing:
        return []
    weighted = sum((t * weight(torch, t)).sum() for t in flowing)
    gradients = torch.autograd.grad(weighted, namespace.leaves, allow_unused=True)
    return [None if g is None else torch.autograd.forward_ad.unpack_dual(g).tangent for g in gradients]


def assert_same_or_zero(torch, ours, theirs, context):
    for a, b in zip(ours, theirs, strict=True):
        if a is None or b is None:
            rest = a if b is None else b
            assert rest is None or not bool((rest != 0).any()), context
        else:
            assert_same_tensor(torch, a, b, context, loosen=100)


@pytest.mark.parametrize("entry, line", FORMS, ids=[f"{e['full_name']}: {line}" for e, line in FORMS])
def test_tangents(torch, entry, line):
    if not compares_values(entry) or any(name in line for name in WRONG_GRADIENTS + WRONG_TANGENTS):
        return
    for layout in LAYOUTS[:3]:
        theirs, ours = pushed(torch, line, layout), pushed(rushlight, line, layout)
        context = f"{line} [{layout}]"
        if may_differ(theirs) or "Trying to use forward AD" in str(theirs) or entry["name"] in UNSPECIFIED_INDEX:
            continue
        if isinstance(theirs, Exception):
            assert type(ours).__name__ == type(theirs).__name__, (
                f"{context}: PyTorch raises {theirs!r}, we give {ours!r}"
            )
            continue
        assert not isinstance(ours, Exception), f"{context}: {ours!r}"
        assert_same_or_zero(torch, ours[1], theirs[1], context)
        assert_same_or_zero(torch, ours[2], theirs[2], f"{context} over backward")
