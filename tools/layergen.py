#!/usr/bin/env python3
"""Derives the C++ classes of the layers from the layer table, as opgen.py does functions from the op table.

Reads the `constinit const LayerEntry layer::Name = {...}` entries of the files given, of which it understands the schema,
the doc and the names of the parameters registered, and writes into --output (only what changed):

  layer_names.h  namespace layer: one declaration an entry
  layers.h       one documented class an entry: a constructor, and a reader for each parameter
  layers.cpp     the constructors' bodies: pack the arguments; and the list of all entries
"""

import argparse
import pathlib
import re

import opgen

ENTRY = re.compile(r"^constinit const LayerEntry layer::(\w+) = \{\n(.*?)^\};", re.S | re.M)


class Layer:
    def __init__(self, name, body):
        self.name = name
        schema = opgen.literal(body, "schema")
        head, _, _ = schema.partition(") -> ")
        spelled, _, parameters = head.partition("(")
        if spelled != name:
            raise SystemExit(f"layergen: layer::{name} has the schema of layer::{spelled}")
        self.parameters = opgen.parse_parameters(parameters)
        self.doc = opgen.literal(body, "doc")
        self.file = opgen.literal(body, "file")
        self.inputs = opgen.parse_parameters(opgen.literal(body, "inputs") or "Tensor input")
        self.tensors, self.hidden = (
            [t for t in opgen.literal(body, f).split(", ") if t] for f in ("tensors", "hidden")
        )
        self.resets = re.search(r"\.reset =", body) is not None
        self.is_identity = ".is_identity = true" in body

    def constructor(self, with_defaults):
        return f"{self.name}({', '.join(p.declaration(with_defaults) for p in self.parameters)})"

    def declaration(self):
        required = sum(not p.default for p in self.parameters)
        explicit = "explicit " if self.parameters and required <= 1 else ""
        lines = [
            f"/// {self.doc}".replace("\n", "\n/// "),
            f"class {self.name} : public Layer {{",
            " public:",
            f"  {explicit}{self.constructor(True)};",
        ]
        lines += [f'  const Tensor& {t}() const {{ return tensor("{t}"); }}' for t in self.tensors]
        return "\n".join([*lines, "};\n"])

    def definition(self):
        if not self.parameters:
            return f"{self.name}::{self.name}() {{\n  const Value none;\n  if (build(&layer::{self.name}, &none)) reset_parameters();\n}}\n"
        values = ", ".join(f"Value({p.name})" for p in self.parameters)
        return (
            f"{self.name}::{self.constructor(False)} {{\n  const Value arguments[] = {{{values}}};\n"
            f"  if (build(&layer::{self.name}, arguments)) reset_parameters();\n}}\n"
        )


def layers_of(files):
    """The entries of the layer table in the files."""
    return [Layer(*entry) for path in sorted(files) for entry in ENTRY.findall(path.read_text())]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("sources", type=pathlib.Path, nargs="*")
    options = parser.parse_args()
    layers_by_name = sorted(layers_of(options.sources), key=lambda layer: layer.name)
    note = "// Derived by tools/layergen.py from the layer table: do not edit.\n"
    names = "\n".join(f"extern const LayerEntry {layer.name};" for layer in layers_by_name)
    opgen.write(
        options.output / "layer_names.h",
        f"#pragma once\n{note}\nnamespace rushlight::nn {{\nstruct LayerEntry;\nnamespace layer {{\n{names}\n}}\n}}\n",
    )
    classes = "\n".join(layer.declaration() for layer in layers_by_name)
    opgen.write(
        options.output / "layers.h",
        f"#pragma once\n{note}\n#include <rushlight/nn/layer.h>\n\nnamespace rushlight::nn {{\n\n{classes}\n}}\n",
    )
    bodies = "\n".join(layer.definition() for layer in layers_by_name)
    entries = ",\n    ".join(f"&layer::{layer.name}" for layer in layers_by_name)
    opgen.write(
        options.output / "layers.cpp",
        f'{note}\n#include <rushlight/nn/layers.h>\n\n#include "nn/layer_table.h"\n\n'
        f"namespace rushlight::nn {{\n\n{bodies}\n"
        f"std::span<const LayerEntry* const> all_layers() {{\n  static constexpr const LayerEntry* kLayers[] = {{\n    {entries}}};\n  return kLayers;\n}}\n\n}}\n",
    )


if __name__ == "__main__":
    main()
