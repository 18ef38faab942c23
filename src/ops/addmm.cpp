// Matrix products added to a tensor: beta * input + alpha * (a product), summed in one pass.

#include <rushlight/operators.h>

#include "ops/matmul.h"

namespace rushlight {

namespace {

/// `input`, broadcast to `shape`, as the start of a sum; not read at all if beta is 0.
Tensor start_of(const Tensor& input, std::span<const int64_t> shape, const Scalar& beta) {
  Tensor expanded = input.expand(Ints(shape));  // for PyTorch's error
  Tensor result = make_tensor(shape, input.dtype(), input.device());
  if (!(beta == 0)) copy_elements(result, expanded);
  return result;
}

void check_matrix(const Tensor& tensor, const char* name) {
  check(tensor.dim() == 2, name, " must be a matrix, got ", tensor.dim(), "-D tensor");
}

void check_addmm(const Tensor& input, const Tensor& a, const Tensor& b) {
  check_matrix(a, "mat1");
  check_matrix(b, "mat2");
  check_multiply(a, b);
  check(input.dtype() == b.dtype(), "self and mat2 must have the same dtype, but got ",
        info(input.dtype()).spoken, " and ", info(b.dtype()).spoken);
  check(a.dtype() == b.dtype(), "mat1 and mat2 must have the same dtype, but got ",
        info(a.dtype()).spoken, " and ", info(b.dtype()).spoken);
  refuse_bool("addmm_impl_cpu_", a.dtype());
}

Tensor add_product(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta,
                   const Scalar& alpha) {
  check_addmm(input, a, b);
  Tensor result = start_of(input, Ints{a.shape()[0], b.shape()[1]}, beta);
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::gemm(a.dtype(), matrix_of(a), matrix_of(b), mutable_matrix_of(result), factor_of(alpha),
            factor_of(beta));
  return result;
}

Tensor add_vector_product(const Tensor& input, const Tensor& matrix, const Tensor& vector,
                          const Scalar& beta, const Scalar& alpha) {
  check(matrix.dim() == 2 && vector.dim() == 1 && input.dim() <= 1,
        "vector + matrix @ vector expected, got ", input.dim(), ", ", matrix.dim(), ", ",
        vector.dim());
  int64_t rows = matrix.shape()[0];
  check(matrix.shape()[1] == vector.shape()[0] && (input.numel() == rows || input.numel() == 1),
        "size mismatch, got input (", input.dim() == 0 ? rows : input.numel(), "), mat (",
        times_string(matrix.shape()), "), vec (", vector.shape()[0], ")");
  check(matrix.dtype() == vector.dtype() && input.dtype() == matrix.dtype(),
        "addmv input tensors must have the same dtype, but got ", info(input.dtype()).spoken, ", ",
        info(matrix.dtype()).spoken, ", and ", info(vector.dtype()).spoken);
  refuse_bool("addmv_impl_cpu", matrix.dtype());
  Tensor result = start_of(input, Ints{rows}, beta);
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::gemm(matrix.dtype(), matrix_of(matrix), column_of(vector), {result.data(), rows, 1, 1, 1},
            factor_of(alpha), factor_of(beta));
  return result;
}

void check_batches(const Tensor& a, const Tensor& b) {
  check(a.dim() == 3, "batch1 must be a 3D tensor; got the shape ", to_string(a.shape()));
  check(b.dim() == 3, "batch2 must be a 3D tensor; got the shape ", to_string(b.shape()));
}

Tensor add_batched(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta,
                   const Scalar& alpha) {
  check_batches(a, b);
  check(a.shape()[0] == b.shape()[0] && a.shape()[2] == b.shape()[1],
        "Expected size for first two dimensions of batch2 tensor to be: [", a.shape()[0], ", ",
        a.shape()[2], "] but got: [", b.shape()[0], ", ", b.shape()[1], "].");
  check(a.dtype() == b.dtype() && input.dtype() == a.dtype(),
        "Input dtypes must be the same, got: input ", info(input.dtype()).name,
        ", batch1: ", info(a.dtype()).name, ", batch2: ", info(b.dtype()).name);
  refuse_bool("baddbmm", a.dtype());
  Tensor result = start_of(input, Ints{a.shape()[0], a.shape()[1], b.shape()[2]}, beta);
  batched_product(a, false, b, false, result, alpha, beta);
  return result;
}

Tensor add_batches(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta,
                   const Scalar& alpha) {
  check_batches(a, b);
  check(a.shape()[0] == b.shape()[0], "batch1 and batch2 must have same number of batches, got ",
        a.shape()[0], " and ", b.shape()[0]);
  check(a.shape()[2] == b.shape()[1], "Incompatible matrix sizes for bmm (", a.shape()[1], "x",
        a.shape()[2], " and ", b.shape()[1], "x", b.shape()[2], ")");
  check(a.dtype() == b.dtype(), "expected scalar type ", info(a.dtype()).spoken, " but found ",
        info(b.dtype()).spoken);
  check(input.dtype() == a.dtype(), "expected scalar type ", info(a.dtype()).spoken, " but found ",
        info(input.dtype()).spoken);
  refuse_bool("addbmm", a.dtype());
  Tensor result = start_of(input, Ints{a.shape()[1], b.shape()[2]}, beta);
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::Matrix left{a.data(), a.shape()[1], a.shape()[2], a.strides()[1], a.strides()[2]};
  cpu::Matrix right{b.data(), b.shape()[1], b.shape()[2], b.strides()[1], b.strides()[2]};
  int64_t width = size_of(a.dtype());
  Scalar factor = beta;
  for (int64_t i = 0; i < std::max<int64_t>(a.shape()[0], 1); ++i) {
    if (a.shape()[0] == 0) left.columns = right.rows = 0;
    cpu::gemm(a.dtype(), left, right, mutable_matrix_of(result), factor_of(alpha),
              factor_of(factor));
    left.data = static_cast<const char*>(left.data) + a.strides()[0] * width;
    right.data = static_cast<const char*>(right.data) + b.strides()[0] * width;
    factor = 1;
  }
  return result;
}

Tensor scaled(const Tensor& tensor, const Scalar& factor) {
  return factor == 1 ? tensor : tensor * factor;
}

Tensor bias_product(const Tensor& bias, const Tensor& input, const Tensor& weight) {
  check_multiply(input, weight, true);
  check(bias.dtype() == weight.dtype(), "self and mat2 must have the same dtype, but got ",
        info(bias.dtype()).spoken, " and ", info(weight.dtype()).spoken);
  check(input.dtype() == weight.dtype(), "mat1 and mat2 must have the same dtype, but got ",
        info(input.dtype()).spoken, " and ", info(weight.dtype()).spoken);
  refuse_bool("addmm_impl_cpu_", weight.dtype());
  Tensor result =
      make_tensor({{input.shape()[0], weight.shape()[0]}}, input.dtype(), input.device());
  if (bias.dim() != 1 || bias.numel() != weight.shape()[0]) bias.expand(result.shape());
  if (result.impl()->device == DeviceType::Meta) return result;
  cpu::Epilogue epilogue{bias.data(), bias.numel() == 1 ? 0 : bias.strides()[0]};
  cpu::gemm(input.dtype(), matrix_of(input), matrix_of(weight, true), mutable_matrix_of(result), 1,
            0, &epilogue);
  return result;
}

/// x @ W.T (+ bias) for a matrix W; x may have any number of dims from one.
Tensor linear_map(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  if (input.dim() == 1 && !bias.defined()) return input.matmul(weight.t());
  int64_t rows = 1;
  if (input.dim() != 2) {
    for (int64_t i = 0; i + 1 < input.dim(); ++i) rows *= input.shape()[size_t(i)];
  }
  Tensor matrix = input.dim() == 2 ? input : input.reshape({rows, input.size(-1)});
  Tensor result;
  if (!bias.defined()) {
    check_multiply(matrix, weight, true);
    check(input.dtype() == weight.dtype(), "mat1 and mat2 must have the same dtype, but got ",
          info(input.dtype()).spoken, " and ", info(weight.dtype()).spoken);
    refuse_bool("addmm_impl_cpu_", weight.dtype());
    result = rushlight::_product(matrix, weight, false, true);
  } else if (bias.dim() == 1) {
    result = rushlight::_linear(bias, matrix, weight);
  } else {
    check_multiply(matrix, weight, true);
    result = bias.addmm(matrix, weight.t());
  }
  if (input.dim() == 2) return result;
  Dims shape(input.shape().first(size_t(input.dim() - 1)));
  shape.push_back(weight.shape()[0]);
  return bias.defined() ? result.view(shape) : rushlight::_unsafe_view(result, shape);
}

/// Of baddbmm, and of addbmm, whose gradient goes to every matrix of the batch.
void batched_backward(Backward& b) {
  Scalar alpha = b.scalar("alpha");
  b.wrt("input", [&] { return scaled(b.grad(), b.scalar("beta")); });
  b.wrt("batch1", [&] {
    Tensor other = b.saved("batch2");
    return scaled(rushlight::_batched_product(b.grad(), other, false, true), alpha);
  });
  b.wrt("batch2", [&] {
    Tensor other = b.saved("batch1");
    return scaled(rushlight::_batched_product(other, b.grad(), true, false), alpha);
  });
}

}  // namespace

constinit const Op op::addmm = {
    .schema =
        "addmm(Tensor input, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    .doc = "`beta * input + alpha * (mat1 @ mat2)`; `input` broadcasts.",
    .examples =
        "addmm(randn(2), randn(3, 4), randn(4, 2))\n"
        "addmm(randn(3, 2), randn(3, 4), randn(4, 2), beta=0.5, alpha=2)",
    .variants = "in-place",
    .forward = run<add_product>(),
    .save = "mat1 for mat2, mat2 for mat1",
    .backward =
        [](Backward& b) {
          Scalar alpha = b.scalar("alpha");
          b.wrt("input", [&] { return scaled(b.grad(), b.scalar("beta")); });
          b.wrt("mat1", [&] {
            return scaled(rushlight::_product(b.grad(), b.saved("mat2"), false, true), alpha);
          });
          b.wrt("mat2", [&] {
            return scaled(rushlight::_product(b.saved("mat1"), b.grad(), true, false), alpha);
          });
        },
};

constinit const Op op::addmv = {
    .schema =
        "addmv(Tensor input, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    .doc = "`beta * input + alpha * (mat @ vec)`; `input` broadcasts.",
    .examples = "addmv(randn(3), randn(3, 4), randn(4), beta=0.5, alpha=2)",
    .variants = "in-place",
    .forward = run<add_vector_product>(),
    .save = "mat for vec, vec for mat",
    .backward =
        [](Backward& b) {
          Scalar alpha = b.scalar("alpha");
          b.wrt("input", [&] { return scaled(b.grad(), b.scalar("beta")); });
          b.wrt("mat", [&] {
            Tensor vector = b.saved("vec");
            Tensor column = b.grad().reshape({b.grad().numel(), 1});
            return scaled(column * vector.reshape({1, vector.numel()}), alpha);
          });
          b.wrt("vec", [&] {
            Tensor column = b.grad().reshape({b.grad().numel(), 1});
            Tensor product = rushlight::_product(b.saved("mat"), column, true, false);
            return scaled(product.reshape(b.shape("vec")), alpha);
          });
        },
};

constinit const Op op::baddbmm = {
    .schema =
        "baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> "
        "Tensor",
    .doc = "`beta * input + alpha * (batch1 @ batch2)` for batches of matrices.",
    .examples = "baddbmm(randn(2, 3, 5), randn(2, 3, 4), randn(2, 4, 5), beta=0.5, alpha=2)",
    .variants = "in-place",
    .forward = run<add_batched>(),
    .save = "batch1 for batch2, batch2 for batch1",
    .backward = batched_backward,
};

constinit const Op op::addbmm = {
    .schema =
        "addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> "
        "Tensor",
    .doc = "`beta * input + alpha * sum of (batch1[i] @ batch2[i])`.",
    .examples = "addbmm(randn(3, 5), randn(2, 3, 4), randn(2, 4, 5), beta=0.5, alpha=2)",
    .variants = "in-place",
    .forward = run<add_batches>(),
    .save = "batch1 for batch2, batch2 for batch1",
    .backward = batched_backward,
};

constinit const Op op::_linear = {
    .schema = "_linear(Tensor bias, Tensor mat1, Tensor mat2) -> Tensor",
    .doc = "mat1 @ mat2.T + bias for matrices and a vector, in one pass.",
    .examples = "",
    .variants = "private",
    .forward = run<bias_product>(),
    .save = "mat1 for mat2, mat2 for mat1",
    .backward =
        [](Backward& b) {
          b.wrt("bias", [&] { return b.grad().sum(Ints{0}); });
          b.wrt("mat1",
                [&] { return rushlight::_product(b.grad(), b.saved("mat2"), false, false); });
          b.wrt("mat2",
                [&] { return rushlight::_product(b.grad(), b.saved("mat1"), true, false); });
        },
    .node = "AddmmBackward0",
    .transposed = "mat2",
};

constinit const Op op::linear = {
    .schema = "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
    .doc = "`input @ weight.T + bias`; `weight` is (out, in), `input` ends in a dim of size in.",
    .examples =
        "F.linear(randn(5, 3), randn(4, 3), randn(4))\n"
        "F.linear(randn(5, 3), randn(4, 3))\n"
        "F.linear(randn(2, 5, 3), randn(4, 3), randn(4))\n"
        "F.linear(randn(3), randn(4, 3), randn(4))\n"
        "F.linear(randn(2, 3), randn(3))",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& bias) {
      check(input.dim() > 0 && weight.dim() > 0,
            "both arguments to linear need to be at least 1D, but they are ", input.dim(), "D and ",
            weight.dim(), "D");
      if (weight.dim() == 2) [[likely]]
        return linear_map(input, weight, bias);
      check(weight.dim() == 1, "t() expects a tensor with <= 2 dimensions, but self is ",
            weight.dim(), "D");
      check(!bias.defined(), "mat2 must be a matrix, got 1-D tensor");
      return input.matmul(weight);
    }),
};

}  // namespace rushlight
