// Losses: how far the outputs are from the targets.

#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

constinit const LayerEntry layer::MSELoss = {
    .schema = "MSELoss(bool? size_average=None, bool? reduce=None, str reduction='mean') -> ()",
    .doc = "Squares of differences.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward = [](Layer& layer,
                  Tensors x) { return mse_loss(x[0], x[1], {}, {}, layer.text("reduction")); },
};

constinit const LayerEntry layer::L1Loss = {
    .schema = "L1Loss(bool? size_average=None, bool? reduce=None, str reduction='mean') -> ()",
    .doc = "Magnitudes of differences.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward = [](Layer& layer,
                  Tensors x) { return l1_loss(x[0], x[1], {}, {}, layer.text("reduction")); },
};

constinit const LayerEntry layer::SmoothL1Loss = {
    .schema =
        "SmoothL1Loss(bool? size_average=None, bool? reduce=None, str reduction='mean', float "
        "beta=1.0) -> ()",
    .doc = "Quadratic where a difference is below `beta`, linear beyond.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return smooth_l1_loss(x[0], x[1], {}, {}, layer.text("reduction"), layer.real("beta"));
        },
};

constinit const LayerEntry layer::HuberLoss = {
    .schema = "HuberLoss(str reduction='mean', float delta=1.0) -> ()",
    .doc = "Quadratic where a difference is below `delta`, linear beyond.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return huber_loss(x[0], x[1], layer.text("reduction"), layer.real("delta"));
        },
};

constinit const LayerEntry layer::NLLLoss = {
    .schema =
        "NLLLoss(Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? "
        "reduce=None, str reduction='mean') -> ()",
    .doc = "Negative log-likelihood of class `target` under log-probabilities.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight",
    .forward =
        [](Layer& layer, Tensors x) {
          return nll_loss(x[0], x[1], layer.tensor("weight"), {}, layer.integer("ignore_index"), {},
                          layer.text("reduction"));
        },
};

constinit const LayerEntry layer::CrossEntropyLoss = {
    .schema =
        "CrossEntropyLoss(Tensor? weight=None, bool? size_average=None, int ignore_index=-100, "
        "bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> ()",
    .doc = "Negative log-likelihood of class `target` under unnormalised scores.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight",
    .forward =
        [](Layer& layer, Tensors x) {
          return cross_entropy(x[0], x[1], layer.tensor("weight"), {},
                               layer.integer("ignore_index"), {}, layer.text("reduction"),
                               layer.real("label_smoothing"));
        },
};

constinit const LayerEntry layer::BCELoss = {
    .schema =
        "BCELoss(Tensor? weight=None, bool? size_average=None, bool? reduce=None, str "
        "reduction='mean') -> ()",
    .doc = "Cross-entropy of two classes, of probabilities.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight",
    .forward =
        [](Layer& layer, Tensors x) {
          return binary_cross_entropy(x[0], x[1], layer.tensor("weight"), {}, {},
                                      layer.text("reduction"));
        },
};

constinit const LayerEntry layer::BCEWithLogitsLoss = {
    .schema =
        "BCEWithLogitsLoss(Tensor? weight=None, bool? size_average=None, bool? reduce=None, str "
        "reduction='mean', Tensor? pos_weight=None) -> ()",
    .doc = "Cross-entropy of two classes, of unnormalised scores.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight, pos_weight",
    .forward =
        [](Layer& layer, Tensors x) {
          return binary_cross_entropy_with_logits(x[0], x[1], layer.tensor("weight"), {}, {},
                                                  layer.text("reduction"),
                                                  layer.tensor("pos_weight"));
        },
};

constinit const LayerEntry layer::KLDivLoss = {
    .schema =
        "KLDivLoss(bool? size_average=None, bool? reduce=None, str reduction='mean', bool "
        "log_target=False) -> ()",
    .doc = "Kullback-Leibler divergence of log-probabilities from `target`.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return kl_div(x[0], x[1], {}, {}, layer.text("reduction"), layer.flag("log_target"));
        },
};

constinit const LayerEntry layer::PoissonNLLLoss = {
    .schema =
        "PoissonNLLLoss(bool log_input=True, bool full=False, bool? size_average=None, float "
        "eps=1e-08, bool? reduce=None, str reduction='mean') -> ()",
    .doc = "Negative log-likelihood of Poisson counts.",
    .file = "loss",
    .inputs = "Tensor log_input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return poisson_nll_loss(x[0], x[1], layer.flag("log_input"), layer.flag("full"), {},
                                  layer.real("eps"), {}, layer.text("reduction"));
        },
};

constinit const LayerEntry layer::GaussianNLLLoss = {
    .schema = "GaussianNLLLoss(*, bool full=False, float eps=1e-06, str reduction='mean') -> ()",
    .doc = "Negative log-likelihood of normal numbers with given variances.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target, Tensor|Scalar var",
    .forward =
        [](Layer& layer, Tensors x) {
          return gaussian_nll_loss(x[0], x[1], x[2], layer.flag("full"), layer.real("eps"),
                                   layer.text("reduction"));
        },
};

constinit const LayerEntry layer::CosineEmbeddingLoss = {
    .schema =
        "CosineEmbeddingLoss(float margin=0.0, bool? size_average=None, bool? reduce=None, str "
        "reduction='mean') -> ()",
    .doc = "Cosine distances of pairs that belong together (1) or do not (-1).",
    .file = "loss",
    .inputs = "Tensor input1, Tensor input2, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return cosine_embedding_loss(x[0], x[1], x[2], layer.real("margin"), {}, {},
                                       layer.text("reduction"));
        },
};

