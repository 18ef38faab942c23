#pragma once
// What reductions share: the layout of their result, and how gradients spread back over it.

#include "kernels/reduce.h"
#include "ops/pointwise.h"

namespace rushlight {

/// The result of reducing some dims: its shape, and its strides over the shape of the input.
struct Reduced {
  Dims flags;    ///< by dim of the input: 1 if it is reduced
  Dims shape;    ///< of the result
  Dims strides;  ///< of the result, by dim of the input; 0 where reduced
};
Reduced reduced_layout(const Tensor& input, std::span<const int64_t> dims, bool keepdim);

/// Runs a reduction over `dims` (all if empty) into a new tensor.
Tensor reduce(Reduction reduction, const Tensor& input, std::span<const int64_t> dims, bool keepdim,
              DType compute, DType result_dtype);

/// A reduced tensor seen again with the shape from which it was reduced.
Tensor unreduce(const Tensor& tensor, std::span<const int64_t> shape, std::span<const int64_t> dims,
                bool keepdim);

}  // namespace rushlight
