// Layers that normalise.

#include <rushlight/nn/init.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

/// How batch and instance norms show themselves.
constexpr const char* kWithStatistics =
    "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, bias={bias}, "
    "track_running_stats={track_running_stats}";

void parameter(Layer& layer, const char* name, const Arguments& arguments, Ints shape,
               bool wanted) {
  if (wanted)
    layer.add_parameter(name, arguments.empty(shape));
  else
    layer.register_parameter(name, Tensor());
}

void reset_affine(Layer& layer) {
  if (layer.tensor("weight").defined()) init::ones_(layer.tensor("weight"));
  const auto& slots = layer.parameter_slots();
  if (slots.size() > 1 && slots[1].value.defined()) init::zeros_(slots[1].value);
}

// -- Batch norm ----------------------------------------------------------------------------------

void build_batch(Layer& layer, const Arguments& arguments) {
  int64_t count = layer.integer("num_features");
  bool affine = layer.flag("affine");
  parameter(layer, "weight", arguments, count, affine);
  parameter(layer, "bias", arguments, count, affine && arguments["bias"].as<bool>());
  bool tracks = layer.flag("track_running_stats");
  layer.register_buffer("running_mean", tracks ? arguments.empty(count) : Tensor());
  layer.register_buffer("running_var", tracks ? arguments.empty(count) : Tensor());
  layer.register_buffer("num_batches_tracked",
                        tracks ? zeros({}, DType::Int64, arguments.device()) : Tensor());
}

void reset_batch(Layer& layer) {
  if (layer.flag("track_running_stats")) {
    init::zeros_(layer.tensor("running_mean"));
    init::ones_(layer.tensor("running_var"));
    layer.tensor("num_batches_tracked").zero_();
  }
  reset_affine(layer);
}

/// `low` and `high`: the dims that the input may have.
Tensor run_batch(Layer& layer, const Tensor& input, int64_t low, int64_t high) {
  if (input.dim() < low || input.dim() > high) {
    std::string wanted = std::to_string(low) + "D";
    if (high > low) wanted += " or " + std::to_string(high) + "D";
    fail(ErrorKind::Value, "expected ", wanted, " input (got ", input.dim(), "D input)");
  }
  const Tensor &mean = layer.tensor("running_mean"), &var = layer.tensor("running_var");
  const Tensor& batches = layer.tensor("num_batches_tracked");
  bool averages = layer.is_none("momentum");
  double momentum = averages ? 0 : layer.real("momentum");
  if (layer.is_training() && layer.flag("track_running_stats") && batches.defined()) {
    batches.add_(int64_t(1));
    if (averages) momentum = 1 / batches.item<double>();
  }
  bool by_batch = layer.is_training() || !mean.defined();
  bool tracks = !layer.is_training() || layer.flag("track_running_stats");
  return batch_norm(input, tracks ? mean : Tensor(), tracks ? var : Tensor(),
                    layer.tensor("weight"), layer.tensor("bias"), by_batch, momentum,
                    layer.real("eps"));
}

// -- Instance norm -------------------------------------------------------------------------------

/// `single`: the dims of a sample without a batch dim.
Tensor run_instance(Layer& layer, const Tensor& input, int64_t single) {
  check(input.dim() == single || input.dim() == single + 1, ErrorKind::Value, "expected ", single,
        "D or ", single + 1, "D input (got ", input.dim(), "D input)");
  int64_t dim = input.dim() - single, wanted = layer.integer("num_features");
  if (input.size(dim) != wanted) {
    check(!layer.flag("affine"), ErrorKind::Value, "expected input's size at dim=", dim,
          " to match num_features (", wanted, "), but got: ", input.size(dim), ".");
    warn("input's size at dim=" + std::to_string(dim) +
         " does not match num_features. You can silence this warning by not passing in "
         "num_features, which is not used because affine=False");
  }
  bool by_sample = layer.is_training() || !layer.flag("track_running_stats");
  double momentum = layer.is_none("momentum") ? 0 : layer.real("momentum");
  Tensor output = instance_norm(dim == 0 ? input.unsqueeze(0) : input, layer.tensor("running_mean"),
                                layer.tensor("running_var"), layer.tensor("weight"),
                                layer.tensor("bias"), by_sample, momentum, layer.real("eps"));
  return dim == 0 ? output.squeeze(0) : output;
}

}  // namespace

constinit const LayerEntry layer::LayerNorm = {
    .schema =
        "LayerNorm(int[1] normalized_shape, Scalar eps=1e-05, bool elementwise_affine=True, "
        "bool bias=True, device? device=None, dtype? dtype=None) -> ()",
    .doc = "Mean 0 and variance 1 over the last dims, scaled and shifted (Ba et al., 2016).",
    .file = "normalization",
    .repr = "{normalized_shape}, eps={eps}, elementwise_affine={elementwise_affine}, bias={bias}",
    .tensors = "weight, bias",
    .hidden = "bias",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          bool affine = layer.flag("elementwise_affine");
          Ints shape = layer.ints("normalized_shape");
          parameter(layer, "weight", arguments, shape, affine);
          parameter(layer, "bias", arguments, shape, affine && arguments["bias"].as<bool>());
        },
    .reset = reset_affine,
    .forward =
        [](Layer& layer, Tensors x) {
          return layer_norm(x[0], layer.ints("normalized_shape"), layer.tensor("weight"),
                            layer.tensor("bias"), layer.real("eps"));
        },
};

