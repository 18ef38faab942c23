#pragma once
// What operations share that choose elements along a dim: max, median, sort, topk and their kin.

#include "ops/op.h"

namespace rushlight {

/// Gradient of an operation with the parameters `input`, `dim` and `keepdim` that chose one element
/// a row: the gradient arrives where `indices` say, elsewhere 0.
Tensor chosen_gradient(Backward& b, const Tensor& indices);

/// Zeros of the shape of `grad` but for `size` along `dim`, to which it is added at `indices`.
Tensor spread(const Tensor& grad, const Tensor& indices, int64_t dim, int64_t size);

/// Gradient of a value that was reduced over `dims` (all if empty) from `input` and saved as
/// `result`: all elements that have the value share it.
Tensor shared_gradient(Backward& b, Ints dims, bool keepdim);

/// Throws PyTorch's IndexError if there is nothing to choose from along `dim`.
void check_not_empty(const Tensor& input, int64_t dim, const char* name);

}  // namespace rushlight
