#pragma once
// Copies and fills outside the call path: no autograd, no version.

#include <rushlight/tensor.h>

namespace rushlight {

/// Throws PyTorch's error if `value` is out of the range of `dtype`. As there, -255 to -1 wrap in
/// uint8, anything goes into bool, and infinity and NaN go into every floating dtype.
void check_fits(const Scalar& value, DType dtype);

/// Whether there are elements to read and write: a tensor on the meta device has none.
inline bool has_values(const Tensor& tensor) { return tensor.impl()->device == DeviceType::Cpu; }

/// Throws PyTorch's error if the values of a tensor decide what an operation gives, and it has
/// none.
void check_has_values(const Tensor& tensor, std::string_view operation);

/// Sets every element to `value`; throws if it doesn't fit the dtype.
void fill_elements(const Tensor& tensor, const Scalar& value);

/// Strides of an image batch (N, C, H, W) whose channels lie together. Throws for other ranks.
Dims channels_last_strides(std::span<const int64_t> shape);

/// Whether an image batch is laid out so. Throws for other ranks.
bool is_channels_last(const Tensor& tensor);

/// A new tensor with the given strides, in elements.
Tensor make_strided(std::span<const int64_t> shape, std::span<const int64_t> strides, DType dtype,
                    Device device = kCpu);

/// A new tensor of the shape of `input`, laid out as `format` says (like `input` by default).
Tensor make_layout(const Tensor& input, DType dtype, std::optional<MemoryFormat> format,
                   std::optional<Device> device = {});

}  // namespace rushlight
