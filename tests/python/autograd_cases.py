"""Small programs, each run by test_autograd.py on Rushlight and on PyTorch: the same results, the same errors."""

import warnings
from typing import Any

torch: Any = None  # the library under test, set by whoever loads this file


notes: list = []  # what a program notes on its way


def note(*values):
    notes.append(values)


class Scale:
    """Scale.apply(x, k): x * k, made anew for each library."""

    @staticmethod
    def apply(*args, **kwargs):
        class Scale(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, k):
                ctx.save_for_backward(x)
                ctx.k = k
                return x * k

            @staticmethod
            def backward(ctx, g):
                return g * ctx.k, None

        return Scale.apply(*args, **kwargs)


def leaf():
    return torch.ones(3, requires_grad=True)


def capture_hook():
    a = leaf()
    b = a * 2
    b.register_hook(lambda g: g * 10)
    c = b.sum()
    return (torch.autograd.grad(c, (a, b)),)


def capture_hook2():
    a = leaf()
    b = a * 2
    b.register_hook(lambda g: g * 10)
    c = b.sum()
    return (torch.autograd.grad(c, (b,)),)


def capture_leafhook():
    a = leaf()
    a.register_hook(lambda g: g * 10)
    c = (a * 2).sum()
    return (torch.autograd.grad(c, (a,)),)


def strides():
    p = torch.randn(3, 4).t().requires_grad_()
    (p * torch.ones(4, 3)).sum().backward()
    q = torch.randn(3, 4)[:, ::2].requires_grad_()
    q.sum().backward()
    return p.grad.stride(), q.grad.stride()


def intleaf():
    return torch.ones(3, dtype=torch.long).requires_grad_()


def intleaf2():
    x = torch.ones(3, dtype=torch.long)
    x.requires_grad = True


def nonleafset():
    x = leaf() * 2
    x.requires_grad = False


def nonleafset2():
    x = leaf() * 2
    x.requires_grad_(False)


def nonscalar():
    (leaf() * 2).backward()


def nograd():
    torch.ones(1).backward()


def gradshape():
    (leaf() * 2).backward(torch.ones(2))


def graddtype():
    x = leaf()
    (x * 2).backward(torch.ones(3, dtype=torch.double))
    return x.grad.dtype


def graddtypei():
    x = leaf()
    (x * 2).backward(torch.ones(3, dtype=torch.long))
    return x.grad.dtype


def grad_unused():
    a, b = leaf(), leaf()
    return torch.autograd.grad(a.sum(), (b,))


def grad_unused2():
    a, b = leaf(), leaf()
    return torch.autograd.grad(a.sum(), (a, b), allow_unused=True)


def grad_mat():
    a, b = leaf(), leaf()
    return torch.autograd.grad(a.sum(), (a, b), materialize_grads=True)


def grad_noreq():
    a, b = leaf(), torch.ones(2)
    return torch.autograd.grad(a.sum(), (a, b))


def second():
    a = leaf()
    y = (a * a).sum()
    y.backward()
    y.backward()


def secondadd():
    a = leaf()
    y = (a + a).sum()
    y.backward()
    y.backward()
    return a.grad


def gradself():
    a = leaf()
    a.grad = a


def gradtype():
    a = leaf()
    a.grad = 3


def gradshape2():
    a = leaf()
    a.grad = torch.ones(2)


def graddtype2():
    a = leaf()
    a.grad = torch.ones(3, dtype=torch.double)


def gradview():
    a = leaf()
    b = a.expand(2, 3)
    return b.grad


def nonleafgrad():
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        g = (leaf() * 2).grad
        return g, [str(x.message) for x in w]


def leafinplace():
    a = leaf()
    a.add_(1)


def leafviewinplace():
    a = leaf()
    a[0].add_(1)


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


def multi():
    a = leaf() * 2
    v, w, z = a.unbind()
    v.add_(1)


def multi2():
    a = leaf() * 2
    v = a.split(2)
    v[0].add_(1)


def multi3():
    a = leaf() * 2
    v = a.chunk(2)
    v[0].add_(1)


def multi4():
    a = leaf() * 2
    v = a.split(2)
    a.add_(1)
    return v[0].grad_fn


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


def datav():
    a = leaf()
    d = a.data
    d.add_(1)
    return a, a._version, d._version, d.requires_grad


def detv():
    a = leaf() * 1
    d = a.detach()
    d.add_(1)
    return a._version, d._version


def datasave():
    a = leaf() * 1
    b = a * a
    a.data.add_(1)
    b.sum().backward()


def detsave():
    a = leaf() * 1
    b = a * a
    a.detach().add_(1)
    b.sum().backward()


def ver():
    a = leaf() * 1
    b = a.exp()
    b.mul_(2)
    b.sum().backward()


def ver2():
    a = leaf() * 1
    b = a * a
    a.mul_(2)
    b.sum().backward()


def ver3():
    a = leaf()
    w = torch.ones(3)
    b = a * w
    w.mul_(2)
    b.sum().backward()


def setdata():
    a = leaf()
    a.data = torch.zeros(5)
    return a, a.grad


def setdatatype():
    a = leaf()
    a.data = torch.zeros(3, dtype=torch.long)


def setdata2():
    a = leaf()
    a.data = torch.zeros(3, dtype=torch.double)
    return a


def setdata3():
    a = leaf()
    a.data = 3


def hookbad():
    a = leaf()
    a.register_hook(lambda g: 3)
    a.sum().backward()


def hookshape():
    a = leaf()
    a.register_hook(lambda g: g[:2])
    a.sum().backward()


