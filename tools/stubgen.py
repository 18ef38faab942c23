#!/usr/bin/env python3
"""Derives the type stubs, which tell editors and mypy what `import rushlight as torch` gives.

Operations come from the op table's schemas, layers from the layer table's, and what stands in a Python module of the
package from that module. The rest of the extension is described by hand in python/stubs/_C.pyi. --list prints the
names of the stubs; --output writes them (only what changed).
"""

import argparse
import ast
import keyword
import pathlib
import re

import layergen
import opgen

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "rushlight"
NOTE = "# Derived by tools/stubgen.py: do not edit.\n"
# Overloads are tried in order, here as in the library; that one covers part of another is no fault.
RELAXED = '# mypy: disable-error-code="overload-overlap, overload-cannot-match, override, misc"\n'

# schema type: what a caller may give
TAKES = {
    "Tensor": "Tensor",
    "Tensor|Scalar": "Tensor | _Number",
    "Scalar": "_Number | Tensor",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "Tensor[]": "Sequence[Tensor]",
    "Tensor?[]": "Sequence[Tensor | None]",
    "Scalar[]": "Sequence[_Number]",
    "dtype": "_dtype_like",
    "device": "_device_like",
    "memory_format": "_memory_format",
    "layout": "_layout",
    "str": "_str",
    "Generator": "Generator",
}
GIVES = {"Tensor": "Tensor", "Tensor[]": "tuple[Tensor, ...]", "bool": "_bool", "dtype": "_dtype", "Scalar": "_Number"}
GIVES["()"] = "None"
ALIASES = {"dim": "axis", "keepdim": "keepdims"}  # NumPy's names, which every operation takes too
FACTORY = ("layout: _layout | None = None", "pin_memory: _bool = False", "requires_grad: _bool = False")
IMPORTS = """\
from collections.abc import Sequence
from typing import Any, overload

from rushlight._C import Generator as Generator, Tensor as Tensor
from rushlight._C import _bool, _device_like, _dtype, _dtype_like, _float, _int, _layout
from rushlight._C import _memory_format, _Number, _str
"""
OPERATORS = "add sub mul truediv floordiv mod pow and or xor lshift rshift".split()


# ---- Signatures ----


def taken(parameter):
    """The annotation of a parameter."""
    kind, optional = re.sub(r"\?$", "", parameter.schema_type), parameter.schema_type.endswith("?")
    if kind.startswith("int["):
        text = "Sequence[_int]" if kind == "int[]" else "_int | Sequence[_int]"
    else:
        text = TAKES[kind]
    return text + " | None" if optional else text


def default(parameter):
    """The default as Python writes it, or nothing."""
    value = parameter.default
    if value and parameter.schema_type.startswith("int[") and value.startswith("["):
        value = "(" + value[1:-1] + ("," if value[1:-1] and "," not in value else "") + ")"
    return f" = {value}" if value else ""


def declared(parameter, name=None):
    name = name or parameter.name
    return (name + "_" if keyword.iskeyword(name) else name) + f": {taken(parameter)}{default(parameter)}"


def renamings(parameters):
    """The names of the parameters, then those with NumPy's in place of some."""
    present = [p.name for p in parameters if p.name in ALIASES]
    for mask in range(2 ** len(present)):
        yield {name: ALIASES[name] for i, name in enumerate(present) if mask >> i & 1}


def result(entry, name):
    """The annotation of what an operation returns."""
    if entry.result.startswith("("):
        items = opgen.split(entry.result[1:-1])
        if not items:
            return "None"
        names = [item.partition(" ")[2] for item in items]
        return results_class(names) if names[0] else "tuple[" + ", ".join(GIVES[i] for i in items) + "]"
    return "Self" if name.endswith("_") and "Tensor(a!)" in entry.schema else GIVES[entry.result]


def result_classes(entries):
    """The named tuples that operations return: {class: fields}."""
    found = [
        [i.partition(" ")[2] for i in opgen.split(e.result[1:-1])]
        for e in entries
        if e.result.startswith("(T") and "private" not in e.variants
    ]
    return {results_class(names): names for names in sorted(found) if names[0]}


def results_class(names):
    return "_" + "".join(name.title() for name in names)


