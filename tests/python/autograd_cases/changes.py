"""Views, changes in place, counts of writes."""

import warnings

from autograd_cases.common import graph, leaf, note, torch, try_each


def strides():
    p = torch.randn(3, 4).t().requires_grad_()
    (p * torch.ones(4, 3)).sum().backward()
    q = torch.randn(3, 4)[:, ::2].requires_grad_()
    q.sum().backward()
    return p.grad.stride(), q.grad.stride()


def intleaf():
    return torch.ones(3, dtype=torch.long).requires_grad_()


def nonleafset2():
    x = leaf() * 2
    x.requires_grad_(False)


def gradview():
    a = leaf()
    b = a.expand(2, 3)
    return b.grad


def leafinplace():
    a = leaf()
    a.add_(1)


def leafviewinplace():
    a = leaf()
    a[0].add_(1)


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


def detached_after_it_was_saved():
    a = leaf() * 1
    b = a.exp()
    c = a.sin()
    b.detach_()
    note(b.requires_grad)
    a.detach_()
    c.sum().backward()


def new_data_is_no_change():
    a = torch.ones(3)
    a.add_(1).add_(1)
    before = a._version
    a.data = torch.ones(4)
    note(a._version == before)
    a.add_(1)
    return a._version == before + 1, a


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


def graphs_of_linear_maps():
    layer, free = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4, bias=False)
    for x in (torch.ones(3), torch.ones(2, 3), torch.ones(5, 2, 3)):
        for each in (layer, free):
            note(graph(each(x).grad_fn), graph(each(x.clone().requires_grad_()).grad_fn))
    frozen = torch.nn.Linear(3, 4).requires_grad_(False)
    note(graph(frozen(torch.ones(2, 3, requires_grad=True)).grad_fn))
    note(graph(torch.matmul(torch.ones(3, requires_grad=True), torch.ones(3, 4)).grad_fn))


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


def what_is_changed_by_itself_is_lost():
    for change in ("add_", "sub_", "mul_", "div_", "pow_", "atan2_"):
        y = leaf() * 2
        getattr(y, change)(y)
        try_each(lambda y=y: torch.autograd.grad(y.sum(), y), y.sum().backward)
    y = leaf() * 2
    y.addcmul_(y, y)
    try_each(y.sum().backward)


def rows_are_views_of_one_node():
    x = torch.ones(2, 3, requires_grad=True) * 2
    first, second = x
    note(first.grad_fn.name(), first.grad_fn is second.grad_fn, [row.output_nr for row in x])
    try_each(lambda: [row.mul_(2) for row in x], lambda: [row for row in torch.ones(3)[0]], lambda: [*torch.ones(0, 2)])


def embedding_scales_its_table_in_one_write():
    functions = torch.nn.functional
    for look_up in (functions.embedding, functions.embedding_bag):
        table = torch.full((3, 2), 2.0, requires_grad=True)
        square = table**2
        result = look_up(torch.tensor([[0, 1, 1]]), table, max_norm=1.0)
        note(table._version, table, result.detach())
        try_each((square.sum() + result.sum()).backward)
    note(torch.embedding_renorm_(table.detach(), torch.tensor([2]), 0.5, 1.0), table._version)


def numbers_made_of_what_requires_grad_warn():
    x = torch.ones(2, requires_grad=True)
    torch.set_warn_always(True)
    makers = (float, complex, int, bool, lambda e: torch.tensor([e, 1.0]), lambda e: e.item(), lambda e: float(e.data))
    for make in makers:
        for mode in (torch.enable_grad, torch.no_grad):
            with warnings.catch_warnings(record=True) as given, mode():
                warnings.simplefilter("always")
                note(make(x[1]), [(each.category, str(each.message).split(" (Trig")[0]) for each in given])
    torch.set_warn_always(False)


def errors_tell_forms_of_an_operation_apart():
    for function in (torch.sum, torch.mean, torch.prod, torch.cumsum):
        x = torch.ones(2, 2, requires_grad=True)
        y = function(x, 0)
        z = y.exp() + y.sin()
        y.detach().add_(1)
        try_each(z.sum().backward)


def views_that_have_lost_their_history():
    def of_several():
        base = leaf().view(3, 1) * 1
        view = base.unbind()[0]
        base.mul_(2)
        return view

    def made_without_record():
        base = torch.zeros(2, 3)
        with torch.no_grad():
            view = base[0]
        base.add_(leaf())
        return view

    def unchanged():
        with torch.no_grad():
            return leaf()[:2]

    for make in (of_several, made_without_record, unchanged):
        try_each(
            lambda view=make(): view.is_leaf,
            lambda view=make(): view.grad_fn,
            lambda view=make(): view.requires_grad,
            lambda view=make(): view.sum(),
            lambda view=make(): view.add_(1),
            lambda view=make(): view.retain_grad(),
        )