def hookdtype():
    a = leaf()
    a.register_hook(lambda g: g.double())
    a.sum().backward()
    return a.grad.dtype


def hooknoreq():
    torch.ones(3).register_hook(lambda g: g)


def hooknotcallable():
    leaf().register_hook(3)


def postnonleaf():
    (leaf() * 2).register_post_accumulate_grad_hook(lambda p: p)


def postnoreq():
    torch.ones(2).register_post_accumulate_grad_hook(lambda p: p)


def postret():
    a = leaf()
    a.register_post_accumulate_grad_hook(lambda p: p)
    a.sum().backward()


def retainleaf():
    a = leaf()
    a.retain_grad()
    return a.retains_grad


def retainno():
    torch.ones(2).retain_grad()


def nodehookbad():
    a = leaf()
    b = a * 2
    b.grad_fn.register_hook(lambda gi, go: 3)
    b.sum().backward()


def nodehookcount():
    a = leaf()
    b = a * 2
    b.grad_fn.register_hook(lambda gi, go: (1, 2, 3))
    b.sum().backward()


def nodehookargs():
    a = leaf()
    b = a * 2
    b.grad_fn.register_hook(lambda gi, go: note(gi, go))
    b.grad_fn.register_prehook(lambda go: note("pre", go))
    b.sum().backward()


def prebad():
    a = leaf()
    b = a * 2
    b.grad_fn.register_prehook(lambda go: 3)
    b.sum().backward()


def acchook():
    a = leaf()
    b = a * 2
    b.grad_fn.next_functions[0][0].register_hook(lambda gi, go: note(gi, go))
    b.grad_fn.next_functions[0][0].register_prehook(lambda go: (go[0] * 5,))
    b.sum().backward()
    return a.grad


def order():
    L = []
    a = leaf()
    b = a * 2
    b.register_hook(lambda g: L.append("t1"))
    b.grad_fn.register_prehook(lambda g: L.append("pre"))
    b.retain_grad()
    b.register_hook(lambda g: (L.append("t2"), g * 3)[1])
    b.grad_fn.register_hook(lambda i, o: L.append("post"))
    a.register_hook(lambda g: L.append("leaf"))
    a.register_post_accumulate_grad_hook(lambda p: L.append("acc"))
    b.sum().backward()
    return L, b.grad, a.grad


def retaininplace():
    a = leaf()
    b = a * 2
    b.retain_grad()
    b.mul_(3)
    b.sum().backward()
    return b.grad, b.retains_grad


def hookinplace():
    L = []
    a = leaf()
    b = a * 2
    b.register_hook(lambda g: L.append(g))
    b.mul_(3)
    b.sum().backward()
    return L


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


def edges_inputs():
    a = leaf()
    y = a * 2
    z = y.sum()
    z.backward(inputs=[y])
    return y.grad, a.grad


def emptyinputs():
    a = leaf()
    a.sum().backward(inputs=[])


def rgset():
    a = leaf()
    a.requires_grad = 3


def rgview():
    a = torch.ones(3)
    v = a[:2]
    v.requires_grad_()
    return v.is_leaf, v.grad_fn


def nm():
    a = leaf()
    b = a.view(3, 1)
    b.requires_grad_(False)


def detinplace():
    a = leaf()
    b = a * 2
    b.detach_()
    return b.requires_grad, b.is_leaf


def detview():
    a = leaf() * 2
    b = a[:2]
    b.detach_()


def gradbatched():
    a = leaf()
    return torch.autograd.grad(a * 2, a, torch.eye(3), is_grads_batched=True)


def gradlen():
    a = leaf()
    torch.autograd.backward([a.sum(), a.sum()], [None])


def gradnone():
    a = leaf()
    torch.autograd.backward([a * 2], [None])


def gradbad():
    a = leaf()
    torch.autograd.backward([a * 2], [3])


def maxint():
    a = leaf()
    v, i = a.max(0)
    i.backward()


def createg():
    a = leaf()
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        (a * a).sum().backward(create_graph=True)
        return a.grad, [str(x.message)[:80] for x in w]


def function_few():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g

    F.apply(x, x).sum().backward()


def function_many():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g, g

    F.apply(x).sum().backward()


def function_manynone():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g, None, None

    F.apply(x).sum().backward()
    return x.grad


def function_nonvar():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g, g

    F.apply(x, 2).sum().backward()


def function_wrongtype():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return 3

    F.apply(x).sum().backward()


def function_wrongshape():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g[:2]

    F.apply(x).sum().backward()


def function_noback():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

    F.apply(x).sum().backward()


def function_nofwd():
    x = leaf()

    class F(torch.autograd.Function):
        pass

    F.apply(x)


def function_inst():
    return Scale()


def function_call():
    x = leaf()
    return Scale()(x)


def function_both():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    F.apply(x).sum().backward()


def function_dirtynot():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g

    F.apply(x * 1)


def function_dirtyleaf():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g

    F.apply(x)


def function_dirtyok():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    a = x * 1
    v = a._version
    b = F.apply(a)
    return (b is a, a._version - v, a.grad_fn)


def function_dirtyview():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    a = x * 1
    v = a[1:]
    b = F.apply(v)
    return (b is v, a.grad_fn, b.grad_fn)


def function_dirtyview2():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a.mul_(2), a + 1

        @staticmethod
        def backward(ctx, g, h):
            return g * 2

    a = x * 1
    v = a[1:]
    F.apply(v)


def function_notenforced():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a

        @staticmethod
        def backward(ctx, g):
            return g * 5

    b = F.apply(x)
    note(b is x, b._base is x, b._is_view(), b.grad_fn)
    b += 1


