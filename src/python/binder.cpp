// Read call() at the end first: it tries each overload with bind(), runs the first that fits, and
// explains the misfit of the nearest if none does.

#include "python/binder.h"

#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "python/out.h"

namespace rushlight::python {

namespace {

/// What one overload made of the arguments. The values borrow from it and from the arguments.
struct Bound {
  Value values[kMaxParameters];
  // Values point into these lists, so they must not move.
  SmallVector<Dims, kMaxLists> ints;
  SmallVector<SmallVector<Tensor, 4>, kMaxLists> tensors;
  SmallVector<SmallVector<Scalar, 4>, kMaxLists> scalars;
  PyObject* out = nullptr;
  bool requires_grad = false;
};

/// Why an overload does not fit.
struct Misfit {
  enum class Kind { None, Type, Missing, Unexpected, Duplicate, TooMany } kind = Kind::None;
  const Parameter* parameter = nullptr;
  PyObject* given = nullptr;
  int position = -1;
  int progress = 0;          ///< how many arguments fitted before
  std::string missing = {};  ///< the names of all that are
};

std::string type_name(const Parameter& parameter) {
  switch (parameter.type) {
    case Type::Tensor: return "Tensor";
    case Type::TensorOrScalar: return "Tensor";
    case Type::Scalar: return "Number";
    case Type::Int: return "int";
    case Type::Float: return "float";
    case Type::Bool: return "bool";
    case Type::Ints: return "tuple of ints";
    case Type::Tensors: return "tuple of Tensors";
    case Type::Scalars: return "tuple of Numbers";
    case Type::DType: return "torch.dtype";
    case Type::Device: return "torch.device";
    case Type::MemoryFormat: return "torch.memory_format";
    case Type::Layout: return "torch.layout";
    case Type::Text: return "str";
    case Type::Generator: return "torch.Generator";
  }
  return "";
}

bool is_integer(PyObject* object) {
  int64_t ignored;
  return !PyBool_Check(object) && (PyLong_Check(object) || to_integer(object, ignored));
}

bool convert_ints(const Parameter& parameter, PyObject* object, Bound& bound, Value& value) {
  Dims list;
  int64_t number;
  if (PyTuple_Check(object) || PyList_Check(object)) {
    Py_ssize_t size = PySequence_Fast_GET_SIZE(object);
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(object, i);
      if (!is_integer(item)) return false;
      to_integer(item, number);
      list.push_back(number);
    }
  } else if (parameter.list_size > 0 && !PyBool_Check(object) && to_integer(object, number)) {
    list.resize(size_t(parameter.list_size), number);
  } else {
    return false;
  }
  bound.ints.push_back(std::move(list));
  value = Value(Ints(bound.ints.back()));
  return true;
}

bool convert_tensors(const Parameter& parameter, PyObject* object, Bound& bound, Value& value) {
  if (!PyTuple_Check(object) && !PyList_Check(object)) return false;
  SmallVector<Tensor, 4> list;
  Py_ssize_t size = PySequence_Fast_GET_SIZE(object);
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(object, i);
    if (is_tensor(item))
      list.push_back(tensor_of(item));
    else if (parameter.optional_elements && item == Py_None)
      list.push_back(Tensor());
    else
      return false;
  }
  bound.tensors.push_back(std::move(list));
  value = Value(Tensors(bound.tensors.back().data(), bound.tensors.back().size()));
  return true;
}

bool convert_scalars(PyObject* object, Bound& bound, Value& value) {
  if (!PyTuple_Check(object) && !PyList_Check(object)) return false;
  SmallVector<Scalar, 4> list;
  Py_ssize_t size = PySequence_Fast_GET_SIZE(object);
  for (Py_ssize_t i = 0; i < size; ++i) {
    Scalar scalar;
    if (!to_scalar(PySequence_Fast_GET_ITEM(object, i), scalar)) return false;
    list.push_back(scalar);
  }
  bound.scalars.push_back(std::move(list));
  value = Value(std::span<const Scalar>(bound.scalars.back()));
  return true;
}

