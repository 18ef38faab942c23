"""The recorded graph."""

from rushlight._C import Node  # noqa: F401
