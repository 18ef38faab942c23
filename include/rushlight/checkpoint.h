#pragma once
// Checkpoints: what a part of a program saves for backward is computed again instead of kept.

#include <rushlight/autograd.h>

#include <functional>

namespace rushlight {

/// `function(inputs)`, of which nothing but the inputs is kept: backward calls it once more, with
/// the random numbers of the first call. It must do the same again; throws if it saves other
/// tensors then. (Chen et al., 2016, "Training deep nets with sublinear memory cost".)
std::vector<Tensor> checkpoint(
    std::function<std::vector<Tensor>(const std::vector<Tensor>&)> function,
    std::vector<Tensor> inputs);

/// The same of one tensor, with one result.
template <class F>
requires std::is_invocable_r_v<Tensor, F&, const Tensor&> Tensor checkpoint(F function,
                                                                            const Tensor& input) {
  auto as_list = [function](const std::vector<Tensor>& inputs) mutable {
    return std::vector<Tensor>{function(inputs[0])};
  };
  return checkpoint(std::function<std::vector<Tensor>(const std::vector<Tensor>&)>(as_list),
                    std::vector<Tensor>{input})[0];
}

}  // namespace rushlight