/// A number, or a zero-dim tensor that stands for one because nothing flows back through it.
bool convert_scalar(PyObject* object, Scalar& scalar) {
  if (to_scalar(object, scalar)) return true;
  if (!is_tensor(object)) return false;
  const Tensor& tensor = tensor_of(object);
  if (tensor.dim() != 0 || tensor.requires_grad()) return false;
  scalar = tensor.item_scalar();
  return true;
}

/// One argument to the value that `parameter` wants; false if it is of another type.
bool convert(const Parameter& parameter, PyObject* object, Bound& bound, Value& value) {
  if (is_tensor(object) &&
      (parameter.type == Type::Tensor || parameter.type == Type::TensorOrScalar)) {
    value = Value(tensor_of(object));
    return true;
  }
  if (object == Py_None && parameter.optional) {
    value = Value();
    return true;
  }
  if (object == Py_None && parameter.type == Type::Ints && parameter.has_default) {
    value = parameter.default_value;
    return true;
  }
  switch (parameter.type) {
    case Type::Tensor: return false;
    case Type::TensorOrScalar: {
      Scalar scalar;
      if (!to_scalar(object, scalar)) return false;
      value = Value(scalar);
      return true;
    }
    case Type::Scalar: {
      Scalar scalar;
      if (!convert_scalar(object, scalar)) return false;
      value = Value(scalar);
      return true;
    }
    case Type::Float: {
      Scalar scalar;
      if (PyBool_Check(object) || !convert_scalar(object, scalar)) return false;
      value = Value(scalar.real());
      return true;
    }
    case Type::Int: {
      int64_t number;
      if (PyBool_Check(object) || !to_integer(object, number)) return false;
      value = Value(number);
      return true;
    }
    case Type::Bool: {
      Scalar scalar;
      bool accepted = PyBool_Check(object) ||
                      (!PyLong_Check(object) && to_scalar(object, scalar) && scalar.is_bool());
      if (!accepted) return false;
      value = Value(PyObject_IsTrue(object) == 1);
      return true;
    }
    case Type::Ints: return convert_ints(parameter, object, bound, value);
    case Type::Tensors: return convert_tensors(parameter, object, bound, value);
    case Type::Scalars: return convert_scalars(object, bound, value);
    case Type::DType: {
      DType dtype;
      if (!to_dtype(object, dtype)) return false;
      value = Value(dtype);
      return true;
    }
    case Type::Device: {
      Device device;
      if (!to_device(object, device)) return false;
      value = Value(device);
      return true;
    }
    case Type::MemoryFormat: {
      MemoryFormat format;
      if (!to_memory_format(object, format)) return false;
      value = Value(format);
      return true;
    }
    case Type::Layout: {
      Layout layout;
      if (!to_layout(object, layout)) return false;
      value = Value(layout);
      return true;
    }
    case Type::Text: {
      if (!PyUnicode_Check(object)) return false;
      Py_ssize_t length;
      const char* characters = PyUnicode_AsUTF8AndSize(object, &length);
      if (!characters) throw PythonError();
      value = Value(std::string_view(characters, size_t(length)));
      return true;
    }
    case Type::Generator: {
      Generator* generator = to_generator(object);
      if (!generator) return false;
      value = Value(generator);
      return true;
    }
  }
  return false;
}

/// NumPy's names for some parameters, which PyTorch accepts as well.
bool is_alias(PyObject* given, std::string_view name) {
  auto is = [&](const char* text) { return PyUnicode_CompareWithASCIIString(given, text) == 0; };
  if (name == "dim") return is("axis");
  if (name == "keepdim") return is("keepdims");
  if (name == "input") return is("self") || is("x") || is("a") || is("x1");
  if (name == "other") return is("x2");
  return false;
}

