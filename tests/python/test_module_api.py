"""Module and its containers beside PyTorch: lines run one after the other on both libraries, with the same outcome each."""

import inspect
import warnings
from collections import OrderedDict

import pytest
import rushlight

SETUP = """
nn, P = torch.nn, torch.nn.Parameter
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.b = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.register_buffer("buf", torch.ones(2))
        self.register_buffer("tmp", torch.zeros(1), persistent=False)
        self.w = P(torch.ones(2))
        self.none = None
        self.register_parameter("np", None)
class Extra(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value
    def get_extra_state(self): return {"value": self.value}
    def set_extra_state(self, state): self.value = state["value"]
class Own(nn.Module):
    def register_parameter(self, name, value):
        log.append(name)
        super().register_parameter(name, value)
    def register_buffer(self, name, value, persistent=True):
        log.append((name, persistent))
        super().register_buffer(name, value, persistent)
def put(name, value):
    setattr(m, name, value)
    return getattr(m, name)
def names(pairs): return [name for name, _ in pairs]
log, m, M = [], Net(), torch.nn.modules.module
m.x = 5
"""

CASES = {
    "registration": """
        m.register_parameter("x", P(torch.ones(1)))
        m.register_parameter("a.b", None)
        m.register_parameter("", None)
        m.register_parameter(3, None)
        m.register_parameter("q", torch.ones(1))
        m.register_parameter("q", P(torch.ones(1)) * 1)
        m.register_buffer("x", None)
        m.register_buffer("a.b", None)
        m.register_buffer(3, None)
        m.register_buffer("q", 5)
        m.register_buffer("training", torch.ones(1))
        m.add_module("x", None)
        m.add_module("a.b", None)
        m.add_module(3, None)
        m.add_module("q", 5)
        m.add_module("forward", nn.ReLU())
    """,
    "attributes": """
        put("w", torch.ones(1))
        put("w", None)
        put("a", 5)
        put("a", None)
        put("buf", 5)
        put("buf", torch.ones(3))
        put("buf", P(torch.ones(1)))
        names(m.named_buffers())
        put("w", nn.ReLU())
        put("w", P(torch.ones(1)))
        names(m.named_parameters())
        put("none", P(torch.ones(1)))
        delattr(m, "none")
        m.none
        delattr(m, "none")
        put("x", nn.Buffer(torch.ones(1)))
        put("w", nn.Buffer(torch.ones(1)))
        put("y", nn.Buffer(torch.ones(1), persistent=False))
        put("forward", 3)
        m(1)
        m.nope
    """,
    "conversions": """
        m.half().w.dtype
        sorted(m.state_dict()), sorted(m._non_persistent_buffers_set)
        m.to("cpu").buf.dtype
        m.to(torch.int32)
        m.to("cpu", torch.float32, True).w.dtype
        m.to(torch.ones(1, dtype=torch.float64)).w.dtype
        m.to(dtype=torch.float32).w.dtype
        m.to(copy=True)
        m.to(bogus=1)
        m.to("cpu", True)
        m.to([])
        m.type("torch.DoubleTensor").w.dtype
        m._apply(lambda tensor: tensor.add_(1)).w
        m._apply(lambda tensor: log.append(type(tensor).__name__) or tensor) is m, log[-3:]
        m.requires_grad_(False).w.requires_grad
        m.train(1)
    """,
    "paths": """
        m.get_submodule("b.0")
        m.get_submodule("b.9")
        m.get_submodule("w")
        m.get_parameter("b.0.weight").shape
        m.get_parameter("buf")
        m.get_parameter("q")
        m.get_buffer("buf")
        m.get_buffer("w")
        m.set_submodule("b.1", nn.Tanh())
        m.set_submodule("", nn.Tanh())
        m.set_submodule("b.5", nn.Tanh())
        m.set_submodule("b.7", nn.Tanh(), strict=True)
        m.set_submodule("b", 5)
        m
    """,
    "state dicts": """
        list(m.state_dict()), dict(m.state_dict()._metadata)
        list(m.state_dict(prefix="x."))
        [type(v).__name__ for v in m.state_dict(keep_vars=True).values()]
        m.load_state_dict({})
        m.load_state_dict({}, strict=False)
        m.load_state_dict([1])
        m.load_state_dict({"w": torch.ones(9), "q.r": torch.ones(1), "a.bias": "text", "buf": torch.ones(1, 2)}, False)
        m.load_state_dict({"w": torch.ones(2, dtype=torch.float64) * 7}, False), m.w
        m.load_state_dict({"w": torch.ones(2, dtype=torch.float64)}, strict=False, assign=True), m.w
        m.load_state_dict({"w": P(torch.ones(2), requires_grad=False)}, strict=False, assign=True), m.w
        list(nn.Sequential(Extra(1)).state_dict())
        nn.Sequential(Extra(1)).load_state_dict({})
        nn.Sequential(nn.Tanh()).load_state_dict({"0._extra_state": 3})
        m.get_extra_state()
        s = nn.Sequential(m).state_dict(prefix="module.")
        nn.modules.utils.consume_prefix_in_state_dict_if_present(s, "module."), list(s), list(s._metadata)
    """,
    "hooks of state dicts": """
        m.register_state_dict_pre_hook(lambda *args: log.append(args[1:])) and 0
        m.register_state_dict_post_hook(lambda m, s, p, l: log.append((len(s), p, l))) and 0
        m.register_load_state_dict_pre_hook(lambda *args: log.append((type(args[0]).__name__, args[2:]))) and 0
        m._register_load_state_dict_pre_hook(lambda s, *args: s.update(w=torch.zeros(2))) and 0
        m.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear()) and 0
        list(m.state_dict())
        str(m.load_state_dict({}))
        log
        len(m._state_dict_hooks), delattr(m, "_state_dict_hooks")
        m.register_load_state_dict_post_hook(lambda m, keys: 5) and m.load_state_dict({})
    """,
    "methods and hooks of registration": """
        o = Own()
        o.w = P(torch.ones(1)); o.b = nn.Buffer(torch.ones(1)); o.c = nn.Buffer(torch.ones(1), persistent=False)
        log, list(o.state_dict())
        h1 = M.register_module_parameter_registration_hook(lambda m, name, value: log.append(name))
        h2 = M.register_module_buffer_registration_hook(lambda m, name, value: torch.zeros(7))
        h3 = M.register_module_module_registration_hook(lambda m, name, value: log.append((name, value)))
        Net().buf, log
        m.a = nn.ReLU(); m.b.append(nn.Sequential(nn.Tanh()))
        h1.remove(), h2.remove(), h3.remove()
        Net().buf, log
    """,
    "bases that are no modules": """
        class Mixed: __init__ = lambda self, *args, **kwargs: log.append((args, kwargs))
        class After(nn.Module, Mixed): pass
        After(), log
        After(1)
        class Asking(nn.Module, Mixed): call_super_init = True
        Asking(1, a=2), log
        class Older(nn.Module): register_buffer = lambda self, name, value: log.append(name)
        m = Older(); m.b = nn.Buffer(torch.ones(1)); log.append(1)
        log
        m.c = nn.Buffer(torch.ones(1), persistent=False)
    """,
    "an object's own forward": """
        m.a.forward = lambda x: log.append("own") or x
        nn.Sequential(m.a)(torch.ones(1, 2))
        delattr(m.a, "forward")
        nn.Sequential(m.a)(torch.ones(1, 2)).shape, log
    """,
    "Sequential": """
        s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
        s[-1], s[1:]
        s[5]
        s["a"]
        s.insert(1, nn.ELU())
        s.insert(9, nn.ELU())
        s.insert(-1, nn.GELU())
        s.insert(0, 5)
        s.append(5)
        s.extend([nn.ReLU6()])
        s + nn.Sequential(nn.ReLU())
        s + 5
        s * 0
        s * 1.5
        2 * nn.Sequential(nn.ReLU())
        s.pop(-1), s
        s.__setitem__(9, nn.ReLU())
        nn.Sequential([nn.ReLU()])
        nn.Sequential(nn.ReLU())(1, 2)
    """,
    "ParameterDict": """
        s = nn.ParameterDict({"z": torch.ones(1), "a": P(torch.ones(2)), "m": "s"})
        list(s), s["z"]
        s["q"]
        s.setdefault("n", torch.ones(1)), s.setdefault("nn"), s.get("zz", 7)
        s.pop("m"), s.popitem()
        s.update(5)
        s.update([["x", 1, 2]])
        list(reversed(s)), s.copy(), s.fromkeys(["a"], 1)
        s | nn.ParameterDict({"u": torch.ones(1)})
        s | 5
        5 | s
        {"v": 1} | s
        s(1)
    """,
    "BatchNorm": """
        n = nn.BatchNorm1d(2)
        n(torch.tensor([[1.0, 2], [3, 5]]))
        n.running_mean, n.running_var, n.num_batches_tracked, n._version
        n.track_running_stats = False
        n(torch.ones(2, 2)), n.num_batches_tracked
        n.track_running_stats = True
        n.reset_running_stats(), n.running_mean, n.running_var, n.num_batches_tracked
        n.load_state_dict({"weight": torch.ones(2), "bias": torch.ones(2), "running_mean": torch.ones(2)})
        [[base.__name__ for base in c.__mro__[:3]] for c in (nn.BatchNorm1d, nn.Dropout, nn.BCELoss, nn.L1Loss, nn.ReLU6)]
    """,
    "embeddings that are there": """
        w = torch.arange(6.0).reshape(3, 2)
        e = nn.Embedding.from_pretrained(w, padding_idx=1); e, e.weight, e(torch.tensor([0, 1]))
        nn.Embedding.from_pretrained(w, freeze=False).weight
        nn.Embedding.from_pretrained(w.int())(torch.tensor([2]))
        b = nn.EmbeddingBag.from_pretrained(w, mode="sum"); b, b.weight, b(torch.tensor([[0, 1]]))
        b(torch.tensor([0, 1, 1]), torch.tensor([0, 2]), torch.tensor([0.5, 1.0, 2.0]))
        nn.Embedding.from_pretrained(w[0])
        [base.__name__ for base in nn.Embedding.__mro__[:2]]
    """,
    "tensors in place of parameters": """
        l = nn.Linear(2, 3)
        w = torch.ones(3, 2, requires_grad=True)
        l.weight = w
        del l.weight; l.weight = w * 2
        l(torch.ones(1, 2)).sum().backward(); w.grad
        nn.Sequential(l)(torch.ones(1, 2)), list(l.state_dict())
        w.grad
        l.weight = P(torch.zeros(3, 2)); l(torch.ones(1, 2)), list(l.state_dict())
        del l.bias
        l(torch.ones(1, 2))
        l.bias = torch.ones(3); l(torch.ones(1, 2))
    """,
    "attributes out of sight": """
        object.__setattr__(m, "hidden", nn.Linear(1, 1)); m.hidden, m
        object.__delattr__(m, "hidden"); m.hidden
        object.__setattr__(m, "training", False); m.training
        nn.Module.__setattr__(m, "seen", nn.ReLU()); list(m.children())
        nn.Module.__delattr__(m, "seen"); m.seen
        nn.Module.__setattr__(m, 3, 3)
        delattr(m, "nope")
    """,
    "iterators": """
        walks = "parameters", "buffers", "children", "modules", "named_parameters", "named_buffers"
        [str(getattr(m, walk)()).split(" at ")[0] for walk in walks]
        [str(getattr(m, walk)()).split(" at ")[0] for walk in ("named_children", "named_modules")]
        late = m.named_parameters(); m.late = P(torch.ones(1)); [name for name, _ in late]
    """,
    "flags": """
        m.requires_grad_(1)
        m.requires_grad_(None)
        P(torch.ones(1), 1)
        P(torch.ones(1), requires_grad=None)
        m.requires_grad_(False).w
    """,
    "functional_call": """
        f = torch.func.functional_call
        s = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); x = torch.randn(3, 2)
        w, b = torch.zeros(2, 2, requires_grad=True), {"1.running_mean": torch.zeros(2)}
        f(s, {"0.weight": w}, (x,)).sum().backward(); w.grad, s[0].weight.grad
        f(s, b, x), b, s[1].running_mean
        [n for n, _ in s.named_parameters()]
        f(s, {"nope": w}, x).shape
        f(s, {"2.weight": w}, x)
        f(s, {"0.weight": w, "q": w}, x, strict=True)
        f(s, {"0.weight": 3}, x)
        f(s, 3, x)
        f(s, ({"0.weight": w}, {"0.weight": w}), x)
        f(s, ({"0.weight": w}, b), kwargs={"input": x}).shape
        class Tied(nn.Module):
            pass
        t = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)); t[1].weight = t[0].weight
        one = torch.ones(1, 1)
        f(t, {"0.weight": one * 3}, one), t(one)
        f(t, {"0.weight": one * 3}, one, tie_weights=False)
        f(t, {"0.weight": one, "1.weight": one * 2}, one)
        f(t, {"1.weight": one}, one, strict=True)
    """,
    "weight_norm": """
        n = nn.utils.weight_norm(nn.Linear(2, 3))
        n, n.weight_g, n.weight_v, [name for name, _ in n.named_parameters()], list(n.state_dict())
        n(torch.ones(1, 2)).sum().backward(); n.weight_g.grad, n.weight_v.grad
        n.weight_g.data.mul_(2); n(torch.ones(1, 2)), nn.Sequential(n)(torch.ones(1, 2))
        nn.utils.weight_norm(n)
        nn.utils.remove_weight_norm(n), n.weight, list(n.state_dict()), n(torch.ones(1, 2))
        nn.utils.remove_weight_norm(n)
        a = nn.utils.weight_norm(nn.Linear(2, 3), dim=None); a.weight_g, a(torch.ones(1, 2))
        nn.utils.weight_norm(nn.Linear(2, 3), dim=1).weight_g
        nn.utils.weight_norm(nn.LazyLinear(2))
    """,
    "spectral_norm": """
        n = nn.utils.spectral_norm(nn.Linear(2, 3))
        n, n.weight, n.weight_u, n.weight_v, list(n.state_dict()), dict(n.state_dict()._metadata)
        n(torch.ones(1, 2)).sum().backward(); n.weight_orig.grad, n.weight_u
        n.eval()(torch.ones(1, 2)), n.weight_u
        m = nn.utils.spectral_norm(nn.Linear(2, 3)); m.load_state_dict(n.state_dict())
        nn.utils.spectral_norm(n)
        nn.utils.remove_spectral_norm(n), list(n.state_dict()), n(torch.ones(1, 2))
        nn.utils.remove_spectral_norm(n)
        nn.utils.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)
        nn.utils.spectral_norm(nn.Linear(2, 3, bias=False), "bias")
        nn.utils.spectral_norm(nn.Linear(2, 3), dim=1, n_power_iterations=3)(torch.ones(1, 2))
    """,
    "sequences": """
        rnn = nn.utils.rnn
        a, b = torch.arange(3.0), torch.arange(10.0, 12.0)
        rnn.pad_sequence([a, b]), rnn.pad_sequence([b, a], batch_first=True, padding_value=-1.0)
        rnn.pad_sequence([a, b], padding_side="left"), rnn.pad_sequence((t for t in (a, b)))
        rnn.pad_sequence([torch.ones(2, 3), torch.zeros(1, 3)]), rnn.pad_sequence(torch.ones(2, 3))
        rnn.unpad_sequence(rnn.pad_sequence([a, b]), torch.tensor([3, 2]))
        rnn.unpad_sequence(rnn.pad_sequence([a, b], True), torch.tensor([3, 2]), batch_first=True)
        rnn.pad_sequence(3)
        rnn.pad_sequence([])
        rnn.pad_sequence([a], padding_side="top")
        nn.utils.skip_init(nn.Linear, 5, 1).weight.shape
        nn.utils.skip_init(nn.ReLU)
        nn.utils.skip_init(int)
    """,
    "lazy layers": """
        s = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyBatchNorm1d(), nn.LazyLinear(2, bias=False))
        s, s.state_dict()
        s[0].weight.shape
        s[0].has_uninitialized_params(), [type(p).__name__ for p in s.parameters()]
        import copy, pickle; c = copy.deepcopy(s[0]); p = pickle.loads(pickle.dumps(s))
        s.double().float().state_dict()
        s(torch.ones(3, 5) * torch.arange(3.0).unsqueeze(1))
        s, s.state_dict(), [type(part).__name__ for part in s]
        c(torch.ones(1, 3)).shape, c, p
        l = nn.LazyLinear(4)
        l.load_state_dict(s[0].state_dict()), l.weight.shape, l(torch.ones(2, 5)).shape, l
        nn.LazyLinear(4).load_state_dict(nn.LazyLinear(4).state_dict())
        nn.Linear(5, 4).load_state_dict(nn.LazyLinear(4).state_dict())
        nn.LazyLinear(4)(torch.ones(1), torch.ones(1))
        i = nn.LazyInstanceNorm2d(); i(torch.ones(1, 2, 3, 3)); log.append(i)
        i, nn.LazyBatchNorm3d(affine=False)
        nn.LazyLinear(4, dtype=torch.float64)(torch.ones(2, 5).double()).dtype
        class Unfinished(nn.modules.lazy.LazyModuleMixin, nn.Module): pass
        Unfinished()(3)
        nn.UninitializedParameter(), nn.parameter.is_lazy(nn.UninitializedBuffer())
    """,
    "AdaptiveLogSoftmaxWithLoss": """
        a = nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10, 15], div_value=2.0, head_bias=True)
        x = torch.randn(6, 16, requires_grad=True)
        o, l = a(x, torch.tensor([0, 3, 4, 12, 19, 16])); l.backward()
        a, o, l, x.grad, a.tail[0][0].weight.grad
        a(torch.randn(16), torch.tensor(5))
        a(torch.randn(2, 16), torch.tensor([5, 20]))
        a(torch.randn(2, 16), torch.tensor([5]))
        a(torch.randn(2, 16), torch.tensor(5))
        a(torch.randn(2, 16), torch.tensor([[5]]))
        a.log_prob(x).exp().sum(1), a.predict(x * 3), a.predict(x[:0])
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [])
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 3])
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [20])
    """,
    "triplets by a distance": """
        x, y, z = torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4)
        nn.TripletMarginWithDistanceLoss()(x, y, z)
        T = nn.TripletMarginWithDistanceLoss
        T(distance_function=lambda a, b: (a - b).abs().sum(1), margin=0.5, swap=True, reduction="none")(x, y, z)
        T(margin=0)
        nn.functional.triplet_margin_with_distance_loss(x, y, z[0])
        nn.functional.triplet_margin_with_distance_loss(x, y, z, reduction="q")
        T()
    """,
    "texts": """
        nn.Module(), nn.ModuleDict({"a": nn.ReLU()}), nn.ParameterList([P(torch.ones(2)), 5, torch.ones(1)])
        nn.ModuleList([nn.ReLU()] * 3 + [nn.Linear(1, 1)])
    """,
}


