// Tensors from Python data and back: nested sequences, buffers (NumPy arrays), numbers.

#include <algorithm>
#include <cstring>

#include <rushlight/operators.h>

#include "python/binder.h"
#include "python/tensor_methods.h"

namespace rushlight::python {

namespace {

constexpr const char* kSupported =
    "The only supported types are: float64, float32, float16, int64, int32, int16, int8, uint8, "
    "and "
    "bool.";

// -- Buffers -------------------------------------------------------------------------------------

/// A borrowed buffer, released at the end.
class Buffer {
 public:
  explicit Buffer(PyObject* object, int flags = PyBUF_RECORDS_RO) {
    if (PyObject_GetBuffer(object, &view_, flags) == 0)
      held_ = true;
    else
      PyErr_Clear();
  }
  ~Buffer() {
    if (held_) PyBuffer_Release(&view_);
  }
  Buffer(const Buffer&) = delete;
  explicit operator bool() const { return held_; }
  const Py_buffer* operator->() const { return &view_; }
  /// Hands the buffer to a new owner on the heap.
  Py_buffer* detach() {
    held_ = false;
    return new Py_buffer(view_);
  }

 private:
  Py_buffer view_;
  bool held_ = false;
};

bool dtype_of_format(const Py_buffer& view, DType& dtype) {
  const char* format = view.format ? view.format : "B";
  if (*format == '@' || *format == '=' || *format == '<' || *format == '|') ++format;
  if (format[0] == 0 || format[1] != 0) return false;
  bool integer = std::strchr("bhilqn", *format) != nullptr;
  switch (*format) {
    case '?': dtype = DType::Bool; return true;
    case 'B': dtype = DType::UInt8; return true;
    case 'e': dtype = DType::Float16; return true;
    case 'f': dtype = DType::Float32; return true;
    case 'd': dtype = DType::Float64; return true;
    default: break;
  }
  if (!integer) return false;
  dtype = view.itemsize == 1   ? DType::Int8
          : view.itemsize == 2 ? DType::Int16
          : view.itemsize == 4 ? DType::Int32
                               : DType::Int64;
  return true;
}

std::string numpy_type_name(PyObject* array) {
  Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  Object type = dtype ? Object::steal(PyObject_GetAttrString(dtype.get(), "type")) : Object();
  Object name = type ? Object::steal(PyObject_GetAttrString(type.get(), "__name__")) : Object();
  if (!name) {
    PyErr_Clear();
    return Py_TYPE(array)->tp_name;
  }
  return std::string("numpy.") + PyUnicode_AsUTF8(name.get());
}

[[noreturn]] void refuse_array(PyObject* array) {
  fail(ErrorKind::Type, "can't convert np.ndarray of type ", numpy_type_name(array), ". ",
       kSupported);
}

struct Layout_ {
  DType dtype;
  Dims shape, strides;  // strides in elements
};

/// Shape, strides and dtype of a buffer; throws PyTorch's errors for what a tensor can't be.
Layout_ layout_of(PyObject* array, const Py_buffer& view) {
  Layout_ layout;
  check(!view.format || view.format[0] != '>' || view.itemsize == 1, ErrorKind::Value,
        "given numpy array has byte order different from the native byte order. Conversion between "
        "byte orders is currently not supported.");
  if (!dtype_of_format(view, layout.dtype)) refuse_array(array);
  for (int i = 0; i < view.ndim; ++i) {
    check(
        view.strides[i] >= 0, ErrorKind::Value,
        "At least one stride in the given numpy array is negative, and tensors with negative "
        "strides "
        "are not currently supported. (You can probably work around this by making a copy of your "
        "array  with array.copy().) ");
    check(view.strides[i] % view.itemsize == 0 || view.shape[i] < 2, ErrorKind::Value,
          "given numpy array strides not a multiple of the element byte size. Copy the numpy array "
          "to "
          "reallocate the memory.");
    layout.shape.push_back(view.shape[i]);
    layout.strides.push_back(view.strides[i] / view.itemsize);
  }
  return layout;
}

void release_buffer(void* context) noexcept {
  if (!Py_IsInitialized()) return;
  WithGil gil;
  auto* view = static_cast<Py_buffer*>(context);
  PyBuffer_Release(view);
  delete view;
}

/// A tensor over the bytes of an array, which it keeps alive.
Tensor share_array(PyObject* array) {
  Buffer buffer(array);
  if (!buffer) refuse_array(array);
  Layout_ layout = layout_of(array, *&*buffer.operator->());
  if (buffer->readonly) {
    int status =
        PyErr_WarnEx(PyExc_UserWarning,
                     "The given NumPy array is not writable, and PyTorch does not support "
                     "non-writable tensors. This "
                     "means writing to this tensor will result in undefined behavior. You may want "
                     "to copy the array "
                     "to protect its data or make it writable before converting it to a tensor.",
                     1);
    checked(status);
  }
  int64_t last = 0;
  for (size_t i = 0; i < layout.shape.size(); ++i) {
    last += std::max<int64_t>(layout.shape[i] - 1, 0) * layout.strides[i];
  }
  bool empty = count_elements(layout.shape) == 0;
  size_t bytes = empty ? 0 : size_t((last + 1) * size_of(layout.dtype));
  void* data = buffer->buf;
  Ref<Storage> storage = Storage::borrow(data, bytes, buffer.detach(), release_buffer);
  return make_tensor(std::move(storage), layout.dtype, layout.shape, layout.strides, 0);
}

/// Whether it is an array rather than bytes, a memoryview of them, or array.array.
bool has_dtype(PyObject* object) {
  return PyObject_CheckBuffer(object) && PyObject_HasAttrString(object, "dtype");
}

// -- Nested sequences ----------------------------------------------------------------------------

bool is_sequence(PyObject* object) {
  return PySequence_Check(object) && !PyUnicode_Check(object) && !is_tensor(object) &&
         !has_dtype(object);
}

/// The dtype of a NumPy scalar or array; false if `object` is neither.
bool numpy_dtype(PyObject* object, DType& dtype) {
  if (PyList_CheckExact(object) || PyFloat_CheckExact(object) || PyLong_CheckExact(object) ||
      !has_dtype(object)) {
    return false;
  }
  Buffer buffer(object);
  if (!buffer) return false;
  if (!dtype_of_format(*buffer.operator->(), dtype)) refuse_array(object);
  return true;
}

class SequenceReader {
 public:
  explicit SequenceReader(PyObject* data) { find_shape(data); }

