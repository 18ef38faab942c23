// Attributes of modules: parameters, buffers, parts and settings live in the C++ tables, all else
// in the object's dict. And the tables as Python sees them.

#include "nn/layer_table.h"
#include "python/nn.h"

namespace rushlight::python {

namespace {

using nn::Module;

template <class Slots>
auto find(Slots& slots, std::string_view name) -> decltype(slots.data()) {
  for (auto& slot : slots) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}

template <class Slots>
bool remove_slot(Slots& slots, std::string_view name) {
  auto* slot = find(slots, name);
  if (!slot) return false;
  auto keep = std::move(slot->value);  // dies when the table is whole again
  slots.erase(slots.begin() + (slot - slots.data()));
  return true;
}

/// What the tables have under this name; null if nothing.
PyObject* from_tables(nn::Layer& layer, std::string_view name) {
  if (auto* slot = find(layer.parameter_slots(), name)) return wrap_parameter(slot->value);
  if (auto* slot = find(layer.module_slots(), name)) return wrap_module(slot->value.get());
  if (auto* slot = find(layer.buffer_slots(), name)) return wrap(slot->value);
  if (const nn::Setting* setting = layer.find_setting(name)) return wrap(*setting);
  return nullptr;
}

enum class Table { None, Parameters, Buffers, Modules };

/// Removes the name from wherever else it may be.
void forget(PyObject* self, PyObject* name, Table except) {
  ModuleObject* object = module_object(self);
  if (object->dict && PyDict_Contains(object->dict, name) == 1)
    checked(PyDict_DelItem(object->dict, name));
  std::string_view text = text_of(name);
  object->layer->set_plain_tensor(text, Tensor());
  if (except != Table::Parameters) remove_slot(object->layer->parameter_slots(), text);
  if (except != Table::Buffers) remove_slot(object->layer->buffer_slots(), text);
  if (except != Table::Modules) remove_slot(object->layer->module_slots(), text);
}

void check_initialised(PyObject* self, const char* what) {
  check(module_object(self)->initialised, ErrorKind::Attribute, "cannot assign ", what,
        " before Module.__init__() call");
}

// Module.register_parameter and register_buffer; what runs the hooks of registering a module; what
// calls a register_buffer() that a class defines.
PyObject *g_register_parameter, *g_register_buffer, *g_registering_module, *g_registering_buffer;
PyObject *g_parameter_name, *g_buffer_name;

/// Whether registering goes through Python: there are hooks, or the class has its own method.
bool registers_itself(PyObject* self, PyObject* method_name, PyObject* ours) {
  return registration_hooked || _PyType_Lookup(Py_TYPE(self), method_name) != ours;
}

void assign_parameter(PyObject* self, PyObject* name, PyObject* value) {
  check_initialised(self, "parameters");
  forget(self, name, Table::Parameters);
  if (registers_itself(self, g_parameter_name, g_register_parameter))
    checked(PyObject_CallMethodObjArgs(self, g_parameter_name, name, value, nullptr));
  else
    layer_of(self).register_parameter(std::string(text_of(name)), tensor_of(value));
}

void assign_module(PyObject* self, PyObject* name, PyObject* value) {
  check_initialised(self, "module");
  forget(self, name, Table::Modules);
  Object part = Object::borrow(value);
  if (registration_hooked)
    part = checked(PyObject_CallFunctionObjArgs(g_registering_module, self, name, value, nullptr));
  layer_of(self).add_module(std::string(text_of(name)),
                            Ref<Module>::share(module_object(part.get())->layer));
}

void assign_buffer(PyObject* self, PyObject* name, PyObject* value) {
  check_initialised(self, "buffer");
  Object persistent = checked(PyObject_GetAttrString(value, "persistent"));
  if (registers_itself(self, g_buffer_name, g_register_buffer)) {
    checked(PyObject_CallFunctionObjArgs(g_registering_buffer, self, name, value, persistent.get(),
                                         nullptr));
    return;
  }
  PyObject* dict = module_object(self)->dict;
  check(!dict || !PyDict_Contains(dict, name), ErrorKind::Key, "attribute '", text_of(name),
        "' already exists");
  layer_of(self).register_buffer(std::string(text_of(name)), tensor_of(value),
                                 persistent.get() == Py_True);
}

/// Assigns a parameter, a part or a buffer; false if it is a plain attribute.
bool assign(PyObject* self, PyObject* name, PyObject* value) {
  nn::Layer& layer = layer_of(self);
  std::string_view text = text_of(name);
  if (is_parameter(value)) {
    assign_parameter(self, name, value);
    return true;
  }
  if (auto* slot = find(layer.parameter_slots(), text)) {
    check(value == Py_None, ErrorKind::Type, "cannot assign '", type_text(value),
          "' as parameter '", text, "' (torch.nn.Parameter or None expected)");
    slot->value = Tensor();
    return true;
  }
  if (is_module(value)) {
    assign_module(self, name, value);
    return true;
  }
  if (auto* slot = find(layer.module_slots(), text)) {
    check(value == Py_None, ErrorKind::Type, "cannot assign '", type_text(value),
          "' as child module '", text, "' (torch.nn.Module or None expected)");
    auto keep = std::move(slot->value);
    return true;
  }
  bool marked = is_buffer(value);
  auto* slot = find(layer.buffer_slots(), text);
  if (!marked && !slot) return false;
  check(value == Py_None || is_tensor(value), ErrorKind::Type, "cannot assign '", type_text(value),
        "' as buffer '", text, "' (torch.nn.Buffer, torch.Tensor or None expected)");
  if (marked)
    assign_buffer(self, name, value);
  else
    slot->value = value == Py_None ? Tensor() : tensor_of(value);
  return true;
}

bool remove(nn::Layer& layer, std::string_view name) {
  return remove_slot(layer.parameter_slots(), name) || remove_slot(layer.buffer_slots(), name) ||
         remove_slot(layer.module_slots(), name);
}

}  // namespace

PyObject* get_module_attribute(PyObject* self, PyObject* name) {
  PyTypeObject* type = Py_TYPE(self);
  if (_PyType_Lookup(type, name)) return PyObject_GenericGetAttr(self, name);
  return guarded([&]() -> PyObject* {
    if (PyObject* dict = module_object(self)->dict) {
      PyObject* own = PyDict_GetItemWithError(dict, name);
      if (own) return Py_NewRef(own);
      if (PyErr_Occurred()) throw PythonError();
    }
    if (PyObject* found = from_tables(layer_of(self), text_of(name))) return found;
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'", type->tp_name, name);
    return nullptr;
  });
}

int set_module_attribute(PyObject* self, PyObject* name, PyObject* value) {
  return guarded(
      [&] {
        if (!value) {
          if (remove(layer_of(self), text_of(name))) return 0;
          layer_of(self).set_plain_tensor(text_of(name), Tensor());
          return PyObject_GenericSetAttr(self, name, nullptr);
        }
        if (assign(self, name, value)) return 0;
        if (text_of(name) == "forward") layer_of(self).set_overridden(true);
        if (layer_of(self).entry())  // whose forward in C++ may ask for it
          layer_of(self).set_plain_tensor(text_of(name),
                                          is_tensor(value) ? tensor_of(value) : Tensor());
        const nn::Setting* setting = layer_of(self).find_setting(text_of(name));
        if (setting) {
          set_setting(layer_of(self), *setting, value);
          return 0;
        }
        return PyObject_GenericSetAttr(self, name, value);
      },
      -1);
}

// -- Tables ---------------------------------------------------------------------------------------

namespace {

Table table_named(PyObject* name) {
  std::string_view text = text_of(name);
  return text == "_parameters" ? Table::Parameters
         : text == "_buffers"  ? Table::Buffers
                               : Table::Modules;
}

/// Calls `visit(name, object)` for each entry of a table.
template <class Visit>
void for_each_entry(nn::Layer& layer, Table table, Visit&& visit) {
  if (table == Table::Parameters) {
    for (auto& slot : layer.parameter_slots())
      visit(slot.name, checked(wrap_parameter(slot.value)));
  } else if (table == Table::Buffers) {
    for (auto& slot : layer.buffer_slots()) visit(slot.name, checked(wrap(slot.value)));
  } else {
    for (auto& slot : layer.module_slots())
      visit(slot.name, checked(wrap_module(slot.value.get())));
  }
}

Object pair(const std::string& name, const Object& value) {
  return checked(Py_BuildValue("(s#O)", name.data(), Py_ssize_t(name.size()), value.get()));
}

/// _items(table): a list of (name, value).
PyObject* items(PyObject* self, PyObject* table) {
  return guarded([&] {
    Object list = checked(PyList_New(0));
    for_each_entry(layer_of(self), table_named(table), [&](const std::string& name, Object value) {
      checked(PyList_Append(list.get(), pair(name, value).get()));
    });
    return list.release();
  });
}

/// _entry(table, name): the value; KeyError if there is none.
PyObject* entry(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    nn::Layer& layer = layer_of(self);
    Table table = table_named(args[0]);
    std::string_view name = PyUnicode_Check(args[1]) ? text_of(args[1]) : "";
    if (table == Table::Parameters) {
      if (auto* slot = find(layer.parameter_slots(), name)) return wrap_parameter(slot->value);
    } else if (table == Table::Buffers) {
      if (auto* slot = find(layer.buffer_slots(), name)) return wrap(slot->value);
    } else if (auto* slot = find(layer.module_slots(), name)) {
      return wrap_module(slot->value.get());
    }
    PyErr_SetObject(PyExc_KeyError, args[1]);
    return nullptr;
  });
}

