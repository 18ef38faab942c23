"""Module: PyTorch's methods, over the tables, attributes, calls and walks that are C++ (_C.ModuleBase)."""

import warnings
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Mapping, MutableMapping

from rushlight import _C
from rushlight._C import ModuleBase, Tensor
from rushlight.nn.parameter import Buffer, Parameter  # noqa: F401  (the classes must be known before any module is)

__all__ = ["Module"]

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class _Table(MutableMapping):
    """A module's `_parameters`, `_buffers` or `_modules`: a live view that behaves as the dict of PyTorch does."""

    __slots__ = ("_module", "_name")

    def __init__(self, module, name):
        self._module, self._name = module, name

    def __getitem__(self, key):
        return self._module._entry(self._name, key)

    def __setitem__(self, key, value):
        self._module._set_entry(self._name, key, value)

    def __delitem__(self, key):
        self._module._delete_entry(self._name, key)

    def __iter__(self):
        return iter([name for name, _ in self._module._items(self._name)])

    def __len__(self):
        return len(self._module._items(self._name))

    def items(self):
        return dict(self._module._items(self._name)).items()

    def values(self):
        return dict(self._module._items(self._name)).values()

    def copy(self):
        return dict(self._module._items(self._name))

    def __repr__(self):
        return repr(dict(self._module._items(self._name)))

    def __eq__(self, other):
        return dict(self.items()) == dict(other.items() if isinstance(other, _Table) else other)


def _table(name):
    return property(lambda self: _Table(self, name))


def _hooks(name):
    """A dict of hooks that exists once it is asked for."""

    def get(self):
        return self.__dict__.setdefault(name, OrderedDict())

    def set(self, value):
        self.__dict__[name] = value
        self._hooked = self._hooked or bool(value)

    return property(get, set)


class RemovableHandle:
    """Removes a hook: `handle.remove()`, or the end of a `with` block."""

    next_id = 0

    def __init__(self, hooks, *, extra_dict=()):
        self.hooks_dict_ref = weakref.ref(hooks)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self._extras = [
            weakref.ref(extra) for extra in (extra_dict if isinstance(extra_dict, (list, tuple)) else [extra_dict])
        ]

    def remove(self):
        for reference in (self.hooks_dict_ref, *self._extras):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


RemovableHandle.__module__ = "rushlight.utils.hooks"


