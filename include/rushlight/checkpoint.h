#pragma once
// Checkpoints: what a part of a program saves for backward is computed again instead of kept.

#include <rushlight/autograd.h>

namespace rushlight {

/// What a checkpoint computes, once or twice.
struct CheckpointFunction {
  virtual ~CheckpointFunction() = default;
  virtual std::vector<Tensor> run(const std::vector<Tensor>& inputs) = 0;
};

/// `function->run(inputs)`, of which nothing but the inputs is kept: backward runs it once more,
/// with the random numbers of the first time. It must do the same again; throws if it saves other
/// tensors then. (Chen et al., 2016, "Training deep nets with sublinear memory cost".)
std::vector<Tensor> checkpoint(std::shared_ptr<CheckpointFunction> function,
                               std::vector<Tensor> inputs);

/// The same of a lambda, from a vector of tensors to a vector, or from one tensor to one.
template <class F>
requires(std::is_invocable_v<F&, const std::vector<Tensor>&>) auto checkpoint(
    F function, std::vector<Tensor> inputs) {
  struct Made : CheckpointFunction {
    explicit Made(F function) : function(std::move(function)) {}
    std::vector<Tensor> run(const std::vector<Tensor>& given) override { return function(given); }
    F function;
  };
  return checkpoint(
      std::shared_ptr<CheckpointFunction>(std::make_shared<Made>(std::move(function))),
      std::move(inputs));
}
template <class F>
requires(std::is_invocable_r_v<Tensor, F&, const Tensor&>) Tensor
    checkpoint(F function, const Tensor& input) {
  auto as_list = [function = std::move(function)](const std::vector<Tensor>& given) mutable {
    return std::vector<Tensor>{function(given[0])};
  };
  return checkpoint(std::move(as_list), std::vector<Tensor>{input})[0];
}

}  // namespace rushlight
