"""Every example of the op table, over dtypes and layouts, beside PyTorch: values, dtypes, errors, gradients of both orders.

An example is run in both libraries from the same seed. Its tensors come from `randn`, `rand` and `randint`, which are
replaced by versions that give them another dtype or layout; the text of the example stays as it stands in the table.
"""

import math

import pytest
import rushlight

TABLE = [entry for entry in rushlight._C._operation_table() if "private" not in entry["variants"]]
EXAMPLES = [(entry, line) for entry in TABLE for line in entry["examples"].split("\n") if line]
IDENTIFIERS = [f"{entry['full_name']}: {line}" for entry, line in EXAMPLES]

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
LAYOUTS = ["contiguous", "transposed", "strided", "expanded"]

# Uninitialised or drawn anew: only shape and dtype can be compared.
UNDEFINED = {
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
    "new_empty_strided",
    "empty_permuted",
    "resize_",
    "resize_as_",
}
# PyTorch draws these with MKL on Intel processors, or by a path that depends on the machine.
MACHINE_DRAWN = {
    "bernoulli",
    "bernoulli_",
    "exponential_",
    "dropout",
    "dropout_",
    "alpha_dropout",
    "feature_dropout",
    "rrelu",
    "multinomial",
    "gumbel_softmax",
}


# Where PyTorch has no kernel, or trips over its own implementation, we may give a result instead.
LIMITS_OF_PYTORCH = (
    "not implemented for",
    "view size is not compatible",
    "is not differentiable with respect to",
    "derivative for aten::",
    "does not support bool dtypes",
    "Integral inputs not supported",
    "the derivative for '",
    "Autograd not support dtype",
    "Expected X.is_contiguous(memory_format)",
)
# Which of several equal elements these point to is unspecified, and so is where their gradient goes.
UNSPECIFIED_INDEX = {"median", "nanmedian", "kthvalue", "mode"}


# Where PyTorch's own gradients fail: 2 ** -1 of integers is 0, saved powers are overwritten, the gradient of a view is
# taken for that of the whole.
WRONG_GRADIENTS = ("ldexp", "vander(", "as_strided_scatter")

# Where we differ from PyTorch for a reason, by example, dtype and layout.
DIFFERENT = {
    **{
        (f"torch.special.{line}", "float64", "contiguous"): "PyTorch's has 7 digits"
        for line in (
            "bessel_j0(randn(3, 4) * 5)",
            "bessel_j1(randn(3, 4) * 5)",
            "bessel_y0(rand(3, 4) * 5 + 0.1)",
            "bessel_y1(rand(3, 4) * 5 + 0.1)",
            "airy_ai(randn(3, 4) * 5)",
        )
    },
    ("F.hardtanh(randn(3), -0.5, 0.2)", "uint8", "contiguous"): "negative limits are refused before they are cut to 0",
    ("inner(randn(3), randn(3))", "bool", "strided"): "refused for every layout",
    ("inner(randn(3), randn(3))", "bool", "expanded"): "refused for every layout",
}


def may_differ(theirs):
    return isinstance(theirs, Exception) and any(words in str(theirs) for words in LIMITS_OF_PYTORCH)


def layout_of(torch, tensor, layout):
    """The same elements (but for "expanded", which repeats some) in another layout."""
    if layout == "transposed" and tensor.dim() >= 2:
        return tensor.transpose(0, -1).clone(memory_format=torch.contiguous_format).transpose(0, -1)
    if layout == "strided" and tensor.dim() >= 1:
        wide = torch.zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]), dtype=tensor.dtype)
        wide[..., ::2] = tensor
        return wide[..., ::2]
    if layout == "expanded" and tensor.dim() >= 1 and tensor.shape[0] > 0:
        return tensor[:1].expand(tensor.shape)
    return tensor


class Namespace(dict):
    """What an example sees: the library's names, with sources of tensors that convert what they draw."""

    def __init__(self, torch, dtype="float32", layout="contiguous", empty=False):
        super().__init__(F=torch.nn.functional, torch=torch, inf=math.inf, nan=math.nan, pi=math.pi)
        self.torch, self.dtype, self.layout, self.leaves = torch, dtype, layout, []
        for name in ("randn", "rand"):
            self[name] = self.source(getattr(torch, name))

    def source(self, draw):
        def make(*size, **options):
            if options:
                return draw(*size, **options)
            dtype = getattr(self.torch, self.dtype)
            tensor = draw(*size)
            if not dtype.is_floating_point and self.dtype != "bool":
                tensor = tensor * 4
            tensor = tensor > 0.3 if self.dtype == "bool" else tensor.to(dtype)
            tensor = layout_of(self.torch, tensor, self.layout)
            if getattr(self, "recording", False):
                tensor = tensor.detach().requires_grad_()
                self.leaves.append(tensor)
                return tensor * 1  # an in-place operation may not change a leaf
            return tensor

        return make

    def __missing__(self, name):
        return getattr(self.torch, name)


