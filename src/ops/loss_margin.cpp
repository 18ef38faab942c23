// Losses that ask for a margin between what belongs together and what does not.

#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "ops/loss.h"

namespace rushlight {

Tensor margin_ranking(const Tensor& input1, const Tensor& input2, const Tensor& target,
                      double margin, LossReduction reduction) {
  return reduce_loss((-target * (input1 - input2) + margin).clamp_min(0), reduction);
}

namespace {

using OptionalBool = std::optional<bool>;

Tensor margin_ranking_of_one_dim(const Tensor& input, const Tensor& input2, const Tensor& target,
                                 double margin, OptionalBool size_average, OptionalBool reduce,
                                 std::string_view reduction) {
  check(
      target.dim() == input.dim() && target.dim() == input2.dim(),
      "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: ",
      size_text(input), ", input2: ", size_text(input2), ", target: ", size_text(target), " ");
  return margin_ranking(input, input2, target, margin,
                        loss_reduction(size_average, reduce, reduction));
}

Tensor hinge_embedding(const Tensor& input, const Tensor& target, double margin,
                       OptionalBool size_average, OptionalBool reduce, std::string_view reduction) {
  // Integers stay integers, as in PyTorch, and so have no mean.
  Tensor distance = (full_like(input, margin) - input).clamp_min(0), none = zeros_like(input);
  Tensor apart = where(target == 1, none, distance), together = where(target == -1, none, input);
  return reduce_loss(apart + together, loss_reduction(size_average, reduce, reduction));
}

Tensor cosine_embedding(const Tensor& input, const Tensor& input2, const Tensor& target,
                        double margin, OptionalBool size_average, OptionalBool reduce,
                        std::string_view reduction) {
  constexpr double kTiny = 1e-12;  // PyTorch's guard against a norm of 0
  check(target.dim() <= 1, "0D or 1D target tensor expected, multi-target not supported");
  check(input.dim() == target.dim() + 1 && input2.dim() == target.dim() + 1, target.dim(),
        "D target tensor expects ", target.dim() + 1,
        "D input tensors, but found inputs with sizes ", to_string(input.shape()), " and ",
        to_string(input2.shape()), ".");
  const int64_t dim = target.dim();
  Tensor product = (input * input2).sum(Ints(dim));
  Tensor size1 = (input * input).sum(Ints(dim)) + kTiny;
  Tensor size2 = (input2 * input2).sum(Ints(dim)) + kTiny;
  Tensor cosine = product / (size1 * size2).sqrt(), none = zeros_like(cosine);
  Tensor together = where(target == 1, 1 - cosine, none);
  Tensor apart = where(target == -1, (cosine - margin).clamp_min(0), none);
  return reduce_loss(together + apart, loss_reduction(size_average, reduce, reduction));
}

Tensor triplet_margin(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                      double margin, double p, double eps, bool swap, OptionalBool size_average,
                      OptionalBool reduce, std::string_view reduction) {
  check(margin > 0, ErrorKind::Value, "margin must be greater than 0, got ", Scalar(margin));
  check(anchor.dim() == positive.dim() && anchor.dim() == negative.dim(),
        "The anchor, positive, and negative tensors are expected to have the same number of "
        "dimensions, but got: anchor ",
        anchor.dim(), "D, positive ", positive.dim(), "D, and negative ", negative.dim(),
        "D inputs");
  Tensor near = pairwise_distance(anchor, positive, p, eps);
  Tensor far = pairwise_distance(anchor, negative, p, eps);
  if (swap) far = minimum(far, pairwise_distance(positive, negative, p, eps));
  Tensor losses = (margin + near - far).clamp_min(0);
  return reduce_loss(losses, loss_reduction(size_average, reduce, reduction));
}

Tensor soft_margin(const Tensor& input, const Tensor& target, OptionalBool size_average,
                   OptionalBool reduce, std::string_view reduction) {
  check(is_floating(input.dtype()), "result type Float can't be cast to the desired output type ",
        info(input.dtype()).spoken);
  check(!target.requires_grad() || !autograd::grad_enabled(),
        "The function 'soft_margin_loss' is not differentiable with respect to argument 'target'. "
        "This input cannot have requires_grad True.");
  Tensor losses = (-target * input).exp().log1p();
  check(same(losses.shape(), input.shape()), "output with shape ", to_string(input.shape()),
        " doesn't match the broadcast shape ", to_string(losses.shape()));
  return reduce_loss(losses, loss_reduction(size_average, reduce, reduction));
}

}  // namespace

constinit const Op op::margin_ranking_loss = {
    .schema =
        "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "max(0, -target * (input1 - input2) + margin): how much the wrong score leads.",
    .examples = "F.margin_ranking_loss(randn(4), randn(4), randn(4).sign(), margin=0.5)",
    .variants = "nn",
    .compose = run<margin_ranking_of_one_dim>(),
};

constinit const Op op::hinge_embedding_loss = {
    .schema =
        "hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "The distance where target is 1, max(0, margin - distance) where it is -1.",
    .examples = "F.hinge_embedding_loss(randn(4, 3), randn(4, 3).sign())",
    .variants = "nn",
    .compose = run<hinge_embedding>(),
};

constinit const Op op::cosine_embedding_loss = {
    .schema =
        "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, "
        "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "1 - cosine where target is 1, max(0, cosine - margin) where it is -1.",
    .examples = "F.cosine_embedding_loss(randn(4, 3), randn(4, 3), randn(4).sign())",
    .variants = "nn",
    .compose = run<cosine_embedding>(),
};

constinit const Op op::triplet_margin_loss = {
    .schema =
        "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, "
        "float p=2, float eps=1e-06, bool swap=False, bool? size_average=None, "
        "bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "max(0, margin + |anchor - positive| - |anchor - negative|).",
    .examples = "F.triplet_margin_loss(randn(4, 3), randn(4, 3), randn(4, 3), swap=True)",
    .variants = "nn",
    .compose = run<triplet_margin>(),
};

constinit const Op op::soft_margin_loss = {
    .schema =
        "soft_margin_loss(Tensor input, Tensor target, bool? size_average=None, "
        "bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "log(1 + exp(-target * input)).",
    .examples = "F.soft_margin_loss(randn(4, 3), randn(4, 3).sign())",
    .variants = "nn",
    .compose = run<soft_margin>(),
};

}  // namespace rushlight
