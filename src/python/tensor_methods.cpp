// Methods of tensors that give Python data: numbers, lists, arrays; and those that ask.

#include <cstring>

#include <rushlight/operators.h>

#include "python/binder.h"
#include "python/tensor_methods.h"

namespace rushlight::python {

namespace {

/// What NumPy sees of a tensor: a buffer that keeps it alive.
struct ExportObject {
  PyObject_HEAD Tensor tensor;
  Py_ssize_t* layout;  // shape, then strides in bytes
};

PyTypeObject* g_export_type;

int export_buffer(PyObject* self, Py_buffer* view, int) {
  auto* object = reinterpret_cast<ExportObject*>(self);
  const Tensor& tensor = object->tensor;
  static char formats[kDTypes][2];
  char* format = formats[int(tensor.dtype())];
  format[0] = info(tensor.dtype()).numpy_kind;
  view->obj = Py_NewRef(self);
  view->buf = tensor.data();
  view->itemsize = size_of(tensor.dtype());
  view->len = tensor.numel() * view->itemsize;
  view->readonly = 0;
  view->ndim = int(tensor.dim());
  view->format = format;
  view->shape = object->layout;
  view->strides = object->layout + tensor.dim();
  view->suboffsets = nullptr;
  view->internal = nullptr;
  return 0;
}

void export_dealloc(PyObject* self) {
  auto* object = reinterpret_cast<ExportObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  delete[] object->layout;
  object->tensor.~Tensor();
  type->tp_free(self);
  Py_DECREF(type);
}

PyType_Slot export_slots[] = {
    {Py_tp_dealloc, (void*)export_dealloc}, {Py_bf_getbuffer, (void*)export_buffer}, {0, nullptr}};
PyType_Spec export_spec = {"rushlight._C._Export", sizeof(ExportObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, export_slots};

PyObject* to_numpy(const Tensor& tensor, bool force) {
  check(force || !tensor.requires_grad() || !autograd::grad_enabled(),
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  check(info(tensor.dtype()).numpy_kind != 0, ErrorKind::Type, "Got unsupported ScalarType ",
        info(tensor.dtype()).spoken);
  check(tensor.impl()->device == DeviceType::Cpu, ErrorKind::Type, "can't convert ",
        to_string(tensor.device()),
        " device type tensor to numpy. Use Tensor.cpu() to copy the tensor "
        "to host memory first.");
  Object numpy = checked(PyImport_ImportModule("numpy"));
  Object keep = checked(g_export_type->tp_alloc(g_export_type, 0));
  auto* object = reinterpret_cast<ExportObject*>(keep.get());
  new (&object->tensor) Tensor(tensor);
  size_t ndim = size_t(tensor.dim());
  object->layout = new Py_ssize_t[2 * ndim + 1];
  for (size_t i = 0; i < ndim; ++i) {
    object->layout[i] = tensor.shape()[i];
    object->layout[ndim + i] = tensor.strides()[i] * size_of(tensor.dtype());
  }
  tensor.impl()->storage->lend();
  return PyObject_CallMethod(numpy.get(), "asarray", "O", keep.get());
}

PyObject* element(const Tensor& tensor, const char* data) {
  return dispatch(tensor.dtype(), [&]<class T>(CppType<T>) {
    T value;
    std::memcpy(&value, data, sizeof value);
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      return wrap(Scalar(double(float(value))));
    } else {
      return wrap(Scalar(value));
    }
  });
}

PyObject* nested_list(const Tensor& tensor, const char* data, size_t level) {
  if (level == size_t(tensor.dim())) return element(tensor, data);
  int64_t size = tensor.shape()[level];
  int64_t step = tensor.strides()[level] * size_of(tensor.dtype());
  Object list = checked(PyList_New(Py_ssize_t(size)));
  for (int64_t i = 0; i < size; ++i) {
    PyObject* item = nested_list(tensor, data + i * step, level + 1);
    if (!item) throw PythonError();
    PyList_SET_ITEM(list.get(), Py_ssize_t(i), item);
  }
  return list.release();
}

void check_readable(const Tensor& tensor) {
  check(tensor.impl()->device == DeviceType::Cpu, "Tensor.item() cannot be called on meta tensors");
}

Scalar only_element(PyObject* self) {
  const Tensor& tensor = tensor_of(self);
  check_readable(tensor);
  check(tensor.numel() == 1, ErrorKind::Value,
        "only one element tensors can be converted to Python scalars");
  return tensor.item_scalar();
}

PyObject* item(PyObject* self, PyObject*) {
  return guarded([&] {
    check_readable(tensor_of(self));
    return wrap(tensor_of(self).item_scalar());
  });
}

PyObject* tolist(PyObject* self, PyObject*) {
  return guarded([&] {
    const Tensor& tensor = tensor_of(self);
    if (tensor.dim() == 0) check_readable(tensor);
    check(tensor.impl()->device == DeviceType::Cpu, ErrorKind::NotImplemented,
          "Cannot copy out of meta tensor; no data!");
    return nested_list(tensor, static_cast<const char*>(tensor.data()), 0);
  });
}

PyObject* numpy(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"force", nullptr};
    int force = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$p:numpy", const_cast<char**>(names),
                                     &force)) {
      return nullptr;
    }
    return to_numpy(tensor_of(self), force != 0);
  });
}