int find_keyword(const Overload& overload, PyObject* given) {
  for (size_t i = 0; i < overload.names.size(); ++i) {
    if (overload.names[i] == given) return int(i);
  }
  const auto& parameters = overload.op->info->schema.parameters;
  for (size_t i = 0; i < overload.names.size(); ++i) {
    if (PyUnicode_Compare(overload.names[i], given) == 0 || is_alias(given, parameters[i].name)) {
      return int(i);
    }
  }
  return -1;
}

/// Keywords that every suitable operation takes without saying so in its schema.
bool take_generic_keyword(const Overload& overload, PyObject* name, PyObject* value, Bound& bound) {
  auto is = [&](const char* text) { return PyUnicode_CompareWithASCIIString(name, text) == 0; };
  if (is("out") && overload.takes_out) {
    if (value != Py_None) bound.out = value;
    return true;
  }
  if (!overload.is_factory) return false;
  if (is("requires_grad") || is("pin_memory")) {
    const char* keyword = PyUnicode_AsUTF8(name);
    bool flag = value != Py_None && to_flag(value, std::string(overload.op->info->schema.name) +
                                                       "(): argument '" + keyword + "'");
    if (is("pin_memory"))
      check_not_pinned(flag);
    else
      bound.requires_grad = flag;
    return true;
  }
  if (is("layout")) {
    Layout layout;
    if (value == Py_None) return true;
    if (!to_layout(value, layout)) return false;
    check(layout == Layout::Strided, ErrorKind::NotImplemented, "sparse layouts are not supported");
    return true;
  }
  return false;
}

bool all_integers(PyObject* const* arguments, size_t count) {
  return std::all_of(arguments, arguments + count, is_integer);
}

/// One integer of several; in PyTorch's words if it does not fit into 64 bits.
int64_t element_of(const Overload& overload, size_t parameter, size_t position, PyObject* object) {
  int64_t number = 0;
  try {
    to_integer(object, number);
  } catch (const Error& error) {
    const Schema& schema = overload.op->info->schema;
    fail(ErrorKind::Type, schema.name, "(): argument '", schema.parameters[parameter].name,
         "' failed to unpack the object at pos ", position, " with error \"", error.what(), "\"");
  }
  return number;
}

/// `einsum(equation, a, b)`: the tensors from `first` on are one argument.
bool gather_tensors(PyObject* const* arguments, size_t first, size_t& count, Bound& bound) {
  SmallVector<Tensor, 4> list;
  for (size_t i = first; i < count; ++i) {
    if (!is_tensor(arguments[i])) return false;
    list.push_back(tensor_of(arguments[i]));
  }
  bound.tensors.push_back(std::move(list));
  bound.values[first] = Value(Tensors(bound.tensors.back().data(), bound.tensors.back().size()));
  count = first;
  return true;
}

/// `x.view(2, 3)`: the integers from `first` on are one argument.
bool gather_varargs(const Overload& overload, PyObject* const* arguments, size_t& count,
                    Bound& bound) {
  size_t first = size_t(overload.fixed_positional);
  bool tensors = overload.op->info->varargs;
  if (!overload.takes_varargs || count < first || (count == first && !tensors)) return false;
  if (tensors) return gather_tensors(arguments, first, count, bound);
  if (!all_integers(arguments + first, count - first)) return false;
  Dims list;
  for (size_t i = first; i < count; ++i)
    list.push_back(element_of(overload, first, i - first + 1, arguments[i]));
  bound.ints.push_back(std::move(list));
  bound.values[first] = Value(Ints(bound.ints.back()));
  count = first;
  return true;
}

bool misfit(Misfit& why, Misfit::Kind kind, const Parameter* parameter, PyObject* given,
            int position, int progress) {
  why = {kind, parameter, given, position, progress};
  return false;
}

