// Python functions as hooks: of tensors, of leaves, of nodes, of what is saved; anomaly mode.

#include "python/hooks.h"

#include "autograd/accumulate.h"
#include "python/node_type.h"

namespace rushlight::python {

namespace {

/// A Python function that C++ holds.
class HeldFunction {
 public:
  explicit HeldFunction(PyObject* function) : function_(Py_NewRef(function)) {}
  HeldFunction(const HeldFunction&) = delete;
  virtual ~HeldFunction() { drop(); }
  /// Needs the GIL; null if it has been dropped.
  PyObject* function() const { return function_; }
  void drop() {
    if (!function_ || !Py_IsInitialized()) return;
    WithGil gil;
    Py_CLEAR(function_);
  }

 private:
  PyObject* function_;
};

std::string name_of(PyObject* function) {
  Object name = Object::steal(PyObject_GetAttrString(function, "__name__"));
  if (!name) {
    PyErr_Clear();
    return Py_TYPE(function)->tp_name;
  }
  return PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : "hook";
}

template <class Base>
struct PythonHook : Base, HeldFunction {
  explicit PythonHook(PyObject* function) : HeldFunction(function) {}
  void remove() override {
    Base::remove();
    // In a backward pass its turn may be still to come.
    if (!autograd::running_pass()) drop();
  }
};

/// What a hook returned in place of `gradient`, which it must resemble.
Tensor replacement(const Tensor& gradient, PyObject* object, PyObject* function) {
  check(is_tensor(object), ErrorKind::Type, "expected Variable, but hook returned '",
        Py_TYPE(object)->tp_name, "'");
  const Tensor& replaced = tensor_of(object);
  autograd::check_replacement(gradient, replaced, name_of(function));
  return replaced;
}

struct PythonTensorHook final : PythonHook<autograd::TensorHook> {
  using PythonHook::PythonHook;
  Tensor run(const Tensor& gradient) override {
    WithGil gil;
    Object held = Object::borrow(function());
    if (!held) return Tensor();
    Object argument = checked(wrap(gradient));
    Object result = checked(PyObject_CallOneArg(held.get(), argument.get()));
    if (result.get() == Py_None) return Tensor();
    return replacement(gradient, result.get(), held.get());
  }
};

/// Takes what a node's hook returned in place of `gradients`.
void replace(autograd::Gradients& gradients, PyObject* result, PyObject* function) {
  if (result == Py_None) return;
  check(PyTuple_Check(result), ErrorKind::Type, "expected tuple, but hook returned '",
        Py_TYPE(result)->tp_name, "'");
  size_t count = size_t(PyTuple_GET_SIZE(result));
  check(count == gradients.size(), "hook '", name_of(function),
        "' has returned an incorrect number of values (got ", count, ", but expected ",
        gradients.size(), ")");
  for (size_t i = 0; i < count; ++i) {
    PyObject* item = PyTuple_GET_ITEM(result, Py_ssize_t(i));
    if (item == Py_None) {
      gradients[i] = Tensor();
      continue;
    }
    check(gradients[i].defined(), "can't replace a None gradient with a non-None value");
    gradients[i] = replacement(gradients[i], item, function);
  }
}

struct PythonPreHook final : PythonHook<autograd::PreHook> {
  using PythonHook::PythonHook;
  void run(autograd::Gradients& arrived) override {
    WithGil gil;
    Object held = Object::borrow(function());
    if (!held) return;
    Object argument = gradients_as_tuple(arrived);
    Object result = checked(PyObject_CallOneArg(held.get(), argument.get()));
    replace(arrived, result.get(), held.get());
  }
};

struct PythonPostHook final : PythonHook<autograd::PostHook> {
  using PythonHook::PythonHook;
  void run(autograd::Gradients& computed, const autograd::Gradients& arrived) override {
    WithGil gil;
    Object held = Object::borrow(function());
    if (!held) return;
    Object inputs = gradients_as_tuple(computed), outputs = gradients_as_tuple(arrived);
    Object result =
        checked(PyObject_CallFunctionObjArgs(held.get(), inputs.get(), outputs.get(), nullptr));
    replace(computed, result.get(), held.get());
  }
};

struct PythonLeafHook final : PythonHook<autograd::LeafHook> {
  using PythonHook::PythonHook;
  void run(const Tensor& leaf) override {
    WithGil gil;
    Object held = Object::borrow(function());
    if (!held) return;
    Object argument = checked(wrap(leaf));
    Object result = checked(PyObject_CallOneArg(held.get(), argument.get()));
    if (result.get() == Py_None) return;
    check(is_tensor(result.get()), ErrorKind::Type, "expected Variable, but hook returned '",
          Py_TYPE(result.get())->tp_name, "'");
    check(result.get() == argument.get(), "Tensor post accumulate grad hooks should return None.");
  }
};

// -- The handle ----------------------------------------------------------------------------------

struct HandleObject {
  PyObject_HEAD std::weak_ptr<autograd::Hook> hook;
};

PyTypeObject* g_handle_type;

PyObject* handle_of(const std::shared_ptr<autograd::Hook>& hook) {
  auto* object = reinterpret_cast<HandleObject*>(g_handle_type->tp_alloc(g_handle_type, 0));
  if (!object) throw PythonError();
  new (&object->hook) std::weak_ptr<autograd::Hook>(hook);
  return reinterpret_cast<PyObject*>(object);
}

PyObject* handle_remove(PyObject* self, PyObject*) {
  if (auto hook = reinterpret_cast<HandleObject*>(self)->hook.lock()) hook->remove();
  return Py_NewRef(Py_None);
}

void handle_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<HandleObject*>(self)->hook.~weak_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef handle_methods[] = {{"remove", handle_remove, METH_NOARGS, "Removes the hook."}, {}};
PyType_Slot handle_slots[] = {
    {Py_tp_dealloc, (void*)handle_dealloc}, {Py_tp_methods, handle_methods}, {0, nullptr}};
PyType_Spec handle_spec = {"rushlight._C._HookHandle", sizeof(HandleObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, handle_slots};

// -- What is saved -------------------------------------------------------------------------------

struct PythonSavedHooks final : autograd::SavedTensorHooks {
  PythonSavedHooks(PyObject* pack, PyObject* unpack) : pack_(pack), unpack_(unpack) {}
  std::shared_ptr<void> pack(const Tensor& tensor) override {
    WithGil gil;
    Object argument = checked(wrap(tensor));
    return keep(checked(PyObject_CallOneArg(pack_.function(), argument.get())).get());
  }
  Tensor unpack(const std::shared_ptr<void>& packed) override {
    WithGil gil;
    Object result =
        checked(PyObject_CallOneArg(unpack_.function(), static_cast<PyObject*>(packed.get())));
    check(is_tensor(result.get()), ErrorKind::Type,
          "Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
          Py_TYPE(result.get())->tp_name);
    return tensor_of(result.get());
  }

 private:
  HeldFunction pack_, unpack_;
};

PyObject* push_saved_hooks(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    autograd::push_saved_tensor_hooks(saved_tensor_hooks(args[0], args[1]));
    return Py_NewRef(Py_None);
  });
}
PyObject* pop_saved_hooks(PyObject*, PyObject*) {
  autograd::pop_saved_tensor_hooks();
  return Py_NewRef(Py_None);
}
/// _forbid_saved_tensor_hooks(message or None): returns the message before.
PyObject* forbid_saved_hooks(PyObject*, PyObject* message) {
  return guarded([&]() -> PyObject* {
    // A copy: the next line changes what the call refers to.
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
    std::string before = autograd::saved_tensor_hooks_forbidden();
    autograd::forbid_saved_tensor_hooks(message == Py_None ? "" : PyUnicode_AsUTF8(message));
    return before.empty() ? Py_NewRef(Py_None) : PyUnicode_FromString(before.c_str());
  });
}

// -- Anomaly mode --------------------------------------------------------------------------------

constexpr const char* kTraceback = "traceback_";
constexpr const char* kParent = "parent_";

void recorded(autograd::Node& node) {
  WithGil gil;
  Object module = checked(PyImport_ImportModule("rushlight.autograd.anomaly_mode"));
  Object stack = checked(PyObject_CallMethod(module.get(), "_forward_call", nullptr));
  PyObject* metadata = node_metadata(node);
  checked(PyDict_SetItemString(metadata, kTraceback, stack.get()));
  if (autograd::Node* parent = autograd::running_node()) {
    Object object = checked(wrap(Ref<autograd::Node>::share(parent)));
    checked(PyDict_SetItemString(metadata, kParent, object.get()));
  }
}

std::string joined(PyObject* lines) {
  Object empty = checked(PyUnicode_FromString(""));
  Object text = checked(PyUnicode_Join(empty.get(), lines));
  return PyUnicode_AsUTF8(text.get());
}

void failed(autograd::Node& node) {
  WithGil gil;
  Object current = checked(wrap(Ref<autograd::Node>::share(&node)));
  bool first = true;
  while (current && current.get() != Py_None) {
    autograd::Node& blamed = node_of(current.get());
    PyObject* metadata = node_metadata(blamed);
    PyObject* lines = PyDict_GetItemString(metadata, kTraceback);
    std::string text;
    if (first && !lines) {
      text = "Error detected in " + blamed.name() +
             ". No forward pass information available. Enable detect anomaly during forward pass "
             "for more information.";
    } else if (first) {
      text = "Error detected in " + blamed.name() +
             ". Traceback of forward call that caused the error:\n" + joined(lines);
    } else {
      text = "\n\nPrevious calculation was induced by " + blamed.name() +
             (lines ? ". Traceback of forward call that induced the previous calculation:\n" +
                          joined(lines)
                    : ". No forward pass information available.");
    }
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) {
      PyErr_Clear();  // the failure itself is what the caller is to see
      PySys_FormatStderr("%s\n", text.c_str());
    }
    first = false;
    current = Object::borrow(PyDict_GetItemString(metadata, kParent));
  }
}

