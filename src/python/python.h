#pragma once
// What the files of the Python face share: wrapping, unwrapping, and errors that cross the border.

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <rushlight/autograd.h>
#include <rushlight/tensor.h>

#include <exception>
#include <optional>
#include <string>

namespace rushlight::python {

/// Owning reference to a Python object. The GIL must be held whenever one is copied or destroyed.
class Object {
 public:
  Object() = default;
  static Object steal(PyObject* object) {
    Object owned;
    owned.object_ = object;
    return owned;
  }
  static Object borrow(PyObject* object) { return steal(Py_XNewRef(object)); }
  Object(const Object& other) : object_(Py_XNewRef(other.object_)) {}
  Object(Object&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Object& operator=(Object other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Object() { Py_XDECREF(object_); }
  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

/// A Python exception on its way through C++ frames; its text is kept for C++ catchers.
class PythonError : public std::exception {
 public:
  /// Takes over the exception that is set.
  PythonError();
  PythonError(const PythonError& other);
  ~PythonError() override;
  /// Sets it again, for Python to see.
  void restore() const;
  const char* what() const noexcept override { return "an exception raised in Python"; }

 private:
  mutable PyObject *type_ = nullptr, *value_ = nullptr, *traceback_ = nullptr;
};

/// Sets the Python exception that corresponds to the C++ exception being handled.
void set_python_error();

/// The handler of rushlight::warn: a UserWarning, which throws where warnings are errors.
void warn_in_python(std::string_view message);

/// Runs `function`, which returns PyObject* (or int); on an exception sets it and returns
/// `failure`.
template <class Function, class Result = std::invoke_result_t<Function>>
Result guarded(Function&& function, Result failure = Result()) noexcept {
  try {
    return function();
  } catch (...) {
    set_python_error();
    return failure;
  }
}

/// The object, or throws the exception that is set.
inline Object checked(PyObject* object) {
  if (!object) throw PythonError();
  return Object::steal(object);
}
inline void checked(int status) {
  if (status < 0) throw PythonError();
}

/// While this thread runs without the GIL: where it let go of it.
extern thread_local CallSite without_gil_site;

class WithGil {
 public:
  WithGil() : state_(PyGILState_Ensure()), site_(std::exchange(without_gil_site, {})) {}
  ~WithGil() {
    without_gil_site = site_;
    PyGILState_Release(state_);
  }
  WithGil(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
  CallSite site_;
};

/// Lets other Python threads run until the end of the scope, if `release`.
class WithoutGil {
 public:
  explicit WithoutGil(bool release = true) {
    if (!release) return;
    without_gil_site = autograd::current_call_site();
    state_ = PyEval_SaveThread();
  }
  ~WithoutGil() {
    if (!state_) return;
    PyEval_RestoreThread(state_);
    without_gil_site = {};
  }
  WithoutGil(const WithoutGil&) = delete;

 private:
  PyThreadState* state_ = nullptr;
};

// -- Tensors (tensor_type.cpp) -------------------------------------------------------------------

struct TensorObject {
  PyObject_HEAD Tensor tensor;
  PyObject* dict;
  PyObject* weak_references;
};

extern PyTypeObject* tensor_type;

inline bool is_tensor(PyObject* object) {
  return Py_TYPE(object) == tensor_type || PyType_IsSubtype(Py_TYPE(object), tensor_type);
}
inline const Tensor& tensor_of(PyObject* object) {
  return reinterpret_cast<TensorObject*>(object)->tensor;
}
/// The tensor's one Python object, made now if there is none; None if undefined. New reference.
PyObject* wrap(Tensor tensor);
/// The same, as an object of a subclass of Tensor; the tensor must not have an object yet.
PyObject* wrap_as(PyTypeObject* type, Tensor tensor);

// -- Small values (values.cpp) -------------------------------------------------------------------

PyObject* wrap(DType dtype);
PyObject* wrap(Device device);
PyObject* wrap(const Scalar& scalar);
/// rushlight.Size, a tuple.
PyObject* wrap_size(std::span<const int64_t> shape);

bool is_dtype(PyObject* object);
/// The dtype, of a dtype object or of the Python types float, int, bool; false if it is neither.
bool to_dtype(PyObject* object, DType& dtype);
/// The device, of a device object or its text; false if it is neither. Throws for unknown devices.
bool to_device(PyObject* object, Device& device);
/// Where this thread's factories make tensors if not told: of the innermost `with torch.device(…)`,
/// else what set_default_device said; nothing if neither speaks.
std::optional<Device> default_device();
bool to_memory_format(PyObject* object, MemoryFormat& format);
bool to_layout(PyObject* object, Layout& layout);
/// Whether `object` is True; TypeError if it is no bool, in which `what` names the argument.
bool to_flag(PyObject* object, std::string_view what);
/// RuntimeError if `pin_memory`: nobody else needs to find the memory.
void check_not_pinned(bool pin_memory);
/// The number, of Python's and NumPy's numbers; false if it is none (a string, a list, a tensor).
/// Throws for complex numbers and integers beyond 64 bits.
bool to_scalar(PyObject* object, Scalar& scalar);
/// An integer, of whatever has __index__ (not bool unless `accept_bool`); false if it is none.
bool to_integer(PyObject* object, int64_t& value);
/// The generator, of a Generator object; null if it is none.
Generator* to_generator(PyObject* object);

// -- Graph nodes (node_type.cpp) -----------------------------------------------------------------

PyObject* wrap(const Ref<autograd::Node>& node);

// -- Parts of the module -------------------------------------------------------------------------

/// Each adds its names to the module `rushlight._C`.
void add_values(PyObject* module);
void add_tensor(PyObject* module);
void add_operations(PyObject* module);
void add_nodes(PyObject* module);
void add_data(PyObject* module);
void add_dlpack(PyObject* module);
void add_autograd(PyObject* module);
void add_print(PyObject* module);
void add_random(PyObject* module);
void add_nn(PyObject* module);
void add_optim(PyObject* module);

/// Adds plain C functions to a module.
void add_functions(PyObject* module, PyMethodDef* functions);
/// A class of the module, made from a spec and added under its last name.
PyTypeObject* add_class(PyObject* module, PyType_Spec& spec, PyObject* bases = nullptr);

}  // namespace rushlight::python
