"""Custom functions."""

import warnings

from autograd_cases.common import Scale, leaf, note, torch, try_each


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
