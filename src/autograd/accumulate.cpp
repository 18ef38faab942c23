#include "autograd/accumulate.h"

#include <rushlight/operators.h>

#include <algorithm>
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
  // One that is dying has not given its hooks back yet.
  node->hooks = std::move(meta.accumulator ? meta.accumulator->hooks : meta.hooks);
  meta.accumulator = node.get();
  return node;
}

void with_leaf_hooks(const Tensor& leaf, FunctionRef<void(std::unique_ptr<NodeHooks>&)> use) {
  Metadata& meta = metadata(leaf);
  std::lock_guard lock(g_accumulators);
  use(meta.accumulator ? meta.accumulator->hooks : meta.hooks);
}

bool add_small(const Tensor& sum, const Tensor& gradient) {
  constexpr int64_t kSmall = 64;
  TensorImpl *a = sum.impl(), *b = gradient.impl();
  if (a->elements > kSmall || a->elements != b->elements || a->dtype != b->dtype) return false;
  if (!a->contiguous || !b->contiguous || !same(a->shape, b->shape)) return false;
  if (a->device != DeviceType::Cpu || b->device != DeviceType::Cpu) return false;
  auto add = [&]<class T>(T* to, const T* from) {
    for (int64_t i = 0; i < a->elements; ++i) to[i] += from[i];
  };
  if (a->dtype == DType::Float32)
    add(static_cast<float*>(sum.data()), static_cast<const float*>(gradient.data()));
  else if (a->dtype == DType::Float64)
    add(static_cast<double*>(sum.data()), static_cast<const double*>(gradient.data()));
  else
    return false;
  a->version().wrote("add_", {});
  return true;
}

void add_gradient(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!grad_enabled() && is_sole_owner(sum) && sum.is_contiguous() &&
             sum.dtype() == gradient.dtype() && same(sum.shape(), gradient.shape())) {
    if (!add_small(sum, gradient)) sum.add_(gradient);
  } else {
    sum = add(sum, gradient);
  }
}

namespace {

/// Whether `gradient` is laid out as the gradient of `leaf` is promised to be: like the leaf if
/// that is dense, else in row-major order.
bool fits_layout(const Tensor& gradient, const Tensor& leaf, std::span<const int64_t> strides) {
  if (leaf.is_contiguous()) return gradient.is_contiguous();
  return same(gradient.strides(), strides);
}

Dims promised_strides(const Tensor& leaf) {
  // Dense: sorted by stride, each dim begins where the smaller ones end.
  Dims order;
  for (int64_t i = 0; i < leaf.dim(); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return leaf.stride(a) < leaf.stride(b); });
  int64_t expected = 1;
  for (int64_t dim : order) {
    if (leaf.size(dim) == 1) continue;
    if (leaf.stride(dim) != expected) return contiguous_strides(leaf.shape());
    expected *= leaf.size(dim);
  }
  return Dims(leaf.strides());
}

}  // namespace

void AccumulateGrad::apply(Gradients& arrived, Gradients&) {
  if (!arrived[0].defined()) return;
  Tensor gradient = std::move(arrived[0]);
  Tensor before;  // released after the lock: that may call into Python
  Metadata& meta = metadata(leaf_);
  {
    std::lock_guard lock(g_gradients);
    if (!meta.grad.defined()) {
      // A gradient that only we hold is taken as it is; any other is copied, lest two leaves share.
      Dims strides = leaf_.is_contiguous() ? Dims() : promised_strides(leaf_);
      if (!grad_enabled() && is_sole_owner(gradient) && fits_layout(gradient, leaf_, strides)) {
        meta.grad = std::move(gradient);
      } else {
        if (leaf_.is_contiguous()) strides = contiguous_strides(leaf_.shape());
        Tensor copy = empty_strided(Ints(leaf_.shape()), Ints(strides), gradient.dtype());
        copy.copy_(gradient);
        meta.grad = std::move(copy);
      }
    } else if (!grad_enabled()) {
      if (!add_small(meta.grad, gradient)) {
        before = meta.grad;
        before.add_(gradient);
      }
    } else {
      before = std::move(meta.grad);
      meta.grad = add(before, gradient);
    }
  }
  if (!meta.leaf_hooks) [[likely]]
    return;
  auto hooks = *meta.leaf_hooks;
  for (auto& hook : hooks) {
    if (!hook->removed()) hook->run(leaf_);
  }
}

}  // namespace rushlight::autograd