def run(torch, line, **options):
    """The example's result, or the class of its error."""
    namespace = Namespace(torch, **options)
    torch.manual_seed(5)
    try:
        return eval(line, {"__builtins__": {}}, namespace)  # the examples are our own text
    except Exception as error:
        return error


def tensors_in(result, kind):
    if isinstance(result, kind):
        return [result]
    if isinstance(result, (tuple, list)):
        return [tensor for item in result for tensor in tensors_in(item, kind)]
    return []


TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-9}


def assert_same_tensor(torch, ours, theirs, context, loosen=1.0):
    assert tuple(ours.shape) == tuple(theirs.shape), context
    assert str(ours.dtype) == str(theirs.dtype), context
    if theirs.numel() == 0:
        return
    ours = torch.tensor(ours.detach().to(rushlight.float64).tolist(), dtype=torch.float64)
    tolerance = TOLERANCES.get(str(theirs.dtype)[6:], 0) * loosen
    if "float16" in context:  # the arguments had this precision, whatever the result's
        tolerance = max(tolerance, TOLERANCES["bfloat16" if "bfloat16" in context else "float16"])
    theirs = theirs.detach().to(torch.float64)
    same = torch.isclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)
    assert bool(same.all()), f"{context}\nours   {ours.tolist()}\ntheirs {theirs.tolist()}"


def assert_same(torch, ours, theirs, context, compare_values=True):
    if may_differ(theirs):
        return
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)) or type(ours).__name__ == type(theirs).__name__, (
            f"{context}: PyTorch raises {theirs!r}, we give {ours!r}"
        )
        return
    assert not isinstance(ours, Exception), f"{context}: {ours!r}"
    if isinstance(theirs, torch.Tensor):
        if compare_values:
            assert_same_tensor(torch, ours, theirs, context)
        else:
            assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype), context
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs), context
        for a, b in zip(ours, theirs):
            assert_same(torch, a, b, context, compare_values)
    elif isinstance(theirs, float):
        assert math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-6) or math.isnan(theirs) and math.isnan(ours), (
            context
        )
    else:
        assert str(ours) == str(theirs), context


def compares_values(entry):
    names = {entry["name"], entry["name"].rstrip("_")}
    return not names & (UNDEFINED | MACHINE_DRAWN)


def test_known_differences_are_examples_of_the_table():
    assert {line for line, _, _ in DIFFERENT} <= {line for _, line in EXAMPLES}


def test_every_operation_has_a_description_and_an_example():
    for entry in TABLE:
        assert entry["doc"] and entry["examples"], entry["full_name"]


@pytest.mark.parametrize("entry, line", EXAMPLES, ids=IDENTIFIERS)
def test_example_over_dtypes_and_layouts(torch, entry, line):
    for dtype in DTYPES:
        for layout in LAYOUTS if dtype in ("float32", "int64", "bool") else LAYOUTS[:1]:
            options = {"dtype": dtype, "layout": layout}
            theirs = run(torch, line, **options)
            ours = run(rushlight, line, **options)
            if layout == "expanded" and entry["name"].endswith("median"):
                continue  # PyTorch's selection swaps elements that are one and the same
            if (line, dtype, layout) in DIFFERENT:
                with pytest.raises(AssertionError):  # once it does agree, the entry must go
                    assert_same(torch, ours, theirs, "", compares_values(entry))
                continue
            has_ties = layout == "expanded" or dtype != "float32"
            if has_ties and entry["name"] in UNSPECIFIED_INDEX and not isinstance(theirs, Exception):
                ours, theirs = (
                    [tensors_in(result, kind)[0]] for result, kind in ((ours, rushlight.Tensor), (theirs, torch.Tensor))
                )
            assert_same(torch, ours, theirs, f"{line} [{dtype}, {layout}]", compares_values(entry))