def outcomes(library, lines):
    scope = {"torch": library}
    library.manual_seed(3)
    exec(SETUP, scope)
    result = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                try:
                    value = eval(line, scope)
                except SyntaxError:
                    value = exec(line, scope)
            except Exception as error:
                value = f"{type(error).__name__}: {error}"
        result.append((line, str(value).replace("rushlight", "torch")))
    return result


@pytest.mark.parametrize("case", CASES)
def test_lines(torch, case):
    assert outcomes(rushlight, CASES[case]) == outcomes(torch, CASES[case])


def test_tables_of_a_module_can_be_replaced(torch):
    def story(torch):
        told, part = [], torch.nn.BatchNorm1d(2)
        part.register_buffer("own", torch.ones(1), persistent=False)
        part._buffers = OrderedDict(part._buffers)
        told += [list(part.state_dict()), list(part._buffers), sorted(part._non_persistent_buffers_set)]
        linear = torch.nn.Linear(2, 2)
        linear._parameters = {name: value.clone() for name, value in linear._parameters.items()}
        told += [type(linear.weight).__name__, linear.weight.grad_fn.name(), list(dict(linear.named_parameters()))]
        linear._parameters["bias"] = None
        told += [str(linear), linear(torch.ones(1, 2)).grad_fn.name()]
        linear._parameters = {}
        both = torch.nn.Sequential(linear, part)
        both._modules = {"only": torch.nn.Identity()}
        return [*told, hasattr(linear, "weight"), str(both), both((1, None))]

    assert story(rushlight) == story(torch)


