#pragma once
// The layer table's entry: all that is known of a layer in one place. The class in C++ and the
// class in Python are derived from it.

#include <rushlight/nn/layer.h>

#include "ops/schema.h"

#include <rushlight/nn/layer_names.h>

namespace rushlight::nn {

/// The constructor's arguments, by name.
struct Arguments {
  const Schema& schema;
  const Value* values;
  mutable bool initialised = false;  ///< set by a `build` that leaves nothing to reset
  const Value& operator[](Name name) const { return values[size_t(schema.find(name))]; }
  std::optional<Device> device() const;
  /// With the dtype and on the device that were asked for.
  Tensor empty(Ints shape) const;
};

/// What the entry's texts say, parsed once.
struct LayerInfo {
  Schema schema;
  std::vector<Parameter> inputs;
  Schema input_schema;
};

struct LayerEntry {
  /// The constructor. Parameters become settings; tensors among them become buffers; `device`,
  /// `dtype` and the old `size_average` and `reduce` are used and forgotten.
  const char* schema;
  const char* doc;
  /// PyTorch's file of the layer: "linear" for torch.nn.modules.linear.
  const char* file;
  /// What forward takes; the optional ones may be left out.
  const char* inputs = "Tensor input";
  /// PyTorch's text: "{p}" is a setting or whether a parameter is there; "[, p={p}]" is left out
  /// where p has its default.
  const char* repr = "";
  /// Parameters and buffers that `build` registers.
  const char* tensors = "";
  /// Constructor parameters that are no settings.
  const char* hidden = "";
  /// Checks the settings and registers parameters, uninitialised, and buffers.
  void (*build)(Layer&, const Arguments&) = nullptr;
  /// Initialises what `build` registered, in PyTorch's order of draws.
  void (*reset)(Layer&) = nullptr;
  Tensor (*forward)(Layer&, Tensors) = nullptr;
  /// In Python, is made of any arguments and passes on any object, as torch.nn.Identity does.
  bool is_identity = false;
  mutable const LayerInfo* info = nullptr;
};

std::span<const LayerEntry* const> all_layers();
/// Sequential, whose C++ class is written by hand.
const LayerEntry& sequential_entry();
/// The entry's texts, parsed when first asked for.
const LayerInfo& info(const LayerEntry& entry);

/// One setting, owned.
struct Setting {
  Setting(const Parameter& parameter, bool accepts_none)
      : name(parameter.name), type(parameter.type), optional(accepts_none) {}

  std::string_view name;
  Type type;
  bool optional;  ///< None is accepted
  Value::Kind kind = Value::Kind::None;
  Scalar number;
  Dims ints;
  std::string text;

  Value value() const;
  void set(const Value& value);
};

/// As Python writes it: "None", "0.1", "(2, 3)", "'mean'".
std::string to_string(const Setting& setting);

}  // namespace rushlight::nn
