#include <rushlight/nn/sequential.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

constinit const LayerEntry kSequential = {
    .schema = "Sequential() -> ()",
    .doc = "Calls its parts one after the other.",
    .file = "container",
    .forward =
        [](Layer& layer, Tensors inputs) {
          Tensor x = inputs[0];
          // By index, because a part written in Python may change the table.
          for (size_t i = 0; i < layer.module_slots().size(); ++i) {
            Ref<Module> part = layer.module_slots()[i].value;
            x = (*part)(x);
          }
          return x;
        },
};

}  // namespace

const LayerEntry& sequential_entry() { return kSequential; }

Sequential::Sequential() {
  const Value none;
  build(&kSequential, &none);
}

}  // namespace rushlight::nn
