// The layers of the layer table: `__init__` and `forward` of their Python classes, which
// rushlight/nn/modules makes from what _layer(name) tells.

#include "nn/layer_table.h"
#include "python/nn.h"

#include <unordered_map>

namespace rushlight::python {

namespace {

/// A function of a layer's class; stored there, it binds as Python's own functions do.
struct LayerMethod {
  PyObject_HEAD vectorcallfunc vectorcall;
  const nn::LayerEntry* entry;
  bool is_forward;
};

PyTypeObject* g_method_type;
PyObject* g_reset_name;
std::unordered_map<PyTypeObject*, const nn::LayerEntry*> g_classes;

LayerMethod* method_of(PyObject* self) { return reinterpret_cast<LayerMethod*>(self); }
std::string_view class_name(const nn::LayerEntry& entry) { return nn::info(entry).schema.name; }

const Schema& schema_of(const LayerMethod& method) {
  const nn::LayerInfo& info = nn::info(*method.entry);
  return method.is_forward ? info.input_schema : info.schema;
}

std::string full_name(const LayerMethod& method) {
  return std::string(class_name(*method.entry)) + (method.is_forward ? ".forward" : ".__init__");
}

// -- Arguments ------------------------------------------------------------------------------------

/// Finds the argument of each parameter, positional or by name, in the words of Python's functions.
SmallVector<PyObject*, 12> place(const LayerMethod& method, PyObject* const* arguments,
                                 size_t count, PyObject* names) {
  const auto& parameters = schema_of(method).parameters;
  SmallVector<PyObject*, 12> placed(parameters.size(), nullptr);
  size_t positional = 0;
  while (positional < parameters.size() && !parameters[positional].keyword_only) ++positional;
  if (count > positional) {
    size_t required = 0;
    while (required < positional && !parameters[required].has_default) ++required;
    std::string takes =
        required < positional ? "from " + std::to_string(required + 1) + " to " : "";
    fail(ErrorKind::Type, full_name(method), "() takes ", takes, positional + 1,
         positional == 0 ? " positional argument but " : " positional arguments but ", count + 1,
         " were given");
  }
  for (size_t i = 0; i < count; ++i) placed[i] = arguments[i];
  for (Py_ssize_t k = 0; names && k < PyTuple_GET_SIZE(names); ++k) {
    std::string_view name = text_of(PyTuple_GET_ITEM(names, k));
    size_t i = 0;
    while (i < parameters.size() && parameters[i].name != name) ++i;
    check(i < parameters.size(), ErrorKind::Type, full_name(method),
          "() got an unexpected keyword argument '", name, "'");
    check(!placed[i], ErrorKind::Type, full_name(method), "() got multiple values for argument '",
          name, "'");
    placed[i] = arguments[count + size_t(k)];
  }
  std::vector<std::string> missing;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!placed[i] && !parameters[i].has_default)
      missing.push_back("'" + std::string(parameters[i].name) + "'");
  }
  if (missing.empty()) return placed;
  std::string list = missing[0];
  for (size_t i = 1; i < missing.size(); ++i) {
    bool last = i + 1 == missing.size();
    list += (!last ? ", " : missing.size() == 2 ? " and " : ", and ") + missing[i];
  }
  fail(ErrorKind::Type, full_name(method), "() missing ", missing.size(),
       " required positional argument", missing.size() == 1 ? "" : "s", ": ", list);
}

bool to_ints(PyObject* object, int64_t list_size, Dims& ints) {
  int64_t number;
  if (list_size > 0 && to_integer(object, number)) {
    ints.resize(size_t(list_size), number);
    return true;
  }
  if (!PyTuple_Check(object) && !PyList_Check(object)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); ++i) {
    if (!to_integer(PySequence_Fast_GET_ITEM(object, i), number)) return false;
    ints.push_back(number);
  }
  return true;
}

