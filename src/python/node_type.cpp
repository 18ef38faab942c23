// grad_fn objects: one Python class for each kind of node, made when it is first seen.

#include <map>

#include "autograd/accumulate.h"
#include "ops/op_node.h"
#include "python/hooks.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

PyTypeObject* g_node_type;

PyObject* name(PyObject* self, PyObject*) {
  return guarded(
      [&] { return PyUnicode_FromString(autograd::qualified_name(node_of(self)).c_str()); });
}

PyObject* node_repr(PyObject* self) {
  return PyUnicode_FromFormat("<%s object at %p>", Py_TYPE(self)->tp_name, self);
}

PyObject* next_functions(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    node_of(self).unfold();
    const auto& edges = node_of(self).edges();
    Object tuple = checked(PyTuple_New(Py_ssize_t(edges.size())));
    for (size_t i = 0; i < edges.size(); ++i) {
      Object node = checked(wrap(edges[i].node));
      PyObject* pair = Py_BuildValue("(OI)", node.get(), unsigned(edges[i].input));
      if (!pair) throw PythonError();
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), pair);
    }
    return tuple.release();
  });
}

PyObject* register_hook(PyObject* self, PyObject* function) {
  return guarded([&] { return add_node_hook(node_of(self), function); });
}
PyObject* register_prehook(PyObject* self, PyObject* function) {
  return guarded([&] { return add_node_prehook(node_of(self), function); });
}

PyObject* metadata(PyObject* self, void*) {
  return guarded([&] { return Py_NewRef(node_metadata(node_of(self))); });
}

/// node(*gradients): what backward computes from these.
PyObject* call_node(PyObject* self, PyObject* args, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    autograd::Node& node = node_of(self);
    check(!keywords, ErrorKind::Type, "keyword arguments are not supported");
    size_t count = size_t(PyTuple_GET_SIZE(args));
    check(count == node.outputs.size(), ErrorKind::Type, "expected ", node.outputs.size(),
          " arguments, got ", count, " instead");
    autograd::Gradients arrived, computed;
    for (size_t i = 0; i < count; ++i) {
      PyObject* item = PyTuple_GET_ITEM(args, Py_ssize_t(i));
      check(item == Py_None || is_tensor(item), ErrorKind::Type, "argument ", i,
            " is not a Variable");
      arrived.push_back(item == Py_None ? Tensor() : tensor_of(item));
    }
    node.apply(arrived, computed);
    if (computed.size() == 1) return wrap(computed[0]);
    return gradients_as_tuple(computed).release();
  });
}

PyObject* requires_grad(PyObject*, void*) { return Py_NewRef(Py_True); }

PyObject* sequence_number(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_of(self).sequence());
}

/// A saved dim or index; a negative one as programs know it from PyTorch: 2**64 - 1 for -1.
PyObject* saved_integer(int64_t value) { return PyLong_FromUnsignedLongLong(uint64_t(value)); }

PyObject* set_sequence_number(PyObject* self, PyObject* number) {
  unsigned long long value = PyLong_AsUnsignedLongLong(number);
  if (PyErr_Occurred()) return nullptr;
  node_of(self).set_sequence(value);
  return Py_NewRef(Py_None);
}

// What is known of one of a node's results, whose gradient is an input of the node.
PyStructSequence_Field metadata_fields[] = {
    {"shape", "Its sizes: a list."},    {"dtype", "Its dtype."},
    {"device", "Where it was."},        {"is_nested_tensor", "Never."},
    {"is_cpp_nested_tensor", "Never."}, {}};
PyStructSequence_Desc metadata_description = {
    "rushlight._C._InputMetadata", "What a node knows of one of its results.", metadata_fields, 5};
PyTypeObject* g_metadata_type;

Object metadata_of(const autograd::Meta& result) {
  Object shape = checked(PyList_New(Py_ssize_t(result.shape.size())));
  for (size_t i = 0; i < result.shape.size(); ++i) {
    PyList_SET_ITEM(shape.get(), Py_ssize_t(i), PyLong_FromLongLong(result.shape[i]));
  }
  Object made = checked(PyStructSequence_New(g_metadata_type));
  PyStructSequence_SET_ITEM(made.get(), 0, shape.release());
  PyStructSequence_SET_ITEM(made.get(), 1, wrap(result.dtype));
  PyStructSequence_SET_ITEM(made.get(), 2, wrap(Device{result.device}));
  PyStructSequence_SET_ITEM(made.get(), 3, Py_NewRef(Py_False));
  PyStructSequence_SET_ITEM(made.get(), 4, Py_NewRef(Py_False));
  return made;
}

PyObject* input_metadata(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    const auto& results = node_of(self).outputs;
    Object tuple = checked(PyTuple_New(Py_ssize_t(results.size())));
    for (size_t i = 0; i < results.size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), metadata_of(results[i]).release());
    }
    return tuple.release();
  });
}

