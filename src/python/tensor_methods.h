#pragma once
// The parts of the Tensor class that data.cpp implements.

#include "python/python.h"

namespace rushlight::python {

/// Methods that are not operations: item, tolist, numpy, size, backward …
extern PyMethodDef tensor_methods[];

/// `torch.Tensor(…)`: from sizes, a sequence, or another tensor.
PyObject* new_legacy_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs);

PyObject* to_python_float(PyObject* self);
PyObject* to_python_int(PyObject* self);
PyObject* to_python_index(PyObject* self);
int contains(PyObject* self, PyObject* element);

/// A tensor of the numbers in `data` (nested sequences, NumPy arrays and scalars, tensors).
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);
/// Whether data.cpp can make a tensor of it that shares its bytes (the buffer protocol).
bool is_array(PyObject* object);

}  // namespace rushlight::python
