// What makes tensors of Python data: torch.tensor, as_tensor, from_numpy, Tensor(…).

#include <rushlight/operators.h>

#include "python/binder.h"
#include "python/tensor_methods.h"

namespace rushlight::python {

namespace {

/// Refuses keywords that are not among `names`, in PyTorch's words.
void check_keywords(const char* function, const char* const* names, PyObject* keywords) {
  if (!keywords) return;
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (PyDict_Next(keywords, &position, &key, &value)) {
    const char* const* name = names;
    while (*name && PyUnicode_CompareWithASCIIString(key, *name) != 0) ++name;
    check(*name != nullptr, ErrorKind::Type, function, "() got an unexpected keyword argument '",
          PyUnicode_AsUTF8(key), "'");
  }
}

/// The device that was asked for, or the default one if there is any.
std::optional<Device> to_place(const char* function, PyObject* object) {
  if (object == Py_None) return default_device();
  Device place;
  check(to_device(object, place), ErrorKind::Type, function,
        "(): argument 'device' must be torch.device, not ", Py_TYPE(object)->tp_name);
  return place;
}

/// Whether an object that is neither array nor list hands out its elements by DLPack.
bool speaks_dlpack(PyObject* data) {
  bool common = PyList_Check(data) || PyTuple_Check(data) || PyFloat_Check(data) ||
                PyLong_Check(data) || is_tensor(data) || is_array(data);
  return !common && PyObject_HasAttrString(data, "__dlpack__");
}

Tensor shared_by_dlpack(PyObject* data) {
  Object module = checked(PyImport_ImportModule("rushlight._C"));
  Object tensor = checked(PyObject_CallMethod(module.get(), "from_dlpack", "O", data));
  return tensor_of(tensor.get());
}

/// torch.tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)
PyObject* make(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data",          "dtype",      "device",
                                  "requires_grad", "pin_memory", nullptr};
    PyObject *data = nullptr, *dtype = Py_None, *device = Py_None;
    PyObject *gradient = Py_False, *pin_memory = Py_False;
    check_keywords("tensor", names, kwargs);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOOO:tensor", const_cast<char**>(names),
                                     &data, &dtype, &device, &gradient, &pin_memory)) {
      return nullptr;
    }
    bool requires_grad = to_flag(gradient, "tensor(): argument 'requires_grad'");
    check_not_pinned(to_flag(pin_memory, "tensor(): argument 'pin_memory'"));
    DType wanted;
    check(data != nullptr, ErrorKind::Type,
          "tensor() missing 1 required positional arguments: \"data\"");
    check(dtype == Py_None || to_dtype(dtype, wanted), ErrorKind::Type,
          "tensor(): argument 'dtype' must be torch.dtype, not ", Py_TYPE(dtype)->tp_name);
    Device place = to_place("tensor", device).value_or(kCpu);
    if (is_tensor(data)) {
      checked(PyErr_WarnEx(PyExc_UserWarning,
                           "To copy construct from a tensor, it is recommended to use "
                           "sourceTensor.detach().clone() or "
                           "sourceTensor.detach().clone().requires_grad_(True), rather than "
                           "torch.tensor(sourceTensor).",
                           1));
    }
    auto given = dtype == Py_None ? std::optional<DType>() : wanted;
    Tensor tensor =
        speaks_dlpack(data) ? shared_by_dlpack(data).clone() : tensor_from_data(data, given);
    if (given) tensor = tensor.to(*given);
    if (place.type == DeviceType::Meta) tensor = make_tensor(tensor.shape(), tensor.dtype(), place);
    check(!requires_grad || is_floating(tensor.dtype()),
          "Only Tensors of floating point and complex dtype can require gradients");
    if (requires_grad) tensor.requires_grad_();
    return wrap(std::move(tensor));
  });
}

/// Not one of NumPy's numbers, which have a dtype as well. An array exists only if NumPy was
/// imported.
bool is_numpy_array(PyObject* object) {
  PyObject* numpy = PyDict_GetItemString(PyImport_GetModuleDict(), "numpy");
  Object kind = Object::steal(numpy ? PyObject_GetAttrString(numpy, "ndarray") : nullptr);
  int is_instance = kind ? PyObject_IsInstance(object, kind.get()) : 0;
  if (!kind || is_instance < 0) PyErr_Clear();
  return is_instance == 1;
}

/// torch.as_tensor: shares where it can.
PyObject* as_tensor(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data", "dtype", "device", nullptr};
    PyObject *data, *dtype = Py_None, *device = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:as_tensor", const_cast<char**>(names),
                                     &data, &dtype, &device)) {
      return nullptr;
    }
    DType wanted;
    check(dtype == Py_None || to_dtype(dtype, wanted), ErrorKind::Type,
          "as_tensor(): argument 'dtype' must be torch.dtype, not ", Py_TYPE(dtype)->tp_name);
    Tensor tensor =
        is_tensor(data)        ? tensor_of(data)
        : is_numpy_array(data) ? share_array(data)
        : speaks_dlpack(data)
            ? shared_by_dlpack(data)
            : tensor_from_data(data, dtype == Py_None ? std::optional<DType>() : wanted);
    if (dtype != Py_None) tensor = tensor.to(wanted);
    if (auto place = to_place("as_tensor", device); place && *place != tensor.device())
      tensor = tensor.to(*place);
    return wrap(std::move(tensor));
  });
}

