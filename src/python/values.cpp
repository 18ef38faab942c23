// dtype, device, Size and the conversions of small values.

#include "core/absent_devices.h"
#include "python/python.h"

#include <charconv>

namespace rushlight::python {

namespace {

struct DTypeObject {
  PyObject_HEAD DType dtype;
};
struct DeviceObject {
  PyObject_HEAD Device device;
  std::string_view absent;
};
/// memory_format and layout: enumerations that only have a name.
struct NamedObject {
  PyObject_HEAD int value;
  const char* name;
};

PyTypeObject* g_dtype_type;
PyTypeObject* g_device_type;
PyTypeObject* g_format_type;
PyTypeObject* g_layout_type;
PyTypeObject* g_size_type;
PyObject* g_dtypes[kDTypes];

DType dtype_in(PyObject* self) { return reinterpret_cast<DTypeObject*>(self)->dtype; }
Device device_in(PyObject* self) { return reinterpret_cast<DeviceObject*>(self)->device; }

PyObject* text(std::string_view text) {
  return PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
}

std::string_view utf8(PyObject* unicode) {
  Py_ssize_t length;
  const char* characters = PyUnicode_AsUTF8AndSize(unicode, &length);
  if (!characters) throw PythonError();
  return {characters, size_t(length)};
}

PyObject* dtype_repr(PyObject* self) {
  return text("torch." + std::string(info(dtype_in(self)).name));
}
PyObject* dtype_reduce(PyObject* self, PyObject*) { return text(info(dtype_in(self)).name); }

PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef dtype_attributes[] = {
    {"is_floating_point",
     [](PyObject* self, void*) { return PyBool_FromLong(is_floating(dtype_in(self))); }, nullptr,
     "Whether elements are floating-point numbers.", nullptr},
    {"is_complex", [](PyObject*, void*) { return Py_NewRef(Py_False); }, nullptr,
     "Whether elements are complex numbers: never.", nullptr},
    {"is_signed",
     [](PyObject* self, void*) { return PyBool_FromLong(info(dtype_in(self)).is_signed); }, nullptr,
     "Whether elements can be negative.", nullptr},
    {"itemsize", [](PyObject* self, void*) { return PyLong_FromLongLong(size_of(dtype_in(self))); },
     nullptr, "Bytes per element.", nullptr},
    {}};
PyType_Slot dtype_slots[] = {{Py_tp_repr, (void*)dtype_repr},
                             {Py_tp_methods, dtype_methods},
                             {Py_tp_getset, dtype_attributes},
                             {Py_tp_doc, (void*)"The type of a tensor's elements."},
                             {0, nullptr}};
PyType_Spec dtype_spec = {"rushlight.dtype", sizeof(DTypeObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, dtype_slots};

/// `absent`: the kind, if Rushlight lacks it; then only the index of `device` counts.
PyObject* new_device(PyTypeObject* type, Device device, std::string_view absent = {}) {
  PyObject* object = type->tp_alloc(type, 0);
  if (!object) return nullptr;
  reinterpret_cast<DeviceObject*>(object)->device = device;
  reinterpret_cast<DeviceObject*>(object)->absent = absent;
  return object;
}

std::string_view absent_in(PyObject* self) { return reinterpret_cast<DeviceObject*>(self)->absent; }
std::string kind_of(PyObject* self) {
  std::string_view absent = absent_in(self);
  return absent.empty() ? to_string(Device{device_in(self).type, -1}) : std::string(absent);
}
std::string device_text(PyObject* self) {
  int index = device_in(self).index;
  return kind_of(self) + (index < 0 ? "" : ":" + std::to_string(index));
}

/// The index in a text such as "cuda:1", of a kind that need not be there; -1 if there is none.
int8_t index_in(std::string_view text) {
  size_t colon = text.find(':');
  if (colon == text.npos) return -1;
  std::string_view number = text.substr(colon + 1);
  int8_t index = -1;
  auto read = std::from_chars(number.data(), number.data() + number.size(), index);
  bool whole = read.ec == std::errc() && read.ptr == number.data() + number.size();
  check(whole && index >= 0, "Invalid device string: '", text, "'");
  return index;
}

PyObject* device_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"type", "index", nullptr};
    PyObject *kind = nullptr, *index = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &kind,
                                     &index)) {
      return nullptr;
    }
    Device device;
    std::string_view absent, name;
    if (PyUnicode_Check(kind)) {
      name = utf8(kind);
      absent = absent_device(name);
    }
    if (Py_TYPE(kind) == g_device_type) {
      device = device_in(kind);
      absent = absent_in(kind);
    } else if (!absent.empty()) {
      device.index = index_in(name);
    } else if (!to_device(kind, device)) {
      fail(ErrorKind::Type, "device(): argument 'type' must be str, not ", Py_TYPE(kind)->tp_name);
    }
    int64_t number;
    if (index && index != Py_None) {
      check(to_integer(index, number), ErrorKind::Type,
            "device(): argument 'index' must be int, not ", Py_TYPE(index)->tp_name);
      check(device.index < 0 || name.empty(),
            "type (string) must not include an index because index was passed explicitly: ", name);
      check(number >= 0, "Device index must not be negative");
      device.index = int8_t(number);
    }
    return new_device(type, device, absent);
  });
}

