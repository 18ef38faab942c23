#!/usr/bin/env python3
"""Derives the C++ face of the operations from the op table.

Reads the `constinit const Op op::name = {...}` entries of the files given, of which it understands
the schema, the doc and the variants, and writes into --output (only what changed):

  op_names.h       namespace op: one declaration an entry
  ops.h            one documented function an entry, and `name_` where the in-place form is derived
  ops_methods.inc  the same as members of Tensor, included by tensor.h
  ops.cpp          their bodies: pack the arguments, enter the call path; and the list of all entries

The variant "copy" of a view derives an entry of its own, `name_copy`: the same into new memory.
"""

import argparse
import pathlib
import re

ENTRY = re.compile(r"^constinit const Op op::(\w+) = \{\n(.*?)^\};", re.S | re.M)
STRING = r'((?:\s*"(?:[^"\\]|\\.)*")+)'

# schema type: (C++ parameter type, C++ result type)
TYPES = {
    "Tensor": ("const Tensor&", "Tensor"),
    "Tensor|Scalar": ("const TensorOrScalar&", None),
    "Scalar": ("const Scalar&", "Scalar"),
    "int": ("int64_t", "int64_t"),
    "float": ("double", "double"),
    "bool": ("bool", "bool"),
    "int[]": ("Ints", None),
    "Tensor[]": ("Tensors", "std::vector<Tensor>"),
    "Scalar[]": ("std::span<const Scalar>", None),
    "dtype": ("DType", "DType"),
    "device": ("Device", None),
    "memory_format": ("MemoryFormat", None),
    "layout": ("Layout", None),
    "str": ("std::string_view", None),
    "Generator": ("Generator*", None),
}
# Parameters that are pointers or undefined when absent, so that `?` does not wrap them.
NULLABLE = {"Tensor", "Generator"}
# C++ keywords and names that Tensor already has.
RENAMED = {
    "and": "and_",
    "or": "or_",
    "xor": "xor_",
    "not": "not_",
    "float": "to_float",
    "double": "to_double",
    "int": "to_int",
    "long": "to_long",
    "short": "to_short",
    "bool": "to_bool",
    "char": "to_char",
    "cpu": "to_cpu",
}
# Variants whose entries are no methods of Tensor.
NO_METHOD = {"function-only", "torch-only", "copies", "nn", "private"}
OWN_MEMBERS = {"item", "dim", "size", "stride", "numel", "data", "grad", "backward", "is_contiguous"}


def literal(body, field):
    found = re.search(r"\.%s =%s" % (field, STRING), body)
    if not found:
        return ""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])).replace('\\"', '"').replace("\\n", "\n")


def quoted(text):
    """A literal as C++ writes it."""
    return '"' + text.replace('"', '\\"').replace("\n", "\\n") + '"'


