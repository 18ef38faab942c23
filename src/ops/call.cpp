// The one call path. Read top down: call() is all that happens when nothing is recorded;
// call_recording() is what autograd adds.

#include <rushlight/operators.h>

#include "ops/dual.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

namespace {

[[maybe_unused]] const bool g_prepared = (prepare_ops(), true);

/// Whether an argument takes part in autograd at all: a number does, in the place of a tensor.
[[gnu::cold]] bool any_is_normal(const OpInfo& info, const Value* arguments) {
  for (uint16_t index : info.tensor_parameters) {
    const Value& argument = arguments[index];
    if (argument.is_number()) return true;
    if (argument.is_tensor() && !argument.tensor().impl()->inference) return true;
    if (argument.kind() != Value::Kind::Tensors) continue;
    for (const Tensor& tensor : argument.tensors()) {
      if (tensor.defined() && !tensor.impl()->inference) return true;
    }
  }
  return false;
}

/// Tensors made under inference_mode among themselves are not recorded, whatever they require.
bool any_requires_grad(const OpInfo& info, const Value* arguments) {
  auto asks = [&](const Tensor& tensor) {
    return tensor.requires_grad() && (!tensor.impl()->inference || any_is_normal(info, arguments));
  };
  for (uint16_t index : info.tensor_parameters) {
    if (!(info.with_edge >> index & 1)) continue;
    const Value& argument = arguments[index];
    if (argument.is_tensor()) {
      if (asks(argument.tensor())) return true;
    } else if (argument.kind() == Value::Kind::Tensors) {
      for (const Tensor& tensor : argument.tensors()) {
        if (tensor.defined() && asks(tensor)) return true;
      }
    }
  }
  return false;
}

void bump_version(const Tensor& tensor, const OpInfo& info) {
  if (tensor.impl()->inference) return;
  const std::string& name = info.in_place ? info.in_place_name : info.spoken_name;
  tensor.impl()->version().wrote(name.c_str(), autograd::current_call_site());
}

/// Throws if the target of an operation in place has elements that share their memory; of some
/// operations it warns only, as PyTorch does.
void check_internal_overlap(const OpInfo& info, const Tensor& target) {
  if (!info.may_expand) return check_distinct_elements(target);
  if (!is_expanded(target)) return;
  bool puts = info.schema.name == "index_put";
  warn("Use of " + info.in_place_name +
       " on expanded tensors is deprecated. Please clone() the tensor before performing this "
       "operation. This also applies to advanced indexing e.g. " +
       (puts ? "tensor[indices] = tensor" : "tensor[mask] = scalar"));
}

/// Throws where a kernel would look for the elements of a tensor that has none: beside a tensor on
/// the CPU that is more than a number, an index or a mask.
[[gnu::cold, gnu::noinline]] void check_devices(const Call& call) {
  const OpInfo& info = *call.op.info;
  if (info.any_device) return;
  bool absent = false, present = false;
  auto look = [&](const Tensor& tensor, bool counts) {
    if (!tensor.defined()) return;
    if (tensor.impl()->device == DeviceType::Meta)
      absent = true;
    else
      present |= counts;
  };
  if (const Tensor* target = written(call)) look(*target, true);
  for (uint16_t index : info.tensor_parameters) {
    const Value& argument = call.arguments[index];
    bool has_edge = info.with_edge >> index & 1;
    if (argument.is_tensor()) look(argument.tensor(), has_edge && argument.tensor().dim() > 0);
    if (argument.kind() != Value::Kind::Tensors) continue;
    for (const Tensor& tensor : argument.tensors()) look(tensor, has_edge);
  }
  check(!absent || !present, "Tensor on device meta is not on the expected device cpu! (",
        info.spoken_name, "() was given tensors with and without data)");
}

/// Whether the elements fill a range of memory, each once, in whatever order of the dims.
bool is_dense(const TensorImpl& tensor) {
  if (tensor.contiguous) return true;
  int64_t last = 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    last += (tensor.shape[i] - 1) * tensor.strides[i];
  return last + 1 == tensor.elements && !may_overlap_itself(tensor.shape, tensor.strides);
}

void check_overlaps(const Call& call, const Tensor& written) {
  if (call.op.info->reshapes) return;
  if (call.destination) check_internal_overlap(*call.op.info, written);
  for (uint16_t index : call.op.info->tensor_parameters) {
    const Value& argument = call.arguments[index];
    if (argument.is_tensor()) check_overlap(written, argument.tensor(), true);
  }
}

/// What a forward made may be a view of a tensor of its own: to the caller it is none.
[[gnu::cold]] void forget_base(const Call& call, const Tensor& result) {
  for (uint16_t index : call.op.info->tensor_parameters) {
    const Value& argument = call.arguments[index];
    if (argument.is_tensor() && argument.tensor().is_same(result)) return;
  }
  result.impl()->is_view = false;
  result.impl()->autograd->view = {};
}

void run_forward(Call& call) {
  if (meta_in_use.load(std::memory_order_relaxed)) [[unlikely]]
    check_devices(call);
  if (const Tensor* target = written(call)) [[unlikely]]
    check_overlaps(call, *target);
  call.op.forward(call);
  if (!call.destination) {
    if (call.op.info->view_of >= 0) return;
    for (const Tensor& result : call.results.tensors) {
      if (result.defined() && result.impl()->is_view) [[unlikely]]
        forget_base(call, result);
    }
    return;
  }
  Tensor& result = call.results.tensors[0];
  if (result.is_same(*call.destination)) return;
  // The forward made a new tensor: its elements replace the destination's.
  const Tensor& target = *call.destination;
  check_can_cast(result.dtype(), target.dtype());
  check(same(result.shape(), target.shape()), "output with shape ", to_string(target.shape()),
        " doesn't match the broadcast shape ", to_string(result.shape()));
  copy_elements(target, result);
  result = target;
}

void mark_views(const Call& call, autograd::ViewOrigin origin) {
  const OpInfo& info = *call.op.info;
  const Tensor& base = call.arguments[info.view_of].tensor();
  for (Tensor& view : call.results.tensors) {
    autograd::mark_view(
        view, base,
        info.multi_view && autograd::grad_enabled() ? autograd::ViewOrigin::MultiOutput : origin);
  }
}

[[gnu::noinline]] Ref<OpNode> call_recording(Call& call) {
  const OpInfo& info = *call.op.info;
  const Tensor* target = written(call);
  if (target) autograd::check_in_place(*target);
  Ref<OpNode> node = Ref<OpNode>::adopt(new OpNode(call.op, call.arguments));
  node->site = autograd::call_site_of(*node);
  node->save_inputs(call.arguments, target);
  {
    autograd::NoGrad guard;
    run_forward(call);
  }
  if (target) bump_version(*target, info);
  if (info.view_of >= 0) mark_views(call, autograd::ViewOrigin::Default);
  if (target) {
    node->outputs.emplace_back(*target);
    if (info.reshapes)
      autograd::replace_history(*target, node);
    else
      autograd::rebase_history(*target, node);
  } else {
    for (size_t i = 0, count = count_differentiable(call.results); i < count; ++i) {
      const Tensor& result = call.results.tensors[i];
      if (!result.defined()) {
        node->outputs.emplace_back();
        continue;
      }
      node->outputs.emplace_back(result);
      if (is_floating(result.dtype())) autograd::set_history(result, node, uint32_t(i));
    }
  }
  node->save_results(call.results);
  return node;
}

inline bool is_differentiable(const Call& call) {
  const OpInfo& info = *call.op.info;
  return info.differentiable || (info.differentiable_in_place && call.destination);
}

/// Of an operation that is not composite; returns its node if it is recorded.
[[gnu::always_inline]] inline Ref<OpNode> call_plain(Call& call) {
  const OpInfo& info = *call.op.info;
  if (is_differentiable(call) && autograd::grad_enabled() &&
      any_requires_grad(info, call.arguments)) [[unlikely]] {
    return call_recording(call);
  }
  const Tensor* target = written(call);
  if (target) [[unlikely]]
    autograd::check_inference_write(*target);
  run_forward(call);
  if (target) [[unlikely]]
    bump_version(*target, info);
  if (info.view_of >= 0) {
    mark_views(call, autograd::grad_enabled() ? autograd::ViewOrigin::Default
                                              : autograd::ViewOrigin::NoGrad);
  }
  return nullptr;
}

/// The same while tensors may carry tangents.
[[gnu::noinline]] void call_at_level(Call& call) {
  const OpInfo& info = *call.op.info;
  bool may_be = is_differentiable(call) && autograd::forward_ad::hands_on();
  if (!may_be || !any_is_dual(info, call.arguments)) {
    call_plain(call);
    return;
  }
  // Refused before anything reads the history of what is written to.
  const Tensor* target = written(call);
  if (target && autograd::grad_enabled() && any_requires_grad(info, call.arguments))
    autograd::check_in_place(*target);
  call_dual(call, [](Call& plain) { return call_plain(plain); });
}

}  // namespace

