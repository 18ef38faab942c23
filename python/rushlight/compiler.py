"""What programs tell a compiler of models. There is none: operations run eagerly, and nothing here changes anything."""

from contextlib import ContextDecorator
from typing import Any

from rushlight._utilities import compile

__all__ = [
    "compile",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "disable",
    "allow_in_graph",
    "assume_constant_result",
    "substitute_in_graph",
    "nested_compile_region",
    "set_stance",
    "list_backends",
    "reset",
    "cudagraph_mark_step_begin",
]


def is_compiling() -> bool:
    """Never."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def _unchanged(function) -> Any:
    if not callable(function):
        raise AssertionError(f"fn must be callable, but got {type(function).__name__}")
    return function


def disable(fn=None, recursive: bool = True, *, reason=None) -> Any:
    """The function itself, or, without one, a decorator that gives it."""
    return _unchanged if fn is None else _unchanged(fn)


def allow_in_graph(fn) -> Any:
    """The function, or a list of the functions."""
    if isinstance(fn, (list, tuple)):
        return [allow_in_graph(each) for each in fn]
    if not callable(fn):
        raise AssertionError(f"allow_in_graph expects a callable, but got {type(fn).__name__}")
    return fn


def assume_constant_result(fn) -> Any:
    """The function itself."""
    return fn


def substitute_in_graph(
    original_fn, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False
) -> Any:
    """A decorator that gives the function itself: no graph is made in which it would stand for `original_fn`."""
    return _unchanged


def nested_compile_region(fn=None, **options) -> Any:
    """The function itself, or, without one, a decorator that gives it."""
    return disable(fn)


class set_stance(ContextDecorator):  # noqa: N801
    """How much to compile from now on, inside a block, or in a function: nothing, whatever the stance."""

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend=None) -> None:
        self.stance = stance

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        pass


def list_backends(exclude_tags=("debug", "experimental")) -> list[str]:
    """None."""
    return []


def reset() -> None:
    """Forgets what was compiled: nothing."""


def cudagraph_mark_step_begin() -> None:
    """Does nothing: there are no graphs of an accelerator's work."""
