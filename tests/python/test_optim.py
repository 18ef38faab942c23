"""Optimizers and schedules beside PyTorch's: the same numbers, dictionaries, texts and errors."""

import copy
import inspect
import pickle
import warnings

import pytest
import rushlight

# Every option of every optimizer: (class, arguments).
CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "maximize": True}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.01}),
    ("RMSprop", {"centered": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.8, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"betas": (0.8, 0.99), "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 0.01}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"weight_decay": 0.1, "betas": (0.8, 0.9)}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.4, 1.3), "step_sizes": (1e-3, 0.5), "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lambd": 0.1, "t0": 3, "weight_decay": 0.1, "maximize": True}),
]


def identify(case):
    return case[0] + "".join(f"-{key}" for key in case[1])


def parameters(library, dtype):
    # PyTorch's 16-bit formats round once more in what is left over by whole vectors, whose width depends on the machine.
    shapes = [(64,), (2, 64)] if dtype.itemsize == 2 else [(3,), (4, 5), (), (70,)]
    library.manual_seed(3)
    return [library.randn(shape).to(dtype).requires_grad_() for shape in shapes]


def give_gradients(library, params, round):
    library.manual_seed(round)
    for i, parameter in enumerate(params):
        if (i + round) % 3 != 2:  # some have none
            gradient = library.randn(parameter.shape).to(parameter.dtype)
            parameter.grad = gradient * (library.rand(parameter.shape) > 0.2)


def run(library, name, options, dtype, rounds=8):
    params = parameters(library, dtype)
    optimizer = getattr(library.optim, name)(params, **options)
    for round in range(rounds):
        optimizer.zero_grad()
        give_gradients(library, params, round)
        optimizer.step()
    return params, optimizer


def plain(value):
    """Tensors as (dtype, numbers), deep down."""
    if hasattr(value, "tolist"):
        return str(value.dtype).split(".")[1], repr(value.tolist())  # as text, NaN equals NaN
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


@pytest.fixture
def exact_roots(torch, monkeypatch):
    """Square roots rounded to nearest, as ours: those of PyTorch (by MKL) are off by up to 0.75 of the last place."""
    numpy = pytest.importorskip("numpy")

    def sqrt(self):
        wide = self.double() if self.dtype == torch.float64 else self.float()
        return torch.from_numpy(numpy.asarray(numpy.sqrt(wide.numpy()))).to(self.dtype).reshape(self.shape)

    monkeypatch.setattr(torch.Tensor, "sqrt", sqrt)
    monkeypatch.setattr(torch.Tensor, "sqrt_", lambda self: self.copy_(sqrt(self)))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("case", CASES, ids=identify)
def test_same_numbers_and_state(torch, exact_roots, case, dtype):
    name, options = case
    ours, our_optimizer = run(rushlight, name, options, getattr(rushlight, dtype))
    theirs, their_optimizer = run(torch, name, options, getattr(torch, dtype))
    assert plain(ours) == plain(theirs)
    assert plain(our_optimizer.state_dict()) == plain(their_optimizer.state_dict())
    ours_keys = [list(state) for state in our_optimizer.state_dict()["state"].values()]
    assert ours_keys == [list(state) for state in their_optimizer.state_dict()["state"].values()]
    assert repr(our_optimizer) == repr(their_optimizer)
    assert our_optimizer.defaults == their_optimizer.defaults


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES}))
def test_signature(torch, name):
    ours, theirs = (inspect.signature(getattr(library.optim, name).__init__) for library in (rushlight, torch))
    kinds = [[(p.name, p.kind, p.default) for p in signature.parameters.values()] for signature in (ours, theirs)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("case", [CASES[4], CASES[7], CASES[12]], ids=identify)
def test_strided_parameters(case):
    name, options = case
    results = []
    for layout in ("contiguous", "transposed"):
        rushlight.manual_seed(1)
        start = rushlight.randn(5, 7)
        if layout == "transposed":
            start = start.t().contiguous().t()
        parameter = start.clone().requires_grad_() if layout == "contiguous" else start.requires_grad_()
        optimizer = getattr(rushlight.optim, name)([parameter], **options)
        for round in range(3):
            rushlight.manual_seed(round)
            parameter.grad = rushlight.randn(5, 7)
            optimizer.step()
        results.append(parameter.tolist())
    assert results[0] == results[1]


@pytest.mark.parametrize("case", [CASES[3], CASES[7], CASES[11], CASES[20], CASES[28]], ids=identify)
def test_continues_from_state_dict(case):
    name, options = case
    whole, _ = run(rushlight, name, options, rushlight.float32, rounds=6)
    half, optimizer = run(rushlight, name, options, rushlight.float32, rounds=3)
    other = getattr(rushlight.optim, name)(half, **options)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for round in range(3, 6):
        other.zero_grad()
        give_gradients(rushlight, half, round)
        other.step()
    assert plain(half) == plain(whole)


def test_results_do_not_depend_on_threads():
    results = []
    before = rushlight.get_num_threads()
    for threads in (1, 2, 4):
        rushlight.set_num_threads(threads)
        rushlight.manual_seed(0)
        parameter = rushlight.randn(300, 301).requires_grad_()
        optimizer = rushlight.optim.Adam([parameter])
        for _ in range(2):
            parameter.grad = rushlight.randn(300, 301)
            optimizer.step()
        results.append(parameter.tolist())
    rushlight.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def both(torch, action):
    """What `action(library)` raises: (class, text), of ours and PyTorch's."""
    found = []
    for library in (rushlight, torch):
        with pytest.raises(Exception) as caught:
            action(library)
        found.append((caught.type, str(caught.value)))
    return found


def leaf(library, *shape):
    return library.ones(*(shape or (2,)), requires_grad=True)


ERRORS = {
    "lr": lambda t: t.optim.SGD([leaf(t)], lr=-1),
    "lr adam": lambda t: t.optim.Adam([leaf(t)], lr=-0.5),
    "tensor lr": lambda t: t.optim.SGD([leaf(t)], lr=t.ones(2)),
    "momentum": lambda t: t.optim.SGD([leaf(t)], lr=1, momentum=-0.1),
    "weight decay": lambda t: t.optim.SGD([leaf(t)], weight_decay=-1),
    "weight decay adamw": lambda t: t.optim.AdamW([leaf(t)], weight_decay=-1),
    "nesterov": lambda t: t.optim.SGD([leaf(t)], lr=1, nesterov=True),
    "beta 0": lambda t: t.optim.Adam([leaf(t)], betas=(1.0, 0.9)),
    "beta 1": lambda t: t.optim.Adam([leaf(t)], betas=(0.9, -1.0)),
    "beta kinds": lambda t: t.optim.Adam([leaf(t)], betas=(0, 0.5)),
    "eps": lambda t: t.optim.Adam([leaf(t)], eps=-1),
    "alpha": lambda t: t.optim.RMSprop([leaf(t)], alpha=-1),
    "rho": lambda t: t.optim.Adadelta([leaf(t)], rho=2),
    "etas": lambda t: t.optim.Rprop([leaf(t)], etas=(1, 2)),
    "decay": lambda t: t.optim.NAdam([leaf(t)], momentum_decay=-1),
    "accumulator": lambda t: t.optim.Adagrad([leaf(t)], initial_accumulator_value=-1),
    "empty": lambda t: t.optim.SGD([], lr=1),
    "one tensor": lambda t: t.optim.SGD(leaf(t), lr=1),
    "non-leaf": lambda t: t.optim.SGD([leaf(t) * 2], lr=1),
    "set": lambda t: t.optim.SGD([{"params": {leaf(t)}}], lr=1),
    "not a tensor": lambda t: t.optim.SGD([1.5], lr=1),
    "mixed names": lambda t: t.optim.SGD([("a", leaf(t)), leaf(t)], lr=1),
    "group": lambda t: t.optim.SGD([leaf(t)], lr=1).add_param_group([leaf(t)]),
    "base step": lambda t: t.optim.Optimizer([leaf(t)], {}).step(),
    "groups differ": lambda t: t.optim.SGD([leaf(t)]).load_state_dict({"state": {}, "param_groups": []}),
    "sizes differ": lambda t: t.optim.SGD([leaf(t)]).load_state_dict(
        {"state": {}, "param_groups": [{"params": [0, 1]}]}
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(torch, case):
    ours, theirs = both(torch, ERRORS[case])
    assert ours == theirs


def test_shared_parameter():
    parameter = leaf(rushlight)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        rushlight.optim.SGD([{"params": [parameter]}, {"params": [parameter]}], lr=1)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        rushlight.optim.SGD([parameter, parameter], lr=1)


def test_missing_features_name_themselves():
    with pytest.raises(NotImplementedError, match="SparseAdam"):
        rushlight.optim.SparseAdam  # noqa: B018


def test_bad_gradients_change_nothing():
    first, second = leaf(rushlight, 2), leaf(rushlight, 3)
    optimizer = rushlight.optim.SGD([first, second], lr=1)
    first.grad, second.grad = rushlight.ones(2), rushlight.ones(3)
    second.data = rushlight.ones(4)
    with pytest.raises(RuntimeError, match=r"shape \[4\], but its grad has shape \[3\]"):
        optimizer.step()
    assert first.tolist() == [1, 1]


def test_groups_and_options_change():
    a, b = leaf(rushlight), leaf(rushlight)
    optimizer = rushlight.optim.SGD([{"params": [a], "lr": 1.0}, {"params": b}], lr=0.5)
    a.grad, b.grad = rushlight.ones(2), rushlight.ones(2)
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([0, 0], [0.5, 0.5])
    optimizer.param_groups[1]["lr"] = rushlight.tensor(0.25)
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([-1, -1], [0.25, 0.25])
    c = leaf(rushlight)
    optimizer.add_param_group({"params": c, "momentum": 0.5})
    c.grad = rushlight.ones(2)
    optimizer.step()
    assert c.tolist() == [0.5, 0.5] and list(optimizer.state) == [c]
    del optimizer.param_groups[0]["momentum"]
    with pytest.raises(KeyError, match="momentum"):
        optimizer.step()


def test_zero_grad_and_closure():
    parameter = leaf(rushlight)
    optimizer = rushlight.optim.SGD([parameter], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (parameter * parameter).sum()
        loss.backward()
        return loss

    with rushlight.no_grad():
        assert optimizer.step(closure).item() == 2
    gradient = parameter.grad
    optimizer.zero_grad(set_to_none=False)
    assert parameter.grad is gradient and gradient.tolist() == [0, 0]
    optimizer.zero_grad()
    assert parameter.grad is None


def test_a_step_is_a_write():
    parameter = leaf(rushlight)
    out = (parameter * parameter).sum()
    parameter.grad = rushlight.ones(2)
    rushlight.optim.SGD([parameter], lr=0.1).step()
    with pytest.raises(RuntimeError, match="an optimizer's step"):
        out.backward()


def test_hooks(torch):
    def story(library):
        told = []
        parameter = leaf(library)
        optimizer = library.optim.SGD([parameter], lr=1)
        handle = optimizer.register_step_pre_hook(lambda *args: told.append(("pre", len(args[1]), args[2])))
        optimizer.register_step_post_hook(lambda *args: told.append("post"))
        optimizer.register_state_dict_post_hook(lambda _, d: {**d, "extra": 1})
        optimizer.register_load_state_dict_pre_hook(lambda _, d: told.append(sorted(d)))
        optimizer.step()
        optimizer.step(closure=None)
        handle.remove()
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
        return told

    assert story(rushlight) == story(torch)


def test_own_optimizer():
    class Descent(rushlight.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @rushlight.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.add_(parameter.grad, alpha=-group["lr"])

    parameter = leaf(rushlight)
    parameter.grad = rushlight.ones(2)
    optimizer = Descent([parameter], 0.5)
    told = []
    optimizer.register_step_post_hook(lambda *_: told.append(1))
    optimizer.step()
    assert parameter.tolist() == [0.5, 0.5] and told == [1]


def test_pickle_and_deepcopy():
    parameter = leaf(rushlight)
    optimizer = rushlight.optim.Adam([parameter])
    parameter.grad = rushlight.ones(2)
    optimizer.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert plain(other.state_dict()) == plain(optimizer.state_dict())
        twin = other.param_groups[0]["params"][0]
        assert twin is not parameter
        twin.grad = rushlight.ones(2)
        other.step()
        assert other.state[twin]["step"].item() == 2


SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5], gamma=0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, total_iters=4),
    "LinearLR": lambda s, o: s.LinearLR(o, total_iters=4),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=6, power=2),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 5, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, eta_min=0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=4),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=2, step_size_down=3, mode="triangular2"),
    "CyclicLR exp": lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=2, mode="exp_range", gamma=0.9),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=20),
    "OneCycleLR three": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=4, steps_per_epoch=5, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, total_iters=2), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], milestones=[3, 8]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9)]),
}