def function_viewin():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a[1:]

        @staticmethod
        def backward(ctx, g):
            return torch.cat([torch.zeros(1), g])

    b = F.apply(x * 1)
    note(b.grad_fn, b._is_view())
    b.mul_(2)


def function_nondiff():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            r = a > 0
            s = a * 2
            ctx.mark_non_differentiable(r, s)
            return r, s, a * 3

        @staticmethod
        def backward(ctx, *g):
            note(g)
            return g[2]

    r = F.apply(x)
    r[2].sum().backward()
    return [(q.requires_grad, q.grad_fn) for q in r]


def function_intout():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.long(), a * 2

        @staticmethod
        def backward(ctx, *g):
            note(g)
            return g[1]

    r = F.apply(x)
    r[1].sum().backward()
    return [(q.requires_grad, q.grad_fn) for q in r]


def function_nomat():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.set_materialize_grads(False)
            return a * 3, a * 2

        @staticmethod
        def backward(ctx, *g):
            note(g)
            return g[1]

    r = F.apply(x)
    r[1].sum().backward()


def function_badret():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return 3

        @staticmethod
        def backward(ctx, *g):
            return g[1]

    return F.apply(x)


def function_mixret():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2, 5, None

        @staticmethod
        def backward(ctx, *g):
            note(g)
            return g[0]

    r = F.apply(x)
    r[0].sum().backward()
    return r


def function_listret():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return [a * 2, a * 3]

        @staticmethod
        def backward(ctx, *g):
            note(g)
            return g[0]

    return F.apply(x)


def function_kw():
    x = leaf()
    return Scale.apply(x, k=2)


def function_second():
    x = leaf()
    y = Scale.apply(x, 2.0).sum()
    y.backward()
    y.backward()


def function_savedfreed():
    x = leaf()
    y = Scale.apply(x, 2.0)
    y.sum().backward()
    return y.grad_fn.saved_tensors


def function_once():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2

    (g,) = torch.autograd.grad(F.apply(x).pow(2).sum(), x, create_graph=True)
    note(g)
    g.sum().backward()


def function_setup():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(a, k):
            return a * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            note(inputs, output, output.requires_grad)
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    return F.apply(x, 3)


def function_setupkw():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(a, k=4):
            return a * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            note(inputs, output, output.requires_grad)
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    return F.apply(x)


def function_saveint():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a, 3)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g

    F.apply(x)


def function_savenone():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            r = a * 2
            ctx.save_for_backward(a, None, r)
            return r

        @staticmethod
        def backward(ctx, g):
            note(ctx.saved_tensors, ctx.saved_variables if hasattr(ctx, "saved_variables") else None)
            return g

    F.apply(x).sum().backward()


def function_savemod():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            ctx.saved_tensors
            return g

    a = x * 1
    b = F.apply(a)
    a.add_(1)
    b.sum().backward()


def function_saveoutmod():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            r = a * 2
            ctx.save_for_backward(r)
            return r

        @staticmethod
        def backward(ctx, g):
            ctx.saved_tensors
            return g

    b = F.apply(x)
    b.add_(1)
    b.sum().backward()


def function_raise_():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            raise KeyError("boo")

    F.apply(x).sum().backward()


def function_dirtynontensor():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(3)
            return a * 2

    F.apply(x)


def function_dup():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            r = a * 2
            return r, r

        @staticmethod
        def backward(ctx, g, h):
            note(g, h)
            return g + h

    a, b = F.apply(x)
    note(a is b, a.grad_fn, a.output_nr, b.output_nr)
    (a.sum()).backward()


def try_each(*calls):
    for call in calls:
        try:
            note(call())
        except Exception as error:
            note(type(error), str(error).split(" Hint: `")[0].split(" Hint: enable")[0])


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


def saved_hooks_of_one_in_a_function():
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            note(ctx.saved_tensors)
            return g

    a = leaf()
    b = F.apply(a)
    first, second = b.grad_fn._raw_saved_tensors
    first.register_hooks(lambda t: t * 2, lambda t: t)
    try_each(lambda: second.register_hooks(lambda t: t, lambda t: t))
    b.sum().backward()
    try_each(lambda: b.grad_fn._raw_saved_tensors)


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


def freed_even_if_no_gradient_arrives():
    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return None

    a = leaf()
    b = a * a
    c = Nothing.apply(b).sum()
    c.backward(retain_graph=True)
    note(a.grad)
    b.sum().backward()
    c.backward()


def hooks_of_a_tensor_without_gradient():
    a = torch.arange(3.0, requires_grad=True)
    x, y, z = a.unbind()
    x.register_hook(lambda g: note("x", g))
    a.register_hook(lambda g: note("a", g))
    y.backward()
    x.backward()
    (other,) = torch.autograd.grad(a.sum() + x, x)
    return a.grad, other


def hooks_of_what_is_not_needed_do_not_run():
    a, b = leaf(), leaf()
    c, d = a * 1, b * 1
    a.register_hook(lambda g: note("a", g))
    d.register_hook(lambda g: note("d", g))
    return torch.autograd.grad((c * d).sum(), c)


def a_hook_removed_by_another_runs_once_more():
    a = leaf()
    b = a * 2
    handles = []

    def removing(*gradients):
        note("removing")
        for handle in handles:
            handle.remove()

    for register in (b.grad_fn.register_prehook, b.register_hook, a.register_hook, b.grad_fn.register_hook):
        register(removing)
        handles.append(register(lambda *gradients: note("removed")))
    b.sum().backward(retain_graph=True)
    note("again")
    b.sum().backward()