PyObject* from_numpy(PyObject*, PyObject* array) {
  return guarded([&] {
    check(is_numpy_array(array), ErrorKind::Type, "expected np.ndarray (got ",
          Py_TYPE(array)->tp_name, ")");
    return wrap(share_array(array));
  });
}

/// _storage_bytes(tensor): all bytes of a tensor's storage, as a tensor over the same.
PyObject* storage_bytes(PyObject*, PyObject* object) {
  return guarded([&]() -> PyObject* {
    check(is_tensor(object), ErrorKind::Type, "_storage_bytes(): argument must be Tensor");
    const TensorImpl* impl = tensor_of(object).impl();
    const int64_t shape[] = {int64_t(impl->storage->bytes())}, strides[] = {1};
    return wrap(make_tensor(impl->storage, DType::UInt8, shape, strides, 0));
  });
}

PyMethodDef functions[] = {
    {"_storage_bytes", storage_bytes, METH_O, nullptr},
    {"tensor", (PyCFunction)(void*)make, METH_VARARGS | METH_KEYWORDS,
     "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)\n--\n\n"
     "A new tensor of the numbers in `data`: nested sequences, arrays, tensors or a number."},
    {"as_tensor", (PyCFunction)(void*)as_tensor, METH_VARARGS | METH_KEYWORDS,
     "as_tensor(data, dtype=None, device=None)\n--\n\nA tensor of `data`, without a copy if "
     "possible."},
    {"from_numpy", from_numpy, METH_O,
     "from_numpy(array, /)\n--\n\nA tensor over the bytes of a NumPy array: changes show in both."},
    {"frombuffer", (PyCFunction)(void*)from_buffer, METH_VARARGS | METH_KEYWORDS,
     "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)\n--\n\n"
     "A one-dim tensor over the bytes of any buffer."},
    {}};

}  // namespace

PyObject* new_legacy_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  PyObject* data = count == 1 ? PyTuple_GET_ITEM(args, 0) : nullptr;
  if (!data && kwargs) data = PyDict_GetItemString(kwargs, "data");
  if (PyObject* device = kwargs ? PyDict_GetItemString(kwargs, "device") : nullptr) {
    Object text = checked(PyObject_Str(device));
    std::string_view kind = PyUnicode_AsUTF8(text.get());
    kind = kind.substr(0, kind.find(':'));
    check(device == Py_None || kind == "cpu",
          "legacy constructor expects device type: cpu but device type: ", kind, " was passed");
  }
  int64_t number;
  Tensor tensor;
  if (data && is_tensor(data)) {
    tensor = tensor_of(data).detach();
  } else if (data && PyObject_TypeCheck(data, &PyTuple_Type) && Py_TYPE(data) != &PyTuple_Type &&
             std::strcmp(Py_TYPE(data)->tp_name, "rushlight.Size") == 0) {
    Dims shape;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(data); ++i) {
      to_integer(PyTuple_GET_ITEM(data, i), number);
      shape.push_back(number);
    }
    tensor = make_tensor(shape, default_dtype());
  } else if (data && !to_integer(data, number)) {
    check(is_sequence(data) || is_array(data), ErrorKind::Type,
          "new(): data must be a sequence (got ", Py_TYPE(data)->tp_name, ")");
    tensor = tensor_from_data(data, default_dtype());
  } else {
    Dims shape;
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* size = PyTuple_GET_ITEM(args, i);
      check(to_integer(size, number), ErrorKind::Type, "new(): sizes must be int, not ",
            Py_TYPE(size)->tp_name);
      shape.push_back(number);
    }
    if (count == 0) shape.push_back(0);
    tensor = make_tensor(shape, default_dtype());
  }
  return wrap_as(type, std::move(tensor));
}

namespace {

/// Tensor._make_subclass(cls, data, require_grad=False): the same bytes as an object of a subclass.
PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"cls", "data", "require_grad", nullptr};
    PyObject *type, *data, *gradient = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:_make_subclass", const_cast<char**>(names),
                                     &type, &data, &gradient)) {
      return nullptr;
    }
    bool requires_grad =
        to_flag(gradient, "_make_subclass(): argument 'require_grad' (position 3)");
    check(PyType_Check(type) && PyType_IsSubtype((PyTypeObject*)type, tensor_type), ErrorKind::Type,
          "cls must be a subclass of Tensor");
    check(is_tensor(data), ErrorKind::Type,
          "_make_subclass(): argument 'data' must be Tensor, not ", Py_TYPE(data)->tp_name);
    Tensor tensor = tensor_of(data).detach();
    check(!requires_grad || is_floating(tensor.dtype()),
          "Only Tensors of floating point and complex dtype can require gradients");
    if (requires_grad) tensor.requires_grad_();
    return wrap_as((PyTypeObject*)type, std::move(tensor));
  });
}

PyMethodDef make_subclass_method = {"_make_subclass", (PyCFunction)(void*)make_subclass,
                                    METH_VARARGS | METH_KEYWORDS | METH_STATIC, nullptr};

}  // namespace

void add_data(PyObject* module) {
  add_export(module);
  add_functions(module, functions);
  Object make = checked(PyCFunction_New(&make_subclass_method, nullptr));
  Object method = checked(PyStaticMethod_New(make.get()));
  checked(PyObject_SetAttrString((PyObject*)tensor_type, "_make_subclass", method.get()));
}

}  // namespace rushlight::python