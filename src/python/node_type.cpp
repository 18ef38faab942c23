// grad_fn objects: one Python class for each kind of node, made when it is first seen.

#include <map>

#include "autograd/accumulate.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

PyTypeObject* g_node_type;

PyObject* name(PyObject* self, PyObject*) {
  return guarded([&] { return PyUnicode_FromString(node_of(self).name().c_str()); });
}

PyObject* node_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<%s object at %p>", node_of(self).name().c_str(), self);
  });
}

PyObject* next_functions(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
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

PyObject* variable(PyObject* self, void*) {
  auto* node = dynamic_cast<autograd::AccumulateGrad*>(&node_of(self));
  if (node) return wrap(node->leaf());
  PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'",
               node_of(self).name().c_str());
  return nullptr;
}

void node_dealloc(PyObject* self) {
  auto* object = reinterpret_cast<NodeObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  object->node->python = nullptr;
  object->node.~Ref();
  Py_XDECREF(object->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {{"name", name, METH_NOARGS, "Name of the node, as 'MulBackward0'."}, {}};
PyGetSetDef attributes[] = {
    {"next_functions", next_functions, nullptr,
     "Where gradients flow on: a pair (node, input number) an input.", nullptr},
    {"variable", variable, nullptr, "The leaf of an AccumulateGrad node.", nullptr},
    {}};
PyType_Slot slots[] = {{Py_tp_dealloc, (void*)node_dealloc},
                       {Py_tp_repr, (void*)node_repr},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_doc, (void*)"A recorded operation."},
                       {0, nullptr}};
PyType_Spec spec = {"rushlight.autograd.graph.Node", sizeof(NodeObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

/// The class of nodes of this name.
PyTypeObject* class_of(const std::string& name) {
  static std::map<std::string, PyTypeObject*> classes;
  PyTypeObject*& type = classes[name];
  if (!type) {
    PyType_Slot empty[] = {{0, nullptr}};
    PyType_Spec named = {(new std::string("builtins." + name))->c_str(), sizeof(NodeObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, empty};
    type = (PyTypeObject*)PyType_FromSpecWithBases(&named, (PyObject*)g_node_type);
    if (!type) throw PythonError();
  }
  return type;
}

}  // namespace

PyObject* wrap(const Ref<autograd::Node>& node) {
  if (!node) return Py_NewRef(Py_None);
  if (node->python) return Py_NewRef(static_cast<PyObject*>(node->python));
  PyTypeObject* type = class_of(node->name());
  PyObject* object = type->tp_alloc(type, 0);
  if (!object) return nullptr;
  new (&reinterpret_cast<NodeObject*>(object)->node) Ref<autograd::Node>(node);
  node->python = object;
  return object;
}

void add_nodes(PyObject* module) { g_node_type = add_class(module, spec); }

}  // namespace rushlight::python
