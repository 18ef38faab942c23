"""Custom functions: what a context can be told."""

import warnings

from autograd_cases.common import leaf, note, torch


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


def function_dirtynontensor():
    x = leaf()

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(3)
            return a * 2

    F.apply(x)


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
