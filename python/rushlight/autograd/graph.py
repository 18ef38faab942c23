"""The recorded graph: nodes, edges, and what is done to tensors that it saves."""

import abc
import threading
import weakref
from collections import OrderedDict
from typing import Any, NamedTuple

from rushlight import _C
from rushlight._C import Tensor
from rushlight._lazy import getter as _getter
from rushlight.autograd.grad_mode import no_grad
from rushlight.utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]


class _Handle(RemovableHandle):
    """Removes a hook that backward calls."""

    __module__ = RemovableHandle.__module__  # programs see one class of handles, by its name too

    def __init__(self, hook) -> None:
        super().__init__(_NoTable())
        self.hook = hook

    def remove(self) -> None:
        self.hook.remove()


_Handle.__name__ = _Handle.__qualname__ = RemovableHandle.__name__


class _NoTable(dict):
    """Takes weak references, which a dict does not."""


class Node(abc.ABC):
    """A recorded operation: what `grad_fn` is. Each kind of node has its own class; all of them are registered here."""

    @abc.abstractmethod
    def name(self) -> str:
        """As it is printed: "MulBackward0"."""

    @property
    @abc.abstractmethod
    def next_functions(self) -> tuple[tuple["Node | None", int], ...]:
        """Where the gradient of each input flows: a node, and which of its inputs that is."""

    @property
    @abc.abstractmethod
    def metadata(self) -> dict:
        """A dict that stays with the node."""

    @property
    @abc.abstractmethod
    def _input_metadata(self) -> tuple[Any, ...]:
        """Shape, dtype and device of each gradient that the node takes."""

    @abc.abstractmethod
    def _sequence_nr(self) -> int:
        """The order in which nodes were recorded."""

    @abc.abstractmethod
    def register_hook(self: Any, fn) -> RemovableHandle:
        """Calls `fn(grad_inputs, grad_outputs)` after the node has run; a tuple it returns replaces the former."""
        return _Handle(self._register_hook(fn))

    @abc.abstractmethod
    def register_prehook(self: Any, fn) -> RemovableHandle:
        """Calls `fn(grad_outputs)` before the node runs; a tuple it returns replaces them."""
        return _Handle(self._register_prehook(fn))


Node.register(_C.Node)
_C.Node.register_hook = Node.register_hook
_C.Node.register_prehook = Node.register_prehook


def register_hook(self, hook) -> Any:
    """Calls `hook(grad)` when the gradient of this tensor is known; what it returns replaces it."""
    return _Handle(_C._register_hook(self, hook))


def register_post_accumulate_grad_hook(self, hook) -> Any:
    """Calls `hook(leaf)` when a gradient has been accumulated in this leaf."""
    return _Handle(_C._register_leaf_hook(self, hook))


def retain_grad(self) -> None:
    """Lets a non-leaf keep its gradient in `.grad`."""
    _C._retain_grad(self)


def _get_hooks(self) -> Any:
    return self.__dict__.get("_backward_hooks", OrderedDict(enumerate(_C._tensor_hooks(self))) or None)


def _set_hooks(self, hooks) -> None:
    if self.requires_grad and (hooks or _C._tensor_hooks(self)):
        raise RuntimeError("_backward_hooks: register_hook() adds hooks, and the handle it returns removes them")
    self.__dict__["_backward_hooks"] = hooks  # of a tensor for which they are not called


def _refuse_deletion(self) -> None:
    raise RuntimeError("Deletion of _backwards_hooks not allowed!")


Tensor._backward_hooks = property(_get_hooks, _set_hooks, _refuse_deletion)
Tensor.register_hook = register_hook
Tensor.register_post_accumulate_grad_hook = register_post_accumulate_grad_hook
Tensor.retain_grad = retain_grad


class GradientEdge(NamedTuple):
    """Where a gradient flows: result number `output_nr` of `node`."""

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge to which the gradient of `tensor` flows, for autograd.grad and backward."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, output_nr = _C._gradient_edge(tensor)
    return GradientEdge(node, output_nr)


def increment_version(tensor) -> None:
    """Tells autograd that `tensor` (or each of several) was changed behind its back."""
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _C._increment_version(each)


class _unsafe_preserve_version_counter:
    """In a `with` block: what is done to a tensor (or to several) is not counted as a change."""

    def __init__(self, tensors) -> None:
        self.tensors = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
        self.versions = tuple(tensor._version for tensor in self.tensors)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception) -> None:
        for tensor, version in zip(self.tensors, self.versions, strict=True):
            _C._set_version(tensor, version)