PyObject* device_repr(PyObject* self) {
  int index = device_in(self).index;
  std::string ending = index < 0 ? "" : ", index=" + std::to_string(index);
  return text("device(type='" + kind_of(self) + "'" + ending + ")");
}
PyObject* device_compare(PyObject* a, PyObject* b, int operation) {
  if (Py_TYPE(b) != g_device_type || (operation != Py_EQ && operation != Py_NE)) {
    return Py_NewRef(Py_NotImplemented);
  }
  bool same = device_in(a) == device_in(b) && absent_in(a) == absent_in(b);
  return PyBool_FromLong(same == (operation == Py_EQ));
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(s)", g_device_type, device_text(self).c_str());
}

/// What `with torch.device(…)` and set_default_device said in this thread.
struct DefaultDevices {
  std::optional<Device> base;
  std::vector<Device> entered;
};
thread_local DefaultDevices default_devices;

PyObject* device_enter(PyObject* self, PyObject*) {
  return guarded([&] {
    Device device;
    to_device(self, device);
    default_devices.entered.push_back(device);
    return Py_NewRef(self);
  });
}
PyObject* device_exit(PyObject*, PyObject*) {
  return guarded([&] {
    check(!default_devices.entered.empty(), "torch.device.__exit__ was called without __enter__");
    default_devices.entered.pop_back();
    return Py_NewRef(Py_None);
  });
}

PyObject* set_default_device(PyObject*, PyObject* object) {
  return guarded([&] {
    Device device;
    check(object == Py_None || to_device(object, device), ErrorKind::Type,
          "set_default_device(): argument 'device' must be torch.device, not ",
          Py_TYPE(object)->tp_name);
    default_devices.base = object == Py_None ? std::optional<Device>() : device;
    return Py_NewRef(Py_None);
  });
}
PyObject* get_default_device(PyObject*, PyObject*) {
  return guarded([] { return wrap(default_device().value_or(kCpu)); });
}
PyMethodDef device_functions[] = {
    {"set_default_device", set_default_device, METH_O,
     "set_default_device(device)\n--\n\nSets where this thread makes new tensors if not told: on "
     "the CPU, or \"meta\" for tensors without data."},
    {"get_default_device", get_default_device, METH_NOARGS,
     "get_default_device()\n--\n\nWhere new tensors are made if not told."},
    {}};

PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr},
                                {"__enter__", device_enter, METH_NOARGS, nullptr},
                                {"__exit__", device_exit, METH_VARARGS, nullptr},
                                {}};
