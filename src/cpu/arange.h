#pragma once
// Fills of contiguous buffers with evenly spaced numbers, as PyTorch computes them.

#include <cstdint>

#include "rushlight/dtype.h"
#include "rushlight/scalar.h"

namespace rushlight::cpu {

/// start + i * step: in double for float32 and float64, in float for the halves, else in int64. The
/// roundings are those of PyTorch on AVX2, which depend on the place of an element in its block.
void fill_arange(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& step);

/// The same, every element rounded by itself: torch.range.
void fill_range(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& step);

/// n numbers (2 or more) from start to end, in the arithmetic of the dtype (integers: double). The
/// first half counts up from start and the second down from end, so that both ends are exact.
void fill_linspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end);

/// base to the power of n numbers (2 or more) from start to end, computed in double.
void fill_logspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end,
                   double base);

}  // namespace rushlight::cpu
