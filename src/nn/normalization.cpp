// Layers that normalise, and Embedding.

#include <rushlight/nn/init.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

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

// -- Batch norm
// ------------------------------------------------------------------------------------

void build_batch(Layer& layer, const Arguments& arguments) {
  int64_t count = layer.integer("num_features");
  bool affine = layer.flag("affine");
  parameter(layer, "weight", arguments, count, affine);
  parameter(layer, "bias", arguments, count, affine && arguments["bias"].as<bool>());
  bool tracks = layer.flag("track_running_stats");
  layer.register_buffer("running_mean", tracks ? arguments.empty(count) : Tensor());
  layer.register_buffer("running_var", tracks ? arguments.empty(count) : Tensor());
  layer.register_buffer("num_batches_tracked", tracks ? zeros({}, DType::Int64) : Tensor());
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
    .repr =
        "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, bias={bias}, "
        "track_running_stats={track_running_stats}",
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
    .repr =
        "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, bias={bias}, "
        "track_running_stats={track_running_stats}",
    .tensors = "weight, bias, running_mean, running_var, num_batches_tracked",
    .hidden = "bias",
    .build = build_batch,
    .reset = reset_batch,
    .forward = [](Layer& layer, Tensors x) { return run_batch(layer, x[0], 4, 4); },
};

constinit const LayerEntry layer::Embedding = {
    .schema =
        "Embedding(int num_embeddings, int embedding_dim, int? padding_idx=None, "
        "Scalar? max_norm=None, Scalar norm_type=2.0, bool scale_grad_by_freq=False, "
        "bool sparse=False, Tensor? _weight=None, bool _freeze=False, device? device=None, "
        "dtype? dtype=None) -> ()",
    .doc = "A table of trained vectors, looked up by number.",
    .file = "sparse",
    .repr =
        "{num_embeddings}, {embedding_dim}[, padding_idx={padding_idx}][, max_norm={max_norm}]"
        "[, norm_type={norm_type}][, scale_grad_by_freq={scale_grad_by_freq}]"
        "[, sparse={sparse}]",
    .tensors = "weight",
    .hidden = "_weight, _freeze",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          int64_t count = layer.integer("num_embeddings"), size = layer.integer("embedding_dim");
          if (!layer.is_none("padding_idx")) {
            int64_t padding = layer.integer("padding_idx");
            check(padding < count && padding >= -count, ErrorKind::Assertion,
                  "Padding_idx must be within num_embeddings");
            layer.set("padding_idx", Value(padding < 0 ? padding + count : padding));
          }
          const Tensor& given = arguments["_weight"].tensor_or_undefined();
          check(!given.defined() || same(given.shape(), Ints({count, size})), ErrorKind::Assertion,
                "Shape of weight does not match num_embeddings and embedding_dim");
          layer.add_parameter("weight",
                              given.defined() ? given.detach() : arguments.empty({count, size}));
          arguments.initialised = given.defined();
          if (arguments["_freeze"].as<bool>()) layer.tensor("weight").requires_grad_(false);
        },
    .reset =
        [](Layer& layer) {
          init::normal_(layer.tensor("weight"));
          if (layer.is_none("padding_idx")) return;
          init::zeros_(layer.tensor("weight").detach().select(0, layer.integer("padding_idx")));
        },
    .forward =
        [](Layer& layer, Tensors x) {
          std::optional<int64_t> padding;
          if (!layer.is_none("padding_idx")) padding = layer.integer("padding_idx");
          std::optional<double> max_norm;
          if (!layer.is_none("max_norm")) max_norm = layer.real("max_norm");
          return embedding(x[0], layer.tensor("weight"), padding, max_norm, layer.real("norm_type"),
                           layer.flag("scale_grad_by_freq"), layer.flag("sparse"));
        },
};

}  // namespace rushlight::nn
