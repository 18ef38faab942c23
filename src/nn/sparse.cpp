// Embedding.

#include <rushlight/nn/init.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

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
