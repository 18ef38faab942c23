"""Checkpoints: activations that are computed again in backward instead of being kept."""

import contextlib
import linecache
import os
import threading
import warnings
from typing import Any

from rushlight import _C
from rushlight._C import SavedTensor, Tensor
from rushlight._lazy import getter as _getter
from rushlight.autograd import backward as _backward
from rushlight.autograd.function import Function
from rushlight.autograd.grad_mode import enable_grad, no_grad, set_grad_enabled
from rushlight.autograd.graph import saved_tensors_hooks

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "DefaultDeviceType",
    "GraphExecGroup",
    "checkpoint",
    "checkpoint_sequential",
    "check_backward_validity",
    "detach_variable",
    "get_device_states",
    "create_selective_checkpoint_contexts",
    "noop_context_fn",
    "set_checkpoint_early_stop",
    "set_checkpoint_debug_enabled",
    "set_device_states",
]


class CheckpointError(RuntimeError):
    """What was computed again is not what was computed first."""


def detach_variable(inputs) -> Any:
    """The tensors among `inputs` without history, with the same requires_grad."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type:  {type(inputs).__name__}")
    return tuple(
        each.detach().requires_grad_(each.requires_grad) if isinstance(each, Tensor) else each for each in inputs
    )


def check_backward_validity(inputs) -> None:
    """Warns if no input requires grad."""
    if not any(each.requires_grad for each in inputs if isinstance(each, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def noop_context_fn() -> Any:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


class DefaultDeviceType:
    """Where checkpoints look for generators besides the CPU's: there are none."""

    _type = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Sets what get_device_type() says."""
        DefaultDeviceType._type = device

    @staticmethod
    def get_device_type() -> str:
        """What set_device_type() was told; "cpu" at first."""
        return DefaultDeviceType._type


def get_device_states(*args) -> tuple[list[int], list[Tensor]]:
    """The accelerators that hold tensors of `args`, and the states of their generators: none."""
    return [], []


def set_device_states(devices, states, *, device_type=None) -> None:
    """Sets the generators of accelerators, of which there are none."""
    if devices:
        raise RuntimeError("set_device_states(): there is no accelerator; torch.set_rng_state() sets the CPU's state")


# What `with` blocks say of all checkpoints; None: nothing.
_early_stop: bool | None = None
_debug: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """In a `with` block: whether recomputation stops at the last tensor that is needed; overrides `early_stop`."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """In a `with` block: whether errors list the operations of both computations; overrides `debug`."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


class GraphExecGroup:
    """In a `with` block: what one backward pass computed again serves the others, too.

    No two of them may need the same tensor.
    """

    _current = threading.local()

    def __enter__(self) -> "GraphExecGroup":
        if self._get_current_group() is not None:
            raise RuntimeError(
                f"GraphExecGroup contexts cannot be nested. Already inside group {self._get_current_group()}"
            )
        self._current.group = self
        return self

    def __exit__(self, *exception) -> None:
        self._current.group = None

    @classmethod
    def _get_current_group(cls) -> "GraphExecGroup | None":
        return getattr(cls._current, "group", None)


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """Refused."""
    raise NotImplementedError(f"create_selective_checkpoint_contexts is not available: {_UNDISPATCHED}")


class _RandomState:
    """The state of the default generator at the first computation, for the second."""

    def __init__(self, preserve) -> None:
        self.state = _C.default_generator.get_state() if preserve else None

    @contextlib.contextmanager
    def again(self) -> Any:
        if self.state is None:
            yield
            return
        now = _C.default_generator.get_state()
        _C.default_generator.set_state(self.state)
        try:
            yield
        finally:
            _C.default_generator.set_state(now)


