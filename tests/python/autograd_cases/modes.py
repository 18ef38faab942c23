"""Modes."""

import warnings

from autograd_cases.common import leaf, note, torch, try_each


def nogradview():
    a = leaf() * 2
    with torch.no_grad():
        v = a[1:]
    v.add_(1)


def nogradview2():
    a = leaf()
    with torch.no_grad():
        v = a[1:]
    v.add_(1)


def nogradview3():
    a = torch.ones(3)
    with torch.no_grad():
        v = a[1:]
    v.mul_(leaf()[1:])
    return v.grad_fn, a.grad_fn


def inf1():
    with torch.inference_mode():
        a = torch.ones(3)
    a.requires_grad_()


def inf2():
    with torch.inference_mode():
        a = torch.ones(3)
    a.add_(1)


def inf3():
    with torch.inference_mode():
        a = torch.ones(3)
    return leaf() * a


def inf3b():
    with torch.inference_mode():
        a = torch.ones(3)
    return leaf() + a


def inf4():
    a = torch.ones(3)
    with torch.inference_mode():
        v = a[1:]
        note(v.is_inference())
    v.add_(1)
    return v


def inf5():
    a = leaf() * 2
    with torch.inference_mode():
        v = a[1:]
    v.add_(1)
    return v


def inf6():
    a = leaf() * 2
    with torch.inference_mode():
        a.add_(1)
        b = a + 1
        note(a._version, b.is_inference())
    return a.grad_fn


def numpy_without_recording():
    a = leaf()
    with torch.no_grad():
        note(a.numpy().tolist())
    a.numpy()


def decorated_class():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        @torch.no_grad()
        class Quiet:
            def __init__(self):
                note(torch.is_grad_enabled())

    note([(each.category, str(each.message)) for each in caught])
    Quiet()


def versions_kept():
    a = leaf() * 1
    b = a.exp()
    with torch.autograd._unsafe_preserve_version_counter(b):
        b.mul_(1)
    note(b._version)
    b.sum().backward()
    with torch.inference_mode():
        c = torch.ones(3)
    torch.autograd.graph.increment_version(c)
    return torch.is_inference(c), torch.is_inference(a)


def inference_tensors_that_require_gradients():
    with torch.inference_mode():
        a = torch.ones(2, 3, requires_grad=True)
        a.resize_(3, 2)
    for b in (a.view(-1), a * a, a.sum(), a[0], torch.cat([a, a]), a + 1, a + torch.ones(2), a.detach()):
        note(b.requires_grad, b.is_inference(), b._is_view(), b.is_leaf)
    try_each(lambda: a * torch.ones(2), lambda: a.exp())
