// autograd.Function: the node of a function that Python defines. Its Python object is at once the
// `ctx` of forward and backward and the `grad_fn` of the results.

#include <rushlight/function.h>

#include <cstring>

#include "python/hooks.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

struct ContextObject {
  NodeObject base;
  PyObject* weak_references;
  PyObject *to_save, *for_jvp, *dirty, *non_differentiable, *needs_input_grad, *function;
  bool materialize;
};

ContextObject* context_of(PyObject* self) { return reinterpret_cast<ContextObject*>(self); }

PyTypeObject* g_context_type;
PyObject *g_backward, *g_vjp, *g_jvp, *g_forward, *g_setup_context,
    *g_backward_class;                                           // interned names
PyObject *g_default_backward, *g_default_vjp, *g_default_setup;  // what Function itself has

/// The node. While Python holds the object, that owns the node; when only C++ does, the node owns
/// the object, whose attributes backward may need.
class PythonNode final : public autograd::FunctionNode {
 public:
  std::string name() const override {
    const char* full = Py_TYPE(static_cast<PyObject*>(python))->tp_name;
    const char* dot = std::strrchr(full, '.');
    return dot ? dot + 1 : full;
  }
  bool may_die() noexcept override;
  std::vector<Tensor> run_backward(std::vector<Tensor> gradients) override;
  std::vector<Tensor> run_jvp(std::vector<Tensor> tangents) override;

  bool owns_object = false;
  SmallVector<bool, 4> is_tensor_argument;
};

PythonNode& python_node(PyObject* self) { return static_cast<PythonNode&>(node_of(self)); }

bool PythonNode::may_die() noexcept {
  if (!owns_object) return true;
  if (!Py_IsInitialized()) return true;
  WithGil gil;
  PyObject* object = static_cast<PyObject*>(python);
  if (!owns_object) return true;
  owns_object = false;
  if (Py_REFCNT(object) > 1) {  // somebody has got hold of it meanwhile
    revive();
    Py_DECREF(object);
    return false;
  }
  reinterpret_cast<NodeObject*>(object)->node.leak();
  python = nullptr;
  Py_DECREF(object);
  return true;
}

// -- Backward ------------------------------------------------------------------------------------

/// The backward (or vjp) of the class.
Object backward_of(PyObject* function) {
  Object backward = checked(PyObject_GetAttr(function, g_backward));
  Object vjp = checked(PyObject_GetAttr(function, g_vjp));
  bool own = backward.get() != g_default_backward, own_vjp = vjp.get() != g_default_vjp;
  check(!own || !own_vjp,
        "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should "
        "only implement one of them.");
  return own_vjp ? vjp : backward;
}

std::vector<Tensor> PythonNode::run_backward(std::vector<Tensor> gradients) {
  WithGil gil;
  PyObject* object = static_cast<PyObject*>(python);
  Object held = Object::borrow(object);
  Object backward = backward_of(context_of(object)->function);
  SmallVector<PyObject*, 8> arguments;
  std::vector<Object> wrapped;
  arguments.push_back(object);
  for (Tensor& gradient : gradients) {
    wrapped.push_back(checked(wrap(std::move(gradient))));
    arguments.push_back(wrapped.back().get());
  }
  gradients.clear();
  Object result =
      checked(PyObject_Vectorcall(backward.get(), arguments.data(), arguments.size(), nullptr));
  bool is_tuple = PyTuple_Check(result.get());
  auto item = [&](size_t i) {
    return is_tuple ? PyTuple_GET_ITEM(result.get(), Py_ssize_t(i)) : result.get();
  };
  size_t count = is_tuple ? size_t(PyTuple_GET_SIZE(result.get())) : 1;
  size_t expected = is_tensor_argument.size();
  while (count > expected && item(count - 1) == Py_None) --count;
  check(count == expected, "function ", name(),
        " returned an incorrect number of gradients (expected ", expected, ", got ", count, ")");
  std::vector<Tensor> made;
  for (size_t i = 0; i < count; ++i) {
    PyObject* gradient = item(i);
    check(gradient == Py_None || is_tensor(gradient), "expected Variable or None (got ",
          Py_TYPE(gradient)->tp_name, ")");
    if (is_tensor_argument[i]) {
      made.push_back(gradient == Py_None ? Tensor() : tensor_of(gradient));
    } else {
      check(gradient == Py_None, "function ", name(),
            " returned a gradient different than None at position ", i + 1,
            ", but the corresponding forward input was not a Variable");
    }
  }
  return made;
}