constexpr autograd::AnomalyHandler kAnomalyHandler = {recorded, failed};

PyObject* set_anomaly_enabled(PyObject*, PyObject* args, PyObject* keywords) {
  static const char* names[] = {"enabled", "check_nan", nullptr};
  PyObject *enabled = nullptr, *check_nan = Py_True;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:set_anomaly_enabled",
                                   const_cast<char**>(names), &enabled, &check_nan))
    return nullptr;
  return guarded([&] {
    bool mode = to_flag(enabled, "set_anomaly_enabled(): argument 'enabled' (position 1)");
    autograd::set_anomaly_enabled(
        mode, to_flag(check_nan, "set_anomaly_enabled(): argument 'check_nan' (position 2)"));
    return Py_NewRef(Py_None);
  });
}
PyObject* is_anomaly_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::anomaly_enabled());
}
PyObject* is_anomaly_check_nan_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::anomaly_checks_nan());
}

PyObject* running_node(PyObject*, PyObject*) {
  autograd::Node* node = autograd::running_node();
  if (!node) return Py_NewRef(Py_None);
  return guarded([&] { return wrap(Ref<autograd::Node>::share(node)); });
}

PyObject* increment_version(PyObject*, PyObject* tensor) {
  return guarded([&]() -> PyObject* {
    check(is_tensor(tensor), ErrorKind::Type, "increment_version(): argument must be Tensor, not ",
          Py_TYPE(tensor)->tp_name);
    TensorImpl* impl = tensor_of(tensor).impl();
    if (impl->inference) return Py_NewRef(Py_None);  // has no version
    Version& version = impl->version();
    version.wrote("increment_version", autograd::current_call_site());
    return Py_NewRef(Py_None);
  });
}

