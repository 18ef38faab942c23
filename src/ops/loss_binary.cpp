// Losses of probabilities: binary cross-entropy and the Kullback-Leibler divergence.

#include <rushlight/operators.h>

#include "ops/loss.h"

namespace rushlight {

namespace {

using Bool = std::optional<bool>;

Tensor times(const Tensor& tensor, const Tensor& weight) {
  return weight.defined() ? tensor * weight : tensor;
}

Tensor bce_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                   LossReduction reduction) {
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"binary_cross_entropy\" not implemented for '", info(input.dtype()).spoken, "'");
  check(input.dtype() == target.dtype(), "Found dtype ", info(target.dtype()).spoken,
        " but expected ", info(input.dtype()).spoken, "; convert the target with .to(input.dtype)");
  check(!((input < 0) | (input > 1)).any().item<bool>(),
        "all elements of input should be between 0 and 1; apply sigmoid first, or use "
        "binary_cross_entropy_with_logits");
  // Logarithms are kept above -100, so that a certain and wrong answer costs a finite amount.
  Tensor no = (-input).log1p().clamp_min(Scalar(-100)), yes = input.log().clamp_min(Scalar(-100));
  return reduce_loss(times((target - 1) * no - target * yes, weight), reduction);
}

/// How often an element counts: its weight, and for positive ones also `pos_weight`.
Tensor logits_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                      const Tensor& pos_weight, LossReduction reduction) {
  Tensor log_sigmoid = input.clamp_max(Scalar(0)) - (-input.abs()).exp().log1p();
  Tensor scale = pos_weight.defined() ? (pos_weight - 1) * target + 1 : Tensor();
  Tensor losses = (1 - target) * input - times(log_sigmoid, scale);
  return reduce_loss(times(losses, weight), reduction);
}

int64_t loss_count(const Backward& b) {
  return count_elements(broadcast_shapes(b.shape("input"), b.shape("target")));
}

/// The gradient of each element's loss, its weight included.
Tensor weighted_gradient(Backward& b) {
  Tensor grad = loss_gradient(b.grad(), LossReduction(b.integer("reduction")), loss_count(b));
  return times(grad, b.saved("weight"));
}

void bce_backward(Backward& b) {
  Tensor x = b.saved("input"), y = b.saved("target");
  Tensor grad = weighted_gradient(b);
  b.wrt("input", [&] { return grad * (x - y) / ((1 - x) * x).clamp_min(Scalar(1e-12)); });
  b.wrt("target", [&] {
    return grad * ((-x).log1p().clamp_min(Scalar(-100)) - x.log().clamp_min(Scalar(-100)));
  });
}

void logits_backward(Backward& b) {
  Tensor x = b.saved("input"), y = b.saved("target"), positive = b.saved("pos_weight");
  Tensor grad = weighted_gradient(b);
  b.wrt("input", [&] {
    if (!positive.defined()) return (x.sigmoid() - y) * grad;
    Tensor counted = positive * y;
    return ((counted + 1 - y) * x.sigmoid() - counted) * grad;
  });
  b.wrt("target", [&] {
    if (!positive.defined()) return -x * grad;
    return grad * ((-x).sigmoid().log() - positive * x.sigmoid().log());
  });
}

}  // namespace

constinit const Op op::_binary_cross_entropy = {
    .schema =
        "_binary_cross_entropy(Tensor input, Tensor target, Tensor? weight, int reduction) -> "
        "Tensor",
    .doc = "-(target log(input) + (1 - target) log(1 - input)), weighted.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input, const Tensor& target, const Tensor& weight, int64_t reduction) {
          return bce_forward(input, target, weight, LossReduction(reduction));
        }),
    .save = "input, target, weight",
    .constants = "weight",
    .backward = bce_backward,
};

