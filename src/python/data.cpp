// Tensors from Python data: nested sequences, buffers (NumPy arrays), numbers.

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

/// Whether NumPy lends out a date or a text as if it were its bytes.
bool is_text_or_date(PyObject* array, const Py_buffer& view) {
  if (view.ndim != 1 || !view.format || view.format[0] != 'B') return false;
  Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  Object kind = dtype ? Object::steal(PyObject_GetAttrString(dtype.get(), "kind")) : Object();
  if (!kind || !PyUnicode_Check(kind.get())) {
    PyErr_Clear();
    return false;
  }
  return strchr("mMSU", *PyUnicode_AsUTF8(kind.get())) != nullptr;
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
  if (!dtype_of_format(view, layout.dtype) || is_text_or_date(array, view)) refuse_array(array);
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
}  // namespace

Tensor share_array(PyObject* array) {
  Buffer buffer(array);
  if (!buffer) refuse_array(array);
  Layout_ layout = layout_of(array, *&*buffer.operator->());
  if (buffer->readonly) {
    static WarnOnce warn_once;
    warn_once(
        "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
        "This means writing to this tensor will result in undefined behavior. You may want to copy "
        "the array to protect its data or make it writable before converting it to a tensor. This "
        "type of warning will be suppressed for the rest of this program.");
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

namespace {

bool is_text(PyObject* object) { return PyUnicode_Check(object) || PyBytes_Check(object); }

/// Whether it is an array rather than bytes, a memoryview of them, or array.array.
bool has_dtype(PyObject* object) {
  return PyObject_CheckBuffer(object) && PyObject_HasAttrString(object, "dtype");
}

// -- Nested sequences ----------------------------------------------------------------------------

}  // namespace

bool is_sequence(PyObject* object) {
  return PySequence_Check(object) && !is_text(object) && !is_tensor(object) && !has_dtype(object);
}

namespace {

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
    if (!shape_.empty() && buffer->ndim > 0) {
      static WarnOnce warn_once;
      warn_once(
          "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
          "converting the list to a single numpy.ndarray with numpy.array() before converting to a "
          "tensor.");
    }
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
    check(!is_text(item), ErrorKind::Type, "new(): invalid data type '", Py_TYPE(item)->tp_name,
          "'");
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
      warn_if_history_is_lost(tensor);
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
      if (!overflow && !to_scalar(item, scalar) && !number_in_array(item, scalar))
        refuse_number(item, std::is_integral_v<T>);
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

  /// The number in an array of NumPy without dims.
  static bool number_in_array(PyObject* item, Scalar& scalar) {
    if (!has_dtype(item)) return false;
    Object number = Object::steal(PyObject_CallMethod(item, "item", nullptr));
    if (!number) PyErr_Clear();
    return number && to_scalar(number.get(), scalar);
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

/// torch.frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)
PyObject* from_buffer(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"buffer", "dtype", "count", "offset", "requires_grad", nullptr};
    PyObject *source, *dtype_object = nullptr;
    long long count = -1, offset = 0;
    PyObject* gradient = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OLLO:frombuffer", const_cast<char**>(names),
                                     &source, &dtype_object, &count, &offset, &gradient)) {
      return nullptr;
    }
    bool requires_grad = to_flag(gradient, "frombuffer(): argument 'requires_grad'");
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
      static WarnOnce warn_once;
      warn_once(
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

}  // namespace rushlight::python
