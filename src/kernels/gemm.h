#pragma once
// Matrix products on raw memory: result = alpha * a @ b + beta * result.
//
// Every element of a result is summed in an order that depends on the shape alone, never on
// strides, threads or the width of the SIMD unit (on targets with fused multiply-add):
// - rows > 1 and columns > 1: k in order within blocks of 256, the blocks in order;
// - one row or one column: 64 interleaved partial sums (k mod 64) within blocks of 65,536, joined
// by
//   a fixed tree, the blocks in order.
// float16 and bfloat16 are multiplied and summed in float32 and rounded once. Integers wrap.

#include <cstdint>
#include <type_traits>

#include "rushlight/dtype.h"

namespace rushlight::cpu {

/// A read-only matrix. Strides count elements and may be anything, zero and negative included.
struct Matrix {
  const void* data;
  int64_t rows, columns, row_stride, column_stride;

  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};

/// A matrix that is written: its elements must be distinct and overlap no operand.
struct MutableMatrix {
  void* data;
  int64_t rows, columns, row_stride, column_stride;

  MutableMatrix transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};

/// A scalar factor, exact for integer products as well as floating-point ones.
struct Factor {
  double floating;
  int64_t integral;

  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Factor(T value) : floating(double(value)), integral(to_integral(value)) {}

 private:
  // Out-of-range and NaN become 0: integer products never see such a factor.
  template <class T>
  static constexpr int64_t to_integral(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      return value >= T(-0x1p63) && value < T(0x1p63) ? int64_t(value) : 0;
    } else {
      return int64_t(value);
    }
  }
};

enum class Activation : uint8_t { None, Relu };

/// What is applied to each element before it is stored: activation(element + bias[column]).
struct Epilogue {
  const void* bias = nullptr;  ///< one value a column, of the product's dtype; null for none
  int64_t bias_stride = 1;     ///< in elements
  Activation activation = Activation::None;
};

/// The leading dims of a batched product; strides count elements, 0 broadcasts an operand.
struct Batch {
  int dims;
  const int64_t* sizes;
  const int64_t* a_strides;
  const int64_t* b_strides;
  const int64_t* result_strides;
};

/// result (m, n) = activation(alpha * a (m, k) @ b (k, n) + beta * result + bias). With beta = 0
/// `result` is never read. Shapes must agree (checked). Bool is refused: NotImplemented.
/// Blocking after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
/// (2008).
void gemm(DType dtype, const Matrix& a, const Matrix& b, const MutableMatrix& result,
          Factor alpha = 1, Factor beta = 0, const Epilogue* epilogue = nullptr);

/// The same for each index of `batch`; a, b and result describe the first matrix of each.
void batched_gemm(DType dtype, const Batch& batch, const Matrix& a, const Matrix& b,
                  const MutableMatrix& result, Factor alpha = 1, Factor beta = 0,
                  const Epilogue* epilogue = nullptr);

}  // namespace rushlight::cpu
