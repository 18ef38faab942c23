"""Names that programs look for: those imported when first asked for, and those that Rushlight lacks."""

import importlib

import pytest
import rushlight

# module: (a name that is there once it is asked for, one that is refused by name, a word of the refusal)
MODULES = {
    "": ("special", "save", "pickle"),
    "autograd": ("functional", "forward_ad", "autograd.functional.jvp"),
    "distributions": ("Normal", "Gamma", "does not have it yet; it has Bernoulli"),
    "func": ("functional_call", "vmap", "stack"),
    "linalg": ("vector_norm", "qr", "it has cross"),
    "nn": ("Linear", "Conv2d", "does not have it yet"),
    "nn.functional": ("linear", "conv2d", "does not have it yet"),
    "nn.utils": ("spectral_norm", "fuse_conv_bn_eval", "does not have it yet"),
    "optim": ("LBFGS", "SparseAdam", "optim.Adam"),
    "special": ("erf", "no_such", "it has"),
    "utils.data": ("DataLoader", "DistributedSampler", "RandomSampler"),
}


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
    with pytest.raises(NotImplementedError, match="forward_ad"):
        rushlight.autograd.forward_ad
