// Module: its tables, the walks over them, and what is done to all of their tensors.

#include <rushlight/autograd.h>
#include <rushlight/nn/module.h>
#include <rushlight/ops.h>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <typeinfo>
#include <unordered_set>

namespace rushlight::nn {

namespace {

const Face* g_face;

template <class Slot>
const Slot* find(const std::vector<Slot>& slots, std::string_view name) {
  for (const Slot& slot : slots) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}
template <class Slot>
Slot* find(std::vector<Slot>& slots, std::string_view name) {
  return const_cast<Slot*>(find(std::as_const(slots), name));
}

void check_name(const char* what, std::string_view name) {
  check(name.find('.') == name.npos, ErrorKind::Key, what,
        " name can't contain \".\", got: ", name);
  check(!name.empty(), ErrorKind::Key, what, " name can't be empty string \"\"");
}

std::string joined(std::string_view prefix, std::string_view name) {
  std::string path(prefix);
  if (!path.empty()) path += '.';
  return path += name;
}

using Slots = const std::vector<Module::TensorSlot>& (Module::*)() const;

NamedTensors named_tensors(const Module& module, Slots slots, std::string_view prefix, bool recurse,
                           bool remove_duplicate) {
  NamedTensors found;
  std::unordered_set<const TensorImpl*> seen;
  auto visit = [&](const std::string& path, const Module& part) {
    for (const Module::TensorSlot& slot : (part.*slots)()) {
      if (!slot.value.defined()) continue;
      if (remove_duplicate && !seen.insert(slot.value.impl()).second) continue;
      found.emplace_back(joined(path, slot.name), slot.value);
    }
  };
  if (!recurse) {
    visit(std::string(prefix), module);
    return found;
  }
  for (auto& [path, part] : module.named_modules(prefix, remove_duplicate)) visit(path, *part);
  return found;
}

std::vector<Tensor> values(NamedTensors named) {
  std::vector<Tensor> list;
  list.reserve(named.size());
  for (auto& [name, tensor] : named) list.push_back(std::move(tensor));
  return list;
}

void walk(Module& module, std::string path, bool remove_duplicate,
          std::unordered_set<const Module*>& seen, NamedModules& found) {
  if (seen.contains(&module)) return;
  if (remove_duplicate) seen.insert(&module);
  found.emplace_back(path, &module);
  for (const Module::ModuleSlot& slot : module.module_slots()) {
    if (slot.value) walk(*slot.value, joined(path, slot.name), remove_duplicate, seen, found);
  }
}

/// The elements of `source` become those of `target`, which stays the same tensor.
void replace_elements(const Tensor& target, const Tensor& source) {
  TensorImpl *to = target.impl(), *from = source.impl();
  if (to == from) return;
  to->storage = from->storage;
  to->shape = from->shape;
  to->strides = from->strides;
  to->offset = from->offset;
  to->dtype = from->dtype;
  to->device = from->device;
  to->update_layout();
}

}  // namespace

void set_face(const Face* face) { g_face = face; }

Module::Module() = default;
Module::~Module() = default;

Module::Module(Module&& other) noexcept
    : parameters_(std::move(other.parameters_)),
      buffers_(std::move(other.buffers_)),
      plain_(std::move(other.plain_)),
      modules_(std::move(other.modules_)),
      training_(other.training_) {}

Module& Module::operator=(Module&& other) noexcept {
  parameters_ = std::move(other.parameters_);
  buffers_ = std::move(other.buffers_);
  plain_ = std::move(other.plain_);
  modules_ = std::move(other.modules_);
  training_ = other.training_;
  return *this;
}

void Module::retain() const noexcept {
  if (object_)
    g_face->retain(object_);
  else
    count_.fetch_add(1, std::memory_order_relaxed);
}

bool Module::release() const noexcept {
  if (!object_) return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  g_face->release(object_);  // which destroys the module with the object
  return false;
}

// -- Calls ----------------------------------------------------------------------------------------

Tensor Module::forward(const Tensor&) {
  fail(ErrorKind::NotImplemented, "Module [", class_name(),
       "] is missing the required \"forward\" function");
}

Tensor Module::forward_all(Tensors inputs) {
  check(inputs.size() == 1, ErrorKind::Type, class_name(), ": forward() takes one input but ",
        inputs.size(), " were given");
  return forward(inputs[0]);
}

Tensor Module::call(Tensors inputs) {
  return overridden_ ? g_face->call(*this, inputs) : forward_all(inputs);
}

// -- Parts ----------------------------------------------------------------------------------------

Tensor Module::add_parameter(std::string name, const Tensor& parameter) {
  Tensor leaf = parameter.is_leaf() ? parameter : parameter.detach();
  leaf.requires_grad_();
  register_parameter(std::move(name), leaf);
  return leaf;
}

Tensor Module::add_buffer(std::string name, const Tensor& buffer, bool persistent) {
  register_buffer(std::move(name), buffer, persistent);
  return buffer;
}

void Module::register_parameter(std::string name, const Tensor& parameter) {
  check_name("parameter", name);
  check(!parameter.defined() || parameter.is_leaf(), ErrorKind::Value,
        "Cannot assign non-leaf Tensor to parameter '", name,
        "'. Model parameters must be created explicitly. To express '", name,
        "' as a function of another Tensor, compute the value in the forward() method.");
  TensorSlot* slot = find(parameters_, name);
  bool taken = !slot && (find(buffers_, name) || find(modules_, name));
  check(!taken, ErrorKind::Key, "attribute '", name, "' already exists");
  if (slot)
    slot->value = parameter;
  else
    parameters_.push_back({std::move(name), parameter});
}

void Module::register_buffer(std::string name, const Tensor& buffer, bool persistent) {
  check_name("buffer", name);
  TensorSlot* slot = find(buffers_, name);
  bool taken = !slot && (find(parameters_, name) || find(modules_, name));
  check(!taken, ErrorKind::Key, "attribute '", name, "' already exists");
  if (slot) {
    slot->value = buffer;
    slot->persistent = persistent;
  } else {
    buffers_.push_back({std::move(name), buffer, persistent});
  }
}

void Module::add_module(std::string name, Ref<Module> module) {
  ModuleSlot* slot = find(modules_, name);
  bool taken = !slot && (find(parameters_, name) || find(buffers_, name));
  check(!taken, ErrorKind::Key, "attribute '", name, "' already exists");
  check_name("module", name);
  if (slot)
    std::swap(slot->value, module);  // the old one dies when the table is whole again
  else
    modules_.push_back({std::move(name), std::move(module)});
}

const Tensor& Module::tensor(std::string_view name) const {
  if (const TensorSlot* slot = find(parameters_, name)) return slot->value;
  if (const TensorSlot* slot = find(buffers_, name)) return slot->value;
  if (const TensorSlot* slot = find(plain_, name)) return slot->value;
  fail(ErrorKind::Attribute, "'", class_name(), "' object has no attribute '", name, "'");
}

void Module::set_plain_tensor(std::string_view name, const Tensor& tensor) {
  std::erase_if(plain_, [&](const TensorSlot& slot) { return slot.name == name; });
  if (tensor.defined()) plain_.push_back({std::string(name), tensor});
}

// -- Walks ----------------------------------------------------------------------------------------

std::vector<Tensor> Module::parameters(bool recurse) const {
  return values(named_parameters("", recurse));
}

NamedTensors Module::named_parameters(std::string_view prefix, bool recurse,
                                      bool remove_duplicate) const {
  return named_tensors(*this, &Module::parameter_slots, prefix, recurse, remove_duplicate);
}

std::vector<Tensor> Module::buffers(bool recurse) const {
  return values(named_buffers("", recurse));
}

NamedTensors Module::named_buffers(std::string_view prefix, bool recurse,
                                   bool remove_duplicate) const {
  return named_tensors(*this, &Module::buffer_slots, prefix, recurse, remove_duplicate);
}

NamedModules Module::named_children() const {
  NamedModules found;
  for (const ModuleSlot& slot : modules_) {
    Module* child = slot.value.get();
    bool seen = std::any_of(found.begin(), found.end(),
                            [&](const auto& entry) { return entry.second == child; });
    if (child && !seen) found.emplace_back(slot.name, child);
  }
  return found;
}

std::vector<Module*> Module::children() const {
  std::vector<Module*> list;
  for (auto& [name, child] : named_children()) list.push_back(child);
  return list;
}

NamedModules Module::named_modules(std::string_view prefix, bool remove_duplicate) const {
  NamedModules found;
  std::unordered_set<const Module*> seen;
  walk(const_cast<Module&>(*this), std::string(prefix), remove_duplicate, seen, found);
  return found;
}

std::vector<Module*> Module::modules() const {
  std::vector<Module*> list;
  for (auto& [path, module] : named_modules()) list.push_back(module);
  return list;
}

Module& Module::get_submodule(std::string_view path) {
  Module* module = this;
  while (!path.empty()) {
    size_t dot = std::min(path.find('.'), path.size());
    std::string_view name = path.substr(0, dot);
    const ModuleSlot* slot = find(module->modules_, name);
    check(slot && slot->value, ErrorKind::Attribute, module->class_name(), " has no attribute `",
          name, "`");
    module = slot->value.get();
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return *module;
}

// -- State ----------------------------------------------------------------------------------------

Module& Module::train(bool mode) {
  training_ = mode;
  for (Module* child : children()) {
    if (child->overridden_)
      g_face->train(*child, mode);
    else
      child->train(mode);
  }
  return *this;
}

Module& Module::requires_grad_(bool requires_grad) {
  for (const Tensor& parameter : parameters()) parameter.requires_grad_(requires_grad);
  return *this;
}

void Module::zero_grad(bool set_to_none) {
  for (const Tensor& parameter : parameters()) {
    Tensor grad = parameter.grad();
    if (!grad.defined()) continue;
    if (set_to_none) {
      parameter.set_grad(Tensor());
    } else {
      autograd::NoGrad guard;
      grad = grad.detach();
      grad.zero_();
      parameter.set_grad(grad);
    }
  }
}

void Module::convert_tensors(Tensor (*convert)(const Tensor&, void*), void* context) {
  autograd::NoGrad guard;
  std::unordered_set<const TensorImpl*> seen;
  auto visit = [&](const Tensor& tensor) {
    if (tensor.defined() && seen.insert(tensor.impl()).second)
      replace_elements(tensor, convert(tensor, context));
  };
  for (Module* module : modules()) {
    for (TensorSlot& slot : module->parameters_) {
      visit(slot.value);
      if (slot.value.defined()) visit(slot.value.grad());
    }
    for (TensorSlot& slot : module->buffers_) {
      if (slot.value.defined()) slot.value = convert(slot.value, context);
    }
  }
}

Module& Module::to(DType dtype) {
  check(is_floating(dtype), ErrorKind::Type,
        "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.",
        info(dtype).name);
  convert_tensors(
      [](const Tensor& tensor, void* context) {
        DType wanted = *static_cast<DType*>(context);
        return is_floating(tensor.dtype()) ? tensor.to(wanted) : tensor;
      },
      &dtype);
  return *this;
}

Module& Module::to(Device device) {
  convert_tensors(
      [](const Tensor& tensor, void* context) { return tensor.to(*static_cast<Device*>(context)); },
      &device);
  return *this;
}

// -- State dicts ----------------------------------------------------------------------------------

NamedTensors Module::state_dict(std::string_view prefix) const {
  NamedTensors state;
  auto take = [&](const TensorSlot& slot) {
    if (slot.value.defined() && slot.persistent)
      state.emplace_back(std::string(prefix) + slot.name, slot.value.detach());
  };
  for (const TensorSlot& slot : parameters_) take(slot);
  for (const TensorSlot& slot : buffers_) take(slot);
  for (const ModuleSlot& slot : modules_) {
    if (!slot.value) continue;
    for (auto& entry : slot.value->state_dict(std::string(prefix) + slot.name + "."))
      state.push_back(std::move(entry));
  }
  return state;
}

namespace {

std::string quoted(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "\"" : ", \"") + key + '"';
  return text;
}

std::string size_text(const Tensor& tensor) {
  return "torch.Size(" + to_string(tensor.shape()) + ")";
}

/// Copies one entry; the reason if it does not fit.
std::string copy_entry(const std::string& key, const Tensor& target, Tensor source) {
  if (target.dim() == 0 && source.dim() == 1 && source.numel() == 1) source = source.view(Ints());
  if (!same(target.shape(), source.shape())) {
    return "size mismatch for " + key + ": copying a param with shape " + size_text(source) +
           " from checkpoint, the shape in current model is " + size_text(target) + ".";
  }
  try {
    autograd::NoGrad guard;
    target.copy_(source);
    return "";
  } catch (const Error& error) {
    return "While copying the parameter named \"" + key + "\", whose dimensions in the model are " +
           size_text(target) + " and whose dimensions in the checkpoint are " + size_text(source) +
           ", an exception occurred : ('" + error.what() + "',).";
  }
}

}  // namespace

void Module::load_own(const NamedTensors& state, const std::string& prefix, LoadResult& result,
                      std::vector<std::string>& faults) {
  auto load_slot = [&](const TensorSlot& slot) {
    if (!slot.value.defined() || !slot.persistent) return;
    std::string key = prefix + slot.name;
    auto found = std::find_if(state.begin(), state.end(),
                              [&](const auto& entry) { return entry.first == key; });
    if (found == state.end()) return result.missing_keys.push_back(key);
    std::string fault = copy_entry(key, slot.value, found->second);
    if (!fault.empty()) faults.push_back(std::move(fault));
  };
  for (const TensorSlot& slot : parameters_) load_slot(slot);
  for (const TensorSlot& slot : buffers_) load_slot(slot);
  for (const auto& [key, tensor] : state) {
    if (!key.starts_with(prefix)) continue;
    std::string_view rest = std::string_view(key).substr(prefix.size());
    size_t dot = rest.find('.');
    std::string_view name = rest.substr(0, dot);
    auto loads = [&](const std::vector<TensorSlot>& slots) {
      const TensorSlot* slot = find(slots, name);
      return slot && slot->value.defined() && slot->persistent;
    };
    bool expected =
        dot == rest.npos ? loads(parameters_) || loads(buffers_) : find(modules_, name) != nullptr;
    if (!expected) result.unexpected_keys.push_back(key);
  }
}

void Module::load(const NamedTensors& state, const std::string& prefix, LoadResult& result,
                  std::vector<std::string>& faults) {
  load_own(state, prefix, result, faults);
  for (const ModuleSlot& slot : modules_) {
    if (slot.value) slot.value->load(state, prefix + slot.name + ".", result, faults);
  }
}

LoadResult Module::load_state_dict(const NamedTensors& state, bool strict) {
  LoadResult result;
  std::vector<std::string> faults;
  load(state, "", result, faults);
  if (strict && !result.unexpected_keys.empty()) {
    faults.insert(faults.begin(),
                  "Unexpected key(s) in state_dict: " + quoted(result.unexpected_keys) + ". ");
  }
  if (strict && !result.missing_keys.empty()) {
    faults.insert(faults.begin(),
                  "Missing key(s) in state_dict: " + quoted(result.missing_keys) + ". ");
  }
  if (faults.empty()) return result;
  std::string text;
  for (const std::string& fault : faults) text += (text.empty() ? "" : "\n\t") + fault;
  fail(ErrorKind::Runtime, "Error(s) in loading state_dict for ", class_name(), ":\n\t", text);
}

// -- Text -----------------------------------------------------------------------------------------

namespace {

/// Lines after the first move to the right.
std::string indented(const std::string& text) {
  std::string result;
  for (char c : text) {
    result += c;
    if (c == '\n') result += "  ";
  }
  return result;
}

}  // namespace

std::string Module::class_name() const {
  if (overridden_) return g_face->class_name(*this);
  int status = 0;
  char* readable = abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? readable : typeid(*this).name();
  std::free(readable);
  size_t colon = name.rfind(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

std::string Module::to_string() const {
  std::string extra = overridden_ ? g_face->extra_repr(*this) : extra_repr();
  std::string lines;
  for (const ModuleSlot& slot : modules_) {
    const Module* part = slot.value.get();
    std::string text = !part               ? "None"
                       : part->overridden_ ? g_face->to_string(*part)
                                           : part->to_string();
    lines += "\n  (" + slot.name + "): " + indented(text);
  }
  if (lines.empty() && extra.find('\n') == extra.npos) return class_name() + "(" + extra + ")";
  if (!extra.empty()) lines = "\n  " + indented(extra) + lines;
  return class_name() + "(" + lines + "\n)";
}

}  // namespace rushlight::nn
