"""Forward mode: dual tensors, what hands their tangents on and what does not, and jvp of custom functions."""

from autograd_cases.common import leaf, note, torch, try_each


def x():
    return torch.arange(1.0, 4.0)


def dual(primal=None, tangent=None):
    primal = x() if primal is None else primal
    return torch.autograd.forward_ad.make_dual(primal, torch.ones(3) if tangent is None else tangent)


def level():
    return torch.autograd.forward_ad.dual_level()


def tangent(tensor):
    return torch.autograd.forward_ad.unpack_dual(tensor).tangent


def custom(forward, jvp):
    methods = {"forward": forward, "jvp": jvp, "backward": lambda ctx, *grads: grads}
    made = type("F", (torch.autograd.Function,), {name: staticmethod(each) for name, each in methods.items()})
    return made.apply


def forward_mode_printing():
    with level() as number:
        note(number, dual(), dual(leaf()), dual().sum(), dual().double())
        unpacked = torch.autograd.forward_ad.unpack_dual(dual(leaf()))
        note(unpacked, unpacked._fields, dual()._is_view(), dual(leaf()).is_leaf)
        d = dual()
    note(d, torch.autograd.forward_ad.unpack_dual(d))


def forward_mode_refusals():
    fw = torch.autograd.forward_ad
    try_each(lambda: dual(), lambda: fw.exit_dual_level(), lambda: fw.exit_dual_level(level=3))
    with level():
        ints = torch.ones(3, dtype=torch.int64)
        try_each(
            lambda: dual(dual()),
            lambda: dual(x(), dual()),
            lambda: dual(x(), torch.ones(2)),
            lambda: fw.make_dual(x(), x(), level=3),
            lambda: fw.unpack_dual(x(), level=3),
            lambda: fw.enter_dual_level(),
            lambda: fw.exit_dual_level(level=3),
            lambda: torch.add(dual(), 1, out=torch.empty(3)),
            lambda: torch.add(x(), 1, out=dual()),
        )
        for primal, given in ((ints, x()), (x(), ints)):
            try:
                fw.make_dual(primal, given)
            except ValueError as error:
                note(str(error))
    try_each(lambda: fw.unpack_dual(x()))


def forward_mode_layouts():
    with level():
        ones = torch.ones(3)
        note(tangent(dual(x(), ones)) is ones, tangent(dual() + 1) is ones)
        wide = torch.ones(6)[::2]
        note(tangent(dual(x(), wide)) is wide, tangent(dual(x(), wide)).stride())
        note(tangent(dual(x()[:2], torch.ones(3)[1:])).storage_offset())
        part = dual(torch.arange(5.0)[:3])
        note(tangent(part.as_strided((5,), (1,), 0)))


def forward_mode_views():
    with level():
        d = dual()
        view = d.view(3, 1)
        view.mul_(3)
        note(d, tangent(view)._base is tangent(d))
        base = x()
        row = base[1:]
        row.mul_(2)
        base.add_(dual())
        note(base, row, tangent(row))
        row.zero_()
        note(base)
        base = x()
        base[0] = dual()[0] * 2
        note(base, tangent(base[1:]))
        primal = torch.autograd.forward_ad.unpack_dual(d).primal
        primal[0].mul_(d[0])
        note(d, tangent(primal))
        base = torch.arange(4.0).view(2, 2)
        turned = base.t()
        turned.copy_(torch.autograd.forward_ad.make_dual(torch.ones(2, 2), torch.arange(4.0).view(2, 2)))
        note(base, turned)


def forward_mode_in_place():
    with level():
        for change in (
            lambda d: d.zero_(),
            lambda d: d.fill_(2.0),
            lambda d: d.copy_(x()),
            lambda d: d.mul_(d),
            lambda d: d.exp_(),
            lambda d: d.lt_(2.0),
            lambda d: d.clamp_(1.5, 2.5),
            lambda d: d.unsqueeze_(0),
            lambda d: d.t_(),
            lambda d: d.__setitem__(0, 5),
            lambda d: d.detach_(),
            lambda d: d.index_fill_(0, torch.tensor([1]), 7.0),
        ):
            d = dual().clone()
            change(d)
            note(d)
        d = dual()
        e = x()
        e.mul_(d)
        note(d, e)


