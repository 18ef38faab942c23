"""The recorded graph: nodes, edges, and what is done to tensors that it saves."""

import threading
from typing import Any, NamedTuple

from rushlight import _C
from rushlight._C import Node, Tensor

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
]


def _handle(hook):
    from rushlight.autograd._handle import RemovableHandle

    return RemovableHandle(hook)


def _node_register_hook(self, fn):
    """Calls `fn(grad_inputs, grad_outputs)` after the node has run; a tuple it returns replaces the former."""
    return _handle(self._register_hook(fn))


def _node_register_prehook(self, fn):
    """Calls `fn(grad_outputs)` before the node runs; a tuple it returns replaces them."""
    return _handle(self._register_prehook(fn))


Node.register_hook = _node_register_hook
Node.register_prehook = _node_register_prehook


def register_hook(self, hook) -> Any:
    """Calls `hook(grad)` when the gradient of this tensor is known; what it returns replaces it."""
    return _handle(_C._register_hook(self, hook))


def register_post_accumulate_grad_hook(self, hook) -> Any:
    """Calls `hook(leaf)` when a gradient has been accumulated in this leaf."""
    return _handle(_C._register_leaf_hook(self, hook))


def retain_grad(self) -> None:
    """Lets a non-leaf keep its gradient in `.grad`."""
    _C._retain_grad(self)


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


def allow_mutation_on_saved_tensors() -> Any:
    """Refused."""
    raise NotImplementedError(
        "allow_mutation_on_saved_tensors is not available: clone() what is changed in place, or use "
        "saved_tensors_hooks with a pack_hook that clones"
    )
