#pragma once
// The parts of the Tensor class and its module that deal with Python data.

#include "python/python.h"

namespace rushlight::python {

// data.cpp: from Python.

/// A tensor of the numbers in `data` (nested sequences, NumPy arrays and scalars, tensors).
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);
/// Whether a tensor can be made of it that shares its bytes (the buffer protocol).
bool is_array(PyObject* object);
bool is_sequence(PyObject* object);
/// A tensor over the bytes of a NumPy array.
Tensor share_array(PyObject* array);
/// torch.frombuffer
PyObject* from_buffer(PyObject*, PyObject* args, PyObject* kwargs);

// tensor_methods.cpp: to Python.

/// Methods that are not operations: item, tolist, numpy, size, backward …
extern PyMethodDef tensor_methods[];
PyObject* to_python_float(PyObject* self);
/// Warns, once, that a Python number made of this element has no gradient.
void warn_if_history_is_lost(const Tensor& tensor);
PyObject* to_python_int(PyObject* self);
PyObject* to_python_index(PyObject* self);
int contains(PyObject* self, PyObject* element);
/// What NumPy gets of a tensor.
void add_export(PyObject* module);

// constructors.cpp.

/// `torch.Tensor(…)`: from sizes, a sequence, or another tensor.
PyObject* new_legacy_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs);

}  // namespace rushlight::python
