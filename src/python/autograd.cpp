// Modes and backward as Python functions; python/rushlight/autograd builds PyTorch's names on them.

#include <rushlight/forward_ad.h>
#include <rushlight/functional.h>
#include <rushlight/operators.h>

#include <thread>

#include "autograd/accumulate.h"
#include "python/binder.h"
#include "python/hooks.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

PyObject* is_grad_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::grad_enabled());
}
PyObject* is_inference_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::inference_enabled());
}

PyObject* set_grad_enabled(PyObject*, PyObject* enabled) {
  return guarded([&] {
    autograd::set_grad_enabled(
        to_flag(enabled, "set_grad_enabled(): argument 'enabled' (position 1)"));
    return Py_NewRef(Py_None);
  });
}

PyObject* set_inference(PyObject*, PyObject* enabled) {
  autograd::set_inference_enabled(enabled == Py_True);
  return Py_NewRef(Py_None);
}

PyObject* grad_layout_enforced(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::grad_layout_enforced());
}
PyObject* set_grad_layout_enforced(PyObject*, PyObject* enabled) {
  if (!PyBool_Check(enabled)) {
    PyErr_Format(PyExc_TypeError,
                 "set_grad_layout_enforcement_enabled(): argument 'enabled' (position 1) must be "
                 "bool, not %s",
                 Py_TYPE(enabled)->tp_name);
    return nullptr;
  }
  autograd::set_grad_layout_enforced(enabled == Py_True);
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

/// A GradientEdge: the tuple (node, output number, …).
bool is_edge(PyObject* object) {
  return PyTuple_Check(object) && PyTuple_GET_SIZE(object) >= 2 &&
         is_node(PyTuple_GET_ITEM(object, 0));
}

autograd::Edge edge_of(PyObject* object) {
  long output = PyLong_AsLong(PyTuple_GET_ITEM(object, 1));
  if (output < 0 && PyErr_Occurred()) throw PythonError();
  autograd::Node& node = node_of(PyTuple_GET_ITEM(object, 0));
  check(output >= 0 && size_t(output) < node.outputs.size(), ErrorKind::Index,
        "GradientEdge: output number ", output, " of ", node.name(), ", which has ",
        node.outputs.size());
  return {Ref<autograd::Node>::share(&node), uint32_t(output)};
}

std::vector<Object> items_of(PyObject* sequence) {
  Object fast = checked(PySequence_Fast(sequence, "expected a sequence of tensors"));
  std::vector<Object> items;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    items.push_back(Object::borrow(PySequence_Fast_GET_ITEM(fast.get(), i)));
  }
  return items;
}

autograd::Root root_of_edge(PyObject* edge_object, Tensor gradient, size_t i) {
  autograd::Edge edge = edge_of(edge_object);
  const autograd::Meta& meta = edge.node->outputs[edge.input];
  if (!gradient.defined()) {
    check(count_elements(meta.shape) == 1,
          "grad can be implicitly created only for scalar outputs");
    gradient = ones(Ints(meta.shape), meta.dtype);
  }
  check(same(gradient.shape(), meta.shape), "Mismatch in shape: grad_output[", i,
        "] has a shape of torch.Size(", to_string(gradient.shape()), ") and output[", i,
        "] has a shape of torch.Size(", to_string(meta.shape), ").");
  if (gradient.dtype() != meta.dtype) gradient = gradient.to(meta.dtype);
  return {std::move(edge), std::move(gradient)};
}

/// The roots of a pass from tensors and GradientEdges.
std::vector<autograd::Root> roots_in(PyObject* sequence, PyObject* weights) {
  std::vector<Tensor> gradients = tensors_in(weights, "gradients");
  std::vector<Object> items = items_of(sequence);
  check(items.size() == gradients.size(), "got ", items.size(), " tensors and ", gradients.size(),
        " gradients");
  std::vector<autograd::Root> roots;
  for (size_t i = 0; i < items.size(); ++i) {
    PyObject* item = items[i].get();
    if (is_edge(item)) {
      roots.push_back(root_of_edge(item, gradients[i], i));
      continue;
    }
    check(is_tensor(item), ErrorKind::Assertion,
          "Expected output to be a torch.Tensor, but element ", i, " is of type ",
          Py_TYPE(item)->tp_name);
    roots.push_back(autograd::make_root(tensor_of(item), gradients[i], i));
  }
  return roots;
}