def forward_mode_stops():
    with level():
        d = dual()
        note(d.detach(), d.data, d.int(), d > 1, torch.zeros_like(d), d.new_ones(2), d.tolist(), d.numpy())
        with torch.no_grad():
            note(d * 2, tangent(dual(leaf()) * 2).requires_grad)
        with torch.inference_mode():
            note(d * 2)
        with torch.autograd.forward_ad._set_fwd_grad_enabled(False):
            note(d * 2, tangent(d), torch.autograd.forward_ad._is_fwd_grad_enabled())
        note(torch.autograd.forward_ad._is_fwd_grad_enabled(), torch.round(d), torch.sign(d), d.max(0), d.sort())


def forward_mode_over_backward():
    with level():
        a = leaf()
        d = dual(a)
        y = (d * d * d).sum()
        (first,) = torch.autograd.grad(y, a, create_graph=True)
        note(y, first, tangent(first))
        y.backward(retain_graph=True)
        note(a.grad)
        (again,) = torch.autograd.grad(tangent(y), a)
        note(again)


def forward_mode_second_pass_reads_saved_results():
    with level():
        a = leaf()
        d = dual(a)
        (gradient,) = torch.autograd.grad(d.exp().sigmoid().sum(), a)
        changed = dual(a).clone().mul_(2).exp_()
        (other,) = torch.autograd.grad(changed.sum(), a)
        note(tangent(gradient), tangent(other))


def forward_mode_cleans_up():
    with level():
        d = dual()
        kept = tangent(d)
    with level():
        note(tangent(d), kept)
        again = dual(d)
        note(again, tangent(d))

    @torch.autograd.forward_ad.dual_level()
    def pushed(v):
        return tangent(dual(x(), v).square())

    note(pushed(torch.ones(3)), pushed(x()))


def forward_mode_jvp_arguments():
    def seen(ctx, *tangents):
        note(tangents, ctx.needs_input_grad)
        return tangents[0] * 2

    def unmaterialized(ctx, a, b, k):
        ctx.set_materialize_grads(False)
        return a * 2 + b

    with level():
        plain = custom(lambda ctx, a, b, k: a * 2 + b, seen)
        note(plain(dual(), x(), 5))
        note(plain(x(), dual(), 5))
        note(custom(unmaterialized, seen)(dual(), x(), 5))
        note(custom(lambda ctx, a, i: a * i, lambda ctx, t, s: (note(s), t)[1])(dual(), torch.tensor([1, 2, 3])))


def forward_mode_jvp_results():
    double = lambda ctx, a: a * 2  # noqa: E731

    def marked(ctx, a):
        result = a * 2
        ctx.mark_non_differentiable(result)
        return result, a * 3

    def boom(ctx, t):
        raise KeyError("boom")

    with level():
        d = dual()
        try_each(
            lambda: custom(lambda ctx, a: (a * 2, a * 3), lambda ctx, t: t * 2)(d),
            lambda: custom(double, lambda ctx, t: (t, t))(d),
            lambda: custom(double, lambda ctx, t: 5)(d),
            lambda: custom(double, lambda ctx, t: torch.ones(2))(d),
            lambda: custom(double, lambda ctx, t: t.double())(d),
            lambda: custom(lambda ctx, a: a > 2, lambda ctx, t: t)(d),
            lambda: custom(lambda ctx, a: a > 2, lambda ctx, t: None)(d),
            lambda: custom(lambda ctx, a: (a * 2, "s"), lambda ctx, t: (t, None))(d),
            lambda: custom(marked, lambda ctx, t: (t, t * 3))(d),
            lambda: custom(marked, lambda ctx, t: (None, t * 3))(d),
            lambda: custom(double, boom)(d),
            lambda: d * 2,
        )

    class NoJvp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

    with level():
        try_each(lambda: NoJvp.apply(dual()), lambda: NoJvp.apply(x()))