/// Puts a tensor into a table, where PyTorch takes any.
void put(std::vector<Module::TensorSlot>& slots, std::string name, const Tensor& tensor,
         bool persistent) {
  auto* slot = find(slots, name);
  if (!slot) slot = &slots.emplace_back(Module::TensorSlot{std::move(name), Tensor()});
  slot->value = tensor;
  slot->persistent = persistent;
}

/// _set_entry(table, name, value[, persistent]).
PyObject* set_entry(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    nn::Layer& layer = layer_of(self);
    Table table = table_named(args[0]);
    std::string name(text_of(args[1]));
    PyObject* value = args[2];
    if (table == Table::Modules) {
      check(value == Py_None || is_module(value), ErrorKind::Type, type_text(value),
            " is not a Module subclass");
      auto* part = value == Py_None ? nullptr : module_object(value)->layer;
      layer.add_module(name, Ref<Module>::share(part));
      return Py_NewRef(Py_None);
    }
    check(value == Py_None || is_tensor(value), ErrorKind::Type, "cannot assign '",
          type_text(value), "' object to '", name, "' (Tensor or None required)");
    Tensor tensor = value == Py_None ? Tensor() : tensor_of(value);
    if (table == Table::Parameters) {
      put(layer.parameter_slots(), name, tensor, true);
    } else {
      auto* slot = find(layer.buffer_slots(), name);
      bool persistent = count < 4 ? !slot || slot->persistent : args[3] == Py_True;
      put(layer.buffer_slots(), name, tensor, persistent);
    }
    return Py_NewRef(Py_None);
  });
}