# The same calls in place: `add(a, b)` as `Tensor.add_(a, b)`.
IN_PLACE = [
    (entry, f"Tensor.{entry['name']}_" + line[len(entry["name"]) :])
    for entry, line in EXAMPLES
    if "in-place" in entry["variants"] and line.startswith(entry["name"] + "(") and "dtype=" not in line
]


@pytest.mark.parametrize("entry, line", IN_PLACE, ids=[f"{e['full_name']}: {line}" for e, line in IN_PLACE])
def test_in_place_form(torch, entry, line):
    if not hasattr(torch.Tensor, entry["name"] + "_"):
        return
    for dtype in ("float32", "int64", "bool"):
        for layout in ("contiguous", "strided"):
            options = {"dtype": dtype, "layout": layout}
            theirs, ours = run(torch, line, **options), run(rushlight, line, **options)
            assert_same(torch, ours, theirs, f"{line} [{dtype}, {layout}]", compares_values(entry))


DIFFERENTIABLE = [
    (entry, line)
    for entry, line in EXAMPLES
    if (entry["differentiable"] or entry["composite"]) and "randn(" in line or "rand(" in line
]


def gradients(torch, line, layout):
    """The recorded result with its first and second gradients, or None if nothing is differentiable."""
    namespace = Namespace(torch, dtype="float64", layout=layout)
    namespace.recording = True
    torch.manual_seed(5)
    try:
        result = eval(line, {"__builtins__": {}}, namespace)
    except Exception as error:
        return error
    outputs = [t for t in tensors_in(result, torch.Tensor) if t.requires_grad]
    if not outputs:
        return None
    weighted = sum((t * torch.linspace(0.5, 1.5, t.numel(), dtype=t.dtype).reshape(t.shape)).sum() for t in outputs)
    try:
        first = torch.autograd.grad(weighted, namespace.leaves, create_graph=True, allow_unused=True)
        flowing = [g for g in first if g is not None and g.requires_grad]
        second = ()
        if flowing:
            second = torch.autograd.grad(sum((g * g).sum() for g in flowing), namespace.leaves, allow_unused=True)
    except Exception as error:
        return error
    return list(first), list(second)


RECORDED = DIFFERENTIABLE + [each for each in IN_PLACE if "rand(" in each[1] or "randn(" in each[1]]


@pytest.mark.parametrize("entry, line", RECORDED, ids=[f"{e['full_name']}: {line}" for e, line in RECORDED])
def test_gradients_of_both_orders(torch, entry, line):
    if not compares_values(entry):
        return
    for layout in LAYOUTS:
        theirs, ours = gradients(torch, line, layout), gradients(rushlight, line, layout)
        context = f"{line} [{layout}]"
        if any(name in line for name in WRONG_GRADIENTS):
            continue
        if may_differ(theirs) or (layout == "expanded" and entry["name"] in UNSPECIFIED_INDEX):
            continue
        if isinstance(theirs, Exception):
            assert type(ours).__name__ == type(theirs).__name__, (
                f"{context}: PyTorch raises {theirs!r}, we give {ours!r}"
            )
            continue
        assert not isinstance(ours, Exception), f"{context}: {ours!r}"
        assert (ours is None) == (theirs is None), f"{context}: ours {ours}, theirs {theirs}"
        if theirs is None:
            continue
        for order in (0, 1):
            for a, b in zip(ours[order], theirs[order]):
                # PyTorch may give zeros where we give nothing, or the other way round.
                if a is None or b is None:
                    rest = a if b is None else b
                    assert rest is None or not bool((rest != 0).any()), context
                else:
                    assert_same_tensor(torch, a, b, f"{context} order {order + 1}", loosen=100)


def nodes(torch, line):
    """The names of the results' nodes; those that do not require a gradient have none."""
    namespace = Namespace(torch)
    namespace.recording = True
    torch.manual_seed(5)
    try:
        outputs = tensors_in(eval(line, {"__builtins__": {}}, namespace), torch.Tensor)
    except Exception:
        return None  # compared elsewhere
    return [t.grad_fn.name() if t.grad_fn is not None else None for t in outputs]