/// `_set_version(tensor, number)`: as if that many writes had been made.
PyObject* set_version(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    check(is_tensor(args[0]), ErrorKind::Type, "_set_version(): argument must be Tensor, not ",
          Py_TYPE(args[0])->tp_name);
    unsigned long number = PyLong_AsUnsignedLong(args[1]);
    if (PyErr_Occurred()) throw PythonError();
    tensor_of(args[0]).impl()->version().writes = uint32_t(number);
    return Py_NewRef(Py_None);
  });
}

struct PythonWriteWatcher final : autograd::WriteWatcher {
  explicit PythonWriteWatcher(PyObject* function) : function(function) {}
  void before_write(const Tensor& tensor) override {
    WithGil gil;
    Object argument = checked(wrap(tensor));
    checked(PyObject_CallOneArg(function.function(), argument.get()));
  }
  HeldFunction function;
};

/// `_watch_writes(function or None)`
PyObject* watch_writes(PyObject*, PyObject* function) {
  return guarded([&]() -> PyObject* {
    std::shared_ptr<autograd::WriteWatcher> watcher;
    if (function != Py_None) watcher = std::make_shared<PythonWriteWatcher>(function);
    autograd::set_write_watcher(std::move(watcher));
    return Py_NewRef(Py_None);
  });
}

struct PythonCallback final : autograd::Callback {
  explicit PythonCallback(PyObject* function) : function(function) {}
  void run() override {
    WithGil gil;
    checked(PyObject_CallNoArgs(function.function()));
  }
  HeldFunction function;
};

/// `_queue_callback(function)`
PyObject* queue_callback(PyObject*, PyObject* function) {
  return guarded([&]() -> PyObject* {
    autograd::queue_callback(std::make_unique<PythonCallback>(function));
    return Py_NewRef(Py_None);
  });
}

