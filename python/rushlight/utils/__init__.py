"""Hooks."""

from rushlight.utils import hooks

__all__ = ["hooks"]