# Made of other operations than in PyTorch, so that the last of them has another name. Beginnings of examples.
OTHER_NODES = (
    "F.pdist(",
    "pdist(",
    "native_dropout(",
    "combinations(",
    "native_group_norm(",
    "F.embedding_bag(",
    "embedding_bag(",
    "index_reduce(",
    "Tensor.index_reduce_(",
    "mvlgamma(",
    "Tensor.mvlgamma_(",
    "F.rrelu_(",
    "F.nll_loss(randn(2, 3, 4), zeros(2, 4, dtype=int64), reduction='none')",
    "matmul(randn(3, 4), randn(2, 4, 3))",
    "norm_except_dim(randn(2, 3, 4), dim=-1)",
    "F.scaled_dot_product_attention(randn(3, 4), randn(3, 4), randn(3, 4), attn_mask",
    "F.pad(randn(2, 3, 4), (2, 3, 1, 2), mode='circular')",
    "as_strided_scatter(",
    "torch.special.xlog1py(rand(3, 4), 2.0)",
    "torch.special.xlog1py(2.0, rand(4))",
    "torch.special.zeta(rand(3, 4) + 1.5, 2.0)",
    "torch.special.zeta(2.0, rand(4) + 0.5)",
    "vander(randn(4), N=3",
)
# Of which PyTorch's form in place counts as another overload.
OTHER_OVERLOADS = "lt le gt ge less less_equal greater greater_equal asinh acosh atanh arcsinh arccosh arctanh".split()


ALL = EXAMPLES + IN_PLACE


@pytest.mark.parametrize("entry, line", ALL, ids=[f"{e['full_name']}: {line}" for e, line in ALL])
def test_names_of_nodes(torch, entry, line):
    theirs, ours = nodes(torch, line), nodes(rushlight, line)
    if not theirs:
        return
    if line.startswith(tuple(f"Tensor.{name}_(" for name in OTHER_OVERLOADS)):
        theirs = [name.replace("Backward1", "Backward0") for name in theirs]
    assert (ours == theirs) == (not line.startswith(OTHER_NODES)), (ours, theirs)


def differentiability(torch, line):
    """Order by order, which leaves have a gradient and whether that can be differentiated further; up to an error."""
    namespace = Namespace(torch, dtype="float64")
    namespace.recording = True
    torch.manual_seed(5)
    outputs, found = [], []
    try:
        outputs = tensors_in(eval(line, {"__builtins__": {}}, namespace), torch.Tensor)
        for _ in range(4):
            outputs = [t for t in outputs if t is not None and t.requires_grad]
            if not outputs:
                break
            total = sum((t * 0.5).sum() for t in outputs)
            outputs = torch.autograd.grad(total, namespace.leaves, create_graph=True, allow_unused=True)
            found.append([None if t is None else t.requires_grad for t in outputs])
    except Exception as error:
        found.append(type(error).__name__)
    return found


# A zero derivative that PyTorch's node knows of and our formula has no need of.
OTHER_ORDERS = (
    "F.instance_norm(",
    "instance_norm(",
    "batch_norm(",
    "F.layer_norm(",
    "native_layer_norm(",
    "F.nll_loss(",
    "F.pad(",
    "F.rrelu",
)


@pytest.mark.parametrize("entry, line", DIFFERENTIABLE, ids=[f"{e['full_name']}: {line}" for e, line in DIFFERENTIABLE])
def test_orders_of_derivatives(torch, entry, line):
    theirs, ours = differentiability(torch, line), differentiability(rushlight, line)
    lacks_formula = any(isinstance(order, str) for order in theirs)
    if not lacks_formula and not line.startswith(OTHER_ORDERS):
        assert ours == theirs


@pytest.mark.parametrize("entry, line", EXAMPLES, ids=IDENTIFIERS)
def test_same_bits_on_avx2_and_avx512(entry, line):
    targets = [target for target in rushlight._C._simd_targets() if target != "sse2"]
    before = rushlight._C._simd_target()
    results = []
    try:
        for target in targets:
            rushlight._C._set_simd_target(target)
            results.append(run(rushlight, line))
    finally:
        rushlight._C._set_simd_target(before)
    if entry["name"].rstrip("_") in UNDEFINED or not results or isinstance(results[0], Exception):
        return
    for other in results[1:]:
        for a, b in zip(tensors_in(results[0], rushlight.Tensor), tensors_in(other, rushlight.Tensor)):
            same = (a == b) | ((a != a) & (b != b)) if a.is_floating_point() else a == b
            assert bool(same.all()), f"{line}: {a} on {targets[0]}, {b}"