def order_of_the_hooks_of_a_leaf():
    a = leaf()
    node = (a * 1).grad_fn.next_functions[0][0]
    a.register_hook(lambda g: g - 2)
    node.register_prehook(lambda g: (g[0] / 4,))
    a.register_post_accumulate_grad_hook(lambda t: (t.grad.add_(0.5), None)[1])

    def after(computed, arrived):
        note(computed, arrived)
        a.grad = arrived[0] * 10

    node.register_hook(after)
    a.sum().backward()
    return a.grad


def a_hook_of_a_leaf_returns_something():
    a = leaf()
    a.register_post_accumulate_grad_hook(lambda t: t.grad)
    a.sum().backward()


def callbacks():
    a = leaf()
    queue = torch.autograd.Variable._execution_engine.queue_callback

    def hook(g):
        queue(lambda: note("after", a.grad))
        queue(lambda: queue(lambda: note("last")))

    a.register_hook(hook)
    (a * 2).sum().backward()
    note("next")
    (a * 2).sum().backward()
    queue(lambda: None)


def nodes_are_functions():
    a = leaf()
    node = (a * a).grad_fn
    try_each(
        lambda: node(torch.ones(3)),
        lambda: node(None),
        lambda: node(torch.ones(3), torch.ones(3)),
        lambda: node(1),
        lambda: node(torch.ones(3), gradient=1),
        lambda: (a * 2).grad_fn(torch.ones(3)),
    )


def materialized_gradients_require_one():
    a, b = leaf(), leaf()
    first = torch.autograd.grad((a * b).sum(), a, create_graph=True)
    second = torch.autograd.grad(first[0].sum(), a, create_graph=True, materialize_grads=True)
    note(second, torch.autograd.grad(second[0].sum(), a, materialize_grads=True))
    edge = torch.autograd.graph.get_gradient_edge(a * 1)
    note(torch.autograd.grad((a * 2).sum(), (a, b), materialize_grads=True))
    torch.autograd.grad((a * 2).sum(), edge, materialize_grads=True)


def a_gradient_for_an_edge():
    a = leaf()
    edge = torch.autograd.graph.get_gradient_edge((a * 2).sum())
    note(torch.autograd.grad(edge, a, torch.tensor(3.0, dtype=torch.float64)))
    torch.autograd.grad(edge, a, torch.ones(4))


def detached_after_it_was_saved():
    a = leaf() * 1
    b = a.exp()
    c = a.sin()
    b.detach_()
    note(b.requires_grad)
    a.detach_()
    c.sum().backward()


def deleting_attributes():
    a = leaf()
    for name in ("grad", "data", "requires_grad"):
        try_each(lambda name=name: delattr(a, name))
    try_each(lambda: setattr(a, "data", None))


def new_data_is_no_change():
    a = torch.ones(3)
    a.add_(1).add_(1)
    before = a._version
    a.data = torch.ones(4)
    note(a._version == before)
    a.add_(1)
    return a._version == before + 1, a


def numpy_without_recording():
    a = leaf()
    with torch.no_grad():
        note(a.numpy().tolist())
    a.numpy()


def function_in_place_on_a_view():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, other):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            note(g)
            return g * 2, None

    a, b = leaf(), leaf()
    c = a * 1
    d = Double.apply(c[1:], b)
    note(d.grad_fn.name(), c.grad_fn.name(), c.grad_fn)
    (d.sum() + c.sum()).backward()
    return a.grad, b.grad