  Tensor read(PyObject* data, std::optional<DType> wanted) {
    if (!wanted) {
      infer(data);
      check(kind_ >= 0 || count_elements(shape_) == 0, "Could not infer dtype of ",
            Py_TYPE(data)->tp_name);
    }
    DType dtype = wanted.value_or(kind_ < 0 ? default_dtype() : DType(kind_));
    Tensor tensor = make_tensor(shape_, dtype);
    next_ = static_cast<char*>(tensor.data());
    dispatch(dtype, [&]<class T>(CppType<T>) { store<T>(data, 0); });
    return tensor;
  }

 private:
  void find_shape(PyObject* data) {
    PyObject* level = data;
    Object keep;
    while (true) {
      if (is_tensor(level) || has_dtype(level)) {
        append_array_shape(level);
        return;
      }
      if (!is_sequence(level)) return;
      Py_ssize_t length = PySequence_Size(level);
      checked(int(length));
      shape_.push_back(length);
      check(shape_.size() <= 128, ErrorKind::Value, "too many dimensions '",
            Py_TYPE(level)->tp_name, "'");
      if (length == 0) return;
      keep = checked(PySequence_GetItem(level, 0));
      level = keep.get();
      check(!PyUnicode_Check(level), ErrorKind::Value, "too many dimensions 'str'");
    }
  }
  void append_array_shape(PyObject* array) {
    if (is_tensor(array)) {
      // Tensors in lists stand for numbers; those of one element may have dims of size 1.
      if (tensor_of(array).numel() == 1) return;
      fail(ErrorKind::Value, "only one element tensors can be converted to Python scalars");
    }
    Buffer buffer(array);
    if (!buffer) return;
    for (int i = 0; i < buffer->ndim; ++i) shape_.push_back(buffer->shape[i]);
  }

  void see(DType dtype) { kind_ = kind_ < 0 ? int(dtype) : int(promote(DType(kind_), dtype)); }