def forward_mode_jvp_of_views_and_changes():
    def dirty(ctx, a):
        ctx.mark_dirty(a)
        return a.mul_(2)

    def dirty_by(ctx, a, b):
        ctx.mark_dirty(a)
        return a.mul_(b)

    with level():
        try_each(
            lambda: custom(dirty, lambda ctx, t: t * 2)(dual().clone()),
            lambda: custom(dirty, lambda ctx, t: t)(dual().clone()),
            lambda: custom(dirty, lambda ctx, t: t.mul_(2))(dual().clone()),
            lambda: custom(lambda ctx, a: a, lambda ctx, t: t)(dual()),
            lambda: custom(lambda ctx, a: a, lambda ctx, t: t.view_as(t))(dual()),
            lambda: custom(lambda ctx, a: a.view(3, 1), lambda ctx, t: t.view(3, 1))(dual()),
            lambda: custom(lambda ctx, a: a.view(3, 1), lambda ctx, t: t.clone().view(3, 1))(dual()),
        )
        base = x()
        note(custom(dirty_by, lambda ctx, t, s: s * 2)(base[:], dual()), base)


def forward_mode_saves_for_forward():
    def squared(ctx, a):
        ctx.save_for_forward(a)
        ctx.save_for_backward(a)
        return a * a

    def pushed(ctx, t):
        (a,) = ctx.saved_tensors
        note(a, a.requires_grad, torch.is_grad_enabled())
        return 2 * a * t

    def kept(ctx, a):
        ctx.save_for_forward(a, 5)
        return a * a

    with level():
        note(custom(squared, pushed)(dual()))
        result = custom(squared, pushed)(dual(leaf()))
        note(result)
        try_each(lambda: custom(kept, pushed)(dual()))


def flat(parts):
    """The values: PyTorch returns lists here, whose tensors may require grad."""
    return [each for part in parts for each in flat(part)] if isinstance(parts, (tuple, list)) else [parts.detach()]


def forward_mode_jacobians():
    jacobian, hessian = torch.autograd.functional.jacobian, torch.autograd.functional.hessian
    forward = {"vectorize": True, "strategy": "forward-mode"}
    outer = {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}
    try_each(
        lambda: jacobian(lambda a: a.exp(), x(), **forward),
        lambda: flat(jacobian(lambda a, b: (a * b.sum(), b.sum()), (x(), torch.ones(2)), **forward)),
        lambda: jacobian(lambda a: torch.ones(2), x(), **forward),
        lambda: jacobian(lambda a: a.sum(), torch.tensor(2.0), **forward),
        lambda: jacobian(lambda a: a.exp(), x(), strict=True, **forward),
        lambda: jacobian(lambda a: a.exp(), x(), create_graph=True, **forward),
        lambda: flat(hessian(lambda a: a.pow(3).sum(), x(), **outer)),
        lambda: flat(hessian(lambda a, b: (a * b).sum() ** 2, (x(), x()), **outer)),
    )


def forward_mode_gradcheck():
    gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    a = torch.arange(1.0, 4.0, dtype=torch.float64).requires_grad_()
    wrong = custom(lambda ctx, a: a * 2, lambda ctx, t: t * 3)
    forward = {"check_forward_ad": True, "check_backward_ad": False, "raise_exception": False}
    try_each(
        lambda: gradcheck(torch.exp, a, check_forward_ad=True),
        lambda: gradcheck(lambda a: (a.sum(), a.max(0)[0]), a, check_forward_ad=True, fast_mode=True),
        lambda: [gradcheck(wrong, a, fast_mode=fast, **forward) for fast in (False, True)],
        lambda: gradgradcheck(lambda a: a.pow(3), a, check_fwd_over_rev=True),
        lambda: gradgradcheck(
            torch.exp, a, check_fwd_over_rev=True, check_rev_over_rev=False, check_undefined_grad=False
        ),
        lambda: gradgradcheck(torch.exp, a, check_fwd_over_rev=True, check_rev_over_rev=False),
        lambda: gradgradcheck(torch.exp, a, check_rev_over_rev=False),
    )
