"""Optimizers with differentiable=True: the native step's numbers, and gradients that flow through several steps."""

import pytest
import rushlight
from test_optim import CASES, both, identify


def start(library, seed, dtype="float64"):
    library.manual_seed(seed)
    return library.randn(3, 4, dtype=getattr(library, dtype))


def train(library, case, theta, data, steps=3, **options):
    """The parameter after some steps whose gradients are recorded, and its state."""
    parameter = theta.clone()
    optimizer = getattr(library.optim, case[0])([parameter], **{**case[1], "differentiable": True, **options})
    for _ in range(steps):
        value = parameter.clone().requires_grad_()  # since the step writes the parameter
        loss = (value * data).sin().sum() + (value**2).sum()
        (parameter.grad,) = library.autograd.grad(loss, value, create_graph=True)
        optimizer.step()
    return parameter, optimizer.state[parameter]


def number(library, value=0.1):
    return library.tensor(value, dtype=library.float64, requires_grad=True)


def near(ours, theirs, tolerance):
    plain = [[value.detach().double().flatten().tolist() for value in values] for values in (ours, theirs)]
    return all(a == pytest.approx(b, rel=tolerance, abs=tolerance) for a, b in zip(*plain, strict=True))


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-7), ("float32", 5e-6)])
@pytest.mark.parametrize("case", CASES, ids=identify)
def test_same_numbers_and_state(torch, case, dtype, tolerance):
    def run(library, **options):
        parameter, state = train(library, case, start(library, 0, dtype), start(library, 1, dtype), 6, **options)
        return [parameter, *(state[key] for key in sorted(state))], {k: str(v.dtype)[-7:] for k, v in state.items()}

    (ours, names), (theirs, their_names) = run(rushlight), run(torch)
    assert near(ours, theirs, tolerance) and names == their_names
    assert near(ours, run(rushlight, differentiable=False)[0], 5e-6)  # the powers of Adam's betas have single precision


# PyTorch overwrites what an earlier step saved of these, and takes no gradient of other rates.
OVERWRITTEN = [case for case in CASES if case[0] in ("Adamax", "Rprop") or {"amsgrad", "centered"} & case[1].keys()]
RATES = [
    case
    for case in CASES
    if case[0] in ("SGD", "Adam", "AdamW", "RAdam")
    and case not in OVERWRITTEN
    and ("momentum" not in case[1] or "nesterov" in case[1])
]


@pytest.mark.parametrize("case", [case for case in CASES if case not in OVERWRITTEN], ids=identify)
def test_same_gradients(torch, case):
    def gradients(library):
        leaves = [start(library, seed).requires_grad_() for seed in (0, 1)]
        options = {"lr": number(library)} if case in RATES else {}
        parameter, _ = train(library, case, *leaves, **options)
        return library.autograd.grad((parameter * start(library, 2)).sum(), [*leaves, *options.values()])

    assert near(gradients(rushlight), gradients(torch), 1e-7)


@pytest.fixture
def double():
    """Counts and rates, too, have double precision, so that small differences of them show."""
    before = rushlight.get_default_dtype()
    rushlight.set_default_dtype(rushlight.float64)
    yield
    rushlight.set_default_dtype(before)


# The first momentum has no history, as in PyTorch: its derivatives aren't those of the function.
@pytest.mark.parametrize(
    "case", [case for case in CASES if not (case[0] == "SGD" and case[1].get("momentum"))], ids=identify
)
def test_gradients_are_those_of_the_function(double, case):
    leaves = [start(rushlight, seed).requires_grad_() for seed in (0, 1)]
    assert rushlight.autograd.gradcheck(
        lambda theta, data, lr: train(rushlight, case, theta, data, lr=lr)[0], (*leaves, number(rushlight))
    )


# Those of SGD leave out what the first momentum would depend on.
TENSOR_OPTIONS = {
    "weight decay": ("SGD", lambda x: {"weight_decay": x}),
    "momentum": ("SGD", lambda x: {"momentum": x, "nesterov": True}),
    "dampening": ("SGD", lambda x: {"momentum": 0.9, "dampening": x}),
    "adam betas": ("Adam", lambda x: {"betas": (x, x + 0.3), "weight_decay": x}),
    "adamw": ("AdamW", lambda x: {"lr": x.reshape(1), "weight_decay": x, "eps": x, "amsgrad": True}),
    "rmsprop": ("RMSprop", lambda x: {"alpha": x, "momentum": x, "centered": True}),
    "adagrad": ("Adagrad", lambda x: {"lr_decay": x, "initial_accumulator_value": 0.1, "eps": x}),
    "adadelta": ("Adadelta", lambda x: {"rho": x}),
    "adamax": ("Adamax", lambda x: {"betas": (x, x + 0.3)}),
    "nadam": ("NAdam", lambda x: {"betas": (x, x + 0.3), "momentum_decay": x}),
    "radam": ("RAdam", lambda x: {"betas": (x, x + 0.3)}),
    "rprop": ("Rprop", lambda x: {"etas": (x + 0.1, x + 1.2)}),
    "asgd": ("ASGD", lambda x: {"lambd": x, "alpha": x, "t0": 1}),
}