  void infer(PyObject* item, int depth = 0) {
    DType dtype;
    if (PyFloat_CheckExact(item)) return see(default_dtype());
    if (PyBool_Check(item)) return see(DType::Bool);
    if (PyLong_CheckExact(item)) return see(DType::Int64);
    if (is_tensor(item)) return see(tensor_of(item).dtype());
    if (numpy_dtype(item, dtype)) return see(dtype);
    if (PyFloat_Check(item)) return see(default_dtype());
    if (PyLong_Check(item)) return see(DType::Int64);
    check(!PyComplex_Check(item), ErrorKind::NotImplemented,
          "complex numbers are not supported; use two real tensors");
    check(!PyUnicode_Check(item), ErrorKind::Type, "new(): invalid data type 'str'");
    if (!is_sequence(item)) {
      fail(ErrorKind::Runtime, "Could not infer dtype of ", Py_TYPE(item)->tp_name);
    }
    check(depth < 128, ErrorKind::Value, "too many dimensions '", Py_TYPE(item)->tp_name, "'");
    Object fast = checked(PySequence_Fast(item, "not a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
      PyObject* inner = PySequence_Fast_GET_ITEM(fast.get(), i);
      check(inner != item, ErrorKind::Type, "new(): self-referential lists are incompatible");
      infer(inner, depth + 1);
    }
  }

  template <class T>
  void store(PyObject* item, size_t level) {
    if (level == shape_.size()) return store_number<T>(item);
    if (has_dtype(item)) return store_array(item, level);
    if (!is_sequence(item)) fail(ErrorKind::Type, "not a sequence");
    Object fast = checked(PySequence_Fast(item, "not a sequence"));
    Py_ssize_t size = PySequence_Fast_GET_SIZE(fast.get());
    check(size == shape_[level], ErrorKind::Value, "expected sequence of length ", shape_[level],
          " at dim ", level, " (got ", size, ")");
    for (Py_ssize_t i = 0; i < size; ++i) {
      store<T>(PySequence_Fast_GET_ITEM(fast.get(), i), level + 1);
    }
  }

  template <class T>
  void store_number(PyObject* item) {
    T value;
    if (PyFloat_CheckExact(item)) {
      value = convert<T>(Scalar(PyFloat_AS_DOUBLE(item)));
    } else if (is_tensor(item)) {
      const Tensor& tensor = tensor_of(item);
      check(tensor.numel() == 1, ErrorKind::Value,
            "only one element tensors can be converted to Python scalars");
      value = convert<T>(tensor.item_scalar());
    } else {
      Scalar scalar;
      int overflow = 0;
      if (PyLong_Check(item)) {
        PyLong_AsLongLongAndOverflow(item, &overflow);
        bool floats = is_floating(dtype_of<T>) || dtype_of<T> == DType::Bool;
        check(!overflow || floats, ErrorKind::Value, "Overflow when unpacking long long");
        if (overflow) scalar = Scalar(PyLong_AsDouble(item));
        if (PyErr_Occurred()) throw PythonError();
      }
      if (!overflow && !to_scalar(item, scalar)) refuse_number(item, std::is_integral_v<T>);
      value = convert<T>(scalar);
    }
    std::memcpy(next_, &value, sizeof value);
    next_ += sizeof value;
  }

  template <class T>
  static T convert(const Scalar& scalar) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      // PyTorch stores negative numbers in uint8 as they wrap, and refuses what is too large.
      bool fits = !scalar.is_float()
                      ? scalar.integer() <= int64_t(std::numeric_limits<T>::max()) &&
                            scalar.integer() >=
                                (std::is_signed_v<T> ? int64_t(std::numeric_limits<T>::min())
                                                     : -int64_t(std::numeric_limits<T>::max()))
                      : std::abs(scalar.real()) <= double(std::numeric_limits<T>::max());
      check(fits, "value cannot be converted to type ", info(dtype_of<T>).name,
            " without overflow");
    }
    return scalar.to<T>();
  }

  [[noreturn]] static void refuse_number(PyObject* item, bool integral) {
    if (integral) {
      fail(ErrorKind::Type, "'", Py_TYPE(item)->tp_name,
           "' object cannot be interpreted as an integer");
    }
    fail(ErrorKind::Type, "must be real number, not ", Py_TYPE(item)->tp_name);
  }

  /// An array inside a list fills all dims from `level` on.
  void store_array(PyObject* array, size_t level) {
    Tensor source = share_array(array);
    std::span<const int64_t> rest(shape_.data() + level, shape_.size() - level);
    check(same(source.shape(), rest), ErrorKind::Value, "expected sequence of length ",
          rest.empty() ? 0 : rest[0], " at dim ", level, " (got ",
          source.dim() ? source.shape()[0] : 0, ")");
    DType dtype = DType(kind_ < 0 ? int(source.dtype()) : kind_);
    Tensor converted = source.to(dtype).contiguous();
    size_t bytes = size_t(converted.numel() * size_of(dtype));
    std::memcpy(next_, converted.data(), bytes);
    next_ += bytes;
  }

  Dims shape_;
  int kind_ = -1;  // promoted dtype of what was seen; -1: nothing
  char* next_ = nullptr;
};

}  // namespace

