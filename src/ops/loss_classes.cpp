// Losses that ask for a margin between the scores of classes, of one or several that are right.

#include <rushlight/operators.h>

#include "ops/loss.h"

namespace rushlight {

namespace {

using OptionalBool = std::optional<bool>;

/// (classes) as (1, classes); targets likewise.
Tensor as_rows(const Tensor& tensor) {
  return tensor.dim() < 2 ? tensor.reshape({{1, -1}}) : tensor;
}

void check_scores(const Tensor& input) {
  bool fits = input.dim() <= 2 && (input.dim() < 1 || input.shape().back() != 0);
  check(fits, "Expected non-empty vector or matrix with optional 0-dim batch size, but got: ",
        to_string(input.shape()));
}

// -- One right class ------------------------------------------------------------------------------

void check_multi_margin(const Tensor& input, const Tensor& target, int64_t p,
                        const Tensor& weight) {
  check(p == 1 || p == 2, ErrorKind::Value, "only p == 1 and p == 2 supported");
  check_scores(input);
  int64_t rows = input.dim() == 2 ? input.size(0) : 1;
  check(target.dim() <= 1 && target.numel() == rows,
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
        "samples (batch size). Expected target size [",
        rows, "], but got ", to_string(target.shape()), ". Input has shape ",
        to_string(input.shape()), ".");
  check(target.dtype() == DType::Int64, "expected scalar type Long but found ",
        info(target.dtype()).spoken);
  int64_t classes = input.dim() == 0 ? 1 : input.shape().back();
  check(!weight.defined() || weight.dim() == 1, ErrorKind::Value,
        "weight must be one-dimensional; got the shape ",
        to_string(weight.defined() ? weight.shape() : Ints()));
  check(!weight.defined() || weight.numel() == classes, "inconsistent weight size, expected ",
        classes, " but got ", to_string(weight.defined() ? weight.shape() : Ints()));
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"multi_margin_loss\" not implemented for '", info(input.dtype()).spoken, "'");
  if (target.numel() == 0 || target.impl()->device == DeviceType::Meta) return;
  check(((target >= 0) & (target < classes)).all().item<bool>(), "target out of range");
}

/// How far each wrong class is above the right one less the margin, at least 0.
Tensor excess(const Tensor& scores, const Tensor& target, const Scalar& margin) {
  Tensor wanted = scores.gather(1, target);
  return (scores - wanted + margin).clamp_min(0).scatter(1, target, 0);
}

Tensor weight_of_rows(const Tensor& weight, const Tensor& target) {
  return weight.defined()
             ? weight.reshape({{-1}}).index_select(0, target.reshape({{-1}})).unsqueeze(1)
             : Tensor();
}

constexpr auto multi_margin_forward = [](const Tensor& input, const Tensor& target, int64_t p,
                                         const Scalar& margin, const Tensor& weight,
                                         int64_t reduction) -> Tensor {
  Tensor scores = as_rows(input), classes = target.reshape({{-1, 1}});
  Tensor losses = excess(scores, classes, margin);
  if (p == 2) losses = losses * losses;
  if (weight.defined()) losses = losses * weight_of_rows(weight, classes);
  losses = losses.sum(Ints({1})) / double(scores.size(1));
  if (input.dim() < 2) losses = losses.reshape(target.dim() == 0 ? Ints() : Ints({1}));
  return reduce_loss(losses, LossReduction(reduction));
};

void multi_margin_backward(Backward& b) {
  b.wrt("input", [&] {
    Tensor input = b.saved("input"), weight = b.saved("weight");
    Tensor scores = as_rows(input), classes = b.saved("target").reshape({{-1, 1}});
    Tensor above = excess(scores, classes, b.scalar("margin"));
    Tensor slope = b.integer("p") == 2 ? above * 2 : (above > 0).to(scores.dtype());
    if (weight.defined()) slope = slope * weight_of_rows(weight, classes);
    slope = slope / double(scores.size(1));
    slope = slope.scatter_add(1, classes, -slope.sum(Ints({1}), true));
    auto reduction = LossReduction(b.integer("reduction"));
    Tensor grad = loss_gradient(b.grad(), reduction, scores.size(0));
    return (slope * (grad.dim() == 1 ? grad.unsqueeze(1) : grad)).reshape(input.shape());
  });
}

// -- Several right classes ------------------------------------------------------------------------

void check_multilabel_margin(const Tensor& input, const Tensor& target) {
  check_scores(input);
  check(same(input.shape(), target.shape()) || (input.dim() < 2 && target.numel() == input.numel()),
        "inconsistent target size: ", to_string(target.shape()),
        " for input of size: ", to_string(input.shape()));
  check(target.dtype() == DType::Int64, "expected scalar type Long but found ",
        info(target.dtype()).spoken);
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"multilabel_margin_loss\" not implemented for '", info(input.dtype()).spoken, "'");
  if (target.numel() == 0 || target.impl()->device == DeviceType::Meta) return;
  int64_t classes = input.dim() == 0 ? 1 : input.shape().back();
  check((target >= -1).all().item<bool>(), "multilabel_margin_loss: target must be at least -1");
  check((target < classes).all().item<bool>(),
        "multilabel_margin_loss: target out of range, there are ", classes, " classes");
}

struct Labels {
  Tensor classes;  ///< the right ones of each row, up to the first -1; 0 beyond
  Tensor counts;   ///< 1 up to there, else 0
  Tensor wrong;    ///< 1 for each class that is not right
};

Labels labels_of(const Tensor& target, DType dtype) {
  Tensor counts = (target >= 0).to(DType::Int64).cumprod(1);
  Tensor classes = target * counts;
  Tensor right = rushlight::zeros_like(target).scatter_add(1, classes, counts) > 0;
  return {classes, counts.to(dtype), (~right).to(dtype)};
}