std::vector<autograd::Edge> targets_in(PyObject* sequence, bool accumulate) {
  std::vector<autograd::Edge> edges;
  for (const Object& item : items_of(sequence)) {
    if (is_edge(item.get())) {
      edges.push_back(edge_of(item.get()));
      continue;
    }
    check(is_tensor(item.get()), "all inputs have to be Tensors or GradientEdges, but got ",
          Py_TYPE(item.get())->tp_name);
    const Tensor& tensor = tensor_of(item.get());
    if (accumulate && !tensor.is_leaf()) autograd::retain_grad(tensor);
    check(tensor.requires_grad(), accumulate
                                      ? "can't retain_grad on Tensor that has requires_grad=False"
                                      : "One of the differentiated Tensors does not require grad");
    edges.push_back(autograd::gradient_edge(tensor));
  }
  return edges;
}

/// Keeps the GIL while a pass may still be short; a long one lets other threads run.
class PassGil {
 public:
  autograd::BackwardOptions options(bool retain_graph, bool create_graph) {
    return {retain_graph, create_graph,
            [](void* self) { static_cast<PassGil*>(self)->released_.emplace(); }, this};
  }

 private:
  std::optional<WithoutGil> released_;
};

// Passes within passes that one thread's stack, and Python's count of its frames, is to hold.
constexpr int kDeepest = 60;

/// Runs `work` on a fresh stack, while this thread waits.
template <class Work>
std::vector<Tensor> in_another_thread(Work work) {
  std::vector<Tensor> result;
  std::exception_ptr error;
  {
    WithoutGil without;
    std::thread([&] {
      WithGil gil;
      try {
        result = work();
      } catch (...) {
        error = std::current_exception();
      }
    }).join();
  }
  if (error) std::rethrow_exception(error);
  return result;
}

std::vector<Tensor> run_pass(std::vector<autograd::Root> roots,
                             std::span<const autograd::Edge> targets, bool accumulate,
                             bool retain_graph, bool create_graph) {
  if (accumulate && create_graph) autograd::warn_of_cycle();
  auto run = [&] {
    PassGil gil;
    return autograd::run_backward(std::move(roots), targets, accumulate,
                                  gil.options(retain_graph, create_graph));
  };
  return autograd::pass_depth() < kDeepest ? run() : in_another_thread(run);
}

/// _backward(tensors, gradients, retain_graph, create_graph, inputs)
PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<autograd::Root> roots = roots_in(args[0], args[1]);
    run_pass(std::move(roots), targets_in(args[4], true), true, args[2] == Py_True,
             args[3] == Py_True);
    return Py_NewRef(Py_None);
  });
}

/// _grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused)
PyObject* grad(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<autograd::Root> roots = roots_in(args[0], args[2]);
    std::vector<Tensor> results = run_pass(std::move(roots), targets_in(args[1], false), false,
                                           args[3] == Py_True, args[4] == Py_True);
    Object tuple = checked(PyTuple_New(Py_ssize_t(results.size())));
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i].defined() && args[5] != Py_True) autograd::refuse_unused(i);
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), checked(wrap(std::move(results[i]))).release());
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
    bool plain = PyTuple_GET_SIZE(args) == 0 && !kwargs;
    if (!plain &&
        !PyArg_ParseTupleAndKeywords(args, kwargs, "|OOpO:backward", const_cast<char**>(names),
                                     &gradient, &retain, &create, &inputs)) {
      return nullptr;
    }
    Object listed;
    if (gradient != Py_None && !is_tensor(gradient)) {
      listed = checked(PySequence_Tuple(gradient));
      check(PyTuple_GET_SIZE(listed.get()) > 0, "got 1 tensors and 0 gradients");
      gradient = PyTuple_GET_ITEM(listed.get(), 0);
    }
    check(gradient == Py_None || is_tensor(gradient), ErrorKind::Type,
          "gradients can be either Tensors or None, but got ", Py_TYPE(gradient)->tp_name);
    bool keep = retain == Py_None ? create != 0 : PyObject_IsTrue(retain) == 1;
    std::vector<autograd::Root> roots;
    Tensor weight = gradient == Py_None ? Tensor() : tensor_of(gradient);
    roots.push_back(autograd::make_root(tensor_of(self), weight, 0));
    std::vector<autograd::Edge> only;
    if (inputs != Py_None) {
      bool single = is_tensor(inputs) || is_edge(inputs);
      check(!PyDict_Check(inputs) || PyDict_CheckExact(inputs), ErrorKind::Type,
            "`inputs` argument to `backward()` must be a dict, not ", _PyType_Name(Py_TYPE(inputs)),
            ". Other Mapping types are not supported.");
      Object list = single                      ? checked(PyTuple_Pack(1, inputs))
                    : PyDict_CheckExact(inputs) ? checked(PyDict_Values(inputs))
                                                : Object::borrow(inputs);
      only = targets_in(list.get(), true);
      check(!only.empty(), "`inputs` argument to `backward()` cannot be empty.");
    }
    run_pass(std::move(roots), only, true, keep, create != 0);
    return Py_NewRef(Py_None);
  });
}