std::vector<Tensor> PythonNode::run_jvp(std::vector<Tensor> tangents) {
  PyObject* object = static_cast<PyObject*>(python);
  if (!context_of(object)->for_jvp) context_of(object)->for_jvp = checked(PyTuple_New(0)).release();
  Object jvp = checked(PyObject_GetAttr(context_of(object)->function, g_jvp));
  SmallVector<PyObject*, 8> arguments;
  std::vector<Object> wrapped;
  arguments.push_back(object);
  for (size_t i = 0, next = 0; i < is_tensor_argument.size(); ++i) {
    wrapped.push_back(is_tensor_argument[i] ? checked(wrap(std::move(tangents[next++])))
                                            : Object::borrow(Py_None));
    arguments.push_back(wrapped.back().get());
  }
  Object result =
      checked(PyObject_Vectorcall(jvp.get(), arguments.data(), arguments.size(), nullptr));
  if (!PyTuple_Check(result.get())) result = checked(PyTuple_Pack(1, result.get()));
  std::vector<Tensor> computed;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result.get()); ++i) {
    PyObject* tangent = PyTuple_GET_ITEM(result.get(), i);
    check(tangent == Py_None || is_tensor(tangent), "expected Variable or None (got ",
          Py_TYPE(tangent)->tp_name, ") for grad output ", i, ".");
    computed.push_back(tangent == Py_None ? Tensor() : tensor_of(tangent));
  }
  return computed;
}

// -- The call ------------------------------------------------------------------------------------

/// Tensors named by `mark_dirty` and its kin.
std::vector<Tensor> named_tensors(PyObject* tuple, const char* what) {
  std::vector<Tensor> tensors;
  if (!tuple) return tensors;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    check(is_tensor(item), what, " can only accept variables, but argument ", i, " is of type ",
          Py_TYPE(item)->tp_name);
    tensors.push_back(tensor_of(item));
  }
  return tensors;
}

std::vector<Tensor> tensors_to_save(PyObject* tuple) {
  std::vector<Tensor> tensors;
  for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    check(item == Py_None || is_tensor(item), ErrorKind::Type,
          "save_for_backward can only save variables, but argument ", i, " is of type ",
          Py_TYPE(item)->tp_name);
    tensors.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return tensors;
}

Object new_context(PyObject* function, const Ref<autograd::FunctionNode>& node) {
  Object type = checked(PyObject_GetAttr(function, g_backward_class));
  auto* type_object = reinterpret_cast<PyTypeObject*>(type.get());
  Object made = checked(type_object->tp_alloc(type_object, 0));
  new (&reinterpret_cast<NodeObject*>(made.get())->node) Ref<autograd::Node>(node);
  context_of(made.get())->function = Py_NewRef(function);
  context_of(made.get())->materialize = true;
  node->python = made.get();
  return made;
}

/// The arguments of a forward that has a setup_context, defaults and keywords put in their places.
Object bound_arguments(PyObject* forward, PyObject* arguments, PyObject* keywords) {
  Object module = checked(PyImport_ImportModule("rushlight.autograd.function"));
  Object bind = checked(PyObject_GetAttrString(module.get(), "_bind_default_args"));
  return checked(PyObject_CallFunctionObjArgs(bind.get(), forward, arguments,
                                              keywords ? keywords : Py_None, nullptr));
}