bool bind_keywords(const Overload& overload, PyObject* const* values, PyObject* names,
                   size_t positional, PyObject** by_parameter, Bound& bound, Misfit& why) {
  const auto& parameters = overload.op->info->schema.parameters;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(names); ++k) {
    PyObject* name = PyTuple_GET_ITEM(names, k);
    int index = find_keyword(overload, name);
    if (index < 0) {
      if (take_generic_keyword(overload, name, values[k], bound)) continue;
      return misfit(why, Misfit::Kind::Unexpected, nullptr, name, -1, int(positional));
    }
    if (by_parameter[index] || !bound.values[index].is_none()) {
      return misfit(why, Misfit::Kind::Duplicate, &parameters[size_t(index)], name, -1,
                    int(positional));
    }
    by_parameter[index] = values[k];
  }
  return true;
}

bool bind(const Overload& overload, PyObject* const* arguments, size_t count, PyObject* names,
          Bound& bound, Misfit& why) {
  const auto& parameters = overload.op->info->schema.parameters;
  size_t given = count;
  bool varargs = gather_varargs(overload, arguments, count, bound);
  PyObject* by_parameter[kMaxParameters] = {};
  size_t positional = 0;
  for (; positional < count; ++positional) {
    if (positional >= parameters.size() || parameters[positional].keyword_only) {
      return misfit(why, Misfit::Kind::TooMany, nullptr, nullptr, int(positional), int(positional));
    }
    by_parameter[positional] = arguments[positional];
  }
  if (names &&
      !bind_keywords(overload, arguments + given, names, positional, by_parameter, bound, why)) {
    return false;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (by_parameter[i]) {
      if (!convert(parameter, by_parameter[i], bound, bound.values[i])) {
        return misfit(why, Misfit::Kind::Type, &parameter, by_parameter[i],
                      i < positional ? int(i) : -1, int(i));
      }
    } else if (varargs && i == size_t(overload.fixed_positional)) {
      continue;
    } else if (parameter.has_default) {
      bound.values[i] = parameter.default_value;
    } else {
      misfit(why, Misfit::Kind::Missing, &parameter, nullptr, 0, int(i));
      for (; i < parameters.size(); ++i) {
        if (by_parameter[i] || parameters[i].has_default) continue;
        ++why.position;
        why.missing +=
            (why.missing.empty() ? "\"" : ", \"") + std::string(parameters[i].name) + "\"";
      }
      return false;
    }
  }
  if (overload.place >= 0 && bound.values[overload.place].is_none()) {
    if (std::optional<Device> device = default_device()) bound.values[overload.place] = *device;
  }
  return true;
}

// -- Results -------------------------------------------------------------------------------------

PyObject* tuple_repr(PyObject* self) {
  std::string text = std::string(Py_TYPE(self)->tp_name) + "(\n";
  PyMemberDef* members = Py_TYPE(self)->tp_members;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    Object item = Object::steal(PyObject_Repr(PyTuple_GET_ITEM(self, i)));
    if (!item) return nullptr;
    if (i) text += ",\n";
    text += std::string(members[i].name) + "=" + PyUnicode_AsUTF8(item.get());
  }
  text += ")";
  return PyUnicode_FromString(text.c_str());
}

/// torch.return_types.max, made when first returned.
PyTypeObject* tuple_type(const Op& op) {
  static std::vector<std::pair<const Op*, PyTypeObject*>> made;
  for (auto [known, type] : made) {
    if (known == &op) return type;
  }
  const Schema& schema = op.info->schema;
  // The descriptions must outlive the type, which lives as long as the process.
  auto* fields = new std::vector<PyStructSequence_Field>();
  for (const Return& result : schema.returns) {
    fields->push_back({(new std::string(result.name))->c_str(), nullptr});
  }
  fields->push_back({nullptr, nullptr});
  auto* name = new std::string("torch.return_types." + std::string(schema.name));
  PyStructSequence_Desc description{name->c_str(), nullptr, fields->data(),
                                    int(schema.returns.size())};
  PyTypeObject* type = PyStructSequence_NewType(&description);
  if (!type) throw PythonError();
  type->tp_repr = tuple_repr;
  type->tp_str = tuple_repr;
  made.push_back({&op, type});
  return type;
}

