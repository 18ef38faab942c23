#pragma once
// Schemas to callables: how Python arguments become the values of a call.

#include <string>
#include <vector>

#include "ops/op.h"
#include "python/python.h"

namespace rushlight::python {

/// What a call has room for: parameters, and lists among them.
constexpr size_t kMaxParameters = 20, kMaxLists = 4;

/// One overload, with its parameter names as interned Python strings.
struct Overload {
  const Op* op;
  std::vector<PyObject*> names;
  bool is_factory = false;     ///< takes requires_grad=, pin_memory= and layout= as well
  int place = -1;              ///< the parameter `device` of one that makes tensors from no tensor
  bool takes_out = false;      ///< accepts out=
  bool takes_varargs = false;  ///< `x.view(2, 3)` for `x.view((2, 3))`
  int fixed_positional = 0;    ///< positional parameters that come before those varargs
};

/// What a Python name calls: the overloads in the order in which they are tried.
struct Callable {
  std::string name;
  std::vector<Overload> overloads;
  bool in_place = false;
  bool is_method = false;
};

/// Calls with Python's vectorcall arguments. Throws; the result is a new reference.
PyObject* call(const Callable& callable, PyObject* const* arguments, size_t count,
               PyObject* keyword_names);

/// The callable of an operation, for the faces that don't go through its name; null if there is
/// none.
const Callable* find_method(std::string_view name);
const Callable* find_function(std::string_view name);

/// A function object for `callable`, which must outlive it.
PyObject* make_function(const Callable& callable);

}  // namespace rushlight::python
