"""Handles of the hooks that backward calls."""

from rushlight.utils.hooks import RemovableHandle


class HookHandle(RemovableHandle):
    """Removes a hook of a tensor or of a node."""

    def __init__(self, hook):
        super().__init__(_Nothing())
        self.hook = hook

    def remove(self) -> None:
        self.hook.remove()


class _Nothing(dict):
    pass
