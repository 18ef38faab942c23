#pragma once
// `x[…]` and `x[…] = value`.

#include "python/python.h"

namespace rushlight::python {

PyObject* get_item(PyObject* self, PyObject* index);
int set_item(PyObject* self, PyObject* index, PyObject* value);

}  // namespace rushlight::python
