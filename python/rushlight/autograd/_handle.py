"""Handles of the hooks that backward calls."""

from rushlight.utils import hooks


class RemovableHandle(hooks.RemovableHandle):
    """Removes a hook of a tensor or of a node."""

    __module__ = hooks.__name__  # programs see one class of handles

    def __init__(self, hook):
        super().__init__(_Nothing())
        self.hook = hook

    def remove(self) -> None:
        self.hook.remove()


class _Nothing(dict):
    pass