/// For each right class (dim 1), how far each wrong one (dim 2) is above it less 1.
Tensor pairwise_excess(const Tensor& scores, const Labels& labels) {
  Tensor wanted = scores.gather(1, labels.classes).unsqueeze(2);
  return (scores.unsqueeze(1) - wanted + 1).clamp_min(0) * labels.counts.unsqueeze(2) *
         labels.wrong.unsqueeze(1);
}

constexpr auto multilabel_margin_forward = [](const Tensor& input, const Tensor& target,
                                              int64_t reduction) -> Tensor {
  Tensor scores = as_rows(input);
  Labels labels = labels_of(as_rows(target), scores.dtype());
  Tensor losses = pairwise_excess(scores, labels).sum(Ints({1, 2})) / double(scores.size(1));
  if (input.dim() < 2) losses = losses.reshape(Ints());
  return reduce_loss(losses, LossReduction(reduction));
};

void multilabel_margin_backward(Backward& b) {
  b.wrt("input", [&] {
    Tensor input = b.saved("input"), scores = as_rows(input);
    Labels labels = labels_of(as_rows(b.saved("target")), scores.dtype());
    Tensor slopes =
        (pairwise_excess(scores, labels) > 0).to(scores.dtype()) / double(scores.size(1));
    Tensor slope = slopes.sum(Ints({1})).scatter_add(1, labels.classes, -slopes.sum(Ints({2})));
    Tensor grad = loss_gradient(b.grad(), LossReduction(b.integer("reduction")), scores.size(0));
    return (slope * (grad.dim() == 1 ? grad.unsqueeze(1) : grad)).reshape(input.shape());
  });
}

}  // namespace

constinit const Op op::_multi_margin_loss = {
    .schema =
        "_multi_margin_loss(Tensor input, Tensor target, int p, Scalar margin, Tensor? weight, "
        "int reduction) -> Tensor",
    .doc = "The loss of checked arguments.",
    .examples = "",
    .variants = "private",
    .forward = run(multi_margin_forward),
    .save = "input, target, weight",
    .constants = "weight, target",
    .backward = multi_margin_backward,
};

constinit const Op op::multi_margin_loss = {
    .schema =
        "multi_margin_loss(Tensor input, Tensor target, int p=1, float margin=1.0, "
        "Tensor? weight=None, bool? size_average=None, bool? reduce=None, "
        "str reduction='mean') -> Tensor",
    .doc =
        "The mean over classes of max(0, margin - input[target] + input[class])**p, times the "
        "weight of the target.",
    .examples =
        "F.multi_margin_loss(randn(4, 3), tensor([0, 2, 1, 1]))\n"
        "F.multi_margin_loss(randn(2, 3), tensor([0, 2]), p=2, margin=0.5, weight=rand(3))\n"
        "F.multi_margin_loss(randn(4, 3), tensor([0, 2, 1, 1]), reduction='none')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, int64_t p, double margin,
                      const Tensor& weight, OptionalBool size_average, OptionalBool reduce,
                      std::string_view reduction) {
      refuse_grad(weight, "weight", "multi_margin_loss");
      LossReduction how = loss_reduction(size_average, reduce, reduction);
      check_multi_margin(input, target, p, weight);
      return rushlight::_multi_margin_loss(input, target, p, Scalar(margin), weight, int64_t(how));
    }),
};

constinit const Op op::_multilabel_margin_loss = {
    .schema = "_multilabel_margin_loss(Tensor input, Tensor target, int reduction) -> Tensor",
    .doc = "The loss of checked arguments.",
    .examples = "",
    .variants = "private",
    .forward = run(multilabel_margin_forward),
    .save = "input, target",
    .constants = "target",
    .backward = multilabel_margin_backward,
    .node = "MultilabelMarginLossBackward0",
};

constinit const Op op::multilabel_margin_loss = {
    .schema =
        "multilabel_margin_loss(Tensor input, Tensor target, bool? size_average=None, "
        "bool? reduce=None, str reduction='mean') -> Tensor",
    .doc =
        "The sum over right and wrong classes of max(0, 1 - input[right] + input[wrong]), over the "
        "number of classes; `target` lists the right ones, up to the first -1.",
    .examples =
        "F.multilabel_margin_loss(randn(2, 4), tensor([[3, 0, -1, 1], [2, -1, 0, 0]]))\n"
        "F.multilabel_margin_loss(randn(3), tensor([1, 0, -1]), reduction='sum')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, OptionalBool size_average,
                      OptionalBool reduce, std::string_view reduction) {
      LossReduction how = loss_reduction(size_average, reduce, reduction);
      check_multilabel_margin(input, target);
      return rushlight::_multilabel_margin_loss(input, target, int64_t(how));
    }),
};

constinit const Op op::multilabel_soft_margin_loss = {
    .schema =
        "multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "The mean over classes of the binary cross-entropy of each class's score.",
    .examples =
        "F.multilabel_soft_margin_loss(randn(4, 3), (randn(4, 3) > 0).float())\n"
        "F.multilabel_soft_margin_loss(randn(4, 3), rand(4, 3), rand(3), reduction='none')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      OptionalBool size_average, OptionalBool reduce, std::string_view reduction) {
      LossReduction how = loss_reduction(size_average, reduce, reduction);
      Tensor losses =
          -(target * rushlight::logsigmoid(input) + (1 - target) * rushlight::logsigmoid(-input));
      if (weight.defined()) losses = losses * weight;
      losses = losses.sum(Ints({input.dim() - 1})) / double(input.size(input.dim() - 1));
      return reduce_loss(losses, how);
    }),
};

}  // namespace rushlight