/// `_running_pass()`: its number, 0 outside of one
PyObject* running_pass(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLong(autograd::running_pass());
}
PyObject* pass_is_restricted(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::pass_is_restricted());
}
PyObject* pass_starts(PyObject*, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object list = checked(PyList_New(0));
    for (autograd::Node* node : autograd::pass_starts()) {
      Object object = checked(wrap(Ref<autograd::Node>::share(node)));
      checked(PyList_Append(list.get(), object.get()));
    }
    return list.release();
  });
}
PyObject* pass_retains_graph(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::pass_retains_graph());
}
PyObject* pass_returns_gradients(PyObject*, PyObject*) {
  return PyBool_FromLong(autograd::pass_returns_gradients());
}
/// `_pass_runs(node)`
PyObject* pass_runs(PyObject*, PyObject* node) {
  return PyBool_FromLong(is_node(node) && autograd::pass_runs(node_of(node)));
}

// -- Functions of the module ---------------------------------------------------------------------

/// `_register_hook(tensor, function)`
PyObject* register_hook(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    PyObject* handle = add_tensor_hook(tensor_of(args[0]), args[1]);
    track(args[0]);
    return handle;
  });
}

PyObject* register_leaf_hook(PyObject*, PyObject* const* args, Py_ssize_t) {
  return guarded([&] {
    auto hook = std::make_shared<PythonLeafHook>(args[1]);
    autograd::add_hook(tensor_of(args[0]), std::shared_ptr<autograd::LeafHook>(hook));
    track(args[0]);
    return handle_of(hook);
  });
}

/// `_tensor_hooks(tensor)`: the functions that register_hook added, in order.
PyObject* tensor_hooks(PyObject*, PyObject* object) {
  return guarded([&]() -> PyObject* {
    const Tensor& tensor = tensor_of(object);
    Object list = checked(PyList_New(0));
    auto add = [&](const autograd::NodeHooks* hooks, uint32_t output) {
      if (!hooks) return;
      for (const auto& item : hooks->tensor) {
        auto* held = dynamic_cast<const HeldFunction*>(item.hook.get());
        if (item.output == output && held && held->function() && !item.hook->removed())
          checked(PyList_Append(list.get(), held->function()));
      }
    };
    const autograd::Metadata* meta = tensor.impl()->autograd;
    if (!meta) return list.release();
    if (meta->grad_fn)
      add(meta->grad_fn->hooks.get(), meta->output);
    else
      autograd::with_leaf_hooks(tensor, [&](auto& hooks) { add(hooks.get(), 0); });
    return list.release();
  });
}

PyObject* retain_grad(PyObject*, PyObject* tensor) {
  return guarded([&] {
    autograd::retain_grad(tensor_of(tensor));
    return Py_NewRef(Py_None);
  });
}

PyMethodDef functions[] = {
    {"_register_hook", (PyCFunction)(void*)register_hook, METH_FASTCALL, nullptr},
    {"_register_leaf_hook", (PyCFunction)(void*)register_leaf_hook, METH_FASTCALL, nullptr},
    {"_retain_grad", retain_grad, METH_O, nullptr},
    {"_push_saved_tensor_hooks", (PyCFunction)(void*)push_saved_hooks, METH_FASTCALL, nullptr},
    {"_pop_saved_tensor_hooks", pop_saved_hooks, METH_NOARGS, nullptr},
    {"_forbid_saved_tensor_hooks", forbid_saved_hooks, METH_O, nullptr},
    {"set_anomaly_enabled", (PyCFunction)(void*)set_anomaly_enabled, METH_VARARGS | METH_KEYWORDS,
     "set_anomaly_enabled(enabled, check_nan=True)\n--\n\nTurns on what detect_anomaly does."},
    {"is_anomaly_enabled", is_anomaly_enabled, METH_NOARGS,
     "is_anomaly_enabled()\n--\n\nWhether detect_anomaly is on."},
    {"is_anomaly_check_nan_enabled", is_anomaly_check_nan_enabled, METH_NOARGS,
     "is_anomaly_check_nan_enabled()\n--\n\nWhether detect_anomaly looks for nan."},
    {"_increment_version", increment_version, METH_O, nullptr},
    {"_running_pass", running_pass, METH_NOARGS, nullptr},
    {"_pass_is_restricted", pass_is_restricted, METH_NOARGS, nullptr},
    {"_pass_starts", pass_starts, METH_NOARGS, nullptr},
    {"_pass_retains_graph", pass_retains_graph, METH_NOARGS, nullptr},
    {"_pass_returns_gradients", pass_returns_gradients, METH_NOARGS, nullptr},
    {"_pass_runs", pass_runs, METH_O, nullptr},
    {"_tensor_hooks", tensor_hooks, METH_O, nullptr},
    {"_running_node", running_node, METH_NOARGS, nullptr},
    {"_set_version", (PyCFunction)(void*)set_version, METH_FASTCALL, nullptr},
    {"_watch_writes", watch_writes, METH_O, nullptr},
    {"_queue_callback", queue_callback, METH_O, nullptr},
    {}};

}  // namespace

