#pragma once
// The node at the end of every path: it adds the gradient to a leaf's `grad`.

#include <rushlight/autograd.h>

#include <rushlight/function_ref.h>

namespace rushlight::autograd {

/// The leaf owns it. While something else holds it too, it holds the leaf; else it sleeps.
class AccumulateGrad final : public Node {
 public:
  AccumulateGrad();
  bool may_die() noexcept override;
  bool sleeps() const { return !leaf_.defined(); }
  Ref<Node> wake(const Tensor& leaf, std::unique_ptr<NodeHooks> hooks);
  std::string name() const override { return "AccumulateGrad"; }
  void apply(Gradients& arrived, Gradients& computed) override;
  const Tensor& leaf() const { return leaf_; }

 private:
  Tensor leaf_;
};

/// Gives `use` the hooks of a leaf, which its accumulator holds while it is awake.
void with_leaf_hooks(const Tensor& leaf, FunctionRef<void(std::unique_ptr<NodeHooks>&)> use);

/// What was recorded so far goes on adding to the leaf, but leads to another node than what will
/// be.
void reset_accumulator(const Tensor& leaf);
/// Whether `edge` leads to a leaf that takes gradients of other dtypes than its own.
bool keeps_dtype(const Edge& edge);

/// Whether the tensor has a node as it stands: grad_fn() may make a view's anew, or refuse to.
bool has_node(const Tensor& tensor);

/// Makes what a leaf needs for its gradient now, so that threads that share it need not.
void prepare_leaf(const Tensor& leaf);

/// Adds in place, without the way through an operation, if both are small and alike: false if not.
bool add_small(const Tensor& sum, const Tensor& gradient);
/// Adds `gradient` to `sum`: in place where nobody else can see the bytes of `sum`.
void add_gradient(Tensor& sum, Tensor gradient);

/// How many passes of this thread are running, one within another.
int pass_depth();
/// Whether this thread's pass runs only what some targets need.
bool pass_is_restricted();

/// The handler of anomaly mode; null if there is none.
const AnomalyHandler* anomaly_handler();

}  // namespace rushlight::autograd
