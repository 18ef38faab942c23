"""Names that programs look for: those imported when first asked for, and those that Rushlight lacks."""

import importlib
import subprocess
import sys

import pytest
import rushlight

# module: (a name that is there once it is asked for, one that is refused by name, a word of the refusal)
MODULES = {
    "": ("special", "save", "pickle"),
    "autograd": ("forward_ad", "profiler_legacy", "Python's own profilers"),
    "autograd.profiler": ("record_function", "profile", "perf"),
    "profiler": ("record_function", "schedule", "perf"),
    "distributed": ("is_available", "new_group", "one process"),
    "distributions": ("Normal", "Gamma", "does not have it yet; it has Bernoulli"),
    "func": ("functional_call", "vmap", "stack"),
    "linalg": ("vector_norm", "qr", "it has cross"),
    "nn": ("Linear", "Conv2d", "does not have it yet"),
    "nn.functional": ("linear", "conv2d", "does not have it yet"),
    "nn.utils": ("spectral_norm", "fuse_conv_bn_eval", "does not have it yet"),
    "optim": ("LBFGS", "SparseAdam", "optim.Adam"),
    "utils.checkpoint": ("checkpoint", "CheckpointPolicy", "the parts to compute again"),
    "special": ("erf", "no_such", "it has"),
    "autograd.graph": ("Node", "region_activation_memory_budget", "nothing is compiled"),
    "utils": ("data", "swap_tensors", ".data"),
    "utils.data": ("DataLoader", "DistributedSampler", "RandomSampler"),
}


def test_names_imported_later_are_listed():
    code = "import torch; print('LBFGS' in dir(torch.optim), 'functional' in dir(torch.autograd), 'fft' in dir(torch))"
    told = subprocess.run([sys.executable, "-m", "rushlight", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True True False\n"


@pytest.mark.parametrize("name", MODULES)
def test_probing_works_and_using_says_what_is_missing(name):
    module = importlib.import_module(("rushlight." + name).rstrip("."))
    there, absent, word = MODULES[name]
    assert hasattr(module, there) and getattr(module, there) is getattr(module, there)
    assert not hasattr(module, absent) and getattr(module, absent, None) is None
    with pytest.raises(AttributeError, match=word):
        getattr(module, absent)
    with pytest.raises(ImportError, match=word):
        exec(f"from {module.__name__} import {absent}")


def test_what_is_refused_is_not_implemented_either():
    with pytest.raises(NotImplementedError, match="profiler_legacy"):
        rushlight.autograd.profiler_legacy


def test_parts_may_be_named_for_profilers():
    @rushlight.profiler.record_function("double")
    def double(x):
        """Twice."""
        return 2 * x

    with rushlight.autograd.profiler.record_function("block", "arguments") as block:
        assert double(2) == 4
    assert (block.name, block.args, double.__doc__) == ("block", "arguments", "Twice.")
    with pytest.raises(ValueError, match="boom"), rushlight.profiler.record_function("block"):
        raise ValueError("boom")


def test_handles_are_of_one_class():
    modules = ("utils.hooks", "autograd.graph", "nn.modules.module")
    first, *others = (importlib.import_module("rushlight." + name).RemovableHandle for name in modules)
    assert all(each is first for each in others)
    assert isinstance(rushlight.ones(2, requires_grad=True).register_hook(print), first)
    assert isinstance(rushlight.nn.Linear(2, 2).register_forward_hook(print), first)


def test_parts_of_utils_are_there_when_asked_for():
    assert rushlight.utils.data.DataLoader and rushlight.utils.checkpoint.checkpoint
    assert rushlight.utils.hooks.RemovableHandle and not hasattr(rushlight.utils, "tensorboard")


def name_module(library):
    class Named:
        pass

    set_module = library.utils.set_module
    set_module(Named, "elsewhere")
    try:
        set_module(Named, 3)
    except TypeError as error:
        return Named.__module__, str(error)


def convert(library, overwrite):
    future = importlib.import_module(library.__name__ + ".__future__")
    future.set_overwrite_module_params_on_conversion(overwrite)
    note = [future.get_overwrite_module_params_on_conversion(), future.get_swap_module_params_on_conversion()]
    layer = library.nn.Linear(2, 2)
    before = layer.weight
    layer(library.ones(1, 2)).sum().backward()
    layer.bias.requires_grad_(False)
    layer.double()
    future.set_overwrite_module_params_on_conversion(False)
    note += [layer.weight is before, str(before.dtype)[-7:], str(layer.weight.dtype)[-7:], layer.bias.requires_grad]
    note += [str(each.grad.dtype)[-7:] for each in (before, layer.weight)]
    return note, layer(library.ones(1, 2, dtype=library.float64)).shape, [name for name, _ in layer.named_parameters()]


def compile_programs(library):
    """What eager programs ask a compiler, decorate for it, and get refused."""
    compiler = library.compiler
    told = [compiler.is_compiling(), compiler.is_dynamo_compiling(), compiler.is_exporting()]

    @compiler.disable(recursive=False)
    @compiler.allow_in_graph
    @compiler.assume_constant_result
    def double(x):
        return x * 2

    @compiler.set_stance("force_eager")
    def twice(x):
        with compiler.set_stance("default"):
            return double(double(x))

    told += [twice(3), compiler.reset(), compiler.cudagraph_mark_step_begin()]

    def plain(x):
        return x + 1

    told += [library.compile(plain, backend="eager")(4), library.compile(backend="eager")(plain)(5)]
    for refused in (
        lambda: library.compile(3),
        lambda: library.compile(plain, "eager"),
        lambda: library.compile(plain, speed=3),
        lambda: compiler.compile(plain, mode="default", options={}),
        lambda: compiler.allow_in_graph(3),
        lambda: compiler.disable(3),
    ):
        with pytest.raises((AssertionError, RuntimeError, TypeError)) as caught:
            refused()
        told.append((caught.type, str(caught.value).split(", but got")[0]))
    return told


@pytest.mark.parametrize(
    "story", [name_module, compile_programs, lambda t: convert(t, False), lambda t: convert(t, True)]
)
def test_as_pytorch(torch, story):
    assert story(rushlight) == story(torch)


def test_swapping_parameters_is_refused():
    future = importlib.import_module("rushlight.__future__")
    future.set_swap_module_params_on_conversion(False)
    with pytest.raises(NotImplementedError, match="set_overwrite_module_params_on_conversion"):
        future.set_swap_module_params_on_conversion(True)


def test_accelerators_that_are_not_there_answer(torch):
    names = ("max_memory_allocated", "max_memory_reserved", "seed", "seed_all", "get_rng_state_all")
    for library in (rushlight, torch):
        cuda = library.cuda
        assert [getattr(cuda, name)() for name in names] == [0, 0, None, None, []]
        assert library.version.cuda is None and library.version.__version__ == str(library.__version__)
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            cuda.get_device_capability()


def test_tuples_of_sizes_that_a_program_may_say_once(torch):
    for source in ("_pair(3)", "_pair([1, 2, 3])", "_single(2)", "_triple('abc')", "_ntuple(5)(0)", "_pair.__name__"):
        ours, theirs = (eval(source, vars(library.nn.modules.utils)) for library in (rushlight, torch))
        assert ours == theirs


def test_storages_warn_once():
    code = "import torch; x = torch.ones(2)\nfor _ in range(2): x.storage()\nx.storage()"
    run = subprocess.run([sys.executable, "-m", "rushlight", "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.count("TypedStorage is deprecated") == 1 and "<string>:2" in run.stderr
