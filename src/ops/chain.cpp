// Products of several matrices, and powers of one.

#include <rushlight/operators.h>

#include "ops/forms.h"

#include <cmath>

namespace rushlight {

namespace {

/// The product of matrices in the order that needs the fewest multiplications (dynamic
/// programming over the splits, as in Cormen et al., "Introduction to Algorithms", 14.2).
class Chain {
 public:
  explicit Chain(Tensors matrices) : matrices_(matrices), n_(matrices.size()) {
    cost_.assign(n_ * n_, 0);
    split_.assign(n_ * n_, 0);
    for (size_t length = 1; length < n_; ++length) {
      for (size_t i = 0; i + length < n_; ++i) find_split(i, i + length);
    }
  }
  Tensor product() const { return product(0, n_ - 1); }

 private:
  void find_split(size_t i, size_t j) {
    double best = INFINITY;
    for (size_t k = i; k < j; ++k) {
      double cost = cost_[i * n_ + k] + cost_[(k + 1) * n_ + j] +
                    double(matrices_[i].size(0)) * double(matrices_[k].size(1)) *
                        double(matrices_[j].size(1));
      if (cost >= best) continue;
      best = cost;
      split_[i * n_ + j] = k;
    }
    cost_[i * n_ + j] = best;
  }
  Tensor product(size_t i, size_t j) const {
    if (i == j) return matrices_[i];
    size_t k = split_[i * n_ + j];
    return product(i, k).mm(product(k + 1, j));
  }

  Tensors matrices_;
  size_t n_;
  std::vector<double> cost_;
  std::vector<size_t> split_;
};

Tensor multi_dot(Tensors given) {
  check(given.size() >= 2, "multi_dot(): expected at least 2 tensors but got ",
        int64_t(given.size()));
  std::vector<Tensor> list(given.begin(), given.end());
  auto vector_or_matrix = [](const Tensor& tensor, const char* which) {
    check(tensor.dim() == 1 || tensor.dim() == 2, "multi_dot(): the ", which,
          " tensor must be 1D or 2D but got ", tensor.dim(), "D");
    return tensor.dim() == 1;
  };
  bool row = vector_or_matrix(list.front(), "first"),
       column = vector_or_matrix(list.back(), "last");
  if (row) list.front() = list.front().unsqueeze(0);
  if (column) list.back() = list.back().unsqueeze(-1);
  for (size_t i = 0; i < list.size(); ++i) {
    check(list[i].dim() == 2, "multi_dot(): tensor ", int64_t(i), " must be 2D but got ",
          list[i].dim(), "D");
    check(list[i].dtype() == list[0].dtype(),
          "multi_dot(): all tensors must have be the same dtype but tensor 0 is ",
          info(list[0].dtype()).spoken, " and tensor ", int64_t(i), " ",
          info(list[i].dtype()).spoken);
    check(i == 0 || list[i - 1].size(1) == list[i].size(0), "multi_dot(): tensors ", int64_t(i) - 1,
          " and ", int64_t(i), " with shapes ", to_string(list[i ? i - 1 : 0].shape()), " and ",
          to_string(list[i].shape()), " cannot be multiplied");
  }
  Tensor result = Chain(list).product();
  Dims shape;
  if (!row) shape.push_back(result.size(0));
  if (!column) shape.push_back(result.size(1));
  return result.view(shape);
}

Tensor product_of_chain(Tensors matrices) {
  static WarnOnce warn_once;
  warn_once(
      "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
      "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than "
      "multiple parameters.");
  check(!matrices.empty(), "chain_matmul(): Expected one or more matrices");
  for (const Tensor& matrix : matrices)
    check(matrix.dim() == 2, "Tensor dimension is ", matrix.dim(), ", expected 2 instead.");
  return matrices.size() == 1 ? matrices[0].clone() : linalg_multi_dot(matrices);
}

/// By repeated squaring.
Tensor power_of_matrix(const Tensor& input, int64_t n) {
  check(input.dim() >= 2,
        "linalg.matrix_power: The input tensor A must have at least 2 dimensions.");
  check(input.size(-1) == input.size(-2),
        "linalg.matrix_power: A must be batches of square matrices, but they are ", input.size(-2),
        " by ", input.size(-1), " matrices");
  check(n >= 0, ErrorKind::NotImplemented, "linalg.matrix_power: the power ", n,
        " needs linalg.inv, which is not there yet");
  if (n == 0) return input.clone().copy_(eye(input.size(-1), input.size(-1), input.dtype()));
  if (n == 1) return input.clone();
  Tensor square = input, result;
  for (; n > 0; n /= 2) {
    if (n % 2) result = result.defined() ? result.matmul(square) : square;
    if (n > 1) square = square.matmul(square);
  }
  return result;
}

}  // namespace

constinit const Op op::linalg_multi_dot = {
    .schema = "linalg_multi_dot(Tensor[] tensors) -> Tensor",
    .doc = "The product of matrices (the first and last may be vectors), in the cheapest order.",
    .examples = "linalg.multi_dot([randn(2, 3), randn(3, 4), randn(4)])",
    .variants = "function-only",
    .compose = run<multi_dot>(),
};

constinit const Op op::chain_matmul = {
    .schema = "chain_matmul(Tensor[] matrices) -> Tensor",
    .doc = "linalg.multi_dot() of matrices only, which is to be preferred.",
    .examples = "chain_matmul(randn(2, 3), randn(3, 4), randn(4, 5))\nchain_matmul(randn(2, 3))",
    .variants = "varargs, function-only",
    .compose = run<product_of_chain>(),
};

constinit const Op op::linalg_matrix_power = {
    .schema = "linalg_matrix_power(Tensor input, int n) -> Tensor",
    .doc = "The product of `n` times the same square matrix, or of each matrix of a batch.",
    .examples =
        "linalg.matrix_power(randn(3, 3), 0)\n"
        "linalg.matrix_power(randn(3, 3), 1)\n"
        "linalg.matrix_power(randn(2, 3, 3), 6)",
    .variants = "function-only",
    .compose = run<power_of_matrix>(),
};

constinit const Op op::matrix_power = {
    .schema = "matrix_power(Tensor input, int n) -> Tensor",
    .doc = "linalg.matrix_power().",
    .examples = "matrix_power(randn(3, 3), 3)",
    .compose = same_as<op::linalg_matrix_power>,
};

}  // namespace rushlight