PyObject* wrap_tuple(const Op& op, Results& results) {
  const Schema& schema = op.info->schema;
  bool named = !schema.returns[0].name.empty();
  Object tuple = checked(named ? PyStructSequence_New(tuple_type(op))
                               : PyTuple_New(Py_ssize_t(results.tensors.size())));
  for (size_t i = 0; i < results.tensors.size(); ++i) {
    PyObject* item = wrap(std::move(results.tensors[i]));
    if (!item) throw PythonError();
    if (named)
      PyStructSequence_SetItem(tuple.get(), Py_ssize_t(i), item);
    else
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), item);
  }
  return tuple.release();
}

PyObject* wrap_results(const Op& op, Results& results) {
  const Schema& schema = op.info->schema;
  if (schema.returns.empty()) return Py_NewRef(Py_None);
  if (schema.returns.size() > 1 || schema.returns[0].type == Type::Tensors) {
    return wrap_tuple(op, results);
  }
  switch (schema.returns[0].type) {
    case Type::Tensor: return wrap(std::move(results.tensors[0]));
    case Type::DType: return wrap(DType(results.scalar.integer()));
    default: return wrap(results.scalar);
  }
}

/// Work enough to let other Python threads run meanwhile.
bool is_long(const Op& op, const Bound& bound) {
  constexpr int64_t kElements = 1 << 16;
  for (uint16_t index : op.info->tensor_parameters) {
    const Value& value = bound.values[index];
    if (value.is_tensor() && value.tensor().numel() > kElements) return true;
  }
  return false;
}

PyObject* run(const Callable& callable, const Op& op, Bound& bound) {
  Results results;
  if (bound.out) prepare_out(op, bound.values, bound.out);
  {
    WithoutGil guard(is_long(op, bound));
    const Tensor* destination = callable.in_place ? &bound.values[0].tensor() : nullptr;
    rushlight::call(op, bound.values, results, destination);
  }
  if (bound.out) return store_out(op, results, bound.out);
  check(!bound.requires_grad || is_floating(results.tensors[0].dtype()),
        "Only Tensors of floating point and complex dtype can require gradients");
  if (bound.requires_grad) results.tensors[0].requires_grad_();
  return wrap_results(op, results);
}

// -- Explaining ----------------------------------------------------------------------------------

std::string default_text(const Parameter& parameter) {
  const Value& value = parameter.default_value;
  if (value.is_number()) return to_string(value.scalar());
  if (parameter.type == Type::Text && !value.is_none())
    return "'" + std::string(value.text()) + "'";
  return value.kind() == Value::Kind::Ints
             ? std::string(to_string(std::span<const int64_t>(value.ints())))
             : "None";
}

std::string signature(const Callable& callable, const Overload& overload) {
  std::string text = " * (";
  const auto& parameters = overload.op->info->schema.parameters;
  bool keyword_only = false;
  for (size_t i = callable.is_method ? 1 : 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (text.back() != '(') text += ", ";
    if (parameter.keyword_only && !keyword_only) text += "*, ";
    keyword_only = parameter.keyword_only;
    text += type_name(parameter) + " " + std::string(parameter.name);
    if (parameter.has_default) text += " = " + default_text(parameter);
  }
  return text + ")";
}