/// _delete_entry(table, name); KeyError if there is none.
PyObject* delete_entry(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    nn::Layer& layer = layer_of(self);
    Table table = table_named(args[0]);
    std::string_view name = text_of(args[1]);
    bool found = table == Table::Parameters ? remove_slot(layer.parameter_slots(), name)
                 : table == Table::Buffers  ? remove_slot(layer.buffer_slots(), name)
                                            : remove_slot(layer.module_slots(), name);
    if (found) return Py_NewRef(Py_None);
    PyErr_SetObject(PyExc_KeyError, args[1]);
    return nullptr;
  });
}

/// _exchange(table, name, tensor): puts any tensor in the place of one; returns that.
PyObject* exchange(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    bool is_parameter = table_named(args[0]) == Table::Parameters;
    nn::Layer& layer = layer_of(self);
    auto* slot =
        find(is_parameter ? layer.parameter_slots() : layer.buffer_slots(), text_of(args[1]));
    if (!slot) {
      PyErr_SetObject(PyExc_KeyError, args[1]);
      return nullptr;
    }
    Tensor before = slot->value;
    Object object = checked(is_parameter ? wrap_parameter(before) : wrap(before));
    slot->value = args[2] == Py_None ? Tensor() : tensor_of(args[2]);
    return object.release();
  });
}

PyObject* transient_buffers(PyObject* self, PyObject*) {
  return guarded([&] {
    Object set = checked(PySet_New(nullptr));
    for (auto& slot : layer_of(self).buffer_slots()) {
      if (slot.persistent) continue;
      Object name = checked(PyUnicode_FromString(slot.name.c_str()));
      checked(PySet_Add(set.get(), name.get()));
    }
    return set.release();
  });
}

/// _save_tensors(destination, prefix, keep_vars): own parameters and persistent buffers.
PyObject* save_tensors(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    nn::Layer& layer = layer_of(self);
    bool keep_vars = PyObject_IsTrue(args[2]) == 1;
    auto save = [&](const Module::TensorSlot& slot, auto&& wrap_own) {
      if (!slot.value.defined() || !slot.persistent) return;
      Object value = checked(keep_vars ? wrap_own(slot.value) : wrap(slot.value.detach()));
      Object key = checked(PyUnicode_FromFormat("%U%s", args[1], slot.name.c_str()));
      checked(PyObject_SetItem(args[0], key.get(), value.get()));
    };
    for (const auto& slot : layer.parameter_slots()) save(slot, wrap_parameter);
    for (const auto& slot : layer.buffer_slots())
      save(slot, [](const Tensor& buffer) { return wrap(buffer); });
    return Py_NewRef(Py_None);
  });
}

PyObject* settings(PyObject* self, PyObject*) {
  return guarded([&] {
    Object dict = checked(PyDict_New());
    for (const nn::Setting& setting : layer_of(self).settings()) {
      Object value = checked(wrap(setting));
      checked(PyDict_SetItemString(dict.get(), std::string(setting.name).c_str(), value.get()));
    }
    return dict.release();
  });
}

// -- Walks ----------------------------------------------------------------------------------------