class Module(ModuleBase):
    """A part of a network. Subclasses assign parameters and other modules as attributes, and define `forward`."""

    _version = 1
    call_super_init = False
    dump_patches = False

    _parameters = _table("_parameters")
    _buffers = _table("_buffers")
    _modules = _table("_modules")
    _forward_hooks = _hooks("_forward_hooks")
    _forward_hooks_with_kwargs = _hooks("_forward_hooks_with_kwargs")
    _forward_hooks_always_called = _hooks("_forward_hooks_always_called")
    _forward_pre_hooks = _hooks("_forward_pre_hooks")
    _forward_pre_hooks_with_kwargs = _hooks("_forward_pre_hooks_with_kwargs")
    _state_dict_hooks = _hooks("_state_dict_hooks")
    _state_dict_pre_hooks = _hooks("_state_dict_pre_hooks")
    _load_state_dict_pre_hooks = _hooks("_load_state_dict_pre_hooks")
    _load_state_dict_post_hooks = _hooks("_load_state_dict_post_hooks")

    @property
    def _non_persistent_buffers_set(self):
        return self._transient_buffers()

    # -- Parts -------------------------------------------------------------------------------------

    def register_parameter(self, name, param):
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
        self._set_entry("_parameters", name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Adds a tensor that is part of the state but not trained; saved in state_dict() if `persistent`."""
        self._check_registration("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_C._type_text(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
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

    def add_module(self, name, module):
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
        self._set_entry("_modules", name, module)

    def register_module(self, name, module):
        """The same as add_module()."""
        self.add_module(name, module)

    def get_submodule(self, target):
        """The part at a path such as "encoder.0"."""
        module = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{module._get_name()} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
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

    def get_parameter(self, target):
        """The parameter at a path such as "encoder.0.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        parameter = getattr(module, name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target):
        """The buffer at a path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def get_extra_state(self):
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state):
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    # -- Walks -------------------------------------------------------------------------------------

    def parameters(self, recurse=True):
        """The parameters of this module and, if `recurse`, of its parts; each once."""
        return iter(self._parameter_list(recurse))

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Pairs of path and parameter."""
        return iter(self._named_tensors("_parameters", prefix, recurse, remove_duplicate))

    def buffers(self, recurse=True):
        """The buffers of this module and, if `recurse`, of its parts; each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Pairs of path and buffer."""
        return iter(self._named_tensors("_buffers", prefix, recurse, remove_duplicate))

    def children(self):
        """The parts of this module."""
        return (module for _, module in self._walk_children())

    def named_children(self):
        """Pairs of name and part."""
        return iter(self._walk_children())

    def modules(self, remove_duplicate=True):
        """This module, its parts, their parts …; each once."""
        return (module for _, module in self._walk_modules("", remove_duplicate))

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Pairs of path and module, of this module and all below it."""
        for path, module in self._walk_modules(prefix, remove_duplicate):
            if memo is None:
                yield path, module
            elif module not in memo:
                if remove_duplicate:
                    memo.add(module)
                yield path, module

    def apply(self, fn):
        """Calls `fn` on every part, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- Mode, gradients, conversion ---------------------------------------------------------------

    def train(self, mode=True):
        """Sets whether this module and its parts are being trained."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        return self._train(mode)

    def eval(self):
        """The same as train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Sets whether operations on the parameters are recorded."""
        return self._require_grad(requires_grad)

    def zero_grad(self, set_to_none=True):
        """Forgets the gradients of all parameters, or sets them to zero."""
        self._zero_grad(set_to_none)

    def _apply(self, fn, recurse=True):
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with _no_grad():
                parameter.data = fn(parameter.data)
                if parameter.grad is not None:
                    gradient = parameter.grad
                    gradient.data = fn(gradient.data)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Converts parameters and buffers: to(dtype), to(device), to(device, dtype), to(tensor)."""
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor):
            wanted = dtype if tensor.is_floating_point() else None
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(device, wanted, non_blocking, memory_format=memory_format)
            return tensor.to(device, wanted, non_blocking)

        return self._apply(convert)

    def type(self, dst_type):
        """Converts all parameters and buffers."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self):
        """Converts floating-point parameters and buffers to float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self):
        """Converts floating-point parameters and buffers to float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self):
        """Converts floating-point parameters and buffers to float16."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self):
        """Converts floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    def cpu(self):
        """Moves parameters and buffers to the CPU, where they are."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        """Raises: there is no CUDA."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device, recurse=True):
        """Replaces parameters and buffers by uninitialised ones on `device`."""
        from rushlight import empty_like

        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse=recurse)

    def share_memory(self):
        """Raises: tensors are not shared between processes."""
        raise NotImplementedError("Module.share_memory(): Rushlight does not share tensors between processes yet")

    # -- State dicts -------------------------------------------------------------------------------

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        self._save_tensors(destination, prefix, keep_vars)
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Parameters and persistent buffers by path; they share memory with the module's."""
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict"
                " for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        own = self.__dict__
        for hook in own.get("_state_dict_pre_hooks", {}).values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._items("_modules"):
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in own.get("_state_dict_hooks", {}).values():
            result = hook(self, destination, prefix, metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = destination if result is None else result
            elif result is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        for hook in self.__dict__.get("_load_state_dict_pre_hooks", {}).values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        transient = self._non_persistent_buffers_set
        own = {name: value for name, value in self._parameters.items() if value is not None}
        own.update(
            (name, value) for name, value in self._buffers.items() if value is not None and name not in transient
        )
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, target in own.items():
            key = prefix + name
            if key in state_dict:
                _load_entry(self, name, target, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            modules = self._modules
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (modules if dot else own):
                        unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copies (or, with `assign`, takes over) tensors by path. If `strict`, the paths must be the module's own."""
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, state, prefix=""):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(state, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    child_prefix = prefix + name + "."
                    load(child, {k: v for k, v in state.items() if k.startswith(child_prefix)}, child_prefix)
            keys = _IncompatibleKeys(missing, unexpected)
            for hook in module.__dict__.get("_load_state_dict_post_hooks", {}).values():
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

        load(self, state_dict)
        if strict and unexpected:
            errors.insert(0, "Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected)))
        if strict and missing:
            errors.insert(0, "Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
        if errors:
            raise RuntimeError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(errors))
            )
        return _IncompatibleKeys(missing, unexpected)

    # -- Hooks -------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Calls `hook(module, args)` before forward; it may return other arguments."""
        return self._register(hook, prepend, _forward_pre_hooks=True, _forward_pre_hooks_with_kwargs=with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Calls `hook(module, args, output)` after forward; it may return another output."""
        return self._register(
            hook,
            prepend,
            _forward_hooks=True,
            _forward_hooks_with_kwargs=with_kwargs,
            _forward_hooks_always_called=always_call,
        )

    def register_full_backward_hook(self, hook, prepend=False):
        raise NotImplementedError(
            "register_full_backward_hook(): Rushlight does not have backward hooks of modules yet"
        )

    def register_full_backward_pre_hook(self, hook, prepend=False):
        raise NotImplementedError(
            "register_full_backward_pre_hook(): Rushlight does not have backward hooks of modules yet"
        )

    def register_backward_hook(self, hook):
        raise NotImplementedError("register_backward_hook(): Rushlight does not have backward hooks of modules yet")

    def register_state_dict_pre_hook(self, hook):
        """Calls `hook(module, prefix, keep_vars)` before state_dict()."""
        return self._register(hook, False, _state_dict_pre_hooks=True)

    def register_state_dict_post_hook(self, hook):
        """Calls `hook(module, state_dict, prefix, local_metadata)` after state_dict()."""
        hook._from_public_api = True
        return self._register(hook, False, _state_dict_hooks=True)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return self._register(hook, False, _state_dict_hooks=True)

    def register_load_state_dict_pre_hook(self, hook):
        """Calls `hook(module, state_dict, prefix, …)` before load_state_dict()."""
        return self._register(lambda *args: hook(self, *args), False, _load_state_dict_pre_hooks=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self._register(hook, False, _load_state_dict_pre_hooks=True)

    def register_load_state_dict_post_hook(self, hook):
        """Calls `hook(module, incompatible_keys)` after load_state_dict()."""
        return self._register(hook, False, _load_state_dict_post_hooks=True)

    def _register(self, hook, prepend, **tables):
        first, *flags = tables
        hooks = getattr(self, first)
        extra = [getattr(self, name) for name in flags if tables[name]]
        handle = RemovableHandle(hooks, extra_dict=extra)
        hooks[handle.id] = hook
        for table in extra:
            table[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        if first in ("_forward_hooks", "_forward_pre_hooks"):
            self._hooked = True
        return handle

    def _call_with_hooks(self, *args, **kwargs):
        called = set()
        try:
            for key, hook in list(self._forward_pre_hooks.items()):
                if key in self._forward_pre_hooks_with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is None:
                        continue
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            result = self._call_impl(*args, **kwargs)
            for key, hook in list(self._forward_hooks.items()):
                called.add(key)
                result = self._run_forward_hook(key, hook, args, kwargs, result)
            return result
        except Exception:
            for key, hook in list(self._forward_hooks.items()):
                if key in self._forward_hooks_always_called and key not in called:
                    try:
                        self._run_forward_hook(key, hook, args, kwargs, None)
                    except Exception as error:
                        warnings.warn(
                            "module forward hook with ``always_call=True`` raised an exception that was "
                            f"silenced as another error was raised in forward: {error}",
                            stacklevel=2,
                        )
            raise

    def _run_forward_hook(self, key, hook, args, kwargs, result):
        if key in self._forward_hooks_with_kwargs:
            changed = hook(self, args, kwargs, result)
        else:
            changed = hook(self, args, result)
        return result if changed is None else changed

    # -- Copies ------------------------------------------------------------------------------------

    def __getstate__(self):
        state = {"training": self.training}
        for table in ("_parameters", "_buffers", "_modules"):
            state[table] = OrderedDict(self._items(table))
        state["_non_persistent_buffers_set"] = self._transient_buffers()
        state.update(self._settings())
        state.update(self.__dict__)
        return state

    def __setstate__(self, state):
        self._restore()
        state = dict(state)
        transient = state.pop("_non_persistent_buffers_set", ())
        for name, value in state.pop("_parameters", {}).items():
            self._set_entry("_parameters", name, value)
        for name, value in state.pop("_buffers", {}).items():
            self._set_entry("_buffers", name, value, name not in transient)
        for name, value in state.pop("_modules", {}).items():
            self._set_entry("_modules", name, value)
        settings = self._settings()
        for name, value in state.items():
            if name in settings or name == "training":
                setattr(self, name, value)
            else:
                self.__dict__[name] = value
        self._hooked = bool(state.get("_forward_hooks") or state.get("_forward_pre_hooks"))

    def __dir__(self):
        names = [*dir(type(self)), *self.__dict__, *self._settings(), *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[0].isdigit())

    def compile(self, *args, **kwargs):
        """Does nothing: modules run as they are."""


def _load_entry(module, name, target, key, source, assign, errors):
    """Copies one entry of a state dict, or says in `errors` why it does not fit."""
    if not isinstance(source, Tensor):
        errors.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(source)}"
        )
        return
    if len(target.shape) == 0 and len(source.shape) == 1 and source.shape[0] == 1:
        source = source[0]
    if source.shape != target.shape:
        errors.append(
            f"size mismatch for {key}: copying a param with shape {source.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
        return
    try:
        with _no_grad():
            if not assign:
                target.copy_(source)
                return
            if isinstance(target, Parameter):
                if isinstance(source, Parameter):
                    source.requires_grad_(target.requires_grad)
                else:
                    source = Parameter(source, requires_grad=target.requires_grad)
            setattr(module, name, source)
    except Exception as error:
        errors.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.size()} '
            f"and whose dimensions in the checkpoint are {source.size()}, an exception occurred : "
            f"{error.args}."
        )


def _no_grad():
    from rushlight import no_grad

    return no_grad()


def _parse_to(*args, device=None, dtype=None, non_blocking=False, tensor=None, memory_format=None):
    """(device, dtype, non_blocking, memory_format) of the arguments that Tensor.to takes."""
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
    elif rest and isinstance(rest[0], _C.dtype):
        dtype = rest.pop(0)
    elif rest and (rest[0] is None or isinstance(rest[0], (str, int, _C.device))):
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], _C.dtype)):
            dtype = rest.pop(0)
    if rest and isinstance(rest[0], bool):
        non_blocking = rest.pop(0)
    if rest:
        raise TypeError(
            "to() received an invalid combination of arguments - got ("
            + ", ".join(type(argument).__name__ for argument in args)
            + "), but expected one of:\n"
            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False)\n"
            " * (torch.dtype dtype, bool non_blocking = False)\n * (Tensor tensor, bool non_blocking = False)"
        )
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    return (None if device is None else _C.device(device)), dtype, non_blocking, memory_format


_C._register_layer(Module, None)
