"""Functional derivatives, gradcheck and checkpoints."""

from autograd_cases.common import leaf, note, torch, try_each


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


def gradcheck_is_a_function_and_a_module():
    import importlib

    module = importlib.import_module(torch.__name__ + ".autograd.gradcheck")
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    return torch.autograd.gradcheck(torch.sin, x), module.gradcheck(torch.sin, x), module.GradcheckError.__name__


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


def checks_draw_what_pytorch_draws():
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    check, again = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    for run in (
        lambda: check(torch.sin, x),
        lambda: check(torch.sin, x, fast_mode=True),
        lambda: again(lambda a: (a * a, a**3), x),
        lambda: again(torch.prod, x, fast_mode=True),
        lambda: again(torch.sin, x, gen_non_contig_grad_outputs=True),
    ):
        torch.manual_seed(0)
        note(run(), torch.rand(1))
