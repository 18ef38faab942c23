"""Datasets, samplers, and the loader that makes batches of them."""

from rushlight.utils.data.dataloader import (
    DataLoader,
    _DatasetKind,
    default_collate,
    default_convert,
    get_worker_info,
)
from rushlight.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rushlight.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "_DatasetKind",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]


def __getattr__(name: str):
    nearest = {"DistributedSampler": "RandomSampler", "IterDataPipe": "IterableDataset", "MapDataPipe": "Dataset"}
    if name in nearest:
        raise NotImplementedError(
            f"rushlight.utils.data.{name} is not there; the nearest is utils.data.{nearest[name]}"
        )
    raise AttributeError(f"module 'rushlight.utils.data' has no attribute '{name}'")