constinit const LayerEntry layer::HingeEmbeddingLoss = {
    .schema =
        "HingeEmbeddingLoss(float margin=1.0, bool? size_average=None, bool? reduce=None, str "
        "reduction='mean') -> ()",
    .doc = "Distances of pairs that belong together (1) or do not (-1).",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return hinge_embedding_loss(x[0], x[1], layer.real("margin"), {}, {},
                                      layer.text("reduction"));
        },
};

constinit const LayerEntry layer::MarginRankingLoss = {
    .schema =
        "MarginRankingLoss(float margin=0.0, bool? size_average=None, bool? reduce=None, str "
        "reduction='mean') -> ()",
    .doc = "How much the wrong one of two scores leads.",
    .file = "loss",
    .inputs = "Tensor input1, Tensor input2, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return margin_ranking_loss(x[0], x[1], x[2], layer.real("margin"), {}, {},
                                     layer.text("reduction"));
        },
};

constinit const LayerEntry layer::TripletMarginLoss = {
    .schema =
        "TripletMarginLoss(float margin=1.0, float p=2.0, float eps=1e-06, bool swap=False, bool? "
        "size_average=None, bool? reduce=None, str reduction='mean') -> ()",
    .doc = "How much nearer the negative is than the positive.",
    .file = "loss",
    .inputs = "Tensor anchor, Tensor positive, Tensor negative",
    .build =
        [](Layer& layer, const Arguments&) {
          check(layer.real("margin") > 0, ErrorKind::Value,
                "TripletMarginLoss: expected margin to be greater than 0, got ",
                to_string(*layer.find_setting("margin")), " instead");
        },
    .forward =
        [](Layer& layer, Tensors x) {
          return triplet_margin_loss(x[0], x[1], x[2], layer.real("margin"), layer.real("p"),
                                     layer.real("eps"), layer.flag("swap"), {}, {},
                                     layer.text("reduction"));
        },
};

constinit const LayerEntry layer::SoftMarginLoss = {
    .schema =
        "SoftMarginLoss(bool? size_average=None, bool? reduce=None, str reduction='mean') -> ()",
    .doc = "`log(1 + exp(-target * input))`.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return soft_margin_loss(x[0], x[1], {}, {}, layer.text("reduction"));
        },
};

constinit const LayerEntry layer::MultiMarginLoss = {
    .schema =
        "MultiMarginLoss(int p=1, Scalar margin=1.0, Tensor? weight=None, bool? size_average=None, "
        "bool? reduce=None, str reduction='mean') -> ()",
    .doc = "How much the scores of wrong classes come near that of class `target`.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          int64_t p = layer.integer("p");
          check(p == 1 || p == 2, ErrorKind::Value, "only p == 1 and p == 2 supported");
          const Tensor& weight = arguments["weight"].tensor_or_undefined();
          check(!weight.defined() || weight.dim() == 1, ErrorKind::Value,
                "MultiMarginLoss: expected weight to be None or 1D tensor, got ",
                weight.defined() ? weight.dim() : 0, "D instead");
        },
    .forward =
        [](Layer& layer, Tensors x) {
          return multi_margin_loss(x[0], x[1], layer.integer("p"), layer.real("margin"),
                                   layer.tensor("weight"), {}, {}, layer.text("reduction"));
        },
};

constinit const LayerEntry layer::MultiLabelMarginLoss = {
    .schema =
        "MultiLabelMarginLoss(bool? size_average=None, bool? reduce=None, str reduction='mean') -> "
        "()",
    .doc = "How much the scores of wrong classes come near those of the classes in `target`.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .forward =
        [](Layer& layer, Tensors x) {
          return multilabel_margin_loss(x[0], x[1], {}, {}, layer.text("reduction"));
        },
};

constinit const LayerEntry layer::MultiLabelSoftMarginLoss = {
    .schema =
        "MultiLabelSoftMarginLoss(Tensor? weight=None, bool? size_average=None, bool? reduce=None, "
        "str reduction='mean') -> ()",
    .doc = "The mean over classes of the binary cross-entropy of each class's score.",
    .file = "loss",
    .inputs = "Tensor input, Tensor target",
    .tensors = "weight",
    .forward =
        [](Layer& layer, Tensors x) {
          return multilabel_soft_margin_loss(x[0], x[1], layer.tensor("weight"), {}, {},
                                             layer.text("reduction"));
        },
};

constinit const LayerEntry layer::CosineSimilarity = {
    .schema = "CosineSimilarity(int dim=1, float eps=1e-08) -> ()",
    .doc = "The cosine of the angle between vectors along `dim`.",
    .file = "distance",
    .inputs = "Tensor x1, Tensor x2",
    .forward =
        [](Layer& layer, Tensors x) {
          return cosine_similarity(x[0], x[1], layer.integer("dim"), layer.real("eps"));
        },
};

constinit const LayerEntry layer::PairwiseDistance = {
    .schema = "PairwiseDistance(float p=2.0, float eps=1e-06, bool keepdim=False) -> ()",
    .doc = "The p-norm of the difference of vectors.",
    .file = "distance",
    .inputs = "Tensor x1, Tensor x2",
    .forward =
        [](Layer& layer, Tensors x) {
          return pairwise_distance(x[0], x[1], layer.real("p"), layer.real("eps"),
                                   layer.flag("keepdim"));
        },
};

}  // namespace rushlight::nn