constinit const LayerEntry layer::RMSNorm = {
    .schema =
        "RMSNorm(int[1] normalized_shape, Scalar? eps=None, bool elementwise_affine=True, "
        "device? device=None, dtype? dtype=None) -> ()",
    .doc = "The input over its root mean square over the last dims (Zhang and Sennrich, 2019).",
    .file = "normalization",
    .inputs = "Tensor x",
    .repr = "{normalized_shape}, eps={eps}, elementwise_affine={elementwise_affine}",
    .tensors = "weight",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          parameter(layer, "weight", arguments, layer.ints("normalized_shape"),
                    layer.flag("elementwise_affine"));
        },
    .reset = reset_affine,
    .forward =
        [](Layer& layer, Tensors x) {
          std::optional<double> eps;
          if (!layer.is_none("eps")) eps = layer.real("eps");
          return rms_norm(x[0], layer.ints("normalized_shape"), layer.tensor("weight"), eps);
        },
};

constinit const LayerEntry layer::BatchNorm1d = {
    .schema =
        "BatchNorm1d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, bool affine=True, "
        "bool track_running_stats=True, device? device=None, dtype? dtype=None, *, "
        "bool bias=True) -> ()",
    .doc = "batch_norm of (N, C) or (N, C, L) (Ioffe and Szegedy, 2015).",
    .file = "batchnorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_batch(layer, x[0], 2, 3); },
};

constinit const LayerEntry layer::BatchNorm2d = {
    .schema =
        "BatchNorm2d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, bool affine=True, "
        "bool track_running_stats=True, device? device=None, dtype? dtype=None, *, "
        "bool bias=True) -> ()",
    .doc = "batch_norm of (N, C, H, W).",
    .file = "batchnorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_batch(layer, x[0], 4, 4); },
};

constinit const LayerEntry layer::BatchNorm3d = {
    .schema =
        "BatchNorm3d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, bool affine=True, "
        "bool track_running_stats=True, device? device=None, dtype? dtype=None, *, "
        "bool bias=True) -> ()",
    .doc = "batch_norm of (N, C, D, H, W).",
    .file = "batchnorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_batch(layer, x[0], 5, 5); },
};

constinit const LayerEntry layer::InstanceNorm1d = {
    .schema =
        "InstanceNorm1d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, "
        "bool affine=False, bool track_running_stats=False, device? device=None, "
        "dtype? dtype=None, *, bool bias=True) -> ()",
    .doc = "instance_norm of (N, C, L) or (C, L) (Ulyanov et al., 2016).",
    .file = "instancenorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_instance(layer, x[0], 2); },
};

constinit const LayerEntry layer::InstanceNorm2d = {
    .schema =
        "InstanceNorm2d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, "
        "bool affine=False, bool track_running_stats=False, device? device=None, "
        "dtype? dtype=None, *, bool bias=True) -> ()",
    .doc = "instance_norm of (N, C, H, W) or (C, H, W) (Ulyanov et al., 2016).",
    .file = "instancenorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_instance(layer, x[0], 3); },
};

constinit const LayerEntry layer::InstanceNorm3d = {
    .schema =
        "InstanceNorm3d(int num_features, Scalar eps=1e-05, Scalar? momentum=0.1, "
        "bool affine=False, bool track_running_stats=False, device? device=None, "
        "dtype? dtype=None, *, bool bias=True) -> ()",
    .doc = "instance_norm of (N, C, D, H, W) or (C, D, H, W) (Ulyanov et al., 2016).",
    .file = "instancenorm",
    .repr = kWithStatistics,
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_instance(layer, x[0], 4); },
};

constinit const LayerEntry layer::GroupNorm = {
    .schema =
        "GroupNorm(int num_groups, int num_channels, Scalar eps=1e-05, bool affine=True, "
        "device? device=None, dtype? dtype=None, *, bool bias=True) -> ()",
    .doc = "group_norm of (N, C, *) (Wu and He, 2018).",
    .file = "normalization",
    .repr = "{num_groups}, {num_channels}, eps={eps}, affine={affine}, bias={bias}",
    .tensors = "weight, bias",
    .hidden = "bias",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          int64_t groups = layer.integer("num_groups"), channels = layer.integer("num_channels");
          check(groups != 0 && channels % groups == 0, ErrorKind::Value, "num_channels (", channels,
                ") must be divisible by num_groups (", groups, ")");
          bool affine = layer.flag("affine");
          parameter(layer, "weight", arguments, channels, affine);
          parameter(layer, "bias", arguments, channels, affine && arguments["bias"].as<bool>());
        },
    .reset = reset_affine,
    .forward =
        [](Layer& layer, Tensors x) {
          return group_norm(x[0], layer.integer("num_groups"), layer.tensor("weight"),
                            layer.tensor("bias"), layer.real("eps"));
        },
};

constinit const LayerEntry layer::LocalResponseNorm = {
    .schema =
        "LocalResponseNorm(int size, Scalar alpha=0.0001, Scalar beta=0.75, Scalar k=1.0) -> ()",
    .doc = "The input over a power of the mean square of neighbouring channels.",
    .file = "normalization",
    .repr = "{size}, alpha={alpha}, beta={beta}, k={k}",
    .forward =
        [](Layer& layer, Tensors x) {
          return local_response_norm(x[0], layer.integer("size"), layer.real("alpha"),
                                     layer.real("beta"), layer.real("k"));
        },
};

}  // namespace rushlight::nn
