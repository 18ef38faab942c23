// Python's index objects to the library's (rushlight/indexing.h), which does the indexing.

#include "python/indexing.h"

#include <rushlight/indexing.h>

#include "python/tensor_methods.h"

namespace rushlight::python {

namespace {

using Entries = SmallVector<Index, 4>;

std::optional<int64_t> bound_of(PyObject* object) {
  if (object == Py_None) return {};
  int64_t value;
  if (PyLong_Check(object)) {
    // Like Python's own slices, bounds beyond 64 bits mean the end.
    int overflow;
    value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return overflow ? (overflow > 0 ? INT64_MAX : INT64_MIN) : value;
  }
  check(to_integer(object, value), ErrorKind::Type,
        "slice indices must be integers or None or have an __index__ method");
  return value;
}

[[noreturn]] void refuse(PyObject* object) {
  check(!PyUnicode_Check(object), ErrorKind::Type, "new(): invalid data type 'str' as an index");
  fail(ErrorKind::Index,
       "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
       "indices (got ",
       Py_TYPE(object)->tp_name, ")");
}

Index entry_of(PyObject* object) {
  if (PyLong_CheckExact(object)) {
    int64_t value;
    to_integer(object, value);
    return Index(value);
  }
  if (PySlice_Check(object)) {
    auto* slice = reinterpret_cast<PySliceObject*>(object);
    return Index(Slice{bound_of(slice->start), bound_of(slice->stop), bound_of(slice->step)});
  }
  if (object == Py_Ellipsis) return Index(Ellipsis);
  if (object == Py_None) return Index(NewDim);
  if (PyBool_Check(object)) return Index(object == Py_True);
  if (is_tensor(object)) {
    const Tensor& tensor = tensor_of(object);
    bool integer =
        tensor.dim() == 0 && is_integral(tensor.dtype()) && tensor.dtype() != DType::UInt8;
    return integer && !tensor.requires_grad() ? Index(tensor.item<int64_t>()) : Index(tensor);
  }
  int64_t value;
  if (PyIndex_Check(object) && to_integer(object, value)) return Index(value);
  if (is_array(object)) return Index(tensor_from_data(object, {}));
  if (PySequence_Check(object) && !PyUnicode_Check(object)) {
    bool empty = PySequence_Size(object) == 0;
    Tensor indices = tensor_from_data(object, empty ? std::optional(DType::Int64) : std::nullopt);
    return Index(std::move(indices));
  }
  refuse(object);
}

/// A list that stands for a tuple of indices, by NumPy's old rule: `x[[slice(0, 2), 1]]`,
/// `x[[[0, 1], [1, 0]]]`.
bool is_list_of_indices(PyObject* object) {
  if (!PyList_CheckExact(object) || PyList_GET_SIZE(object) >= 32) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(object); ++i) {
    PyObject* item = PyList_GET_ITEM(object, i);
    if (PySlice_Check(item) || item == Py_Ellipsis || item == Py_None || is_tensor(item) ||
        PySequence_Check(item)) {
      warn(
          "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
          "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will "
          "be interpreted as tensor index, x[torch.tensor(seq)], which will result either in an "
          "error or a different result");
      return true;
    }
  }
  return false;
}

void read_entries(PyObject* index, Entries& entries) {
  if (!PyTuple_Check(index) && !is_list_of_indices(index)) {
    entries.push_back(entry_of(index));
    return;
  }
  Object fast = checked(PySequence_Fast(index, "an index must be a sequence"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    entries.push_back(entry_of(PySequence_Fast_GET_ITEM(fast.get(), i)));
  }
}

/// What PyTorch refuses altogether is taken where it fits.
void assign_sequence(const Tensor& tensor, const Entries& entries, PyObject* value) {
  try {
    index_put_(tensor, entries, tensor_from_data(value, {}));
  } catch (const Error& error) {
    fail(ErrorKind::Type, "can't assign a ", Py_TYPE(value)->tp_name, " to a torch.",
         info(tensor.dtype()).legacy, "Tensor: ", error.what());
  }
}

}  // namespace

PyObject* get_item(PyObject* self, PyObject* index) {
  return guarded([&] {
    Entries entries;
    read_entries(index, entries);
    return wrap(rushlight::index(tensor_of(self), entries));
  });
}

int set_item(PyObject* self, PyObject* index, PyObject* value) {
  return guarded(
      [&] {
        check(value != nullptr, ErrorKind::Type, "Tensor does not support deleting items");
        Entries entries;
        read_entries(index, entries);
        Scalar scalar;
        if (is_tensor(value)) {
          index_put_(tensor_of(self), entries, tensor_of(value));
        } else if (to_scalar(value, scalar)) {
          index_put_(tensor_of(self), entries, scalar);
        } else {
          check(is_array(value) || PyList_Check(value) || PyTuple_Check(value), ErrorKind::Type,
                "can't assign a ", Py_TYPE(value)->tp_name, " to a torch.",
                info(tensor_of(self).dtype()).legacy, "Tensor");
          assign_sequence(tensor_of(self), entries, value);
        }
        return 0;
      },
      -1);
}

}  // namespace rushlight::python
