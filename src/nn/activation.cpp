// Nonlinearities: one element in, one element out.

#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

constinit const LayerEntry layer::ReLU = {
    .schema = "ReLU(bool inplace=False) -> ()",
    .doc = "`max(x, 0)`.",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer, Tensors x) {
      return layer.flag("inplace") ? relu_(x[0]) : relu(x[0]);
    },
};

}  // namespace rushlight::nn
