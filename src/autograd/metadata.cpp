// What autograd keeps with a tensor: its gradient, its node, its modes.

#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include "autograd/accumulate.h"

namespace rushlight {

namespace autograd {

namespace {

thread_local bool t_grad_enabled = true;
thread_local bool t_inference_enabled = false;

}  // namespace

bool grad_enabled() { return t_grad_enabled; }
void set_grad_enabled(bool enabled) { t_grad_enabled = enabled; }
bool inference_enabled() { return t_inference_enabled; }
void set_inference_enabled(bool enabled) { t_inference_enabled = enabled; }

Metadata& metadata(const Tensor& tensor) {
  TensorImpl* impl = tensor.impl();
  if (!impl->autograd) impl->autograd = new Metadata();
  return *impl->autograd;
}

Edge gradient_edge(const Tensor& tensor) {
  if (!tensor.requires_grad()) return {};
  if (Ref<Node> node = tensor.grad_fn()) return {std::move(node), metadata(tensor).output};
  return {accumulator(tensor), 0};
}

void set_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output) {
  Metadata& meta = metadata(tensor);
  meta.grad_fn = node;
  meta.output = output;
  tensor.impl()->requires_grad = true;
}

}  // namespace autograd

TensorImpl::~TensorImpl() { delete autograd; }

bool Tensor::is_leaf() const { return !requires_grad() || !grad_fn(); }

const Tensor& Tensor::requires_grad_(bool value) const {
  check(is_leaf() || value,
        "you can only change requires_grad flags of leaf variables. If you want to use a computed "
        "variable in a subgraph that doesn't require differentiation use var_no_grad = "
        "var.detach().");
  check(!value || is_floating(dtype()),
        "only Tensors of floating point and complex dtype can require gradients");
  check(!value || !impl_->inference || autograd::inference_enabled(),
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (is_leaf()) impl_->requires_grad = value;
  return *this;
}

Tensor Tensor::grad() const { return impl_->autograd ? impl_->autograd->grad : Tensor(); }

void Tensor::set_grad(const Tensor& grad) const {
  if (grad.defined() || impl_->autograd) autograd::metadata(*this).grad = grad;
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph,
                      bool create_graph) const {
  autograd::backward({this, 1}, {&gradient, 1}, retain_graph, create_graph);
}

Tensor Tensor::variable_data() const {
  Tensor data =
      make_tensor(impl_->storage, impl_->dtype, impl_->shape, impl_->strides, impl_->offset);
  data.impl()->own_version = Ref<OwnVersion>::adopt(new OwnVersion());
  return data;
}

}  // namespace rushlight
