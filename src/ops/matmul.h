#pragma once
// What the matrix products share.

#include "cpu/gemm.h"
#include "kernels/gemm.h"
#include "ops/pointwise.h"

namespace rushlight {

/// A 2-D tensor as the kernels see it, read transposed if asked.
inline cpu::Matrix matrix_of(const Tensor& tensor, bool transpose = false) {
  const TensorImpl* impl = tensor.impl();
  size_t r = impl->shape.size() - 2 + transpose, c = impl->shape.size() - 1 - transpose;
  return {tensor.data(), impl->shape[r], impl->shape[c], impl->strides[r], impl->strides[c]};
}
inline cpu::MutableMatrix mutable_matrix_of(const Tensor& tensor) {
  cpu::Matrix matrix = matrix_of(tensor);
  return {tensor.data(), matrix.rows, matrix.columns, matrix.row_stride, matrix.column_stride};
}
/// A vector as one column.
inline cpu::Matrix column_of(const Tensor& vector) {
  return {vector.data(), vector.numel(), 1, vector.dim() == 0 ? 0 : vector.strides()[0], 1};
}

inline cpu::Factor factor_of(const Scalar& scalar) {
  return scalar.is_float() ? cpu::Factor(scalar.real()) : cpu::Factor(scalar.integer());
}

/// Throws "mat1 and mat2 shapes cannot be multiplied", and which transposition would fit.
void check_multiply(const Tensor& a, const Tensor& b, bool transpose_b = false);

/// Throws PyTorch's `"kernel" not implemented for 'Bool'`.
void refuse_bool(const char* kernel, DType dtype);

/// result = alpha * a @ b + beta * result for each index of the leading dims, which broadcast.
void batched_product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                     const Tensor& result, const Scalar& alpha = 1, const Scalar& beta = 0);

}  // namespace rushlight
