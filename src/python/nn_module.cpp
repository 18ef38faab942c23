// ModuleBase, from which rushlight.nn.Module derives: lives and calls of module objects.
//
// A module's object owns it, and every Ref<Module> in C++ counts as a reference to the object:
// there is one count, and the garbage collector sees the edges between modules.

#include "python/nn.h"

#include "nn/layer_table.h"

namespace rushlight::python {

PyTypeObject* module_type;
PyTypeObject* parameter_type;
bool all_modules_hooked;
bool registration_hooked;

namespace {

PyObject *g_forward, *g_call_impl;

// -- What C++ asks of objects ---------------------------------------------------------------------

class PythonFace final : public nn::Face {
 public:
  void retain(void* object) const override {
    WithGil gil;
    Py_INCREF(static_cast<PyObject*>(object));
  }
  void release(void* object) const override {
    if (!Py_IsInitialized()) return;
    WithGil gil;
    Py_DECREF(static_cast<PyObject*>(object));
  }
  Tensor call(nn::Module& module, Tensors inputs) const override {
    WithGil gil;
    PyObject* object = static_cast<PyObject*>(module.object());
    std::vector<Object> owned;
    std::vector<PyObject*> arguments(1);  // room for self
    for (const Tensor& input : inputs) {
      owned.push_back(checked(wrap(input)));
      arguments.push_back(owned.back().get());
    }
    size_t flags = inputs.size() | PY_VECTORCALL_ARGUMENTS_OFFSET;
    Object result = checked(PyObject_Vectorcall(object, &arguments[1], flags, nullptr));
    check(is_tensor(result.get()), ErrorKind::Type, Py_TYPE(object)->tp_name,
          ".forward() must return a Tensor here, not ", Py_TYPE(result.get())->tp_name);
    return tensor_of(result.get());
  }
  std::string to_string(const nn::Module& module) const override {
    return text(module, [](PyObject* object) { return PyObject_Repr(object); });
  }
  std::string extra_repr(const nn::Module& module) const override {
    return text(module, [](PyObject* object) {
      return PyObject_CallMethod(object, "extra_repr", nullptr);
    });
  }
  std::string class_name(const nn::Module& module) const override {
    return text(module,
                [](PyObject* object) { return PyObject_CallMethod(object, "_get_name", nullptr); });
  }
  void train(nn::Module& module, bool mode) const override {
    WithGil gil;
    PyObject* object = static_cast<PyObject*>(module.object());
    checked(PyObject_CallMethod(object, "train", "O", mode ? Py_True : Py_False));
  }

 private:
  template <class Ask>
  static std::string text(const nn::Module& module, Ask ask) {
    WithGil gil;
    Object answer = checked(ask(static_cast<PyObject*>(module.object())));
    check(PyUnicode_Check(answer.get()), ErrorKind::Type, "expected a str, not ",
          Py_TYPE(answer.get())->tp_name);
    return std::string(text_of(answer.get()));
  }
};

const PythonFace kFace;

// -- Lives ----------------------------------------------------------------------------------------

PyObject* module_vectorcall(PyObject* self, PyObject* const* arguments, size_t flags,
                            PyObject* names);

void attach(ModuleObject* object, nn::Layer* layer) {
  object->layer = layer;
  object->vectorcall = module_vectorcall;
  layer->set_overridden(!is_native(Py_TYPE(object)));
  layer->set_object(object);
}

PyObject* module_new(PyTypeObject* type, PyObject*, PyObject*) {
  if (PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT)) {
    Object none = Object::steal(PyTuple_New(0));
    return PyBaseObject_Type.tp_new(type, none.get(), nullptr);  // which says what is abstract
  }
  PyObject* self = type->tp_alloc(type, 0);
  if (self) attach(module_object(self), new nn::Layer);
  return self;
}

/// Calls the __init__ of what comes after Module among the bases, if the class asks for that.
bool call_next_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static PyObject* const asks = PyUnicode_InternFromString("call_super_init");
  PyObject* wanted = _PyType_Lookup(Py_TYPE(self), asks);
  if (!wanted || PyObject_IsTrue(wanted) != 1) return false;
  Object next = checked(PyObject_CallFunction((PyObject*)&PySuper_Type, "OO", module_type, self));
  Object init = checked(PyObject_GetAttrString(next.get(), "__init__"));
  checked(PyObject_Call(init.get(), args, kwargs));
  return true;
}

