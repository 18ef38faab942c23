// What autograd keeps with a tensor: its gradient, its node, its modes.

#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include "autograd/accumulate.h"
#include "autograd/dual.h"
#include "core/inference.h"
#include "runtime/allocator.h"

namespace rushlight {

namespace autograd {

namespace {

thread_local bool t_grad_enabled = true;

/// After an in-place change the gradient to retain is that of the changed tensor.
void move_retained(Metadata& meta, Node& node, uint32_t output) {
  if (NodeHooks* hooks = meta.grad_fn ? meta.grad_fn->hooks.get() : nullptr) {
    std::erase_if(hooks->retained, [&](auto& item) { return item.grad == meta.retained; });
  }
  node.own_hooks().retained.push_back({output, meta.retained});
}

}  // namespace

bool grad_enabled() { return t_grad_enabled; }
void set_grad_enabled(bool enabled) { t_grad_enabled = enabled; }
bool inference_enabled() { return inference_mode; }
void set_inference_enabled(bool enabled) { inference_mode = enabled; }

Metadata::Metadata() = default;
Metadata::~Metadata() { delete accumulator; }
void* Metadata::operator new(size_t bytes) { return allocate(bytes); }
void Metadata::operator delete(void* block, size_t bytes) noexcept { deallocate(block, bytes); }

Metadata& metadata(const Tensor& tensor) {
  TensorImpl* impl = tensor.impl();
  if (!impl->autograd) impl->autograd = new Metadata();
  return *impl->autograd;
}

Edge gradient_edge(const Tensor& tensor) {
  if (!tensor.requires_grad()) return {};
  if (Ref<Node> node = tensor.grad_fn()) return {std::move(node), metadata(tensor).output};
  // A view made under no_grad of what requires grad: nothing flows to it.
  if (!tensor.impl()->requires_grad) return {};
  return {accumulator(tensor), 0};
}

void set_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output) {
  Metadata& meta = metadata(tensor);
  if (meta.retained) [[unlikely]]
    move_retained(meta, *node, output);
  meta.grad_fn = node;
  meta.output = output;
  tensor.impl()->requires_grad = true;
}

bool has_node(const Tensor& tensor) {
  return tensor.impl()->autograd && tensor.impl()->autograd->grad_fn;
}

void detach_(const Tensor& tensor) {
  check(!tensor.impl()->is_view,
        "Can't detach views in-place. Use detach() instead. If you are using "
        "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, "
        "gradients are views of DDP buckets, and hence detach_() cannot be called on these "
        "gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
        "torch/optim/optimizer.py as the solution.");
  tensor.impl()->requires_grad = false;
  if (Metadata* meta = tensor.impl()->autograd) {
    meta->grad_fn = nullptr;
    meta->output = 0;
    if (meta->dual) forward_ad::drop_tangent(tensor);
  }
}

}  // namespace autograd

TensorImpl::~TensorImpl() { delete autograd; }

bool Tensor::is_leaf() const {
  const autograd::Metadata* meta = impl_->autograd;
  // A view whose history can't be made anew, should its base have changed, is judged as it stands.
  if (impl_->is_view && meta->view.origin != autograd::ViewOrigin::Default) return !meta->grad_fn;
  return !requires_grad() || !grad_fn();
}

const Tensor& Tensor::requires_grad_(bool value) const {
  check(is_leaf() || value,
        "you can only change requires_grad flags of leaf variables. If you want to use a computed "
        "variable in a subgraph that doesn't require differentiation use var_no_grad = "
        "var.detach().");
  check(!value || is_floating(dtype()),
        "only Tensors of floating point dtype can require gradients");
  check(!value || !impl_->inference || autograd::inference_enabled(),
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (!is_leaf()) return *this;
  impl_->requires_grad = value;
  if (value) autograd::prepare_leaf(*this);
  return *this;
}

Tensor Tensor::grad() const {
  const autograd::Metadata* meta = impl_->autograd;
  if (!meta) return Tensor();
  return meta->retained ? *meta->retained : meta->grad;
}

void Tensor::set_grad(const Tensor& grad) const {
  if (!grad.defined() && !impl_->autograd) return;
  if (grad.defined()) {
    check(same(grad.shape(), shape()), "attempting to assign a gradient of size '",
          rushlight::to_string(grad.shape()), "' to a tensor of size '",
          rushlight::to_string(shape()),
          "'. Please ensure that the gradient and the tensor are the same size");
  }
  autograd::Metadata& meta = autograd::metadata(*this);
  Tensor before = grad;  // released last: that may call into Python
  std::swap(meta.retained ? *meta.retained : meta.grad, before);
}

void Tensor::set_data(const Tensor& source) const {
  const TensorImpl* from = source.impl();
  check(from->device == impl_->device,
        "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
        "incompatible tensor type: one is on the meta device.");
  check(is_floating(from->dtype) || !impl_->requires_grad,
        "data set to a tensor that requires gradients must be floating point or complex dtype");
  if (from->dtype != impl_->dtype) autograd::reset_accumulator(*this);
  impl_->rebind(from->storage, from->dtype, from->shape, from->strides, from->offset);
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph,
                      bool create_graph) const {
  autograd::backward({this, 1}, {&gradient, 1}, retain_graph, create_graph);
}

Tensor Tensor::variable_data() const {
  Tensor data =
      make_tensor(impl_->storage, impl_->dtype, impl_->shape, impl_->strides, impl_->offset);
  data.impl()->device = impl_->device;
  data.impl()->own_version = Ref<OwnVersion>::adopt(new OwnVersion());
  return data;
}

}  // namespace rushlight
