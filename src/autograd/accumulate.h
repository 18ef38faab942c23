#pragma once
// The node at the end of every path: it adds the gradient to a leaf's `grad`.

#include <rushlight/autograd.h>

#include "runtime/function_ref.h"

namespace rushlight::autograd {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf);
  bool may_die() noexcept override;
  std::string name() const override { return "AccumulateGrad"; }
  void apply(Gradients& arrived, Gradients& computed) override;
  const Tensor& leaf() const { return leaf_; }

 private:
  Tensor leaf_;
};

/// Gives `use` the hooks of a leaf, which its accumulator holds while it lives.
void with_leaf_hooks(const Tensor& leaf, FunctionRef<void(std::unique_ptr<NodeHooks>&)> use);

/// Adds in place, without the way through an operation, if both are small and alike: false if not.
bool add_small(const Tensor& sum, const Tensor& gradient);
/// Adds `gradient` to `sum`: in place where nobody else can see the bytes of `sum`.
void add_gradient(Tensor& sum, Tensor gradient);

/// Whether this thread's pass runs only what some targets need.
bool pass_is_restricted();

/// The handler of anomaly mode; null if there is none.
const AnomalyHandler* anomaly_handler();

}  // namespace rushlight::autograd
