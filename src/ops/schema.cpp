#include "ops/schema.h"

#include <charconv>

namespace rushlight {

namespace {

/// Reads a schema from left to right; `name.overload(Type name=default, *, …) -> Type`.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Schema parse() {
    Schema schema;
    schema.name = word();
    if (accept(".")) schema.overload = word();
    expect("(");
    bool keyword_only = false;
    while (!accept(")")) {
      if (accept("*"))
        keyword_only = true;
      else
        schema.parameters.push_back(parameter(keyword_only));
      if (!accept(",") && !rest_.starts_with(")")) fault("',' or ')'");
    }
    expect("->");
    returns(schema);
    if (!rest_.empty()) fault("the end");
    for (const Parameter& parameter : schema.parameters) {
      schema.is_view |= parameter.is_alias;
      schema.mutates |= parameter.is_mutated;
    }
    return schema;
  }

 private:
  Parameter parameter(bool keyword_only) {
    Parameter parameter;
    parameter.keyword_only = keyword_only;
    type(parameter);
    parameter.name = word();
    parameter.hash = Name::of(parameter.name);
    if (accept("=")) {
      parameter.has_default = true;
      default_value(parameter);
    }
    return parameter;
  }

  void type(Parameter& parameter) {
    std::string_view name = word();
    parameter.type = type_named(name);
    if (accept("|Scalar")) parameter.type = Type::TensorOrScalar;
    if (accept("(a!)")) parameter.is_mutated = true;
    if (accept("(a)")) parameter.is_alias = true;
    bool optional_elements = accept("?");
    if (accept("[")) {
      parameter.optional_elements = optional_elements;
      parameter.list_size = 0;
      if (!rest_.starts_with("]")) parameter.list_size = number();
      expect("]");
      parameter.type = parameter.type == Type::Int      ? Type::Ints
                       : parameter.type == Type::Tensor ? Type::Tensors
                                                        : Type::Scalars;
      parameter.optional = accept("?");
    } else {
      parameter.optional = optional_elements;
    }
    skip();
  }

  Type type_named(std::string_view name) {
    constexpr std::pair<std::string_view, Type> kTypes[] = {
        {"Tensor", Type::Tensor}, {"Scalar", Type::Scalar},
        {"int", Type::Int},       {"float", Type::Float},
        {"bool", Type::Bool},     {"dtype", Type::DType},
        {"device", Type::Device}, {"memory_format", Type::MemoryFormat},
        {"str", Type::Text},      {"Generator", Type::Generator},
        {"layout", Type::Layout}};
    for (auto [known, type] : kTypes) {
      if (name == known) return type;
    }
    fault("a type");
  }

  void returns(Schema& schema) {
    if (accept("()")) return;
    bool several = accept("(");
    do {
      Return result;
      std::string_view name = word();
      result.type = type_named(name);
      accept("(a!)") || accept("(a)");
      if (accept("[]")) result.type = Type::Tensors;
      skip();
      if (several && !rest_.empty() && rest_[0] != ',' && rest_[0] != ')') result.name = word();
      schema.returns.push_back(result);
    } while (several && accept(","));
    if (several) expect(")");
  }

  void default_value(Parameter& parameter) {
    if (accept("None")) return;
    if (accept("True"))
      parameter.default_value = Value(true);
    else if (accept("False"))
      parameter.default_value = Value(false);
    else if (accept("[")) {
      while (!accept("]")) {
        parameter.default_ints.push_back(number());
        accept(",");
      }
    } else if (accept("'")) {
      size_t end = rest_.find('\'');
      parameter.default_text = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      skip();
    } else {
      number_default(parameter);
    }
  }

  void number_default(Parameter& parameter) {
    size_t end = rest_.find_first_not_of("+-.0123456789e");
    std::string_view text = rest_.substr(0, end);
    if (text.empty()) fault("a default");
    if (text.find_first_of(".e") == text.npos && parameter.type != Type::Float) {
      parameter.default_value = Value(number());
      return;
    }
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    parameter.default_value = Value(value);
    rest_.remove_prefix(text.size());
    skip();
  }

  int64_t number() {
    int64_t value = 0;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fault("a number");
    rest_.remove_prefix(size_t(end - rest_.data()));
    skip();
    return value;
  }

  std::string_view word() {
    size_t length = 0;
    while (length < rest_.size() &&
           (std::isalnum(uint8_t(rest_[length])) || rest_[length] == '_')) {
      ++length;
    }
    if (length == 0) fault("a name");
    std::string_view found = rest_.substr(0, length);
    rest_.remove_prefix(length);
    skip();
    return found;
  }

  bool accept(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    skip();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fault(token);
  }
  void skip() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  [[noreturn]] void fault(std::string_view expected) {
    fail(ErrorKind::Value, "schema '", text_, "': expected ", expected, " at '", rest_, "'");
  }

  std::string_view text_, rest_;
};

}  // namespace

Schema Schema::parse(const char* text) {
  Schema schema = Parser(text).parse();
  // Defaults that are lists or text point into their parameter, whose place is now final.
  for (Parameter& parameter : schema.parameters) {
    if (parameter.has_default && parameter.type == Type::Ints &&
        !parameter.default_value.is_number()) {
      bool none = parameter.optional && parameter.default_ints.empty();
      if (!none) parameter.default_value = Value(Ints(parameter.default_ints));
    } else if (parameter.has_default && parameter.type == Type::Text &&
               parameter.default_text.data()) {
      parameter.default_value = Value(parameter.default_text);
    }
  }
  return schema;
}

}  // namespace rushlight
