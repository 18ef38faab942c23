// Distances between all pairs of rows, and the cross product.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <algorithm>
#include <cmath>

namespace rushlight {

namespace {

/// The p-norm of the difference of two rows.
template <class T>
T distance_of(const T* a, const T* b, int64_t n, double p) {
  T total = 0;
  if (p == 1) {
    for (int64_t i = 0; i < n; ++i) total += std::abs(a[i] - b[i]);
    return total;
  }
  if (p == 2) {
    for (int64_t i = 0; i < n; ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(total);
  }
  for (int64_t i = 0; i < n; ++i) {
    T difference = std::abs(a[i] - b[i]);
    if (p == 0)
      total += difference != 0;
    else if (std::isinf(p))
      total = difference > total || difference != difference ? difference : total;
    else
      total += T(std::pow(difference, T(p)));
  }
  return p == 0 || std::isinf(p) ? total : T(std::pow(total, T(1 / p)));
}

void check_rows(const Tensor& tensor, const char* name) {
  check(tensor.dim() >= 2, "cdist only supports at least 2D tensors, ", name,
        " got: ", tensor.dim(), "D");
  check(is_floating(tensor.dtype()), "cdist only supports floating-point dtypes, ", name,
        " got: ", info(tensor.dtype()).spoken);
}

/// (batch, P, M) and (batch, R, M) to (batch, P, R).
Tensor all_distances(const Tensor& a, const Tensor& b, double p) {
  DType dtype = a.dtype();
  check(dtype == DType::Float32 || dtype == DType::Float64, ErrorKind::NotImplemented,
        "\"cdist\" not implemented for '", info(dtype).spoken, "'");
  Tensor first = a.contiguous(), second = b.contiguous();
  int64_t rows = a.size(-2), columns = b.size(-2), width = a.size(-1);
  Dims shape(a.shape());
  shape.back() = columns;
  Tensor result = make_tensor(shape, dtype, a.device());
  if (!has_values(result)) return result;
  auto fill = [&]<class T>(CppType<T>) {
    T* out = result.data<T>();
    parallel_for(result.numel(), 256, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t row = i / columns, column = i % columns;
        const T* x = first.data<T>() + row * width;
        const T* y = second.data<T>() + (row / rows * columns + column) * width;
        out[i] = distance_of(x, y, width, p);
      }
    });
  };
  dtype == DType::Float64 ? fill(CppType<double>()) : fill(CppType<float>());
  return result;
}

/// |a|² + |b|² - 2ab as one matrix product.
Tensor distances_by_product(const Tensor& a, const Tensor& b) {
  Tensor a_square = a.pow(2).sum(Ints{-1}, true), b_square = b.pow(2).sum(Ints{-1}, true);
  Tensor left[] = {a.mul(-2), a_square, rushlight::ones_like(a_square)};
  Tensor right[] = {b, rushlight::ones_like(b_square), b_square};
  Tensor square = rushlight::cat(left, -1).matmul(rushlight::cat(right, -1).transpose(-2, -1));
  return square.clamp_min(Scalar(0)).sqrt();
}

/// Gradient of the first operand: for Euclid's distance without the P × R × M differences.
Tensor first_gradient(const Tensor& grad, const Tensor& a, const Tensor& b, const Tensor& distance,
                      double p) {
  if (p == 2) {
    Tensor ratio = (grad / distance).masked_fill(distance == Scalar(0), 0);
    return a * ratio.sum(Ints{-1}, true) - ratio.matmul(b);
  }
  if (p == 0) return rushlight::zeros_like(a);
  Tensor difference = a.unsqueeze(-2) - b.unsqueeze(-3);
  Tensor size = difference.abs(), sign = difference.sign();
  Tensor g = grad.unsqueeze(-1), norm = distance.unsqueeze(-1), slope;
  if (p == 1)
    slope = sign * g;
  else if (std::isinf(p))
    slope = sign * (size == norm).to(a.dtype()) * g;
  else {
    Tensor zero = (norm == Scalar(0)) | (difference == Scalar(0));
    slope = (sign * size.pow(Scalar(p - 1)) * g / norm.pow(Scalar(p - 1))).masked_fill(zero, 0);
  }
  return slope.sum(Ints{-2});
}

void distance_backward(Backward& b, double p) {
  Tensor x1 = b.saved("x1"), x2 = b.saved("x2"), distance = b.saved("result");
  b.wrt("x1", [&] { return first_gradient(b.grad(), x1, x2, distance, p); });
  b.wrt("x2", [&] {
    return first_gradient(b.grad().transpose(-2, -1), x2, x1, distance.transpose(-2, -1), p);
  });
}

constexpr auto distances = [](const Tensor& x1, const Tensor& x2, double p,
                              std::string_view mode) -> Tensor {
  check_rows(x1, "X1");
  check_rows(x2, "X2");
  check(x1.size(-1) == x2.size(-1),
        "X1 and X2 must have the same number of columns. X1: ", x1.size(-1), " X2: ", x2.size(-1));
  check(p >= 0, "cdist only supports non-negative p values");
  check(x1.dtype() == x2.dtype(), "expected scalar type ", info(x1.dtype()).spoken, " but found ",
        info(x2.dtype()).spoken);
  constexpr std::string_view kIfNecessary = "use_mm_for_euclid_dist_if_necessary";
  bool always = mode == "use_mm_for_euclid_dist";
  check(always || mode == kIfNecessary || mode == "donot_use_mm_for_euclid_dist", ErrorKind::Value,
        mode, " is not a valid value for compute_mode");
  Ints a = x1.shape(), b = x2.shape();
  Dims batch = broadcast_shapes({a.data(), a.size() - 2}, {b.data(), b.size() - 2});
  auto expanded = [&](const Tensor& x) {
    Dims shape = batch;
    shape.push_back(x.size(-2));
    shape.push_back(x.size(-1));
    return x.expand(shape);
  };
  bool large = x1.size(-2) > 25 || x2.size(-2) > 25;
  Tensor first = expanded(x1), second = expanded(x2);
  if (p == 2 && (always || (mode == kIfNecessary && large))) {
    Tensor result = rushlight::_euclidean_dist(first, second);
    return result.view(result.shape());  // as PyTorch's graph ends
  }
  return rushlight::_cdist_forward(first, second, p);
};

/// a × b along one dim, by turning it.
Tensor cross_product(const Tensor& input, const Tensor& other, int64_t dim) {
  auto turned = [&](const Tensor& tensor, int64_t by) { return tensor.roll({-by}, {dim}); };
  return turned(input, 1) * turned(other, 2) - turned(input, 2) * turned(other, 1);
}

/// Above the diagonal of all distances, row by row.
Tensor upper_pairs(const Tensor& square) {
  int64_t n = square.size(-1);
  Tensor at = rushlight::triu_indices(n, n, 1);
  return square.reshape({n * n}).index_select(0, at.select(0, 0) * n + at.select(0, 1));
}

}  // namespace

