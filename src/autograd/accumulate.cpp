#include "autograd/accumulate.h"

#include "autograd/dual.h"

#include <rushlight/operators.h>

#include <algorithm>
#include <mutex>

namespace rushlight::autograd {

namespace {

/// True if no other tensor can read the bytes of `tensor`, to which there are `holders` references.
bool is_sole_owner(const Tensor& tensor, int holders = 1) {
  return tensor.impl()->use_count() == holders && tensor.impl()->storage->use_count() == 1 &&
         tensor.impl()->storage->owns_bytes() && tensor.impl()->python == nullptr;
}

}  // namespace

AccumulateGrad::AccumulateGrad() {
  sequence_ = UINT64_MAX;  // leaves come first: their gradient buffers are freed soonest
  outputs.emplace_back();
}

Ref<Node> AccumulateGrad::wake(const Tensor& leaf, std::unique_ptr<NodeHooks> its_hooks) {
  leaf_ = leaf;
  outputs[0] = Meta(leaf);  // it may have got another shape meanwhile
  hooks = std::move(its_hooks);
  revive();
  return Ref<Node>::adopt(this);
}

bool AccumulateGrad::may_die() noexcept {
  Tensor leaf;  // goes last, and this node with it if nobody else holds the leaf
  Metadata& meta = metadata(leaf_);
  std::lock_guard lock(meta.accumulator_lock);
  // Another thread may have shared the node between our last release and this lock, and may have
  // let go of it again: release() sees what that thread did before.
  if (use_count() > 0 && !release()) return false;
  if (meta.accumulator != this) return true;
  meta.hooks = std::move(hooks);
  leaf = std::move(leaf_);
  return false;
}

Ref<Node> accumulator(const Tensor& leaf) {
  Metadata& meta = metadata(leaf);
  if (meta.shared_accumulator) return meta.shared_accumulator;
  std::lock_guard lock(meta.accumulator_lock);
  auto* node = static_cast<AccumulateGrad*>(meta.accumulator);
  if (node && node->sleeps()) return node->wake(leaf, std::move(meta.hooks));
  if (node && node->use_count() > 0) return Ref<Node>::share(node);
  // The first, or in place of one that is dying and has not come to the lock yet.
  auto* made = new AccumulateGrad();
  meta.accumulator = made;
  return made->wake(leaf, std::move(node ? node->hooks : meta.hooks));
}

void reset_accumulator(const Tensor& leaf) {
  if (!leaf.impl()->autograd) return;
  Metadata& meta = *leaf.impl()->autograd;
  meta.shared_accumulator = nullptr;
  std::lock_guard lock(meta.accumulator_lock);
  auto* node = static_cast<AccumulateGrad*>(meta.accumulator);
  if (!node || node->sleeps()) return;
  if (node->hooks) {
    meta.hooks = std::make_unique<NodeHooks>();
    meta.hooks->tensor = node->hooks->tensor;
  }
  meta.accumulator = nullptr;  // it lives as long as the graphs that lead to it
}

void prepare_leaf(const Tensor& leaf) {
  Metadata& meta = metadata(leaf);
  std::lock_guard lock(meta.accumulator_lock);
  if (!meta.accumulator) meta.accumulator = new AccumulateGrad();
}

void with_leaf_hooks(const Tensor& leaf, FunctionRef<void(std::unique_ptr<NodeHooks>&)> use) {
  Metadata& meta = metadata(leaf);
  if (meta.shared_accumulator) return use(meta.shared_accumulator->hooks);
  std::lock_guard lock(meta.accumulator_lock);
  auto* node = static_cast<AccumulateGrad*>(meta.accumulator);
  use(node && !node->sleeps() ? node->hooks : meta.hooks);
}

bool add_small(const Tensor& sum, const Tensor& gradient) {
  constexpr int64_t kSmall = 64;
  TensorImpl *a = sum.impl(), *b = gradient.impl();
  if (a->elements > kSmall || a->elements != b->elements || a->dtype != b->dtype) return false;
  if (!a->contiguous || !b->contiguous || !same(a->shape, b->shape)) return false;
  if (a->device != DeviceType::Cpu || b->device != DeviceType::Cpu) return false;
  if (level_is_open()) return false;
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

/// Whether `gradient` is laid out as the gradient of `leaf` is promised to be: like the leaf if
/// that is dense, else in row-major order.
bool fits_layout(const Tensor& gradient, const Tensor& leaf) {
  if (leaf.is_contiguous()) return gradient.is_contiguous();
  return same(gradient.strides(), promised_strides(leaf));
}

/// The same values in the layout that is promised, in bytes of their own.
Tensor copy_for(const Tensor& leaf, const Tensor& gradient) {
  Dims strides = leaf.is_contiguous() ? contiguous_strides(leaf.shape()) : promised_strides(leaf);
  Tensor copy = empty_strided(Ints(leaf.shape()), Ints(strides), gradient.dtype());
  copy.copy_(gradient);
  return copy;
}

thread_local bool t_layout_enforced = true;

/// `holders`: how many references to `gradient` there are if nobody but the pass has one.
void accumulate(const Tensor& leaf, Tensor gradient, int holders) {
  Metadata& meta = metadata(leaf);
  Tensor before, sum;  // let go after the lock: that may call into Python
  while (true) {
    {
      std::lock_guard lock(meta.grad_lock);
      if (sum.defined() && meta.grad.is_same(before)) return std::swap(meta.grad, sum);
      before = meta.grad;
      if (!grad_enabled()) {
        if (before.defined()) {
          if (!add_small(before, gradient)) before.add_(gradient);
          return;
        }
        // The leaf may have got another shape since it was used.
        if (!same(gradient.shape(), leaf.shape())) broadcast_shapes(leaf.shape(), gradient.shape());
        // One that only we hold is taken as it is; any other is copied, lest two leaves share.
        if (is_sole_owner(gradient, holders) &&
            (fits_layout(gradient, leaf) || !t_layout_enforced)) {
          meta.grad = std::move(gradient);
          if (level_is_open()) forward_ad::drop_tangent(meta.grad);
          return;
        }
      }
    }
    // Without the lock: what is recorded may call into Python, too.
    sum = before.defined() ? add(before, gradient) : copy_for(leaf, gradient);
  }
}

}  // namespace

bool grad_layout_enforced() { return t_layout_enforced; }
void set_grad_layout_enforced(bool enforced) { t_layout_enforced = enforced; }

void AccumulateGrad::apply(Gradients& arrived, Gradients&) {
  if (!arrived[0].defined()) return;
  // Hooks on this node see what arrived after it was taken, as in PyTorch.
  bool is_seen = hooks && !hooks->post.empty();
  // A leaf may have been frozen since it was used.
  if (leaf_.requires_grad()) accumulate(leaf_, std::move(arrived[0]), is_seen ? 2 : 1);
  const Metadata& meta = metadata(leaf_);
  if (!meta.leaf_hooks) [[likely]]
    return;
  std::vector<std::shared_ptr<LeafHook>> current;  // those that another one removes run once more
  for (auto& hook : *meta.leaf_hooks) {
    if (!hook->removed()) current.push_back(hook);
  }
  for (auto& hook : current) hook->run(leaf_);
}

}  // namespace rushlight::autograd
