"""Random programs of views, in-place operations, modes, hooks, Functions and backward: on Rushlight as on PyTorch.

300 programs in an ordinary run, 5,000 with --long; others with --hypothesis-seed=NUMBER. A program is a list of
instructions on numbered tensors; each either succeeds on both libraries or raises the same error on both, and at the
end all values, gradients and flags agree. A third as many are run in forward mode, where tangents have to agree, too.
"""

import contextlib
import math
import warnings

import hypothesis.strategies as st
import pytest
import rushlight
from hypothesis import HealthCheck, given, settings

UNARY = {
    "sin": lambda a: a.sin(),
    "exp": lambda a: (a * 0.1).exp(),
    "tanh": lambda a: a.tanh(),
    "neg": lambda a: -a,
    "sum": lambda a: a.sum(),
    "mean": lambda a: a.mean(-1, keepdim=True),
    "clone": lambda a: a.clone(),
    "double": lambda a: a * 2,
    "detach": lambda a: a.detach(),
    "data": lambda a: a.data,
    "relu": lambda a: a.relu(),
    "power": lambda a: a**2,
    "sort": lambda a: a.sort(-1)[0],
    "max": lambda a: a.max(-1)[0],
    "clamp": lambda a: a.clamp(-0.4, 0.9),
    "softmax": lambda a: a.softmax(-1),
    "fill": lambda a: a.masked_fill(a > 0.3, 0.5),
    "leaf": lambda a: a.detach().clone().requires_grad_(),
}
VIEWS = {
    "first": lambda a: a[0],
    "tail": lambda a: a[..., 1:],
    "transpose": lambda a: a.transpose(0, -1),
    "flat": lambda a: a.view(-1),
    "reshape": lambda a: a.reshape(-1),
    "unsqueeze": lambda a: a.unsqueeze(0),
    "squeeze": lambda a: a.squeeze(),
    "expand": lambda a: a.unsqueeze(0).expand(2, *a.shape),
    "narrow": lambda a: a.narrow(-1, 0, 2),
    "unbind": lambda a: a.unbind(0)[0],
    "chunk": lambda a: a.chunk(2, -1)[0],
    "diagonal": lambda a: a.diagonal(),
}
BINARY = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
    "scaled": lambda a, b: a * b.sum(),
}


def extent(tensor):
    start = tensor.data_ptr()
    return start, start + 8 * (1 + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride())))


def overlap(a, b):
    (a_start, a_end), (b_start, b_end) = extent(a), extent(b)
    return a_end > b_start and b_end > a_start


def apart(a, b):
    """What to change `a` by: a copy of `b` where PyTorch's result depends on the order in which it goes through them."""
    checked = a.is_contiguous() and b.is_contiguous()
    return b if a is b or checked or not overlap(a, b) else b.clone()


IN_PLACE = {
    "add_": lambda a, b: a.add_(apart(a, b)),
    "mul_": lambda a, b: a.mul_(apart(a, b)),
    "copy_": lambda a, b: a.copy_(apart(a, b)) if a is not b and 0 not in a.stride() else None,
    "add_number": lambda a, b: a.add_(1.5),
    "mul_number": lambda a, b: a.mul_(0.5),
    "sin_": lambda a, b: a.sin_(),
    "tanh_": lambda a, b: a.tanh_(),
    "zero_": lambda a, b: a.zero_(),
    "set": lambda a, b: a.__setitem__(0, b.sum()),
    "set_row": lambda a, b: a.__setitem__(Ellipsis, b.clone()) if b.dim() and 0 not in a.stride() else None,
}
OTHER = {
    # Not of a view: PyTorch loses its gradient when the base, which requires none, is changed.
    "requires_grad_": lambda a: a.requires_grad_() if a._base is None else None,
    "retain_grad": lambda a: a.retain_grad(),
    "forget": lambda a: setattr(a, "grad", None),
    "backward": lambda a: a.sum().backward(),
    "backward_retaining": lambda a: a.sum().backward(retain_graph=True),
}

# Instructions on two tensors that the Machine has to know of: what their hooks see is compared, too.
WATCHED = {
    "double": lambda machine, a, b: machine.keep(a.register_hook(lambda g: g * 2)),
    "see": lambda machine, a, b: machine.keep(a.register_hook(lambda g: machine.see(g))),
    "see_accumulated": lambda machine, a, b: machine.keep(
        a.register_post_accumulate_grad_hook(lambda leaf: machine.see(leaf.grad))
    ),
    "see_node": lambda machine, a, b: (
        a.grad_fn and machine.keep(a.grad_fn.register_hook(lambda computed, arrived: machine.see(*computed, *arrived)))
    ),
    "triple": lambda machine, a, b: (
        a.grad_fn and machine.keep(a.grad_fn.register_prehook(lambda arrived: tuple(3 * g for g in arrived)))
    ),
    "remove": lambda machine, a, b: [handle.remove() for handle in machine.handles],
    "backward_to": lambda machine, a, b: b.sum().backward(inputs=[a], retain_graph=True),
    "backward_of_two": lambda machine, a, b: machine.library.autograd.backward([a.sum(), b.sum()]),
    "backward_weighted": lambda machine, a, b: a.backward(machine.library.ones_like(a) * 2, retain_graph=True),
    "backward_recorded": lambda machine, a, b: a.sum().backward(create_graph=True),
}