const Tensor* written(const Call& call) {
  if (call.destination) return call.destination;
  int index = call.op.info->mutated;
  return index < 0 ? nullptr : &call.arguments[index].tensor();
}

void check_overlap(const Tensor& written, const Tensor& read, bool same_place_is_fine) {
  const TensorImpl &target = *written.impl(), &other = *read.impl();
  if (target.storage.get() != other.storage.get() || (same_place_is_fine && &target == &other))
    return;
  if (!target.elements || !other.elements || !is_dense(target) || !is_dense(other)) return;
  bool identical = same_place_is_fine && target.offset == other.offset &&
                   target.elements == other.elements && target.strides == other.strides;
  bool apart = target.offset + target.elements <= other.offset ||
               other.offset + other.elements <= target.offset || target.dtype != other.dtype;
  check(
      identical || apart,
      "unsupported operation: some elements of the input tensor and the written-to tensor refer to "
      "a single memory location. Please clone() the tensor before performing the operation.");
}

void call(const Op& op, const Value* arguments, Results& results, const Tensor* destination) {
  const OpInfo& info = *op.info;
  Call call{op, arguments, results, destination};
  if (info.composite) {
    op.compose(call);
    if (destination && !results.tensors[0].is_same(*destination)) {
      check_can_cast(results.tensors[0].dtype(), destination->dtype());
      // Through an operation of its own, so that the write is recorded. Values borrow.
      const Tensor computed = std::move(results.tensors[0]);
      results.tensors[0] = *destination;
      const Value copy[] = {*destination, computed, false};
      Results ignored;
      rushlight::call(op::copy_, copy, ignored);
    }
    return;
  }
  if (autograd::level_is_open()) [[unlikely]]
    return call_at_level(call);
  call_plain(call);
}

const Tensor& Value::tensor_or_undefined() const {
  static const Tensor undefined;
  return is_none() ? undefined : tensor();
}

}  // namespace rushlight