def signatures(entry, is_method, in_place=False, out=False):
    """The parameter lists that an operation takes, without the brackets."""
    parameters = entry.parameters[1:] if is_method else entry.parameters
    extra = []
    if {"dtype", "device"} <= {p.name for p in entry.parameters}:
        known = {p.name for p in entry.parameters}
        extra += [text for text in FACTORY if text.partition(":")[0] not in known]
    plural = entry.result.startswith("(") or entry.result.endswith("[]")
    if out and not in_place and takes_out(entry):
        extra.append("out: " + ("tuple[Tensor, ...]" if plural else "Tensor") + " | None = None")
    first = ["self"] if is_method else []
    for renamed in renamings(parameters):
        texts, star = list(first), False
        for p in parameters:
            if p.keyword_only and not star:
                texts.append("*")
                star = True
            texts.append(declared(p, renamed.get(p.name)))
        yield join(texts + ([] if star or not extra else ["*"]) + extra)
    positional = [p for p in parameters if not p.keyword_only]
    lists = [p for p in positional if p.schema_type.startswith(("int[", "Tensor["))]
    varargs = "varargs" in entry.variants
    if lists and positional[-1] is lists[-1] and (varargs or (len(positional) == 1 and "int[" in lists[0].schema_type)):
        texts = [declared(p) for p in positional[:-1]]
        texts.append(f"*{lists[-1].name}: {'Tensor' if varargs else '_int'}")
        yield join(first + texts + [declared(p) for p in parameters if p.keyword_only] + extra)


def join(texts):
    """A parameter list; one that may not be left out and follows one that may is given by name."""
    return ", ".join(texts)


# The functions of nn.functional that take `out=`: is_of_library() in src/python/operations.cpp.
WITH_OUT = {"gelu", "hardshrink", "linear", "logsigmoid", "softplus", "softshrink"}


def takes_out(entry):
    """Whether `out=` is accepted: by functions that make new tensors."""
    if "copies" in entry.variants:
        return True
    return "Tensor(a" not in entry.schema and not entry.result.endswith("[]") and entry.result != "bool"


class Callables:
    """The overloads of each name, in the order in which the library tries them."""

    def __init__(self):
        self.forms = {}

    def add(self, name, signature, returned):
        forms = self.forms.setdefault(name, [])
        if (signature, returned) not in forms:
            forms.append((signature, returned))

    def text(self, indent="", known=()):
        lines = []
        for name, forms in sorted(self.forms.items()):
            if name in known:
                continue
            for signature, returned in forms:
                if len(forms) > 1:
                    lines.append("@overload")
                lines.append(f"def {name}({signature}) -> {returned}: ...")
        return "".join(f"{indent}{line}\n" for line in lines)


def callables(entries):
    """The functions of `torch`, the methods of Tensor, the functions of nn.functional."""
    functions, methods, nn = Callables(), Callables(), Callables()
    for entry in entries:
        variants = set(entry.variants)
        is_nn, is_private = "nn" in variants, "private" in variants
        first = entry.parameters[:1]
        is_tensor = bool(first) and first[0].kind == "Tensor" and not first[0].optional
        names = [(entry.name, False)] + ([(entry.name + "_", True)] if "in-place" in variants else [])
        for name, in_place in names:
            returned = "Tensor" if in_place else result(entry, name)
            if not (is_nn or is_private or "method-only" in variants):
                for signature in signatures(entry, False, in_place, out=True):
                    functions.add(name, signature, "Tensor" if returned == "Self" else returned)
            if is_nn or "also-nn" in variants:
                for signature in signatures(entry, False, in_place, out=name in WITH_OUT):
                    nn.add(name, signature, "Tensor" if returned == "Self" else returned)
            if is_tensor and not opgen.NO_METHOD & variants:
                for signature in signatures(entry, True, in_place):
                    methods.add(name, signature, "Self" if in_place else returned)
    return functions, methods, nn


# ---- Modules of the package ----


