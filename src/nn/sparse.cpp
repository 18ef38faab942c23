// Tables of vectors: Embedding and EmbeddingBag.

#include <rushlight/nn/init.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

/// A negative `padding_idx` counts from the end; `spoken` is what PyTorch calls it.
void wrap_padding(Layer& layer, const char* spoken) {
  if (layer.is_none("padding_idx")) return;
  int64_t count = layer.integer("num_embeddings"), padding = layer.integer("padding_idx");
  check(padding < count && padding >= -count, ErrorKind::Assertion, spoken,
        " must be within num_embeddings");
  layer.set("padding_idx", Value(padding < 0 ? padding + count : padding));
}

void reset_table(Layer& layer) {
  init::normal_(layer.tensor("weight"));
  if (layer.is_none("padding_idx")) return;
  init::zeros_(layer.tensor("weight").detach().select(0, layer.integer("padding_idx")));
}

/// The weight that is given, or room for one.
Tensor table(Layer& layer, const Arguments& arguments, const char* spoken_padding) {
  int64_t count = layer.integer("num_embeddings"), size = layer.integer("embedding_dim");
  wrap_padding(layer, spoken_padding);
  const Tensor& given = arguments["_weight"].tensor_or_undefined();
  check(!given.defined() || same(given.shape(), Ints({count, size})), ErrorKind::Assertion,
        "Shape of weight does not match num_embeddings and embedding_dim");
  arguments.initialised = given.defined();
  return given.defined() ? given.detach() : arguments.empty({count, size});
}

std::optional<int64_t> padding(const Layer& layer) {
  if (layer.is_none("padding_idx")) return {};
  return layer.integer("padding_idx");
}

std::optional<double> max_norm(const Layer& layer) {
  if (layer.is_none("max_norm")) return {};
  return layer.real("max_norm");
}

}  // namespace

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
          Tensor weight = table(layer, arguments, "Padding_idx");
          if (arguments["_freeze"].as<bool>())
            layer.register_parameter("weight", weight);
          else
            layer.add_parameter("weight", weight);
        },
    .reset = reset_table,
    .forward =
        [](Layer& layer, Tensors x) {
          return embedding(x[0], layer.tensor("weight"), padding(layer), max_norm(layer),
                           layer.real("norm_type"), layer.flag("scale_grad_by_freq"),
                           layer.flag("sparse"));
        },
};

constinit const LayerEntry layer::EmbeddingBag = {
    .schema =
        "EmbeddingBag(int num_embeddings, int embedding_dim, Scalar? max_norm=None, "
        "Scalar norm_type=2.0, bool scale_grad_by_freq=False, str mode='mean', "
        "bool sparse=False, Tensor? _weight=None, bool include_last_offset=False, "
        "int? padding_idx=None, device? device=None, dtype? dtype=None) -> ()",
    .doc = "The sum, mean or maximum of the trained vectors of each bag of numbers.",
    .file = "sparse",
    .inputs = "Tensor input, Tensor? offsets=None, Tensor? per_sample_weights=None",
    .repr =
        "{num_embeddings}, {embedding_dim}[, max_norm={max_norm}][, norm_type={norm_type}]"
        "[, scale_grad_by_freq={scale_grad_by_freq}], mode={mode}[, padding_idx={padding_idx}]",
    .tensors = "weight",
    .hidden = "_weight",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          layer.add_parameter("weight", table(layer, arguments, "padding_idx"));
        },
    .reset = reset_table,
    .forward =
        [](Layer& layer, Tensors x) {
          auto given = [&](size_t i) { return x.size() > i ? x[i] : Tensor(); };
          return embedding_bag(x[0], layer.tensor("weight"), given(1), max_norm(layer),
                               layer.real("norm_type"), layer.flag("scale_grad_by_freq"),
                               layer.text("mode"), layer.flag("sparse"), given(2),
                               layer.flag("include_last_offset"), padding(layer));
        },
};

}  // namespace rushlight::nn
