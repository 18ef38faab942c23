// Dropout: noise that stands in for many networks (Srivastava et al., 2014).

#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

void check_probability(Layer& layer, const Arguments&) {
  double p = layer.real("p");
  check(p >= 0 && p <= 1, ErrorKind::Value,
        "dropout probability has to be between 0 and 1, but got ",
        to_string(*layer.find_setting("p")));
}

}  // namespace

constinit const LayerEntry layer::Dropout = {
    .schema = "Dropout(Scalar p=0.5, bool inplace=False) -> ()",
    .doc =
        "Zeroes elements with probability `p` while training, and scales the others by 1 / (1 - "
        "p).",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return dropout(x[0], layer.real("p"), layer.is_training(), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::Dropout1d = {
    .schema = "Dropout1d(Scalar p=0.5, bool inplace=False) -> ()",
    .doc = "Zeroes whole channels of (N, C, L) while training.",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return dropout1d(x[0], layer.real("p"), layer.is_training(), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::Dropout2d = {
    .schema = "Dropout2d(Scalar p=0.5, bool inplace=False) -> ()",
    .doc = "Zeroes whole channels of (N, C, H, W) while training.",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return dropout2d(x[0], layer.real("p"), layer.is_training(), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::Dropout3d = {
    .schema = "Dropout3d(Scalar p=0.5, bool inplace=False) -> ()",
    .doc = "Zeroes whole channels of (N, C, D, H, W) while training.",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return dropout3d(x[0], layer.real("p"), layer.is_training(), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::AlphaDropout = {
    .schema = "AlphaDropout(Scalar p=0.5, bool inplace=False) -> ()",
    .doc = "Dropout that keeps mean 0 and variance 1 after SELU.",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return alpha_dropout(x[0], layer.real("p"), layer.is_training(), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::FeatureAlphaDropout = {
    .schema = "FeatureAlphaDropout(Scalar p=0.5, bool inplace=False) -> ()",
    .doc = "AlphaDropout of whole channels.",
    .file = "dropout",
    .repr = "p={p}, inplace={inplace}",
    .build = check_probability,
    .forward =
        [](Layer& layer, Tensors x) {
          return feature_alpha_dropout(x[0], layer.real("p"), layer.is_training(),
                                       layer.flag("inplace"));
        },
};

}  // namespace rushlight::nn
