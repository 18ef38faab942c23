#include <rushlight/tensor.h>

#include "core/absent_devices.h"
#include "core/inference.h"
#include "runtime/allocator.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace rushlight {

constinit thread_local bool inference_mode = false;

namespace {

bool (*g_release_python)(TensorImpl*) noexcept = nullptr;

}  // namespace

void set_python_release(bool (*release)(TensorImpl*) noexcept) { g_release_python = release; }

void TensorImpl::destroy(TensorImpl* impl) noexcept {
  if (impl->python_owned && !g_release_python(impl)) return;
  delete impl;
}

void* TensorImpl::operator new(size_t bytes) { return allocate(bytes); }
void TensorImpl::operator delete(void* block) noexcept { deallocate(block, sizeof(TensorImpl)); }

TensorImpl::TensorImpl(Ref<Storage> storage, DType dtype, std::span<const int64_t> shape,
                       std::span<const int64_t> strides, int64_t offset)
    : storage(std::move(storage)), shape(shape), strides(strides), offset(offset), dtype(dtype) {
  inference = inference_mode;
  update_layout();
}

TensorImpl::TensorImpl(Ref<Storage> storage, DType dtype, const Dims& shape, int64_t elements)
    : storage(std::move(storage)), shape(shape), elements(elements), dtype(dtype) {
  inference = inference_mode;
  strides.resize_uninitialized(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= std::max<int64_t>(shape[i], 1)) strides[i] = step;
}

void TensorImpl::update_layout() {
  elements = count_elements(shape);
  contiguous = is_contiguous(shape, strides);
}

/// Where there are no elements the strides may still be too large.
static void check_strides(std::span<const int64_t> shape) {
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 1;) {
    check(!__builtin_mul_overflow(step, std::max<int64_t>(shape[i], 1), &step),
          "Stride calculation overflowed with sizes=", to_string(shape));
  }
}

Tensor make_tensor(std::span<const int64_t> shape, DType dtype, Device device) {
  int64_t elements = count_elements(shape);
  int64_t bytes;
  bool overflow = __builtin_mul_overflow(elements, size_of(dtype), &bytes);
  check(!overflow, "Storage size calculation overflowed with sizes=", to_string(shape));
  if (elements == 0) [[unlikely]]
    check_strides(shape);
  // Without data there are no bytes either: no address that could be read or written.
  if (device.type == DeviceType::Meta) meta_in_use.store(true, std::memory_order_relaxed);
  Ref<Storage> storage = device.type == DeviceType::Meta
                             ? Storage::borrow(nullptr, 0, nullptr, [](void*) noexcept {})
                             : Storage::allocate(size_t(bytes));
  Ref<TensorImpl> impl =
      Ref<TensorImpl>::adopt(new TensorImpl(std::move(storage), dtype, Dims(shape), elements));
  impl->device = device.type;
  return Tensor(std::move(impl));
}

void TensorImpl::rebind(Ref<Storage> to, DType dtype, Ints shape, Ints strides, int64_t offset) {
  if (storage.get() != to.get() && !own_version) {
    own_version = Ref<OwnVersion>::adopt(new OwnVersion());
    // Where nobody else counts by the former storage, its bytes need not be kept.
    if (storage->use_count() == 1)
      own_version->version = storage->version();
    else
      own_version->former = storage;
  }
  storage = std::move(to);
  this->dtype = dtype;
  this->shape = Dims(shape);  // may be views of this very tensor's: copied first
  this->strides = Dims(strides);
  this->offset = offset;
  update_layout();
}

Tensor make_tensor_like(const TensorImpl& like, DType dtype) {
  if (size_of(dtype) > size_of(like.dtype) || like.device == DeviceType::Meta) {
    return make_tensor(like.shape, dtype, {like.device, -1});  // the bytes might overflow
  }
  Ref<Storage> storage = Storage::allocate(size_t(like.elements * size_of(dtype)));
  return Tensor(
      Ref<TensorImpl>::adopt(new TensorImpl(std::move(storage), dtype, like.shape, like.elements)));
}

Tensor make_tensor(Ref<Storage> storage, DType dtype, std::span<const int64_t> shape,
                   std::span<const int64_t> strides, int64_t offset) {
  return Tensor(
      Ref<TensorImpl>::adopt(new TensorImpl(std::move(storage), dtype, shape, strides, offset)));
}

Tensor wrapped_number(const Scalar& number) {
  // In full precision; it promotes like the default dtype all the same.
  return wrapped_number(number, number.is_float() ? DType::Float64 : number.dtype());
}

Tensor wrapped_number(const Scalar& number, DType dtype) {
  Tensor tensor = make_tensor({}, dtype);
  dispatch(dtype, [&]<class T>(CppType<T>) { *tensor.data<T>() = number.to<T>(); });
  tensor.impl()->wrapped_number = true;
  return tensor;
}

Scalar Tensor::item_scalar() const {
  check(numel() == 1, "a Tensor with ", numel(), " elements cannot be converted to Scalar");
  check(device().type == DeviceType::Cpu, "Tensor.item() cannot be called on meta tensors");
  return dispatch(dtype(), [&]<class T>(CppType<T>) -> Scalar {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      return double(float(*data<T>()));
    } else {
      return *data<T>();
    }
  });
}

std::string to_string(const Scalar& scalar) {
  if (scalar.is_bool()) return scalar.to<bool>() ? "True" : "False";
  if (!scalar.is_float()) return std::to_string(scalar.integer());
  char text[32];
  std::snprintf(text, sizeof text, "%g", scalar.real());
  return text;
}

std::string python_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char text[32];
  double size = std::fabs(number);
  bool scientific = size != 0 && (size < 1e-4 || size >= 1e16);
  auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  std::string result(text, std::to_chars(text, text + sizeof text, number, format).ptr);
  return scientific || result.find('.') != result.npos ? result : result + ".0";
}

Device Device::parse(std::string_view text) {
  std::string_view name = text.substr(0, text.find(':'));
  std::string_view number = name.size() < text.size() ? text.substr(name.size() + 1) : "0";
  bool has_index = name.size() < text.size();
  bool numeric =
      !number.empty() && number.size() < 4 && number.find_first_not_of("0123456789") == number.npos;
  check(numeric, "Invalid device string: '", text, "'");
  Device device;
  if (has_index) device.index = int8_t(std::stoi(std::string(number)));
  if (name == "cpu") return device;
  if (name == "meta") return device.type = DeviceType::Meta, device;
  check(!absent_device(text).empty(),
        "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, "
        "xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device "
        "string: ",
        text);
  check(name != "cuda", ErrorKind::Assertion, "Torch not compiled with CUDA enabled");
  check(name != "xpu", ErrorKind::Assertion, "Torch not compiled with XPU enabled");
  fail(ErrorKind::Runtime, "Rushlight computes on the CPU; it has no device of type ", name);
}

std::string to_string(const Device& device) {
  std::string text = device.type == DeviceType::Cpu ? "cpu" : "meta";
  if (device.index >= 0) text += ":" + std::to_string(int(device.index));
  return text;
}

}  // namespace rushlight