class CheckpointFunction(Function):
    """The reentrant kind: forward records nothing, backward runs it again and backward through that."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random = _RandomState(preserve_rng_state)
        # Tensors are saved, so that changes are noticed; the rest is kept as it is.
        ctx.arguments = [None if isinstance(each, Tensor) else each for each in args]
        ctx.tensor_places = [i for i, each in enumerate(args) if isinstance(each, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensor_places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads) -> Any:
        if _C._pass_is_restricted():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        arguments = list(ctx.arguments)
        for place, tensor in zip(ctx.tensor_places, ctx.saved_tensors, strict=False):
            arguments[place] = tensor
        detached = detach_variable(tuple(arguments))
        with ctx.random.again(), enable_grad():
            outputs = ctx.run_function(*detached)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        weighted = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=False)
            if isinstance(output, Tensor) and output.requires_grad and grad is not None
        ]
        if not weighted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        _backward([output for output, _ in weighted], [grad for _, grad in weighted])
        return (None, None) + tuple(each.grad if isinstance(each, Tensor) else None for each in detached)


class _Trace:
    """In a `with` block: which operations are recorded, and where they are called."""

    operations: list = []

    def __enter__(self) -> None:
        self.number = _C._start_trace()

    def __exit__(self, *exception) -> None:
        self.operations = _C._end_trace(self.number)

    def text(self, other) -> str:
        """A line for each operation; the first that `other` does not have as well is marked."""
        names = [[name for name, _ in each.operations] for each in (self, other)]
        same = len(os.path.commonprefix(names))
        lines = []
        for i, (name, place) in enumerate(self.operations):
            file, _, line = place.rpartition(":")
            source = linecache.getline(file, int(line or 0)).strip()
            mark = "    <--- the first that differs" if i == same else ""
            lines.append(f"{i + 1}. {name} ({place}){': ' if source else ''}{source}{mark}")
        return "\n".join(lines) or "(none)"


class _Stop(Exception):
    """Everything that was saved has been computed again."""


class _Frame:
    """One call of the kind that is not reentrant: what it saved, by number, and what came of it again."""

    def __init__(self, function, args, kwargs, preserve_rng_state, contexts, check, early_stop, debug) -> None:
        self.function, self.kwargs = function, kwargs
        # Saved, so that it is noticed if they are changed before backward.
        self.args = [_C._make_saved_tensor(each, "checkpoint") if isinstance(each, Tensor) else each for each in args]
        self.random = _RandomState(preserve_rng_state)
        self.grad_enabled = _C.is_grad_enabled()
        self.contexts = contexts
        self.check = check
        self.early_stop = early_stop
        self.debug = debug
        self.first: Any = _Trace() if debug else contextlib.nullcontext()
        self.completed = False  # not yet where forward itself calls for gradients
        self.described: list = []  # shape and dtype of each saved tensor
        self.again: dict = {}  # by number of the pass, or by its group: what was computed for it, until it is unpacked

    def pack(self, tensor) -> Any:
        self.described.append(_description(tensor))
        return len(self.described) - 1

    def unpack(self, number) -> Any:
        current_pass = GraphExecGroup._get_current_group() or _C._running_pass()
        if not current_pass:  # somebody looks at saved tensors: nothing is kept for later
            return self.compute_again()[number]
        if current_pass not in self.again:
            self.again = {current_pass: self.compute_again()}
        again = self.again[current_pass]
        if number not in again:
            raise CheckpointError(_UNPACKED_TWICE)
        return again.pop(number)

    def compute_again(self) -> dict:
        """What was saved, by number."""
        if not self.debug:
            return self.run_again()
        trace = _Trace()
        try:
            with trace:
                return self.run_again()
        except CheckpointError as error:
            first, second = self.first.text(trace), trace.text(self.first)
            raise CheckpointError(_EXPLANATION.format(first=first, second=second, error=error)) from error

    def run_again(self) -> dict:
        again: list = []

        def pack(tensor):
            if self.check and self.completed and len(again) == len(self.described):
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                    f"original forward pass ({len(self.described)})."
                )
            again.append(tensor.detach() if tensor.requires_grad else tensor)
            if self.early_stop and len(again) == len(self.described):
                raise _Stop
            return len(again) - 1

        def unpack(number):
            return again[number]

        args = [each.unpack() if isinstance(each, SavedTensor) else each for each in self.args]
        with contextlib.suppress(_Stop), self.random.again(), self.contexts, set_grad_enabled(self.grad_enabled):
            with saved_tensors_hooks(pack, unpack):
                self.function(*args, **self.kwargs)
        if self.check and self.completed:
            self.compare(again)
        return dict(enumerate(again))

    def compare(self, again) -> None:
        first, second = len(self.described), len(again)
        if first != second:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {first}\n"
                f"Number of tensors saved during recomputation: {second}."
            )
        differing = [
            f"tensor at position {i}:\nsaved metadata: {before}\nrecomputed metadata: {_description(tensor)}"
            for i, (before, tensor) in enumerate(zip(self.described, again, strict=False))
            if before != _description(tensor)
        ]
        if differing:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "\n".join(differing) + "\n." + ("" if self.debug else _TIP)
            )


_UNDISPATCHED = "operations are not dispatched through Python; give checkpoint() the parts to compute again"
__getattr__ = _getter(
    __name__, absent=dict.fromkeys(("CheckpointPolicy", "SelectiveCheckpointContext", "SAC_IGNORED_OPS"), _UNDISPATCHED)
)

_TIP = """

Tip: with checkpoint(debug=True), or under set_checkpoint_debug_enabled(True), this error lists the operations of both
computations."""

_EXPLANATION = """\
 An error happened while unpacking tensors; dumping logs of latest computation
because you passed `debug=True` to `torch.utils.checkpoint.checkpoint()`.

Operations recorded during the original forward:

{first}

Operations recorded during recomputation (which may stop early, at the last tensor that is needed):

{second}

{error}

 You are seeing this error because you passed `debug=True` to checkpoint and what was to be saved for backward differs
between the original forward and the recomputation. Compare the operations above: the function must do the same each
time, whatever has changed meanwhile."""

_UNPACKED_TWICE = (
    "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise please "
    "open an issue with details on your use case."
)


def _description(tensor):
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    **kwargs,
) -> Any:
    """`function(*args, **kwargs)`, whose intermediate results are not kept but computed again in backward.

    `use_reentrant=False` is the kind to use: it works with autograd.grad, keywords and nested structures. Random
    numbers are drawn again from the same state, unless `preserve_rng_state=False`.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'] but got {determinism_check}")
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if _early_stop is not None:
        early_stop = _early_stop
    if _debug is not None:
        debug = _debug
    if debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    first, second = context_fn()
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    frame = _Frame(function, args, kwargs, preserve, second, determinism_check == "default", early_stop, debug)
    with frame.first, saved_tensors_hooks(frame.pack, frame.unpack), first:
        result = function(*args, **kwargs)
    frame.completed = True
    return result


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs) -> Any:
    """Runs the modules of a Sequential in `segments` parts; of all but the last only the inputs are kept."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    modules = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(start, end):
        def forward(value):
            for module in modules[start : end + 1]:
                value = module(value)
            return value

        return forward

    size = len(modules) // segments
    end = -1
    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        input = checkpoint(part(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(end + 1, len(modules) - 1)(input)
