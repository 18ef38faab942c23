// Losses as functions of torch itself: the reduction is a number, and its default is 0, as
// PyTorch's binding has it though its schemas say 1.

#include <rushlight/ops.h>

#include "ops/loss.h"

namespace rushlight {

constinit const Op op::binary_cross_entropy_with_logits_torch = {
    .schema =
        "binary_cross_entropy_with_logits.torch(Tensor input, Tensor target, "
        "Tensor? weight=None, Tensor? pos_weight=None, int reduction=0) -> Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples =
        "binary_cross_entropy_with_logits(randn(3), rand(3))\n"
        "binary_cross_entropy_with_logits(randn(3, 4), rand(3, 4), rand(4), rand(4), 2)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      const Tensor& pos_weight, int64_t reduction) {
      // As in PyTorch the input becomes as wide as the target; the target does so for pos_weight.
      Tensor wide = input.expand(target.shape());
      Tensor goal = pos_weight.defined() ? target.expand(input.shape()) : target;
      return rushlight::binary_cross_entropy_with_logits(wide, goal, weight, {}, {},
                                                         reduction_name(reduction), pos_weight);
    }),
};

constinit const Op op::kl_div_torch = {
    .schema =
        "kl_div.torch(Tensor input, Tensor target, int reduction=0, *, bool log_target=False) -> "
        "Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples =
        "kl_div(randn(3, 4), rand(3, 4))\n"
        "kl_div(randn(3, 4), randn(3, 4), 1, log_target=True)",
    .variants = "torch-only",
    .compose =
        run([](const Tensor& input, const Tensor& target, int64_t reduction, bool log_target) {
          // Not by name, for 'mean' warns.
          Tensor losses = rushlight::kl_div(input, target, {}, {}, "none", log_target);
          return reduce_loss(losses, loss_reduction({}, {}, reduction_name(reduction)));
        }),
};

constinit const Op op::hinge_embedding_loss_torch = {
    .schema =
        "hinge_embedding_loss.torch(Tensor input, Tensor target, float margin=1.0, "
        "int reduction=0) -> Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples = "hinge_embedding_loss(randn(4, 3), randn(4, 3).sign(), 0.5, 2)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input, const Tensor& target, double margin, int64_t reduction) {
      return rushlight::hinge_embedding_loss(input, target, margin, {}, {},
                                             reduction_name(reduction));
    }),
};

constinit const Op op::margin_ranking_loss_torch = {
    .schema =
        "margin_ranking_loss.torch(Tensor input1, Tensor input2, Tensor target, "
        "float margin=0.0, int reduction=0) -> Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples = "margin_ranking_loss(randn(4), randn(4), randn(4).sign(), 0.5, 1)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input1, const Tensor& input2, const Tensor& target,
                      double margin, int64_t reduction) {
      return margin_ranking(input1, input2, target, margin,
                            loss_reduction({}, {}, reduction_name(reduction)));
    }),
};

constinit const Op op::cosine_embedding_loss_torch = {
    .schema =
        "cosine_embedding_loss.torch(Tensor input1, Tensor input2, Tensor target, "
        "float margin=0.0, int reduction=0) -> Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples = "cosine_embedding_loss(randn(4, 3), randn(4, 3), randn(4).sign(), 0.5)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input1, const Tensor& input2, const Tensor& target,
                      double margin, int64_t reduction) {
      return rushlight::cosine_embedding_loss(input1, input2, target, margin, {}, {},
                                              reduction_name(reduction));
    }),
};

constinit const Op op::triplet_margin_loss_torch = {
    .schema =
        "triplet_margin_loss.torch(Tensor anchor, Tensor positive, Tensor negative, "
        "float margin=1.0, float p=2.0, float eps=1e-06, bool swap=False, int reduction=0) -> "
        "Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples =
        "triplet_margin_loss(randn(4, 3), randn(4, 3), randn(4, 3))\n"
        "triplet_margin_loss(randn(4, 3), randn(4, 3), randn(4, 3), 0.5, 1.0, 1e-3, True, 2)",
    .variants = "torch-only",
    .compose = run([](const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                      double margin, double p, double eps, bool swap, int64_t reduction) {
      return rushlight::triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, {},
                                            {}, reduction_name(reduction));
    }),
};

constinit const Op op::poisson_nll_loss_torch = {
    .schema =
        "poisson_nll_loss.torch(Tensor input, Tensor target, bool log_input, bool full, "
        "float eps, int reduction) -> Tensor",
    .doc = "nn.functional's, with the reduction 0 (none), 1 (mean) or 2 (sum).",
    .examples =
        "poisson_nll_loss(randn(3, 4), rand(3, 4) * 5, True, True, 1e-8, 1)\n"
        "poisson_nll_loss(rand(3, 4), rand(3, 4) * 5, False, False, 1e-8, 0)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input, const Tensor& target, bool log_input, bool full,
                      double eps, int64_t reduction) {
      return rushlight::poisson_nll_loss(input, target, log_input, full, {}, eps, {},
                                         reduction_name(reduction));
    }),
};

}  // namespace rushlight