/// NumPy's protocol: `np.array(tensor)`, with the dtype asked for.
PyObject* array(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"dtype", "copy", nullptr};
    PyObject *dtype = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:__array__", const_cast<char**>(names),
                                     &dtype, &copy)) {
      return nullptr;
    }
    Object result = checked(to_numpy(tensor_of(self), false));
    if (dtype != Py_None) {
      Object astype = checked(PyObject_GetAttrString(result.get(), "astype"));
      Object options =
          checked(Py_BuildValue("{s:O}", "copy", copy == Py_True ? Py_True : Py_False));
      Object arguments = checked(PyTuple_Pack(1, dtype));
      return PyObject_Call(astype.get(), arguments.get(), options.get());
    }
    if (copy == Py_True) return PyObject_CallMethod(result.get(), "copy", nullptr);
    return result.release();
  });
}

PyObject* size(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return guarded([&]() -> PyObject* {
    Py_ssize_t given = count + (names ? PyTuple_GET_SIZE(names) : 0);
    if (given == 0 || args[0] == Py_None) return wrap_size(tensor_of(self).shape());
    int64_t dim;
    check(given == 1 && to_integer(args[0], dim), ErrorKind::Type,
          "size(): argument 'dim' must be int, not ", Py_TYPE(args[0])->tp_name);
    return PyLong_FromLongLong(tensor_of(self).size(dim));
  });
}

PyObject* stride(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return guarded([&]() -> PyObject* {
    Ints strides = tensor_of(self).strides();
    Py_ssize_t given = count + (names ? PyTuple_GET_SIZE(names) : 0);
    if (given == 0 || (given == 1 && args[0] == Py_None)) {
      Object tuple = checked(PyTuple_New(Py_ssize_t(strides.size())));
      for (size_t i = 0; i < strides.size(); ++i) {
        PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), PyLong_FromLongLong(strides[i]));
      }
      return tuple.release();
    }
    int64_t dim;
    check(to_integer(args[0], dim), ErrorKind::Type, "stride(): argument 'dim' must be int, not ",
          Py_TYPE(args[0])->tp_name);
    return PyLong_FromLongLong(tensor_of(self).stride(dim));
  });
}

template <auto get>
PyObject* property(PyObject* self, PyObject*) {
  return guarded([&] { return get(tensor_of(self)); });
}

PyObject* data_ptr(const Tensor& tensor) {
  return PyLong_FromVoidPtr(tensor.numel() ? tensor.data() : nullptr);
}

/// Whether the elements lie in the order of NHWC, without gaps.
bool is_channels_last(const Tensor& tensor) {
  if (tensor.dim() != 4) return false;
  int64_t expected = 1;
  for (int64_t dim : {1, 3, 2, 0}) {
    if (tensor.size(dim) == 1) continue;
    if (tensor.stride(dim) != expected) return false;
    expected *= tensor.size(dim);
  }
  return true;
}

PyObject* is_contiguous(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"memory_format", nullptr};
    PyObject* given = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:is_contiguous", const_cast<char**>(names),
                                     &given)) {
      return nullptr;
    }
    MemoryFormat format = MemoryFormat::Contiguous;
    check(!given || to_memory_format(given, format), ErrorKind::Type,
          "is_contiguous(): argument 'memory_format' must be torch.memory_format, not ",
          given ? Py_TYPE(given)->tp_name : "");
    const Tensor& tensor = tensor_of(self);
    bool is =
        format == MemoryFormat::ChannelsLast ? is_channels_last(tensor) : tensor.is_contiguous();
    return PyBool_FromLong(is);
  });
}

PyObject* set_requires_grad(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"requires_grad", nullptr};
    PyObject* value = Py_True;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:requires_grad_", const_cast<char**>(names),
                                     &value)) {
      return nullptr;
    }
    tensor_of(self).requires_grad_(
        to_flag(value, "requires_grad_(): argument 'requires_grad' (position 1)"));
    return Py_NewRef(self);
  });
}

PyObject* share_memory(PyObject* self, PyObject*) { return Py_NewRef(self); }

}  // namespace

