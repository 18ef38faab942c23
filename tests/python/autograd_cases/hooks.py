"""Hooks of tensors, leaves and nodes; retained gradients."""

from autograd_cases.common import leaf, note, torch, try_each


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


def accumulation_hooks_return_nothing():
    for returned in (None, 3, [1], torch.ones(3)):
        p = leaf()
        p.register_post_accumulate_grad_hook(lambda p, returned=returned: returned)
        try_each(lambda p=p: p.sum().backward())
        note(p.grad)


def hooks_on_a_linear_map_and_its_transposition():
    weight = torch.arange(6.0).view(2, 3).requires_grad_()
    out = torch.nn.functional.linear(torch.ones(4, 3), weight, torch.zeros(2))
    out.grad_fn.register_hook(lambda computed, arrived: note([None if g is None else g.shape for g in computed]))
    out.grad_fn.next_functions[2][0].register_hook(lambda computed, arrived: note(computed[0].shape, arrived[0].shape))
    (first,) = torch.autograd.grad((out**2).sum(), weight, create_graph=True)
    return first, torch.autograd.grad((first**2).sum(), weight)


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


def nodes_do_not_wait_for_gradients_of_indices():
    for function in (lambda x: x.max(0), lambda x: x.sort(), lambda x: x.topk(2), lambda x: x.cummax(0)):
        x = leaf()
        values, _ = function(x)
        values.grad_fn.register_hook(lambda computed, arrived: note(len(computed), len(arrived)))
        values.sum().backward()
        note(values.grad_fn.next_functions[0][1], x.grad)


def handles_are_of_one_class_by_name():
    a = leaf()
    for register in (
        a.register_hook,
        a.register_post_accumulate_grad_hook,
        (a * 2).grad_fn.register_hook,
        (a * 2).grad_fn.register_prehook,
        torch.nn.ReLU().register_forward_hook,
    ):
        handle = register(print)
        note(type(handle).__name__, isinstance(handle, torch.utils.hooks.RemovableHandle))