def rates(library, make, epochs=None):
    a, b = leaf(library), leaf(library)
    optimizer = library.optim.SGD([{"params": [a], "lr": 0.3}, {"params": [b]}], lr=0.1, momentum=0.9)
    schedule = make(library.optim.lr_scheduler, optimizer)
    told = [list(schedule.get_last_lr())]
    for epoch in range(15) if epochs is None else epochs:
        optimizer.step()
        if epochs is None:
            schedule.step()
        else:
            schedule.step(epoch)
        told.append([(group["lr"], group["momentum"]) for group in optimizer.param_groups])
        assert list(schedule.get_last_lr()) == [group["lr"] for group in optimizer.param_groups]
    return told, schedule


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(torch, name):
    ours, our_schedule = rates(rushlight, SCHEDULES[name])
    theirs, their_schedule = rates(torch, SCHEDULES[name])
    assert ours == theirs
    ours, theirs = our_schedule.state_dict(), their_schedule.state_dict()
    if "Cyclic" not in name:
        hidden = {"_schedule_phases", "_is_initial", "_schedulers"}
        assert {k: v for k, v in ours.items() if k not in hidden} == {
            k: v for k, v in theirs.items() if k not in hidden
        }
    our_schedule.load_state_dict(ours)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name not in ("SequentialLR", "ChainedScheduler")])
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_schedules_by_epoch(torch, name):
    epochs = [1, 4, 2, 7]
    assert rates(rushlight, SCHEDULES[name], epochs)[0] == rates(torch, SCHEDULES[name], epochs)[0]


