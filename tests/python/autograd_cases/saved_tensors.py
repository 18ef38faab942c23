"""Saved tensors and their hooks."""

from autograd_cases.common import leaf, note, torch, try_each


def saved():
    a = leaf()
    b = a * 2
    c = b * a
    d = c.exp()
    e = d.sum(dim=0)
    f = a.pow(3)
    return (
        c.grad_fn._saved_self,
        c.grad_fn._saved_other,
        d.grad_fn._saved_result,
        e.grad_fn._saved_dim,
        e.grad_fn._saved_keepdim,
        e.grad_fn._saved_self_sym_sizes,
        f.grad_fn._saved_exponent,
        b.grad_fn._saved_other,
        c.grad_fn.name(),
    )


def savedfreed():
    a = leaf()
    b = a * a
    b.sum().backward()
    b.grad_fn._saved_self


def savednone():
    a = leaf()
    b = a * a
    b.grad_fn._saved_foo


def saved_hooks_of_one():
    a = leaf()
    b = a * a
    raw = b.grad_fn._raw_saved_self
    note(raw.unpack() is a, b.grad_fn._saved_self is a)
    raw.register_hooks(lambda t: (note(t), t * 2)[1], lambda t: (note("unpack"), t / 2)[1])
    unpacked = raw.unpack()
    note(unpacked, unpacked.is_leaf)
    try_each(lambda: raw.register_hooks(lambda t: t, lambda t: t))
    (unpacked * 3).sum().backward()
    b.sum().backward()
    note(a.grad)
    try_each(lambda: raw.register_hooks(lambda t: t, lambda t: t), lambda: b.grad_fn._saved_self, lambda: type(raw)())
    b.grad_fn._raw_saved_self


def saved_hooks_of_one_refused():
    a = leaf()
    b = a.exp()
    try_each(
        lambda: b.grad_fn._raw_saved_result.register_hooks(lambda t: t.add_(1), lambda t: t),
        lambda: (a * 2).grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t),
    )
    b = a.exp()
    b.grad_fn._raw_saved_result.register_hooks(lambda t: 3, lambda t: None)
    b.sum().backward()


def saved_names():
    a = leaf()
    index = torch.tensor([0, 1])
    for b in (a * 2, a.exp(), a[index], a.sum(), torch.stack([a, a])):
        note(sorted(name for name in dir(b.grad_fn) if "saved_" in name and "sizes" not in name))
    note(a[index].grad_fn._saved_indices, len(a[index].grad_fn._raw_saved_indices))


def saved_leaf_stays_a_leaf():
    a = leaf()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        b = a * a
    saved = b.grad_fn._saved_self
    note(saved is a, saved.is_leaf, saved.grad_fn, saved.requires_grad)
    (saved * 3).sum().backward()
    return a.grad, saved.grad


def all_that_was_saved_is_checked():
    a, b = leaf() * 1, leaf() * 1
    c = a * b
    b.add_(1)
    try_each(
        lambda: torch.autograd.grad(c.sum(), b, retain_graph=True),
        lambda: torch.autograd.grad(c.sum(), a, retain_graph=True),
    )
    d = a.detach() * b
    a.detach().add_(1)
    return torch.autograd.grad(d.sum(), a, allow_unused=True)


def all_that_was_saved_is_unpacked_once():
    a, b = leaf(), leaf()

    def unpack(t):
        note("unpack", t.detach())
        return t

    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        outputs = [a * b * 2, a.sigmoid(), a / b, a.prod(), a.softmax(0), torch.addcmul(a, a, b), a.std(), a**b]
    for output in outputs:
        note(output.grad_fn.name())
        torch.autograd.grad(output.sum(), a, retain_graph=True)
        torch.autograd.grad(output.sum(), a, create_graph=True)


def packed_tensors_keep_their_identity():
    a, b = leaf(), torch.ones(3)
    c = a * 1
    packed = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(t), t)[1], lambda t: t):
        d, e = a * b, c * b
    note([t is a or t is b or t is c for t in packed], d.grad_fn._saved_other is b, d.grad_fn._saved_self is a)
    return e.grad_fn._saved_self.grad_fn is c.grad_fn


def changes_of_saved_tensors_allowed():
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors
    a = leaf()
    with allow() as context:
        b = a * 1
        c = (b * b).sum() + b.exp().sum() + b[:2].sin().sum()
        b.mul_(0)
        b[0].add_(1)
        note(len(context.cloned))
        (first,) = torch.autograd.grad(c, a, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), a)
        plain = torch.ones(3)
        d = a * plain
        torch.sin(torch.ones(3), out=plain)
        note(first, second, torch.autograd.grad(d.sum(), a, allow_unused=True))
        e = a * a
        try_each(lambda: allow().__enter__())
    b.mul_(2)
    e.sum().backward()


def node_hook_registered_by_an_unpack_hook():
    a = leaf()

    def unpack(x):
        b.grad_fn.register_hook(lambda computed, arrived: note(arrived) or (computed[0] / 2,))
        return x

    with torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack):
        b = a.exp()
    b.sum().backward()
    return a.grad


def saved_tensors_hooks_entered_during_backward():
    a = leaf()
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: note("packed") or x, lambda x: x)
    b = a * 2
    b.register_hook(lambda g: hooks.__enter__() and None)
    b.sum().backward()
    (leaf() * leaf()).sum()
    return a.grad


def arguments_that_nodes_keep():
    F, x = torch.nn.functional, torch.rand(3, 4, requires_grad=True)
    note(F.gelu(x).grad_fn._saved_approximate, F.gelu(x, approximate="tanh").grad_fn._saved_approximate)
    note(torch.div(x, 2, rounding_mode="floor").grad_fn._saved_rounding_mode)
    note(x.sum(-1).grad_fn._saved_dim, x.mean((0, -1)).grad_fn._saved_dim, x.transpose(0, -1).grad_fn._saved_dim1)
    note(x.tril(-1).grad_fn._saved_diagonal, x.add(x, alpha=-1).grad_fn._saved_alpha, x.sort().grad_fn._saved_dim)
    note((x**-2).grad_fn._saved_exponent, x.clamp(-1).grad_fn._saved_min, x.clamp(-1).grad_fn._saved_max)
    try_each(lambda: (x * 2).grad_fn.foo, lambda: (x * 2).grad_fn._saved_foo, lambda: x.exp().grad_fn._saved_other)
    note(repr(x.heaviside(x).grad_fn.name()), str((x * 2).grad_fn))
    try_each(lambda: torch.nn.Parameter(torch.ones(2, dtype=torch.long)))


def saved_tensor_hooks_by_their_inner_names():
    inner = torch._C._autograd
    note(inner._saved_tensors_hooks_is_enabled(), inner._saved_tensors_hooks_get_disabled_error_message())
    with torch.autograd.graph.disable_saved_tensors_hooks("not now"):
        note(inner._saved_tensors_hooks_is_enabled(), inner._saved_tensors_hooks_get_disabled_error_message())
    inner._saved_tensors_hooks_disable("off")
    try_each(lambda: inner._push_saved_tensors_default_hooks(lambda x: x, lambda x: x))
    inner._saved_tensors_hooks_enable()
    x = torch.ones(2)
    inner._unsafe_set_version_counter((x,), (4,))
    try_each(lambda: inner._unsafe_set_version_counter((x,), (-1,)))
    return x._version, inner._saved_tensors_hooks_is_enabled()
