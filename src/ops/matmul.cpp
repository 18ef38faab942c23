// Products of matrices and vectors. The two private products at the top are the primitives: they
// read either operand transposed, so that no formula needs a transposed copy or view.

#include "ops/matmul.h"

#include <rushlight/operators.h>

#include "ops/copy.h"

namespace rushlight {

void check_multiply(const Tensor& a, const Tensor& b, bool transpose_b) {
  int64_t rows = b.shape()[transpose_b], columns = b.shape()[!transpose_b];
  int64_t inner = a.shape()[1];
  if (inner == rows) [[likely]]
    return;
  std::string help =
      ": the second needs " + std::to_string(inner) + " rows, one for each column of the first";
  if (transpose_b)
    help = ": the input ends in " + std::to_string(inner) +
           " features, the weight (out, in) takes " + std::to_string(rows);
  else if (inner == columns)
    help += "; did you mean b.T?";
  else if (a.shape()[0] == rows)
    help += "; did you mean a.T?";
  fail(ErrorKind::Runtime, "mat1 and mat2 shapes cannot be multiplied (", a.shape()[0], "x", inner,
       " and ", rows, "x", columns, ")", help);
}

void refuse_bool(const char* kernel, DType dtype) {
  check(dtype != DType::Bool, ErrorKind::NotImplemented, "\"", kernel,
        "\" not implemented for 'Bool'; convert to an integer or floating dtype first");
}

void batched_product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                     const Tensor& result, const Scalar& alpha, const Scalar& beta) {
  if (result.impl()->device == DeviceType::Meta) return;
  size_t dims = result.shape().size() - 2;
  Ints sizes = result.shape().first(dims);
  auto strides_of = [&](const Tensor& tensor) {
    size_t own = tensor.shape().size() - 2;
    return broadcast_strides(tensor.shape().first(own), tensor.strides().first(own), sizes);
  };
  Dims a_strides = strides_of(a), b_strides = strides_of(b);
  cpu::Batch batch{int(dims), sizes.data(), a_strides.data(), b_strides.data(),
                   result.strides().data()};
  cpu::batched_gemm(result.dtype(), batch, matrix_of(a, transpose_a), matrix_of(b, transpose_b),
                    mutable_matrix_of(result), factor_of(alpha), factor_of(beta));
}

namespace {

/// Where a product of matrices is: it has no elements if a factor has none.
Device device_of_product(const Tensor& a, const Tensor& b) {
  return has_values(a) ? b.device() : a.device();
}

Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  Tensor result = make_tensor({{a.shape()[transpose_a], b.shape()[!transpose_b]}}, a.dtype(),
                              device_of_product(a, b));
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::gemm(a.dtype(), matrix_of(a, transpose_a), matrix_of(b, transpose_b),
            mutable_matrix_of(result));
  return result;
}

Tensor multiply_all(const Tensor& a, const Tensor& b) {
  check(a.dim() == 2, "self must be a matrix; got the shape ", to_string(a.shape()));
  check(b.dim() == 2, "mat2 must be a matrix; got the shape ", to_string(b.shape()));
  check_multiply(a, b);
  check(a.dtype() == b.dtype(),
        "expected m1 and m2 to have the same dtype, but got: ", type_name(a.dtype()),
        " != ", type_name(b.dtype()));
  refuse_bool("addmm_impl_cpu_", a.dtype());
  return product(a, false, b, false);
}

Tensor batched(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  Dims shape = broadcast_shapes(a.shape().first(a.shape().size() - 2),
                                b.shape().first(b.shape().size() - 2));
  int64_t batches = count_elements(shape);
  shape.push_back(a.size(transpose_a ? -1 : -2));
  shape.push_back(b.size(transpose_b ? -2 : -1));
  int64_t inner = a.size(transpose_a ? -2 : -1), rows = b.size(transpose_b ? -1 : -2);
  check(inner == rows, "Expected size for first two dimensions of batch2 tensor to be: [", batches,
        ", ", inner, "] but got: [", batches, ", ", rows, "]. The shapes are ",
        to_string(a.shape()), " and ", to_string(b.shape()));
  check(a.dtype() == b.dtype(), "expected scalar type ", info(a.dtype()).spoken, " but found ",
        info(b.dtype()).spoken);
  refuse_bool("bmm", a.dtype());
  Tensor result = make_tensor(shape, a.dtype(), device_of_product(a, b));
  batched_product(a, transpose_a, b, transpose_b, result);
  return result;
}

Tensor multiply_vector(const Tensor& matrix, const Tensor& vector) {
  check(matrix.dim() == 2 && vector.dim() == 1, "vector + matrix @ vector expected, got 1, ",
        matrix.dim(), ", ", vector.dim());
  check(matrix.shape()[1] == vector.shape()[0], "size mismatch, got input (", matrix.shape()[0],
        "), mat (", times_string(matrix.shape()), "), vec (", vector.shape()[0], ")");
  check(matrix.dtype() == vector.dtype(), "addmv input tensors must have the same dtype, but got ",
        info(vector.dtype()).spoken, ", ", info(matrix.dtype()).spoken, ", and ",
        info(vector.dtype()).spoken);
  refuse_bool("addmv_impl_cpu", matrix.dtype());
  Tensor result = make_tensor(matrix.shape().first(1), matrix.dtype(), matrix.device());
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::gemm(matrix.dtype(), matrix_of(matrix), column_of(vector),
            {result.data(), result.numel(), 1, 1, 1});
  return result;
}