/// Tensor.detach_()
PyObject* detach_in_place(PyObject* self, PyObject*) {
  return guarded([&] {
    autograd::detach_(tensor_of(self));
    return Py_NewRef(self);
  });
}

/// `_gradient_edge(tensor)`: (node, output number)
PyObject* gradient_edge(PyObject*, PyObject* tensor) {
  return guarded([&]() -> PyObject* {
    check(is_tensor(tensor), ErrorKind::Type, "get_gradient_edge(): argument must be Tensor, not ",
          Py_TYPE(tensor)->tp_name);
    autograd::Edge edge = autograd::gradient_edge(tensor_of(tensor));
    check(bool(edge),
          "It is not possible to get the gradient edge for a Tensor that does not require "
          "gradients");
    Object node = checked(wrap(edge.node));
    return Py_BuildValue("(OI)", node.get(), unsigned(edge.input));
  });
}

// -- autograd.functional: the Python function takes and returns a tuple of tensors ----------------

namespace functional = autograd::functional;

/// A Python function as one of C++.
struct Called {
  PyObject* function;
  functional::List operator()(const functional::List& inputs) const {
    Object arguments = gradients_as_tuple(inputs);
    Object results = checked(PyObject_CallObject(function, arguments.get()));
    return tensors_in(results.get(), "results");
  }
};

functional::Options functional_options(PyObject* create_graph, PyObject* strict,
                                       PyObject* forward_mode = Py_False) {
  return {PyObject_IsTrue(create_graph) == 1, PyObject_IsTrue(strict) == 1,
          PyObject_IsTrue(forward_mode) == 1};
}

/// (function, inputs, create_graph, strict, forward_mode): a tuple of tuples
template <std::vector<functional::List> (*derivative)(functional::Function, Tensors,
                                                      functional::Options)>
PyObject* matrix(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> inputs = tensors_in(args[1], "inputs");
    auto rows = derivative(Called{args[0]}, inputs, functional_options(args[2], args[3], args[4]));
    Object tuple = checked(PyTuple_New(Py_ssize_t(rows.size())));
    for (size_t i = 0; i < rows.size(); ++i)
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), gradients_as_tuple(rows[i]).release());
    return tuple.release();
  });
}

/// (function, inputs, v or None, create_graph, strict): (results, products)
template <functional::Product (*derivative)(functional::Function, Tensors, std::optional<Tensors>,
                                            functional::Options)>
PyObject* product(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> inputs = tensors_in(args[1], "inputs"), vector;
    if (args[2] != Py_None) vector = tensors_in(args[2], "v");
    auto v = args[2] == Py_None ? std::nullopt : std::optional<Tensors>(vector);
    auto made = derivative(Called{args[0]}, inputs, v, functional_options(args[3], args[4]));
    return Py_BuildValue("(NN)", gradients_as_tuple(made.results).release(),
                         gradients_as_tuple(made.products).release());
  });
}

namespace forward_ad = autograd::forward_ad;

PyObject* enter_dual_level(PyObject*, PyObject*) {
  return guarded([] { return PyLong_FromLongLong(forward_ad::enter_dual_level()); });
}

/// The number of a level, of which only 0 is any good.
void check_level(PyObject* level, const char* function) {
  int64_t number = PyLong_AsLongLong(level);
  if (PyErr_Occurred()) throw PythonError();
  check(number == 0, "Invalid level given to ", function);
}

PyObject* exit_dual_level(PyObject*, PyObject* args, PyObject* keywords) {
  static const char* names[] = {"level", nullptr};
  long long level = 0;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "L", const_cast<char**>(names), &level))
    return nullptr;
  return guarded([&] {
    forward_ad::exit_dual_level(level);
    return Py_NewRef(Py_None);
  });
}