int module_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded(
      [&] {
        layer_of(self).build(entry_of(Py_TYPE(self)), nullptr);
        module_object(self)->initialised = true;
        if (call_next_init(self, args, kwargs)) return 0;
        Py_ssize_t given = PyTuple_GET_SIZE(args);
        const char* name = Py_TYPE(self)->tp_name;
        if (kwargs && PyDict_GET_SIZE(kwargs) > 0) {
          PyObject *key = nullptr, *value;
          Py_ssize_t position = 0;
          PyDict_Next(kwargs, &position, &key, &value);
          fail(ErrorKind::Type, name, ".__init__() got an unexpected keyword argument '",
               text_of(key), "'");
        }
        check(given == 0, ErrorKind::Type, name, ".__init__() takes 1 positional argument but ",
              given + 1, " were given");
        return 0;
      },
      -1);
}

int visit_parts(const nn::Module& module, visitproc visit, void* arg) {
  for (const nn::Module::ModuleSlot& slot : module.module_slots()) {
    const nn::Module* part = slot.value.get();
    if (!part) continue;
    if (part->object())
      Py_VISIT(static_cast<PyObject*>(part->object()));
    else if (part->use_count() == 1) {
      // A part without an object that nobody else holds: its edges are as good as ours.
      int status = visit_parts(*part, visit, arg);
      if (status) return status;
    }
  }
  return 0;
}

int module_traverse(PyObject* self, visitproc visit, void* arg) {
  ModuleObject* object = module_object(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object->dict);
  return object->layer ? visit_parts(*object->layer, visit, arg) : 0;
}

int module_clear(PyObject* self) {
  ModuleObject* object = module_object(self);
  Py_CLEAR(object->dict);
  if (object->layer) {
    // The parts die when the tables are whole again: their finalizers may look at this module.
    auto parts = std::move(object->layer->module_slots());
    object->layer->module_slots().clear();
  }
  return 0;
}

void module_dealloc(PyObject* self) {
  ModuleObject* object = module_object(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, module_dealloc) if (object->weak_references) PyObject_ClearWeakRefs(self);
  Py_CLEAR(object->dict);
  delete std::exchange(object->layer, nullptr);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

// -- Calls ----------------------------------------------------------------------------------------

/// Calls `function(self, *arguments)`.
PyObject* call_method(PyObject* function, PyObject* self, PyObject* const* arguments, size_t flags,
                      PyObject* names) {
  size_t count = size_t(PyVectorcall_NARGS(flags));
  if (flags & PY_VECTORCALL_ARGUMENTS_OFFSET) {
    auto** first = const_cast<PyObject**>(arguments) - 1;
    PyObject* before = std::exchange(*first, self);
    PyObject* result = PyObject_Vectorcall(function, first, count + 1, names);
    *first = before;
    return result;
  }
  size_t total = count + (names ? size_t(PyTuple_GET_SIZE(names)) : 0);
  SmallVector<PyObject*, 8> all;
  all.push_back(self);
  all.append(arguments, arguments + total);
  return PyObject_Vectorcall(function, all.data(), count + 1, names);
}

/// Calls the class's forward, without hooks.
PyObject* call_forward(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) {
  PyObject* dict = module_object(self)->dict;
  PyObject* own = dict ? PyDict_GetItemWithError(dict, g_forward) : nullptr;
  if (own) [[unlikely]]
    return PyObject_Vectorcall(own, arguments, flags, names);
  PyObject* forward = _PyType_Lookup(Py_TYPE(self), g_forward);
  if (!forward) {
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'forward'",
                 Py_TYPE(self)->tp_name);
    return nullptr;
  }
  if (const nn::LayerEntry* entry = native_forward(forward))
    return call_layer(*entry, self, arguments, size_t(PyVectorcall_NARGS(flags)), names);
  if (PyType_HasFeature(Py_TYPE(forward), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
    Object keep = Object::borrow(forward);
    return call_method(forward, self, arguments, flags, names);
  }
  Object bound = Object::steal(PyObject_GetAttr(self, g_forward));
  return bound ? PyObject_Vectorcall(bound.get(), arguments, flags, names) : nullptr;
}

PyObject* module_vectorcall(PyObject* self, PyObject* const* arguments, size_t flags,
                            PyObject* names) {
  PyTypeObject* type = Py_TYPE(self);
  bool fast = PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL);
  if (fast && type->tp_call != PyVectorcall_Call) [[unlikely]] {
    // The class was given a __call__ of its own after it was made. From now on Python finds it, and
    // only its super().__call__ comes here, as it does from classes that were made with one.
    type->tp_flags &= ~Py_TPFLAGS_HAVE_VECTORCALL;
    Object call = Object::steal(PyObject_GetAttrString((PyObject*)type, "__call__"));
    return call ? call_method(call.get(), self, arguments, flags, names) : nullptr;
  }
  if (module_object(self)->hooked || all_modules_hooked) [[unlikely]] {
    PyObject* call = _PyType_Lookup(type, g_call_impl);
    return call_method(call, self, arguments, flags, names);
  }
  return call_forward(self, arguments, flags, names);
}

