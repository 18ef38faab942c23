"""What a dataset can learn of the worker it is read by."""

from typing import Any

_worker_info: "WorkerInfo | None" = None


class WorkerInfo:
    """The worker that is at work: its number, how many there are, its seed, and its copy of the dataset."""

    def __init__(self, id, num_workers, seed, dataset) -> None:
        self.id = id
        self.num_workers = num_workers
        self.seed = seed
        self.dataset = dataset

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset})"


def get_worker_info() -> Any:
    """The WorkerInfo of the worker that is at work, or None."""
    return _worker_info