@pytest.mark.parametrize("which", TENSOR_OPTIONS)
def test_every_option_may_be_learned(double, which):
    name, options = TENSOR_OPTIONS[which]
    assert rushlight.autograd.gradcheck(
        lambda x: train(rushlight, (name, options(x)), start(rushlight, 0), start(rushlight, 1), 2)[0],
        number(rushlight, 0.3),
    )


REFUSED = {
    "fused": lambda t, p: t.optim.Adam([p], differentiable=True, fused=True),
    "fused, foreach": lambda t, p: t.optim.SGD([p], differentiable=True, fused=True, foreach=True),
    "foreach": lambda t, p: t.optim.RMSprop([p], differentiable=True, foreach=True).step(),
    "tensor lr": lambda t, p: t.optim.Adam([p], lr=t.tensor(0.1), foreach=True),
    "tensor beta": lambda t, p: t.optim.Adam([p], betas=(t.tensor(0.1), t.tensor(0.2)), foreach=True),
    "beta size": lambda t, p: t.optim.Adam([p], betas=(t.tensor(0.1), t.ones(2) / 2)),
    "capturable": lambda t, p: t.optim.Adam([p], differentiable=True, capturable=True).step(),
    "capturable nadam": lambda t, p: t.optim.NAdam([p], capturable=True).step(),
    "capturable asgd": lambda t, p: t.optim.ASGD([p], capturable=True).step(),
    "leaf": lambda t, p: t.optim.SGD([p.requires_grad_()], differentiable=True).step(),
    "not a leaf": lambda t, p: t.optim.SGD([p.requires_grad_() * 1]),
    "counted with a gradient": lambda t, p: counted(t, p).step(),
}


def counted(library, parameter):
    optimizer = library.optim.Adam([parameter], differentiable=True)
    state = {name: library.ones(2) for name in ("exp_avg", "exp_avg_sq")}
    optimizer.state[parameter].update(step=library.ones((), requires_grad=True), **state)
    return optimizer


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(torch, case):
    def act(library):
        parameter = library.ones(2)
        parameter.grad = library.ones(2)
        REFUSED[case](library, parameter)

    (ours, text), (theirs, their_text) = both(torch, act)
    assert ours is theirs and text.startswith(their_text.split(": [")[0])


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_program(torch):
    """Grad mode, closures, hooks, groups and saved states with a differentiable step."""

    def story(library):
        told = []
        start = library.ones(2, dtype=library.float64, requires_grad=True)
        first, second, unused = start * 2, start * 3, start * 4
        optimizer = library.optim.Adam(
            [{"params": [first], "lr": 0.5}, {"params": [second, unused]}], lr=library.tensor(0.25), differentiable=True
        )
        optimizer.register_step_pre_hook(lambda *_: told.append(("before", library.is_grad_enabled())))
        optimizer.register_step_post_hook(lambda *_: told.append(("after", library.is_grad_enabled())))

        def closure():
            told.append(("closure", library.is_grad_enabled()))
            optimizer.zero_grad()
            first.grad, second.grad = start * 5, start * start
            return first.sum()

        with library.no_grad():
            for _ in range(2):
                told.append(optimizer.step(closure).grad_fn is not None)
            told.append(library.is_grad_enabled())
        told.append([first.requires_grad, second.requires_grad, optimizer.state[first]["exp_avg"].requires_grad])
        told.append(sorted(map(len, optimizer.state.values())))
        with library.no_grad():
            saved = optimizer.state_dict()
        copies = [first.detach().clone(), second.detach().clone(), unused.detach().clone()]
        other = library.optim.Adam([{"params": copies[:1]}, {"params": copies[1:]}])
        other.load_state_dict(saved)
        copies[0].grad, copies[1].grad = library.ones(2).double(), library.ones(2).double()
        told.append(other.param_groups[0]["differentiable"])
        (gradient,) = library.autograd.grad((first * second).sum(), start)
        return told, [first, second, gradient]

    (ours, values), (theirs, their_values) = story(rushlight), story(torch)
    assert ours == theirs and near(values, their_values, 1e-7)
