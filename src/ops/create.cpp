// New tensors from sizes and numbers.

#include <rushlight/operators.h>

#include "ops/pointwise.h"

namespace rushlight {

namespace {

Tensor filled(std::span<const int64_t> size, const Scalar& value, DType dtype,
              std::optional<Device> device) {
  Tensor result = make_tensor(size, dtype, device.value_or(kCpu));
  result.fill_(value);
  result.impl()->storage->version() = Version();  // creation is not a write
  return result;
}

}  // namespace

constinit const Op op::empty = {
    .schema = "empty(int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of uninitialised elements.",
    .examples = "empty(0, 3)",
    .forward = run([](Ints size, std::optional<DType> dtype, std::optional<Device> device) {
      return make_tensor(size, dtype.value_or(default_dtype()), device.value_or(kCpu));
    }),
};

constinit const Op op::empty_strided = {
    .schema =
        "empty_strided(int[] size, int[] stride, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of uninitialised elements, laid out with the given strides (in elements).",
    .examples = "empty_strided((0, 3), (3, 1))",
    .forward =
        run([](Ints size, Ints stride, std::optional<DType> dtype, std::optional<Device> device) {
          check(size.size() == stride.size(), "mismatch in length of strides and shape");
          int64_t last = 0;
          for (size_t i = 0; i < size.size(); ++i) {
            check(stride[i] >= 0, "Tensor: negative strides not supported");
            last += std::max<int64_t>(size[i] - 1, 0) * stride[i];
          }
          int64_t elements = count_elements(size) == 0 ? 0 : last + 1;
          Tensor flat =
              make_tensor({{elements}}, dtype.value_or(default_dtype()), device.value_or(kCpu));
          Tensor result = make_tensor(flat.impl()->storage, flat.dtype(), size, stride, 0);
          result.impl()->device = flat.impl()->device;
          return result;
        }),
};

constinit const Op op::zeros = {
    .schema = "zeros(int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of zeros.",
    .examples = "zeros(2, 3)",
    .forward = run([](Ints size, std::optional<DType> dtype, std::optional<Device> device) {
      return filled(size, 0, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::ones = {
    .schema = "ones(int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of ones.",
    .examples = "ones(2, 3)",
    .forward = run([](Ints size, std::optional<DType> dtype, std::optional<Device> device) {
      return filled(size, 1, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::zeros_like = {
    .schema =
        "zeros_like(Tensor input, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "Zeros of the shape, dtype and layout of `input`.",
    .examples = "zeros_like(randn(2, 3))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, std::optional<DType> dtype, std::optional<Device>,
                      std::optional<MemoryFormat>) {
      Tensor result = make_like(input, dtype.value_or(input.dtype()));
      result.zero_();
      result.impl()->storage->version() = Version();
      return result;
    }),
};

constinit const Op op::ones_like = {
    .schema =
        "ones_like(Tensor input, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "Ones of the shape, dtype and layout of `input`.",
    .examples = "ones_like(randn(2, 3))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, std::optional<DType> dtype, std::optional<Device>,
                      std::optional<MemoryFormat>) {
      Tensor result = make_like(input, dtype.value_or(input.dtype()));
      result.fill_(1);
      result.impl()->storage->version() = Version();
      return result;
    }),
};

}  // namespace rushlight