/// The value of a type that `object` stands for; false if it is of another type. Texts and tensors
/// are borrowed from it, lists are kept in `ints`.
bool convert(Type type, bool optional, int64_t list_size, PyObject* object, Dims& ints,
             Value& value) {
  Scalar scalar;
  if (object == Py_None && optional) return value = Value(), true;
  switch (type) {
    case Type::Tensor:
      if (!is_tensor(object)) return false;
      return value = Value(tensor_of(object)), true;
    case Type::Bool: {
      // Layers only ask whether it is true, so that `bias=None` stands for False.
      int truth = PyObject_IsTrue(object);
      if (truth < 0) throw PythonError();
      return value = Value(truth == 1), true;
    }
    case Type::Int: {
      int64_t number;
      if (PyBool_Check(object) || !to_integer(object, number)) return false;
      return value = Value(number), true;
    }
    case Type::Float:
    case Type::Scalar:
      if (is_tensor(object) && tensor_of(object).numel() == 1)
        return value = Value(tensor_of(object).item_scalar()), true;
      if (!to_scalar(object, scalar)) return false;
      return value = Value(scalar), true;
    case Type::Text:
      if (!PyUnicode_Check(object)) return false;
      return value = Value(text_of(object)), true;
    case Type::Ints:
      if (!to_ints(object, list_size, ints)) return false;
      return value = Value(Ints(ints)), true;
    case Type::DType: {
      DType dtype;
      if (!to_dtype(object, dtype)) return false;
      return value = Value(dtype), true;
    }
    case Type::Device: {
      Device device;
      if (!to_device(object, device)) return false;
      return value = Value(device), true;
    }
    default: return false;
  }
}

const char* type_name(Type type) {
  switch (type) {
    case Type::Tensor: return "Tensor";
    case Type::Bool: return "bool";
    case Type::Int: return "int";
    case Type::Text: return "str";
    case Type::Ints: return "int or tuple of ints";
    case Type::DType: return "torch.dtype";
    case Type::Device: return "torch.device";
    default: return "float";
  }
}

// -- Calls ----------------------------------------------------------------------------------------

/// The parts one after the other. What they pass on need not be a tensor; Python sees only what it
/// must.
PyObject* call_sequential(PyObject* self, PyObject* argument) {
  Object object = Object::borrow(argument);
  Tensor tensor = is_tensor(argument) ? tensor_of(argument) : Tensor();
  nn::Layer& layer = layer_of(self);
  for (size_t i = 0; i < layer.module_slots().size(); ++i) {
    Ref<nn::Module> part = layer.module_slots()[i].value;
    check(bool(part), ErrorKind::Type, "'NoneType' object is not callable");
    if (tensor.defined() && !part->is_overridden() && !all_modules_hooked) {
      tensor = (*part)(tensor);
      object = Object();
      continue;
    }
    if (!object) object = checked(wrap(tensor));
    PyObject* input = object.get();
    Object called = checked(wrap_module(part.get()));
    object = checked(PyObject_Vectorcall(called.get(), &input, 1, nullptr));
    tensor = is_tensor(object.get()) ? tensor_of(object.get()) : Tensor();
  }
  return object ? object.release() : wrap(std::move(tensor));
}

bool is_long(Tensors inputs) {
  for (const Tensor& input : inputs) {
    if (input.defined() && input.numel() > (1 << 16)) return true;
  }
  return false;
}

PyObject* run(const nn::LayerEntry& entry, nn::Layer& layer, Tensors inputs) {
  Tensor result;
  {
    WithoutGil guard(is_long(inputs));
    result = entry.forward(layer, inputs);
  }
  return wrap(std::move(result));
}

