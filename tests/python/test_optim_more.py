"""The optimizers whose steps are Python, and averages of weights, beside PyTorch: the same numbers and errors."""

import math
import warnings

import pytest
import rushlight


def plain(value):
    if hasattr(value, "tolist"):
        return value.detach().double().tolist()
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def alike(ours, theirs):
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-4, abs_tol=1e-5)
    return ours == theirs


def train(library, name, only_matrices=False, steps=6, **options):
    """Losses, parameters and state of a small network after some steps."""
    nn = library.nn
    library.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = library.randn(5, 3, dtype=library.float64), library.randn(5, 2, dtype=library.float64)
    params = [p for p in net.parameters() if p.dim() == 2 or not only_matrices]
    optimizer = getattr(library.optim, name)(params, **options)

    def closure():
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).sum()
        loss.backward()
        return loss

    losses = []
    for _ in range(steps):
        if name != "LBFGS":
            closure()
        losses.append(optimizer.step(closure))
    again = type(optimizer)(params, **options)
    again.load_state_dict(optimizer.state_dict())
    return losses, list(net.parameters()), again.state_dict()["state"]


def outcome(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(function(*args, **kwargs))
        except Exception as error:
            return type(error).__name__, str(error).replace("rushlight", "torch")


LBFGS = [
    {"lr": lr, "line_search_fn": search, **more}
    for lr in (1, 0.1)
    for search in (None, "strong_wolfe")
    for more in ({}, {"max_iter": 4}, {"history_size": 2, "max_iter": 8}, {"max_eval": 3})
]
ADAFACTOR = [
    {},
    {"lr": 0.1, "weight_decay": 0.1},
    {"maximize": True},
    {"eps": (1e-3, 1e-2), "d": 2.0},
    {"lr": -1},
    {"beta2_decay": 1},
    {"eps": (-1, 0)},
    {"eps": (None, -1)},
    {"d": 0.5},
    {"weight_decay": -1},
]
MUON_ERRORS = [{"lr": -1}, {"momentum": -1}, {"weight_decay": -1}, {"adjust_lr_fn": "x"}, {"ns_steps": 100}]
CASES = [("LBFGS", options) for options in [*LBFGS, {"lr": -1}, {"line_search_fn": "other"}]]
CASES += [("Adafactor", options) for options in ADAFACTOR] + [("Muon", options) for options in MUON_ERRORS]


@pytest.mark.parametrize("name, options", CASES)
def test_same_training(torch, name, options):
    options = dict(options)
    only_matrices = name == "Muon"
    options["steps"] = 2 if name == "LBFGS" else 6  # near its end it divides by what is almost nothing
    ours = outcome(train, rushlight, name, only_matrices, **options)
    assert alike(ours, outcome(train, torch, name, only_matrices, **options))


@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw"}, {"lr": 0.1}])
def test_muon_is_near_to_pytorchs(torch, options):
    # Its products of bfloat16 are summed in another order.
    ours, theirs = (train(library, "Muon", True, **options)[1] for library in (rushlight, torch))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(torch.tensor(a.tolist()), b.detach().float(), atol=0.01)


def test_muon_and_lbfgs_refuse_what_they_cannot(torch):
    def refusals(library):
        optim, x = library.optim, library.ones(1)
        yield outcome(optim.Muon, [x])
        yield outcome(optim.LBFGS, [{"params": [x]}, {"params": [library.zeros(1)]}])

    assert list(refusals(rushlight)) == list(refusals(torch))


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_bottom_of_the_valley(torch, search):
    def minimise(library):
        x = library.tensor([-1.5, 2.0], dtype=library.float64, requires_grad=True)
        optimizer = library.optim.LBFGS([x], lr=1 if search else 1e-3, max_iter=50, line_search_fn=search)

        def closure():
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure)) for _ in range(3)]
        state = optimizer.state_dict()["state"][0]
        return losses, x, state["func_evals"], state["n_iter"]

    ours = plain(minimise(rushlight))
    assert alike(ours, plain(minimise(torch)))
    if search:
        assert alike(ours[1], [1.0, 1.0])


AVERAGES = {
    "mean": lambda swa: {},
    "mean of buffers": lambda swa: {"use_buffers": True},
    "moving": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
    "moving, of all": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    "mean by a function": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
    "mean by a function of all": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "two functions": lambda swa: {"avg_fn": swa.get_swa_avg_fn(), "multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "too slow": lambda swa: {"avg_fn": swa.get_ema_avg_fn(2)},
    "negative": lambda swa: {"avg_fn": swa.get_ema_multi_avg_fn(-1)},
}


@pytest.mark.parametrize("kind", AVERAGES)
def test_averages_of_weights(torch, kind):
    def average(library):
        nn, swa = library.nn, library.optim.swa_utils
        library.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        averaged = swa.AveragedModel(model, **AVERAGES[kind](swa))
        for i in range(4):
            with library.no_grad():
                for parameter in model.parameters():
                    parameter.add_(i)
            model(library.randn(5, 3))
            averaged.update_parameters(model)
        before = {name: value.clone() for name, value in averaged.state_dict().items()}
        swa.update_bn([library.randn(4, 3), (library.randn(4, 3), 1)], averaged)
        return before, averaged.state_dict(), averaged.module[1].momentum, averaged(library.arange(6.0).reshape(2, 3))

    assert alike(outcome(average, rushlight), outcome(average, torch))


@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.05},
        {"swa_lr": [0.05, 0.1], "anneal_epochs": 3, "anneal_strategy": "linear"},
        {"swa_lr": 0.1, "anneal_epochs": 0},
        {"swa_lr": 0.1, "anneal_strategy": "other"},
        {"swa_lr": 0.1, "anneal_epochs": -1},
        {"swa_lr": [0.1]},
    ],
)
def test_rate_for_averages(torch, options):
    def rates(library):
        groups = [{"params": [library.ones(1)], "lr": lr} for lr in (1.0, 0.5)]
        optimizer = library.optim.SGD(groups)
        schedule = library.optim.swa_utils.SWALR(optimizer, **options)
        result = []
        for _ in range(6):
            optimizer.step()
            schedule.step()
            result.append(schedule.get_last_lr())
        again = library.optim.swa_utils.SWALR(optimizer, **options)
        again.load_state_dict(schedule.state_dict())
        return result, again.last_epoch

    assert alike(outcome(rates, rushlight), outcome(rates, torch))