/// Gives subclasses the fast paths that Python's own class creation takes from them.
PyObject* init_subclass(PyObject* cls, PyObject* args, PyObject* kwargs) {
  // Other bases, such as typing.Generic, have their say as well.
  Object next = Object::steal(
      PyObject_CallFunction((PyObject*)&PySuper_Type, "OO", (PyObject*)module_type, cls));
  Object theirs =
      Object::steal(next ? PyObject_GetAttrString(next.get(), "__init_subclass__") : nullptr);
  Object done = Object::steal(theirs ? PyObject_Call(theirs.get(), args, kwargs) : nullptr);
  if (!done) return nullptr;
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  auto is_ours = [&](const char* name) {
    Object key = Object::steal(PyUnicode_InternFromString(name));
    return _PyType_Lookup(type, key.get()) == _PyType_Lookup(module_type, key.get());
  };
  if (is_ours("__getattr__") && is_ours("__getattribute__"))
    type->tp_getattro = get_module_attribute;
  if (is_ours("__call__")) {
    type->tp_call = PyVectorcall_Call;
    type->tp_vectorcall_offset = offsetof(ModuleObject, vectorcall);
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  }
  PyType_Modified(type);
  return Py_NewRef(Py_None);
}

// -- Methods --------------------------------------------------------------------------------------

PyObject* call_without_hooks(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                             PyObject* names) {
  return call_forward(self, arguments, size_t(count), names);
}

PyObject* forward_missing(PyObject* self, PyObject*, PyObject*) {
  PyErr_Format(PyExc_NotImplementedError,
               "Module [%s] is missing the required \"forward\" function", Py_TYPE(self)->tp_name);
  return nullptr;
}

PyObject* module_repr(PyObject* self) {
  return guarded([&] {
    std::string text = layer_of(self).to_string();
    return PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
  });
}

PyObject* extra_repr(PyObject* self, PyObject*) {
  return guarded([&] {
    std::string text = layer_of(self).extra_repr();
    return PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
  });
}

PyObject* get_name(PyObject* self, PyObject*) {
  Object type = Object::borrow((PyObject*)Py_TYPE(self));
  return PyObject_GetAttrString(type.get(), "__name__");
}

PyObject* missing_attribute(PyObject* self, PyObject* name) {
  // What `super().__getattr__(name)` in a subclass finds: what is not a plain attribute.
  return get_module_attribute(self, name);
}

// Methods, not the slot of the type: so object.__setattr__(), by which programs hide a module from
// registration, is not refused.
PyObject* set_attribute(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    check(count == 2, ErrorKind::Type, "expected 2 arguments, got ", count);
    check(PyUnicode_Check(args[0]), ErrorKind::Type, "attribute name must be string, not '",
          Py_TYPE(args[0])->tp_name, "'");
    return set_module_attribute(self, args[0], args[1]) == 0 ? Py_NewRef(Py_None) : nullptr;
  });
}

