#pragma once
// Exact, wrapping products of integers.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/gemm.h"
#include "runtime/parallel.h"

namespace rushlight::cpu {

/// Unsigned arithmetic of at least 32 bits wraps without being undefined or promoted to int.
template <class T>
using Wrapping = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

/// result = activation(alpha * a @ b + beta * result + bias), modulo 2^bits.
template <class T>
void integer_product(const Matrix& a, const Matrix& b, const MutableMatrix& result, Factor alpha,
                     Factor beta, const Epilogue& epilogue) {
  using U = Wrapping<T>;
  constexpr int64_t kBlock = 256;  // columns whose sums stay in the first-level cache
  const T* a_data = static_cast<const T*>(a.data);
  const T* b_data = static_cast<const T*>(b.data);
  const T* bias = static_cast<const T*>(epilogue.bias);
  auto* c_data = static_cast<T*>(result.data);

  auto row_block = [&](int64_t i, int64_t j0, int64_t width) {
    U sums[kBlock] = {};
    for (int64_t k = 0; k < a.columns; ++k) {
      const U scale = U(a_data[i * a.row_stride + k * a.column_stride]);
      const T* row = b_data + k * b.row_stride + j0 * b.column_stride;
      if (b.column_stride == 1) {
        for (int64_t j = 0; j < width; ++j) sums[j] += scale * U(row[j]);
      } else {
        for (int64_t j = 0; j < width; ++j) sums[j] += scale * U(row[j * b.column_stride]);
      }
    }
    T* c = c_data + i * result.row_stride + j0 * result.column_stride;
    for (int64_t j = 0; j < width; ++j, c += result.column_stride) {
      U value = U(alpha.integral) * sums[j];
      if (beta.integral != 0) value += U(beta.integral) * U(*c);
      if (bias) value += U(bias[(j0 + j) * epilogue.bias_stride]);
      *c = T(value);
      if (epilogue.activation == Activation::Relu) *c = std::max(*c, T(0));
    }
  };
  const int64_t row_work = result.columns * std::max<int64_t>(a.columns, 1);
  parallel_for(result.rows, (1 << 16) / row_work + 1, [&](int64_t begin, int64_t end) {
    for (int64_t j = 0; j < result.columns; j += kBlock) {
      for (int64_t i = begin; i < end; ++i) row_block(i, j, std::min(kBlock, result.columns - j));
    }
  });
}

}  // namespace rushlight::cpu