def face(name):
    """What a Python module shows, without its code: its imports, functions, classes and simple values."""
    tree = ast.parse((PACKAGE / name).read_text())
    lines = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                shown = alias.asname or alias.name
                lines.append(f"from {node.module} import {alias.name}" + ("" if shown == "*" else f" as {shown}"))
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            node.body, node.decorator_list = [ast.Expr(ast.Constant(...))], []
            lines.append(" ".join(ast.unparse(node).split()))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            lines += simple_value(node.targets[0].id, node.value)
    return lines


def simple_value(name, value):
    """The declaration of a module's constant; the submodules of `_LAZY` are imported."""
    if name == "_LAZY":
        return [f"from rushlight import {module} as {module}" for module in sorted(ast.literal_eval(value.args[0]))]
    if name == "__version__":
        return ["__version__: str"]
    if name[0] == "_":
        return []
    return [f"{name}: None" if isinstance(value, ast.Constant) and value.value is None else f"{name}: Any"]


def defined(lines):
    """The names that such lines define."""
    return {name for line in lines for name in re.findall(r"(?: as |^def |^)(\w+)(?=$|\(|:)", line)}


# ---- The stubs ----


def extension(entries, methods):
    """_C.pyi: the frame written by hand, with the methods of Tensor filled in."""
    frame = (ROOT / "python" / "stubs" / "_C.pyi").read_text()
    results = "from typing import NamedTuple\n\n" + "".join(
        f"class {name}(NamedTuple):\n" + "".join(f"    {field}: Tensor\n" for field in fields) + "\n"
        for name, fields in result_classes(entries).items()
    )
    operators = ""
    for name in OPERATORS:
        for form in (name, "r" + name, "i" + name):
            operators += (
                f"    def __{form}__(self, other: Tensor | _Number) -> {'Self' if form[0] == 'i' else 'Tensor'}: ...\n"
            )
    for form in ("matmul", "rmatmul", "imatmul"):
        operators += f"    def __{form}__(self, other: Tensor) -> Tensor: ...\n"
    for form in ("lt", "le", "eq", "ne", "gt", "ge"):
        operators += f"    def __{form}__(self, other: Tensor | _Number) -> Tensor: ...\n"
    operators += "    def __hash__(self) -> _int: ...\n"
    tensor = next(n for n in ast.parse(frame).body if isinstance(n, ast.ClassDef) and n.name == "Tensor")
    by_hand = {n.name for n in tensor.body if isinstance(n, ast.FunctionDef)}
    return (
        NOTE
        + RELAXED
        + frame.replace("# <results>\n", results)
        .replace("    # <operators>\n", operators)
        .replace("    # <methods>\n", methods.text("    ", by_hand))
    )


def module(name, functions=None, more=""):
    """The stub of a Python module: its face, more lines, and functions that are operations."""
    lines = face(name)
    text = NOTE + RELAXED + IMPORTS + "\n" + "\n".join(lines) + "\n" + more
    return text + (functions.text(known=defined(lines)) if functions else "")


def linear_algebra(functions):
    chosen = Callables()
    chosen.forms = {name[len("linalg_") :]: f for name, f in functions.forms.items() if name.startswith("linalg_")}
    chosen.forms["matmul"] = functions.forms["matmul"]
    return NOTE + RELAXED + IMPORTS + "\n" + chosen.text()


def special_functions(functions):
    chosen = Callables()
    tree = ast.parse((PACKAGE / "special.py").read_text())
    names = next(
        n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_OTHER_NAMES"
    )
    chosen.forms = {name: functions.forms[operation] for name, operation in ast.literal_eval(names).items()}
    prefix = "special_"
    chosen.forms |= {n.removeprefix(prefix): f for n, f in functions.forms.items() if n.startswith(prefix)}
    return NOTE + RELAXED + IMPORTS + "\n" + chosen.text()


def layer_class(layer, base):
    hidden = {"device", "dtype", "size_average", "reduce", *layer.hidden, *layer.tensors}
    inputs = ", ".join(f"{p.name}: {taken(p)}{default(p)}" for p in layer.inputs)
    texts, star = ["self"], False
    for p in layer.parameters:
        if p.keyword_only and not star:
            texts.append("*")
            star = True
        texts.append(declared(p))
    init = "self, *args: Any, **kwargs: Any" if layer.is_identity else ", ".join(texts)
    body = [f"{p.name}: {taken(p)}" for p in layer.parameters if p.name not in hidden]
    body += [f"{name}: Tensor" for name in layer.tensors]
    body += [f"def __init__({init}) -> None: ...", f"def forward(self, {inputs}) -> Tensor: ..."]
    body += [f"def __call__(self, {inputs}) -> Tensor: ..."]
    if layer.resets:
        body.append("def reset_parameters(self) -> None: ...")
    return f"class {layer.name}({base}):\n" + "".join(f"    {line}\n" for line in body) + "\n"


