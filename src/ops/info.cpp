// Parses every entry of the op table once, when the library is loaded.

#include "ops/op.h"

#include <cctype>
#include <deque>

namespace rushlight {

namespace {

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    size_t start = text.find_first_not_of(separators);
    if (start == text.npos) break;
    text.remove_prefix(start);
    size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

/// "log_softmax" gives "LogSoftmaxBackward0"; leading underscores and a final one are dropped.
std::string default_node_name(std::string_view name) {
  std::string node;
  for (std::string_view part : split(name, "_")) {
    node += char(std::toupper(part[0]));
    node += part.substr(1);
  }
  return node + "Backward0";
}

[[noreturn]] void fault(const Op& op, std::string_view what) {
  fail(ErrorKind::Value, "op table: '", op.schema, "': ", what);
}

/// Number of the parameter of this name; -1 if there is none.
int index_of(const Schema& schema, std::string_view name) {
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    if (schema.parameters[i].name == name) return int(i);
  }
  return -1;
}

void parse_saved(const Op& op, OpInfo& info) {
  for (std::string_view item : split(op.save, ",")) {
    std::vector<std::string_view> words = split(item, " ");
    OpInfo::Saved saved{0, false, -1};
    int index = index_of(info.schema, words[0]);
    if (index < 0) {
      saved.is_result = true;
      for (size_t i = 0; i < info.schema.returns.size(); ++i) {
        std::string_view name = info.schema.returns[i].name;
        if (words[0] == (name.empty() ? "result" : name)) index = int(i);
      }
    }
    if (index < 0) fault(op, "saves something that is neither a parameter nor a result");
    saved.index = uint16_t(index);
    if (words.size() == 3) saved.for_input = int16_t(index_of(info.schema, words[2]));
    info.saved.push_back(saved);
  }
  // As PyTorch saves them, and as hooks on saved tensors see them: arguments by name, then results.
  std::ranges::sort(info.saved, {}, [&](const OpInfo::Saved& saved) {
    std::string_view name = saved.is_result ? info.schema.returns[saved.index].name
                                            : info.schema.parameters[saved.index].name;
    return std::pair(saved.is_result, name == "input" ? "self" : name);
  });
}

/// Bits of the parameters that may have a gradient: tensors, but those named as constant.
uint32_t parse_edges(const Op& op, const Schema& schema) {
  uint32_t bits = 0;
  std::vector<std::string_view> constants = split(op.constants, ", ");
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const Parameter& parameter = schema.parameters[i];
    bool is_constant = std::erase(constants, parameter.name) > 0;
    bool is_tensor = parameter.type == Type::Tensor || parameter.type == Type::TensorOrScalar ||
                     parameter.type == Type::Tensors;
    if (is_tensor && !is_constant) bits |= 1u << i;
  }
  if (!constants.empty()) fault(op, "a constant that is no parameter");
  return bits;
}

void parse_variants(const Op& op, OpInfo& info) {
  const Schema& schema = info.schema;
  info.is_method = !schema.parameters.empty() && schema.parameters[0].type == Type::Tensor &&
                   !schema.parameters[0].optional;
  for (std::string_view variant : split(op.variants, ", ")) {
    if (variant == "in-place")
      info.in_place = true;
    else if (variant == "function-only")
      info.is_method = false;
    else if (variant == "torch-only")
      info.is_method = false;
    else if (variant == "copies")
      info.is_method = false, info.copies_view = true;
    else if (variant == "copy")
      continue;  // read by opgen
    else if (variant == "method-only")
      info.is_function = false;
    else if (variant == "nn")
      info.is_nn = true, info.is_method = info.is_function = false;
    else if (variant == "varargs")
      info.varargs = true;
    else if (variant == "reshapes")
      info.reshapes = true;
    else if (variant == "any-device")
      info.any_device = true;
    else if (variant == "may-expand")
      info.may_expand = true;
    else if (variant == "boolean")
      info.differentiable_in_place = std::exchange(info.differentiable, false);
    else if (variant == "also-nn")
      info.is_nn = true;
    else if (variant == "private")
      info.is_private = true, info.is_method = info.is_function = false;
    else
      fault(op, "unknown variant");
  }
}

OpInfo parse(const Op& op) {
  OpInfo info;
  info.schema = Schema::parse(op.schema);
  const Schema& schema = info.schema;
  info.full_name = schema.name;
  if (!schema.overload.empty()) info.full_name += "." + std::string(schema.overload);
  info.spoken_name = schema.name.substr(schema.name.find_first_not_of('_'));
  info.in_place_name = std::string(schema.name) + "_";
  info.node_name = op.node ? op.node : default_node_name(schema.name);
  info.composite = op.compose != nullptr;
  info.differentiable = op.backward != nullptr;
  if ((op.forward != nullptr) == (op.compose != nullptr))
    fault(op, "needs one of forward and compose");
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const Parameter& parameter = schema.parameters[i];
    if (parameter.is_alias && !info.composite) info.view_of = int(i);
    if (parameter.is_mutated) info.mutated = int(i);
    if (parameter.type == Type::Tensor || parameter.type == Type::TensorOrScalar ||
        parameter.type == Type::Tensors) {
      info.tensor_parameters.push_back(uint16_t(i));
    }
  }
  info.multi_view = info.view_of >= 0 && schema.returns[0].type == Type::Tensors;
  parse_variants(op, info);
  parse_saved(op, info);
  for (std::string_view item : split(op.transposed, ",")) {
    std::vector<std::string_view> words = split(item, " ");
    info.transposed.push_back({uint16_t(index_of(schema, words[0])),
                               int16_t(words.size() == 3 ? index_of(schema, words[2]) : -1)});
  }
  info.with_edge = parse_edges(op, schema);
  info.linear = *op.linear          ? index_of(schema, op.linear)
                : info.view_of >= 0 ? info.view_of
                : info.reshapes     ? info.mutated
                                    : -1;
  return info;
}

}  // namespace

void prepare_ops() {
  static std::deque<OpInfo> infos;
  for (const Op* op : all_ops()) {
    infos.push_back(parse(*op));
    op->info = &infos.back();
  }
}

}  // namespace rushlight