Object run_forward(PyObject* function, PyObject* context, PyObject* arguments, PyObject* keywords,
                   bool has_setup) {
  autograd::NoGrad guard;
  autograd::forward_ad::FwdGradMode off(false);
  Object forward = checked(PyObject_GetAttr(function, g_forward));
  if (has_setup) {
    Object setup = checked(PyObject_GetAttr(function, g_setup_context));
    Object result = checked(PyObject_Call(forward.get(), arguments, nullptr));
    checked(PyObject_CallFunctionObjArgs(setup.get(), context, arguments, result.get(), nullptr));
    return result;
  }
  Py_ssize_t count = PyTuple_GET_SIZE(arguments);
  Object with_context = checked(PyTuple_New(count + 1));
  PyTuple_SET_ITEM(with_context.get(), 0, Py_NewRef(context));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyTuple_SET_ITEM(with_context.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(arguments, i)));
  }
  return checked(PyObject_Call(forward.get(), with_context.get(), keywords));
}

/// Function.apply(*args, **kwargs)
PyObject* apply(PyObject* function, PyObject* given, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    Object arguments = Object::borrow(given);
    Object setup = checked(PyObject_GetAttr(function, g_setup_context));
    bool has_setup = setup.get() != g_default_setup;
    if (has_setup) {
      Object forward = checked(PyObject_GetAttr(function, g_forward));
      arguments = bound_arguments(forward.get(), given, keywords);
    }
    size_t count = size_t(PyTuple_GET_SIZE(arguments.get()));
    auto node = Ref<PythonNode>::adopt(new PythonNode());
    Object context = new_context(function, node);
    std::vector<Tensor> inputs;
    PyObject* needs = context_of(context.get())->needs_input_grad =
        checked(PyTuple_New(Py_ssize_t(count))).release();
    for (size_t i = 0; i < count; ++i) {
      PyObject* item = PyTuple_GET_ITEM(arguments.get(), Py_ssize_t(i));
      bool tensor = is_tensor(item);
      node->is_tensor_argument.push_back(tensor);
      if (tensor) inputs.push_back(tensor_of(item));
      PyTuple_SET_ITEM(needs, Py_ssize_t(i),
                       PyBool_FromLong(tensor && tensor_of(item).requires_grad()));
    }
    bool recorded = node->begin(std::move(inputs));
    Object result = run_forward(function, context.get(), arguments.get(), keywords, has_setup);

    bool is_tuple = PyTuple_Check(result.get());
    std::vector<Tensor> results;
    size_t result_count = is_tuple ? size_t(PyTuple_GET_SIZE(result.get())) : 1;
    auto item = [&](size_t i) {
      return is_tuple ? PyTuple_GET_ITEM(result.get(), Py_ssize_t(i)) : result.get();
    };
    // Results that are no tensors count as well: backward gets None for them.
    for (size_t i = 0; i < result_count; ++i) {
      results.push_back(is_tensor(item(i)) ? tensor_of(item(i)) : Tensor());
    }
    ContextObject* ctx = context_of(context.get());
    node->context.mark_dirty(named_tensors(ctx->dirty, "mark_dirty"));
    node->context.mark_non_differentiable(
        named_tensors(ctx->non_differentiable, "mark_non_differentiable"));
    node->context.set_materialize_grads(ctx->materialize);
    if (recorded) node->context.save_for_backward(tensors_to_save(ctx->to_save));
    node->finish(node, results);
    Py_CLEAR(ctx->to_save);
    Py_CLEAR(ctx->for_jvp);
    Py_CLEAR(ctx->dirty);
    Py_CLEAR(ctx->non_differentiable);

    auto wrapped = [&](size_t i) {
      if (!results[i].defined()) return Py_NewRef(item(i));
      PyObject* object = checked(wrap(std::move(results[i]))).release();
      if (recorded) track(object);  // ctx may refer to it: a cycle for the collector to see
      return object;
    };
    if (!is_tuple) return wrapped(0);
    Object tuple = checked(PyTuple_New(Py_ssize_t(result_count)));
    for (size_t i = 0; i < result_count; ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), wrapped(i));
    }
    return tuple.release();
  });
}