[[noreturn]] void explain(const Callable& callable, const Misfit& why, size_t count) {
  std::string name = callable.name + "()";
  switch (why.kind) {
    case Misfit::Kind::Missing:
      fail(ErrorKind::Type, name, " missing ", why.position, " required positional argument",
           why.position == 1 ? "s" : "", ": ", why.missing);  // PyTorch's plural is of one
    case Misfit::Kind::Unexpected:
      fail(ErrorKind::Type, name, " got an unexpected keyword argument '",
           PyUnicode_AsUTF8(why.given), "'");
    case Misfit::Kind::Duplicate:
      fail(ErrorKind::Type, name, " got multiple values for argument '", why.parameter->name, "'");
    case Misfit::Kind::TooMany: {
      int expected = why.position - callable.is_method;
      fail(ErrorKind::Type, name, " takes ", expected, " positional argument",
           expected == 1 ? "" : "s", " but ", count - callable.is_method,
           count - callable.is_method == 1 ? " was" : " were", " given");
    }
    default: break;
  }
  bool is_list = PyTuple_Check(why.given) || PyList_Check(why.given);
  if (why.parameter->type == Type::Tensors && is_list) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(why.given); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(why.given, i);
      check(is_tensor(item), ErrorKind::Type, "expected Tensor as element ", i, " in argument ",
            why.position < 0 ? 0 : why.position, ", but got ", Py_TYPE(item)->tp_name);
    }
  }
  std::string where =
      why.position < 0 ? ""
                       : " (position " + std::to_string(why.position + !callable.is_method) + ")";
  fail(ErrorKind::Type, name, ": argument '", why.parameter->name, "'", where, " must be ",
       type_name(*why.parameter), ", not ", Py_TYPE(why.given)->tp_name,
       why.parameter->type == Type::TensorOrScalar ? " (a Number will do as well)" : "");
}

[[noreturn]] void explain_all(const Callable& callable, PyObject* const* arguments, size_t count,
                              PyObject* names) {
  std::string got;
  size_t keywords = names ? size_t(PyTuple_GET_SIZE(names)) : 0;
  for (size_t i = callable.is_method; i < count; ++i) {
    if (!got.empty()) got += ", ";
    got += Py_TYPE(arguments[i])->tp_name;
  }
  bool only_keywords = got.empty();
  for (size_t i = 0; i < keywords; ++i) {
    if (!got.empty()) got += ", ";
    got += PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, Py_ssize_t(i)));
    got += std::string("=") + Py_TYPE(arguments[count + i])->tp_name;
  }
  if (keywords && only_keywords) got += ", ";  // so PyTorch writes it
  std::string text = callable.name + "() received an invalid combination of arguments - got (" +
                     got + "), but expected one of:";
  for (const Overload& overload : callable.overloads) text += "\n" + signature(callable, overload);
  fail(ErrorKind::Type, text);
}

/// `x.view(2, 3.0)`: the first that is no integer of several that should be.
void explain_varargs(const Callable& callable, PyObject* const* arguments, size_t count) {
  for (const Overload& overload : callable.overloads) {
    size_t first = size_t(overload.fixed_positional);
    if (!overload.takes_varargs || overload.op->info->varargs) continue;
    if (count < first + 2 || !is_integer(arguments[first])) continue;
    for (size_t i = first + 1; i < count; ++i) {
      check(is_integer(arguments[i]), ErrorKind::Type, callable.name, "(): argument '",
            overload.op->info->schema.parameters[first].name,
            "' failed to unpack the object at pos ", i - first + 1,
            " with error \"type must be tuple of ints,but got ", Py_TYPE(arguments[i])->tp_name,
            "\"");
    }
  }
}

// -- What else PyTorch accepts --------------------------------------------------------------------

