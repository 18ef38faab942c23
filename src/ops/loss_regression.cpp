// Losses of regression: squares, absolute values and what lies between them.

#include <rushlight/operators.h>

#include "ops/loss.h"
#include "ops/reduce.h"

#include <cmath>
#include <numbers>

namespace rushlight {

namespace {

void check_floating(const Tensor& input, const Tensor& target, const char* kernel) {
  Promotion promotion;
  promotion.add(input);
  promotion.add(target);
  check(is_floating(promotion.result()), ErrorKind::NotImplemented, "\"", kernel,
        "\" not implemented for '", info(promotion.result()).spoken,
        "'; convert the input and the target with .float()");
}

/// Number of elements of the losses: of the operands' common shape.
int64_t loss_count(const Backward& b) {
  Ints input = b.shape("input"), target = b.shape("target");
  if (same(input, target)) return count_elements(input);
  return count_elements(broadcast_shapes(input, target));
}

Tensor mse_forward(const Tensor& input, const Tensor& target, LossReduction reduction) {
  check_floating(input, target, "mse_cpu");
  Tensor difference = input - target;
  if (reduction == LossReduction::None) return difference * difference;
  DType dtype = difference.dtype();
  DType sum_dtype = is_half(dtype) ? DType::Float32 : dtype;
  Tensor sum = reduce(Reduction::SumOfSquares, difference, {}, false, dtype, sum_dtype);
  if (reduction == LossReduction::Mean && sum.impl()->device == DeviceType::Cpu) {
    if (sum_dtype == DType::Float32)
      *sum.data<float>() /= float(difference.numel());
    else
      *sum.data<double>() /= double(difference.numel());
  }
  return sum_dtype == dtype ? sum : sum.to(dtype);
}

/// 2 (input - target), of the mean over its elements, times the gradient.
Tensor mse_gradient(Backward& b, const Tensor& difference) {
  bool mean = b.integer("reduction") == int64_t(LossReduction::Mean);
  return difference * (b.grad() * (mean ? 2.0 / double(loss_count(b)) : 2.0));
}

/// The weighted losses' sum or their mean: over the sum of the weights, or over their number.
Tensor weighted(const Tensor& losses, const Tensor& weight, const Tensor& input,
                LossReduction reduction, bool by_weight) {
  check(same(weight.shape(), input.shape()), ErrorKind::Value,
        "Weights and input must have the same size. They are ", to_string(weight.shape()), " and ",
        to_string(input.shape()));
  Tensor products = losses * weight;
  if (by_weight && reduction == LossReduction::Mean) return products.sum() / weight.sum();
  return reduce_loss(products, reduction);
}

using Bool = std::optional<bool>;

}  // namespace

constinit const Op op::_mse_loss = {
    .schema = "_mse_loss(Tensor input, Tensor target, int reduction) -> Tensor",
    .doc = "Squares of differences; their mean or sum.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, int64_t reduction) {
      return mse_forward(input, target, LossReduction(reduction));
    }),
    .save = "input, target",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return mse_gradient(b, b.saved("input") - b.saved("target")); });
          b.wrt("target", [&] { return mse_gradient(b, b.saved("target") - b.saved("input")); });
        },
};

constinit const Op op::mse_loss = {
    .schema =
        "mse_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, "
        "str reduction='mean', Tensor? weight=None) -> Tensor",
    .doc = "The mean (or sum) of (input - target)^2, or all of them with reduction='none'.",
    .examples =
        "F.mse_loss(randn(3, 4), randn(3, 4))\n"
        "F.mse_loss(randn(3, 4), randn(3, 4), reduction='sum')\n"
        "F.mse_loss(randn(3, 4), randn(3, 4), reduction='none')\n"
        "F.mse_loss(randn(3, 4), randn(3, 4), weight=rand(3, 4))",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, Bool size_average, Bool reduce,
                      std::string_view reduction, const Tensor& weight) {
      warn_broadcast(input, target);
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      if (!weight.defined()) return rushlight::_mse_loss(input, target, int64_t(chosen));
      return weighted((input - target).square(), weight, input, chosen, true);
    }),
};

