"""Datasets, samplers and the loader beside PyTorch's: the same batches in the same order from the same seed."""

import collections
import inspect
import random
import time
import warnings

import pytest
import rushlight
import rushlight.utils.data  # noqa: F401

np = pytest.importorskip("numpy")
Point = collections.namedtuple("Point", ["x", "y"])


def plain(value):
    """Tensors as (dtype, shape, numbers), deep down; other values with their type."""
    if hasattr(value, "tolist") and hasattr(value, "requires_grad"):
        return str(value.dtype).split(".")[1], tuple(value.shape), repr(value.tolist())
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(entry) for entry in value]
    return type(value).__name__, repr(value)


def tensors(library, rows=23):
    library.manual_seed(5)
    return library.randn(rows, 3), library.arange(rows), library.rand(rows, 2, 2).double()


def make_dataset(library):
    """A map-style dataset of a Python class."""

    class Squares(library.utils.data.Dataset):
        def __len__(self):
            return 11

        def __getitem__(self, i):
            if not 0 <= i < 11:
                raise IndexError(i)
            return library.tensor([i, i * i]), float(i), {"name": str(i), "pair": (i, np.float32(i))}

    return Squares()


def make_stream(library):
    class Stream(library.utils.data.IterableDataset):
        start, end = 0, 10

        def __iter__(self):
            info = library.utils.data.get_worker_info()
            step = 1 if info is None else info.num_workers
            first = self.start if info is None else self.start + info.id
            return iter(range(first, self.end, step))

        def __len__(self):
            return self.end - self.start

    return Stream()


def assert_same(torch, story):
    """Runs `story(library)` with both libraries; what it tells must be the same, and not nothing."""
    ours, theirs = story(rushlight), story(torch)
    assert plain(ours) == plain(theirs)
    assert plain(ours), "the story tells nothing"
    return ours


DATASETS = {
    "tensors": lambda t: t.utils.data.TensorDataset(*tensors(t)),
    "subset": lambda t: t.utils.data.Subset(t.utils.data.TensorDataset(*tensors(t)), [3, 1, 4, 1, 5, 9, 2, 6]),
    "nested subset": lambda t: t.utils.data.Subset(
        t.utils.data.Subset(t.utils.data.TensorDataset(*tensors(t)), range(5, 20)), [0, 2, 4, 14]
    ),
    "concat": lambda t: make_dataset(t) + make_dataset(t),
    "stack": lambda t: t.utils.data.StackDataset(make_dataset(t), t.utils.data.TensorDataset(t.arange(11))),
    "stack dict": lambda t: t.utils.data.StackDataset(a=make_dataset(t), b=t.utils.data.TensorDataset(t.arange(11))),
    "python": make_dataset,
    "list": lambda t: [1.5, 2.5, 3.5, 4.5, 5.5],
}
ORDERS = {
    "in order": lambda t, d: {},
    "shuffled": lambda t, d: {"shuffle": True},
    "generator": lambda t, d: {"shuffle": True, "generator": t.Generator().manual_seed(3)},
    "drawn": lambda t, d: {"sampler": t.utils.data.RandomSampler(d, replacement=True, num_samples=37)},
    "twice": lambda t, d: {"sampler": t.utils.data.RandomSampler(d, num_samples=2 * len(d) + 3)},
    "weighted": lambda t, d: {"sampler": t.utils.data.WeightedRandomSampler([0.1 + i for i in range(len(d))], 14)},
    "subset": lambda t, d: {"sampler": t.utils.data.SubsetRandomSampler(range(0, len(d), 2))},
    "own list": lambda t, d: {"sampler": [2, 0, 1, 2]},
    "own batches": lambda t, d: {"batch_sampler": [[0, 2], [1], [3, 3, 0]]},
}


