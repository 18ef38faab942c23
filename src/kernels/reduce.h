#pragma once
// Reductions and scans. Results depend on the shape and the values alone, not on threads or SIMD.

#include <cstdint>
#include <span>

#include "kernels/operand.h"

namespace rushlight {

enum class Reduction : uint8_t {
  Sum,
  NanSum,  ///< NaN counts as 0
  Mean,
  Prod,
  Max,  ///< NaN if any is; with `indices`, the index of the first
  Min,
  ArgMax,  ///< the output holds the index (int64) of the first maximum, or of the first NaN
  ArgMin,
  Any,
  All,
  CountNonzero,
  SumOfSquares,
  SumOfAbs,
};

/// Reduces `input`, of `shape`, over the dims where `output` has stride 0 and size above 1 does not
/// matter: mark reduced dims with stride 0 and no others (a kept dim of size 1 may have any
/// stride). Elements are converted to `compute` (float16 and bfloat16 accumulate in float32) and
/// the result to the output's dtype. An integer index counts in the reduced dims, in order of the
/// shape. `indices`, int64 with the output's reduced dims, is filled for Max and Min only. Reducing
/// no elements stores 0 for sums and counts, 1 for Prod, false for Any, true for All and NaN for
/// Mean; for Max, Min and their indices it is the caller's to refuse.
void run_reduce(Reduction reduction, DType compute, std::span<const int64_t> shape,
                const Operand& input, const Operand& output, const Operand* indices = nullptr);

/// Variance over the dims where `variance` has stride 0: the sum of squared deviations over
/// max(0, count - correction), or its square root. `mean`, with the same reduced dims, is stored if
/// not null. Accumulates in float64, in one numerically sound pass; NaN for no elements.
void run_variance(DType compute, std::span<const int64_t> shape, const Operand& input,
                  double correction, bool square_root, const Operand& variance,
                  const Operand* mean = nullptr);

enum class Scan : uint8_t { Sum, Prod, Max, Min, LogSumExp };

/// Running reduction along `dim`. `indices` (int64) is filled for Max and Min only, with the last
/// index of equal elements, as PyTorch's cummax does.
void run_scan(Scan scan, DType compute, std::span<const int64_t> shape, int dim,
              const Operand& input, const Operand& output, const Operand* indices = nullptr);

}  // namespace rushlight
