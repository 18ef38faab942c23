"""Names of PyTorch's extension module, `torch._C`, by which programs look into the engine and the graph.

They are found there when they are first asked for.
"""

import heapq
import itertools
import weakref
from collections import Counter
from types import SimpleNamespace
from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.autograd.function import Function
from rushlight.autograd.grad_mode import is_multithreading_enabled
from rushlight.autograd.gradcheck import UndefinedGrad
from rushlight.autograd.graph import Node


class _Operations:
    """Every operation as an attribute, also those that have no public name."""

    def __getattr__(self, name: str) -> Any:
        functions = _C._torch_functions
        if name in functions or "_" + name in functions:
            return functions.get(name) or functions["_" + name]
        raise AttributeError(f"Rushlight has no operation '{name}'")


_VF = _VariableFunctions = _Operations()


class _WeakTensorRef:
    """Tells whether a tensor is gone."""

    def __init__(self, tensor: Tensor) -> None:
        self._reference = weakref.ref(tensor)

    def expired(self) -> bool:
        return self._reference() is None


# -- The pass that is running ----------------------------------------------------------------------

_current_autograd_node = _C._running_node


def _current_graph_task_id() -> int:
    """The number of this thread's backward pass; -1 outside of one."""
    return _C._running_pass() or -1


def _will_engine_execute_node(node) -> bool:
    """Whether this thread's backward pass runs `node`."""
    if not isinstance(node, _C.Node):
        raise RuntimeError(f"_will_engine_execute_node expects an grad_fn, but got {type(node).__name__}")
    if not _C._running_pass():
        raise RuntimeError("_get_should_execute_nodes should only be called during the backward pass")
    if _C._pass_returns_gradients() and isinstance(node, _functions.AccumulateGrad):
        raise RuntimeError(
            "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This "
            "is currently not supported."
        )
    return _C._pass_runs(node)


def _current_graph_task_execution_order() -> list[Node]:
    """The nodes that this thread's backward pass runs, in their order."""
    if not _C._running_pass():
        raise RuntimeError("_current_graph_task_execution_order should only be called during the backward pass")
    if is_multithreading_enabled():
        raise RuntimeError(
            "get_current_graph_task_execution_order expects the current backward to be executed with multithreading "
            "disabled, e.g. by running:\n\n>>> with torch.autograd.set_multithreading_enabled(False):\n"
            "...     torch.autograd.grad(...)\n"
        )
    waiting: Counter = Counter()  # for how many nodes each one waits
    found = list(_C._pass_starts())
    for node in found:  # grows meanwhile
        following = [each for each, _ in node.next_functions if each is not None]
        found += [each for each in dict.fromkeys(following) if each not in waiting]
        waiting.update(following)
    number = itertools.count()  # nodes cannot be compared
    ready = [(-node._sequence_nr(), next(number), node) for node in _C._pass_starts()]
    heapq.heapify(ready)
    order = []
    while ready:
        _, _, node = heapq.heappop(ready)
        order.append(node)
        for each, _ in node.next_functions:
            if each is None:
                continue
            waiting[each] -= 1
            if waiting[each] == 0:
                heapq.heappush(ready, (-each._sequence_nr(), next(number), each))
    return [node for node in order if _C._pass_runs(node)]


def _keeps_graph() -> bool:
    return not _C._running_pass() or _C._pass_retains_graph()


# -- Hooks of what is saved ------------------------------------------------------------------------


def _why_disabled() -> str | None:
    message = _C._forbid_saved_tensor_hooks(None)
    _C._forbid_saved_tensor_hooks(message)
    return message


def _set_versions(tensors, versions) -> None:
    if isinstance(tensors, Tensor):
        tensors, versions = (tensors,), (versions,)
    for tensor, version in zip(tensors, versions, strict=True):
        if version < 0:
            raise RuntimeError(f"Cannot set a version_counter to a value below 0: {version}")
        _C._set_version(tensor, version)


def _make_saved_tensor(tensor, is_output, is_inplace_on_view=False):
    if is_output:
        raise NotImplementedError(
            "_make_saved_tensor(): is_output=True is not available: results are saved by their nodes"
        )
    return _C._make_saved_tensor(tensor, "_make_saved_tensor")


_autograd = SimpleNamespace(
    SavedTensor=_C.SavedTensor,
    _make_saved_tensor=_make_saved_tensor,
    _InputMetadata=_C._InputMetadata,
    _get_current_graph_task_keep_graph=_keeps_graph,
    _push_saved_tensors_default_hooks=_C._push_saved_tensor_hooks,
    _pop_saved_tensors_default_hooks=_C._pop_saved_tensor_hooks,
    _saved_tensors_hooks_disable=lambda message: _C._forbid_saved_tensor_hooks(message) and None,
    _saved_tensors_hooks_enable=lambda: _C._forbid_saved_tensor_hooks(None) and None,
    _saved_tensors_hooks_get_disabled_error_message=_why_disabled,
    _saved_tensors_hooks_is_enabled=lambda: _why_disabled() is None,
    _unsafe_set_version_counter=_set_versions,
    kineto_available=lambda: False,
)


# -- Nodes of its own ------------------------------------------------------------------------------


class _Error(Function):
    """Passes tensors on, and refuses to differentiate that."""

    @staticmethod
    def forward(ctx, message, *tensors) -> Any:
        ctx.message = message
        results = tuple(tensor.detach() for tensor in tensors)
        return results if len(results) != 1 else results[0]

    @staticmethod
    def backward(ctx, *grads) -> Any:
        raise RuntimeError(ctx.message)


_Error._backward_cls = _C._make_backward_class("Error", _Error)


class _DelayedError:
    def __init__(self, msg: str, num_inputs: int) -> None:
        self.message = msg

    def __call__(self, *tensors: Tensor) -> Any:
        return _Error.apply(self.message, *tensors)


class _UndefinedGrad:
    def __call__(self, *tensors: Tensor) -> Any:
        return UndefinedGrad.apply(*tensors)


for _made in (_DelayedError, _UndefinedGrad):
    Node.register(_made)  # in PyTorch their objects are the nodes

_functions = SimpleNamespace(
    DelayedError=_DelayedError,
    Error=_Error._backward_cls,
    UndefinedGrad=_UndefinedGrad,
    UndefinedGradBackward=UndefinedGrad._backward_cls,
    **{name: _C._node_class(name) for name in ("AccumulateGrad", "CopyBackwards", "CopySlices")},
)