Object gradients_as_tuple(std::span<const Tensor> gradients) {
  Object tuple = checked(PyTuple_New(Py_ssize_t(gradients.size())));
  for (size_t i = 0; i < gradients.size(); ++i) {
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), checked(wrap(gradients[i])).release());
  }
  return tuple;
}

std::shared_ptr<autograd::SavedTensorHooks> saved_tensor_hooks(PyObject* pack, PyObject* unpack) {
  return std::make_shared<PythonSavedHooks>(pack, unpack);
}

std::shared_ptr<void> keep(PyObject* object) {
  return std::shared_ptr<void>(Py_NewRef(object), [](PyObject* kept) {
    if (!Py_IsInitialized()) return;
    WithGil gil;
    Py_DECREF(kept);
  });
}

PyObject* add_tensor_hook(const Tensor& tensor, PyObject* function) {
  auto hook = std::make_shared<PythonTensorHook>(function);
  autograd::add_hook(tensor, std::shared_ptr<autograd::TensorHook>(hook));
  return handle_of(hook);
}

PyObject* add_node_hook(autograd::Node& node, PyObject* function) {
  auto hook = std::make_shared<PythonPostHook>(function);
  autograd::add_hook(node, std::shared_ptr<autograd::PostHook>(hook));
  return handle_of(hook);
}

PyObject* add_node_prehook(autograd::Node& node, PyObject* function) {
  auto hook = std::make_shared<PythonPreHook>(function);
  autograd::add_hook(node, std::shared_ptr<autograd::PreHook>(hook));
  return handle_of(hook);
}

PyObject* node_metadata(autograd::Node& node) {
  autograd::NodeHooks& hooks = node.own_hooks();
  if (!hooks.metadata) hooks.metadata = keep(checked(PyDict_New()).get());
  return static_cast<PyObject*>(hooks.metadata.get());
}

namespace {

int visit_hook(const autograd::Hook* hook, visitproc visit, void* arg) {
  auto* held = dynamic_cast<const HeldFunction*>(hook);
  if (held) Py_VISIT(held->function());
  return 0;
}

template <class List>
int visit_list(const List& list, visitproc visit, void* arg) {
  for (const auto& hook : list) {
    if (int status = visit_hook(hook.get(), visit, arg)) return status;
  }
  return 0;
}

}  // namespace

int visit_hooks(const autograd::NodeHooks* hooks, visitproc visit, void* arg) {
  if (!hooks) return 0;
  for (const auto& item : hooks->tensor) {
    if (int status = visit_hook(item.hook.get(), visit, arg)) return status;
  }
  if (int status = visit_list(hooks->pre, visit, arg)) return status;
  if (int status = visit_list(hooks->post, visit, arg)) return status;
  if (hooks->metadata && hooks->metadata.use_count() == 1) {
    Py_VISIT(static_cast<PyObject*>(hooks->metadata.get()));
  }
  return 0;
}

int visit_tensor(TensorImpl* impl, visitproc visit, void* arg) {
  if (!impl || !impl->autograd || impl->use_count() != 1) return 0;
  const autograd::Metadata& meta = *impl->autograd;
  if (int status = visit_hooks(meta.hooks.get(), visit, arg)) return status;
  if (meta.leaf_hooks) {
    if (int status = visit_list(*meta.leaf_hooks, visit, arg)) return status;
  }
  autograd::Node* node = meta.grad_fn.get();
  if (!node || node->use_count() != 1) return 0;
  if (int status = visit_hooks(node->hooks.get(), visit, arg)) return status;
  if (owns_object(*node)) Py_VISIT(static_cast<PyObject*>(node->python));
  return 0;
}

void clear_tensor(TensorImpl* impl) {
  if (!impl || !impl->autograd || impl->use_count() != 1) return;
  autograd::Metadata& meta = *impl->autograd;
  auto hooks = std::move(meta.hooks);
  auto leaf_hooks = std::move(meta.leaf_hooks);
  std::unique_ptr<autograd::NodeHooks> of_node;
  if (meta.grad_fn && meta.grad_fn->use_count() == 1) of_node = std::move(meta.grad_fn->hooks);
}

void track(PyObject* tensor) {
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

void add_hooks(PyObject* module) {
  g_handle_type = add_class(module, handle_spec);
  add_functions(module, functions);
  autograd::set_anomaly_handler(&kAnomalyHandler);
}

}  // namespace rushlight::python
