// Modes and backward as Python functions; python/rushlight/autograd builds PyTorch's names on them.

#include <rushlight/autograd.h>

#include "python/binder.h"

namespace rushlight::python {

namespace {

PyObject* is_grad_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::grad_enabled());
}
PyObject* is_inference_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::inference_enabled());
}

PyObject* set_grad_enabled(PyObject*, PyObject* enabled) {
  if (!PyBool_Check(enabled)) {
    PyErr_Format(PyExc_TypeError, "enabled must be a bool (got %s)", Py_TYPE(enabled)->tp_name);
    return nullptr;
  }
  autograd::set_grad_enabled(enabled == Py_True);
  return Py_NewRef(Py_None);
}

PyObject* set_inference(PyObject*, PyObject* enabled) {
  autograd::set_inference_enabled(enabled == Py_True);
  return Py_NewRef(Py_None);
}

/// A sequence of tensors, or None for undefined ones.
std::vector<Tensor> tensors_in(PyObject* sequence, const char* what) {
  std::vector<Tensor> tensors;
  Object fast = checked(PySequence_Fast(sequence, "expected a sequence of tensors"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(fast.get(), i);
    check(item == Py_None || is_tensor(item), ErrorKind::Type, what,
          " can be either Tensors or None, but got ", Py_TYPE(item)->tp_name);
    tensors.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return tensors;
}

/// _backward(tensors, gradients, retain_graph, create_graph, inputs)
PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> roots = tensors_in(args[0], "tensors");
    std::vector<Tensor> gradients = tensors_in(args[1], "gradients");
    std::vector<Tensor> inputs = tensors_in(args[4], "inputs");
    bool retain = args[2] == Py_True, create = args[3] == Py_True;
    {
      WithoutGil guard;
      autograd::backward(roots, gradients, retain, create, inputs);
    }
    return Py_NewRef(Py_None);
  });
}

/// _grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused)
PyObject* grad(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> outputs = tensors_in(args[0], "outputs");
    std::vector<Tensor> inputs = tensors_in(args[1], "inputs");
    std::vector<Tensor> gradients = tensors_in(args[2], "gradients");
    std::vector<Tensor> results;
    {
      bool retain = args[3] == Py_True, create = args[4] == Py_True, unused = args[5] == Py_True;
      WithoutGil guard;
      results = autograd::grad(outputs, inputs, gradients, retain, create, unused);
    }
    Object tuple = checked(PyTuple_New(Py_ssize_t(results.size())));
    for (size_t i = 0; i < results.size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), wrap(std::move(results[i])));
    }
    return tuple.release();
  });
}

/// Tensor.backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)
PyObject* tensor_backward(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"gradient", "retain_graph", "create_graph", "inputs", nullptr};
    PyObject *gradient = Py_None, *retain = Py_None, *inputs = Py_None;
    int create = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOpO:backward", const_cast<char**>(names),
                                     &gradient, &retain, &create, &inputs)) {
      return nullptr;
    }
    check(gradient == Py_None || is_tensor(gradient), ErrorKind::Type,
          "gradients can be either Tensors or None, but got ", Py_TYPE(gradient)->tp_name);
    const Tensor& root = tensor_of(self);
    Tensor weight = gradient == Py_None ? Tensor() : tensor_of(gradient);
    bool keep = retain == Py_None ? create != 0 : PyObject_IsTrue(retain) == 1;
    std::vector<Tensor> only;
    if (inputs != Py_None) {
      only =
          is_tensor(inputs) ? std::vector<Tensor>{tensor_of(inputs)} : tensors_in(inputs, "inputs");
      check(!only.empty(), "'inputs' argument to backward() cannot be empty.");
    }
    {
      WithoutGil guard;
      autograd::backward({&root, 1}, {&weight, 1}, keep, create != 0, only);
    }
    return Py_NewRef(Py_None);
  });
}

PyMethodDef functions[] = {
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS,
     "is_grad_enabled()\n--\n\nWhether operations are recorded in this thread."},
    {"is_inference_mode_enabled", is_inference_enabled, METH_NOARGS,
     "is_inference_mode_enabled()\n--\n\nWhether inference_mode is on in this thread."},
    {"_set_grad_enabled", set_grad_enabled, METH_O, nullptr},
    {"_set_inference_enabled", set_inference, METH_O, nullptr},
    {"_backward", (PyCFunction)(void*)backward, METH_FASTCALL, nullptr},
    {"_grad", (PyCFunction)(void*)grad, METH_FASTCALL, nullptr},
    {}};

PyMethodDef backward_method = {
    "backward", (PyCFunction)(void*)tensor_backward, METH_VARARGS | METH_KEYWORDS,
    "backward($self, gradient=None, retain_graph=None, create_graph=False, inputs=None)\n--\n\n"
    "Adds the gradients of this tensor to the grad of the leaves it was computed from."};

}  // namespace

void add_autograd(PyObject* module) {
  add_functions(module, functions);
  Object method = checked(PyDescr_NewMethod(tensor_type, &backward_method));
  checked(PyObject_SetAttrString((PyObject*)tensor_type, "backward", method.get()));
}

}  // namespace rushlight::python