// -- The object ----------------------------------------------------------------------------------

template <PyObject* ContextObject::*member>
PyObject* keep_arguments(PyObject* self, PyObject* arguments) {
  Py_XSETREF(context_of(self)->*member, Py_NewRef(arguments));
  return Py_NewRef(Py_None);
}

template <PyObject* ContextObject::*member>
PyObject* get_member(PyObject* self, void*) {
  PyObject* value = context_of(self)->*member;
  return Py_NewRef(value ? value : Py_None);
}

template <PyObject* ContextObject::*member>
int set_member(PyObject* self, PyObject* value, void*) {
  Py_XSETREF(context_of(self)->*member, Py_XNewRef(value));
  return 0;
}

PyObject* save_for_forward(PyObject* self, PyObject* arguments) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); ++i) {
    PyObject* item = PyTuple_GET_ITEM(arguments, i);
    if (is_tensor(item) || item == Py_None) continue;
    PyErr_SetString(PyExc_AssertionError,
                    "save_for_forward expects all arguments to be tensors; you should save "
                    "non-tensors as attributes on ctx.");
    return nullptr;
  }
  return keep_arguments<&ContextObject::for_jvp>(self, arguments);
}

PyObject* set_materialize(PyObject* self, PyObject* value) {
  int truth = PyObject_IsTrue(value);
  if (truth < 0) return nullptr;
  context_of(self)->materialize = truth != 0;
  return Py_NewRef(Py_None);
}

PyObject* saved_tensors(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    ContextObject* ctx = context_of(self);
    if (PyObject* kept = ctx->for_jvp ? ctx->for_jvp : ctx->to_save) return Py_NewRef(kept);
    autograd::FunctionNode& node = python_node(self);
    autograd::Use use(node);
    std::vector<Tensor> tensors = node.saved_tensors();
    return gradients_as_tuple(tensors).release();
  });
}

PyObject* raw_saved_tensors(PyObject* self, void*) {
  return guarded([&] {
    autograd::FunctionNode& node = python_node(self);
    return wrap_saved(node, 0, node.saved_count()).release();
  });
}

PyObject* get_materialize(PyObject* self, void*) {
  return PyBool_FromLong(context_of(self)->materialize);
}

int set_materialize_non_differentiable(PyObject* self, PyObject* value, void*) {
  int truth = value ? PyObject_IsTrue(value) : 0;
  if (truth < 0) return -1;
  python_node(self).context.set_materialize_non_differentiable(truth != 0);
  return 0;
}

PyObject* saved_variables(PyObject* self, void*) {
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "'saved_variables' is deprecated; use 'saved_tensors'",
                   1) < 0) {
    return nullptr;
  }
  return saved_tensors(self, nullptr);
}

void context_dealloc(PyObject* self) {
  ContextObject* object = context_of(self);
  if (object->base.node && object->base.node->use_count() > 1) {
    PythonNode& node = python_node(self);
    Py_SET_REFCNT(self, 1);  // of the node, from now on
#ifdef Py_TRACE_REFS
    _Py_NewReference(self);
#endif
    node.owns_object = true;
    if (!node.release()) return;  // the object still points to the node, but no longer owns it
    node.owns_object = false;     // the others let go meanwhile
    Py_SET_REFCNT(self, 0);
  }
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (object->weak_references) PyObject_ClearWeakRefs(self);
  Py_CLEAR(object->base.dict);
  Py_CLEAR(object->to_save);
  Py_CLEAR(object->for_jvp);
  Py_CLEAR(object->dirty);
  Py_CLEAR(object->non_differentiable);
  Py_CLEAR(object->needs_input_grad);
  Py_CLEAR(object->function);
  if (object->base.node) object->base.node->python = nullptr;
  object->base.node.~Ref();
  type->tp_free(self);
  Py_DECREF(type);
}