def function_marks_what_is_no_input():
    class Made(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 3
            ctx.mark_dirty(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 3

    a = leaf()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        b = Made.apply(a)
    note([str(each.message).split(" (Trig")[0] for each in caught])
    b.sum().backward()
    return a.grad


def function_views_of_what_requires_no_gradient():
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g

    view = Same.apply(torch.ones(3))
    view += leaf()


def function_gradients_that_are_not_materialized():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            first, second = x * 1, x * 2
            ctx.mark_non_differentiable(second)
            ctx._materialize_non_diff_grads = False
            return first, second

        @staticmethod
        def backward(ctx, g, h):
            note(h)
            return g

    Two.apply(leaf())[0].sum().backward()


def function_with_saved_variables():
    class Old(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                note(ctx.saved_variables, [str(each.message) for each in caught])
            return g

    note(hasattr(Old, "vmap"), Old.generate_vmap_rule)
    try_each(lambda: Old.vmap(None, None, leaf()))
    Old.apply(leaf()).sum().backward()


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


def multithreading_flag():
    enabled = torch.autograd.is_multithreading_enabled
    with torch.autograd.set_multithreading_enabled(False):
        note(enabled())

        @torch.autograd.set_multithreading_enabled(True)
        def decorated():
            note(enabled())

        note(enabled())
        decorated()
    note(enabled())


def gradcheck_is_a_function_and_a_module():
    import importlib

    module = importlib.import_module(torch.__name__ + ".autograd.gradcheck")
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    return torch.autograd.gradcheck(torch.sin, x), module.gradcheck(torch.sin, x), module.GradcheckError.__name__


def passes_within_passes():
    class Deeper(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            with torch.enable_grad():
                ctx.x = x.detach().requires_grad_() - 1
            return ctx.x.detach()

        @staticmethod
        def backward(ctx, g):
            if ctx.x > 0:
                with torch.enable_grad():
                    Deeper.apply(ctx.x).sum().backward()
            return g

    x = torch.tensor(700.0, requires_grad=True)
    Deeper.apply(x).backward()
    return x.grad


def same_size_is_no_change():
    x = torch.ones(3)
    versions = []
    for change in (lambda: x.resize_(3), lambda: x.resize_(4), lambda: x.resize_as_(torch.ones(4))):
        change()
        versions.append(x._version)
    return versions


def second_derivative_through_a_change_of_a_view():
    outputs = []
    for change in (torch.relu_, torch.sigmoid_, torch.tanh_, torch.exp_):
        a = torch.tensor([[0.5, -0.5], [1.0, 2.0]], dtype=torch.float64, requires_grad=True)
        b = a * 1
        change(b.t()[1:])
        (first,) = torch.autograd.grad((b**2).sum(), a, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), a)
        outputs.append((first.detach(), second))
    return outputs


def second_derivative_of_products_with_zeros():
    index = torch.tensor([0, 0, 1])
    for values in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0]):
        a, b = torch.tensor(values, dtype=torch.float64, requires_grad=True), torch.ones(2, dtype=torch.float64)
        product = b.scatter_reduce(0, index, a, "prod")
        (first,) = torch.autograd.grad(product.sum(), a, create_graph=True)
        note(first.detach())
        try_each(lambda first=first, a=a: torch.autograd.grad((first * first).sum(), a))


def inference_tensors_that_require_gradients():
    with torch.inference_mode():
        a = torch.ones(2, 3, requires_grad=True)
        a.resize_(3, 2)
    for b in (a.view(-1), a * a, a.sum(), a[0], torch.cat([a, a]), a + 1, a + torch.ones(2), a.detach()):
        note(b.requires_grad, b.is_inference(), b._is_view(), b.is_leaf)
    try_each(lambda: a * torch.ones(2), lambda: a.exp())


def edges_of_what_is_differentiable_once():
    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, k, b):
            return a * k * b

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2, None, g * 3

    a, b = leaf(), leaf()
    (first,) = torch.autograd.grad(F.apply(a, 2.0, b).sum(), a, create_graph=True)
    note(first, [type(node).__name__ for node, _ in first.grad_fn.next_functions])
    torch.autograd.grad(first.sum(), a)


def function_saves_the_view_it_changed():
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x.exp_())
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            (result,) = ctx.saved_tensors
            return g * result

    a = leaf()
    b = a * 2
    Exp.apply(b[1:])
    (first,) = torch.autograd.grad((b * b).sum(), a, create_graph=True)
    return first, torch.autograd.grad(first.sum(), a)


def wanted_gradients_in_every_spelling():
    from collections import OrderedDict, UserDict

    grad, x, z = torch.autograd.grad, leaf(), leaf()
    both = {"x": x, "z": z}
    note(grad((x * 2).sum(), both, allow_unused=True), grad(x.sum(), both, materialize_grads=True))
    note(grad(x.sum(), x, None, True, True, True, True), grad(x.sum(), x, only_inputs=False))
    try_each(
        lambda: grad(x.sum(), {}),
        lambda: grad(x.sum(), OrderedDict(both)),
        lambda: grad(x.sum(), UserDict(both)),
        lambda: grad(x.sum(), None),
        lambda: x.sum().backward(inputs=both),
        lambda: x.sum().backward(inputs={"x": x}),
        lambda: x.sum().backward(inputs=OrderedDict(x=x)),
        lambda: torch.autograd.backward(x.sum(), inputs=UserDict(x=x)),
        lambda: x.sum().backward(inputs=[x.detach()]),
        lambda: x.sum().backward([torch.tensor(3.0), None]),
        lambda: x.sum().backward([]),
        lambda: x.sum().backward(3),
        lambda: torch.autograd.backward(x.sum(), [torch.tensor(3.0), None]),
        lambda: torch.autograd.backward([x.sum(), z.sum()], [None]),
        lambda: torch.autograd.backward(None),
    )
    note(x.grad, z.grad)


def accumulation_hooks_return_nothing():
    for returned in (None, 3, [1], torch.ones(3)):
        p = leaf()
        p.register_post_accumulate_grad_hook(lambda p, returned=returned: returned)
        try_each(lambda p=p: p.sum().backward())
        note(p.grad)


def graph(node):
    """The nodes from which a graph's gradients come, as text."""
    if node is None:
        return "None"
    name = node.name().rpartition(":")[2]
    return name + "(" + ", ".join(graph(below) for below, _ in node.next_functions) + ")"


def graphs_of_linear_maps():
    layer, free = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4, bias=False)
    for x in (torch.ones(3), torch.ones(2, 3), torch.ones(5, 2, 3)):
        for each in (layer, free):
            note(graph(each(x).grad_fn), graph(each(x.clone().requires_grad_()).grad_fn))
    frozen = torch.nn.Linear(3, 4).requires_grad_(False)
    note(graph(frozen(torch.ones(2, 3, requires_grad=True)).grad_fn))
    note(graph(torch.matmul(torch.ones(3, requires_grad=True), torch.ones(3, 4)).grad_fn))


def hooks_on_a_linear_map_and_its_transposition():
    weight = torch.arange(6.0).view(2, 3).requires_grad_()
    out = torch.nn.functional.linear(torch.ones(4, 3), weight, torch.zeros(2))
    out.grad_fn.register_hook(lambda computed, arrived: note([None if g is None else g.shape for g in computed]))
    out.grad_fn.next_functions[2][0].register_hook(lambda computed, arrived: note(computed[0].shape, arrived[0].shape))
    (first,) = torch.autograd.grad((out**2).sum(), weight, create_graph=True)
    return first, torch.autograd.grad((first**2).sum(), weight)