PyObject* delete_attribute(PyObject* self, PyObject* name) {
  return guarded([&]() -> PyObject* {
    check(PyUnicode_Check(name), ErrorKind::Type, "attribute name must be string, not '",
          Py_TYPE(name)->tp_name, "'");
    return set_module_attribute(self, name, nullptr) == 0 ? Py_NewRef(Py_None) : nullptr;
  });
}

PyObject* get_training(PyObject* self, void*) {
  return PyBool_FromLong(layer_of(self).is_training());
}
int set_training(PyObject* self, PyObject* value, void*) {
  int mode = value ? PyObject_IsTrue(value) : 0;
  if (mode < 0) return -1;
  layer_of(self).set_training(mode == 1);
  return 0;
}
PyObject* get_hooked(PyObject* self, void*) { return PyBool_FromLong(module_object(self)->hooked); }
int set_hooked(PyObject* self, PyObject* value, void*) {
  bool hooked = value == Py_True;
  PyObject* dict = module_object(self)->dict;
  bool own_forward = dict && PyDict_Contains(dict, g_forward) == 1;
  module_object(self)->hooked = hooked;
  layer_of(self).set_overridden(hooked || own_forward || !is_native(Py_TYPE(self)));
  return 0;
}

/// _restore(): readies an object for the state that was saved of another.
PyObject* restore(PyObject* self, PyObject*) {
  return guarded([&] {
    layer_of(self).build(entry_of(Py_TYPE(self)), nullptr);
    module_object(self)->initialised = true;
    return Py_NewRef(Py_None);
  });
}

PyObject* is_initialised(PyObject* self, PyObject*) {
  return PyBool_FromLong(module_object(self)->initialised);
}

PyMethodDef methods[] = {
    {"_is_initialised", is_initialised, METH_NOARGS, nullptr},
    {"__init_subclass__", (PyCFunction)(void*)init_subclass,
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, nullptr},
    {"__getattr__", missing_attribute, METH_O, nullptr},
    {"__setattr__", (PyCFunction)(void*)set_attribute, METH_FASTCALL, nullptr},
    {"__delattr__", delete_attribute, METH_O, nullptr},
    {"_call_forward", (PyCFunction)(void*)call_without_hooks, METH_FASTCALL | METH_KEYWORDS,
     "The class's forward, without hooks."},
    {"forward", (PyCFunction)(void*)forward_missing, METH_VARARGS | METH_KEYWORDS,
     "forward($self, *input)\n--\n\nWhat the module computes; every subclass defines it."},
    {"extra_repr", extra_repr, METH_NOARGS,
     "extra_repr($self)\n--\n\nWhat stands in the parentheses of the representation."},
    {"_get_name", get_name, METH_NOARGS, nullptr},
    {"_restore", restore, METH_NOARGS, nullptr},
    {}};
PyGetSetDef attributes[] = {
    {"training", get_training, set_training, "Whether the module is being trained.", nullptr},
    {"_hooked", get_hooked, set_hooked, nullptr, nullptr},
    {"_own_dict", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};
PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(ModuleObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ModuleObject, weak_references), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(ModuleObject, vectorcall), READONLY, nullptr},
    {}};
PyType_Slot slots[] = {{Py_tp_new, (void*)module_new},
                       {Py_tp_init, (void*)module_init},
                       {Py_tp_dealloc, (void*)module_dealloc},
                       {Py_tp_traverse, (void*)module_traverse},
                       {Py_tp_clear, (void*)module_clear},
                       {Py_tp_call, (void*)PyVectorcall_Call},
                       {Py_tp_getattro, (void*)get_module_attribute},
                       {Py_tp_repr, (void*)module_repr},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_members, members},
                       {0, nullptr}};
