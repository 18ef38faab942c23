"""Handles of registered hooks, and how the backward hooks of modules are tied to the graph."""

import warnings
import weakref
from collections import OrderedDict
from typing import Any

from rushlight import _C
from rushlight._C import Tensor

__all__ = ["BackwardHook", "RemovableHandle"]


class RemovableHandle:
    """What registering a hook returns: `remove()`, or leaving a `with` block, takes the hook away again."""

    id: int
    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extra = extra_dict if isinstance(extra_dict, (list, tuple)) else [extra_dict] if extra_dict is not None else []
        self.extra_dict_ref = tuple(weakref.ref(each) for each in extra)

    def remove(self) -> None:
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(reference() for reference in self.extra_dict_ref)

    def __setstate__(self, state) -> None:
        hooks, self.id, *extra = state
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        alive = [each for each in (extra[0] if extra and extra[0] else ()) if each is not None]
        self.extra_dict_ref = tuple(weakref.ref(each) for each in alive)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self.remove()


class BackwardHook:
    """The backward hooks of one call of a module.

    The inputs pass through one node of the graph and the outputs through another. The gradients that reach the
    second are the module's `grad_output`; those that leave the first are its `grad_input`.
    """

    def __init__(self, module, user_hooks, user_pre_hooks) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.n_inputs = self.n_outputs = -1
        self.input_tensors_index: Any = None
        self.output_tensors_index: Any = None

    def setup_input_hook(self, args) -> Any:
        """The arguments to call forward with."""
        result, self.input_tensors_index = _pass_through_node(args, self._inputs_reached)
        self.n_inputs = len(args)
        return result

    def setup_output_hook(self, args) -> Any:
        """The output to return in place of `args`."""
        outputs = args if isinstance(args, tuple) else (args,)
        result, self.output_tensors_index = _pass_through_node(outputs, self._outputs_reached)
        self.n_outputs = len(outputs)
        return result if isinstance(args, tuple) else result[0]

    def _outputs_reached(self, _, grad_output):
        gradients = _spread(grad_output, self.output_tensors_index, self.n_outputs)
        for hook in self.user_pre_hooks or ():
            changed = hook(self.module, gradients)
            if changed is None:
                continue
            if len(changed) != len(gradients):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(gradients)}"
                )
            gradients = changed
        self.grad_outputs = gradients
        if self.input_tensors_index is None:
            self._call_without_inputs(gradients)
        return tuple(gradients[i] for i in self.output_tensors_index)

    def _call_without_inputs(self, gradients):
        """The inputs' node will not be reached: there is none."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=3,
        )
        for hook in self.user_hooks:
            result = hook(self.module, (None,) * self.n_inputs, gradients)
            if result is not None and not (isinstance(result, tuple) and all(each is None for each in result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
        self.grad_outputs = None

    def _inputs_reached(self, grad_input, _):
        if self.grad_outputs is None:  # a gradient came by another way than through the outputs
            return None
        gradients = _spread(grad_input, self.input_tensors_index, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, gradients, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(gradients):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(gradients)}"
                )
            gradients = changed
        self.grad_outputs = None
        return tuple(gradients[i] for i in self.input_tensors_index)


def _spread(gradients, positions, size):
    """The gradients at the positions of their tensors, None elsewhere."""
    spread = [None] * size
    for position, gradient in zip(positions, gradients, strict=True):
        spread[position] = gradient
    return tuple(spread)


def _pass_through_node(args, hook):
    """`args` with its tensors as results of one node that calls `hook`, and their positions; None if there is none."""
    positions = [i for i, each in enumerate(args) if isinstance(each, Tensor)]
    if not (_C.is_grad_enabled() and any(args[i].requires_grad for i in positions)):
        return args, None
    passed = _C._identity(*[args[i] for i in positions])
    next(each.grad_fn for each in passed if each.grad_fn is not None).register_hook(hook)
    changed = list(args)
    for position, each in zip(positions, passed, strict=True):
        changed[position] = each
    return (tuple(changed) if type(args) is tuple else type(args)(*changed)), positions