constinit const Op op::l1_loss = {
    .schema =
        "l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, "
        "str reduction='mean', Tensor? weight=None) -> Tensor",
    .doc = "The mean (or sum) of |input - target|, or all of them with reduction='none'.",
    .examples =
        "F.l1_loss(randn(3, 4), randn(3, 4))\n"
        "F.l1_loss(randn(3, 4), randn(3, 4), reduction='none')\n"
        "F.l1_loss(randn(3, 4), randn(3, 4), weight=rand(3, 4))",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, Bool size_average, Bool reduce,
                      std::string_view reduction, const Tensor& weight) {
      warn_broadcast(input, target);
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      Tensor losses = (input - target).abs();
      if (!weight.defined()) return reduce_loss(losses, chosen);
      return weighted(losses, weight, input, chosen, true);
    }),
};

constinit const Op op::_smooth_l1_loss = {
    .schema = "_smooth_l1_loss(Tensor input, Tensor target, int reduction, float beta) -> Tensor",
    .doc = "(x - y)^2 / (2 beta) where |x - y| < beta, |x - y| - beta / 2 elsewhere.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, int64_t reduction, double beta) {
      check_floating(input, target, "smooth_l1_cpu");
      Tensor distance = (input - target).abs();
      Tensor losses = rushlight::where(distance < beta, distance * distance * (0.5 / beta),
                                       distance - 0.5 * beta);
      return reduce_loss(losses, LossReduction(reduction));
    }),
    .save = "input, target",
    .backward =
        [](Backward& b) {
          LossReduction reduction = LossReduction(b.integer("reduction"));
          Tensor slope = (b.saved("input") - b.saved("target")) / b.argument<double>("beta");
          Tensor gradient = slope.clamp(Scalar(-1), Scalar(1)) *
                            loss_gradient(b.grad(), reduction, loss_count(b));
          b.wrt("input", [&] { return gradient; });
          b.wrt("target", [&] { return -gradient; });
        },
    .node = "SmoothL1LossBackward0",
};

constinit const Op op::smooth_l1_loss = {
    .schema =
        "smooth_l1_loss(Tensor input, Tensor target, bool? size_average=None, "
        "bool? reduce=None, str reduction='mean', float beta=1.0) -> Tensor",
    .doc = "The absolute difference, made a parabola where it is below `beta`.",
    .examples =
        "F.smooth_l1_loss(randn(3, 4), randn(3, 4))\n"
        "F.smooth_l1_loss(randn(3, 4), randn(3, 4), reduction='none', beta=0.5)\n"
        "F.smooth_l1_loss(randn(3, 4), randn(3, 4), beta=0)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, Bool size_average, Bool reduce,
                      std::string_view reduction, double beta) {
      warn_broadcast(input, target);
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      check(beta >= 0, "smooth_l1_loss does not support negative values for beta. Got ",
            Scalar(beta));
      if (beta == 0) return reduce_loss((input - target).abs(), chosen);
      return rushlight::_smooth_l1_loss(input, target, int64_t(chosen), beta);
    }),
};

constinit const Op op::_huber_loss = {
    .schema = "_huber_loss(Tensor input, Tensor target, int reduction, float delta) -> Tensor",
    .doc = "(x - y)^2 / 2 where |x - y| < delta, delta (|x - y| - delta / 2) elsewhere.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, int64_t reduction, double delta) {
      check_floating(input, target, "huber_cpu");
      Tensor distance = (input - target).abs();
      Tensor losses = rushlight::where(distance < delta, distance * distance * 0.5,
                                       (distance - 0.5 * delta) * delta);
      return reduce_loss(losses, LossReduction(reduction));
    }),
    .save = "input, target",
    .backward =
        [](Backward& b) {
          LossReduction reduction = LossReduction(b.integer("reduction"));
          double delta = b.argument<double>("delta");
          Tensor difference = b.saved("input") - b.saved("target");
          Tensor gradient = difference.clamp(Scalar(-delta), Scalar(delta)) *
                            loss_gradient(b.grad(), reduction, loss_count(b));
          b.wrt("input", [&] { return gradient; });
          b.wrt("target", [&] { return -gradient; });
        },
};

