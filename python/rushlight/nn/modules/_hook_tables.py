"""Where modules keep their hooks."""

import functools
import weakref
from collections import OrderedDict

from rushlight.utils.hooks import RemovableHandle


def hook_table(name):
    """A dict of hooks that exists once it is asked for."""

    def get(self):
        return self._own_dict.setdefault(name, OrderedDict())

    def set(self, value):
        self._own_dict[name] = value
        self._hooked = self._hooked or bool(value)

    def delete(self):
        self._own_dict.pop(name, None)

    return property(get, set, delete)


def register(hooks, hook, prepend=False, flags=()):
    """Adds `hook` to a table, and its number to those that say something of it."""
    handle = RemovableHandle(hooks, extra_dict=list(flags))
    hooks[handle.id] = hook
    for table in flags:
        table[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class _WrappedHook:
    """A hook that is called with its module, which it does not keep alive, and whose copy it goes along with."""

    def __init__(self, hook, module=None):
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state):
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


_WrappedHook.__module__ = "rushlight.nn.modules.module"