def test_identity_passes_on_any_object():
    for thing in (None, (1, "two"), rushlight.ones(2)):
        assert rushlight.nn.Identity(3, unused=4)(thing) is thing
        assert rushlight.nn.Sequential(rushlight.nn.Identity())(thing) is thing
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'input'"):
        rushlight.nn.Identity()()


def test_flags_of_layers_are_read_as_truth(torch):
    for flag in (None, 0, 1, "", [1]):
        for kind in ("Linear(2, 3, bias=flag)", "LayerNorm(2, bias=flag)"):
            ours, theirs = (eval("nn." + kind, {"nn": library.nn, "flag": flag}) for library in (rushlight, torch))
            assert (ours.bias is None) == (theirs.bias is None), (kind, flag)
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
        rushlight.nn.Linear(2, 3, bias=rushlight.ones(2))


def test_data_parallel_without_accelerators_calls_its_module(torch):
    def story(torch):
        model = torch.nn.DataParallel(torch.nn.Linear(2, 3), device_ids=[0, 1])
        called = model(input=torch.ones(4, 2)).shape
        return str(model), list(model.state_dict()), model.device_ids, called, isinstance(model.module, torch.nn.Linear)

    assert story(rushlight) == story(torch)
    for library in (rushlight, torch):
        assert library.nn.parallel.DataParallel is library.nn.DataParallel
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            library.nn.parallel.DistributedDataParallel(library.nn.Linear(1, 1))