PyGetSetDef device_attributes[] = {
    {"type", [](PyObject* self, void*) { return text(kind_of(self)); }, nullptr,
     "The kind of device, such as 'cpu' or 'meta'.", nullptr},
    {"index",
     [](PyObject* self, void*) -> PyObject* {
       int index = device_in(self).index;
       return index < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(index);
     },
     nullptr, "Which of several, or None.", nullptr},
    {}};
PyType_Slot device_slots[] = {
    {Py_tp_new, (void*)device_new},
    {Py_tp_repr, (void*)device_repr},
    {Py_tp_str, (void*)+[](PyObject* self) { return text(device_text(self)); }},
    {Py_tp_hash,
     (void*)+[](PyObject* self) -> Py_hash_t {
       Device device = device_in(self);
       size_t kind = int(device.type) + 10 * std::hash<std::string_view>()(absent_in(self));
       Py_hash_t hash = Py_hash_t(1000 * kind + size_t(device.index + 2));
       return hash == -1 ? -2 : hash;
     }},
    {Py_tp_richcompare, (void*)device_compare},
    {Py_tp_methods, device_methods},
    {Py_tp_getset, device_attributes},
    {Py_tp_doc, (void*)"device(type, index=None)\n--\n\nWhere a tensor's elements live."},
    {0, nullptr}};
PyType_Spec device_spec = {"rushlight.device", sizeof(DeviceObject), 0, Py_TPFLAGS_DEFAULT,
                           device_slots};

PyObject* named_repr(PyObject* self) {
  return PyUnicode_FromFormat("torch.%s", reinterpret_cast<NamedObject*>(self)->name);
}
PyObject* named_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(reinterpret_cast<NamedObject*>(self)->name);
}
PyMethodDef named_methods[] = {{"__reduce__", named_reduce, METH_NOARGS, nullptr}, {}};
PyType_Slot named_slots[] = {
    {Py_tp_repr, (void*)named_repr}, {Py_tp_methods, named_methods}, {0, nullptr}};
PyType_Spec format_spec = {"rushlight.memory_format", sizeof(NamedObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, named_slots};
PyType_Spec layout_spec = {"rushlight.layout", sizeof(NamedObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, named_slots};

void add_named(PyObject* module, PyTypeObject* type, int value, const char* name) {
  Object object = checked(type->tp_alloc(type, 0));
  auto* named = reinterpret_cast<NamedObject*>(object.get());
  named->value = value;
  named->name = name;
  checked(PyModule_AddObjectRef(module, name, object.get()));
}

// -- Size: a tuple that slices and adds to itself ------------------------------------------------

PyObject* as_size(PyObject* tuple) {
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  Object owned = Object::steal(tuple);
  return PyObject_CallOneArg((PyObject*)g_size_type, owned.get());
}
PyObject* size_repr(PyObject* self) {
  Object list = Object::steal(PySequence_List(self));
  return list ? PyUnicode_FromFormat("torch.Size(%R)", list.get()) : nullptr;
}
PyObject* size_numel(PyObject* self, PyObject*) {
  int64_t count = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    count *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
  }
  return PyErr_Occurred() ? nullptr : PyLong_FromLongLong(count);
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(N)", g_size_type, PySequence_List(self));
}
PyObject* size_item(PyObject* self, PyObject* index) {
  return as_size(PyTuple_Type.tp_as_mapping->mp_subscript(self, index));
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* self, Py_ssize_t count) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(self, count));
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Object tuple = Object::steal(PyTuple_Type.tp_new(type, args, kwargs));
  if (!tuple) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple.get(), i);
    if (PyLong_CheckExact(item)) continue;
    PyObject* number = PyNumber_Index(item);
    if (!number) {
      PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                   Py_TYPE(item)->tp_name);
      return nullptr;
    }
    Py_DECREF(item);
    PyTuple_SET_ITEM(tuple.get(), i, number);
  }
  return tuple.release();
}
PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "Number of elements a tensor of this size has."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {}};
PyType_Slot size_slots[] = {
    {Py_tp_new, (void*)size_new},
    {Py_tp_repr, (void*)size_repr},
    {Py_tp_methods, size_methods},
    {Py_mp_subscript, (void*)size_item},
    {Py_sq_concat, (void*)size_concat},
    {Py_sq_repeat, (void*)size_repeat},
    {Py_tp_doc, (void*)"The sizes of a tensor's dims: a tuple of integers."},
    {0, nullptr}};
