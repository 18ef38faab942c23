#include <new>

#include "python/python.h"

namespace rushlight::python {

PythonError::PythonError() { PyErr_Fetch(&type_, &value_, &traceback_); }

PythonError::PythonError(const PythonError& other) : std::exception(other) {
  WithGil gil;
  type_ = Py_XNewRef(other.type_);
  value_ = Py_XNewRef(other.value_);
  traceback_ = Py_XNewRef(other.traceback_);
}

PythonError::~PythonError() {
  if (!type_) return;
  WithGil gil;
  Py_XDECREF(type_);
  Py_XDECREF(value_);
  Py_XDECREF(traceback_);
}

void PythonError::restore() const {
  PyErr_Restore(Py_XNewRef(type_), Py_XNewRef(value_), Py_XNewRef(traceback_));
}

namespace {

PyObject* class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Runtime: return PyExc_RuntimeError;
    case ErrorKind::Value: return PyExc_ValueError;
    case ErrorKind::Type: return PyExc_TypeError;
    case ErrorKind::Index: return PyExc_IndexError;
    case ErrorKind::NotImplemented: return PyExc_NotImplementedError;
    case ErrorKind::Memory: return PyExc_RuntimeError;
    case ErrorKind::Attribute: return PyExc_AttributeError;
    case ErrorKind::Key: return PyExc_KeyError;
    case ErrorKind::Assertion: return PyExc_AssertionError;
    case ErrorKind::Buffer: return PyExc_BufferError;
  }
  return PyExc_RuntimeError;
}

}  // namespace

void set_python_error() {
  try {
    throw;
  } catch (const PythonError& error) {
    error.restore();
  } catch (const Error& error) {
    PyErr_SetString(class_of(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

void warn_in_python(std::string_view message) {
  WithGil gil;
  checked(PyErr_WarnEx(PyExc_UserWarning, std::string(message).c_str(), 1));
}

}  // namespace rushlight::python