@pytest.mark.parametrize("mode, threshold_mode", [("min", "rel"), ("min", "abs"), ("max", "rel"), ("max", "abs")])
def test_reduce_on_plateau(torch, mode, threshold_mode):
    def story(library):
        optimizer = library.optim.SGD([leaf(library)], lr=0.1)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, patience=1, threshold=0.1, threshold_mode=threshold_mode, cooldown=1, min_lr=1e-3
        )
        told = []
        for metric in (1.0, 0.95, 0.93, 0.92, 0.5, 0.6, 0.7, 0.8, 1.2, 1.2, 1.2, 1.25, 1.3, 1.3):
            schedule.step(library.tensor(metric))
            told.append((optimizer.param_groups[0]["lr"], schedule.num_bad_epochs, schedule.in_cooldown))
        return told, schedule.state_dict()

    assert story(rushlight) == story(torch)


def test_schedules_derived_from_the_old_name(torch):
    def run(library):
        schedulers = library.optim.lr_scheduler

        class Halving(schedulers._LRScheduler):
            def get_lr(self):
                return [rate / 2**self.last_epoch for rate in self.base_lrs]

        optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=1.0)
        schedule = Halving(optimizer)
        for _ in range(3):
            optimizer.step()
            schedule.step()
        step = schedulers.StepLR(optimizer, 1)
        return (
            schedule.get_last_lr(),
            isinstance(step, schedulers._LRScheduler),
            isinstance(schedule, schedulers.LRScheduler),
        )

    assert run(rushlight) == run(torch)


