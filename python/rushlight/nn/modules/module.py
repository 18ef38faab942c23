"""Module: PyTorch's methods, over the tables, attributes, calls and walks that are C++ (_C.ModuleBase)."""

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.nn.modules._attributes import Attributes
from rushlight.nn.modules._convert import Convertible
from rushlight.nn.modules._hook_tables import _WrappedHook, hook_table, register
from rushlight.nn.modules._state import Stateful, _IncompatibleKeys  # noqa: F401
from rushlight.nn.parameter import Buffer, Parameter  # noqa: F401  (the classes must be known before any module is)
from rushlight.utils.hooks import BackwardHook, RemovableHandle  # noqa: F401

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "Module",
]


class _Table(MutableMapping):
    """A module's `_parameters`, `_buffers` or `_modules`: a live view that behaves as the dict of PyTorch does."""

    __slots__ = ("_module", "_name")

    def __init__(self, module, name) -> None:
        self._module, self._name = module, name

    def __getitem__(self, key):
        return self._module._entry(self._name, key)

    def __setitem__(self, key, value) -> None:
        self._module._set_entry(self._name, key, value)

    def __delitem__(self, key) -> None:
        self._module._delete_entry(self._name, key)

    def __iter__(self):
        return iter([name for name, _ in self._module._items(self._name)])

    def __len__(self):
        return len(self._module._items(self._name))

    def items(self) -> Any:
        return dict(self._module._items(self._name)).items()

    def values(self) -> Any:
        return dict(self._module._items(self._name)).values()

    def copy(self) -> Any:
        return dict(self._module._items(self._name))

    def __repr__(self):
        return repr(dict(self._module._items(self._name)))

    def __eq__(self, other):
        return dict(self.items()) == dict(other.items() if isinstance(other, _Table) else other)


def _table(name):
    def replace(self, entries):
        kept = {} if name == "_modules" else self._transient_buffers()
        entries, table = dict(entries), _Table(self, name)
        table.clear()
        for key, value in entries.items():
            self._set_entry(name, key, value, key not in kept)

    return property(lambda self: _Table(self, name), replace)


class _CallSignature:
    """What inspect.signature tells of a module's call; a class with a constructor keeps that one's."""

    def __get__(self, module, owner):
        if module is None and owner.__init__ is not Module.__init__:
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature

        kinds = {"args": Parameter.VAR_POSITIONAL, "kwargs": Parameter.VAR_KEYWORD}
        return Signature([Parameter(name, kind) for name, kind in kinds.items()])


# -- Hooks of all modules ------------------------------------------------------------------------------

_global_forward_pre_hooks: OrderedDict = OrderedDict()
_global_forward_hooks: OrderedDict = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict = OrderedDict()
_global_forward_hooks_always_called: OrderedDict = OrderedDict()
_global_backward_pre_hooks: OrderedDict = OrderedDict()
_global_backward_hooks: OrderedDict = OrderedDict()
_global_is_full_backward_hook = None


def _has_any_global_hook():
    return _global_forward_pre_hooks or _global_forward_hooks or _global_backward_pre_hooks or _global_backward_hooks


_global_buffer_registration_hooks: OrderedDict = OrderedDict()
_global_module_registration_hooks: OrderedDict = OrderedDict()
_global_parameter_registration_hooks: OrderedDict = OrderedDict()


def _register_registration(hooks, hook):
    _C._set_registration_hooked(True)
    return register(hooks, hook)