PyMethodDef tensor_methods[] = {
    {"item", item, METH_NOARGS, "The only element, as a Python number."},
    {"tolist", tolist, METH_NOARGS, "The elements as nested lists; a number if zero-dim."},
    {"numpy", (PyCFunction)(void*)numpy, METH_VARARGS | METH_KEYWORDS,
     "A NumPy array over the same bytes. RuntimeError if the tensor requires grad."},
    {"__array__", (PyCFunction)(void*)array, METH_VARARGS | METH_KEYWORDS, nullptr},
    {"size", (PyCFunction)(void*)size, METH_FASTCALL | METH_KEYWORDS,
     "Sizes of all dims, or of one."},
    {"stride", (PyCFunction)(void*)stride, METH_FASTCALL | METH_KEYWORDS,
     "Strides of all dims, or of one, in elements."},
    {"dim", property<[](const Tensor& t) { return PyLong_FromLongLong(t.dim()); }>, METH_NOARGS,
     "Number of dims."},
    {"ndimension", property<[](const Tensor& t) { return PyLong_FromLongLong(t.dim()); }>,
     METH_NOARGS, "Number of dims."},
    {"numel", property<[](const Tensor& t) { return PyLong_FromLongLong(t.numel()); }>, METH_NOARGS,
     "Number of elements."},
    {"nelement", property<[](const Tensor& t) { return PyLong_FromLongLong(t.numel()); }>,
     METH_NOARGS, "Number of elements."},
    {"element_size",
     property<[](const Tensor& t) { return PyLong_FromLongLong(size_of(t.dtype())); }>, METH_NOARGS,
     "Bytes per element."},
    {"storage_offset",
     property<[](const Tensor& t) { return PyLong_FromLongLong(t.storage_offset()); }>, METH_NOARGS,
     "Position of the first element in the storage, in elements."},
    {"data_ptr", property<data_ptr>, METH_NOARGS, "Address of the first element."},
    {"is_contiguous", (PyCFunction)(void*)is_contiguous, METH_VARARGS | METH_KEYWORDS,
     "Whether elements lie in row-major order without gaps."},
    {"is_floating_point",
     property<[](const Tensor& t) { return PyBool_FromLong(is_floating(t.dtype())); }>, METH_NOARGS,
     "Whether elements are floating-point numbers."},
    {"is_complex", property<[](const Tensor&) { return Py_NewRef(Py_False); }>, METH_NOARGS,
     "Whether elements are complex numbers: never."},
    {"is_signed",
     property<[](const Tensor& t) { return PyBool_FromLong(info(t.dtype()).is_signed); }>,
     METH_NOARGS, "Whether elements can be negative."},
    {"is_inference", property<[](const Tensor& t) { return PyBool_FromLong(t.impl()->inference); }>,
     METH_NOARGS, "Whether this was made under inference_mode."},
    {"_is_view", property<[](const Tensor& t) { return PyBool_FromLong(t.impl()->is_view); }>,
     METH_NOARGS, "Whether this shares bytes with another tensor that autograd knows of."},
    {"requires_grad_", (PyCFunction)(void*)set_requires_grad, METH_VARARGS | METH_KEYWORDS,
     "Sets whether operations on this leaf are recorded; returns it."},
    {"share_memory_", share_memory, METH_NOARGS, "Nothing to do: there are no worker processes."},
    {}};

PyObject* to_python_float(PyObject* self) {
  return guarded([&] {
    Scalar number = only_element(self);
    warn_if_history_is_lost(tensor_of(self));
    return PyFloat_FromDouble(number.real());
  });
}

void warn_if_history_is_lost(const Tensor& tensor) {
  if (!tensor.requires_grad() || !autograd::grad_enabled()) return;
  static WarnOnce warn_once;
  warn_once(
      "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
      "Consider using tensor.detach() first.");
}

PyObject* to_python_int(PyObject* self) {
  return guarded([&]() -> PyObject* {
    Scalar scalar = only_element(self);
    return scalar.is_float() ? PyLong_FromDouble(scalar.real())
                             : PyLong_FromLongLong(scalar.integer());
  });
}

PyObject* to_python_index(PyObject* self) {
  return guarded([&] {
    const Tensor& tensor = tensor_of(self);
    check(tensor.numel() == 1 && !is_floating(tensor.dtype()), ErrorKind::Type,
          "only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(tensor.item<int64_t>());
  });
}

int contains(PyObject* self, PyObject* element) {
  return guarded(
      [&] {
        Scalar scalar;
        bool number = to_scalar(element, scalar);
        check(number || is_tensor(element),
              "Tensor.__contains__ only supports Tensor or scalar, but you passed in a ",
              PyUnicode_AsUTF8(checked(PyObject_Repr((PyObject*)Py_TYPE(element))).get()), ".");
        const Tensor& tensor = tensor_of(self);
        Tensor equal = number ? tensor.eq(scalar) : tensor.eq(tensor_of(element));
        return int(equal.sum().item<int64_t>() != 0);
      },
      -1);
}

void add_export(PyObject* module) { g_export_type = add_class(module, export_spec); }

}  // namespace rushlight::python
