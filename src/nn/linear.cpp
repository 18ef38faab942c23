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
    .is_identity = true,
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
    .forward = [](Layer& layer,
                  Tensors x) { return linear(x[0], layer.tensor("weight"), layer.tensor("bias")); },
};

constinit const LayerEntry layer::Bilinear = {
    .schema =
        "Bilinear(int in1_features, int in2_features, int out_features, bool bias=True, "
        "device? device=None, dtype? dtype=None) -> ()",
    .doc = "`x1 @ weight[k] @ x2 + bias[k]` for each output k.",
    .file = "linear",
    .inputs = "Tensor input1, Tensor input2",
    .repr =
        "in1_features={in1_features}, in2_features={in2_features}, out_features={out_features}, "
        "bias={bias}",
    .tensors = "weight, bias",
    .hidden = "bias",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          int64_t in1 = layer.integer("in1_features"), in2 = layer.integer("in2_features");
          int64_t out = layer.integer("out_features");
          check(in1 > 0, ErrorKind::Value, "in1_features must be > 0, but got ", in1);
          parameter(layer, "weight", arguments, {out, in1, in2});
          parameter(layer, "bias", arguments, out, arguments["bias"].as<bool>());
        },
    .reset =
        [](Layer& layer) {
          const Tensor &weight = layer.tensor("weight"), &bias = layer.tensor("bias");
          double bound = 1 / std::sqrt(double(weight.size(1)));
          init::uniform_(weight, -bound, bound);
          if (bias.defined()) init::uniform_(bias, -bound, bound);
        },
    .forward =
        [](Layer& layer, Tensors x) {
          return bilinear(x[0], x[1], layer.tensor("weight"), layer.tensor("bias"));
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

constinit const LayerEntry layer::Unflatten = {
    .schema = "Unflatten(int dim, int[] unflattened_size) -> ()",
    .doc = "Makes one dim several: the inverse of Flatten.",
    .file = "flatten",
    .repr = "dim={dim}, unflattened_size={unflattened_size}",
    .forward =
        [](Layer& layer, Tensors x) {
          return x[0].unflatten(layer.integer("dim"), layer.ints("unflattened_size"));
        },
};

}  // namespace rushlight::nn