PyType_Spec size_spec = {"rushlight.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                         size_slots};

}  // namespace

PyObject* wrap(DType dtype) { return Py_NewRef(g_dtypes[int(dtype)]); }
PyObject* wrap(Device device) { return new_device(g_device_type, device); }

PyObject* wrap(const Scalar& scalar) {
  if (scalar.is_float()) return PyFloat_FromDouble(scalar.real());
  if (scalar.is_bool()) return PyBool_FromLong(scalar.to<bool>());
  return PyLong_FromLongLong(scalar.integer());
}

PyObject* wrap_size(std::span<const int64_t> shape) {
  PyObject* size = g_size_type->tp_alloc(g_size_type, Py_ssize_t(shape.size()));
  if (!size) return nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    PyTuple_SET_ITEM(size, Py_ssize_t(i), PyLong_FromLongLong(shape[i]));
  }
  return size;
}

bool is_dtype(PyObject* object) { return Py_TYPE(object) == g_dtype_type; }

bool to_dtype(PyObject* object, DType& dtype) {
  if (is_dtype(object))
    dtype = dtype_in(object);
  else if (object == (PyObject*)&PyFloat_Type)
    dtype = DType::Float64;
  else if (object == (PyObject*)&PyLong_Type)
    dtype = DType::Int64;
  else if (object == (PyObject*)&PyBool_Type)
    dtype = DType::Bool;
  else
    return false;
  return true;
}

std::optional<Device> default_device() {
  return default_devices.entered.empty() ? default_devices.base : default_devices.entered.back();
}

bool to_device(PyObject* object, Device& device) {
  if (Py_TYPE(object) == g_device_type) {
    if (!absent_in(object).empty()) Device::parse(absent_in(object));  // throws
    device = device_in(object);
    return true;
  }
  int64_t index;
  if (PyLong_CheckExact(object) && to_integer(object, index)) {  // an accelerator's
    check(index >= 0, "Device index must not be negative");
    fail(ErrorKind::Runtime, "Cannot access accelerator device when none is available.");
  }
  if (!PyUnicode_Check(object)) return false;
  device = Device::parse(utf8(object));
  return true;
}

bool to_memory_format(PyObject* object, MemoryFormat& format) {
  if (Py_TYPE(object) != g_format_type) return false;
  format = MemoryFormat(reinterpret_cast<NamedObject*>(object)->value);
  return true;
}

bool to_layout(PyObject* object, Layout& layout) {
  if (Py_TYPE(object) != g_layout_type) return false;
  layout = Layout(reinterpret_cast<NamedObject*>(object)->value);
  return true;
}

bool to_flag(PyObject* object, std::string_view what) {
  check(PyBool_Check(object), ErrorKind::Type, what, " must be bool, not ",
        Py_TYPE(object)->tp_name);
  return object == Py_True;
}

void check_not_pinned(bool pin_memory) {
  check(!pin_memory,
        "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator "
        "is available on this system.");
}

bool to_integer(PyObject* object, int64_t& value) {
  if (!PyLong_Check(object)) {
    if (is_tensor(object)) {
      const Tensor& tensor = tensor_of(object);
      if (tensor.numel() != 1 || is_floating(tensor.dtype())) return false;
      value = tensor.item<int64_t>();
      return true;
    }
    if (!PyIndex_Check(object)) return false;
    Object index = Object::steal(PyNumber_Index(object));
    if (!index) {
      PyErr_Clear();
      return false;
    }
    return to_integer(index.get(), value);
  }
  int overflow;
  value = PyLong_AsLongLongAndOverflow(object, &overflow);
  check(!overflow, ErrorKind::Value, "Overflow when unpacking long long");
  return true;
}

