#include "autograd/saved_tensor.h"

#include <rushlight/operators.h>

#include "autograd/accumulate.h"
#include "autograd/dual.h"

namespace rushlight::autograd {

namespace {

struct HookStack {
  std::vector<std::shared_ptr<SavedTensorHooks>> hooks;
  std::string forbidden;
};

HookStack& hook_stack() {
  static thread_local HookStack stack;
  return stack;
}
thread_local bool t_hooked = false;
std::shared_ptr<SavedTensorHooks> innermost_hooks() { return hook_stack().hooks.back(); }

/// The same bytes (and tangent), without history.
Tensor alias_of(const Tensor& tensor) {
  TensorImpl* impl = tensor.impl();
  Tensor alias = make_tensor(impl->storage, impl->dtype, impl->shape, impl->strides, impl->offset);
  alias.impl()->own_version = impl->own_version;
  alias.impl()->device = impl->device;
  if (level_is_open()) [[unlikely]]
    forward_ad::share_tangent(tensor, alias);
  return alias;
}

constexpr const char* kDetached =
    "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_().This is "
    "not supported, please use out-of-place `.detach()` instead";

/// The name of an operation in quotes; a description of something else as it is.
std::string quoted(std::string_view writer) {
  return writer.find(' ') == writer.npos ? "`" + std::string(writer) + "`" : std::string(writer);
}

std::string place(const CallSite& site) {
  if (!site.code || !call_site_source) return "";
  std::string text = call_site_source->describe(site);
  return text.empty() ? "" : " (" + text + ")";
}

}  // namespace

void push_saved_tensor_hooks(std::shared_ptr<SavedTensorHooks> hooks) {
  HookStack& stack = hook_stack();
  check(stack.forbidden.empty(), stack.forbidden);
  stack.hooks.push_back(std::move(hooks));
  t_hooked = true;
}

void pop_saved_tensor_hooks() {
  HookStack& stack = hook_stack();
  if (!stack.hooks.empty()) stack.hooks.pop_back();
  t_hooked = !stack.hooks.empty();
}

PausedSavedTensorHooks::PausedSavedTensorHooks() : before_(std::exchange(t_hooked, false)) {}
PausedSavedTensorHooks::~PausedSavedTensorHooks() { t_hooked = before_; }

size_t saved_tensor_hooks_depth() { return t_hooked ? hook_stack().hooks.size() : 0; }

void drop_saved_tensor_hooks(size_t depth) {
  while (t_hooked && hook_stack().hooks.size() > depth) pop_saved_tensor_hooks();
}

void forbid_saved_tensor_hooks(std::string message) {
  HookStack& stack = hook_stack();
  check(message.empty() || stack.hooks.empty(), message);
  stack.forbidden = std::move(message);
}

const std::string& saved_tensor_hooks_forbidden() { return hook_stack().forbidden; }

SavedTensor::SavedTensor(const Tensor& tensor) {
  if (!tensor.defined()) return;
  TensorImpl* impl = tensor.impl();
  check(!impl->inference,
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
        "inference mode in computation tracked by autograd. To work around this, you can make a "
        "clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
        "`torch.inference_mode()`.");
  if (t_hooked && !impl->wrapped_number) [[unlikely]] {
    pack(tensor, innermost_hooks());
    return;
  }
  tensor_ = tensor;
  if (has_node(tensor)) output_ = kComputed;
  writes_ = impl->version().writes;
}

SavedTensor::SavedTensor(const Tensor& result, uint32_t output) : output_(int32_t(output)) {
  if (!result.defined()) return;
  if (t_hooked) [[unlikely]] {
    pack(result, innermost_hooks());
    return;
  }
  tensor_ = alias_of(result);
  writes_ = result.impl()->version().writes;
}

void SavedTensor::pack(const Tensor& tensor, std::shared_ptr<SavedTensorHooks> hooks,
                       bool is_held) {
  auto packed = std::make_unique<Packed>();
  if (output_ < 0) packed->edge = gradient_edge(tensor);
  if (level_is_open()) packed->tangent = forward_ad::tangent_of(tensor);
  NoGrad guard;
  uint32_t writes = tensor.impl()->version().writes;
  // A result is packed as another tensor: the node must not hold what holds the node.
  packed->data = hooks->pack(output_ < 0 && !is_held ? tensor : alias_of(tensor));
  check(writes == tensor.impl()->version().writes,
        "A saved tensor pack hook is modifying its input in place. Tensors provided as input to "
        "pack hook cannot be modified by in-place operations as this can lead to unexpected "
        "side-effects. Please open an issue if you need to perform in-place operations on the "
        "input to a pack hook.");
  packed->hooks = std::move(hooks);
  packed_ = std::move(packed);
}

void SavedTensor::register_hooks(const Saver& saver, std::shared_ptr<SavedTensorHooks> hooks) {
  check(!packed_,
        "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only "
        "one pair of hooks is allowed at a time.");
  check(tensor_.defined(), "Calling register_hooks on a saved tensor with value None is forbidden");
  unpack(saver, false);  // what has been changed since is not worth packing
  pack(tensor_, std::move(hooks), true);
  tensor_ = Tensor();
}

Tensor SavedTensor::unpack(const Saver& saver, bool with_history) const {
  Tensor tensor = tensor_;
  Edge edge;
  if (packed_) [[unlikely]] {
    tensor = packed_->hooks->unpack(packed_->data);
    edge = packed_->edge;
    bool dual = level_is_open() && packed_->tangent.defined();
    if (!edge && output_ < 0 && !tensor.requires_grad() && !dual) return tensor;
    tensor = alias_of(tensor);
    if (dual) forward_ad::attach_tangent(tensor, packed_->tangent);
  } else {
    if (!tensor.defined()) return tensor;
    if (tensor.impl()->version().writes != writes_) [[unlikely]]
      blame(saver);
    rushlight::check(output_ != kComputed || has_node(tensor), kDetached);
  }
  if (!with_history || !is_floating(tensor.dtype())) return tensor;
  if (output_ >= 0 && !packed_ && saver.node.hooks && saver.node.hooks->slices) [[unlikely]]
    return view_of_changed_base(*saver.node.hooks->slices, tensor);
  if (output_ >= 0) {
    edge = {Ref<Node>::share(const_cast<Node*>(&saver.node)), uint32_t(output_)};
    if (!packed_) tensor = alias_of(tensor);
  }
  if (!edge) return tensor;
  if (dynamic_cast<AccumulateGrad*>(edge.node.get())) {  // another leaf, with the same gradient
    Metadata& meta = metadata(tensor);
    meta.shared_accumulator = std::move(edge.node);
    tensor.impl()->requires_grad = true;
  } else {
    set_history(tensor, edge.node, edge.input);
  }
  return tensor;
}

void SavedTensor::blame(const Saver& saver) const {
  const Version& version = tensor_.impl()->version();
  Ref<Node> creator;
  uint32_t index = uint32_t(output_);
  if (output_ >= 0 && is_floating(tensor_.dtype())) {
    creator = Ref<Node>::share(const_cast<Node*>(&saver.node));
  } else {
    creator = tensor_.grad_fn();
    if (creator) index = metadata(tensor_).output;
  }
  std::string origin;
  if (creator)
    origin = ", which is output " + std::to_string(index) + " of " + spoken_name(*creator) + ",";
  fail(ErrorKind::Runtime,
       "one of the variables needed for gradient computation has been modified by an inplace "
       "operation: [torch.",
       info(tensor_.dtype()).legacy, "Tensor ", to_string(tensor_.shape()), "]", origin,
       " is at version ", version.writes, "; expected version ", writes_, " instead. Hint: `",
       saver.operation, "`", place(saver.site), " saved its ", output_ >= 0 ? "result" : "input",
       " for backward, but ", quoted(version.last_writer ? version.last_writer : "a write"),
       place(version.site()), " changed it since.");
}

void SavedTensor::share_tangent_of(const Tensor& result) {
  if (packed_) packed_->tangent = forward_ad::tangent_of(result);
  if (tensor_.defined()) forward_ad::share_tangent(result, tensor_);
}

void SavedTensor::forget_history() {
  if (tensor_.defined()) tensor_ = alias_of(tensor_);
  output_ = kInput;
}

void SavedTensor::reset() {
  tensor_ = Tensor();
  packed_.reset();
}

}  // namespace rushlight::autograd