Tensor inner_product(const Tensor& a, const Tensor& b, const char* name) {
  check(a.dim() == 1 && b.dim() == 1, "1D tensors expected, but got ", a.dim(), "D and ", b.dim(),
        "D tensors");
  check(a.dtype() == b.dtype(), "dot : expected both vectors to have same dtype, but found ",
        info(a.dtype()).spoken, " and ", info(b.dtype()).spoken);
  check(a.numel() == b.numel(), "inconsistent tensor size, expected tensor [", a.numel(),
        "] and src [", b.numel(), "] to have the same number of elements, but got ", a.numel(),
        " and ", b.numel(), " elements respectively");
  refuse_bool(name, a.dtype());
  Tensor result = make_tensor({}, a.dtype(), a.device());
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::gemm(a.dtype(), column_of(a).transposed(), column_of(b), {result.data(), 1, 1, 1, 1});
  return result;
}

void dot_backward(Backward& b, Name first, Name second) {
  b.wrt(first, [&] { return b.grad() * b.saved(second); });
  b.wrt(second, [&] { return b.grad() * b.saved(first); });
}

/// The leading dims of `tensor`, then `tail`.
Dims with_tail(const Tensor& tensor, std::initializer_list<int64_t> tail) {
  Dims shape(tensor.shape().first(tensor.shape().size() - 1));
  for (int64_t size : tail) shape.push_back(size);
  return shape;
}

/// `a`, of three dims or more, times a matrix or vector: its leading dims are seen as one.
Tensor folded(const Tensor& a, const Tensor& b) {
  int64_t inner = a.size(-1);
  int64_t rows = count_elements(a.shape().first(a.shape().size() - 1));
  Tensor flat = a.reshape({rows, inner});
  if (b.dim() == 1) return rushlight::_unsafe_view(flat.mv(b), with_tail(a, {}));
  return rushlight::_unsafe_view(flat.mm(b), with_tail(a, {b.size(1)}));
}

Tensor any_product(const Tensor& a, const Tensor& b) {
  int64_t a_dims = a.dim(), b_dims = b.dim();
  if (a_dims == 2 && b_dims == 2) [[likely]]
    return a.mm(b);
  check(a_dims > 0 && b_dims > 0, "both arguments to matmul need to be at least 1D, but they are ",
        a_dims, "D and ", b_dims, "D");
  if (a_dims == 1 && b_dims == 1) return a.dot(b);
  if (a_dims == 2 && b_dims == 1) return a.mv(b);
  if (a_dims == 1 && b_dims == 2) {
    return a.unsqueeze(0).mm(b).squeeze_(0);
  }
  if (b_dims <= 2) return folded(a, b);
  if (a_dims > 1) return rushlight::_batched_product(a, b, false, false);
  Tensor result = rushlight::_batched_product(a.reshape({1, a.numel()}), b, false, false);
  Dims shape(b.shape().first(size_t(b_dims - 2)));
  shape.push_back(b.size(-1));
  return rushlight::_unsafe_view(result, shape);
}

/// Gradients of op(a) @ op(b) through the same product: valid for matrices and batches alike.
template <Tensor (*Product)(const Tensor&, const Tensor&, bool, bool)>
void product_backward(Backward& b) {
  bool transpose_a = b.flag("transpose_a"), transpose_b = b.flag("transpose_b");
  b.wrt("a", [&] {
    return transpose_a ? Product(b.saved("b"), b.grad(), transpose_b, true)
                       : Product(b.grad(), b.saved("b"), false, !transpose_b);
  });
  b.wrt("b", [&] {
    return transpose_b ? Product(b.grad(), b.saved("a"), true, transpose_a)
                       : Product(b.saved("a"), b.grad(), !transpose_a, false);
  });
}

}  // namespace

constinit const Op op::_product = {
    .schema = "_product(Tensor a, Tensor b, bool transpose_a, bool transpose_b) -> Tensor",
    .doc = "a @ b of two matrices of fitting shapes, either read transposed.",
    .examples = "",
    .variants = "private, any-device",
    .forward = run([](const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
      return product(a, transpose_a, b, transpose_b);
    }),
    .save = "a for b, b for a",
    .backward = product_backward<rushlight::_product>,
    .node = "MmBackward0",
    .transposed = "a if transpose_a, b if transpose_b",
};

constinit const Op op::_batched_product = {
    .schema = "_batched_product(Tensor a, Tensor b, bool transpose_a, bool transpose_b) -> Tensor",
    .doc = "a @ b of two batches of matrices whose leading dims broadcast.",
    .examples = "",
    .variants = "private, any-device",
    .forward = run([](const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
      return batched(a, transpose_a, b, transpose_b);
    }),
    .save = "a for b, b for a",
    .backward = product_backward<rushlight::_batched_product>,
    .node = "UnsafeViewBackward0",
};