bool is_array(PyObject* object) { return has_dtype(object) && !is_tensor(object); }

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    const Tensor& source = tensor_of(data);
    return source.detach().to(dtype.value_or(source.dtype()), false, true);
  }
  if (is_array(data)) {
    Buffer buffer(data);
    if (!buffer) refuse_array(data);
    Layout_ layout = layout_of(data, *buffer.operator->());
    int64_t offset = 0;
    Ref<Storage> storage = Storage::borrow(buffer->buf, 0, nullptr, [](void*) noexcept {});
    Tensor source =
        make_tensor(std::move(storage), layout.dtype, layout.shape, layout.strides, offset);
    return source.to(dtype.value_or(layout.dtype), false, true, MemoryFormat::Contiguous);
  }
  return SequenceReader(data).read(data, dtype);
}

// -- Back to Python ------------------------------------------------------------------------------

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
    check_readable(tensor);
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
    check(PyBool_Check(value), ErrorKind::Type,
          "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not ",
          Py_TYPE(value)->tp_name);
    tensor_of(self).requires_grad_(value == Py_True);
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
  return guarded([&] { return PyFloat_FromDouble(only_element(self).real()); });
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

// -- Constructors --------------------------------------------------------------------------------

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

/// torch.tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)
PyObject* make(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data",          "dtype",      "device",
                                  "requires_grad", "pin_memory", nullptr};
    PyObject *data = nullptr, *dtype = Py_None, *device = Py_None;
    int requires_grad = 0, pin_memory = 0;
    check_keywords("tensor", names, kwargs);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOpp:tensor", const_cast<char**>(names),
                                     &data, &dtype, &device, &requires_grad, &pin_memory)) {
      return nullptr;
    }
    DType wanted;
    Device place;
    check(data != nullptr, ErrorKind::Type,
          "tensor() missing 1 required positional arguments: \"data\"");
    check(dtype == Py_None || to_dtype(dtype, wanted), ErrorKind::Type,
          "tensor(): argument 'dtype' must be torch.dtype, not ", Py_TYPE(dtype)->tp_name);
    check(device == Py_None || to_device(device, place), ErrorKind::Type,
          "tensor(): argument 'device' must be torch.device, not ", Py_TYPE(device)->tp_name);
    if (is_tensor(data)) {
      checked(PyErr_WarnEx(PyExc_UserWarning,
                           "To copy construct from a tensor, it is recommended to use "
                           "sourceTensor.detach().clone() or "
                           "sourceTensor.detach().clone().requires_grad_(True), rather than "
                           "torch.tensor(sourceTensor).",
                           1));
    }
    Tensor tensor = tensor_from_data(data, dtype == Py_None ? std::optional<DType>() : wanted);
    if (place.type == DeviceType::Meta) tensor = make_tensor(tensor.shape(), tensor.dtype(), place);
    check(!requires_grad || is_floating(tensor.dtype()),
          "Only Tensors of floating point and complex dtype can require gradients");
    if (requires_grad) tensor.requires_grad_();
    return wrap(std::move(tensor));
  });
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
        is_tensor(data) ? tensor_of(data)
        : is_array(data)
            ? share_array(data)
            : tensor_from_data(data, dtype == Py_None ? std::optional<DType>() : wanted);
    if (dtype != Py_None) tensor = tensor.to(wanted);
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

PyObject* from_numpy(PyObject*, PyObject* array) {
  return guarded([&] {
    check(is_numpy_array(array), ErrorKind::Type, "expected np.ndarray (got ",
          Py_TYPE(array)->tp_name, ")");
    return wrap(share_array(array));
  });
}

