#pragma once
// What the parts of the matrix product share: a typed, checked, normalised product.

#include <cstdint>

namespace rushlight::cpu {

/// c (m, n) = activation(alpha * a (m, k) @ b (k, n) + beta * c + bias), T float or double.
/// Operand strides are free; c has unit column stride (vector products: any strides).
template <class T>
struct Product {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k, b_column;
  T* c;
  int64_t c_row, c_column;
  T alpha, beta;
  const T* bias;     // contiguous, or null
  bool bias_by_row;  // bias[i] instead of bias[j]: the product was transposed
  bool relu;

  Product transposed() const {
    return {n,        m,     k,     b,    b_column, b_k,          a,   a_k, a_row, c,
            c_column, c_row, alpha, beta, bias,     !bias_by_row, relu};
  }
};

/// Elements of k summed by one chain of fused multiply-adds: part of the definition of a result.
inline constexpr int64_t kDepthBlock = 256;

/// Products with m > 1 and n > 1.
void matrix_product(const Product<float>& product);
void matrix_product(const Product<double>& product);

/// Products with n == 1.
void vector_product(const Product<float>& product);
void vector_product(const Product<double>& product);

}  // namespace rushlight::cpu
