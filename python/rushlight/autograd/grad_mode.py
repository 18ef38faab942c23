"""Modes that decide what is recorded: context managers and decorators."""

import functools
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rushlight._C import (
    _is_grad_layout_enforcement_enabled,
    _set_grad_enabled,
    _set_grad_layout_enforcement_enabled,
    _set_inference_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_F = TypeVar("_F", bound=Callable[..., Any])


class _Mode:
    """A context manager that decorates functions and generators as well."""

    def clone(self) -> "Self":
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exception) -> None:
        raise NotImplementedError

    def __call__(self, function: _F) -> _F:
        if isinstance(function, type):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly decorate "
                "the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )

            def made(*args, **kwargs):
                with self.clone():
                    return function(*args, **kwargs)

            return made  # type: ignore[return-value]
        if function.__code__.co_flags & 0x20 if hasattr(function, "__code__") else False:
            return self._wrap_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    def _wrap_generator(self, function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            # The mode holds while the generator runs, not while its caller does.
            generator = function(*args, **kwargs)
            try:
                with self.clone():
                    response = generator.send(None)
                while True:
                    try:
                        request = yield response
                    except GeneratorExit:
                        with self.clone():
                            generator.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            response = generator.throw(error)
                    else:
                        with self.clone():
                            response = generator.send(request)
            except StopIteration as stop:
                return stop.value

        return wrapper


class _FunctionOrMode(_Mode):
    """`@no_grad` decorates just as `@no_grad()` does."""

    def __new__(cls, function=None):
        self = object.__new__(cls)
        return self if function is None else self(function)

    def __init__(self, function=None) -> None:
        pass


class no_grad(_FunctionOrMode):
    """Nothing is recorded."""

    def __enter__(self) -> None:
        self.before = is_grad_enabled()
        _set_grad_enabled(False)

    def __exit__(self, *exception) -> None:
        _set_grad_enabled(self.before)


class enable_grad(_FunctionOrMode):
    """Operations are recorded, also inside no_grad."""

    def __enter__(self) -> None:
        self.before = is_grad_enabled()
        _set_grad_enabled(True)

    def __exit__(self, *exception) -> None:
        _set_grad_enabled(self.before)


class set_grad_enabled(_Mode):
    """Sets whether operations are recorded: at once, and until the end of a `with` block."""

    def __init__(self, mode: bool) -> None:
        self.before = is_grad_enabled()
        self.mode = mode
        _set_grad_enabled(mode)

    def __call__(self, function: _F) -> _F:
        _set_grad_enabled(self.before)  # as a decorator it changes nothing at once
        return super().__call__(function)

    def __enter__(self) -> None:
        _set_grad_enabled(self.mode)

    def __exit__(self, *exception) -> None:
        _set_grad_enabled(self.before)

    def __repr__(self):
        return f"{type(self).__module__}.{type(self).__qualname__}(mode={self.mode})"

    def clone(self) -> "Self":
        return type(self)(self.mode)


class inference_mode(_Mode):
    """Nothing is recorded, not even views and writes; its tensors stay out of autograd for good."""

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if isinstance(mode, bool):
            return self
        inference_mode.__init__(self)
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode if isinstance(mode, bool) else True

    def __enter__(self) -> None:
        self.before = is_inference_mode_enabled(), is_grad_enabled()
        _set_inference_enabled(self.mode)
        _set_grad_enabled(not self.mode)

    def __exit__(self, *exception) -> None:
        inference, grad = self.before
        _set_inference_enabled(inference)
        _set_grad_enabled(grad)

    def clone(self) -> "Self":
        return type(self)(self.mode)


class enforce_grad_layout_policy(_Mode):
    """Whether gradients get the strides of their dense leaves, which may cost a copy: at once, and until the end of a
    `with` block. On unless it is turned off, in this thread."""

    def __init__(self, enable: bool = True) -> None:
        self.before = _is_grad_layout_enforcement_enabled()
        _set_grad_layout_enforcement_enabled(enable)
        self.mode = enable

    def __call__(self, function: _F) -> _F:
        _set_grad_layout_enforcement_enabled(self.before)
        return super().__call__(function)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception) -> None:
        _set_grad_layout_enforcement_enabled(self.before)

    def clone(self) -> "Self":
        return type(self)(self.mode)


def is_view_replay_enabled() -> bool:
    """Never: the history of a view whose base was changed is a region of that base."""
    return False


class _force_original_view_tracking(_Mode):
    """Accepts False."""

    def __init__(self, mode: bool) -> None:
        if mode:
            raise NotImplementedError(
                "_force_original_view_tracking(True): views are not replayed; that of a base that was changed is AsStrided"
            )
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception) -> None:
        pass

    def clone(self) -> "Self":
        return type(self)(self.mode)


_multithreading = threading.local()


def is_multithreading_enabled() -> bool:
    """What set_multithreading_enabled() was told last in this thread."""
    return getattr(_multithreading, "enabled", True)


class set_multithreading_enabled(_Mode):
    """Accepted: backward runs on the calling thread in any case. Sets what is_multithreading_enabled() says."""

    def __init__(self, mode: bool) -> None:
        self.before = is_multithreading_enabled()
        self.mode = _multithreading.enabled = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception) -> None:
        _multithreading.enabled = self.before

    def clone(self) -> "Self":
        return type(self)(self.mode)
