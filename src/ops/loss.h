#pragma once
// What losses share: their reduction, and PyTorch's warning about broadcast targets.

#include "ops/op.h"

namespace rushlight {

/// How the loss of each element becomes the result; numbered as PyTorch does.
enum class LossReduction : int64_t { None, Mean, Sum };

/// From the three arguments of a loss; the two older ones win if given. Throws ValueError.
LossReduction loss_reduction(std::optional<bool> size_average, std::optional<bool> reduce,
                             std::string_view reduction);

/// The name of a reduction given by its number; PyTorch takes any other for 'none'.
std::string_view reduction_name(int64_t number);

/// The losses themselves, their mean or their sum: differentiable.
Tensor reduce_loss(const Tensor& losses, LossReduction reduction);

/// The gradient of each element's loss, from that of the result over `count` elements.
Tensor loss_gradient(const Tensor& grad, LossReduction reduction, int64_t count);

/// "torch.Size([2, 3])".
std::string size_text(const Tensor& tensor);

/// max(0, -target * (input1 - input2) + margin), reduced; the three broadcast.
Tensor margin_ranking(const Tensor& input1, const Tensor& input2, const Tensor& target,
                      double margin, LossReduction reduction);

/// Throws PyTorch's error if `argument` requires grad and operations are recorded.
void refuse_grad(const Tensor& argument, const char* name, const char* function);

/// Warns that broadcasting will likely give a wrong result, if the shapes differ.
void warn_broadcast(const Tensor& input, const Tensor& target);

}  // namespace rushlight