/// `add(2, x)`: arithmetic takes a number in the place of its first tensor.
bool takes_number_first(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "add", "sub", "mul", "div", "multiply", "divide", "true_divide", "floor_divide", "subtract"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

/// Positions of the tensors and names of the numbers in signatures that PyTorch has deprecated.
struct OldForm {
  size_t count;             ///< of positional arguments
  int order[4];             ///< which of them come first, as they are; -1: none
  const char* keywords[2];  ///< what the others are
  int values[2];
};

/// `add(x, alpha, other)`, `addcmul(x, value, a, b)`, `x.addmm(beta, alpha, a, b)`; of functions
/// like addmm the number comes before the tensor: `addmm(beta, x, alpha, a, b)`.
const OldForm* old_form(const Callable& callable, size_t count) {
  static constexpr OldForm kAdd{3, {0, 2, -1, -1}, {"alpha", nullptr}, {1, -1}};
  static constexpr OldForm kAddc{4, {0, 2, 3, -1}, {"value", nullptr}, {1, -1}};
  static constexpr OldForm kMethod[] = {{4, {0, 2, 3, -1}, {"beta", nullptr}, {1, -1}},
                                        {5, {0, 3, 4, -1}, {"beta", "alpha"}, {1, 2}}};
  static constexpr OldForm kFunction[] = {{4, {1, 2, 3, -1}, {"beta", nullptr}, {0, -1}},
                                          {5, {1, 3, 4, -1}, {"beta", "alpha"}, {0, 2}}};
  std::string_view name = callable.name;
  if (name.ends_with('_')) name.remove_suffix(1);
  const OldForm* form = nullptr;
  if (name == "add" || name == "sub") form = &kAdd;
  if (name == "addcmul" || name == "addcdiv") form = &kAddc;
  if (name == "addmm" || name == "addmv" || name == "addr" || name == "addbmm" ||
      name == "baddbmm") {
    if (count < 4 || count > 5) return nullptr;
    form = &(callable.is_method ? kMethod : kFunction)[count - 4];
  }
  return form && form->count == count ? form : nullptr;
}

PyObject* call_old_form(const Callable& callable, PyObject* const* arguments, size_t count,
                        PyObject* names) {
  const OldForm* form = names ? nullptr : old_form(callable, count);
  if (!form) return nullptr;
  SmallVector<PyObject*, 6> reordered;
  for (int place : form->order) {
    if (place < 0) break;
    if (!is_tensor(arguments[place])) return nullptr;
    reordered.push_back(arguments[place]);
  }
  size_t tensors = reordered.size(), numbers = form->keywords[1] ? 2 : 1;
  Object keywords = checked(PyTuple_New(Py_ssize_t(numbers)));
  for (size_t i = 0; i < numbers; ++i) {
    Scalar ignored;
    if (!to_scalar(arguments[form->values[i]], ignored)) return nullptr;
    reordered.push_back(arguments[form->values[i]]);
    PyTuple_SET_ITEM(keywords.get(), Py_ssize_t(i), PyUnicode_InternFromString(form->keywords[i]));
  }
  static WarnOnce warn_once;
  warn_once("This overload of " + callable.name + " is deprecated: give " + form->keywords[0] +
            " by its name, after the tensors.");
  return call(callable, reordered.data(), tensors, keywords.get());
}

PyObject* call_with_number_first(const Callable& callable, PyObject* const* arguments, size_t count,
                                 PyObject* names) {
  Scalar number;
  if (count < 1 || callable.is_method || callable.in_place) return nullptr;
  if (!takes_number_first(callable.name) || !to_scalar(arguments[0], number)) return nullptr;
  Object tensor = checked(wrap(wrapped_number(number)));
  size_t keywords = names ? size_t(PyTuple_GET_SIZE(names)) : 0;
  SmallVector<PyObject*, 6> replaced;
  for (size_t i = 0; i < count + keywords; ++i) replaced.push_back(arguments[i]);
  replaced[0] = tensor.get();
  return call(callable, replaced.data(), count, names);
}

}  // namespace

PyObject* call(const Callable& callable, PyObject* const* arguments, size_t count,
               PyObject* keyword_names) {
  Misfit nearest;
  for (const Overload& overload : callable.overloads) {
    Bound bound;
    Misfit why;
    if (bind(overload, arguments, count, keyword_names, bound, why)) {
      return run(callable, *overload.op, bound);
    }
    if (nearest.kind == Misfit::Kind::None || why.progress > nearest.progress) nearest = why;
  }
  if (PyObject* result = call_with_number_first(callable, arguments, count, keyword_names))
    return result;
  if (PyObject* result = call_old_form(callable, arguments, count, keyword_names)) return result;
  explain_varargs(callable, arguments, count);
  // PyTorch parses these two by hand, one signature after the other.
  bool by_hand = callable.name == "eye" || callable.name == "randint";
  if (callable.overloads.size() > 1 && !by_hand)
    explain_all(callable, arguments, count, keyword_names);
  explain(callable, nearest, count);
}

}  // namespace rushlight::python
