#pragma once
// Orders of rows: sorting and choosing. NaN counts as larger than everything, -0 equals +0.

#include <cstdint>

#include "rushlight/dtype.h"

namespace rushlight {

/// Sorts each of `rows` contiguous rows of `n` elements, stably. `indices` says where each came
/// from. Radix sort on keys that order as the values do.
void run_sort(DType dtype, int64_t rows, int64_t n, bool descending, const void* input,
              void* values, int64_t* indices);

/// The `k` largest (or smallest) of each row, best first; equal ones in the order in which
/// libstdc++'s selection leaves them, as PyTorch has it.
void run_topk(DType dtype, int64_t rows, int64_t n, int64_t k, bool largest, const void* input,
              void* values, int64_t* indices);

/// Element number `k` (from 0) of each row if it were sorted, and the first place where that value
/// is found.
void run_kth(DType dtype, int64_t rows, int64_t n, int64_t k, const void* input, void* values,
             int64_t* indices);

/// The median: element (n - 1) / 2 in order. If `skip_nan`, of the numbers that are not NaN;
/// otherwise a row with NaN gives its first NaN.
void run_median(DType dtype, int64_t rows, int64_t n, bool skip_nan, const void* input,
                void* values, int64_t* indices);

/// The most frequent value of each row (the smallest of several) and its last place.
void run_mode(DType dtype, int64_t rows, int64_t n, const void* input, void* values,
              int64_t* indices);

}  // namespace rushlight