/// torch.frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)
PyObject* from_buffer(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"buffer", "dtype", "count", "offset", "requires_grad", nullptr};
    PyObject *source, *dtype_object = nullptr;
    long long count = -1, offset = 0;
    int requires_grad = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OLLp:frombuffer", const_cast<char**>(names),
                                     &source, &dtype_object, &count, &offset, &requires_grad)) {
      return nullptr;
    }
    check(dtype_object, ErrorKind::Type,
          "frombuffer() missing 1 required positional arguments: \"dtype\"");
    DType dtype;
    check(dtype_object, ErrorKind::Type,
          "frombuffer() missing 1 required keyword-only argument: 'dtype'");
    check(to_dtype(dtype_object, dtype), ErrorKind::Type,
          "frombuffer(): argument 'dtype' must be torch.dtype, not ",
          Py_TYPE(dtype_object)->tp_name);
    Buffer buffer(source, PyBUF_SIMPLE);
    check(bool(buffer), ErrorKind::Value, "object does not implement Python buffer protocol.");
    int64_t length = buffer->len, size = size_of(dtype);
    check(length > 0 && count != 0, ErrorKind::Value, "both buffer length (", length,
          ") and count (", count, ") must not be 0");
    check(offset >= 0 && offset < length, ErrorKind::Value, "offset (", offset,
          " bytes) must be non-negative and no greater than buffer length (", length,
          " bytes) minus 1");
    check(count > 0 || (length - offset) % size == 0, ErrorKind::Value, "buffer length (",
          length - offset, " bytes) after offset (", offset,
          " bytes) must be a multiple of element size (", size, ")");
    int64_t elements = count < 0 ? (length - offset) / size : count;
    check(elements <= (length - offset) / size, ErrorKind::Value, "requested buffer length (",
          elements, " * ", size, " bytes) after offset (", offset,
          " bytes) must not be greater than actual buffer length (", length, " bytes)");
    if (buffer->readonly) {
      warn(
          "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
          "This means you can write to the underlying (supposedly non-writable) buffer using the "
          "tensor. You may want to copy the buffer to protect its data or make it writable before "
          "converting it to a tensor. This type of warning will be suppressed for the rest of "
          "this program.");
    }
    void* data = static_cast<char*>(buffer->buf) + offset;
    Ref<Storage> storage =
        Storage::borrow(data, size_t(elements * size), buffer.detach(), release_buffer);
    const int64_t shape[] = {elements}, strides[] = {1};
    Tensor tensor = make_tensor(std::move(storage), dtype, shape, strides, 0);
    if (requires_grad) tensor.requires_grad_();
    return wrap(std::move(tensor));
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

/// _set(target, source, offset, size, stride): the target becomes elements of the source's storage.
PyObject* set_storage(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *target, *source, *size_object, *stride_object;
    long long offset;
    if (!PyArg_ParseTuple(args, "OOLO!O!:_set", &target, &source, &offset, &PyTuple_Type,
                          &size_object, &PyTuple_Type, &stride_object)) {
      return nullptr;
    }
    check(is_tensor(target) && is_tensor(source), ErrorKind::Type, "set_(): wants tensors");
    Dims size, stride;
    for (auto [object, list] : {std::pair(size_object, &size), std::pair(stride_object, &stride)}) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); ++i) {
        int64_t number;
        check(to_integer(PyTuple_GET_ITEM(object, i), number) && number >= 0,
              "set_(): sizes and strides must be integers that are not negative");
        list->push_back(number);
      }
    }
    check(size.size() == stride.size() && offset >= 0,
          "set_(): as many strides as sizes and an offset of at least 0 are wanted");
    TensorImpl* impl = tensor_of(target).impl();
    const TensorImpl* from = tensor_of(source).impl();
    int64_t last = offset;
    for (size_t i = 0; i < size.size(); ++i) last += (size[i] - 1) * stride[i];
    check(count_elements(size) == 0 ||
              (last + 1) * size_of(impl->dtype) <= int64_t(from->storage->bytes()),
          "setStorage: sizes ", to_string(size), ", strides ", to_string(stride),
          ", storage offset ", offset, " are out of bounds for storage of size ",
          from->storage->bytes());
    impl->storage = from->storage;
    impl->offset = offset;
    impl->shape = size;
    impl->strides = stride;
    impl->update_layout();
    return Py_NewRef(target);
  });
}

PyMethodDef functions[] = {
    {"_storage_bytes", storage_bytes, METH_O, nullptr},
    {"_set", set_storage, METH_VARARGS, nullptr},
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
    PyObject *type, *data;
    int requires_grad = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p:_make_subclass", const_cast<char**>(names),
                                     &type, &data, &requires_grad)) {
      return nullptr;
    }
    check(PyType_Check(type) && PyType_IsSubtype((PyTypeObject*)type, tensor_type), ErrorKind::Type,
          "cls must be a subclass of Tensor");
    check(is_tensor(data), ErrorKind::Type,
          "_make_subclass(): argument 'data' must be Tensor, not ", Py_TYPE(data)->tp_name);
    Tensor tensor = tensor_of(data).detach();
    if (requires_grad) tensor.requires_grad_();
    return wrap_as((PyTypeObject*)type, std::move(tensor));
  });
}

PyMethodDef make_subclass_method = {"_make_subclass", (PyCFunction)(void*)make_subclass,
                                    METH_VARARGS | METH_KEYWORDS | METH_STATIC, nullptr};

}  // namespace

void add_data(PyObject* module) {
  g_export_type = add_class(module, export_spec);
  add_functions(module, functions);
  Object make = checked(PyCFunction_New(&make_subclass_method, nullptr));
  Object method = checked(PyStaticMethod_New(make.get()));
  checked(PyObject_SetAttrString((PyObject*)tensor_type, "_make_subclass", method.get()));
}

}  // namespace rushlight::python