/// Places and checks the inputs, where there is more than one tensor.
PyObject* call_with(const nn::LayerEntry& entry, nn::Layer& layer, PyObject* const* arguments,
                    size_t count, PyObject* names) {
  LayerMethod method{};
  method.entry = &entry;
  method.is_forward = true;
  auto placed = place(method, arguments, count, names);
  if (entry.is_identity) return Py_NewRef(placed[0]);
  const auto& parameters = nn::info(entry).input_schema.parameters;
  SmallVector<Tensor, 4> inputs;
  for (size_t i = 0; i < placed.size(); ++i) {
    PyObject* given = placed[i];
    if (!given || (given == Py_None && parameters[i].optional)) {
      inputs.push_back(Tensor());
      continue;
    }
    Scalar number;
    if (parameters[i].type == Type::TensorOrScalar && to_scalar(given, number)) {
      inputs.push_back(wrapped_number(number));
      continue;
    }
    check(is_tensor(given), ErrorKind::Type, full_name(method), "(): argument '",
          parameters[i].name, "' (position ", i + 1, ") must be Tensor, not ",
          Py_TYPE(given)->tp_name);
    inputs.push_back(tensor_of(given));
  }
  return run(entry, layer, {inputs.data(), inputs.size()});
}

/// Tells the hooks of registering what `build` registered.
void announce(PyObject* self) {
  // Copies, because a hook may change the tables.
  for (const auto& slot : std::vector(layer_of(self).parameter_slots())) {
    if (!slot.value.defined()) continue;
    Object value = checked(wrap_parameter(slot.value));
    checked(PyObject_CallMethod(self, "register_parameter", "sO", slot.name.c_str(), value.get()));
  }
  for (const auto& slot : std::vector(layer_of(self).buffer_slots())) {
    Object value = checked(wrap(slot.value));
    PyObject* persistent = slot.persistent ? Py_True : Py_False;
    checked(PyObject_CallMethod(self, "register_buffer", "sOO", slot.name.c_str(), value.get(),
                                persistent));
  }
}

/// Runs a constructor on an object of the layer's class or of one that derives from it.
void construct(const LayerMethod& method, PyObject* self, PyObject* const* arguments, size_t count,
               PyObject* names) {
  if (method.entry->is_identity) count = 0, names = nullptr;
  const auto& parameters = schema_of(method).parameters;
  auto placed = place(method, arguments, count, names);
  SmallVector<Value, 12> values(parameters.size() + 1);
  SmallVector<Dims, 2> ints(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (!placed[i]) {
      values[i] = parameter.default_value;
      continue;
    }
    check(convert(parameter.type, parameter.optional, parameter.list_size, placed[i], ints[i],
                  values[i]),
          ErrorKind::Type, full_name(method), "(): argument '", parameter.name, "' must be ",
          type_name(parameter.type), ", not ", Py_TYPE(placed[i])->tp_name);
  }
  if (std::optional<Device> device = default_device()) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].type == Type::Device && values[i].is_none()) values[i] = *device;
    }
  }
  nn::Layer& layer = layer_of(self);
  bool resets = layer.build(method.entry, values.data());
  module_object(self)->initialised = true;
  if (registration_hooked) [[unlikely]]
    announce(self);
  if (!resets) return;
  // A subclass may initialise in its own way.
  checked(PyObject_CallMethodNoArgs(self, g_reset_name));
}

PyObject* method_vectorcall(PyObject* callable, PyObject* const* arguments, size_t flags,
                            PyObject* names) {
  return guarded([&]() -> PyObject* {
    const LayerMethod& method = *method_of(callable);
    size_t count = size_t(PyVectorcall_NARGS(flags));
    check(count > 0 && is_module(arguments[0]), ErrorKind::Type, full_name(method),
          "() needs a module as its first argument");
    if (method.is_forward)
      return call_layer(*method.entry, arguments[0], arguments + 1, count - 1, names);
    construct(method, arguments[0], arguments + 1, count - 1, names);
    return Py_NewRef(Py_None);
  });
}

// -- The type of these functions ------------------------------------------------------------------

PyObject* bind_method(PyObject* self, PyObject* object, PyObject*) {
  return object ? PyMethod_New(self, object) : Py_NewRef(self);
}

