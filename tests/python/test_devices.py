"""Where tensors are made: on the CPU, or on the meta device, without data."""

import threading

import pytest
import rushlight

MAKERS = [
    "zeros(2)",
    "empty(2, device=None)",
    "ones(2, device='cpu')",
    "tensor([1.0])",
    "as_tensor(here)",
    "as_tensor(here, device='cpu')",
    "asarray(here)",
    "asarray([1, 2])",
    "arange(3)",
    "linspace(0, 1, 3)",
    "eye(2)",
    "rand(2)",
    "randperm(3)",
    "full((2,), 1)",
    "scalar_tensor(2)",
    "tril_indices(2, 2)",
    "hann_window(3)",
    "Tensor([1])",
    "FloatTensor(2)",
    "zeros_like(here)",
    "rand_like(here)",
    "here.new_zeros(2)",
    "here.new_tensor([2])",
    "here.double()",
    "here.nonzero()",
    "here.exp()",
    "nn.Parameter(empty(2))",
    "nn.Linear(2, 3).weight",
    "nn.Linear(2, 3, device='cpu').bias",
    "nn.Embedding(3, 2).weight",
    "nn.BatchNorm1d(3).num_batches_tracked",
    "nn.LayerNorm(3).weight",
    "nn.PReLU().weight",
    "nn.LazyLinear(3).weight",
    "nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5]).head.weight",
    "frombuffer(bytearray(4), dtype=float32)",
    "Generator()",
]


def test_the_default_device(torch):
    def story(library):
        def places():
            return [str(eval(text, {**vars(library), "here": here, "nn": library.nn}).device) for text in MAKERS]

        here, told = library.ones(2, device="cpu"), []
        with library.device("meta"):
            told += [places(), str(library.get_default_device())]
            with library.device("cpu"):
                told += [places(), str(library.get_default_device())]
            thread = threading.Thread(target=lambda: told.append(str(library.ones(1).device)))
            thread.start()
            thread.join()
        library.set_default_device("meta")
        told += [places(), str(library.get_default_device())]
        library.set_default_device(None)
        told += [places(), str(library.get_default_device())]
        with pytest.raises(RuntimeError) as caught:
            library.set_default_device("nowhere")
        return told, str(caught.value).split(",")[0]

    ours, theirs = story(rushlight), story(torch)
    assert ours == theirs


def test_models_without_data(torch):
    """A model is laid out, measured and trained without its numbers, then given memory."""

    def story(library):
        nn = library.nn
        with library.device("meta"):
            model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2))
            out = model(library.ones(5, 3))
        told = [tuple(out.shape), str(out.device), sum(p.numel() for p in model.parameters())]
        model.to_empty(device="cpu")
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.5)
        return told, model(library.ones(5, 3)).tolist()

    assert story(rushlight) == story(torch)