PyObject* integers(std::span<const int64_t> values) {
  Object tuple = checked(PyTuple_New(Py_ssize_t(values.size())));
  for (size_t i = 0; i < values.size(); ++i) {
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), saved_integer(values[i]));
  }
  return tuple.release();
}

/// The text that a node keeps as its hash.
PyObject* saved_text(const Value& value) {
  for (const char* option : {"none", "tanh", "floor", "trunc", "sum", "prod", "mean", "amax",
                             "amin", "add", "multiply"}) {
    if (Name::of(option) == uint32_t(value.scalar().integer())) return PyUnicode_FromString(option);
  }
  return nullptr;
}

/// An argument that is no tensor; null if it is one, or was not kept.
PyObject* saved_argument(const Parameter& parameter, const Value& value) {
  if (value.kind() == Value::Kind::Ints) return integers(value.ints());
  if (value.is_number() && parameter.type == Type::Text) return saved_text(value);
  if (value.is_number() && parameter.type == Type::Int) return saved_integer(value.as<int64_t>());
  if (value.is_number()) return wrap(value.scalar());
  bool is_absent = parameter.optional && parameter.type != Type::Tensor;
  return is_absent && value.is_none() ? Py_NewRef(Py_None) : nullptr;
}

std::string_view saved_name(const OpInfo& info, const OpInfo::Saved& entry) {
  if (!entry.is_result) return info.schema.parameters[entry.index].name;
  std::string_view name = info.schema.returns[entry.index].name;
  return name.empty() ? "result" : name;
}

/// Entry number `k` of `.save`: a tensor or a tuple of them; if `raw`, as objects that take hooks.
PyObject* saved_entry(OpNode& node, size_t k, bool raw) {
  const OpInfo::Saved& entry = node.op.info->saved[k];
  const auto& parameters = node.op.info->schema.parameters;
  bool is_list = !entry.is_result && parameters[entry.index].type == Type::Tensors;
  size_t begin = node.first_saved[k], end = node.first_saved[k + 1];
  if (raw && is_list) return wrap_saved(node, begin, end).release();
  if (raw) return wrap_saved(node, begin == end ? kNothingSaved : begin).release();
  autograd::Use use(node);
  if (!is_list) return wrap(node.unpack_entry(k, true));
  Object tuple = checked(PyTuple_New(Py_ssize_t(end - begin)));
  for (size_t i = begin; i < end; ++i) {
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i - begin),
                     checked(wrap(node.unpack_at(i, true))).release());
  }
  return tuple.release();
}

/// What was saved under this name: "_saved_self", "_saved_result", "_saved_dim" …; null: nothing.
PyObject* saved_attribute(OpNode& node, std::string_view name, bool raw) {
  const OpInfo& info = *node.op.info;
  const auto& parameters = info.schema.parameters;
  constexpr std::string_view kSizes = "_sym_sizes";
  bool sizes = name.ends_with(kSizes);
  if (sizes) name.remove_suffix(kSizes.size());
  if (name == "self") name = "input";
  for (size_t i = 0; sizes && i < parameters.size(); ++i) {
    if (parameters[i].name != name || node.first_edge[i] == node.first_edge[i + 1]) continue;
    return integers(node.inputs[node.first_edge[i]].shape);
  }
  for (size_t k = 0; k < info.saved.size(); ++k) {
    if (saved_name(info, info.saved[k]) == name) return saved_entry(node, k, raw);
  }
  for (size_t i = 0; !raw && i < parameters.size(); ++i) {
    if (parameters[i].name == name) return saved_argument(parameters[i], node.arguments[i]);
  }
  return nullptr;
}

constexpr std::string_view kPrefix = "_saved_", kRawPrefix = "_raw_saved_";

/// The names in `dir(node)`: those of its class, and of what it saved.
PyObject* names(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object list = checked(PyObject_CallMethod((PyObject*)&PyBaseObject_Type, "__dir__", "O", self));
    auto* node = dynamic_cast<const OpNode*>(&node_of(self));
    if (!node) return list.release();
    const OpInfo& info = *node->op.info;
    auto add = [&](std::string_view prefix, std::string_view name) {
      std::string text = std::string(prefix) + (name == "input" ? "self" : std::string(name));
      Object item = checked(PyUnicode_FromString(text.c_str()));
      checked(PyList_Append(list.get(), item.get()));
    };
    for (const OpInfo::Saved& entry : info.saved) {
      add(kPrefix, saved_name(info, entry));
      add(kRawPrefix, saved_name(info, entry));
    }
    for (size_t i = 0; i < info.schema.parameters.size(); ++i) {
      const Value& value = node->arguments[i];
      bool is_tensor = info.schema.parameters[i].type == Type::TensorOrScalar;
      if ((value.is_number() && !is_tensor) || value.kind() == Value::Kind::Ints)
        add(kPrefix, info.schema.parameters[i].name);
    }
    return list.release();
  });
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  const char* text = PyUnicode_AsUTF8(name);
  autograd::Node& node = node_of(self);
  if (auto* leaf = dynamic_cast<autograd::AccumulateGrad*>(&node);
      leaf && std::string_view(text) == "variable") {
    PyErr_Clear();
    return wrap(leaf->leaf());
  }
  auto* recorded = dynamic_cast<OpNode*>(&node);
  bool raw = std::string_view(text).starts_with(kRawPrefix);
  if (!recorded || !(raw || std::string_view(text).starts_with(kPrefix))) return nullptr;
  PyErr_Clear();
  return guarded([&]() -> PyObject* {
    size_t prefix = raw ? kRawPrefix.size() : kPrefix.size();
    PyObject* saved = saved_attribute(*recorded, text + prefix, raw);
    if (!saved && !PyErr_Occurred()) {
      PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%s'", node.name().c_str(),
                   text);
    }
    return saved;
  });
}