constinit const Op op::binary_cross_entropy = {
    .schema =
        "binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "-(target log(input) + (1 - target) log(1 - input)) of probabilities, weighted.",
    .examples =
        "F.binary_cross_entropy(rand(3, 4), rand(3, 4))\n"
        "F.binary_cross_entropy(rand(3, 4), rand(3, 4), weight=rand(4), reduction='none')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      Bool size_average, Bool reduce, std::string_view reduction) {
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      check(same(input.shape(), target.shape()), ErrorKind::Value, "Using a target size (",
            size_text(target), ") that is different to the input size (", size_text(input),
            ") is deprecated. Please ensure they have the same size.");
      refuse_grad(weight, "weight", "binary_cross_entropy");
      Tensor expanded = weight.defined()
                            ? weight.expand(broadcast_shapes(target.shape(), weight.shape()))
                            : weight;
      return rushlight::_binary_cross_entropy(input, target, expanded, int64_t(chosen));
    }),
};

constinit const Op op::_binary_cross_entropy_with_logits = {
    .schema =
        "_binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight, "
        "Tensor? pos_weight, int reduction) -> Tensor",
    .doc = "binary_cross_entropy of sigmoid(input), without its loss of precision.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      const Tensor& pos_weight, int64_t reduction) {
      return logits_forward(input, target, weight, pos_weight, LossReduction(reduction));
    }),
    .save = "input, target, weight, pos_weight",
    .constants = "weight, pos_weight",
    .backward = logits_backward,
};

constinit const Op op::binary_cross_entropy_with_logits = {
    .schema =
        "binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean', "
        "Tensor? pos_weight=None) -> Tensor",
    .doc =
        "binary_cross_entropy of sigmoid(input), without its loss of precision; `pos_weight` "
        "multiplies the losses of positive targets.",
    .examples =
        "F.binary_cross_entropy_with_logits(randn(3, 4), rand(3, 4))\n"
        "F.binary_cross_entropy_with_logits(randn(3, 4), rand(3, 4), rand(4), reduction='sum')\n"
        "F.binary_cross_entropy_with_logits(randn(3, 4), rand(3, 4), pos_weight=rand(4))",
    .variants = "nn",
    .compose =
        run([](const Tensor& input, const Tensor& target, const Tensor& weight, Bool size_average,
               Bool reduce, std::string_view reduction, const Tensor& pos_weight) {
          LossReduction chosen = loss_reduction(size_average, reduce, reduction);
          check(same(input.shape(), target.shape()), ErrorKind::Value, "Target size (",
                size_text(target), ") must be the same as input size (", size_text(input), ")");
          refuse_grad(weight, "weight", "binary_cross_entropy_with_logits");
          refuse_grad(pos_weight, "pos_weight", "binary_cross_entropy_with_logits");
          check(is_floating(input.dtype()), ErrorKind::NotImplemented,
                "\"log_sigmoid_cpu\" not implemented for '", info(input.dtype()).spoken, "'");
          return rushlight::_binary_cross_entropy_with_logits(input, target, weight, pos_weight,
                                                              int64_t(chosen));
        }),
};

constinit const Op op::kl_div = {
    .schema =
        "kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, "
        "str reduction='mean', bool log_target=False) -> Tensor",
    .doc =
        "Kullback-Leibler divergence of `target`'s distribution from that whose logarithms `input` "
        "holds; 'batchmean' divides the sum by the size of dim 0.",
    .examples =
        "F.kl_div(randn(3, 4), rand(3, 4), reduction='batchmean')\n"
        "F.kl_div(randn(3, 4), randn(3, 4), reduction='sum', log_target=True)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, Bool size_average, Bool reduce,
                      std::string_view reduction, bool log_target) {
      bool batch_mean = !size_average && !reduce && reduction == "batchmean";
      if (!size_average && !reduce && reduction == "mean") {
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.");
      }
      LossReduction chosen =
          batch_mean ? LossReduction::Sum : loss_reduction(size_average, reduce, reduction);
      check(is_floating(input.dtype()) && is_floating(target.dtype()),
            "kl_div: Integral inputs not supported.");
      Tensor losses =
          log_target ? target.exp() * (target - input) : target.xlogy(target) - target * input;
      Tensor result = reduce_loss(losses, chosen);
      return batch_mean && input.dim() > 0 ? result / input.size(0) : result;
    }),
};

}  // namespace rushlight