constinit const Op op::_cdist_forward = {
    .schema = "_cdist_forward(Tensor x1, Tensor x2, float p) -> Tensor",
    .doc = "cdist() of operands whose batch dims are the same.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& x1, const Tensor& x2, double p) { return all_distances(x1, x2, p); }),
    .save = "x1, x2, result",
    .backward = [](Backward& b) { distance_backward(b, b.argument<double>("p")); },
    .node = "CdistBackward0",
};

constinit const Op op::_euclidean_dist = {
    .schema = "_euclidean_dist(Tensor x1, Tensor x2) -> Tensor",
    .doc = "Euclid's distances by a matrix product.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& x1, const Tensor& x2) { return distances_by_product(x1, x2); }),
    .save = "x1, x2, result",
    .backward = [](Backward& b) { distance_backward(b, 2); },
};

constinit const Op op::cdist = {
    .schema =
        "cdist(Tensor x1, Tensor x2, float p=2.0, "
        "str compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor",
    .doc = "The p-norm of the difference of each row of `x1` and each row of `x2`.",
    .examples =
        "cdist(randn(3, 4), randn(5, 4))\n"
        "cdist(randn(2, 1, 3, 4), randn(3, 2, 4), p=1.0)\n"
        "cdist(randn(3, 4), randn(2, 4), p=inf)\n"
        "cdist(randn(3, 4), randn(2, 4), 2.5, compute_mode='donot_use_mm_for_euclid_dist')\n"
        "cdist(randn(3, 4), randn(2, 4), compute_mode='use_mm_for_euclid_dist')",
    .variants = "function-only",
    .compose = run(distances),
};

constinit const Op op::pdist = {
    .schema = "pdist(Tensor input, float p=2.0) -> Tensor",
    .doc = "The p-norm of the difference of every two rows, each pair once.",
    .examples = "F.pdist(randn(4, 3))\npdist(randn(4, 3), p=1.0)",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& input, double p) {
      check(input.dim() == 2, "pdist only supports 2D tensors, got: ", input.dim(), "D");
      check(is_floating(input.dtype()), "pdist only supports floating-point dtypes");
      check(p >= 0, "pdist only supports non-negative p values");
      return upper_pairs(rushlight::_cdist_forward(input, input, p));
    }),
};

constinit const Op op::linalg_cross = {
    .schema = "linalg_cross(Tensor input, Tensor other, *, int dim=-1) -> Tensor",
    .doc = "The cross products of vectors of three along `dim`.",
    .examples =
        "linalg.cross(randn(2, 3), randn(2, 3))\nlinalg.cross(randn(3, 1), randn(3, 4), dim=0)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Tensor& other, int64_t dim) {
      check(input.dim() == other.dim(),
            "linalg.cross: inputs must have the same number of dimensions.");
      int64_t along = wrap_dim(dim, input.dim());
      check(input.size(along) == 3 && other.size(along) == 3, "linalg.cross: inputs dimension ",
            dim, " must have length 3. Got ", input.size(along), " and ", other.size(along));
      check(input.dtype() != DType::Bool, ErrorKind::NotImplemented,
            "\"cross\" not implemented for 'Bool'");
      return cross_product(input, other, along);
    }),
    .save = "input for other, other for input",
    .backward =
        [](Backward& b) {
          int64_t dim = b.integer("dim");
          b.wrt("input", [&] { return rushlight::linalg_cross(b.saved("other"), b.grad(), dim); });
          b.wrt("other", [&] { return rushlight::linalg_cross(b.grad(), b.saved("input"), dim); });
        },
};

constinit const Op op::cross = {
    .schema = "cross(Tensor input, Tensor other, int? dim=None) -> Tensor",
    .doc = "The cross products along `dim`, or along the first dim of size 3.",
    .examples = "cross(randn(2, 3), randn(2, 3), dim=1)\ncross(randn(3, 4), randn(3, 4))",
    .compose = run([](const Tensor& input, const Tensor& other, std::optional<int64_t> dim) {
      if (dim) return rushlight::linalg_cross(input, other, *dim);
      warn(
          "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the "
          "dim explicitly or simply use torch.linalg.cross.\nThe default value of dim will change "
          "to agree with that of linalg.cross in a future release.");
      Ints shape = input.shape();
      auto three = std::find(shape.begin(), shape.end(), int64_t(3));
      check(three != shape.end(), "no dimension of size 3 in input");
      return rushlight::linalg_cross(input, other, three - shape.begin());
    }),
};

}  // namespace rushlight