PyObject* list_of(const nn::NamedTensors& named, bool parameters) {
  Object list = checked(PyList_New(0));
  for (const auto& [name, tensor] : named) {
    Object value = checked(parameters ? wrap_parameter(tensor) : wrap(tensor));
    checked(PyList_Append(list.get(), pair(name, value).get()));
  }
  return list.release();
}

/// _named_tensors(table, prefix, recurse, remove_duplicate)
PyObject* named_tensors(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    bool parameters = table_named(args[0]) == Table::Parameters;
    auto walk = parameters ? &Module::named_parameters : &Module::named_buffers;
    bool recurse = PyObject_IsTrue(args[2]) == 1, once = PyObject_IsTrue(args[3]) == 1;
    return list_of((layer_of(self).*walk)(text_of(args[1]), recurse, once), parameters);
  });
}

/// _parameter_list(recurse)
PyObject* parameter_list(PyObject* self, PyObject* recurse) {
  return guarded([&] {
    auto named = layer_of(self).named_parameters("", PyObject_IsTrue(recurse) == 1);
    Object list = checked(PyList_New(Py_ssize_t(named.size())));
    for (size_t i = 0; i < named.size(); ++i)
      PyList_SET_ITEM(list.get(), Py_ssize_t(i),
                      checked(wrap_parameter(named[i].second)).release());
    return list.release();
  });
}

PyObject* list_of(const nn::NamedModules& named) {
  Object list = checked(PyList_New(0));
  for (const auto& [name, module] : named)
    checked(PyList_Append(list.get(), pair(name, checked(wrap_module(module))).get()));
  return list.release();
}

/// _walk_modules(prefix, remove_duplicate)
PyObject* walk_modules(PyObject* self, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    bool once = PyObject_IsTrue(args[1]) == 1;
    return list_of(layer_of(self).named_modules(text_of(args[0]), once));
  });
}

PyObject* walk_children(PyObject* self, PyObject*) {
  return guarded([&] { return list_of(layer_of(self).named_children()); });
}

PyObject* train(PyObject* self, PyObject* mode) {
  return guarded([&] {
    layer_of(self).train(mode == Py_True);
    return Py_NewRef(self);
  });
}

PyObject* zero_grad(PyObject* self, PyObject* set_to_none) {
  return guarded([&] {
    layer_of(self).zero_grad(PyObject_IsTrue(set_to_none) == 1);
    return Py_NewRef(Py_None);
  });
}

PyObject* require_grad(PyObject* self, PyObject* requires_grad) {
  return guarded([&] {
    layer_of(self).requires_grad_(
        to_flag(requires_grad, "requires_grad_(): argument 'requires_grad' (position 1)"));
    return Py_NewRef(self);
  });
}

}  // namespace

namespace {

/// _set_registration(Module.register_parameter, Module.register_buffer, function that runs hooks,
/// function that registers a buffer)
PyObject* set_registration(PyObject*, PyObject* const* args, Py_ssize_t) {
  g_parameter_name = PyUnicode_InternFromString("register_parameter");
  g_buffer_name = PyUnicode_InternFromString("register_buffer");
  g_register_parameter = Py_NewRef(args[0]);
  g_register_buffer = Py_NewRef(args[1]);
  g_registering_module = Py_NewRef(args[2]);
  g_registering_buffer = Py_NewRef(args[3]);
  return Py_NewRef(Py_None);
}

}  // namespace

PyMethodDef registration_functions[] = {
    {"_set_registration", (PyCFunction)(void*)set_registration, METH_FASTCALL, nullptr}, {}};

PyMethodDef module_table_methods[] = {
    {"_zero_grad", zero_grad, METH_O, nullptr},
    {"_require_grad", require_grad, METH_O, nullptr},
    {"_items", items, METH_O, nullptr},
    {"_entry", (PyCFunction)(void*)entry, METH_FASTCALL, nullptr},
    {"_set_entry", (PyCFunction)(void*)set_entry, METH_FASTCALL, nullptr},
    {"_delete_entry", (PyCFunction)(void*)delete_entry, METH_FASTCALL, nullptr},
    {"_exchange", (PyCFunction)(void*)exchange, METH_FASTCALL, nullptr},
    {"_transient_buffers", transient_buffers, METH_NOARGS, nullptr},
    {"_save_tensors", (PyCFunction)(void*)save_tensors, METH_FASTCALL, nullptr},
    {"_settings", settings, METH_NOARGS, nullptr},
    {"_named_tensors", (PyCFunction)(void*)named_tensors, METH_FASTCALL, nullptr},
    {"_parameter_list", parameter_list, METH_O, nullptr},
    {"_walk_modules", (PyCFunction)(void*)walk_modules, METH_FASTCALL, nullptr},
    {"_walk_children", walk_children, METH_NOARGS, nullptr},
    {"_train", train, METH_O, nullptr},
    {}};

}  // namespace rushlight::python