int context_traverse(PyObject* self, visitproc visit, void* arg) {
  ContextObject* object = context_of(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object->base.dict);
  Py_VISIT(object->to_save);
  Py_VISIT(object->for_jvp);
  Py_VISIT(object->function);
  autograd::Node* node = object->base.node.get();
  if (node && node->use_count() == 1 && !static_cast<PythonNode*>(node)->owns_object) {
    return visit_hooks(node->hooks.get(), visit, arg);
  }
  return 0;
}

int context_clear(PyObject* self) {
  Py_CLEAR(context_of(self)->base.dict);
  Py_CLEAR(context_of(self)->to_save);
  Py_CLEAR(context_of(self)->for_jvp);
  return 0;
}

PyMethodDef context_methods[] = {
    {"save_for_backward", keep_arguments<&ContextObject::to_save>, METH_VARARGS,
     "save_for_backward($self, *tensors)\n--\n\nKeeps inputs and results of forward for backward: "
     "they are its `ctx.saved_tensors`."},
    {"save_for_forward", save_for_forward, METH_VARARGS,
     "save_for_forward($self, *tensors)\n--\n\nKeeps tensors for jvp: they are its "
     "`ctx.saved_tensors`."},
    {"mark_dirty", keep_arguments<&ContextObject::dirty>, METH_VARARGS,
     "mark_dirty($self, *args)\n--\n\nNames inputs that forward changed in place."},
    {"mark_non_differentiable", keep_arguments<&ContextObject::non_differentiable>, METH_VARARGS,
     "mark_non_differentiable($self, *args)\n--\n\nNames results that have no gradient."},
    {"set_materialize_grads", set_materialize, METH_O,
     "set_materialize_grads($self, value)\n--\n\nWhether backward gets zeros (the default) or None "
     "for a result that no gradient reached."},
    {}};

PyGetSetDef context_attributes[] = {
    {"saved_tensors", saved_tensors, nullptr, "What save_for_backward kept.", nullptr},
    {"saved_variables", saved_variables, nullptr, "The same, by its old name.", nullptr},
    {"_raw_saved_tensors", raw_saved_tensors, nullptr, "The same, as objects that take hooks.",
     nullptr},
    {"needs_input_grad", get_member<&ContextObject::needs_input_grad>,
     set_member<&ContextObject::needs_input_grad>,
     "For each argument of forward, whether its gradient is needed.", nullptr},
    {"to_save", get_member<&ContextObject::to_save>, set_member<&ContextObject::to_save>, nullptr,
     nullptr},
    {"dirty_tensors", get_member<&ContextObject::dirty>, set_member<&ContextObject::dirty>, nullptr,
     nullptr},
    {"non_differentiable", get_member<&ContextObject::non_differentiable>,
     set_member<&ContextObject::non_differentiable>, nullptr, nullptr},
    {"materialize_grads", get_materialize, nullptr, nullptr, nullptr},
    {"_materialize_non_diff_grads", nullptr, set_materialize_non_differentiable, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

PyMemberDef context_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(NodeObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ContextObject, weak_references), READONLY, nullptr},
    {}};

PyType_Slot context_slots[] = {{Py_tp_dealloc, (void*)context_dealloc},
                               {Py_tp_traverse, (void*)context_traverse},
                               {Py_tp_clear, (void*)context_clear},
                               {Py_tp_methods, context_methods},
                               {Py_tp_getset, context_attributes},
                               {Py_tp_members, context_members},
                               {Py_tp_doc, (void*)"What forward leaves for backward."},
                               {0, nullptr}};
