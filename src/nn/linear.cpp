// Layers that multiply by matrices, and those that only reshape.

#include <rushlight/nn/init.h>
#include <rushlight/ops.h>

#include <cmath>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

/// A parameter of this shape, or the name alone if it is not wanted.
void parameter(Layer& layer, const char* name, const Arguments& arguments, Ints shape,
               bool wanted = true) {
  if (wanted)
    layer.add_parameter(name, arguments.empty(shape));
  else
    layer.register_parameter(name, Tensor());
}

}  // namespace

constinit const LayerEntry layer::Identity = {
    .schema = "Identity() -> ()",
    .doc = "Gives back its input.",
    .file = "linear",
    .forward = [](Layer&, Tensors x) { return x[0]; },
};

constinit const LayerEntry layer::Linear = {
    .schema =
        "Linear(int in_features, int out_features, bool bias=True, device? device=None, "
        "dtype? dtype=None) -> ()",
    .doc = "`x @ weight.T + bias`, with a weight of shape (out_features, in_features).",
    .file = "linear",
    .repr = "in_features={in_features}, out_features={out_features}, bias={bias}",
    .tensors = "weight, bias",
    .hidden = "bias",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          int64_t in = layer.integer("in_features"), out = layer.integer("out_features");
          parameter(layer, "weight", arguments, {out, in});
          parameter(layer, "bias", arguments, out, arguments["bias"].as<bool>());
        },
    .reset =
        [](Layer& layer) {
          // With a = sqrt(5) this is a uniform draw within 1 / sqrt(in_features).
          const Tensor &weight = layer.tensor("weight"), &bias = layer.tensor("bias");
          init::kaiming_uniform_(weight, std::sqrt(5.0));
          if (!bias.defined()) return;
          int64_t in = init::fans(weight).first;
          double bound = in > 0 ? 1 / std::sqrt(double(in)) : 0;
          init::uniform_(bias, -bound, bound);
        },
    .forward =
        [](Layer& layer, Tensors x) {
          return linear(x[0], layer.tensor("weight"), layer.tensor("bias"));
        },
};

constinit const LayerEntry layer::Flatten = {
    .schema = "Flatten(int start_dim=1, int end_dim=-1) -> ()",
    .doc = "Makes the dims from start_dim to end_dim one: a batch of images becomes one of rows.",
    .file = "flatten",
    .repr = "start_dim={start_dim}, end_dim={end_dim}",
    .forward =
        [](Layer& layer, Tensors x) {
          return x[0].flatten(layer.integer("start_dim"), layer.integer("end_dim"));
        },
};

}  // namespace rushlight::nn