void node_dealloc(PyObject* self) {
  auto* object = reinterpret_cast<NodeObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  object->node->python = nullptr;
  object->node.~Ref();
  Py_XDECREF(object->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

int node_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* object = reinterpret_cast<NodeObject*>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object->dict);
  if (!object->node || object->node->use_count() != 1) return 0;
  return visit_hooks(object->node->hooks.get(), visit, arg);
}

int node_clear(PyObject* self) {
  auto* object = reinterpret_cast<NodeObject*>(self);
  if (!object->node || object->node->use_count() != 1) return 0;
  auto hooks = std::move(object->node->hooks);
  return 0;
}

PyMethodDef methods[] = {
    {"name", name, METH_NOARGS, "Name of the node, as 'MulBackward0'."},
    {"_register_hook", register_hook, METH_O, nullptr},
    {"_register_prehook", register_prehook, METH_O, nullptr},
    {"__dir__", names, METH_NOARGS, nullptr},
    {"_sequence_nr", sequence_number, METH_NOARGS, "The order in which nodes were recorded."},
    {"_set_sequence_nr", set_sequence_number, METH_O,
     "Of the nodes that are ready, backward runs the one with the largest number first."},
    {}};
PyGetSetDef attributes[] = {
    {"next_functions", next_functions, nullptr,
     "Where gradients flow on: a pair (node, input number) an input.", nullptr},
    {"metadata", metadata, nullptr, "A dict that stays with the node.", nullptr},
    {"requires_grad", requires_grad, nullptr, nullptr, nullptr},
    {"_input_metadata", input_metadata, nullptr,
     "Shape, dtype and device of each gradient that the node takes.", nullptr},
    {}};
PyType_Slot slots[] = {{Py_tp_dealloc, (void*)node_dealloc},
                       {Py_tp_traverse, (void*)node_traverse},
                       {Py_tp_clear, (void*)node_clear},
                       {Py_tp_repr, (void*)node_repr},
                       {Py_tp_getattro, (void*)get_attribute},
                       {Py_tp_call, (void*)call_node},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_doc, (void*)"A recorded operation."},
                       {0, nullptr}};
PyType_Spec spec = {"rushlight._C.Node", sizeof(NodeObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                        Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

/// The class of nodes of this name.
PyTypeObject* class_of(const std::string& name) {
  static std::map<std::string, PyTypeObject*> classes;
  PyTypeObject*& type = classes[name];
  if (!type) {
    PyType_Slot same[] = {{Py_tp_dealloc, (void*)node_dealloc},
                          {Py_tp_traverse, (void*)node_traverse},
                          {Py_tp_clear, (void*)node_clear},
                          {0, nullptr}};
    PyType_Spec named = {
        (new std::string("builtins." + name))->c_str(), sizeof(NodeObject), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, same};
    type = (PyTypeObject*)PyType_FromSpecWithBases(&named, (PyObject*)g_node_type);
    if (!type) throw PythonError();
    type->tp_name += std::string_view("builtins.").size();  // errors print it
  }
  return type;
}

/// `_node_class(name)`: the class of the nodes of this name.
PyObject* node_class(PyObject*, PyObject* name) {
  return guarded([&] { return Py_NewRef((PyObject*)class_of(PyUnicode_AsUTF8(name))); });
}
PyMethodDef functions[] = {{"_node_class", node_class, METH_O, nullptr}, {}};

}  // namespace

PyObject* wrap(const Ref<autograd::Node>& node) {
  if (!node) return Py_NewRef(Py_None);
  if (node->python) return take_function_object(*node);
  PyTypeObject* type = class_of(node->name());
  PyObject* object = type->tp_alloc(type, 0);
  if (!object) return nullptr;
  new (&reinterpret_cast<NodeObject*>(object)->node) Ref<autograd::Node>(node);
  node->python = object;
  return object;
}

bool is_node(PyObject* object) { return PyObject_TypeCheck(object, g_node_type); }

void add_nodes(PyObject* module) {
  g_node_type = add_class(module, spec);
  add_functions(module, functions);
  g_metadata_type = PyStructSequence_NewType(&metadata_description);
  if (!g_metadata_type) throw PythonError();
  checked(PyModule_AddObjectRef(module, "_InputMetadata", (PyObject*)g_metadata_type));
}

}  // namespace rushlight::python