def layers_in_python():
    """{name: (the file that shows it, the file that holds it)}"""
    tree = ast.parse((PACKAGE / "nn" / "modules" / "_layers.py").read_text())
    (value,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "IN_PYTHON")
    return ast.literal_eval(value)


def layers_of(layers, file):
    classes, base, bases = bases_of_layers(file)
    for name, (shown, held) in layers_in_python().items():
        if shown == file:
            classes = f"from rushlight.nn.modules.{held} import {name} as {name}\n" + classes
    text = NOTE + RELAXED + IMPORTS + "from rushlight.nn.modules.module import Module"
    return (
        text
        + (" as Module" if "(Module)" in classes else "")
        + "\n\n"
        + classes
        + "".join(
            layer_class(each, f"_{each.name}" if f"class _{each.name}(" in classes else bases.get(each.name, base))
            for each in layers
        )
    )


def bases_of_layers(file):
    """What a file of layers adds in Python: its classes, the base of its layers, and those of single layers."""
    tree = ast.parse((PACKAGE / "nn" / "modules" / f"{file}.py").read_text())
    given = {ast.unparse(n.targets[0]): n.value for n in tree.body if isinstance(n, ast.Assign)}
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    imports = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.names[0].name[0] == "_"]
    for method in [n for each in classes for n in each.body if isinstance(n, ast.FunctionDef)]:
        method.body = [ast.Expr(ast.Constant(...))]
    return (
        "".join(ast.unparse(each) + "\n\n" for each in imports + [n for n in classes if n.name[0] == "_"]),
        ast.literal_eval(given.get("_BASE", ast.Constant("Module"))),
        ast.literal_eval(given.get("_BASES", ast.Dict([], []))),
    )


# Names of nn that are imported when they are first asked for.
PARALLEL = (
    "from rushlight.nn import parallel as parallel\nfrom rushlight.nn.parallel import DataParallel as DataParallel\n"
)


def stubs(op_sources, layer_sources):
    """{path below the package: text}"""
    entries = opgen.entries_of(op_sources)
    layers = layergen.layers_of(layer_sources)
    files = sorted({each.file for each in layers})
    derived = {name for file in files for name, base in bases_of_layers(file)[2].items() if base[0] != "_"}
    layers.sort(key=lambda each: (each.name in derived, each.name))
    functions, methods, nn = callables(entries)
    results = "".join(f"from rushlight._C import {name}\n" for name in result_classes(entries))
    imports = "".join(f"from rushlight.nn.modules.{each.file} import {each.name} as {each.name}\n" for each in layers)
    for name, (_, held) in layers_in_python().items():
        imports += f"from rushlight.nn.modules.{held} import {name} as {name}\n"
    made = {
        "_C.pyi": extension(entries, methods),
        "__init__.pyi": module("__init__.py", functions, results),
        "linalg.pyi": linear_algebra(functions),
        "special.pyi": special_functions(functions),
        "nn/__init__.pyi": module("nn/__init__.py", more=imports + PARALLEL),
        "nn/functional.pyi": module("nn/functional.py", nn, results),
        "nn/modules/__init__.pyi": module("nn/modules/__init__.py", more=imports),
    }
    for file in files:
        made[f"nn/modules/{file}.pyi"] = layers_of([each for each in layers if each.file == file], file)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="print the names of the stubs, for CMake")
    parser.add_argument("sources", type=pathlib.Path, nargs="+", help="the files of the op table and the layer table")
    arguments = parser.parse_args()
    made = stubs(arguments.sources, arguments.sources)
    if arguments.list:
        print(";".join(made), end="")
    if arguments.output:
        for name, text in made.items():
            opgen.write(arguments.output / name, text)


if __name__ == "__main__":
    main()