@pytest.mark.parametrize("batch", [{"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {}], ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_batches(torch, dataset, order, batch):
    def story(library):
        library.manual_seed(0)
        data = DATASETS[dataset](library)
        options = ORDERS[order](library, data)
        if "batch_sampler" not in options:
            options.update(batch)
        loader = library.utils.data.DataLoader(data, **options)
        told = [len(loader)]
        for _ in range(2):  # epochs, with draws between: the default stream must be where PyTorch's is
            for part in loader:
                told.append(part)
                told.append(library.rand(1).item())
        generator = options.get("generator")
        return told + [library.rand(2), generator.get_state() if generator else None]

    assert_same(torch, story)


def test_sampler_draws_end_of_epoch(torch):
    def story(library):
        generator = library.Generator().manual_seed(1)
        data = library.utils.data.TensorDataset(library.arange(10))
        told = []
        for size, drop in ((5, False), (3, False), (3, True)):
            iterator = iter(
                library.utils.data.DataLoader(data, size, shuffle=True, generator=generator, drop_last=drop)
            )
            while (part := next(iterator, None)) is not None:
                told.append((part, generator.get_state()))
            told.append(generator.get_state())
        return told

    assert_same(torch, story)


def test_gather_equals_general_path():
    data = rushlight.utils.data.TensorDataset(*tensors(rushlight))
    results = []
    for collate in (None, lambda batch: rushlight.utils.data.default_collate(batch)):
        rushlight.manual_seed(2)
        loader = rushlight.utils.data.DataLoader(data, 5, shuffle=True, collate_fn=collate)
        results.append([plain(part) for part in loader])
    assert results[0] == results[1]


def test_gather_leaves_gradients_alone():
    x = rushlight.ones(4, 2, requires_grad=True)
    (batch,) = next(iter(rushlight.utils.data.DataLoader(rushlight.utils.data.TensorDataset(x), 2)))
    assert "Stack" in batch.grad_fn.name()


@pytest.mark.parametrize("indices", [[-1, 2], [np.int64(1), 2], (1, 2), [True, 2]])
def test_odd_subset_indices(torch, indices):
    def story(library):
        data = library.utils.data.Subset(library.utils.data.TensorDataset(library.arange(5)), indices)
        return list(library.utils.data.DataLoader(data, 1))

    assert_same(torch, story)


def test_out_of_range_rows():
    data = rushlight.utils.data.TensorDataset(rushlight.arange(5))
    for loader in (
        rushlight.utils.data.DataLoader(rushlight.utils.data.Subset(data, [1, 7]), 2),
        rushlight.utils.data.DataLoader(data, sampler=[1, 7], batch_size=2),
    ):
        with pytest.raises(IndexError):
            list(loader)


SAMPLES = {
    "floats": [1.0, 2.5],
    "ints": [1, 2],
    "bools": [True, False],
    "texts": ["a", "bc"],
    "bytes": [b"a", b"bc"],
    "tuples": [(1, 2.0), (3, 4.0)],
    "lists": [[1, 2], [3, 4]],
    "named": [Point(1, 2.0), Point(3, 4.0)],
    "dicts": [{"a": 1, "b": {"c": [1.0]}}, {"a": 2, "b": {"c": [2.0]}}],
    "ordered": [collections.OrderedDict(b=1, a=2), collections.OrderedDict(b=3, a=4)],
    "numpy": [np.ones((2, 2)), np.zeros((2, 2))],
    "numpy float32": [np.float32(1), np.float32(2)],
    "numpy float64": [np.float64(1), np.float64(2)],
    "numpy ints": [np.int16(1), np.int16(2)],
    "numpy bools": [np.bool_(True), np.bool_(False)],
    "ranges": [range(2), range(2, 4)],
}
BAD_SAMPLES = {
    "object": [object(), object()],
    "None": [None, None],
    "strings": [np.array(["a"]), np.array(["b"])],
    "ragged lists": [[1], [1, 2]],
    "set": [{1}, {2}],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_collate(torch, name):
    assert_same(torch, lambda library: library.utils.data.default_collate(SAMPLES[name]))
    assert_same(torch, lambda library: [library.utils.data.default_convert(sample) for sample in SAMPLES[name]])


def test_collate_tensors(torch):
    assert_same(
        torch,
        lambda t: t.utils.data.default_collate([(t.ones(2), {"a": t.tensor(1)}), (t.zeros(2), {"a": t.tensor(2)})]),
    )


def errors(torch, action):
    """What `action(library)` raises: (class, text), of ours and PyTorch's."""
    found = []
    for library in (rushlight, torch):
        with pytest.raises(Exception) as caught:
            action(library)
        found.append((caught.type, str(caught.value)))
    return found


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_collate_errors(torch, name):
    ours, theirs = errors(torch, lambda library: library.utils.data.default_collate(BAD_SAMPLES[name]))
    assert ours == theirs


def test_collate_sizes(torch):
    ours, theirs = errors(torch, lambda t: t.utils.data.default_collate([t.ones(3), t.ones(4)]))
    assert ours[0] == theirs[0] and ours[1].startswith("stack expects each tensor to be equal size")


def test_own_collate_types():
    from rushlight.utils.data._utils.collate import collate, default_collate_fn_map

    class Image:
        pass

    own = {Image: lambda batch, *, collate_fn_map: len(batch)}
    assert collate([(Image(), 1), (Image(), 2)], collate_fn_map={**default_collate_fn_map, **own})[0] == 2


@pytest.mark.parametrize("lengths", [[5, 6], [0.5, 0.5], [0.3, 0.3, 0.4], [1.0], [11, 0], [0.95, 0.05]], ids=str)
@pytest.mark.filterwarnings("ignore:Length of split")
def test_random_split(torch, lengths):
    def story(library):
        library.manual_seed(4)
        parts = library.utils.data.random_split(make_dataset(library), lengths)
        other = library.utils.data.random_split(
            make_dataset(library), lengths, generator=library.Generator().manual_seed(42)
        )
        return [part.indices for part in parts + other] + [len(part) for part in parts]

    assert_same(torch, story)


LOADER_ERRORS = {
    "workers": {"num_workers": -1},
    "timeout": {"timeout": -1},
    "prefetch": {"prefetch_factor": 2},
    "prefetch negative": {"num_workers": 1, "prefetch_factor": -2},
    "persistent": {"persistent_workers": True},
    "sampler": {"sampler": [0], "shuffle": True},
    "batch sampler": {"batch_sampler": [[0]], "batch_size": 2},
    "drop": {"batch_size": None, "drop_last": True},
    "batch size": {"batch_size": 0},
    "batch size float": {"batch_size": 2.5},
    "drop text": {"drop_last": "yes"},
    "context": {"multiprocessing_context": "fork"},
    "context unknown": {"num_workers": 1, "multiprocessing_context": "knife"},
    "context kind": {"num_workers": 1, "multiprocessing_context": 3},
}


@pytest.mark.parametrize("name", LOADER_ERRORS)
def test_loader_errors(torch, name):
    ours, theirs = errors(torch, lambda t: t.utils.data.DataLoader([1, 2, 3], **LOADER_ERRORS[name]))
    assert ours == theirs


OTHER_ERRORS = {
    "tensors": lambda d, t: d.TensorDataset(t.ones(2), t.ones(3)),
    "abstract": lambda d, t: d.Dataset()[0],
    "sampler": lambda d, t: iter(d.Sampler()),
    "stack both": lambda d, t: d.StackDataset([1], a=[1]),
    "stack none": lambda d, t: d.StackDataset(),
    "stack sizes": lambda d, t: d.StackDataset([1], [1, 2]),
    "concat none": lambda d, t: d.ConcatDataset([]),
    "concat stream": lambda d, t: d.ConcatDataset([make_stream(t)]),
    "concat index": lambda d, t: d.ConcatDataset([[1, 2]])[-3],
    "chain": lambda d, t: list(d.ChainDataset([[1]])),
    "random empty": lambda d, t: d.RandomSampler([]),
    "random kind": lambda d, t: d.RandomSampler([1], replacement=1),
    "random count": lambda d, t: d.RandomSampler([1], num_samples=-1),
    "weights": lambda d, t: d.WeightedRandomSampler([[1.0]], 1),
    "weights count": lambda d, t: d.WeightedRandomSampler([1.0], True),
    "weights kind": lambda d, t: d.WeightedRandomSampler([1.0], 1, replacement=0),
    "split": lambda d, t: d.random_split([1, 2, 3], [1, 1]),
    "split fraction": lambda d, t: d.random_split([1, 2, 3], [1.5, -0.5]),
    "stream shuffled": lambda d, t: d.DataLoader(make_stream(t), shuffle=True),
    "stream sampler": lambda d, t: d.DataLoader(make_stream(t), sampler=[1]),
    "stream batches": lambda d, t: d.DataLoader(make_stream(t), batch_sampler=[[1]]),
    "fixed": lambda d, t: setattr(d.DataLoader([1]), "batch_size", 3),
    "pickle": lambda d, t: __import__("pickle").dumps(iter(d.DataLoader([1]))),
    "single timeout": lambda d, t: iter(d.DataLoader([1], timeout=1)),
}


@pytest.mark.parametrize("name", OTHER_ERRORS)
def test_other_errors(torch, name):
    ours, theirs = errors(torch, lambda t: OTHER_ERRORS[name](t.utils.data, t))
    assert ours == theirs


def test_missing_features_name_themselves():
    with pytest.raises(NotImplementedError, match="DistributedSampler"):
        rushlight.utils.data.DistributedSampler  # noqa: B018


@pytest.mark.parametrize("batch_size, drop_last", [(None, False), (1, False), (1, True), (4, False), (4, True)])
def test_streams(torch, batch_size, drop_last):
    def story(library):
        stream = make_stream(library) + make_stream(library)
        loader = library.utils.data.DataLoader(stream, batch_size, drop_last=drop_last)
        return len(loader), list(loader)

    assert_same(torch, story)


def test_stream_length_warning(torch):
    def story(library):
        stream = make_stream(library)
        stream.__class__.__len__ = lambda self: 8
        loader = library.utils.data.DataLoader(stream)
        len(loader)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(loader)
        return [str(warning.message).split("was reported")[1] for warning in caught]

    assert len(assert_same(torch, story)) == 2


def test_pin_memory_warns(torch):
    def story(library):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(library.utils.data.DataLoader([1, 2], pin_memory=True))
        return [str(warning.message) for warning in caught]

    assert len(assert_same(torch, story)) == 1


def test_single_samples(torch):
    assert_same(torch, lambda t: list(t.utils.data.DataLoader(make_dataset(t), batch_size=None, sampler=[1, 0])))
    assert_same(torch, lambda t: list(t.utils.data.DataLoader([np.ones(2), 3, "a"], batch_size=None)))


def noisy_dataset(library):
    class Noisy(library.utils.data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, i):
            info = library.utils.data.get_worker_info()
            return i, info.id, info.num_workers, library.rand(2), random.random(), np.random.rand()

    return Noisy()


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_give_pytorchs_batches(torch, persistent):
    def story(library):
        library.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        loader = library.utils.data.DataLoader(
            noisy_dataset(library), 2, shuffle=True, num_workers=2, persistent_workers=persistent
        )
        told = [list(loader), list(loader), library.rand(1)]
        return told, random.random(), np.random.rand()

    assert_same(torch, story)


def test_workers_of_a_stream(torch):
    def start(number):
        import rushlight as ours
        import torch as theirs

        for library in (ours, theirs):
            info = library.utils.data.get_worker_info()
            if info is not None:
                info.dataset.end += number * 4

    assert_same(
        torch,
        lambda t: list(t.utils.data.DataLoader(make_stream(t), 2, num_workers=3, worker_init_fn=start)),
    )
    stream = make_stream(rushlight)
    list(rushlight.utils.data.DataLoader(stream, num_workers=2, worker_init_fn=start))
    assert stream.end == 10 and rushlight.utils.data.get_worker_info() is None


def test_attributes_of_a_dataset_are_each_workers_own(torch):
    def story(library):
        class Counted(library.utils.data.Dataset):
            worker = -1

            def start(self, number):
                self.worker = number

            def __len__(self):
                return 8

            def __getitem__(self, i):
                return self.worker, i

        data = Counted()
        loader = library.utils.data.DataLoader(data, 2, num_workers=2, worker_init_fn=data.start)
        return list(loader), data.worker

    assert_same(torch, story)


def test_a_worker_may_fail():
    before = rushlight.get_rng_state()
    data = make_dataset(rushlight)
    loader = rushlight.utils.data.DataLoader(data, 2, sampler=[0, 1, 99], num_workers=1)
    with pytest.raises(IndexError, match="99"):
        list(loader)
    assert rushlight.utils.data.get_worker_info() is None
    rushlight.set_rng_state(before)


def test_names_and_next():
    loader = rushlight.utils.data.DataLoader(rushlight.utils.data.TensorDataset(rushlight.arange(4)), 2)
    iterator = iter(loader)
    assert type(iterator).__module__ == "rushlight.utils.data.dataloader"
    assert type(iterator).__qualname__ == "_SingleProcessDataLoaderIter"
    assert iter(iterator) is iterator and len(iterator) == 2
    assert [t.tolist() for t in iterator.next()] == [[0, 1]] and [t.tolist() for t in next(iterator)] == [[2, 3]]
    with pytest.raises(StopIteration):
        iterator.next()
    assert rushlight.utils.data.TensorDataset.__module__ == "rushlight.utils.data.dataset"
    assert rushlight.utils.data.RandomSampler.__module__ == "rushlight.utils.data.sampler"


def test_signatures(torch):
    for name in (
        "DataLoader",
        "RandomSampler",
        "WeightedRandomSampler",
        "BatchSampler",
        "Subset",
        "SubsetRandomSampler",
    ):
        found = [
            [
                (p.name, p.kind, p.default)
                for p in inspect.signature(getattr(library.utils.data, name)).parameters.values()
            ]
            for library in (rushlight, torch)
        ]
        assert found[0] == found[1], name


def test_a_loader_of_tensors_is_fast():
    data = rushlight.utils.data.TensorDataset(rushlight.randn(10_000, 5))
    loader = rushlight.utils.data.DataLoader(data, 256, shuffle=True)
    best = min(timed(loader) for _ in range(7))
    assert best < 0.01  # 0.3 ms on a quiet machine; PyTorch 50 ms


def timed(loader):
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start