PyType_Spec context_spec = {"rushlight.autograd.function.BackwardCFunction", sizeof(ContextObject),
                            0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                                Py_TPFLAGS_DISALLOW_INSTANTIATION,
                            context_slots};

PyMethodDef base_methods[] = {
    {"apply", (PyCFunction)(void*)apply, METH_CLASS | METH_VARARGS | METH_KEYWORDS,
     "apply($type, *args, **kwargs)\n--\n\nRuns forward, and records it."},
    {}};
PyType_Slot base_slots[] = {{Py_tp_methods, base_methods}, {0, nullptr}};
PyType_Spec base_spec = {"rushlight._C._FunctionBase", 0, 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, base_slots};

/// `_make_backward_class(name, function)`: the class of the nodes of a Function.
PyObject* make_backward_class(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    auto* name = new std::string("rushlight.autograd.function.");  // the class refers to it
    *name += PyUnicode_AsUTF8(args[0]);
    PyType_Slot slots[] = {{Py_tp_dealloc, (void*)context_dealloc},
                           {Py_tp_traverse, (void*)context_traverse},
                           {Py_tp_clear, (void*)context_clear},
                           {0, nullptr}};
    PyType_Spec spec = {name->c_str(), sizeof(ContextObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                        slots};
    Object type = checked(PyType_FromSpecWithBases(&spec, (PyObject*)g_context_type));
    checked(PyObject_SetAttrString(type.get(), "_forward_cls", args[1]));
    return type.release();
  });
}

/// `_set_function_defaults(backward, vjp, setup_context)`
PyObject* set_defaults(PyObject*, PyObject* const* args, Py_ssize_t) {
  g_default_backward = Py_NewRef(args[0]);
  g_default_vjp = Py_NewRef(args[1]);
  g_default_setup = Py_NewRef(args[2]);
  return Py_NewRef(Py_None);
}

/// `_identity(*tensors)`: the same bytes as results of one node, for module backward hooks.
PyObject* identity(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> tensors;
    for (Py_ssize_t i = 0; i < count; ++i) {
      check(is_tensor(args[i]), ErrorKind::Type, "_identity(): argument ", i,
            " must be Tensor, not ", Py_TYPE(args[i])->tp_name);
      tensors.push_back(tensor_of(args[i]));
    }
    return gradients_as_tuple(autograd::identity(std::move(tensors))).release();
  });
}

PyMethodDef functions[] = {
    {"_make_backward_class", (PyCFunction)(void*)make_backward_class, METH_FASTCALL, nullptr},
    {"_set_function_defaults", (PyCFunction)(void*)set_defaults, METH_FASTCALL, nullptr},
    {"_identity", (PyCFunction)(void*)identity, METH_FASTCALL, nullptr},
    {}};

}  // namespace

bool owns_object(const autograd::Node& node) {
  auto* found = dynamic_cast<const PythonNode*>(&node);
  return found && found->owns_object;
}

PyObject* take_function_object(autograd::Node& node) {
  PyObject* object = static_cast<PyObject*>(node.python);
  auto* found = dynamic_cast<PythonNode*>(&node);
  if (!found || !found->owns_object) return Py_NewRef(object);
  found->owns_object = false;  // its reference becomes the caller's
  found->retain();             // and the object owns the node again
  return object;
}

void add_functions_of_autograd(PyObject* module) {
  g_backward = PyUnicode_InternFromString("backward");
  g_vjp = PyUnicode_InternFromString("vjp");
  g_jvp = PyUnicode_InternFromString("jvp");
  g_forward = PyUnicode_InternFromString("forward");
  g_setup_context = PyUnicode_InternFromString("setup_context");
  g_backward_class = PyUnicode_InternFromString("_backward_cls");
  Object node_type = checked(PyObject_GetAttrString(module, "Node"));
  g_context_type = add_class(module, context_spec, node_type.get());
  add_class(module, base_spec);
  add_functions(module, functions);
}

}  // namespace rushlight::python
