"""Hooks of modules, backward hooks above all: each case runs with both libraries and must log the same."""

import copy
import inspect
import pickle
import warnings

import pytest
import rushlight


def plain(value):
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    return [round(x, 5) for x in value.flatten().tolist()] if hasattr(value, "tolist") else value


class Run:
    """What a case needs of one library, and the log it fills."""

    def __init__(self, library):
        self.torch, self.nn, self.log = library, library.nn, []
        self.module = library.nn.modules.module

    def x(self):
        return self.torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

    def linear(self):
        layer = self.nn.Linear(2, 1)
        with self.torch.no_grad():
            layer.weight.copy_(self.torch.tensor([[1.0, 2.0]]))
            layer.bias.zero_()
        return layer

    def two(self):
        """Two outputs of three inputs, of which the second may be a number."""

        class Two(self.nn.Module):
            def forward(self, a, b, c=None, *, k=None):
                return a * 2 + b, a * 3

        return Two()

    def hook(self, tag, change=lambda *gradients: None):
        def hook(module, *gradients):
            self.log.append((tag, type(module).__name__, plain(gradients)))
            return change(*gradients)

        return hook

    def back(self, module, x=None):
        x = self.x() if x is None else x
        module(x).sum().backward()
        self.log.append(plain(x.grad))


def order_and_prepend(run):
    layer = run.linear()
    layer.register_full_backward_hook(run.hook("a"))
    layer.register_full_backward_hook(run.hook("b"), prepend=True)
    layer.register_full_backward_pre_hook(run.hook("c"))
    layer.register_full_backward_pre_hook(run.hook("d"), prepend=True)
    output = layer(run.x())
    run.log += [output.grad_fn.name(), output.grad_fn.next_functions[0][0].name()]
    run.back(layer)


def replacing_gradients(run):
    layer = run.linear()
    layer.register_full_backward_hook(run.hook("a", lambda inputs, outputs: (inputs[0] * 10,)))
    layer.register_full_backward_hook(run.hook("b", lambda inputs, outputs: [inputs[0] + 1]))
    layer.register_full_backward_pre_hook(run.hook("c", lambda outputs: (outputs[0] * 2,)))
    run.back(layer)
    run.log.append(plain(layer.weight.grad))


def wrong_replacements(run):
    for wrong in ((1, 2), (1,), 5, (None,), (run.torch.ones(2, 2).double(),)):
        for register in ("register_full_backward_hook", "register_full_backward_pre_hook"):
            for x in (run.x(), run.x().detach()):
                layer = run.linear()
                getattr(layer, register)(run.hook("wrong", lambda *gradients: wrong))
                try:
                    run.back(layer, x)
                except Exception as error:
                    run.log.append((type(error).__name__, str(error).partition("hook '")[0]))


def replacement_of_another_size(run):
    layer = run.linear()
    layer.register_full_backward_hook(run.hook("a", lambda inputs, outputs: (run.torch.ones(7),)))
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        run.back(layer)


def outputs_and_inputs_that_are_left_out(run):
    for b, used in ((5, 0), (5, 1), (run.torch.ones(2, 2), 0), (run.x(), 1), (run.torch.tensor(3), 0)):
        module, a = run.two(), run.x()
        module.register_full_backward_hook(run.hook("two"))
        outputs = module(a, b, k=run.x())
        run.log.append([output.grad_fn.name() for output in outputs])
        outputs[used].sum().backward()
        run.log.append(plain(a.grad))


def outputs_in_containers(run):
    for wrap in (dict, list):

        class Contained(run.nn.Module):
            def forward(self, a):
                return dict(a=a * 2) if wrap is dict else [a * 2]

        module = Contained()
        module.register_full_backward_hook(run.hook("contained"))
        output = module(run.x())
        output["a" if wrap is dict else 0].sum().backward()
        run.log.append(type(output).__name__)


def modules_in_place(run):
    net = run.nn.Sequential(run.linear(), run.nn.ReLU(inplace=True), run.nn.Sigmoid())
    net[0].register_full_backward_hook(run.hook("linear"))
    for change in (net, lambda x: net[0](x).add_(1), lambda x: x.add_(1)):
        try:
            run.back(change)
        except RuntimeError as error:
            run.log.append(str(error)[:150])


def nested_modules(run):
    net = run.nn.Sequential(run.nn.Sequential(run.nn.Tanh(), run.nn.Tanh()), run.nn.Tanh())
    for module in net.modules():
        module.register_full_backward_hook(run.hook("full"))
        module.register_full_backward_pre_hook(run.hook("pre"))
    run.back(net)