def count_of_writes_after_data_is_set():
    a = torch.zeros(2)
    view, alias = a[:], a.detach()
    a.data = torch.ones(3)
    a.add_(1)
    view.add_(1)
    note(a._version, view._version, alias._version, a.data._version)
    source = torch.ones(2)
    a.data = source
    source.add_(1)
    note(a._version, source._version)
    weight = leaf()
    loss, alias = (weight * weight).sum(), weight.detach()
    weight.data = torch.zeros(3)
    alias.add_(1)
    loss.backward()


def data_of_another_dtype_after_use():
    for data in (torch.zeros(3), torch.zeros(3, dtype=torch.float64)):
        a = leaf()
        b = a * 2
        a.data = data
        note(torch.autograd.grad(b.sum(), a, allow_unused=True, retain_graph=True))
        try_each(lambda b=b: b.sum().backward())
        note(a.grad)


def set_and_autograd():
    a = leaf()
    a.register_hook(lambda g: note("hook", g))
    b = a * 2
    with torch.no_grad():
        a.set_(torch.zeros(3))
    note(torch.autograd.grad(b.sum(), a, allow_unused=True, retain_graph=True))
    (b.sum() + (a * 3).sum()).backward()
    note(a.grad)
    c = a * 2
    c.set_(torch.ones(4))
    note(c.grad_fn.name(), c._version)
    view = torch.zeros(4)[:2]
    view.set_(torch.ones(3))
    note(view, view._is_view(), view._version, view._base._version)
    a = leaf()
    saved = (a * a).sum()
    with torch.no_grad():
        a.set_(torch.zeros(3))
    try_each(lambda: leaf().set_(torch.ones(3)), lambda: c.sum().backward(), saved.backward)


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


def edges_lead_to_what_may_have_a_gradient():
    from functools import partial

    F, x, v = torch.nn.functional, torch.rand(3, 4, requires_grad=True) * 1, torch.rand(4, requires_grad=True)
    index, few, mask = torch.zeros(3, 4, dtype=torch.long), torch.tensor([0, 1, 2]), x > 0.5
    changed = x * 1
    changed[few] = v
    for result in (
        x.gather(1, index),
        x.scatter(1, index, x),
        x.scatter_add(1, index, x),
        x.index_select(0, few),
        x.index_add(0, few, x),
        x[few],
        x[mask],
        changed,
        F.embedding(few, x),
        x.masked_fill(mask, 1.0),
        x.masked_fill(mask, v.sum()),
        torch.where(mask, x, v),
        torch.where(mask, x, 0.0),
        x.clamp(min=v),
        x.clamp(max=v),
        F.nll_loss(x, few),
        F.binary_cross_entropy(x, torch.ones(3, 4), v.detach()),
        F.multi_margin_loss(x, few),
        F.layer_norm(x, (4,)),
        F.layer_norm(x, (4,), None, v),
        F.group_norm(x, 2),
        F.batch_norm(x, None, None, v, None, True),
    ):
        note(result.grad_fn.name(), [node and node.name() for node, _ in result.grad_fn.next_functions])
    try_each(partial(F.multi_margin_loss, x, few, weight=v[:3]))


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


def derivatives_that_are_zero_are_not_lacking():
    F, grad = torch.nn.functional, torch.autograd.grad
    for function in (torch.relu, F.leaky_relu, F.relu6, F.hardtanh, F.softshrink, F.hardshrink, F.threshold_):
        x = torch.tensor([-1.5, 0.3, 0.8], requires_grad=True)
        y = function(x * 1, 0.1, 0.0) if function is F.threshold_ else function(x * 1)
        (first,) = grad((y * x.detach()).sum(), x, create_graph=True)
        try_each(lambda first=first, x=x: grad(first.sum(), x))
    x = leaf()
    first, second = x**2, x**3
    for _ in range(4):
        (first,) = grad(first.sum(), x, create_graph=True)
        (second,) = grad(second.sum(), x, create_graph=True) if second.requires_grad else (second,)
        note(first, second)
        if not first.requires_grad:
            break
    for chosen in (x.max(0).values, x.sort().values, x.clamp(0, 5), x.topk(2).values):
        (first,) = grad(chosen.sum(), x, create_graph=True)
        note(first, first.requires_grad)


def views_from_a_function_with_several_results():
    class Halves(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1], x[1:]

        @staticmethod
        def backward(ctx, a, b):
            return torch.cat([a, b])

    a = leaf() * 1
    first, second = Halves.apply(a)
    try_each(lambda: first.mul_(2))
    a.mul_(2)
    try_each(lambda: second.grad_fn)


