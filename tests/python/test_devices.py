"""Where tensors are made: on the CPU, or on the meta device, without data."""

import copy
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import rushlight
from same import assert_same

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


EVERY_EXAMPLE = """
import warnings
from both import Scope
import rushlight

warnings.simplefilter("ignore")
for entry in rushlight._C._operation_table():
    for line in filter(None, entry["examples"].split("\\n")):
        scope = Scope(rushlight)
        scope.update(torch=rushlight, float=float)
        try:
            with rushlight.device("meta"):
                eval(line, {}, scope)
        except (NotImplementedError, RuntimeError):  # where values decide
            pass
print("done")
"""


EVERY_MIXTURE = """
import warnings
from both import Scope
import rushlight

warnings.simplefilter("ignore")


def on_meta(make):
    def made(*args, **options):
        global count
        count += 1
        return make(*args, **options, **({"device": "meta"} if chosen(count) else {}))

    return made


choices = [lambda n: n == 1, lambda n: n == 2, lambda n: n == 3, lambda n: n != 1, lambda n: n != 2]
for entry in rushlight._C._operation_table():
    for line in filter(None, entry["examples"].split("\\n")):
        for chosen in choices:
            scope, count = Scope(rushlight), 0
            scope.update(torch=rushlight, float=float)
            for name in ("randn", "rand", "tensor", "zeros", "ones", "full", "arange"):
                scope[name] = on_meta(getattr(rushlight, name))
            try:
                eval(line, {}, scope)
            except (NotImplementedError, RuntimeError, TypeError):  # TypeError: numpy() of what has no data
                pass
print("done")
"""


@pytest.mark.parametrize("program", [EVERY_EXAMPLE, EVERY_MIXTURE], ids=["alone", "beside others"])
def test_no_operation_touches_what_is_not_there(program):
    """In a process of its own: without data there is no address either, and a reader would end it."""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr[-2000:]


REFUSED = [
    "ones(2) + x",
    "cat([ones(2), x])",
    "where(ones(2) > 0, ones(2), x)",
    "x.equal(x)",
    "x[0].__bool__()",
    "x[0].item()",
    "x.nonzero()",
    "x.unique()",
    "x.masked_select(x > 0)",
    "x.long().bincount()",
    "x.tolist()",
    "ones(2).copy_(x)",
    "allclose(x, x)",
    "setattr(x, 'data', ones(2))",
    "setattr(ones(2), 'data', x)",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_values_decide_is_refused(torch, text):
    errors = []
    for library in (rushlight, torch):
        with pytest.raises((RuntimeError, NotImplementedError)) as caught:
            eval(text, {**vars(library), "x": library.ones(2, device="meta")})
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_steps_and_conversions_keep_to_the_device(torch):
    def story(library):
        layer = library.nn.Linear(2, 3, device="meta")
        before = layer.weight
        optimizer = library.optim.Adam(layer.parameters())
        layer.weight.grad = library.rand_like(layer.weight)
        optimizer.step()
        told = [str(optimizer.state[layer.weight]["exp_avg"].device), str(layer.weight.data.device)]
        told += [layer.weight.data_ptr(), layer.to("meta").weight is before]
        with pytest.raises(NotImplementedError) as refused:
            layer.to("cpu")
        told.append(str(refused.value))
        layer.to_empty(device="cpu")
        told += [layer.weight is before, str(layer.weight.device), str(layer.weight.grad.device), str(before.device)]
        fused = library.optim.SGD([before], fused=True)
        with pytest.raises(RuntimeError) as caught:
            fused.step()
        return told, str(caught.value).split(": [")[0]

    assert story(rushlight) == story(torch)


NAMED = """
repr(torch.device('cuda:1')), str(torch.device('cuda:1')), torch.device('mps').type, torch.device('cuda').index
torch.device('cuda', 1) == torch.device('cuda:1'), torch.device('cuda') == torch.device('mps')
torch.device('cuda') == torch.ones(1).device, torch.device(torch.device('xla'))
len({torch.device('cuda:0'), torch.device('cuda', 0), torch.device('cuda'), torch.device('cpu')})
copy.deepcopy(torch.device('cuda:1')), pickle.loads(pickle.dumps(torch.device('cuda:1')))
torch.device('cuda:a')
torch.device('cuda:')
torch.device('cuda:1', 1)
torch.device('cpu', -1)
torch.device('nothing')
torch.device(0)
torch.device(-1)
torch.ones(1, device=0)
torch.ones(1).to(1)
torch.ones(1).to(torch.device('cuda'))
torch.ones(1).to('xpu')
torch.ones(1).cuda(torch.device('cuda:0'))
torch.ones(1).cuda(0)
torch.ones(1).cuda(-1)
torch.ones(1).cuda('cpu')
torch.tensor([1.0], device=torch.device('cuda:0'))
torch.nn.Linear(1, 1, device=torch.device('cuda'))
torch.nn.Linear(1, 1).to(0)
"""


@pytest.mark.parametrize("source", NAMED.strip().split("\n"))
def test_devices_that_are_not_there_can_be_named_but_not_used(torch, source):
    assert_same(torch, source, copy=copy, pickle=pickle)