def register_module_buffer_registration_hook(hook):
    """Calls `hook(module, name, buffer)` when a buffer is registered; it may return another one."""
    return _register_registration(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Calls `hook(module, name, part)` when a module becomes part of another; it may return another one."""
    return _register_registration(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook):
    """Calls `hook(module, name, parameter)` when a parameter is registered; it may return another one."""
    return _register_registration(_global_parameter_registration_hooks, hook)


def _run_registration_hooks(hooks, module, name, value):
    if not (
        _global_buffer_registration_hooks or _global_module_registration_hooks or _global_parameter_registration_hooks
    ):
        _C._set_registration_hooked(False)
    for hook in hooks.values():
        changed = hook(module, name, value)
        value = value if changed is None else changed
    return value


def _register_global(hooks, hook, flags=()):
    _C._set_modules_hooked(True)
    return register(hooks, hook, flags=flags)


def register_module_forward_pre_hook(hook) -> Any:
    """Calls `hook(module, args)` before the forward of every module; it may return other arguments."""
    return _register_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False) -> Any:
    """Calls `hook(module, args, output)` after the forward of every module; it may return another output."""
    flags = [_global_forward_hooks_with_kwargs] * with_kwargs + [_global_forward_hooks_always_called] * always_call
    return _register_global(_global_forward_hooks, hook, flags)


def register_module_backward_hook(hook) -> Any:
    """The hook of every module that register_module_full_backward_hook() replaced."""
    return _register_global_backward(hook, full=False)


def register_module_full_backward_hook(hook) -> Any:
    """Calls `hook(module, grad_input, grad_output)` in backward of every module."""
    return _register_global_backward(hook, full=True)


def _register_global_backward(hook, full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook not in (None, full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = full
    return _register_global(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook) -> Any:
    """Calls `hook(module, grad_output)` before backward of every module."""
    return _register_global(_global_backward_pre_hooks, hook)


class Module(Stateful, Convertible):
    """A part of a network. Subclasses assign parameters and other modules as attributes, and define `forward`."""

    _version = 1
    call_super_init = False
    dump_patches = False
    __signature__ = _CallSignature()

    _parameters = _table("_parameters")
    _buffers = _table("_buffers")
    _modules = _table("_modules")
    _forward_hooks = hook_table("_forward_hooks")
    _forward_hooks_with_kwargs = hook_table("_forward_hooks_with_kwargs")
    _forward_hooks_always_called = hook_table("_forward_hooks_always_called")
    _forward_pre_hooks = hook_table("_forward_pre_hooks")
    _forward_pre_hooks_with_kwargs = hook_table("_forward_pre_hooks_with_kwargs")
    _backward_hooks = hook_table("_backward_hooks")
    _backward_pre_hooks = hook_table("_backward_pre_hooks")
    _is_full_backward_hook = None

    @property
    def _non_persistent_buffers_set(self):
        return self._transient_buffers()

    # -- Parts -------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter; None keeps the name without one."""
        self._check_registration("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_C._type_text(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        if param is not None:
            param = _run_registration_hooks(_global_parameter_registration_hooks, self, name, param)
        self._set_entry("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is part of the state but not trained; saved in state_dict() if `persistent`."""
        self._check_registration("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_C._type_text(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        tensor = _run_registration_hooks(_global_buffer_registration_hooks, self, name, tensor)
        self._set_entry("_buffers", name, tensor, persistent)

    def _check_registration(self, kind, name, table):
        if not self._is_initialised():
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_C._type_text(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in getattr(self, table):
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name: str, module: "Module | None") -> None:
        """Makes `module` a part under this name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_C._type_text(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_C._type_text(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        module = _run_registration_hooks(_global_module_registration_hooks, self, name, module)
        self._set_entry("_modules", name, module)

    def register_module(self, name: str, module: "Module | None") -> None:
        """The same as add_module()."""
        self.add_module(name, module)

    def get_submodule(self, target: str) -> "Module":
        """The part at a path such as "encoder.0"."""
        module = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{module._get_name()} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: "Module", strict: bool = False) -> None:
        """Replaces the part at a path."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        if not isinstance(module, Module):
            raise ValueError("`module` is not an nn.Module, found " + str(type(module)))
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as "encoder.0.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        parameter = getattr(module, name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    # -- Walks -------------------------------------------------------------------------------------

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if `recurse`, of its parts; each once."""
        yield from self._parameter_list(recurse)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Pairs of path and parameter."""
        yield from self._named_tensors("_parameters", prefix, recurse, remove_duplicate)

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        """Pairs of path and member, of the pairs that `get_members_fn` gives for this module and its parts."""
        parts = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen: dict = {}
        for place, module in parts:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen[id(member)] = member
                yield f"{place}.{name}" if place else name, member

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if `recurse`, of its parts; each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Pairs of path and buffer."""
        yield from self._named_tensors("_buffers", prefix, recurse, remove_duplicate)

    def children(self) -> "Iterator[Module]":
        """The parts of this module."""
        for _, module in self._walk_children():
            yield module

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Pairs of name and part."""
        yield from self._walk_children()

    def modules(self, remove_duplicate: bool = True) -> "Iterator[Module]":
        """This module, its parts, their parts …; each once."""
        for _, module in self._walk_modules("", remove_duplicate):
            yield module

    def named_modules(
        self, memo: "set[Module] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """Pairs of path and module, of this module and all below it."""
        for path, module in self._walk_modules(prefix, remove_duplicate):
            if memo is None:
                yield path, module
            elif module not in memo:
                if remove_duplicate:
                    memo.add(module)
                yield path, module

    def apply(self, fn: "Callable[[Module], None]") -> "Self":
        """Calls `fn` on every part, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- Mode, gradients, conversion ---------------------------------------------------------------

    def train(self, mode: bool = True) -> "Self":
        """Sets whether this module and its parts are being trained."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        return self._train(mode)

    def eval(self) -> "Self":
        """The same as train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "Self":
        """Sets whether operations on the parameters are recorded."""
        return self._require_grad(requires_grad)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or sets them to zero."""
        self._zero_grad(set_to_none)

    # -- Hooks -------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False) -> Any:
        """Calls `hook(module, args)` before forward; it may return other arguments."""
        self._hooked = True
        flags = [self._forward_pre_hooks_with_kwargs] * with_kwargs
        return register(self._forward_pre_hooks, hook, prepend, flags)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False) -> Any:
        """Calls `hook(module, args, output)` after forward; it may return another output."""
        self._hooked = True
        flags = [self._forward_hooks_with_kwargs] * with_kwargs + [self._forward_hooks_always_called] * always_call
        return register(self._forward_hooks, hook, prepend, flags)

    def register_full_backward_pre_hook(self, hook, prepend=False) -> Any:
        """Calls `hook(module, grad_output)` before backward; it may return other gradients of the outputs."""
        self._hooked = True
        return register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False) -> Any:
        """Calls `hook(module, grad_input, grad_output)` in backward; it may return other gradients of the inputs."""
        return self._register_backward(hook, prepend, full=True)

    def register_backward_hook(self, hook) -> Any:
        """The hook that register_full_backward_hook() replaced: it sees the last node of forward alone."""
        return self._register_backward(hook, False, full=False)

    def _register_backward(self, hook, prepend, full):
        if self._is_full_backward_hook not in (None, full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = full
        self._hooked = True
        return register(self._backward_hooks, hook, prepend)

    def _get_backward_hooks(self):
        """The full ones and the others."""
        found: dict = {True: [], False: [], None: []}
        found[_global_is_full_backward_hook] += _global_backward_hooks.values()
        found[self._is_full_backward_hook] += self._own_dict.get("_backward_hooks", {}).values()
        return found[True], found[False]

    def _get_backward_pre_hooks(self):
        return [*_global_backward_pre_hooks.values(), *self._own_dict.get("_backward_pre_hooks", {}).values()]

    def _call_impl(self, *args, **kwargs):
        """Forward with all hooks. Modules that never had any are called without it."""
        own = self._own_dict
        if not _has_any_global_hook():
            _C._set_modules_hooked(False)
            if not any(own.get(name) for name in _CALL_HOOKS):
                self._hooked = False
                return self._call_forward(*args, **kwargs)
        call = _HookedCall(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.run_always_called()
            raise

    _wrapped_call_impl = _call_impl

    # -- Copies ------------------------------------------------------------------------------------

    def _state_with(self, table) -> dict:
        state = {"training": self.training}
        for name in _TABLES:
            state[name] = table(name)
        state["_non_persistent_buffers_set"] = self._transient_buffers()
        state.update(self._settings())
        state.update(self._own_dict)
        return state

    def __getstate__(self) -> dict:
        return self._state_with(lambda name: OrderedDict(self._items(name)))

    def __setstate__(self, state) -> None:
        self._restore()
        state = dict(state)
        transient = state.pop("_non_persistent_buffers_set", ())
        for table in _TABLES:
            for name, value in state.pop(table, {}).items():
                self._set_entry(table, name, value, name not in transient)
        for name, value in state.items():
            self._put(name, value)
        self._hooked = any(state.get(name) for name in _CALL_HOOKS)

    def _put(self, name, value) -> None:
        """Makes `value` what `__dict__` shows under this name."""
        if name in _TABLES or name == "training" or name in self._settings() or isinstance(value, Tensor):
            setattr(self, name, value)
        else:
            self._own_dict[name] = value

    @property
    def __dict__(self):
        return Attributes(self)

    @__dict__.setter
    def __dict__(self, state):
        self._own_dict.clear()
        self.__setstate__(state)

    def __dir__(self) -> list[str]:
        names = [
            *dir(type(self)),
            *self._own_dict,
            *self._settings(),
            *self._parameters,
            *self._modules,
            *self._buffers,
        ]
        return sorted(name for name in names if not name[0].isdigit())

    def compile(self, *args, **kwargs) -> None:
        """Does nothing: modules run as they are."""


_TABLES = ("_parameters", "_buffers", "_modules")
_CALL_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module, args, kwargs) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.result = None
        self.called: set = set()

    def run(self) -> Any:
        module = self.module
        self.run_pre_hooks()
        full, legacy = module._get_backward_hooks()
        before = module._get_backward_pre_hooks()
        backward = BackwardHook(module, full, before) if full or before else None
        if backward:
            self.args = backward.setup_input_hook(self.args)
        self.result = module._call_forward(*self.args, **self.kwargs)
        for key, hook, with_kwargs, _ in self.forward_hooks():
            self.called.add(key)
            self.run_forward_hook(hook, with_kwargs)
        if backward:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = backward.setup_output_hook(self.result)
        if legacy:
            _add_legacy_hooks(module, legacy, self.args, self.result)
        return self.result

    def run_pre_hooks(self) -> None:
        own = self.module._forward_pre_hooks
        with_kwargs = self.module._forward_pre_hooks_with_kwargs
        for key, hook in (*_global_forward_pre_hooks.items(), *own.items()):
            if key not in with_kwargs:
                changed = hook(self.module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)
                continue
            changed = hook(self.module, self.args, self.kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            self.args, self.kwargs = changed

    def forward_hooks(self) -> Any:
        """Number, hook, whether it takes keywords, and whether it is called in any case, of each; the global first."""
        module = self.module
        for key, hook in [*_global_forward_hooks.items()]:
            always = key in _global_forward_hooks_always_called
            yield key, hook, key in _global_forward_hooks_with_kwargs, "global " if always else ""
        for key, hook in [*module._forward_hooks.items()]:
            always = key in module._forward_hooks_always_called
            yield key, hook, key in module._forward_hooks_with_kwargs, " " if always else ""

    def run_forward_hook(self, hook, with_kwargs) -> None:
        arguments = (self.args, self.kwargs) if with_kwargs else (self.args,)
        changed = hook(self.module, *arguments, self.result)
        if changed is not None:
            self.result = changed

    def run_always_called(self) -> None:
        """After an error: the hooks that ask for it, if they have not been called."""
        for key, hook, with_kwargs, always in self.forward_hooks():
            if not always or key in self.called:
                continue
            try:
                self.run_forward_hook(hook, with_kwargs)
            except Exception as error:
                warnings.warn(
                    f"{always.lstrip()}module forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=3,
                )


def _add_legacy_hooks(module, hooks, args, result):
    first = result
    while not isinstance(first, Tensor):
        tensors = (each for each in first.values() if isinstance(each, Tensor)) if isinstance(first, dict) else first
        first = next(iter(tensors))
    if first.grad_fn is None:
        return
    for hook in hooks:
        first.grad_fn.register_hook(_WrappedHook(hook, module))
    fault = _fault_of_legacy_hook(first.grad_fn, args, result)
    if fault:
        warnings.warn("Using " + fault, FutureWarning, stacklevel=4)


def _fault_of_legacy_hook(grad_fn, args, result):
    """What a hook of `grad_fn` alone does not see; "" if it sees all."""
    better = " Please use register_full_backward_hook to get the documented behavior."
    deprecated = " is deprecated and will be removed in future versions. This hook will be missing some "

    def are_tensors(values):
        return isinstance(values, tuple) and all(isinstance(each, Tensor) for each in values)

    outputs = (result,) if isinstance(result, Tensor) else result
    single = "single Tensor or a tuple of Tensors"
    if not are_tensors(outputs):
        return f"non-full backward hooks on a Module that does not return a {single}{deprecated}of the grad_output.{better}"
    if not are_tensors(args):
        return (
            f"non-full backward hooks on a Module that does not take as input a {single}{deprecated}"
            f"of the grad_input.{better}"
        )
    nodes = {each.grad_fn for each in outputs if each.grad_fn is not None}
    if len(nodes) > 1:
        return (
            f"a non-full backward hook when outputs are generated by different autograd Nodes{deprecated}"
            f"grad_output.{better}"
        )
    if grad_fn not in nodes:
        return f"a non-full backward hook when outputs are nested in python data structure{deprecated}grad_output."
    before = {each.grad_fn for each in args if each.grad_fn is not None}
    if before != {node for node, _ in grad_fn.next_functions}:
        return (
            f"a non-full backward hook when the forward contains multiple autograd Nodes{deprecated}grad_input.{better}"
        )
    return ""


def _registering_buffer(module, name, buffer, persistent):
    # A class may define register_buffer() as it was before there was `persistent`.
    if "persistent" in inspect.signature(module.register_buffer).parameters:
        module.register_buffer(name, buffer, persistent)
    elif persistent:
        module.register_buffer(name, buffer)
    else:
        raise RuntimeError(
            "Registering a non-persistent buffer on a Module subclass that implements register_buffer() without the "
            "persistent argument is not allowed."
        )


def _registering_module(module, name, part):
    return _run_registration_hooks(_global_module_registration_hooks, module, name, part)


_C._register_layer(Module, None)
_C._set_registration(Module.register_parameter, Module.register_buffer, _registering_module, _registering_buffer)