def dtypes_of_leaf_gradients():
    class InFloat64(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g.double() / 3

    for dtype in (torch.float64, torch.float16, torch.float32, None):
        x, seen = leaf(), []
        x.register_hook(lambda g, seen=seen: seen.append(g.dtype))
        x.grad_dtype = dtype
        x.register_post_accumulate_grad_hook(lambda p, seen=seen: seen.append(p.grad.dtype))
        (InFloat64.apply(x) + x).sum().backward()
        (x * 2).sum().backward()
        note(seen, x.grad, x.grad_dtype, torch.autograd.grad((x * 2).sum(), x), x.detach().grad_dtype)
        note(torch.autograd.grad(InFloat64.apply(x).sum(), x))
    graph_first = leaf()
    total = (graph_first * 2).sum()
    graph_first.grad_dtype = torch.float64
    total.backward()
    half = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    half.grad_dtype = None
    (half.float() * 2).sum().backward()
    note(graph_first.grad, half.grad)


def dtypes_of_leaf_gradients_refused():
    x, y = leaf(), torch.ones(3)
    x.sum().backward()
    y.grad_dtype = torch.float64
    note(y.requires_grad_().grad_dtype, torch.arange(2).grad_dtype, torch.ones(2).half().grad_dtype)
    try_each(
        lambda: setattr(x, "grad_dtype", torch.float64),
        lambda: setattr(x, "grad_dtype", torch.float32),
        lambda: setattr(x, "grad_dtype", 1),
        lambda: (x * 2).grad_dtype,
        lambda: setattr((x * 2).detach().requires_grad_(), "grad_dtype", None),
    )
    y.grad = torch.ones(3, dtype=torch.float64)
    x.grad_dtype = None
    x.grad = torch.ones(3, dtype=torch.float16)
    note(x.grad, y.grad)
    y.grad = torch.ones(3)


def what_a_node_knows_of_its_results():
    variance, mean = torch.var_mean(torch.ones(2, 3, requires_grad=True), 0)
    for node in (variance.grad_fn, mean.double().grad_fn, leaf().exp().grad_fn.next_functions[0][0]):
        for result in node._input_metadata:
            note(result.shape, result.dtype, result.device, result.is_nested_tensor)
    (result,) = Scale.apply(torch.ones(4, requires_grad=True), 2).grad_fn._input_metadata
    return result.shape


def nodes_are_registered():
    Node = torch.autograd.graph.Node
    a = leaf()
    nodes = [a.exp().grad_fn, a.exp().grad_fn.next_functions[0][0], Scale.apply(a, 2).grad_fn]
    note([(isinstance(node, Node), issubclass(type(node), Node), Node in type(node).mro()) for node in nodes])
    note(isinstance(None, Node), isinstance(Node, Node), issubclass(Node, Node), issubclass(int, Node))
    note(issubclass(torch.autograd.function.BackwardCFunction, Node))
    handle = a.register_hook(lambda g: g)
    return isinstance(handle, torch.autograd.graph.RemovableHandle)


def the_order_of_ready_nodes_can_be_set():
    a = leaf()
    nodes = [a.exp(), a.sin(), a.cos()]
    for number, result in zip((7, 9, 8), nodes, strict=True):
        result.grad_fn._set_sequence_nr(number)
        result.register_hook(lambda g, number=number: note(number))
    sum(nodes).sum().backward()
    set_number = nodes[0].grad_fn._set_sequence_nr
    try_each(lambda: set_number(-1), lambda: set_number("a"))
    return [node.grad_fn._sequence_nr() for node in nodes]


def attributes_that_cannot_be_deleted():
    a = leaf() * 2
    for name in ("data", "requires_grad", "_grad_fn", "_backward_hooks"):
        try_each(lambda name=name: delattr(a, name))
    note(a._grad_fn is a.grad_fn, a._backward_hooks, a.volatile)
    a._grad_fn = None
    note(a.requires_grad, a.grad_fn)
    plain = torch.ones(2)
    plain._backward_hooks = {}
    plain._backward_hooks["never called"] = None
    return plain._backward_hooks


def what_the_engine_says_of_its_pass():
    a, other = leaf(), leaf()
    b = a * other
    nodes = [b.grad_fn, b.exp().grad_fn]
    nodes += [node for node, _ in b.grad_fn.next_functions]
    total = b.sum()
    keeps = torch._C._autograd._get_current_graph_task_keep_graph
    handle = b.register_hook(lambda g: note(keeps(), [torch._C._will_engine_execute_node(n) for n in nodes]))
    total.backward(retain_graph=True)
    total.backward(inputs=a, retain_graph=True)
    try_each(lambda: torch.autograd.grad(total, a, retain_graph=True))
    handle.remove()
    number = torch._C._current_graph_task_id
    try_each(
        lambda: torch._C._will_engine_execute_node(b.grad_fn),
        lambda: torch._C._will_engine_execute_node(b),
        lambda: (number(), torch._C._current_autograd_node()),
    )
    ids = []
    b.register_hook(lambda g: ids.append(number()))
    for _ in range(2):
        b.sum().backward(retain_graph=True)
    return ids[1] - ids[0]


def the_order_of_a_pass_is_told():
    def names(_):
        note([node.name() for node in torch._C._current_graph_task_execution_order()])

    a, b = leaf(), leaf()
    shared = a * b
    out, other = (shared.sin() + b.exp()).sum(), shared.cos().sum()
    other.register_hook(names)
    with torch.autograd.set_multithreading_enabled(False):
        torch.autograd.backward((out, other), retain_graph=True)
        torch.autograd.grad((out, other), shared, retain_graph=True)
        torch.autograd.grad((other, out), b, retain_graph=True)
    try_each(torch._C._current_graph_task_execution_order, other.backward)


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


def nodes_of_their_own():
    a = leaf()
    refused = torch._C._functions.DelayedError("not this way", 2)(a * 1, a * 2)
    note([type(each.grad_fn).__name__ for each in refused])
    try_each(lambda: refused[1].sum().backward())
    none = torch._C._functions.UndefinedGrad()(a * 2)
    none.sum().backward()
    note(type(none.grad_fn).__name__, a.grad)
    reference = torch._C._WeakTensorRef(a)
    gone = torch._C._WeakTensorRef(torch.ones(2))
    return reference.expired(), gone.expired()


def gradients_may_keep_their_layout():
    def strides(value):
        p = torch.ones(2, 3).t().requires_grad_()
        (p * value).sum().backward()
        return p.grad.stride()

    value = torch.ones(3, 2)
    note(strides(value))
    with torch.autograd.enforce_grad_layout_policy(False):
        note(strides(value))
    torch.autograd.enforce_grad_layout_policy(False)
    note(strides(value))
    torch.autograd.enforce_grad_layout_policy(True)
    try_each(lambda: torch.autograd.enforce_grad_layout_policy(1))
    return torch.autograd.enforce_grad_layout_policy(False)(strides)(value), strides(value)


def switches_of_streams():
    graph = torch.autograd.graph
    for switch in (graph.set_warn_on_accumulate_grad_stream_mismatch, graph.set_override_stale_capture_stream):
        try_each(lambda switch=switch: switch(False), lambda switch=switch: switch(1))
    return torch.autograd.is_view_replay_enabled()


def warnings_given_once():
    class Id(torch.autograd.Function):
        pass

    def count(call):
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            for _ in range(2):
                call()
        return [each.category for each in given]

    deeper = torch.ones(1, 1, 1)
    index = torch.tensor([0])
    calls = (
        lambda: deeper.T,
        lambda: torch.tensor(1.0).mT,
        lambda: torch.tensor(1.0).H,
        lambda: leaf().volatile,
        lambda: torch.ones(2).scatter_(0, index, torch.ones(1), reduce="add"),
        Id,
    )
    for call in calls:
        call()
        note(count(call))
    torch.set_warn_always(True)
    note([count(call) for call in calls], torch.is_warn_always_enabled())
    torch.set_warn_always(False)
    note([count(call) for call in calls], torch.is_warn_always_enabled())
    try_each(lambda: torch.set_warn_always(1))


def backward_with_create_graph_warns_once():
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        a = leaf()
        (a * a).sum().backward(create_graph=True)
        torch.autograd.grad((a * a).sum(), a, create_graph=True)
    a.grad = None
    torch.set_warn_always(False)
    return [str(each.message)[:40] for each in given]


def unique_by_its_inner_names():
    x = torch.tensor([2.0, 1.0, 2.0])
    return torch._unique(x, True, True), torch._unique2(x, True, False, True)[::2], torch._VF.unique_dim(x, 0)


def results_made_by_way_of_views_are_none():
    for function in (
        lambda x: x.sort(0),
        lambda x: x.sort(1),
        lambda x: x.topk(2, 0),
        lambda x: x.kthvalue(1, 1, True),
        lambda x: x.median(0),
        lambda x: x.mode(0),
    ):
        x = torch.tensor([[3.0, 1.0], [2.0, 4.0], [0.0, 7.0]], requires_grad=True)
        values, indices = function(x)
        values += 1
        values[0] = 0
        note(values._is_view(), indices._is_view(), values, torch.autograd.grad(values.sum(), x))


def backward_checks_its_roots_first():
    x, frozen = leaf(), torch.ones(3)
    try_each(lambda: frozen.sum().backward(inputs=[frozen]), lambda: x.sum().backward(inputs=[frozen]))


def leaves_frozen_before_backward():
    for freeze in (lambda x: x.requires_grad_(False), lambda x: x.detach_()):
        x = leaf()
        x.register_hook(lambda g: note("hook", g))
        y = x * 2
        freeze(x)
        y.sum().backward()
        note(x.grad, x.requires_grad)
    layer = torch.nn.Linear(2, 2)
    out = layer(torch.ones(1, 2))
    layer.requires_grad_(False)
    out.sum().backward()
    note(layer.weight.grad)


def inputs_of_checkpoints_that_change():
    checkpoint = torch.utils.checkpoint.checkpoint
    for reentrant in (False, True):
        for number in (0, 1):
            a, b = leaf() * 1, torch.ones(3)
            c = checkpoint(lambda x, y: (x * y).sin(), a, b, use_reentrant=reentrant)
            [a, b][number].mul_(2)
            try_each(lambda c=c: c.sum().backward())
    a, b = leaf(), torch.ones(3)
    c = checkpoint(lambda x: (x * b).sin(), a, use_reentrant=False)
    d = checkpoint(lambda x: x * 2, a, use_reentrant=False)
    b.mul_(2)
    c.sum().backward()
    with torch.no_grad():
        a.mul_(2)
    d.sum().backward()
    return a.grad


def nodes_of_einsum():
    a, b, c = (torch.ones(*shape, requires_grad=True) for shape in ((3, 4), (4, 5), (4,)))
    calls = ("ij,jk->ik", a, b), ("ij,j->i", a, c), ("i,i->", c, c), ("ij,ij->ij", a, a), ("ij->i", a), ("ij->ji", a)
    for equation, *operands in calls:
        note(equation, torch.einsum(equation, *operands))


def nodes_do_not_wait_for_gradients_of_indices():
    for function in (lambda x: x.max(0), lambda x: x.sort(), lambda x: x.topk(2), lambda x: x.cummax(0)):
        x = leaf()
        values, _ = function(x)
        values.grad_fn.register_hook(lambda computed, arrived: note(len(computed), len(arrived)))
        values.sum().backward()
        note(values.grad_fn.next_functions[0][1], x.grad)


def what_has_no_derivative():
    x = leaf()
    try_each(
        lambda: x.unique().sum().backward(),
        lambda: x.unique_consecutive().sum().backward(),
        lambda: x[None].unique(dim=1).sum().backward(),
        lambda: torch.floor_divide(x, 2).sum().backward(),
        lambda: x.heaviside(x).sum().backward(),
        lambda: torch.nextafter(x, x).sum().backward(),
    )