def test_schedule_order_warning(torch):
    def warned(library):
        optimizer = library.optim.SGD([leaf(library)], lr=0.1)
        schedule = library.optim.lr_scheduler.StepLR(optimizer, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            schedule.step()
            schedule.get_lr()
        return [(w.category, str(w.message)) for w in caught]

    assert warned(rushlight) == warned(torch) and len(warned(rushlight)) == 2


SCHEDULE_ERRORS = {
    "not an optimizer": lambda t, o: t.optim.lr_scheduler.StepLR(3, 1),
    "lambdas": lambda t, o: t.optim.lr_scheduler.LambdaLR(o, [abs, abs]),
    "not a function": lambda t, o: t.optim.lr_scheduler.MultiplicativeLR(o, 3),
    "constant": lambda t, o: t.optim.lr_scheduler.ConstantLR(o, 2),
    "linear": lambda t, o: t.optim.lr_scheduler.LinearLR(o, 0),
    "restarts": lambda t, o: t.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
    "cyclic": lambda t, o: t.optim.lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="square"),
    "cyclic list": lambda t, o: t.optim.lr_scheduler.CyclicLR(o, [0.1, 0.2], 0.2),
    "one cycle": lambda t, o: t.optim.lr_scheduler.OneCycleLR(o, 0.1),
    "one cycle steps": lambda t, o: t.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=-1),
    "one cycle strategy": lambda t, o: t.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=3, anneal_strategy="x"),
    "plateau": lambda t, o: t.optim.lr_scheduler.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda t, o: t.optim.lr_scheduler.ReduceLROnPlateau(o, mode="x"),
    "resume": lambda t, o: t.optim.lr_scheduler.StepLR(o, 1, last_epoch=3),
    "no schedules": lambda t, o: t.optim.lr_scheduler.ChainedScheduler([]),
    "milestones": lambda t, o: t.optim.lr_scheduler.SequentialLR(o, [t.optim.lr_scheduler.StepLR(o, 1)], [3]),
    "too far": lambda t, o: [s.step() for s in [t.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=1)] * 3],
}


@pytest.mark.parametrize("case", SCHEDULE_ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_schedule_errors(torch, case):
    ours, theirs = both(torch, lambda t: SCHEDULE_ERRORS[case](t, t.optim.SGD([leaf(t)], lr=0.1, momentum=0.9)))
    assert ours == theirs
