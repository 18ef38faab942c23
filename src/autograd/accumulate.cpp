#include "autograd/accumulate.h"

#include <rushlight/operators.h>

#include <mutex>

namespace rushlight::autograd {

namespace {

// Guards every leaf's weak `accumulator` pointer, and with it the moment a node's count reaches 0.
std::mutex g_accumulators;
// Guards the leaves' gradients against backward passes of several threads.
std::mutex g_gradients;

/// True if no other tensor can read the bytes of `tensor`.
bool is_sole_owner(const Tensor& tensor) {
  return tensor.impl()->use_count() == 1 && tensor.impl()->storage->use_count() == 1 &&
         tensor.impl()->storage->owns_bytes() && tensor.impl()->python == nullptr;
}

}  // namespace

AccumulateGrad::AccumulateGrad(const Tensor& leaf) : leaf_(leaf) {
  sequence_ = UINT64_MAX;  // leaves come first: their gradient buffers are freed soonest
  outputs.push_back(Meta(leaf));
}

bool AccumulateGrad::may_die() noexcept {
  std::lock_guard lock(g_accumulators);
  // Another thread may have shared the node between our last release and this lock.
  if (use_count() > 1 && !release()) return false;
  Metadata& meta = metadata(leaf_);
  if (meta.accumulator == this) {
    meta.accumulator = nullptr;
    meta.hooks = std::move(hooks);
  }
  return true;
}

Ref<Node> accumulator(const Tensor& leaf) {
  Metadata& meta = metadata(leaf);
  std::lock_guard lock(g_accumulators);
  if (meta.accumulator && meta.accumulator->use_count() > 0) {
    return Ref<Node>::share(meta.accumulator);
  }
  Ref<Node> node = Ref<Node>::adopt(new AccumulateGrad(leaf));
  node->hooks = std::move(meta.hooks);
  meta.accumulator = node.get();
  return node;
}

void add_gradient(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!grad_enabled() && is_sole_owner(sum) && sum.is_contiguous() &&
             sum.dtype() == gradient.dtype() && same(sum.shape(), gradient.shape())) {
    sum.add_(gradient);
  } else {
    sum = add(sum, gradient);
  }
}

void AccumulateGrad::apply(Gradients& arrived, Gradients&) {
  if (!arrived[0].defined()) return;
  Tensor gradient = std::move(arrived[0]);
  {
    std::lock_guard lock(g_gradients);
    Metadata& meta = metadata(leaf_);
    if (!meta.grad.defined()) {
      // A gradient that only we hold is taken as it is; any other is copied, lest two leaves share.
      bool take = !grad_enabled() && is_sole_owner(gradient) && gradient.is_contiguous();
      meta.grad = take             ? std::move(gradient)
                  : grad_enabled() ? clone(gradient)
                                   : clone(gradient.detach());
    } else if (!grad_enabled()) {
      meta.grad.add_(gradient);
    } else {
      meta.grad = add(meta.grad, gradient);
    }
  }
  for (auto& [key, hook] : metadata(leaf_).post_accumulate) hook->run(leaf_);
}

}  // namespace rushlight::autograd