bool to_scalar(PyObject* object, Scalar& scalar) {
  if (PyFloat_Check(object)) {
    scalar = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (PyBool_Check(object)) {
    scalar = object == Py_True;
    return true;
  }
  if (PyLong_Check(object)) {
    int overflow;
    scalar = int64_t(PyLong_AsLongLongAndOverflow(object, &overflow));
    if (!overflow) return true;
    PyErr_SetString(PyExc_OverflowError, "int too big to convert: it does not fit into 64 bits");
    throw PythonError();
  }
  if (is_tensor(object)) return false;
  check(!PyComplex_Check(object), ErrorKind::NotImplemented,
        "complex numbers are not supported; use two real tensors");
  // NumPy's scalars: integers have __index__, np.bool_ and np.float32 are told by their dtype's
  // kind.
  if (PyUnicode_Check(object) || PyBytes_Check(object) || PySequence_Check(object)) return false;
  if (PyIndex_Check(object)) {
    int64_t value;
    if (!to_integer(object, value)) return false;
    scalar = value;
    return true;
  }
  PyNumberMethods* number = Py_TYPE(object)->tp_as_number;
  if (!number || !number->nb_float || !PyObject_HasAttrString(object, "dtype")) return false;
  Object real = checked(PyNumber_Float(object));
  Object kind = checked(PyObject_GetAttrString(object, "dtype"));
  Object name = checked(PyObject_Str(kind.get()));
  bool boolean = PyUnicode_CompareWithASCIIString(name.get(), "bool") == 0;
  double value = PyFloat_AS_DOUBLE(real.get());
  scalar = boolean ? Scalar(value != 0) : Scalar(value);
  return true;
}

void add_functions(PyObject* module, PyMethodDef* functions) {
  checked(PyModule_AddFunctions(module, functions));
}

PyTypeObject* add_class(PyObject* module, PyType_Spec& spec, PyObject* bases) {
  PyObject* type = PyType_FromSpecWithBases(&spec, bases);
  if (!type) throw PythonError();
  const char* name = strrchr(spec.name, '.');
  checked(PyModule_AddObjectRef(module, name + 1, type));
  return (PyTypeObject*)type;
}

void add_values(PyObject* module) {
  g_dtype_type = add_class(module, dtype_spec);
  g_device_type = add_class(module, device_spec);
  add_functions(module, device_functions);
  g_format_type = add_class(module, format_spec);
  g_layout_type = add_class(module, layout_spec);
  g_size_type = add_class(module, size_spec, (PyObject*)&PyTuple_Type);
  constexpr std::pair<DType, const char*> kAliases[] = {
      {DType::Int16, "short"},  {DType::Int32, "int"},     {DType::Int64, "long"},
      {DType::Float16, "half"}, {DType::Float32, "float"}, {DType::Float64, "double"}};
  for (int i = 0; i < kDTypes; ++i) {
    g_dtypes[i] = g_dtype_type->tp_alloc(g_dtype_type, 0);
    reinterpret_cast<DTypeObject*>(g_dtypes[i])->dtype = DType(i);
    std::string name(info(DType(i)).name);
    checked(PyModule_AddObjectRef(module, name.c_str(), g_dtypes[i]));
  }
  for (auto [dtype, name] : kAliases) {
    checked(PyModule_AddObjectRef(module, name, g_dtypes[int(dtype)]));
  }
  add_named(module, g_format_type, int(MemoryFormat::Contiguous), "contiguous_format");
  add_named(module, g_format_type, int(MemoryFormat::Preserve), "preserve_format");
  add_named(module, g_format_type, int(MemoryFormat::ChannelsLast), "channels_last");
  add_named(module, g_layout_type, int(Layout::Strided), "strided");
  add_named(module, g_layout_type, int(Layout::Sparse), "sparse_coo");
}

}  // namespace rushlight::python
