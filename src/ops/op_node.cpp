// What a recorded call keeps for backward, and what a formula reads of it.

#include "ops/op_node.h"

#include <rushlight/operators.h>

#include "autograd/dual.h"
#include "ops/pointwise.h"

namespace rushlight {

OpNode::OpNode(const Op& op, const Value* values, bool recorded) : op(op) {
  const OpInfo& info = *op.info;
  size_t count = info.schema.parameters.size();
  size_t lists_needed = 0;
  for (size_t i = 0; i < count; ++i) lists_needed += values[i].kind() == Value::Kind::Ints;
  lists.reserve(lists_needed);  // arguments point into it
  auto add_edge = [&](size_t parameter, const Tensor& tensor) {
    if (!(info.with_edge >> parameter & 1)) return;
    if (!tensor.defined()) {
      inputs.emplace_back();
      edges_.emplace_back();
      return;
    }
    inputs.emplace_back(tensor);
    bool flows = recorded && is_floating(tensor.dtype());
    edges_.push_back(flows ? autograd::gradient_edge(tensor) : autograd::Edge());
  };
  for (size_t i = 0; i < count; ++i) {
    const Value& value = values[i];
    first_edge.push_back(uint16_t(edges_.size()));
    switch (value.kind()) {
      case Value::Kind::Tensor:
        add_edge(i, value.tensor());
        arguments.push_back(Value());
        break;
      case Value::Kind::Tensors:
        for (const Tensor& tensor : value.tensors()) add_edge(i, tensor);
        arguments.push_back(Value());
        break;
      case Value::Kind::Ints:
        lists.push_back(Dims(value.ints()));
        arguments.push_back(Value(Ints(lists.back())));
        break;
      case Value::Kind::Text:  // texts name one of a few options: their hash tells them apart
        arguments.push_back(int64_t(Name::of(value.text())));
        break;
      case Value::Kind::Scalars:
      case Value::Kind::Generator: arguments.push_back(Value()); break;
      default:
        // What stands in the place of a tensor has an edge too, along which nothing flows.
        add_edge(i, Tensor());
        arguments.push_back(value);
    }
  }
  first_edge.push_back(uint16_t(edges_.size()));
}

namespace {

/// A copy which carries a copy of the tangent, if there is one.
Tensor copy_of_dual(const Tensor& tensor) {
  Tensor copy = tensor.clone();
  if (!autograd::level_is_open()) [[likely]]
    return copy;
  if (Tensor tangent = autograd::forward_ad::tangent_of(tensor); tangent.defined())
    autograd::forward_ad::attach_tangent(copy, tangent.clone());
  return copy;
}

bool shares_bytes(const Tensor& a, const Tensor& b) {
  return a.defined() && a.impl()->storage == b.impl()->storage;
}

}  // namespace

void OpNode::save_inputs(const Value* values, const Tensor* target, bool views_too) {
  const OpInfo& info = *op.info;
  const size_t written = info.mutated < 0 ? info.tensor_parameters[0] : size_t(info.mutated);
  auto save = [&](const Tensor& tensor, size_t index) {
    bool is_target = target && tensor.is_same(*target);
    if (views_too ? target && shares_bytes(tensor, *target) : is_target && index == written)
      // What this call overwrites is kept as a copy, whose history goes on to the same node.
      saved.emplace_back(copy_of_dual(tensor));
    else if (is_target)
      // It is another argument too, which backward will say is lost. It becomes the result.
      saved.emplace_back(tensor, 0);
    else
      saved.emplace_back(tensor);
  };
  for (const OpInfo::Saved& entry : info.saved) {
    first_saved.push_back(uint16_t(saved.size()));
    if (entry.is_result) {
      saved.emplace_back();
      continue;
    }
    if (entry.for_input >= 0 && !edges_[first_edge[size_t(entry.for_input)]]) continue;
    const Value& value = values[entry.index];
    keeps_ |= value.is_number();  // which stands in `arguments`
    if (value.is_tensor())
      save(value.tensor(), entry.index);
    else if (value.kind() == Value::Kind::Tensors) {
      for (const Tensor& tensor : value.tensors()) save(tensor, entry.index);
    }
  }
  first_saved.push_back(uint16_t(saved.size()));
  keeps_ |= !saved.empty();
}

void OpNode::save_results(const Results& results) {
  const OpInfo& info = *op.info;
  for (size_t k = 0; k < info.saved.size(); ++k) {
    if (!info.saved[k].is_result) continue;
    size_t index = info.saved[k].index;
    saved[first_saved[k]] = autograd::SavedTensor(results.tensors[index], uint32_t(index));
  }
}

void OpNode::share_tangents(const Results& results) {
  const OpInfo& info = *op.info;
  for (size_t k = 0; k < info.saved.size(); ++k) {
    if (info.saved[k].is_result)
      saved[first_saved[k]].share_tangent_of(results.tensors[info.saved[k].index]);
  }
}

void OpNode::register_hooks(size_t index, std::shared_ptr<autograd::SavedTensorHooks> hooks) {
  check(!has_let_go(), autograd::kHookedLate);
  saved[index].register_hooks({*this, op.info->spoken_name, site}, std::move(hooks));
}

std::vector<Tensor> OpNode::unpack_all() const {
  check_not_released();
  bool hooked = false;
  for (const autograd::SavedTensor& entry : saved) {
    entry.check_unchanged({*this, op.info->spoken_name, site});
    hooked |= entry.has_hooks();
  }
  std::vector<Tensor> unpacked;
  if (!hooked) [[likely]]
    return unpacked;
  for (size_t i = 0; i < saved.size(); ++i) {
    unpacked.push_back(unpack_at(i, autograd::grad_enabled()));
  }
  return unpacked;
}

void OpNode::check_not_released() const { check(!has_let_go(), autograd::kFreed); }

Tensor OpNode::unpack_at(size_t index, bool with_history) const {
  check_not_released();
  return saved[index].unpack({*this, op.info->spoken_name, site}, with_history);
}

Tensor OpNode::unpack_entry(size_t entry, bool with_history) const {
  size_t first = first_saved[entry], end = first_saved[entry + 1];
  if (first != end) return unpack_at(first, with_history);
  const Value& number = arguments[op.info->saved[entry].index];
  if (!number.is_number()) return Tensor();
  check_not_released();
  return wrapped_number(number.scalar());
}

void OpNode::apply(autograd::Gradients& arrived, autograd::Gradients& computed) {
  computed.resize(edges_.size());
  std::vector<Tensor> unpacked;
  if (!saved.empty()) unpacked = unpack_all();
  bool any = false;
  for (const Tensor& gradient : arrived) any |= gradient.defined();
  if (!any) return;
  Backward backward(*this, arrived, computed, unpacked.data());
  op.backward(backward);
  for (size_t k = 0; unfolded_ >> k; ++k) {
    Tensor& gradient = computed[first_edge[op.info->transposed[k].index]];
    if (unfolded_ >> k & 1 && gradient.defined()) gradient = gradient.t();
  }
  for (size_t i = 0; i < computed.size(); ++i) {
    if (computed[i].defined())
      computed[i] = fit_gradient(std::move(computed[i]), inputs[i], *this, i);
  }
}

void OpNode::unfold() {
  if (unfolded_ || autograd::any_pass_runs()) return;
  const auto& transposed = op.info->transposed;
  for (size_t k = 0; k < transposed.size(); ++k) {
    size_t index = first_edge[transposed[k].index];
    int flag = transposed[k].flag;
    if (!edges_[index] || (flag >= 0 && !arguments[size_t(flag)].as<bool>())) continue;
    autograd::Meta& meta = inputs[index];
    const Tensor standing_in = make_tensor(meta.shape, meta.dtype, Device{DeviceType::Meta});
    const Value input[] = {standing_in};
    auto node = Ref<OpNode>::adopt(new OpNode(op::t, input));
    std::swap(meta.shape[0], meta.shape[1]);
    node->outputs.push_back(meta);
    node->edges_[0] = std::move(edges_[index]);
    node->sequence_ = sequence_;
    node->site = site;
    edges_[index] = {std::move(node), 0};
    unfolded_ |= uint8_t(1 << k);
  }
}

void OpNode::release_saved() {
  for (autograd::SavedTensor& entry : saved) entry.reset();
}

// -- Backward ------------------------------------------------------------------------------------

const Tensor& Backward::grad(size_t result) {
  Tensor& gradient = arrived_[result];
  if (!gradient.defined()) {
    const autograd::Meta& meta = node_.outputs[result];
    gradient = zeros(Ints(meta.shape), meta.dtype);
  }
  return gradient;
}

const Value& Backward::value(Name name) const {
  return node_.arguments[size_t(node_.op.info->schema.find(name))];
}

namespace {

/// Number of the entry in `.save` that has this name; -1 if there is none.
int saved_entry(const OpNode& node, Name name) {
  const OpInfo& info = *node.op.info;
  for (size_t k = 0; k < info.saved.size(); ++k) {
    const OpInfo::Saved& entry = info.saved[k];
    uint32_t hash = !entry.is_result ? info.schema.parameters[entry.index].hash
                    : info.schema.returns[entry.index].name.empty()
                        ? Name("result").hash
                        : Name::of(info.schema.returns[entry.index].name);
    if (hash == name.hash) return int(k);
  }
  return -1;
}

}  // namespace

Tensor Backward::saved(Name name) const {
  int entry = saved_entry(node_, name);
  check(entry >= 0, ErrorKind::Value, node_.op.info->full_name,
        ": backward reads what it did not save");
  size_t first = node_.first_saved[size_t(entry)];
  if (unpacked_ && first != node_.first_saved[size_t(entry) + 1]) return unpacked_[first];
  return node_.unpack_entry(size_t(entry), autograd::grad_enabled());
}

std::vector<Tensor> Backward::saved_list(Name name) const {
  saved(name);  // for its checks
  size_t entry = size_t(saved_entry(node_, name));
  std::vector<Tensor> list;
  for (size_t i = node_.first_saved[entry]; i < node_.first_saved[entry + 1]; ++i) {
    list.push_back(unpacked_ ? unpacked_[i] : node_.unpack_at(i, autograd::grad_enabled()));
  }
  return list;
}

bool Backward::given(Name name) const {
  size_t index = size_t(node_.op.info->schema.find(name));
  return !node_.arguments[index].is_none() ||
         node_.first_edge[index] != node_.first_edge[index + 1];
}

Ints Backward::shape(Name name) const { return node_.inputs[edges_of(name).first].shape; }
DType Backward::dtype(Name name) const { return node_.inputs[edges_of(name).first].dtype; }

std::span<const autograd::Meta> Backward::metas(Name list) const {
  auto [first, count] = edges_of(list);
  return {node_.inputs.data() + first, count};
}

std::pair<size_t, size_t> Backward::edges_of(Name name) const {
  size_t index = size_t(node_.op.info->schema.find(name));
  size_t first = node_.first_edge[index];
  return {first, node_.first_edge[index + 1] - first};
}

bool Backward::needs_edge(size_t edge) const { return node_.needs(edge); }

int Backward::edge_of(Name name) const {
  auto [first, count] = edges_of(name);
  return count == 1 && needs_edge(first) ? int(first) : -1;
}

void Backward::refuse() const {
  const OpInfo& info = *node_.op.info;
  bool has_no_node = info.node_name == "NotImplemented" && info.mutated < 0;  // as PyTorch has it
  fail(ErrorKind::Runtime, "derivative for ", has_no_node ? "aten::" : "", info.schema.name,
       " is not implemented");
}

bool Backward::needs(Name name) const { return edge_of(name) >= 0; }

}  // namespace rushlight
