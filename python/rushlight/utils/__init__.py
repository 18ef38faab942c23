"""Datasets and hooks."""

from rushlight.utils import data, hooks

__all__ = ["data", "hooks"]