/// (tensor, tangent, level)
PyObject* make_dual(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    check_level(args[2], "_make_dual");
    return wrap(forward_ad::make_dual(tensor_of(args[0]), tensor_of(args[1])));
  });
}

/// (tensor, level): (primal, tangent or None)
PyObject* unpack_dual(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    auto [primal, tangent] = forward_ad::unpack_dual(tensor_of(args[0]));
    if (tangent.defined()) check_level(args[1], "_fw_primal");
    return Py_BuildValue("(NN)", wrap(std::move(primal)), wrap(std::move(tangent)));
  });
}

PyObject* is_fwd_grad_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(forward_ad::is_fwd_grad_enabled());
}
PyObject* set_fwd_grad_enabled(PyObject*, PyObject* enabled) {
  if (!PyBool_Check(enabled)) {
    PyErr_SetString(PyExc_TypeError, "enabled must be a bool");
    return nullptr;
  }
  forward_ad::set_fwd_grad_enabled(enabled == Py_True);
  return Py_NewRef(Py_None);
}

PyMethodDef functions[] = {
    {"_enter_dual_level", enter_dual_level, METH_NOARGS, nullptr},
    {"_exit_dual_level", (PyCFunction)(void*)exit_dual_level, METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {"_make_dual", (PyCFunction)(void*)make_dual, METH_FASTCALL, nullptr},
    {"_unpack_dual", (PyCFunction)(void*)unpack_dual, METH_FASTCALL, nullptr},
    {"_is_fwd_grad_enabled", is_fwd_grad_enabled, METH_NOARGS, nullptr},
    {"_set_fwd_grad_enabled", set_fwd_grad_enabled, METH_O, nullptr},
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS,
     "is_grad_enabled()\n--\n\nWhether operations are recorded in this thread."},
    {"is_inference_mode_enabled", is_inference_enabled, METH_NOARGS,
     "is_inference_mode_enabled()\n--\n\nWhether inference_mode is on in this thread."},
    {"_set_grad_enabled", set_grad_enabled, METH_O, nullptr},
    {"_set_inference_enabled", set_inference, METH_O, nullptr},
    {"_is_grad_layout_enforcement_enabled", grad_layout_enforced, METH_NOARGS, nullptr},
    {"_set_grad_layout_enforcement_enabled", set_grad_layout_enforced, METH_O, nullptr},
    {"_backward", (PyCFunction)(void*)backward, METH_FASTCALL, nullptr},
    {"_gradient_edge", gradient_edge, METH_O, nullptr},
    {"_grad", (PyCFunction)(void*)grad, METH_FASTCALL, nullptr},
    {"_jacobian", (PyCFunction)(void*)matrix<functional::jacobian>, METH_FASTCALL, nullptr},
    {"_hessian", (PyCFunction)(void*)matrix<functional::hessian>, METH_FASTCALL, nullptr},
    {"_vjp", (PyCFunction)(void*)product<functional::vjp>, METH_FASTCALL, nullptr},
    {"_jvp", (PyCFunction)(void*)product<functional::jvp>, METH_FASTCALL, nullptr},
    {"_vhp", (PyCFunction)(void*)product<functional::vhp>, METH_FASTCALL, nullptr},
    {"_hvp", (PyCFunction)(void*)product<functional::hvp>, METH_FASTCALL, nullptr},
    {}};

PyMethodDef backward_method = {
    "backward", (PyCFunction)(void*)tensor_backward, METH_VARARGS | METH_KEYWORDS,
    "backward($self, gradient=None, retain_graph=None, create_graph=False, inputs=None)\n--\n\n"
    "Adds the gradients of this tensor to the grad of the leaves it was computed from."};

PyMethodDef detach_method = {
    "detach_", detach_in_place, METH_NOARGS,
    "detach_($self)\n--\n\nTakes this tensor out of the graph: it becomes a leaf."};

}  // namespace

void add_autograd(PyObject* module) {
  add_functions(module, functions);
  Object method = checked(PyDescr_NewMethod(tensor_type, &backward_method));
  checked(PyObject_SetAttrString((PyObject*)tensor_type, "backward", method.get()));
  Object detach = checked(PyDescr_NewMethod(tensor_type, &detach_method));
  checked(PyObject_SetAttrString((PyObject*)tensor_type, "detach_", detach.get()));
}

}  // namespace rushlight::python
