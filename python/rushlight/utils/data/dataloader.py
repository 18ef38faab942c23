"""The loader: batches of a dataset, in the order of a sampler."""

import itertools
import sys
import warnings
from contextlib import contextmanager
from math import ceil
from typing import Any, Generic, TypeVar

from rushlight import default_generator
from rushlight.utils.data._utils import worker as _worker
from rushlight.utils.data._utils.collate import default_collate, default_convert
from rushlight.utils.data._utils.fetch import _GatherFetcher, _IterableDatasetFetcher, _MapDatasetFetcher
from rushlight.utils.data._utils.worker import WorkerInfo, get_worker_info
from rushlight.utils.data.dataset import Dataset, IterableDataset
from rushlight.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    _random_seed,
    _row_batches,
)

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)


class _DatasetKind:
    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last) -> Any:
        if kind == _DatasetKind.Iterable:
            return _IterableDatasetFetcher(dataset, auto_collation, collate_fn, drop_last)
        gather = _GatherFetcher.of(dataset, auto_collation, collate_fn)
        return gather or _MapDatasetFetcher(dataset, auto_collation, collate_fn, drop_last)


class _InfiniteConstantSampler(Sampler):
    """Counts the samples of an iterable dataset, which have no numbers."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader(Generic[_T_co]):
    """Batches of a dataset: iterate over it once an epoch.

    `dataset` has samples by number or yields them; `sampler` or `shuffle` say in which order, `batch_size` and
    `drop_last`, or `batch_sampler`, in which batches; `collate_fn` makes a batch of a list of samples; `generator` is
    the random stream (by default, that of all calls which name none). With `batch_size=None` samples come singly.

    Workers are not processes: with `num_workers` the samples are read in this process, in the order and with the
    random numbers that PyTorch's workers would have, so that a program's results do not change.
    """

    _iterator = None
    __initialized = False

    def __init__(
        self,
        dataset: "Dataset[_T_co]",
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.prefetch_factor = self._check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        if isinstance(dataset, IterableDataset):
            self._dataset_kind = _DatasetKind.Iterable
            self._check_iterable(shuffle, sampler, batch_sampler)
        else:
            self._dataset_kind = _DatasetKind.Map
            shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._dataset_kind == _DatasetKind.Iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._IterableDataset_len_called: int | None = None
        self.__initialized = True

    @staticmethod
    def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        return 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor

    @staticmethod
    def _check_iterable(shuffle, sampler, batch_sampler) -> None:
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )

    @property
    def multiprocessing_context(self) -> Any:
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, value) -> None:
        if value is not None:
            value = self._check_context(value)
        self.__multiprocessing_context = value

    def _check_context(self, value):
        import multiprocessing.context

        if not self.num_workers > 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                f"num_workers={self.num_workers}"
            )
        if isinstance(value, str):
            known = multiprocessing.get_all_start_methods()
            if value not in known:
                raise ValueError(
                    f"multiprocessing_context option should specify a valid start method in {known!r}, but got "
                    f"multiprocessing_context={value!r}"
                )
            value = multiprocessing.get_context(value)
        if not isinstance(value, multiprocessing.context.BaseContext):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string specifying the start "
                f"method, but got multiprocessing_context={value}"
            )
        return value

    def __setattr__(self, attr, val) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self.__initialized and attr in fixed:
            raise ValueError(f"{attr} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(attr, val)

    def _get_iterator(self):
        return _MultiProcessingDataLoaderIter(self) if self.num_workers else _SingleProcessDataLoaderIter(self)

    def __iter__(self) -> "_BaseDataLoaderIter":
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else ceil(length / self.batch_size)


class _BaseDataLoaderIter:
    """One epoch."""

    def __init__(self, loader) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=4,
            )
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0
        self._sampler_iter = self._start_sampler()
        self._base_seed = _random_seed(loader.generator)

    def _start_sampler(self):
        return iter(self._index_sampler)

    def _create_fetcher(self, dataset):
        return _DatasetKind.create_fetcher(
            self._dataset_kind, dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def __iter__(self) -> "_BaseDataLoaderIter":
        return self

    def _reset(self, loader) -> None:
        self._sampler_iter = self._start_sampler()
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_data(self):
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        expected = self._IterableDataset_len_called
        if expected is not None and self._num_yielded > expected and self._dataset_kind == _DatasetKind.Iterable:
            self._warn_of_length(expected)
        return data

    def next(self) -> Any:
        """The next batch: what old lessons call."""
        return self.__next__()

    def _warn_of_length(self, expected) -> None:
        message = (
            f"Length of IterableDataset {self._dataset} was reported to be {expected}"
            f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
            )
        warnings.warn(message, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._dataset_fetcher = self._create_fetcher(self._dataset)
        if isinstance(self._dataset_fetcher, _GatherFetcher):
            self._sampler_iter = _row_batches(self._index_sampler) or self._sampler_iter

    def _next_data(self):
        return self._dataset_fetcher.fetch(next(self._sampler_iter))


class _Worker:
    """What a worker process would have of its own: the attributes of the dataset, and random streams."""

    def __init__(self, number, iterator, loader) -> None:
        self.dataset = iterator._dataset
        # What a worker sets of the dataset's attributes stays its own.
        self._attributes = dict(self.dataset.__dict__) if hasattr(self.dataset, "__dict__") else None
        base = iterator._base_seed
        self.info = WorkerInfo(number, iterator._num_workers, base + number, self.dataset)
        self.ended = False
        self._streams = self._seeded(base, number)
        with self.at_work():
            if loader.worker_init_fn is not None:
                loader.worker_init_fn(number)
            self.fetcher = iterator._create_fetcher(self.dataset)

    def restart(self, iterator) -> None:
        self.ended = False
        with self.at_work():
            self.fetcher = iterator._create_fetcher(self.dataset)

    def _seeded(self, base, number):
        import random

        before = self._get_streams()
        seed = base + number
        random.seed(seed)
        default_generator.manual_seed(seed)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            words = [number, base & 0xFFFFFFFF, base >> 32, 0]
            numpy.random.seed(numpy.random.SeedSequence(words).generate_state(4))
        streams = self._get_streams()
        self._set_streams(before)
        return streams

    @staticmethod
    def _get_streams():
        import random

        numpy = sys.modules.get("numpy")
        state = None if numpy is None else numpy.random.get_state()
        return default_generator.get_state(), random.getstate(), state

    @staticmethod
    def _set_streams(streams) -> None:
        import random

        default_generator.set_state(streams[0])
        random.setstate(streams[1])
        if streams[2] is not None:
            sys.modules["numpy"].random.set_state(streams[2])

    @contextmanager
    def at_work(self) -> Any:
        """Makes this worker's random streams, info and attributes those of the program for a while."""
        before, outer = self._get_streams(), _worker._worker_info
        attributes = None if self._attributes is None else self.dataset.__dict__
        self._set_streams(self._streams)
        _worker._worker_info = self.info
        if attributes is not None:
            self.dataset.__dict__ = self._attributes
        try:
            yield
        finally:
            if attributes is not None:
                self._attributes, self.dataset.__dict__ = self.dataset.__dict__, attributes
            _worker._worker_info = outer
            self._streams = self._get_streams()
            self._set_streams(before)


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Batches as PyTorch's worker processes make them, made in turn by workers in this process."""

    def __init__(self, loader) -> None:
        super().__init__(loader)
        if self._num_workers <= 0:
            raise AssertionError("num_workers must be greater than 0")
        self._workers = [_Worker(number, self, loader) for number in range(self._num_workers)]
        self._turn = 0

    def _reset(self, loader) -> None:
        super()._reset(loader)
        for worker in self._workers:
            worker.restart(self)
        self._turn = 0

    def _next_data(self):
        while any(not worker.ended for worker in self._workers):
            worker = self._workers[self._turn % self._num_workers]
            self._turn += 1
            if worker.ended:
                continue
            index = next(self._sampler_iter)
            try:
                with worker.at_work():
                    return worker.fetcher.fetch(index)
            except StopIteration:
                if self._dataset_kind != _DatasetKind.Iterable:
                    raise
                worker.ended = True
        raise StopIteration