constinit const Op op::huber_loss = {
    .schema =
        "huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, "
        "Tensor? weight=None) -> Tensor",
    .doc = "Half the square of the difference, continued as a line above `delta`.",
    .examples =
        "F.huber_loss(randn(3, 4), randn(3, 4))\n"
        "F.huber_loss(randn(3, 4), randn(3, 4), reduction='none', delta=0.5)\n"
        "F.huber_loss(randn(3, 4), randn(3, 4), weight=rand(3, 4))",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, std::string_view reduction,
                      double delta, const Tensor& weight) {
      warn_broadcast(input, target);
      LossReduction chosen = loss_reduction({}, {}, reduction);
      check(delta > 0, "huber_loss does not support non-positive values for delta. Got ",
            Scalar(delta));
      if (!weight.defined()) return rushlight::_huber_loss(input, target, int64_t(chosen), delta);
      Tensor losses = rushlight::_huber_loss(input, target, int64_t(LossReduction::None), delta);
      return weighted(losses, weight, input, chosen, false);
    }),
};

constinit const Op op::poisson_nll_loss = {
    .schema =
        "poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, "
        "bool? size_average=None, float eps=1e-08, bool? reduce=None, str reduction='mean') -> "
        "Tensor",
    .doc =
        "Negative log-likelihood of counts under a Poisson distribution, of which `input` gives "
        "the rates or their logarithms; `full` adds Stirling's term.",
    .examples =
        "F.poisson_nll_loss(randn(3, 4), rand(3, 4) * 5)\n"
        "F.poisson_nll_loss(rand(3, 4), rand(3, 4) * 5, log_input=False, full=True)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, bool log_input, bool full,
                      Bool size_average, double eps, Bool reduce, std::string_view reduction) {
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      Tensor losses =
          log_input ? input.exp() - target * input : input - target * (input + eps).log();
      if (full) {
        Tensor stirling =
            target * target.log() - target + 0.5 * (2 * std::numbers::pi * target).log();
        losses = losses + rushlight::where(target <= 1, 0, stirling);
      }
      return reduce_loss(losses, chosen);
    }),
};

constinit const Op op::gaussian_nll_loss = {
    .schema =
        "gaussian_nll_loss(Tensor input, Tensor target, Tensor|Scalar var, bool full=False, "
        "float eps=1e-06, str reduction='mean') -> Tensor",
    .doc = "Negative log-likelihood under normal distributions of mean `input`, variance `var`.",
    .examples =
        "F.gaussian_nll_loss(randn(3, 4), randn(3, 4), rand(3, 4))\n"
        "F.gaussian_nll_loss(randn(3, 4), randn(3, 4), rand(3), full=True, reduction='sum')\n"
        "F.gaussian_nll_loss(randn(3, 4), randn(3, 4), 0.5)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, const TensorOrScalar& given,
                      bool full, double eps, std::string_view reduction) {
      Tensor variance =
          given.is_tensor() ? given.tensor() : rushlight::ones_like(input) * given.scalar();
      check(!(variance < 0).any().item<bool>(), ErrorKind::Value, "var has negative entry/entries");
      if (!same(variance.shape(), input.shape())) {
        bool one_short = variance.dim() + 1 == input.dim() &&
                         same(variance.shape(), input.shape().first(variance.shape().size()));
        int64_t mismatches = 0;
        for (int64_t i = 0; variance.dim() == input.dim() && i < input.dim(); ++i) {
          if (variance.size(i) != input.size(i)) mismatches += variance.size(i);
        }
        check(one_short || mismatches == 1, ErrorKind::Value,
              "var is of incorrect size: ", to_string(variance.shape()), " for the input ",
              to_string(input.shape()));
        if (one_short) variance = variance.unsqueeze(-1);
      }
      LossReduction chosen = loss_reduction({}, {}, reduction);
      // The gradient passes the clamp unchanged, as in PyTorch.
      variance = variance.clone();
      variance.detach().clamp_(Scalar(eps));
      Tensor losses = 0.5 * (variance.log() + (input - target).square() / variance);
      if (full) losses = losses + 0.5 * std::log(2 * std::numbers::pi);
      return reduce_loss(losses, chosen);
    }),
};

}  // namespace rushlight