constinit const Op op::mm = {
    .schema = "mm(Tensor input, Tensor mat2) -> Tensor",
    .doc = "The product of two matrices, (n, k) and (k, m).",
    .examples = "mm(randn(3, 4), randn(4, 2))\nmm(randn(4, 3).t(), randn(2, 4).t())",
    .variants = "any-device",
    .forward = run<multiply_all>(),
    .save = "input for mat2, mat2 for input",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return rushlight::_product(b.grad(), b.saved("mat2"), false, true); });
          b.wrt("mat2",
                [&] { return rushlight::_product(b.saved("input"), b.grad(), true, false); });
        },
};

constinit const Op op::bmm = {
    .schema = "bmm(Tensor input, Tensor mat2) -> Tensor",
    .doc = "The products of two batches of matrices, (b, n, k) and (b, k, m).",
    .examples = "bmm(randn(2, 3, 4), randn(2, 4, 5))",
    .variants = "any-device",
    .forward = run([](const Tensor& a, const Tensor& b) {
      check(a.dim() == 3, "batch1 must be a 3D tensor; got the shape ", to_string(a.shape()));
      check(b.dim() == 3, "batch2 must be a 3D tensor; got the shape ", to_string(b.shape()));
      check(a.shape()[0] == b.shape()[0],
            "Expected size for first two dimensions of batch2 tensor to be: [", a.shape()[0], ", ",
            a.shape()[2], "] but got: [", b.shape()[0], ", ", b.shape()[1], "].");
      return batched(a, false, b, false);
    }),
    .save = "input for mat2, mat2 for input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_batched_product(b.grad(), b.saved("mat2"), false, true);
          });
          b.wrt("mat2", [&] {
            return rushlight::_batched_product(b.saved("input"), b.grad(), true, false);
          });
        },
};

constinit const Op op::mv = {
    .schema = "mv(Tensor input, Tensor vec) -> Tensor",
    .doc = "The product of a matrix (n, m) and a vector (m).",
    .examples = "mv(randn(3, 4), randn(4))",
    .forward = run<multiply_vector>(),
    .save = "input for vec, vec for input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor vector = b.saved("vec");
            return b.grad().reshape({b.grad().numel(), 1}) * vector.reshape({1, vector.numel()});
          });
          b.wrt("vec", [&] {
            Tensor column = b.grad().reshape({b.grad().numel(), 1});
            return rushlight::_product(b.saved("input"), column, true, false)
                .reshape(b.shape("vec"));
          });
        },
};

constinit const Op op::dot = {
    .schema = "dot(Tensor input, Tensor tensor) -> Tensor",
    .doc = "The sum of the products of two vectors' elements.",
    .examples = "dot(randn(4), randn(4))",
    .forward = run([](const Tensor& a, const Tensor& b) { return inner_product(a, b, "dot"); }),
    .save = "input for tensor, tensor for input",
    .backward = [](Backward& b) { dot_backward(b, "input", "tensor"); },
};

constinit const Op op::vdot = {
    .schema = "vdot(Tensor input, Tensor other) -> Tensor",
    .doc = "The sum of the products of two vectors' elements; dot, as long as numbers are real.",
    .examples = "vdot(randn(4), randn(4))",
    .forward = run([](const Tensor& a, const Tensor& b) { return inner_product(a, b, "vdot"); }),
    .save = "input for other, other for input",
    .backward = [](Backward& b) { dot_backward(b, "input", "other"); },
};

constinit const Op op::matmul = {
    .schema = "matmul(Tensor input, Tensor other) -> Tensor",
    .doc =
        "The matrix product: of vectors their dot product; a vector counts as a row on the left "
        "and as a column on the right; leading dims are batches and broadcast.",
    .examples =
        "matmul(randn(3, 4), randn(4, 2))\n"
        "matmul(randn(4), randn(4))\n"
        "matmul(randn(3, 4), randn(4))\n"
        "matmul(randn(4), randn(4, 2))\n"
        "matmul(randn(2, 3, 4), randn(4, 2))\n"
        "matmul(randn(2, 3, 4), randn(4))\n"
        "matmul(randn(4), randn(2, 4, 3))\n"
        "matmul(randn(3, 4), randn(2, 4, 3))\n"
        "matmul(randn(5, 1, 3, 4), randn(2, 4, 3))",
    .compose = run<any_product>(),
};

constinit const Op op::linalg_vecdot = {
    .schema = "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor",
    .doc = "The dot products of vectors along `dim`.",
    .examples =
        "linalg.vecdot(randn(3, 4), randn(4))\nlinalg.vecdot(randn(3, 4), randn(3, 1), dim=0)",
    .variants = "function-only",
    .compose = run([](const Tensor& x, const Tensor& y, int64_t dim) {
      check(is_floating(x.dtype()),
            "linalg.vecdot: Expected a floating point or complex tensor as input. Got ",
            info(x.dtype()).spoken);
      return (x * y).sum(Ints{dim});
    }),
};

}  // namespace rushlight
