#pragma once
// Module: parameters, buffers and submodules with names, and a function that uses them.

#include <rushlight/tensor.h>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rushlight::nn {

class Module;

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using NamedModules = std::vector<std::pair<std::string, Module*>>;

/// What load_state_dict() found besides the entries that it copied.
struct LoadResult {
  std::vector<std::string> missing_keys, unexpected_keys;
};

/// How modules that are objects of another language as well answer. There is one Face for all.
class Face {
 public:
  virtual ~Face() = default;
  /// The object counts the references to its module.
  virtual void retain(void* object) const = 0;
  virtual void release(void* object) const = 0;
  virtual Tensor call(Module& module, Tensors inputs) const = 0;
  virtual std::string to_string(const Module& module) const = 0;
  virtual std::string extra_repr(const Module& module) const = 0;
  virtual std::string class_name(const Module& module) const = 0;
  virtual void train(Module& module, bool mode) const = 0;
};

/// A part of a network. Derive from it, add what it consists of, and override forward():
///
///     struct Net : nn::Module {
///       nn::Linear& hidden = add("hidden", nn::Linear(64, 32));
///       nn::Linear& output = add("output", nn::Linear(32, 10));
///       Tensor forward(const Tensor& x) override { return output(relu(hidden(x))); }
///     };
///
/// The parts live as long as the module. A module may be moved (the references stay valid) but not
/// copied.
class Module {
 public:
  Module();
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  virtual ~Module();

  /// What the module computes of one input.
  virtual Tensor forward(const Tensor& input);
  /// The same of any number of inputs; passes one to forward().
  virtual Tensor forward_all(Tensors inputs);
  template <std::convertible_to<Tensor>... Inputs>
  Tensor operator()(const Inputs&... inputs) {
    if constexpr (sizeof...(Inputs) == 1) {
      if (!overridden_) return forward(inputs...);
    }
    return call({inputs...});
  }
  Tensor call(Tensors inputs);

  // -- Parts
  // --------------------------------------------------------------------------------------- Names
  // must be new, not empty and without dots; otherwise KeyError.

  /// Makes `module` a part of this one, which owns it from now on.
  template <class M>
  requires(std::derived_from<M, Module> && !std::is_lvalue_reference_v<M>) M& add(std::string name,
                                                                                  M&& module) {
    M* owned = new M(std::move(module));
    add_module(std::move(name), Ref<Module>::adopt(owned));
    return *owned;
  }
  /// Makes `parameter` one that is trained: it requires a gradient.
  Tensor add_parameter(std::string name, const Tensor& parameter);
  /// Makes `buffer` a part of the state that is not trained; saved with it if `persistent`.
  Tensor add_buffer(std::string name, const Tensor& buffer, bool persistent = true);

  // Undefined tensors and null modules keep a name without a value.
  void register_parameter(std::string name, const Tensor& parameter);
  void register_buffer(std::string name, const Tensor& buffer, bool persistent = true);
  void add_module(std::string name, Ref<Module> module);

  /// The parameter or buffer of this name, or else the tensor that set_plain_tensor() gave;
  /// AttributeError if there is none.
  const Tensor& tensor(std::string_view name) const;
  /// What stands for a parameter that was taken away; not a part of the state. Undefined: nothing.
  void set_plain_tensor(std::string_view name, const Tensor& tensor);

  // -- Walks
  // --------------------------------------------------------------------------------------- Depth
  // first, parts in the order in which they were added; each tensor and module once.

  std::vector<Tensor> parameters(bool recurse = true) const;
  NamedTensors named_parameters(std::string_view prefix = "", bool recurse = true,
                                bool remove_duplicate = true) const;
  std::vector<Tensor> buffers(bool recurse = true) const;
  NamedTensors named_buffers(std::string_view prefix = "", bool recurse = true,
                             bool remove_duplicate = true) const;
  std::vector<Module*> children() const;
  NamedModules named_children() const;
  std::vector<Module*> modules() const;
  NamedModules named_modules(std::string_view prefix = "", bool remove_duplicate = true) const;
  /// The part at a path such as "encoder.0"; AttributeError if there is none.
  Module& get_submodule(std::string_view path);

