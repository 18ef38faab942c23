"""Reads the samples of a batch, by their numbers or one after the other."""

from rushlight import _C
from rushlight._C import Tensor
from rushlight.utils.data._utils.collate import _is_stacking
from rushlight.utils.data.dataset import Subset, TensorDataset
from rushlight.utils.data.sampler import _as_rows

_index_select = _C._torch_functions["index_select"]


class _BaseDatasetFetcher:
    def __init__(self, dataset, auto_collation, collate_fn, drop_last) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    def __init__(self, dataset, auto_collation, collate_fn, drop_last) -> None:
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index):
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        data = []
        for _ in possibly_batched_index:
            try:
                data.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(data)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    def fetch(self, possibly_batched_index):
        dataset, index = self.dataset, possibly_batched_index
        if not self.auto_collation:
            return self.collate_fn(dataset[index])
        if getattr(dataset, "__getitems__", None):
            return self.collate_fn(dataset.__getitems__(index))
        return self.collate_fn([dataset[i] for i in index])


class _GatherFetcher(_MapDatasetFetcher):
    """Of tensors in memory: a batch is one gather a tensor, without a Python object a sample."""

    def __init__(self, dataset, collate_fn, source, rows) -> None:
        super().__init__(dataset, True, collate_fn, False)
        self.source = source  # the tensors
        self.rows = rows  # of the source, that the dataset is made of; None: all

    @staticmethod
    def of(dataset, auto_collation, collate_fn):
        """The fetcher of a dataset, or None if its batches are not just rows of tensors."""
        if not (auto_collation and _is_stacking(collate_fn)):
            return None
        source, rows = dataset, None
        while type(source) is Subset:
            chosen = _as_rows(source.indices)
            if chosen is None or (len(chosen) and chosen.max() >= len(source.dataset)):
                return None
            rows = chosen if rows is None else _index_select(chosen, 0, rows)
            source = source.dataset
        if type(source) is not TensorDataset:
            return None
        if any(type(tensor) is not Tensor or tensor.requires_grad for tensor in source.tensors):
            return None
        return _GatherFetcher(dataset, collate_fn, source, rows)

    def fetch(self, possibly_batched_index):
        """The batch of a list, or a tensor, of sample numbers."""
        rows = possibly_batched_index
        if not isinstance(rows, Tensor):
            rows = _as_rows(rows)
            if rows is None:
                return super().fetch(possibly_batched_index)
        if self.rows is not None:
            rows = _index_select(self.rows, 0, rows)
        return [_index_select(tensor, 0, rows) for tensor in self.source.tensors]
