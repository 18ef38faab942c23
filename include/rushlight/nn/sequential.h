#pragma once
// Modules that hold others in order.

#include <rushlight/nn/layer.h>

namespace rushlight::nn {

/// Calls its parts one after the other: `nn::Sequential(nn::Linear(4, 8), nn::ReLU())`.
class Sequential : public Layer {
 public:
  Sequential();
  template <std::derived_from<Module>... Parts>
  requires(sizeof...(Parts) > 0) explicit Sequential(Parts&&... parts) : Sequential() {
    (push_back(std::forward<Parts>(parts)), ...);
  }
  template <std::derived_from<Module> M>
  M& push_back(M&& module) {
    return add(std::to_string(size()), std::forward<M>(module));
  }
  size_t size() const { return module_slots().size(); }
  Module& operator[](size_t index) { return *module_slots()[index].value; }
};

/// Holds its parts and leaves it to you to call them.
class ModuleList : public Module {
 public:
  template <std::derived_from<Module> M>
  M& push_back(M&& module) {
    return add(std::to_string(size()), std::forward<M>(module));
  }
  size_t size() const { return module_slots().size(); }
  Module& operator[](size_t index) { return *module_slots()[index].value; }
};

}  // namespace rushlight::nn