def functions(library):
    """Functions with a backward of their own, by name."""

    class Square(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

        @staticmethod
        def jvp(ctx, t):
            return t * 7

    class Doubled(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x.mul_(2))
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            return t.mul_(2)

    class Same(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

        @staticmethod
        def jvp(ctx, t):
            return t.view_as(t)

    class Pair(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            return b * 3 if a is None else a * 2

        @staticmethod
        def jvp(ctx, t):
            return t * 2, t * 3

    return {
        "square": Square.apply,
        "doubled": Doubled.apply,
        "same": Same.apply,
        "first_of_pair": lambda x: Pair.apply(x)[0],
        "second_of_pair": lambda x: Pair.apply(x)[1],
    }


tensor_number = st.integers(0, 30)


def table(kind, operations, *operands):
    return st.tuples(st.just(kind), st.sampled_from(sorted(operations)), *operands)


simple = st.one_of(
    table("unary", UNARY, tensor_number),
    table("view", VIEWS, tensor_number),
    table("binary", BINARY, tensor_number, tensor_number),
    table("in_place", IN_PLACE, tensor_number, tensor_number),
    table("other", OTHER, tensor_number),
    table("watched", WATCHED, tensor_number, tensor_number),
    table("function", functions(rushlight), tensor_number),
    table("checkpoint", UNARY, tensor_number),
    st.tuples(st.just("grad"), tensor_number, tensor_number, st.booleans()),
)
blocks = st.sampled_from(["no_grad", "enable_grad", "saved_tensors_hooks"])
block = st.tuples(blocks, st.lists(simple, min_size=1, max_size=4))
programs = st.lists(st.one_of(simple, simple, simple, simple, block), min_size=4, max_size=14)


class Machine:
    """Runs a program on one library; what each instruction came to is in `events`."""

    def __init__(self, library):
        self.library = library
        self.events, self.seen, self.handles = [], [], []
        self.functions = functions(library)
        f64 = library.float64
        a = library.arange(6, dtype=f64).reshape(2, 3) * 0.25 - 0.5
        self.tensors = [a.clone().requires_grad_(), a.flip(1).clone().requires_grad_(), a + 1, a.cos()]

    def __getitem__(self, number):
        return self.tensors[number % len(self.tensors)]

    def keep(self, handle):
        self.handles.append(handle)

    def see(self, *gradients):
        self.seen.append([None if g is None else g.detach().clone() for g in gradients])

    def block(self, kind):
        if kind == "saved_tensors_hooks":
            return self.library.autograd.graph.saved_tensors_hooks(lambda x: [x], lambda packed: packed[0])
        return getattr(self.library, kind)()

    def run(self, program):
        for instruction in program:
            if isinstance(instruction[1], list):
                with self.block(instruction[0]):
                    self.run(instruction[1])
                continue
            try:
                self.step(*instruction)
                self.events.append("done")
            except Exception as error:  # the error is the result
                self.events.append(f"{type(error).__name__}: {error}")

    @staticmethod
    def look_at(tensor):
        """Brings a view's history up to date: PyTorch takes one that nobody has looked at for a leaf, and refuses what
        is done in place, or crashes in register_hook."""
        with contextlib.suppress(RuntimeError):
            tensor.grad_fn  # noqa: B018

    def step(self, kind, *operands):
        if kind == "grad":
            result, by, create = operands
            (grad,) = self.library.autograd.grad(
                self[result].sum(), self[by], retain_graph=True, create_graph=create, allow_unused=True
            )
            if grad is not None:
                # A copy: whether a gradient is an expanded view, and its node, are a formula's own affair.
                self.tensors.append(grad.clone())
            return
        name, *numbers = operands
        if kind in ("in_place", "watched"):
            self.look_at(self[numbers[0]])
        tensors = [self[number] for number in numbers]
        if kind == "watched":
            WATCHED[name](self, *tensors)
            return
        if kind == "checkpoint":
            tensors[0].grad_fn  # noqa: B018  (where it refuses, PyTorch's answer depends on what hooks are in force)
            checkpoint = self.library.utils.checkpoint.checkpoint
            self.tensors.append(checkpoint(UNARY[name], *tensors, use_reentrant=False))
            return
        tables = {"unary": UNARY, "view": VIEWS, "binary": BINARY, "in_place": IN_PLACE, "other": OTHER}
        made = tables.get(kind, self.functions)[name](*tensors)
        if kind not in ("in_place", "other"):
            self.tensors.append(made)


class DualMachine(Machine):
    """Begins with dual tensors, and one that is not."""

    def __init__(self, library):
        super().__init__(library)
        make_dual = library.autograd.forward_ad.make_dual
        duals = [make_dual(tensor, (tensor.detach() * 3).cos()) for tensor in self.tensors]
        self.tensors = [*duals[:2], self.tensors[2], duals[3]]
        self.handed_on = []  # by functions, as they were

    def step(self, kind, *operands):
        if kind == "watched":
            return  # PyTorch crashes on some hooks here
        if operands[0] == "doubled" and self.is_view(self[operands[1]]):
            return  # where PyTorch refuses it, or its tangent, it leaves the view in another state
        if operands[0] == "mul_" and overlap(self[operands[1]], self[operands[2]]):
            return  # PyTorch reads tangents and values that it has begun to change
        super().step(kind, *operands)
        if operands[0] == "same":
            self.handed_on.append(self.tensors[-1])

    def is_view(self, tensor):
        return tensor._base is not None or any(tensor is same for same in self.handed_on)

    def tangents(self):
        return [self.tangent(tensor) for tensor in self.tensors]

    def tangent(self, tensor):
        with contextlib.suppress(RuntimeError):  # a view that refuses to be looked at
            return self.library.autograd.forward_ad.unpack_dual(tensor).tangent
        return None


def described(tensor):
    """All that may be seen of a tensor, without its values."""
    try:
        history = None if tensor.grad_fn is None else type(tensor.grad_fn).__name__
        if history == "ReshapeAliasBackward0":  # PyTorch's name for the same view of what is strided
            history = "ViewBackward0"
        leaf = tensor.is_leaf
    except RuntimeError as error:
        history, leaf = reduced(f"RuntimeError: {error}"), None
    return tuple(tensor.shape), tensor.requires_grad, leaf, history, tensor._version


def reduced(event):
    """An event without what the libraries word differently on purpose."""
    event = event.split(" Hint:")[0].split(" (got shape")[0]
    event = event.replace("ReshapeAlias", "View")
    if "inplace" in event or "in-place" in event or "autograd" in event or "grad" in event:
        return event
    return event.split(":")[0]


def same_values(ours, theirs):
    a, b = ours.detach().reshape(-1).tolist(), theirs.detach().reshape(-1).tolist()
    return len(a) == len(b) and all(
        math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(x) and math.isnan(y)) or x == y
        for x, y in zip(a, b)
    )


def gradient(tensor):
    """The gradient; of a view that refuses to be looked at, since its base has changed, the error."""
    try:
        return tensor.grad
    except RuntimeError as error:
        return reduced(f"RuntimeError: {error}")


def same_or_zero(a, b):
    if a is None or b is None:
        rest = a if b is None else b
        return rest is None or not bool((rest != 0).any())
    return same_values(a, b)


def compare(torch, program, machine=Machine):
    ours, theirs = machine(rushlight), machine(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours.run(program)
        theirs.run(program)
        if any("INTERNAL ASSERT" in event for event in theirs.events):
            return  # PyTorch stumbles where a retained result of a node with several is changed
        if machine is DualMachine and any("a leaf Variable that requires" in event for event in theirs.events):
            return  # it refuses to change tangents of its own making
        assert [reduced(e) for e in ours.events] == [reduced(e) for e in theirs.events]
        for seen, right in zip(ours.seen, theirs.seen, strict=True):
            for a, b in zip(seen, right, strict=True):
                assert (a is None) == (b is None)
                assert a is None or same_values(a, b)
        for i, (a, b) in enumerate(zip(ours.tensors, theirs.tensors)):
            assert described(a) == described(b), i
            assert same_values(a, b), i
            grads = gradient(a), gradient(b)
            if isinstance(grads[0], str) or grads[0] is None or grads[1] is None:
                assert grads[0] == grads[1], i
            else:
                assert same_values(*grads), i
        if machine is DualMachine:
            for i, (a, b) in enumerate(zip(ours.tangents(), theirs.tangents(), strict=True)):
                assert same_or_zero(a, b), i


@pytest.fixture(scope="module")
def count(request):
    return 5000 if request.config.getoption("--long") else 300


def run_programs(check, count, request):
    @settings(
        max_examples=count,
        derandomize=request.config.getoption("--hypothesis-seed", None) is None,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(programs)
    def run(program):
        check(program)

    run()


def test_random_programs(torch, count, request):
    run_programs(lambda program: compare(torch, program), count, request)


def test_random_programs_in_forward_mode(torch, count, request):
    def check(program):
        with rushlight.autograd.forward_ad.dual_level(), torch.autograd.forward_ad.dual_level():
            compare(torch, program, DualMachine)

    run_programs(check, count // 3, request)