PyObject* method_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<function %s at %p>", full_name(*method_of(self)).c_str(), self);
  });
}

std::string text_signature(const LayerMethod& method) {
  std::string text = "(self";
  bool keyword_only = false;
  for (const Parameter& parameter : schema_of(method).parameters) {
    text += parameter.keyword_only && !keyword_only ? ", *, " : ", ";
    keyword_only = parameter.keyword_only;
    text += parameter.name;
    if (!parameter.has_default) continue;
    nn::Setting value(parameter, true);
    value.set(parameter.default_value);
    text += "=" + nn::to_string(value);
  }
  return text + ")";
}

PyObject* get_signature(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Object inspect = checked(PyImport_ImportModule("inspect"));
    Object make = checked(PyObject_GetAttrString(inspect.get(), "_signature_fromstr"));
    Object type = checked(PyObject_GetAttrString(inspect.get(), "Signature"));
    return PyObject_CallFunction(make.get(), "OOs", type.get(), self,
                                 text_signature(*method_of(self)).c_str());
  });
}

PyGetSetDef method_attributes[] = {
    {"__name__",
     [](PyObject* self, void*) {
       return PyUnicode_FromString(method_of(self)->is_forward ? "forward" : "__init__");
     },
     nullptr, nullptr, nullptr},
    {"__qualname__",
     [](PyObject* self, void*) {
       return PyUnicode_FromString(full_name(*method_of(self)).c_str());
     },
     nullptr, nullptr, nullptr},
    {"__module__",
     [](PyObject* self, void*) {
       return PyUnicode_FromFormat("rushlight.nn.modules.%s", method_of(self)->entry->file);
     },
     nullptr, nullptr, nullptr},
    {"__doc__",
     [](PyObject* self, void*) { return PyUnicode_FromString(method_of(self)->entry->doc); },
     nullptr, nullptr, nullptr},
    {"__signature__", get_signature, nullptr, nullptr, nullptr},
    {}};
PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(LayerMethod, vectorcall), READONLY, nullptr}, {}};
PyType_Slot method_slots[] = {
    {Py_tp_call, (void*)PyVectorcall_Call}, {Py_tp_repr, (void*)method_repr},
    {Py_tp_descr_get, (void*)bind_method},  {Py_tp_getset, method_attributes},
    {Py_tp_members, method_members},        {0, nullptr}};
PyType_Spec method_spec = {"rushlight._C.LayerMethod", sizeof(LayerMethod), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                               Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           method_slots};

Object new_method(const nn::LayerEntry& entry, bool is_forward) {
  Object object = checked(g_method_type->tp_alloc(g_method_type, 0));
  LayerMethod* method = method_of(object.get());
  method->vectorcall = method_vectorcall;
  method->entry = &entry;
  method->is_forward = is_forward;
  return object;
}

// -- What Python makes the classes of -------------------------------------------------------------

const nn::LayerEntry* find_layer(std::string_view name) {
  if (name == "Sequential") return &nn::sequential_entry();
  for (const nn::LayerEntry* entry : nn::all_layers()) {
    std::string_view schema = entry->schema;
    if (schema.substr(0, schema.find('(')) == name) return entry;
  }
  return nullptr;
}

/// _layer_names(): a list of (name, file).
PyObject* layer_names(PyObject*, PyObject*) {
  return guarded([] {
    Object list = checked(PyList_New(0));
    for (const nn::LayerEntry* entry : nn::all_layers()) {
      std::string_view schema = entry->schema;
      std::string name(schema.substr(0, schema.find('(')));
      checked(PyList_Append(list.get(),
                            checked(Py_BuildValue("(ss)", name.c_str(), entry->file)).get()));
    }
    return list.release();
  });
}