def hooks_of_all_modules(run):
    net = run.nn.Sequential(run.nn.Sequential(run.nn.Tanh(), run.nn.Tanh()), run.nn.Tanh())
    net.register_full_backward_hook(run.hook("own"))
    handles = [
        run.module.register_module_full_backward_hook(run.hook("backward")),
        run.module.register_module_full_backward_pre_hook(run.hook("before backward")),
        run.module.register_module_forward_pre_hook(lambda module, args: run.log.append(("before", plain(args)))),
        run.module.register_module_forward_hook(lambda module, args, out: run.log.append(("after", plain(out)))),
        run.module.register_module_forward_hook(
            lambda module, args, kwargs, out: run.log.append(("keywords", kwargs)), with_kwargs=True
        ),
    ]
    run.back(net)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks as a glob"):
        run.module.register_module_backward_hook(run.hook("legacy"))
    for handle in handles:
        handle.remove()
    run.log.append("removed")
    run.back(net)


def removal(run):
    layer = run.linear()
    with layer.register_full_backward_hook(run.hook("a")):
        run.back(layer)
        with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks on a s"):
            layer.register_backward_hook(run.hook("legacy"))
    run.back(layer)


def legacy_hooks(run):
    class Nested(run.nn.Module):
        def forward(self, a):
            return {"k": a.exp()}

    tanh = run.nn.Tanh()
    tanh.register_backward_hook(run.hook("legacy"))
    run.back(lambda x: tanh(x * 1))
    nested, two = Nested(), run.two()
    for module in (nested, two):
        module.register_backward_hook(run.hook("legacy"))
    nested(run.x())["k"].sum().backward()
    two(run.x(), run.x())[0].sum().backward()
    relu = run.nn.ReLU()
    relu.register_backward_hook(run.hook("replaces", lambda inputs, outputs: (inputs[0] * 5,)))
    run.back(relu)


def second_derivatives(run):
    layer, x = run.linear(), run.x()
    layer.register_full_backward_hook(run.hook("a"))
    (gradient,) = run.torch.autograd.grad(layer(x).pow(2).sum(), x, create_graph=True)
    gradient.sum().backward()
    run.log.append(plain(x.grad))


def without_recording(run):
    layer = run.linear()
    layer.register_full_backward_hook(run.hook("a"))
    with run.torch.no_grad():
        run.log.append(layer(run.x()).requires_grad)


def copies(run):
    layer = run.linear()
    layer.register_full_backward_hook(run.hook("a"))
    run.back(copy.deepcopy(layer))
    layer = run.linear()
    handle = layer.register_full_backward_pre_hook(print)
    again, handle = pickle.loads(pickle.dumps((layer, handle)))
    handle.remove()
    run.back(again)


def forward_hooks_after_an_error(run):
    layer = run.linear()
    note = lambda module, args, output: run.log.append(plain(output))  # noqa: E731
    layer.register_forward_hook(lambda module, args, output: output + 1)
    layer.register_forward_hook(lambda module, args, output: 1 / 0)
    layer.register_forward_hook(note)
    layer.register_forward_hook(note, always_call=True)
    layer.register_forward_hook(lambda module, args, output: {}[0], always_call=True)
    for wrong in (run.x(), run.torch.ones(3), "text"):
        with pytest.raises((ZeroDivisionError, RuntimeError, TypeError)):
            layer(wrong)


CASES = [
    case
    for case in list(globals().values())
    if inspect.isfunction(case) and case.__module__ == __name__ and list(inspect.signature(case).parameters) == ["run"]
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_case(torch, case):
    def result(library):
        run = Run(library)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            case(run)
        assert run.log
        return run.log, [(w.category.__name__, str(w.message)) for w in caught]

    assert result(rushlight) == result(torch)


def test_modules_without_hooks_are_called_directly():
    net = rushlight.nn.Sequential(rushlight.nn.ReLU())
    handle = rushlight.nn.modules.module.register_module_forward_hook(lambda module, args, output: output)
    own = net.register_full_backward_hook(print)
    x = rushlight.zeros(2)
    net(x)
    assert net._hooked
    own.remove()
    handle.remove()
    net(x)
    assert not net._hooked


@pytest.mark.filterwarnings("ignore:Using a non-full")
def test_hook_of_a_dead_module_is_not_called():
    x = rushlight.zeros(2, requires_grad=True)
    module = rushlight.nn.Tanh()
    module.register_backward_hook(lambda *args: None)
    output = module(x)
    del module
    with pytest.raises(RuntimeError, match="dead Module"):
        output.sum().backward()