  /// Calls `function(module)` for every part, then for this module.
  template <class Function>
  Module& apply(Function&& function) {
    for (Module* child : children()) child->apply(function);
    function(*this);
    return *this;
  }

  // -- State
  // ---------------------------------------------------------------------------------------

  bool is_training() const { return training_; }
  void set_training(bool mode) { training_ = mode; }  ///< of this module alone
  Module& train(bool mode = true);
  Module& eval() { return train(false); }
  Module& requires_grad_(bool requires_grad = true);
  void zero_grad(bool set_to_none = true);
  /// Converts floating-point parameters and buffers; their identity stays.
  Module& to(DType dtype);
  Module& to(Device device);
  /// Replaces the elements of every parameter, gradient and buffer by what `convert` makes of them.
  void convert_tensors(Tensor (*convert)(const Tensor&, void* context), void* context);

  /// Parameters and persistent buffers by path. They share memory with the module's.
  NamedTensors state_dict(std::string_view prefix = "") const;
  /// Copies the elements of entries into the parameters and buffers of the same path. Throws
  /// RuntimeError that lists every misfit; missing and unexpected entries are one if `strict`.
  LoadResult load_state_dict(const NamedTensors& state, bool strict = true);

  /// PyTorch's text: one line for each part.
  std::string to_string() const;
  /// What stands in the parentheses before the parts.
  virtual std::string extra_repr() const { return ""; }
  virtual std::string class_name() const;

  // -- Tables, for those who show them
  // -------------------------------------------------------------

  struct TensorSlot {
    std::string name;
    Tensor value;
    bool persistent = true;
  };
  struct ModuleSlot {
    std::string name;
    Ref<Module> value;
  };
  std::vector<TensorSlot>& parameter_slots() { return parameters_; }
  std::vector<TensorSlot>& buffer_slots() { return buffers_; }
  std::vector<ModuleSlot>& module_slots() { return modules_; }
  const std::vector<TensorSlot>& parameter_slots() const { return parameters_; }
  const std::vector<TensorSlot>& buffer_slots() const { return buffers_; }
  const std::vector<ModuleSlot>& module_slots() const { return modules_; }

  // -- Lives, for Ref<Module> and for Face
  // ---------------------------------------------------------

  void retain() const noexcept;
  bool release() const noexcept;
  static void destroy(Module* module) noexcept { delete module; }
  int64_t use_count() const noexcept { return count_.load(std::memory_order_relaxed); }
  void* object() const noexcept { return object_; }
  /// Gives the module its object, which counts the references to both from now on.
  void set_object(void* object) noexcept { object_ = object; }
  /// Whether calls and texts are the object's rather than this class's.
  bool is_overridden() const { return overridden_; }
  void set_overridden(bool overridden) { overridden_ = overridden; }

 private:
  void load_own(const NamedTensors& state, const std::string& prefix, LoadResult& result,
                std::vector<std::string>& faults);
  void load(const NamedTensors& state, const std::string& prefix, LoadResult& result,
            std::vector<std::string>& faults);

  std::vector<TensorSlot> parameters_, buffers_, plain_;
  std::vector<ModuleSlot> modules_;
  void* object_ = nullptr;
  mutable std::atomic<int32_t> count_{1};
  bool training_ = true;
  bool overridden_ = false;
};

void set_face(const Face* face);

/// A module that several others may share.
template <class M, class... Arguments>
Ref<M> make(Arguments&&... arguments) {
  return Ref<M>::adopt(new M(std::forward<Arguments>(arguments)...));
}

inline std::string to_string(const Module& module) { return module.to_string(); }

}  // namespace rushlight::nn
