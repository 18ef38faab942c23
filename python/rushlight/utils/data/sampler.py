"""Samplers: the order in which samples are taken.

Those that draw or count rows also yield them as tensors (`_chunks`), which the loader gathers by.
"""

import itertools
from typing import Generic, TypeVar

from rushlight import _C
from rushlight._C import Generator, as_tensor, float64, int64, tensor

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T_co = TypeVar("_T_co", covariant=True)

_arange, _empty, _multinomial, _randint, _randperm = (
    _C._torch_functions[name] for name in ("arange", "empty", "multinomial", "randint", "randperm")
)


def _random_seed(generator=None) -> int:
    """A seed drawn from a stream, by default that of all calls which name none."""
    return _empty((), dtype=int64).random_(generator=generator).item()


class Sampler(Generic[_T_co]):
    """Base of samplers: a subclass has `__iter__`, which yields indices or lists of them, and `__len__`."""

    def __iter__(self):
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """All samples in order."""

    def __init__(self, data_source) -> None:
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def _chunks(self):
        yield _arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Samples at random: without replacement a shuffled dataset, with it `num_samples` draws."""

    def __init__(self, data_source, replacement: bool = False, num_samples: int | None = None, generator=None) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _chunks(self):
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            seed = _random_seed()
            generator = Generator()
            generator.manual_seed(seed)
        count = self.num_samples
        if self.replacement:
            for size in itertools.chain(itertools.repeat(32, count // 32), (count % 32,)):
                yield _randint(high=n, size=(size,), dtype=int64, generator=generator)
        else:
            for _ in range(count // n):
                yield _randperm(n, generator=generator)
            yield _randperm(n, generator=generator)[: count % n]  # drawn even if empty, as in PyTorch

    def __iter__(self):
        for chunk in self._chunks():
            yield from chunk.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, shuffled."""

    def __init__(self, indices, generator=None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in _randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities in proportion to `weights`."""

    def __init__(self, weights, num_samples: int, replacement: bool = True, generator=None) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        weights = as_tensor(weights, dtype=float64)
        if len(weights.shape) != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(weights.shape)}")
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def _chunks(self):
        yield _multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)

    def __iter__(self):
        for chunk in self._chunks():
            yield from chunk.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list]):
    """Lists of `batch_size` indices of another sampler; the last may be shorter, or is dropped."""

    def __init__(self, sampler, batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def _chunks(self):
        """The batches as tensors, drawn when __iter__ would draw them; for samplers that have _chunks."""
        chunks = self.sampler._chunks()
        rest, at = None, 0
        while True:
            batch = None if rest is None else rest[at : at + self.batch_size]
            at += self.batch_size
            while batch is None or len(batch) < self.batch_size:
                rest = next(chunks, None)
                if rest is None:
                    break
                at = self.batch_size - (0 if batch is None else len(batch))
                batch = rest[:at] if batch is None else _C._torch_functions["cat"]((batch, rest[:at]))
            if batch is None or len(batch) == 0 or (self.drop_last and len(batch) < self.batch_size):
                return
            yield batch

    def __len__(self) -> int:
        spare = 0 if self.drop_last else self.batch_size - 1
        return (len(self.sampler) + spare) // self.batch_size


def _row_batches(batch_sampler):
    """The batches of a sampler as tensors of rows, or None if only calling it tells what they are."""
    if type(batch_sampler) is not BatchSampler:
        return None
    exact = (SequentialSampler, RandomSampler, WeightedRandomSampler)
    return batch_sampler._chunks() if type(batch_sampler.sampler) in exact else None


def _as_rows(indices):
    """A sequence of row numbers as a tensor, or None if they are anything else."""
    if isinstance(indices, range):
        indices = list(indices)
    if type(indices) is not list or not set(map(type, indices)) <= {int} or min(indices, default=0) < 0:
        return None
    return tensor(indices, dtype=int64)
