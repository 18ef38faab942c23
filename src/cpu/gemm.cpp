// The matrix product's front door: checks, dtypes, layouts of the result, batches.

#include "kernels/gemm.h"

#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/gemm_integer.h"
#include "cpu/scratch.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight::cpu {
namespace {

void check_shapes(DType dtype, const Matrix& a, const Matrix& b, const MutableMatrix& result) {
  if (dtype == DType::Bool) [[unlikely]] {
    fail(ErrorKind::NotImplemented,
         "\"matmul\" not implemented for 'Bool' (convert to an integer or floating dtype first)");
  }
  if (a.columns != b.rows) [[unlikely]] {
    fail(ErrorKind::Runtime, "mat1 and mat2 shapes cannot be multiplied (", a.rows, "x", a.columns,
         " and ", b.rows, "x", b.columns, ")");
  }
  if (result.rows != a.rows || result.columns != b.columns) [[unlikely]] {
    fail(ErrorKind::Runtime, "gemm: the result is ", result.rows, "x", result.columns,
         "; expected ", a.rows, "x", b.columns);
  }
}

/// A product whose result may have any strides.
template <class T>
void any_layout_product(const Product<T>& p) {
  if (p.n == 1) return vector_product(p);
  if (p.m == 1) return vector_product(p.transposed());
  if (p.c_column == 1) return matrix_product(p);
  if (p.c_row == 1) return matrix_product(p.transposed());
  Scratch<T> dense(p.m * p.n);
  Product<T> product = p;
  product.c = dense.data();
  product.c_row = p.n;
  product.c_column = 1;
  if (p.beta != T(0)) {
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        product.c[i * p.n + j] = p.c[i * p.c_row + j * p.c_column];
      }
    }
  }
  matrix_product(product);
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) p.c[i * p.c_row + j * p.c_column] = dense.data()[i * p.n + j];
  }
}

template <class T>
void floating_product(const Matrix& a, const Matrix& b, const MutableMatrix& result, Factor alpha,
                      Factor beta, const Epilogue& epilogue) {
  const T* bias = static_cast<const T*>(epilogue.bias);
  const bool copy_bias = bias && epilogue.bias_stride != 1;
  Scratch<T> dense_bias(copy_bias ? result.columns : 0);
  if (copy_bias) {
    for (int64_t j = 0; j < result.columns; ++j) {
      dense_bias.data()[j] = bias[j * epilogue.bias_stride];
    }
    bias = dense_bias.data();
  }
  any_layout_product(Product<T>{
      .m = result.rows,
      .n = result.columns,
      .k = a.columns,
      .a = static_cast<const T*>(a.data),
      .a_row = a.row_stride,
      .a_k = a.column_stride,
      .b = static_cast<const T*>(b.data),
      .b_k = b.row_stride,
      .b_column = b.column_stride,
      .c = static_cast<T*>(result.data),
      .c_row = result.row_stride,
      .c_column = result.column_stride,
      .alpha = T(alpha.floating),
      .beta = T(beta.floating),
      .bias = bias,
      .bias_by_row = false,
      .relu = epilogue.activation == Activation::Relu,
  });
}

/// Widens a matrix of 16-bit floats; the copy keeps whichever dim was adjacent in memory so.
template <class Half>
Matrix widen(const Matrix& from, float* to) {
  const bool by_column = from.row_stride == 1 && from.column_stride != 1;
  const Matrix view = by_column ? from.transposed() : from;
  const auto* data = static_cast<const Half*>(view.data);
  for (int64_t i = 0; i < view.rows; ++i) {
    const Half* row = data + i * view.row_stride;
    float* out = to + i * view.columns;
    for (int64_t j = 0; j < view.columns; ++j) out[j] = float(row[j * view.column_stride]);
  }
  const Matrix dense{to, view.rows, view.columns, view.columns, 1};
  return by_column ? dense.transposed() : dense;
}

template <class Half>
void half_product(const Matrix& a, const Matrix& b, const MutableMatrix& result, Factor alpha,
                  Factor beta, Epilogue epilogue) {
  const int64_t m = result.rows, n = result.columns, k = a.columns;
  Scratch<float> wide(m * k + k * n + m * n + n);
  float* wide_b = wide.data() + m * k;
  float* wide_c = wide_b + k * n;
  float* wide_bias = wide_c + m * n;
  if (beta.floating != 0) {
    widen<Half>({result.data, m, n, result.row_stride, result.column_stride}, wide_c);
  }
  if (epilogue.bias) {
    widen<Half>({epilogue.bias, 1, n, 0, epilogue.bias_stride}, wide_bias);
    epilogue.bias = wide_bias;
    epilogue.bias_stride = 1;
  }
  // widen() lays c out as the result is.
  const bool by_column = result.row_stride == 1 && result.column_stride != 1;
  const MutableMatrix c{wide_c, m, n, by_column ? 1 : n, by_column ? m : 1};
  floating_product<float>(widen<Half>(a, wide.data()), widen<Half>(b, wide_b), c, alpha, beta,
                          epilogue);
  auto* out = static_cast<Half*>(result.data);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      out[i * result.row_stride + j * result.column_stride] =
          Half(wide_c[i * c.row_stride + j * c.column_stride]);
    }
  }
}

void product(DType dtype, const Matrix& a, const Matrix& b, const MutableMatrix& result,
             Factor alpha, Factor beta, const Epilogue& epilogue) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>) {
      floating_product<T>(a, b, result, alpha, beta, epilogue);
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      integer_product<T>(a, b, result, alpha, beta, epilogue);
    } else if constexpr (!std::is_same_v<T, bool>) {
      half_product<T>(a, b, result, alpha, beta, epilogue);
    }
  });
}

template <class Pointer>
Pointer advance(Pointer data, int64_t elements, DType dtype) {
  using Byte =
      std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  return static_cast<Byte*>(data) + elements * size_of(dtype);
}

}  // namespace

void gemm(DType dtype, const Matrix& a, const Matrix& b, const MutableMatrix& result, Factor alpha,
          Factor beta, const Epilogue* epilogue) {
  check_shapes(dtype, a, b, result);
  if (result.rows == 0 || result.columns == 0) return;
  product(dtype, a, b, result, alpha, beta, epilogue ? *epilogue : Epilogue{});
}

void batched_gemm(DType dtype, const Batch& batch, const Matrix& a, const Matrix& b,
                  const MutableMatrix& result, Factor alpha, Factor beta,
                  const Epilogue* epilogue) {
  check_shapes(dtype, a, b, result);
  int64_t count = 1;
  for (int d = 0; d < batch.dims; ++d) count *= batch.sizes[d];
  if (count == 0 || result.rows == 0 || result.columns == 0) return;
  auto one = [&](int64_t index) {
    Matrix x = a, y = b;
    MutableMatrix z = result;
    for (int d = batch.dims - 1; d >= 0; --d) {
      const int64_t i = index % batch.sizes[d];
      index /= batch.sizes[d];
      x.data = advance(x.data, i * batch.a_strides[d], dtype);
      y.data = advance(y.data, i * batch.b_strides[d], dtype);
      z.data = advance(z.data, i * batch.result_strides[d], dtype);
    }
    product(dtype, x, y, z, alpha, beta, epilogue ? *epilogue : Epilogue{});
  };
  // Few large products share out each one; many small ones are shared out whole.
  const double work = double(result.rows) * double(result.columns) * double(a.columns);
  if (count < 16 && work > 1e7) {
    for (int64_t i = 0; i < count; ++i) one(i);
    return;
  }
  parallel_for(count, int64_t(1e6 / (work + 1000)) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

}  // namespace rushlight::cpu