class saved_tensors_hooks:
    """In a `with` block: `pack_hook(tensor)` is kept in place of each saved tensor, `unpack_hook` of that is used."""

    def __init__(self, pack_hook, unpack_hook) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._push_saved_tensor_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exception) -> None:
        _C._pop_saved_tensor_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keeps saved tensors on the CPU, where they are."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


class disable_saved_tensors_hooks:
    """In a `with` block or a decorated function: saved_tensors_hooks raises `error_message`."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self.before = _C._forbid_saved_tensor_hooks(self.error_message)

    def __exit__(self, *exception) -> None:
        _C._forbid_saved_tensor_hooks(self.before)

    def __call__(self, function):
        import functools

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with disable_saved_tensors_hooks(self.error_message):
                return function(*args, **kwargs)

        return wrapper


class _MultiHandle:
    def __init__(self, handles) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.remove()


def register_multi_grad_hook(tensors, fn, *, mode: str = "all") -> Any:
    """Calls `fn` in each backward: with all gradients of `tensors` once they are known (None for those that get
    none), or, in mode "any", with the first of them.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        lock = threading.Lock()
        done: dict[str, int] = {}

        def first(grad):
            number = _C._running_pass()
            with lock:
                if done.get("pass") == number:
                    return
                done["pass"] = number
            fn(grad)

        return _MultiHandle([tensor.register_hook(first) for tensor in tensors if tensor.requires_grad])

    nodes = [get_gradient_edge(tensor).node if tensor.requires_grad else None for tensor in tensors]
    lock = threading.Lock()
    passes: dict = {}

    def arrived(index):
        def hook(grad):
            number = _C._running_pass()
            with lock:
                state = passes.get(number)
                if state is None:
                    passes.clear()
                    expected = sum(node is not None and _C._pass_runs(node) for node in nodes)
                    state = passes[number] = [expected, [None] * len(nodes)]
                state[0] -= 1
                state[1][index] = grad
                complete = state[0] == 0
                if complete:
                    del passes[number]
            if complete:
                fn(state[1])

        return hook

    return _MultiHandle([tensor.register_hook(arrived(i)) for i, tensor in enumerate(tensors) if tensor.requires_grad])


class _MutationContext:
    """What operations saved in the block: the tensors, until one is written to; from then on its copy."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything; a backward that needs it fails."""
        self.original: Any = weakref.WeakKeyDictionary()
        self.cloned: Any = weakref.WeakKeyDictionary()
        self.tid_to_weakhandle: Any = weakref.WeakValueDictionary()

    def pack(self, tensor):
        identity = (_bytes_of(tensor), tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor._version)
        handle = self.tid_to_weakhandle.get(identity)
        if handle is None:
            handle = self.tid_to_weakhandle[identity] = _Key()
            self.original[handle] = tensor
        return handle

    def unpack(self, handle):
        for kept in (self.cloned, self.original):
            if handle in kept:
                return kept[handle]
        raise AssertionError(
            "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was "
            "originally recorded."
        )

    def before_write(self, tensor):
        start = _bytes_of(tensor)
        for handle, saved in list(self.original.items()):
            if _bytes_of(saved) == start:
                with no_grad():
                    self.cloned[handle] = saved.clone()
                del self.original[handle]


class _Key:
    __slots__ = ("__weakref__",)


def _bytes_of(tensor):
    """Where the storage of a tensor begins."""
    return tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()


class allow_mutation_on_saved_tensors:
    """In a `with` block: what backward needs may be changed in place, since a copy is made before that happens.

    Backward, too, must happen in the block.
    """

    _current = threading.local()

    def __enter__(self) -> _MutationContext:
        if getattr(self._current, "context", None) is not None:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        context = self._current.context = _MutationContext()
        _C._push_saved_tensor_hooks(context.pack, context.unpack)
        _C._watch_writes(context.before_write)
        return context

    def __exit__(self, *exception) -> None:
        _C._watch_writes(None)
        _C._pop_saved_tensor_hooks()
        self._current.context.clear()
        self._current.context = None


__getattr__ = _getter(
    __name__, absent={"region_activation_memory_budget": "nothing is compiled; utils.checkpoint saves memory"}
)


def _check_switch(enabled) -> None:
    if not isinstance(enabled, bool):
        raise RuntimeError(f"enabled must be a bool, but got {type(enabled).__name__}")


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Accepted: the CPU has no streams, of which gradients could come from another."""
    _check_switch(enabled)


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Accepted: the CPU captures no streams."""
    _check_switch(enabled)