PyType_Spec spec = {
    "rushlight._C.ModuleBase", sizeof(ModuleObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    slots};

PyObject* set_tensor_classes(PyObject*, PyObject* parameter) {
  parameter_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(parameter));
  return Py_NewRef(Py_None);
}

PyObject* set_modules_hooked(PyObject*, PyObject* hooked) {
  all_modules_hooked = hooked == Py_True;
  return Py_NewRef(Py_None);
}

PyObject* set_registration_hooked(PyObject*, PyObject* hooked) {
  registration_hooked = hooked == Py_True;
  return Py_NewRef(Py_None);
}

PyObject* type_text_function(PyObject*, PyObject* object) {
  return guarded([&] { return PyUnicode_FromString(type_text(object).c_str()); });
}

PyMethodDef functions[] = {
    {"_set_tensor_classes", set_tensor_classes, METH_O, nullptr},
    {"_set_modules_hooked", set_modules_hooked, METH_O, nullptr},
    {"_set_registration_hooked", set_registration_hooked, METH_O, nullptr},
    {"_type_text", type_text_function, METH_O, "The name that torch.typename gives."},
    {}};

}  // namespace

std::string_view text_of(PyObject* unicode) {
  Py_ssize_t size;
  const char* text = PyUnicode_AsUTF8AndSize(unicode, &size);
  if (!text) throw PythonError();
  return {text, size_t(size)};
}

PyObject* wrap_module(nn::Module* module) {
  if (!module) return Py_NewRef(Py_None);
  if (module->object()) return Py_NewRef(static_cast<PyObject*>(module->object()));
  fail(ErrorKind::NotImplemented, "a module made in C++, ", module->class_name(),
       ", has no Python object yet");
}

namespace {

bool has_mark(PyObject* tensor, const char* name) {
  PyObject* dict = reinterpret_cast<TensorObject*>(tensor)->dict;
  PyObject* mark = dict ? PyDict_GetItemString(dict, name) : nullptr;
  return mark && PyObject_IsTrue(mark) == 1;
}

}  // namespace

bool is_parameter(PyObject* object) {
  if (!parameter_type || !is_tensor(object)) return false;
  if (PyType_IsSubtype(Py_TYPE(object), parameter_type)) return true;
  // A tensor of another class may say that it is one: see rushlight.nn.parameter.
  return has_mark(object, "_is_param");
}

bool is_buffer(PyObject* object) { return is_tensor(object) && has_mark(object, "_is_buffer"); }

PyObject* wrap_parameter(const Tensor& tensor) {
  bool is_known = !tensor.defined() || tensor.impl()->python || !tensor.is_leaf();
  if (is_known || !parameter_type) return wrap(tensor);
  return wrap_as(parameter_type, tensor);
}

std::string type_text(PyObject* object) {
  if (is_tensor(object) && (Py_TYPE(object) == tensor_type || is_parameter(object)))
    return "torch." + std::string(info(tensor_of(object).dtype()).legacy) + "Tensor";
  auto* type = (PyObject*)Py_TYPE(object);
  Object module = Object::steal(PyObject_GetAttrString(type, "__module__"));
  Object name = Object::steal(PyObject_GetAttrString(type, "__qualname__"));
  if (!module || !name) throw PythonError();
  std::string text(text_of(name.get()));
  std::string_view home = PyUnicode_Check(module.get()) ? text_of(module.get()) : "";
  return home.empty() || home == "builtins" ? text : std::string(home) + "." + text;
}

void add_nn(PyObject* module) {
  g_forward = PyUnicode_InternFromString("forward");
  g_call_impl = PyUnicode_InternFromString("_call_impl");
  nn::set_face(&kFace);
  module_type = add_class(module, spec);
  for (PyMethodDef* method = module_table_methods; method->ml_name; ++method) {
    Object descriptor = checked(PyDescr_NewMethod(module_type, method));
    checked(PyDict_SetItemString(module_type->tp_dict, method->ml_name, descriptor.get()));
  }
  PyType_Modified(module_type);
  add_functions(module, functions);
  add_functions(module, registration_functions);
  add_layers(module);
  add_init(module);
}

}  // namespace rushlight::python
