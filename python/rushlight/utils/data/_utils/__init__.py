"""What the loader is made of."""

from rushlight.utils.data._utils import collate, fetch, worker

__all__ = ["collate", "fetch", "worker"]
