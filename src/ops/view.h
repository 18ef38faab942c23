#pragma once
// What operations that return views share.

#include "ops/op.h"

namespace rushlight {

/// The storage of `input`, seen with another shape; `offset` in elements of the storage.
Tensor view_of(const Tensor& input, std::span<const int64_t> shape,
               std::span<const int64_t> strides, int64_t offset);
inline Tensor view_of(const Tensor& input, std::span<const int64_t> shape,
                      std::span<const int64_t> strides) {
  return view_of(input, shape, strides, input.storage_offset());
}

/// Where a view lies in its base.
struct Geometry {
  Dims shape, strides;
  int64_t offset = 0;

  explicit Geometry(const Tensor& tensor)
      : shape(tensor.shape()), strides(tensor.strides()), offset(tensor.storage_offset()) {}
  /// Of a tensor of this shape in row-major order.
  explicit Geometry(std::span<const int64_t> shape)
      : shape(shape), strides(contiguous_strides(shape)) {}

  void remove(int64_t dim) {
    shape.erase(size_t(dim));
    strides.erase(size_t(dim));
  }
  Tensor of(const Tensor& input) const { return view_of(input, shape, strides, offset); }
  /// Zeros of shape `base`, row-major, with `grad` where this geometry lies: the gradient of a
  /// view.
  Tensor place(const Tensor& grad, Ints base) const;
};

/// True if two elements of such a tensor may be the same memory.
bool may_overlap_itself(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// The part [start, end) of a dim of `size`, both counted from the end if negative and clamped.
struct Range {
  int64_t start, length;
  Range(int64_t size, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step);
};

/// `.forward` of the copy of a view: its results, in row-major order and memory of their own.
template <const Op& view>
void copy_of_view(Call& call) {
  view.forward(call);
  for (Tensor& result : call.results.tensors) result = result.clone(MemoryFormat::Contiguous);
}
/// Its `.backward`.
template <const Op& view>
void backward_of(Backward& backward) {
  view.backward(backward);
}

/// One index of a dim, which goes; and a range of a dim.
Geometry selected(Geometry geometry, int64_t dim, int64_t index);
Geometry sliced(Geometry geometry, int64_t dim, const Range& range, int64_t step);

}  // namespace rushlight