def split(text):
    """Splits at commas outside brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == "'":
            quoted = not quoted
        elif not quoted:
            depth += (c in "([") - (c in ")]")
            if c == "," and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
    return [part for part in [*parts, text[start:].strip()] if part]


class Parameter:
    def __init__(self, text, keyword_only=False):
        declaration, _, self.default = text.partition("=")
        kind, self.name = declaration.rsplit(" ", 1)
        kind = re.sub(r"\(a!?\)", "", kind)
        self.schema_type = kind
        self.keyword_only = keyword_only
        kind = re.sub(r"\[\d+\]", "[]", kind).replace("?[]", "[]")
        self.optional = kind.endswith("?")
        self.kind = kind.rstrip("?")
        base = TYPES[self.kind][0]
        wrapped = self.optional and self.kind not in NULLABLE
        plain = base.removeprefix("const ").removesuffix("&")
        self.type = f"std::optional<{plain}>" if wrapped else base

    def declaration(self, with_default):
        text = f"{self.type} {self.name}"
        return text + self.cpp_default() if with_default else text

    def cpp_default(self):
        value = self.default
        if not value:
            return ""
        if value == "None":
            value = "nullptr" if self.kind == "Generator" else "{}"
        elif value.startswith("["):
            value = "Ints{" + value[1:-1] + "}"
        elif value.startswith("'"):
            value = '"' + value[1:-1] + '"'
        elif self.kind == "int[]" and not self.optional:
            value = "{" + value + "}"
        return " = " + {"True": "true", "False": "false"}.get(value, value)


def parse_parameters(text):
    """The parameters of a schema; those after `*` are given by name alone."""
    parts = split(text)
    star = parts.index("*") if "*" in parts else len(parts)
    return [Parameter(part, i > star) for i, part in enumerate(parts) if part != "*"]


def node_name(name):
    """The node of an operation that does not name its own: "as_strided" gives "AsStridedBackward0"."""
    return "".join(part[0].upper() + part[1:] for part in name.split("_") if part) + "Backward0"


class Entry:
    def __init__(self, identifier, body, derived=False):
        self.identifier = identifier
        self.body = body
        self.derived = derived
        self.schema = literal(body, "schema")
        self.doc = literal(body, "doc")
        self.variants = re.split(r"[, ]+", literal(body, "variants"))
        head, arrow, result = self.schema.partition(") -> ")
        if not arrow:
            raise SystemExit(f"opgen: op::{identifier}: no schema that ends in ') -> type'")
        name, _, parameters = head.partition("(")
        self.name = name.split(".")[0]
        self.parameters = parse_parameters(parameters)
        self.result = re.sub(r"\(a!?\)", "", result)
        expected = name.replace(".", "_")
        expected = RENAMED.get(expected, expected)
        if identifier != expected:
            raise SystemExit(f"opgen: op::{identifier} has the schema of op::{expected}")

    def copy(self):
        """The text of the entry that copies what this view shows."""
        text = re.sub(r"^\w+", self.name + "_copy", self.schema.replace("(a)", ""))
        name = text.partition("(")[0].replace(".", "_")
        examples = literal(self.body, "examples").split("\n")
        fields = {
            "schema": text,
            "doc": f"What {self.name}() shows, in memory of its own.",
            "examples": "\n".join(filter(None, (self.copied_example(line) for line in examples))),
            "variants": "private" if name[0] == "_" else "copies",
            "node": (literal(self.body, "node") or node_name(self.name)) + "_copy",
        }
        lines = [f"    .{field} = {quoted(text)},\n" for field, text in fields.items()]
        lines.insert(4, f"    .forward = copy_of_view<op::{self.identifier}>,\n")
        if ".backward" in self.body:
            lines.insert(5, f"    .backward = backward_of<op::{self.identifier}>,\n")
        return name, "".join(lines)

    def copied_example(self, line):
        """`select(x, 0, 1)` or `x.select(0, 1)` with the name of the copy; nothing if it would not fit."""
        called = re.fullmatch(rf"(?:(.+)\.)?{self.name}\((.*)\)", line)
        if not called:
            return ""
        takes_list = any(p.kind == "int[]" for p in self.parameters[:2])
        if called[1] and takes_list and not called[2].startswith("("):
            return ""
        return f"{self.name}_copy({', '.join(filter(None, called.groups()))})"

    def is_function(self):
        # Those whose method has another name are reached by a function alone.
        if "torch-only" in self.variants:
            return False
        return "method-only" not in self.variants or not self.is_method()

    def cpp_name(self):
        return RENAMED.get(self.name, self.name)

    def is_method(self):
        first = self.parameters[:1]
        return (
            bool(first)
            and first[0].kind == "Tensor"
            and not first[0].optional
            and not (NO_METHOD & set(self.variants))
            and self.cpp_name() not in OWN_MEMBERS
        )

    def result_type(self):
        if self.result == "()":
            return "void"
        if self.result.startswith("("):
            items = split(self.result[1:-1])
            return "std::tuple<" + ", ".join(str(TYPES[i.split(" ")[0]][1]) for i in items) + ">"
        return TYPES[self.result][1]

    def collect(self, call):
        """The statement that turns Results into the C++ result."""
        result = self.result_type()
        if result == "Tensor":
            return f"return call_tensor({call});"
        run = f"Results results;\n  call({call}, results);\n  "
        if result == "void":
            return run.rstrip()
        if result == "std::vector<Tensor>":
            return run + "return {results.tensors.begin(), results.tensors.end()};"
        if result == "Scalar":
            return run + "return results.scalar;"
        if result.startswith("std::tuple"):
            count = result.count("Tensor")
            items = ", ".join(f"std::move(results.tensors[{i}])" for i in range(count))
            return run + f"return {{{items}}};"
        return run + f"return results.scalar.to<{result}>();"

    def signature(self, parameters, with_defaults):
        return ", ".join(p.declaration(with_defaults) for p in parameters)

    def values(self, receiver=None):
        names = [p.name for p in self.parameters]
        if receiver:
            names[0] = receiver
        return ", ".join(names)

    def forms(self):
        """(C++ name, result type, how to call, doc) of the function and its in-place form."""
        yield self.cpp_name(), self.result_type(), self.collect, self.doc
        if "in-place" in self.variants:
            yield (
                self.name + "_",
                "const Tensor&",
                lambda call: f"return call_in_place({call});",
                f"{self.name}, in place.",
            )


def comment(doc, indent=""):
    return "".join(f"{indent}/// {line}".rstrip() + "\n" for line in doc.split("\n"))


def header(entries):
    text = "#pragma once\n// Made from the op table by tools/opgen.py.\n\n#include <rushlight/tensor.h>\n\n"
    text += "namespace rushlight {\n\n"
    for e in entries:
        for name, result, _, doc in e.forms() if e.is_function() else ():
            text += comment(doc) + f"{result} {name}({e.signature(e.parameters, True)});\n"
    return text + "\n}  // namespace rushlight\n"


def methods(entries):
    text = "  // Made from the op table by tools/opgen.py; documented in <rushlight/ops.h>.\n"
    for e in entries:
        if e.is_method():
            for name, result, _, _ in e.forms():
                text += f"  {result} {name}({e.signature(e.parameters[1:], True)}) const;\n"
    return text


def names(entries):
    text = "#pragma once\n// Made from the op table by tools/opgen.py.\n\n"
    text += "namespace rushlight {\n\nstruct Op;\n\n/// The entries of the op table.\nnamespace op {\n"
    text += "".join(f"extern const Op {e.identifier};\n" for e in entries)
    return text + "}  // namespace op\n\n}  // namespace rushlight\n"


def bodies(entries):
    text = "// Made from the op table by tools/opgen.py.\n\n#include <rushlight/ops.h>\n\n"
    text += '#include "ops/view.h"\n\nnamespace rushlight {\n\n'
    for e in entries:
        if e.derived:
            text += f"constinit const Op op::{e.identifier} = {{\n{e.body}}};\n"
        call = f"op::{e.identifier}, arguments"
        for name, result, collect, _ in e.forms():
            array = (
                f"const Value arguments[] = {{{e.values()}}};"
                if e.parameters
                else ("const Value* arguments = nullptr;")
            )
            if e.is_function():
                text += f"{result} {name}({e.signature(e.parameters, False)}) {{\n  {array}\n  {collect(call)}\n}}\n"
            if e.is_method():
                array = f"const Value arguments[] = {{{e.values('*this')}}};"
                text += (
                    f"{result} Tensor::{name}({e.signature(e.parameters[1:], False)}) const {{\n"
                    f"  {array}\n  {collect(call)}\n}}\n"
                )
    text += "\nnamespace {\nconstinit const Op* const kOps[] = {\n"
    text += "".join(f"    &op::{e.identifier},\n" for e in entries)
    text += "};\n}  // namespace\n\nstd::span<const Op* const> all_ops() { return kOps; }\n\n"
    return text + "}  // namespace rushlight\n"


def entries_of(files):
    """The entries of the op table in the files, and those derived from them."""
    entries = [Entry(*found) for file in sorted(files) for found in ENTRY.findall(file.read_text())]
    copies = [entry.copy() for entry in entries if "copy" in entry.variants]
    return entries + [Entry(identifier, body, derived=True) for identifier, body in copies]


def write(path, text):
    """Writes a file whose text has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    entries = entries_of(arguments.files)
    made = {"op_names.h": names, "ops.h": header, "ops_methods.inc": methods, "ops.cpp": bodies}
    for name, make in made.items():
        write(arguments.output / name, make(entries))


if __name__ == "__main__":
    main()
