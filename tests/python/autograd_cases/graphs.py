"""Graphs: leaves, gradients, backward and grad, higher derivatives."""

import warnings

from autograd_cases.common import Scale, leaf, note, torch, try_each


def intleaf2():
    x = torch.ones(3, dtype=torch.long)
    x.requires_grad = True


def nonleafset():
    x = leaf() * 2
    x.requires_grad = False


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


def nonleafgrad():
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        g = (leaf() * 2).grad
        return g, [str(x.message) for x in w]


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
    torch.set_warn_always(True)  # it is given once, otherwise
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        (a * a).sum().backward(create_graph=True)
    torch.set_warn_always(False)
    return a.grad, [str(x.message)[:80] for x in w]


def function_inst():
    return Scale()


def function_call():
    x = leaf()
    return Scale()(x)


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


def deleting_attributes():
    a = leaf()
    for name in ("grad", "data", "requires_grad"):
        try_each(lambda name=name: delattr(a, name))
    try_each(lambda: setattr(a, "data", None))


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


def unique_by_its_inner_names():
    x = torch.tensor([2.0, 1.0, 2.0])
    return torch._unique(x, True, True), torch._unique2(x, True, False, True)[::2], torch._VF.unique_dim(x, 0)


def backward_checks_its_roots_first():
    x, frozen = leaf(), torch.ones(3)
    try_each(lambda: frozen.sum().backward(inputs=[frozen]), lambda: x.sum().backward(inputs=[frozen]))


def nodes_of_einsum():
    a, b, c = (torch.ones(*shape, requires_grad=True) for shape in ((3, 4), (4, 5), (4,)))
    calls = ("ij,jk->ik", a, b), ("ij,j->i", a, c), ("i,i->", c, c), ("ij,ij->ij", a, a), ("ij->i", a), ("ij->ji", a)
    for equation, *operands in calls:
        note(equation, torch.einsum(equation, *operands))


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
