#pragma once
// The node at the end of every path: it adds the gradient to a leaf's `grad`.

#include <rushlight/autograd.h>

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

/// Adds `gradient` to `sum`: in place where nobody else can see the bytes of `sum`.
void add_gradient(Tensor& sum, Tensor gradient);

}  // namespace rushlight::autograd
