#include <rushlight/tensor.h>

#include <atomic>

namespace rushlight {

namespace {

std::atomic<DType> g_default_dtype{DType::Float32};

}  // namespace

DType default_dtype() { return g_default_dtype.load(std::memory_order_relaxed); }

void set_default_dtype(DType dtype) {
  check(is_floating(dtype), ErrorKind::Type,
        "only floating-point types are supported as the default type");
  g_default_dtype = dtype;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  // Now a < b in the order of the enumeration, which is the order of promotion but for two pairs:
  // neither can hold all values of the other, so the next larger type is taken.
  if (a == DType::UInt8 && b == DType::Int8) return DType::Int16;
  if (a == DType::Float16 && b == DType::BFloat16) return DType::Float32;
  return b;
}

namespace {

int merge(int so_far, DType dtype) {
  return so_far < 0 ? int(dtype) : int(promote(DType(so_far), dtype));
}

// Bool < integers < floating point: a lower-ranked operand with dims keeps out a higher-ranked
// number only if its own category is at least as high.
int category(int dtype) {
  return dtype < 0 ? -1 : is_floating(DType(dtype)) ? 2 : DType(dtype) == DType::Bool ? 0 : 1;
}

int combine_categories(int higher, int lower) {
  if (category(higher) >= category(lower)) return higher;
  return higher < 0 ? lower : int(promote(DType(higher), DType(lower)));
}

}  // namespace

void Promotion::add(const Tensor& tensor) {
  DType dtype = tensor.dtype();
  if (tensor.impl()->wrapped_number) {
    numbers_ = merge(numbers_, is_floating(dtype) ? default_dtype() : dtype);
  } else if (tensor.dim() == 0) {
    zero_dims_ = merge(zero_dims_, dtype);
  } else {
    dims_ = merge(dims_, dtype);
  }
}

void Promotion::add(const Scalar& scalar) { numbers_ = merge(numbers_, scalar.dtype()); }

DType Promotion::result() const {
  int result = combine_categories(dims_, combine_categories(zero_dims_, numbers_));
  return result < 0 ? default_dtype() : DType(result);
}

}  // namespace rushlight