def test_signatures_of_modules_and_their_classes(torch):
    class Own:
        def __init__(self, width):
            super().__init__()

    for library in (rushlight, torch):
        nn = library.nn
        for module in (nn.Linear(2, 3), nn.Sequential(), nn.Module()):
            assert str(inspect.signature(module)) == "(*args, **kwargs)"
        assert list(inspect.signature(type("Plain", (nn.Module,), {})).parameters) == ["args", "kwargs"]
        assert list(inspect.signature(type("Net", (Own, nn.Module), {})).parameters) == ["width"]
        assert next(iter(inspect.signature(nn.Linear).parameters)) == "in_features"


def test_a_call_of_its_own_calls_that_of_its_base(torch):
    def story(library):
        nn, told = library.nn, []

        class Twice(nn.Linear):
            def __call__(self, x):
                return super().__call__(x) * 2

        class Inner(Twice):
            def forward(self, x):
                return super().forward(x) + 1

        class Joined(nn.Module):
            def __call__(self, x, y):  # with other parameters than forward()
                return nn.Module.__call__(self, x + y)

            def forward(self, x):
                return x

        class Later(nn.Linear):
            pass

        for module in (Twice(2, 1), Inner(2, 1), Later(2, 1)):
            nn.init.ones_(module.weight), nn.init.zeros_(module.bias)
            told.append(module(library.ones(1, 2)).item())
            module.register_forward_hook(lambda module, args, result: result * 10)
            told.append(module(library.ones(1, 2)).item())
        Later.__call__ = lambda self, x: super(Later, self).__call__(x) + 5
        told += [module(library.ones(1, 2)).item() for _ in range(2)]
        return told, Joined()(library.ones(1), library.ones(1)).item()

    assert story(rushlight) == story(torch)


