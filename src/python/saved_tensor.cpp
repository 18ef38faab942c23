// What a node saved, as an object that hooks can be given to: `grad_fn._raw_saved_self`.

#include <rushlight/function.h>

#include "ops/op_node.h"
#include "python/hooks.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

PyTypeObject* g_type;

/// Entry number `index` of what `node` saved. The node may be freed of it meanwhile.
struct SavedObject {
  PyObject_HEAD Ref<autograd::Node> node;
  size_t index;
};

SavedObject& saved_of(PyObject* self) { return *reinterpret_cast<SavedObject*>(self); }

OpNode* op_node(const SavedObject& saved) { return dynamic_cast<OpNode*>(saved.node.get()); }
autograd::FunctionNode& function_node(const SavedObject& saved) {
  return dynamic_cast<autograd::FunctionNode&>(*saved.node);
}

PyObject* unpack(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    const SavedObject& saved = saved_of(self);
    if (saved.index == kNothingSaved) return Py_NewRef(Py_None);
    autograd::Use use(*saved.node);
    OpNode* node = op_node(saved);
    return wrap(node ? node->unpack_at(saved.index, true)
                     : function_node(saved).saved_tensor(saved.index));
  });
}

PyObject* register_hooks(PyObject* self, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *pack = nullptr, *unpack = nullptr;
    if (PyTuple_GET_SIZE(args) == 2) {
      pack = PyTuple_GET_ITEM(args, 0);
      unpack = PyTuple_GET_ITEM(args, 1);
    }
    check(pack && PyCallable_Check(pack) && PyCallable_Check(unpack), ErrorKind::Type,
          "register_hooks(): incompatible function arguments. It takes two callables, "
          "(pack_hook, unpack_hook).");
    const SavedObject& saved = saved_of(self);
    check(saved.index != kNothingSaved,
          "Calling register_hooks on a saved tensor with value None is forbidden");
    std::shared_ptr<autograd::SavedTensorHooks> hooks = saved_tensor_hooks(pack, unpack);
    autograd::Use use(*saved.node);
    if (OpNode* node = op_node(saved))
      node->register_hooks(saved.index, std::move(hooks));
    else
      function_node(saved).register_saved_hooks(saved.index, std::move(hooks));
    return Py_NewRef(Py_None);
  });
}

/// _make_saved_tensor(tensor, name): keeps it as if for backward of `name`.
PyObject* make_saved(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check(count == 2 && is_tensor(args[0]), ErrorKind::Type,
          "_make_saved_tensor(): expected a Tensor and a name");
    auto node = autograd::keep({tensor_of(args[0])}, PyUnicode_AsUTF8(args[1]));
    return wrap_saved(*node, 0).release();
  });
}

PyObject* make(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError,
                  "Trying to create a SavedTensor object from Python is forbidden.");
  return nullptr;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  saved_of(self).node.~Ref();
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"register_hooks", register_hooks, METH_VARARGS,
     "register_hooks($self, pack_hook, unpack_hook)\n--\n\nKeeps `pack_hook(tensor)` in place of "
     "the tensor; backward uses `unpack_hook` of that."},
    {"unpack", unpack, METH_NOARGS, "unpack($self)\n--\n\nThe tensor, as backward will see it."},
    {}};
PyObject* data(PyObject* self, void*) { return unpack(self, nullptr); }
PyGetSetDef attributes[] = {
    {"data", data, nullptr, "The tensor, as backward will see it.", nullptr}, {}};
PyType_Slot slots[] = {{Py_tp_new, (void*)make},
                       {Py_tp_dealloc, (void*)dealloc},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_doc, (void*)"A tensor that a node keeps for backward."},
                       {0, nullptr}};
PyType_Spec spec = {"rushlight._C.SavedTensor", sizeof(SavedObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

Object wrap_saved(autograd::Node& node, size_t index) {
  Object object = checked(g_type->tp_alloc(g_type, 0));
  new (&saved_of(object.get()).node) Ref<autograd::Node>(Ref<autograd::Node>::share(&node));
  saved_of(object.get()).index = index;
  return object;
}

Object wrap_saved(autograd::Node& node, size_t begin, size_t end) {
  Object tuple = checked(PyTuple_New(Py_ssize_t(end - begin)));
  for (size_t i = begin; i < end; ++i) {
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i - begin), wrap_saved(node, i).release());
  }
  return tuple;
}

void add_saved_tensors(PyObject* module) {
  static PyMethodDef functions[] = {
      {"_make_saved_tensor", (PyCFunction)(void*)make_saved, METH_FASTCALL, nullptr}, {}};
  g_type = add_class(module, spec);
  add_functions(module, functions);
}

}  // namespace rushlight::python
