"""What the programs share: the library that they are run on, and what they note on their way."""

from typing import Any


class Library:
    """Stands for the library under test, which use() chooses."""

    current: Any = None

    def __getattr__(self, name):
        return getattr(Library.current, name)


torch: Any = Library()
notes: list = []


def use(library) -> None:
    Library.current = library
    notes.clear()


def note(*values):
    notes.append(values)


def leaf():
    return torch.ones(3, requires_grad=True)


def try_each(*calls):
    for call in calls:
        try:
            note(call())
        except Exception as error:
            note(type(error), str(error).split(" Hint: `")[0].split(" Hint: enable")[0])


def graph(node):
    """The nodes from which a graph's gradients come, as text."""
    if node is None:
        return "None"
    name = node.name().rpartition(":")[2]
    return name + "(" + ", ".join(graph(below) for below, _ in node.next_functions) + ")"


class Scale:
    """Scale.apply(x, k): x * k, made anew for each library."""

    @staticmethod
    def apply(*args, **kwargs):
        class Scale(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, k):
                ctx.save_for_backward(x)
                ctx.k = k
                return x * k

            @staticmethod
            def backward(ctx, g):
                return g * ctx.k, None

        return Scale.apply(*args, **kwargs)
