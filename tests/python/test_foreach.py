"""torch._foreach_…: every operation on lists, with each kind of argument, beside PyTorch."""

import pytest
import rushlight

NUMBERED = {"add", "sub", "mul", "div", "pow", "maximum", "minimum", "clamp_max", "clamp_min"}
ARGUMENTS = {
    **dict.fromkeys(NUMBERED, ["2", "y", "[2, 0.5]"]),
    "add": ["2", "y", "[2, 0.5]", "y, alpha=3", "torch.tensor(2.0)", "other=y", "scalars=[1, 2]"],
    "mul": ["2", "y", "[2, 0.5]", "torch.tensor(2.0)", "torch.tensor([2.0])"],
    "pow": ["2", "y", "[2, 0.5]", "exponent=3"],
    **dict.fromkeys(
        ("addcdiv", "addcmul"), ["y, x", "y, x, 2", "y, x, value=2", "y, x, [1, 2]", "y, x, scalars=[3, 4]"]
    ),
    "lerp": ["y, 0.25", "y, x", "y, [0.5, 0.1]", "y, weight=0.5"],
    "norm": ["", "1", "float('inf')", "2, dtype=torch.float64"],
    "powsum": ["", "3"],
    "copy_": ["y"],
    "mm": [],
}
PACKED = ["addcdiv(x, y, x, torch.tensor([1.0, 2.0]))", "addcmul(x, y, x, torch.tensor(1.0))", "pow(2.0, x)"]
WRONG = [
    "add(x, y[:1])",
    "add(x, [1])",
    "add([], 1)",
    "addcmul(x, y[:1], x)",
    "exp(x[0])",
    "exp(3)",
    "exp(3)",
    "lerp_(x, y, [0.5])",
]


def calls():
    names = [name.removeprefix("_foreach_") for name in rushlight._LATER if name.startswith("_foreach_")]
    for name in names:
        for arguments in ARGUMENTS.get(name, ARGUMENTS.get(name.rstrip("_"), [""])):
            yield f"{name}(x, {arguments})" if arguments else f"{name}(x)"
    yield from PACKED + WRONG


def outcome(library, call):
    """The class of what came, and the tensors of the result and of both lists; or the class and words of an error."""
    torch = library
    torch.manual_seed(3)
    x, y = ([torch.rand(*shape) * 0.8 + 0.1 for shape in ((3,), (2, 3))] for _ in range(2))
    try:
        result = eval(f"torch._foreach_{call}")
    except Exception as error:
        return (type(error), str(error)[:30]), []
    tensors = [*result, *x, *y]
    return (type(result), result is x, [(str(t.dtype)[-7:], *t.shape) for t in tensors]), [
        value for t in tensors for value in t.flatten().tolist()
    ]


@pytest.mark.parametrize("call", calls())
def test_lists_of_tensors(torch, call):
    (kind, values), (expected_kind, expected) = outcome(rushlight, call), outcome(torch, call)
    assert kind == expected_kind and values == pytest.approx(expected, rel=1e-6)


def test_every_one_of_pytorch_is_there(torch):
    assert {name for name in dir(torch) if name.startswith("_foreach_")} <= set(dir(rushlight))


def test_gradients_flow_and_results_are_the_lists(torch):
    def story(torch):
        x = [torch.ones(2, requires_grad=True), torch.full((1,), 3.0, requires_grad=True)]
        sum(t.sum() for t in torch._foreach_mul(torch._foreach_exp(x), [1.0, 2.0])).backward()
        plain = [torch.ones(2)]
        with pytest.raises(RuntimeError, match="leaf"):
            torch._foreach_add_(x, 1)
        return [t.grad.tolist() for t in x], torch._foreach_add_(plain, 1) is plain, type(torch._foreach_neg(x))

    assert story(rushlight) == story(torch)


def test_what_does_not_fit_changes_nothing():
    x = [rushlight.ones(2), rushlight.ones(3)]
    with pytest.raises(RuntimeError, match="must match"):
        rushlight._foreach_add_(x, [rushlight.ones(2), rushlight.ones(4)])
    assert x[0].tolist() == [1, 1]