/// _layer(name): its file, its members, and whether its parameters can be reset.
PyObject* layer(PyObject*, PyObject* name) {
  return guarded([&]() -> PyObject* {
    const nn::LayerEntry* entry = find_layer(text_of(name));
    if (!entry) {
      PyErr_SetObject(PyExc_KeyError, name);
      return nullptr;
    }
    Object init = new_method(*entry, false), forward = new_method(*entry, true);
    return Py_BuildValue("(s{s:s,s:O,s:O}O)", entry->file, "__doc__", entry->doc, "__init__",
                         init.get(), "forward", forward.get(), entry->reset ? Py_True : Py_False);
  });
}

/// _register_layer(class, name or None): instances are the layer's own, to be called from C++.
PyObject* register_layer(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *type, *name;
    if (!PyArg_ParseTuple(args, "OO", &type, &name)) return nullptr;
    const nn::LayerEntry* entry = name == Py_None ? nullptr : find_layer(text_of(name));
    g_classes[reinterpret_cast<PyTypeObject*>(Py_NewRef(type))] = entry;
    return Py_NewRef(type);
  });
}

PyObject* reset_parameters(PyObject*, PyObject* self) {
  return guarded([&] {
    layer_of(self).reset_parameters();
    return Py_NewRef(Py_None);
  });
}

PyMethodDef functions[] = {{"_layer_names", layer_names, METH_NOARGS, nullptr},
                           {"_layer", layer, METH_O, nullptr},
                           {"_register_layer", register_layer, METH_VARARGS, nullptr},
                           {"_reset_parameters", reset_parameters, METH_O, nullptr},
                           {}};

}  // namespace

PyObject* call_layer(const nn::LayerEntry& entry, PyObject* self, PyObject* const* arguments,
                     size_t count, PyObject* names) {
  return guarded([&]() -> PyObject* {
    if (&entry == &nn::sequential_entry() && count == 1 && !names)
      return call_sequential(self, arguments[0]);
    const auto& parameters = nn::info(entry).input_schema.parameters;
    if (count == 1 && !names && parameters.size() == 1 && is_tensor(arguments[0])) [[likely]]
      return run(entry, layer_of(self), {&tensor_of(arguments[0]), 1});
    return call_with(entry, layer_of(self), arguments, count, names);
  });
}

PyObject* wrap(const nn::Setting& setting) {
  switch (setting.kind) {
    case Value::Kind::None: return Py_NewRef(Py_None);
    case Value::Kind::Text:
      return PyUnicode_FromStringAndSize(setting.text.data(), Py_ssize_t(setting.text.size()));
    case Value::Kind::Ints: {
      Object tuple = checked(PyTuple_New(Py_ssize_t(setting.ints.size())));
      for (size_t i = 0; i < setting.ints.size(); ++i)
        PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), PyLong_FromLongLong(setting.ints[i]));
      return tuple.release();
    }
    default: return wrap(setting.number);
  }
}

void set_setting(nn::Layer& layer, const nn::Setting& setting, PyObject* object) {
  Dims ints;
  Value value;
  check(convert(setting.type, setting.optional, 0, object, ints, value), ErrorKind::Type,
        layer.class_name(), ".", setting.name, " must be ", type_name(setting.type), ", not ",
        Py_TYPE(object)->tp_name);
  layer.set(setting.name, value);
}

const nn::LayerEntry* entry_of(PyTypeObject* type) {
  PyObject* bases = type->tp_mro;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    auto found = g_classes.find(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i)));
    if (found != g_classes.end() && found->second) return found->second;
  }
  return nullptr;
}

bool is_native(PyTypeObject* type) { return g_classes.contains(type); }

const nn::LayerEntry* native_forward(PyObject* object) {
  if (Py_TYPE(object) != g_method_type) return nullptr;
  return method_of(object)->is_forward ? method_of(object)->entry : nullptr;
}

void add_layers(PyObject* module) {
  g_reset_name = PyUnicode_InternFromString("reset_parameters");
  g_method_type = add_class(module, method_spec);
  add_functions(module, functions);
}

}  // namespace rushlight::python
