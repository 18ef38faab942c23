// Gradients whose dtype is not that of their leaf.

#include <rushlight/autograd.h>

#include "autograd/accumulate.h"

namespace rushlight::autograd {

namespace {

/// Comes before all other hooks of its leaf.
struct ConvertGradient final : TensorHook {
  explicit ConvertGradient(DType dtype) : dtype(dtype) {}
  Tensor run(const Tensor& gradient) override {
    bool fits = !gradient.defined() || gradient.dtype() == dtype;
    return fits ? Tensor() : gradient.to(dtype);
  }
  DType dtype;
};

std::string name_of(DType dtype) { return "torch." + std::string(info(dtype).name); }

}  // namespace

std::optional<DType> grad_dtype(const Tensor& leaf) {
  check(leaf.is_leaf(), "grad_dtype can only be accessed on leaf tensors.");
  const Metadata* meta = leaf.impl()->autograd;
  if (!meta || meta->grad_rule == GradDtype::Own) return leaf.dtype();
  return meta->grad_rule == GradDtype::Any ? std::nullopt : std::optional(meta->grad_dtype);
}

void set_grad_dtype(const Tensor& leaf, std::optional<DType> dtype) {
  check(leaf.is_leaf(), "grad_dtype can only be set on leaf tensors.");
  check(!dtype || is_floating(*dtype), "grad_dtype must be a floating-point dtype, but got ",
        dtype ? name_of(*dtype) : "");
  Tensor grad = leaf.grad();
  check(!grad.defined() || !dtype || grad.dtype() == *dtype, "Cannot set grad_dtype to '",
        dtype ? info(*dtype).spoken : "", "' because there is already a gradient with dtype '",
        info(grad.defined() ? grad.dtype() : DType::Float32).cpp,
        "'. Please clear the gradient (.grad = None) before changing grad_dtype, or ensure the new "
        "grad_dtype matches the existing gradient's dtype.");
  Metadata& meta = metadata(leaf);
  meta.grad_rule = dtype ? GradDtype::Chosen : GradDtype::Any;
  meta.grad_dtype = dtype.value_or(DType::Float32);
  with_leaf_hooks(leaf, [&](std::unique_ptr<NodeHooks>& hooks) {
    if (!hooks) hooks = std::make_unique<NodeHooks>();
    std::erase_if(hooks->tensor, [](const NodeHooks::OnOutput& item) {
      return dynamic_cast<const ConvertGradient*>(item.hook.get()) != nullptr;
    });
    if (dtype)
      hooks->tensor.insert(hooks->tensor.begin(), {0, std::make_shared<ConvertGradient>(*dtype)});
  });
}

bool keeps_dtype(const Edge& edge) {
  auto* leaf = dynamic_cast<const AccumulateGrad*>(edge.node.get());
  return leaf && metadata(leaf->leaf()).grad_rule != GradDtype::Own;
}

}  // namespace rushlight::autograd
