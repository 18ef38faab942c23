// The function and method objects of the operations, and the tables that name them.

#include <algorithm>
#include <deque>
#include <map>

#include "python/binder.h"

namespace rushlight::python {

namespace {

struct FunctionObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const Callable* callable;
  PyObject* dict;
};

PyTypeObject* g_function_type;  // stored on a class, it does not bind
PyTypeObject* g_method_type;    // it does

std::map<std::string, Callable, std::less<>> g_functions, g_methods, g_nn_functions;

const Callable& callable_in(PyObject* self) {
  return *reinterpret_cast<FunctionObject*>(self)->callable;
}

PyObject* vectorcall(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) {
  return guarded(
      [&] { return call(callable_in(self), arguments, size_t(PyVectorcall_NARGS(flags)), names); });
}

PyObject* new_function(PyTypeObject* type, const Callable& callable) {
  auto* function = reinterpret_cast<FunctionObject*>(type->tp_alloc(type, 0));
  if (!function) throw PythonError();
  function->vectorcall = vectorcall;
  function->callable = &callable;
  return reinterpret_cast<PyObject*>(function);
}

PyObject* function_repr(PyObject* self) {
  const Callable& callable = callable_in(self);
  return PyUnicode_FromFormat(callable.is_method ? "<method '%s' of 'torch._C.TensorBase' objects>"
                                                 : "<built-in method %s of type object at %p>",
                              callable.name.c_str(), self);
}

PyObject* method_get(PyObject* self, PyObject* object, PyObject*) {
  return object ? PyMethod_New(self, object) : Py_NewRef(self);
}

/// "sum(Tensor input, int[1]? dim, bool keepdim=False) -> Tensor", under the callable's own name
/// and, for a method, without the tensor that it is called on.
std::string signature_line(const Callable& callable, const Op& op) {
  std::string_view rest = op.schema;
  rest.remove_prefix(rest.find('(') + 1);
  if (!callable.is_method) return callable.name + "(" + std::string(rest);
  // The type of the first parameter may hold brackets, but no comma.
  rest.remove_prefix(rest.find(op.info->schema.parameters[0].name) +
                     op.info->schema.parameters[0].name.size());
  if (rest.starts_with(", ")) rest.remove_prefix(2);
  return "Tensor." + callable.name + "(" + std::string(rest);
}

std::string documentation(const Callable& callable) {
  std::string text;
  for (const Overload& overload : callable.overloads) {
    if (!text.empty()) text += "\n";
    text += signature_line(callable, *overload.op) + "\n\n" + overload.op->doc;
    text += callable.in_place ? " In place.\n" : "\n";
    if (*overload.op->examples)
      text +=
          std::string("\nExamples, after `from torch import *`:\n") + overload.op->examples + "\n";
  }
  return text;
}

/// The first overload's parameters in the form that inspect.signature parses.
std::string text_signature(const Callable& callable) {
  std::string text = "(";
  bool keyword_only = false;
  for (const Parameter& parameter : callable.overloads[0].op->info->schema.parameters) {
    if (text.size() > 1) text += ", ";
    if (parameter.keyword_only && !keyword_only) text += "*, ";
    keyword_only = parameter.keyword_only;
    text += std::string(parameter.name) + (parameter.name == "from" ? "_" : "");  // a keyword
    if (!parameter.has_default) continue;
    const Value& standard = parameter.default_value;
    Object value =
        Object::steal(standard.is_number() ? wrap(standard.scalar())
                      : standard.kind() == Value::Kind::Text
                          ? PyUnicode_FromStringAndSize(standard.text().data(),
                                                        Py_ssize_t(standard.text().size()))
                          : Py_NewRef(Py_None));
    text += std::string("=") + PyUnicode_AsUTF8(checked(PyObject_Repr(value.get())).get());
  }
  return text + ")";
}

PyGetSetDef function_attributes[] = {
    {"__name__",
     [](PyObject* self, void*) { return PyUnicode_FromString(callable_in(self).name.c_str()); },
     nullptr, nullptr, nullptr},
    {"__qualname__",
     [](PyObject* self, void*) {
       const Callable& callable = callable_in(self);
       return PyUnicode_FromFormat(callable.is_method ? "TensorBase.%s" : "_VariableFunctions.%s",
                                   callable.name.c_str());
     },
     nullptr, nullptr, nullptr},
    {"__module__", [](PyObject*, void*) { return PyUnicode_FromString("rushlight"); }, nullptr,
     nullptr, nullptr},
    {"__doc__",
     [](PyObject* self, void*) {
       return PyUnicode_FromString(documentation(callable_in(self)).c_str());
     },
     nullptr, nullptr, nullptr},
    {"__text_signature__",
     [](PyObject* self, void*) {
       return guarded(
           [&] { return PyUnicode_FromString(text_signature(callable_in(self)).c_str()); });
     },
     nullptr, nullptr, nullptr},
    {"__signature__",
     [](PyObject* self, void*) -> PyObject* {
       // inspect knows __text_signature__ only on its own builtins, so it is parsed here.
       Object inspect = Object::steal(PyImport_ImportModule("inspect"));
       if (!inspect) return nullptr;
       Object make = Object::steal(PyObject_GetAttrString(inspect.get(), "_signature_fromstr"));
       Object type = Object::steal(PyObject_GetAttrString(inspect.get(), "Signature"));
       if (!make || !type) return nullptr;
       return PyObject_CallFunction(make.get(), "OOs", type.get(), self,
                                    text_signature(callable_in(self)).c_str());
     },
     nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};
PyMemberDef function_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(FunctionObject, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(FunctionObject, dict), READONLY, nullptr},
    {}};
PyObject* function_reduce(PyObject* self, PyObject*) {
  const Callable& callable = callable_in(self);
  if (callable.is_method) {
    Object builtins = Object::steal(PyImport_ImportModule("builtins"));
    Object getattr = Object::steal(PyObject_GetAttrString(builtins.get(), "getattr"));
    return Py_BuildValue("O(Os)", getattr.get(), tensor_type, callable.name.c_str());
  }
  Object utilities = Object::steal(PyImport_ImportModule("rushlight._utilities"));
  if (!utilities) return nullptr;
  Object find = Object::steal(PyObject_GetAttrString(utilities.get(), "_operation"));
  if (!find) return nullptr;
  auto nn = g_nn_functions.find(callable.name);
  bool is_nn = nn != g_nn_functions.end() && &nn->second == &callable;
  return Py_BuildValue("O(ss)", find.get(), is_nn ? "_nn_functions" : "_torch_functions",
                       callable.name.c_str());
}
PyObject* function_copy(PyObject* self, PyObject*) { return Py_NewRef(self); }
PyMethodDef function_methods[] = {{"__reduce__", function_reduce, METH_NOARGS, nullptr},
                                  {"__copy__", function_copy, METH_NOARGS, nullptr},
                                  {"__deepcopy__", function_copy, METH_O, nullptr},
                                  {}};
PyType_Slot function_slots[] = {
    {Py_tp_call, (void*)PyVectorcall_Call}, {Py_tp_repr, (void*)function_repr},
    {Py_tp_getset, function_attributes},    {Py_tp_members, function_members},
    {Py_tp_methods, function_methods},      {0, nullptr}};
PyType_Spec function_spec = {
    "rushlight._C.Operation", sizeof(FunctionObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    function_slots};
PyType_Slot method_slots[] = {{Py_tp_call, (void*)PyVectorcall_Call},
                              {Py_tp_repr, (void*)function_repr},
                              {Py_tp_getset, function_attributes},
                              {Py_tp_members, function_members},
                              {Py_tp_methods, function_methods},
                              {Py_tp_descr_get, (void*)method_get},
                              {0, nullptr}};
PyType_Spec method_spec = {"rushlight._C.OperationMethod", sizeof(FunctionObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                               Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           method_slots};

/// Functions that make new tensors can put them into those of the caller.
bool takes_out(const OpInfo& info) {
  const Schema& schema = info.schema;
  if (schema.mutates || schema.is_view || schema.returns.empty()) return false;
  if (info.copies_view) return true;
  return std::ranges::all_of(schema.returns,
                             [](const Return& result) { return result.type == Type::Tensor; });
}

/// The functions of nn.functional that PyTorch does not write in Python: they take `out=` as well.
bool is_of_library(std::string_view name) {
  constexpr std::string_view kNames[] = {"gelu",       "hardshrink", "linear",
                                         "logsigmoid", "softplus",   "softshrink"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

Overload make_overload(const Op& op, bool is_method) {
  Overload overload{&op, {}};
  const Schema& schema = op.info->schema;
  bool has_dtype = false, takes_tensors = false;
  int positional = 0, lists = 0;
  size_t all_lists = 0;
  for (const Parameter& parameter : schema.parameters) {
    all_lists += parameter.type == Type::Ints || parameter.type == Type::Tensors ||
                 parameter.type == Type::Scalars;
    PyObject* name =
        PyUnicode_FromStringAndSize(parameter.name.data(), Py_ssize_t(parameter.name.size()));
    PyUnicode_InternInPlace(&name);
    overload.names.push_back(name);
    has_dtype |= parameter.name == "dtype";
    takes_tensors |= parameter.type == Type::Tensor;
    if (parameter.type == Type::Device) overload.place = int(overload.names.size()) - 1;
    if (parameter.keyword_only) continue;
    if (parameter.type == Type::Ints) ++lists;
    ++positional;
  }
  check(schema.parameters.size() <= kMaxParameters && all_lists <= kMaxLists, ErrorKind::Value,
        "op table: '", op.schema, "': more parameters or lists than a call has room for");
  overload.is_factory = has_dtype && overload.place >= 0;
  if (takes_tensors) overload.place = -1;  // which tell the device
  // PyTorch's rule: varargs where one list of integers is all there is to give by position.
  int fixed = is_method ? 1 : 0;
  bool list_is_last =
      positional == fixed + 1 && schema.parameters[size_t(fixed)].type == Type::Ints;
  overload.takes_varargs = lists == 1 && list_is_last;
  overload.fixed_positional = fixed;
  for (size_t i = 0; op.info->varargs && i < schema.parameters.size(); ++i) {
    if (schema.parameters[i].type != Type::Tensors) continue;
    overload.takes_varargs = true;
    overload.fixed_positional = int(i);
  }
  return overload;
}

Callable& add_to(std::map<std::string, Callable, std::less<>>& table, std::string name,
                 const Op& op, bool in_place, bool is_method) {
  Callable& callable = table[name];
  callable.name = std::move(name);
  callable.in_place = in_place;
  callable.is_method = is_method;
  callable.overloads.push_back(make_overload(op, is_method));
  return callable;
}

/// Whether, at the first parameter in which they differ, `a` wants a tensor and `b` a number: a
/// zero-dim tensor would do for both.
bool wants_tensor_first(const Overload& a, const Overload& b) {
  const auto &left = a.op->info->schema.parameters, &right = b.op->info->schema.parameters;
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    Type x = left[i].type, y = right[i].type;
    if (x == y) continue;
    return x == Type::Tensor && (y == Type::Scalar || y == Type::Int || y == Type::Float);
  }
  return false;
}

void order_overloads(std::map<std::string, Callable, std::less<>>& table) {
  for (auto& [name, callable] : table) {
    auto& list = callable.overloads;
    for (size_t i = 1; i < list.size(); ++i) {
      for (size_t j = i; j > 0 && wants_tensor_first(list[j], list[j - 1]); --j)
        std::swap(list[j], list[j - 1]);
    }
  }
}

void fill_tables() {
  for (const Op* op : all_ops()) {
    const OpInfo& info = *op->info;
    std::string name(info.schema.name);
    if (info.is_function) {
      Callable& function = add_to(g_functions, name, *op, false, false);
      function.overloads.back().takes_out = takes_out(info);
    }
    if (info.is_method) add_to(g_methods, name, *op, false, true);
    if (info.is_nn) {
      Callable& function = add_to(g_nn_functions, name, *op, false, false);
      function.overloads.back().takes_out = is_of_library(name) && takes_out(info);
    }
    // Out of the torch namespace, whatever its entry is called.
    if (info.is_private) add_to(g_functions, name[0] == '_' ? name : "_" + name, *op, false, false);
    if (!info.in_place) continue;
    if (info.is_function) add_to(g_functions, info.in_place_name, *op, true, false);
    if (info.is_method) add_to(g_methods, info.in_place_name, *op, true, true);
    if (info.is_nn) add_to(g_nn_functions, info.in_place_name, *op, true, false);
  }
  for (auto* table : {&g_functions, &g_methods, &g_nn_functions}) order_overloads(*table);
}

PyObject* table_as_dict(const std::map<std::string, Callable, std::less<>>& table) {
  Object dict = checked(PyDict_New());
  for (const auto& [name, callable] : table) {
    Object function = Object::steal(new_function(g_function_type, callable));
    checked(PyDict_SetItemString(dict.get(), name.c_str(), function.get()));
  }
  return dict.release();
}

const Callable* find(const std::map<std::string, Callable, std::less<>>& table,
                     std::string_view name) {
  auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

/// The table of all operations as Python data, for tests, stubs and documentation.
PyObject* operation_table(PyObject*, PyObject*) {
  return guarded([]() -> PyObject* {
    Object list = checked(PyList_New(0));
    for (const Op* op : all_ops()) {
      const OpInfo& info = *op->info;
      Object entry = checked(Py_BuildValue(
          "{s:s,s:s,s:s,s:s,s:s,s:s,s:O,s:O,s:O}", "name", std::string(info.schema.name).c_str(),
          "full_name", info.full_name.c_str(), "schema", op->schema, "doc", op->doc, "examples",
          op->examples, "variants", op->variants, "in_place", info.in_place ? Py_True : Py_False,
          "differentiable", info.differentiable ? Py_True : Py_False, "composite",
          info.composite ? Py_True : Py_False));
      checked(PyList_Append(list.get(), entry.get()));
    }
    return list.release();
  });
}

PyMethodDef functions[] = {
    {"_operation_table", operation_table, METH_NOARGS, "Every entry of the op table, as dicts."},
    {}};

}  // namespace

const Callable* find_method(std::string_view name) { return find(g_methods, name); }
const Callable* find_function(std::string_view name) { return find(g_functions, name); }
PyObject* make_function(const Callable& callable) {
  return new_function(g_function_type, callable);
}

void add_operations(PyObject* module) {
  g_function_type = add_class(module, function_spec);
  g_method_type = add_class(module, method_spec);
  fill_tables();
  for (const auto& [name, callable] : g_methods) {
    // What the Tensor class defines by hand stays.
    if (PyDict_GetItemString(tensor_type->tp_dict, name.c_str())) continue;
    Object method = Object::steal(new_function(g_method_type, callable));
    checked(PyDict_SetItemString(tensor_type->tp_dict, name.c_str(), method.get()));
  }
  PyType_Modified(tensor_type);
  Object operations = checked(table_as_dict(g_functions));
  Object nn_operations = checked(table_as_dict(g_nn_functions));
  checked(PyModule_AddObjectRef(module, "_torch_functions", operations.get()));
  checked(PyModule_AddObjectRef(module, "_nn_functions", nn_operations.get()));
  add_functions(module, functions);
}

}  // namespace rushlight::python