def test_members_of_any_kind_are_named_by_path(torch):
    def story(torch):
        inner = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1, bias=False))
        inner[1].weight = inner[0].weight
        model = torch.nn.Sequential(inner, torch.nn.Tanh(), inner)
        tables = {"_parameters": lambda part: part._parameters.items(), "_modules": lambda part: part._modules.items()}
        flags = [{}, {"prefix": "net"}, {"recurse": False}, {"remove_duplicate": False}]
        return [
            [path for path, _ in model._named_members(table, **flag)] for table in tables.values() for flag in flags
        ]

    assert story(rushlight) == story(torch)


def test_dict_of_a_module_shows_its_tables_and_takes_them(torch):
    def story(torch):
        layer = torch.nn.Linear(2, 1)
        shown = sorted(name for name in vars(layer) if "hook" not in name and "compiled" not in name)
        layer.__dict__["mark"] = 3
        layer.__dict__.update(other=4, training=False)
        told = [shown, layer.mark, layer.other, layer.training, layer.__dict__.pop("other"), hasattr(layer, "other")]
        layer.__dict__["_parameters"]["bias"] = None
        copied = layer.__new__(type(layer))
        copied.__dict__ = layer.__dict__.copy()  # as libraries clone modules for inner loops
        copied._parameters = copied._parameters.copy()
        copied._parameters["weight"] = layer.weight * 2  # with its history
        copied(torch.ones(1, 2)).sum().backward()
        del layer.__dict__["mark"]
        return [*told, layer.bias, layer.weight.grad.tolist(), copied.mark, hasattr(layer, "mark"), str(copied)]

    assert story(rushlight) == story(torch)
