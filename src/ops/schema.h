#pragma once
// A schema, parsed: what the binder checks arguments against and the call path reads.

#include <rushlight/small_vector.h>

#include "ops/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace rushlight {

enum class Type : uint8_t {
  Tensor,
  TensorOrScalar,
  Scalar,
  Int,
  Float,
  Bool,
  Ints,
  Tensors,
  Scalars,
  DType,
  Device,
  MemoryFormat,
  Layout,
  Text,
  Generator,
};

/// A name to look parameters up by, hashed when compiled: no string is compared in a call.
struct Name {
  uint32_t hash;
  consteval Name(const char* text) : hash(of(text)) {}
  static constexpr uint32_t of(std::string_view text) {
    uint32_t hash = 2166136261u;
    for (char c : text) hash = (hash ^ uint8_t(c)) * 16777619u;
    return hash;
  }
};

struct Parameter {
  std::string_view name;
  uint32_t hash = 0;
  Type type = Type::Tensor;
  bool optional = false;           ///< `?`: None is accepted
  bool optional_elements = false;  ///< `Tensor?[]`
  bool keyword_only = false;
  bool has_default = false;
  bool is_alias = false;    ///< `(a)`: a result shares its bytes
  bool is_mutated = false;  ///< `(a!)`
  int64_t list_size = -1;   ///< of `int[2]`: a single number stands for that many
  Value default_value;
  Dims default_ints;  ///< storage of a list default
  std::string_view default_text;
};

struct Return {
  std::string_view name;  ///< empty if unnamed
  Type type = Type::Tensor;
};

struct Schema {
  std::string_view name;      ///< "max"
  std::string_view overload;  ///< "dim"; may be empty
  std::vector<Parameter> parameters;
  std::vector<Return> returns;
  bool is_view = false;  ///< a result aliases a parameter
  bool mutates = false;  ///< a parameter is written

  /// Parses PyTorch's schema grammar; throws Error(Value) that names the schema and the fault.
  static Schema parse(const char* text);
  int find(Name name) const {
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].hash == name.hash) return int(i);
    }
    return -1;
  }
};

}  // namespace rushlight
