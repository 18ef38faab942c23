// DLPack: tensors shared with other libraries, without a copy, in capsules named "dltensor".
// The structures are those of DLPack 0.x, dlpack.h of github.com/dmlc/dlpack.

#include <memory>

#include "python/python.h"

namespace rushlight::python {

namespace {

struct DLDevice {
  int32_t type, index;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t rank;
  DLDataType dtype;
  int64_t *shape, *strides;  // strides in elements; null: row-major
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};

constexpr int32_t kCpuType = 1;
constexpr const char *kName = "dltensor", *kUsedName = "used_dltensor";
enum Code : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBFloat = 4, kBool = 6 };

uint8_t code_of(DType dtype) {
  switch (dtype) {
    case DType::Bool: return kBool;
    case DType::UInt8: return kUInt;
    case DType::BFloat16: return kBFloat;
    default: return is_floating(dtype) ? kFloat : kInt;
  }
}

DType dtype_of(DLDataType type) {
  for (int i = 0; i < kDTypes; ++i) {
    DType dtype = DType(i);
    if (code_of(dtype) == type.code && size_of(dtype) * 8 == type.bits && type.lanes == 1)
      return dtype;
  }
  fail(ErrorKind::Buffer, "from_dlpack(): no dtype has the DLPack code ", int(type.code), " with ",
       int(type.bits), " bits and ", type.lanes, " lanes");
}

/// What an exported tensor keeps until the other library lets go of it.
struct Exported {
  DLManagedTensor managed;
  Tensor tensor;
  Dims shape, strides;
};

void delete_exported(DLManagedTensor* managed) { delete static_cast<Exported*>(managed->context); }

/// A capsule that nobody took still owns its tensor.
void delete_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, kName)) return;
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kName));
  managed->deleter(managed);
}

PyObject* export_capsule(const Tensor& tensor) {
  check(!tensor.requires_grad(), ErrorKind::Buffer,
        "Can't export tensors that require gradient, use tensor.detach()");
  check(tensor.impl()->device == DeviceType::Cpu, ErrorKind::Buffer,
        "only tensors of the CPU have bytes to share");
  auto exported = std::make_unique<Exported>();
  exported->tensor = tensor;
  exported->shape = Dims(tensor.shape());
  exported->strides = Dims(tensor.strides());
  DLDataType type{code_of(tensor.dtype()), uint8_t(size_of(tensor.dtype()) * 8), 1};
  exported->managed = {{tensor.data(),
                        {kCpuType, 0},
                        int32_t(tensor.dim()),
                        type,
                        exported->shape.data(),
                        exported->strides.data(),
                        0},
                       exported.get(),
                       delete_exported};
  PyObject* capsule = PyCapsule_New(&exported->managed, kName, delete_capsule);
  if (capsule) exported.release();
  return capsule;
}

void release_imported(void* context) noexcept {
  auto* managed = static_cast<DLManagedTensor*>(context);
  if (!managed->deleter || !Py_IsInitialized()) return;
  WithGil gil;
  managed->deleter(managed);
}

Tensor import_capsule(PyObject* capsule) {
  check(PyCapsule_IsValid(capsule, kName),
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only "
        "once, so you might have already constructed a tensor from it once.");
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kName));
  const DLTensor& source = managed->tensor;
  check(source.device.type == kCpuType, ErrorKind::Buffer,
        "from_dlpack(): the data is on a device of DLPack type ", source.device.type,
        "; only the CPU's (1) is supported");
  DType dtype = dtype_of(source.dtype);
  Dims shape, strides;
  int64_t last = 0;
  bool empty = false;
  for (int32_t d = 0; d < source.rank; ++d) shape.push_back(source.shape[d]);
  strides = contiguous_strides(shape);
  for (int32_t d = 0; d < source.rank; ++d) {
    if (source.strides) strides[size_t(d)] = source.strides[d];
    check(strides[size_t(d)] >= 0, ErrorKind::Value,
          "from_dlpack(): negative strides are not supported; copy the array first");
    empty |= shape[size_t(d)] == 0;
    last += (shape[size_t(d)] - 1) * strides[size_t(d)];
  }
  size_t bytes = empty ? 0 : size_t((last + 1) * size_of(dtype));
  char* data = static_cast<char*>(source.data) + source.byte_offset;
  Ref<Storage> storage = Storage::borrow(data, bytes, managed, release_imported);
  PyCapsule_SetName(capsule, kUsedName);
  return make_tensor(std::move(storage), dtype, shape, strides, 0);
}

/// torch.to_dlpack(tensor)
PyObject* to_dlpack(PyObject*, PyObject* object) {
  return guarded([&]() -> PyObject* {
    check(is_tensor(object), ErrorKind::Type, "to_dlpack(): argument must be Tensor, not ",
          Py_TYPE(object)->tp_name);
    return export_capsule(tensor_of(object));
  });
}

/// torch.from_dlpack(object or capsule)
PyObject* from_dlpack(PyObject*, PyObject* object) {
  return guarded([&]() -> PyObject* {
    Object capsule = Object::steal(Py_NewRef(object));
    if (PyObject_HasAttrString(object, "__dlpack__"))
      capsule = checked(PyObject_CallMethod(object, "__dlpack__", nullptr));
    return wrap(import_capsule(capsule.get()));
  });
}

PyMethodDef functions[] = {
    {"to_dlpack", to_dlpack, METH_O,
     "to_dlpack(tensor, /)\n--\n\nA DLPack capsule over the bytes of a tensor."},
    {"from_dlpack", from_dlpack, METH_O,
     "from_dlpack(ext_tensor, /)\n--\n\nA tensor over the bytes of an object of another library, "
     "or "
     "of a DLPack capsule."},
    {}};

}  // namespace

void add_dlpack(PyObject* module) { add_functions(module, functions); }

}  // namespace rushlight::python
