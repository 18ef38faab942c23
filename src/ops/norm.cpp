// Lengths and distances of vectors.

#include <rushlight/operators.h>

#include "ops/reduce.h"

#include <cmath>

namespace rushlight {

namespace {

Ints dims_of(const Backward& b) { return b.given("dim") ? b.ints("dim") : Ints(); }

/// The p-norm of a floating tensor over some dims (all if empty).
Tensor norm_of(const Tensor& x, double p, Ints dims, bool keepdim) {
  DType dtype = x.dtype();
  // A norm may be in the range of half precision though the sum of its powers is not.
  if (is_half(dtype)) return norm_of(x.to(DType::Float32), p, dims, keepdim).to(dtype);
  auto total = [&](Reduction reduction, const Tensor& values) {
    return reduce(reduction, values, dims, keepdim, dtype, dtype);
  };
  if (p == 2) return total(Reduction::SumOfSquares, x).sqrt();
  if (p == 1) return total(Reduction::SumOfAbs, x);
  if (p == 0) return total(Reduction::CountNonzero, x);
  if (std::isinf(p)) return total(p > 0 ? Reduction::Max : Reduction::Min, x.abs());
  return total(Reduction::Sum, x.abs().pow(Scalar(p))).pow(Scalar(1 / p));
}

Tensor vector_norm(const Tensor& input, double p, Ints dims, bool keepdim,
                   std::optional<DType> dtype) {
  check(is_floating(input.dtype()),
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
        info(input.dtype()).spoken, "; convert it with .float()");
  check(!dtype || is_floating(*dtype),
        "linalg.vector_norm: dtype should be floating point or complex, but got ",
        dtype ? info(*dtype).spoken : "");
  if (p < 0 || p == INFINITY) {
    Reduced reduced = reduced_layout(input, dims, keepdim);
    for (size_t i = 0; i < reduced.flags.size(); ++i) {
      check(!reduced.flags[i] || input.shape()[i] > 0, "linalg.vector_norm cannot compute the ",
            Scalar(p), " norm on the dimension ", i,
            " because this dimension is empty and the operation does not have an identity");
    }
  }
  Tensor x = dtype && *dtype != input.dtype() ? input.to(*dtype) : input;
  return norm_of(x, p, dims, keepdim);
}

/// Gradient of x of its p-norm, both as they were reduced; 0 where the norm is 0.
Tensor norm_gradient(Tensor grad, const Tensor& x, Tensor norm, double p, Ints dims, bool keepdim) {
  grad = unreduce(grad, x.shape(), dims, keepdim);
  norm = unreduce(norm, x.shape(), dims, keepdim);
  if (p == 0) return Tensor();  // as PyTorch: nothing flows
  if (p == 1) return x.sign() * grad;
  if (p == 2) return x * rushlight::where(norm == Scalar(0), 0, grad / norm);
  if (std::isinf(p)) {
    Tensor size = x.abs();
    Tensor mask = (size == norm).to(x.dtype());
    Tensor count = dims.empty() ? mask.sum() : mask.sum(dims, true);
    return x.sign() * (grad / count) * mask;
  }
  if (p < 1) {
    Tensor slope = x.sign() * rushlight::where(x == Scalar(0), 0, x.abs().pow(Scalar(p - 1)));
    return slope * grad * norm.pow(Scalar(1 - p));
  }
  Tensor scale = rushlight::where(norm == Scalar(0), 0, grad / norm.pow(Scalar(p - 1)));
  if (p < 2) return x.sign() * x.abs().pow(Scalar(p - 1)) * scale;
  return x * x.abs().pow(Scalar(p - 2)) * scale;
}

void norm_backward(Backward& b, Name order) {
  b.wrt("input", [&] {
    return norm_gradient(b.grad(), b.saved("input"), b.saved("result"), b.scalar(order).real(),
                         dims_of(b), b.flag("keepdim"));
  });
}

/// What functions use that PyTorch has had for longer than `linalg`.
Tensor old_norm(const Tensor& input, const Scalar& p, Ints dim, bool keepdim) {
  check(is_floating(input.dtype()),
        "norm(): input dtype should be either floating point or complex. Got ",
        info(input.dtype()).spoken, " instead.");
  return vector_norm(input, p.real(), dim, keepdim, std::nullopt);
}

void check_matrix_dims(const Tensor& input, Ints dim) {
  check(dim.size() == 2, "linalg.matrix_norm: dim must be a 2-tuple. Got ", to_string(dim));
  check(input.dim() >= 2,
        "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.");
  int64_t rows = wrap_dim(dim[0], input.dim()), columns = wrap_dim(dim[1], input.dim());
  check(rows != columns, "linalg.matrix_norm: dims must be different. Got (", dim[0], ", ", dim[1],
        ")");
  check(is_floating(input.dtype()),
        "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got ",
        info(input.dtype()).spoken);
}

/// Sums of sizes along one dim, then their largest or smallest along the other.
Tensor matrix_norm(const Tensor& given, double ord, Ints dim, bool keepdim,
                   std::optional<DType> dtype) {
  check_matrix_dims(given, dim);
  double size = std::abs(ord);
  check(size != 2, ErrorKind::NotImplemented, "linalg.matrix_norm: order ", Scalar(ord),
        " needs singular values, which are not there yet");
  check(size == 1 || std::isinf(size), "linalg.matrix_norm: Order ", Scalar(ord),
        " not supported.");
  Tensor input = dtype ? given.to(*dtype) : given;
  int64_t rows = wrap_dim(dim[0], input.dim()), columns = wrap_dim(dim[1], input.dim());
  bool by_row = std::isinf(size);
  int64_t summed = by_row ? columns : rows, compared = by_row ? rows : columns;
  if (!keepdim && compared > summed) --compared;
  Tensor sums = rushlight::linalg_vector_norm(input, 1, Ints(summed), keepdim);
  return ord > 0 ? sums.amax(Ints(compared), keepdim) : sums.amin(Ints(compared), keepdim);
}

Tensor named_matrix_norm(const Tensor& input, std::string_view ord, Ints dim, bool keepdim,
                         std::optional<DType> dtype) {
  check(ord != "nuc", ErrorKind::NotImplemented,
        "linalg.matrix_norm: the nuclear norm needs singular values, which are not there yet");
  check(ord == "fro", "linalg.matrix_norm: Order ", ord, " not supported.");
  check_matrix_dims(input, dim);
  return rushlight::linalg_vector_norm(input, 2, dim, keepdim, dtype);
}

Dims other_dims(const Tensor& input, int64_t dim) {
  dim = wrap_dim(dim, input.dim());
  Dims dims;
  for (int64_t d = 0; d < input.dim(); ++d)
    if (d != dim) dims.push_back(d);
  return dims;
}

/// The p-norm of each slice along `dim`.
Tensor slice_norm(const Tensor& input, const Scalar& p, int64_t dim) {
  return rushlight::linalg_vector_norm(input, p, Ints(other_dims(input, dim)), true);
}

std::string_view name_of_text_norm(std::string_view p) {
  check(p != "nuc", ErrorKind::NotImplemented,
        "norm(): the nuclear norm ('nuc') is not supported; sum the singular values instead");
  check(p == "fro", "linalg.matrix_norm: Order ", p, " not supported.");
  return p;
}

/// The 2-norm of each slice along `dim`, in a shape that broadcasts with the input.
Tensor norm_except(const Tensor& v, const Scalar& pow, int64_t dim) {
  if (dim == -1) return v.norm(pow);
  if (dim != 0 && dim != v.dim() - 1)
    return norm_except(v.transpose(0, dim), pow, 0).transpose(0, dim);
  Dims shape(size_t(v.dim()), 1);
  shape[size_t(dim)] = v.size(dim);
  bool rows = dim == 0;
  Tensor matrix = v.contiguous().view(rows ? Ints{v.size(0), -1} : Ints{-1, v.size(dim)});
  return rushlight::_norm(matrix, pow, Ints(int64_t(rows)), false).view(shape);
}

Tensor old_frobenius_norm(const Tensor& input, Ints dim, bool keepdim) {
  static WarnOnce warn_once;
  warn_once(
      "at::frobenius_norm is deprecated and it is just left for JIT compatibility. It will be "
      "removed in a future PyTorch release. Please use `linalg.vector_norm(A, 2., dim, keepdim)` "
      "instead");
  check(dim.size() <= 2, "Expected at most 2 dimensions, but got ", dim.size(),
        " dimensions instead.");
  return rushlight::_norm(input, 2, dim, keepdim);
}

}  // namespace

constinit const Op op::linalg_vector_norm = {
    .schema =
        "linalg_vector_norm(Tensor input, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "(sum of |x|^ord)^(1/ord) over the dims given (all if none); inf is the largest |x|.",
    .examples =
        "linalg.vector_norm(randn(3, 4))\n"
        "linalg.vector_norm(randn(3, 4), 1, 1)\n"
        "linalg.vector_norm(randn(3, 4), 3.5, (0, 1), keepdim=True)\n"
        "linalg.vector_norm(randn(3, 4), float('inf'), 0)\n"
        "linalg.vector_norm(randn(3, 4), 0, 0, dtype=float64)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Scalar& p, std::optional<Ints> dim, bool keepdim,
                      std::optional<DType> dtype) {
      return vector_norm(input, p.real(), dim.value_or(Ints()), keepdim, dtype);
    }),
    .save = "input, result",
    .backward = [](Backward& b) { norm_backward(b, "ord"); },
};

constinit const Op op::_norm = {
    .schema = "_norm(Tensor input, Scalar p, int[1] dim, bool keepdim) -> Tensor",
    .doc = "The norm that PyTorch's older functions record.",
    .examples = "",
    .variants = "private",
    .forward = run<old_norm>(),
    .save = "input, result",
    .backward = [](Backward& b) { norm_backward(b, "p"); },
    .node = "NormBackward1",
};

constinit const Op op::norm = {
    .schema =
        "norm(Tensor input, str p='fro', int[1]? dim=None, bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "The square root of the sum of squares.",
    .examples = "norm(randn(3, 4))\nnorm(randn(3, 4), 'fro', dim=1)",
    .compose = run([](const Tensor& input, std::string_view p, std::optional<Ints> dim,
                      bool keepdim, std::optional<DType> dtype) {
      name_of_text_norm(p);
      return rushlight::linalg_vector_norm(input, 2, dim, keepdim, dtype);
    }),
};

constinit const Op op::norm_Scalar = {
    .schema =
        "norm.Scalar(Tensor input, Scalar? p, int[1]? dim=None, bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "The p-norm over the dims given (all if none): `linalg.vector_norm`.",
    .examples = "norm(randn(3, 4), 2)\nnorm(randn(3, 4), p=3, dim=1, keepdim=True)",
    .compose = run([](const Tensor& input, std::optional<Scalar> p, std::optional<Ints> dim,
                      bool keepdim, std::optional<DType> dtype) {
      return rushlight::linalg_vector_norm(input, p.value_or(2), dim, keepdim, dtype);
    }),
};

constinit const Op op::norm_except_dim = {
    .schema = "norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor",
    .doc = "The norm of order `pow` of each slice along `dim`, of sizes 1 but there; -1: of all.",
    .examples =
        "norm_except_dim(randn(2, 3, 4))\n"
        "norm_except_dim(randn(2, 3, 4), 1, 1)\n"
        "norm_except_dim(randn(2, 3, 4), 2, 2)\n"
        "norm_except_dim(randn(2, 3, 4), dim=-1)",
    .variants = "function-only",
    .compose =
        run([](const Tensor& v, int64_t pow, int64_t dim) { return norm_except(v, pow, dim); }),
};

constinit const Op op::frobenius_norm = {
    .schema = "frobenius_norm(Tensor input, int[1] dim, bool keepdim=False) -> Tensor",
    .doc = "The 2-norm over at most two dims; linalg.vector_norm() is to be preferred.",
    .examples = "frobenius_norm(randn(3, 4), 1)\nfrobenius_norm(randn(3, 4), (0, 1), True)",
    .variants = "function-only",
    .compose = run<old_frobenius_norm>(),
};

constinit const Op op::dist = {
    .schema = "dist(Tensor input, Tensor other, Scalar p=2) -> Tensor",
    .doc = "The p-norm of `input - other`.",
    .examples = "dist(randn(3, 4), randn(4))\ndist(randn(3), randn(3), 1)",
    .forward = run([](const Tensor& input, const Tensor& other, const Scalar& p) {
      return old_norm(input - other, p, {}, false);
    }),
    .save = "input, other, result",
    .backward =
        [](Backward& b) {
          Tensor gradient = norm_gradient(b.grad(), b.saved("input") - b.saved("other"),
                                          b.saved("result"), b.scalar("p").real(), {}, false);
          b.wrt("input", [&] { return gradient; });
          b.wrt("other", [&] { return gradient.defined() ? -gradient : gradient; });
        },
};

constinit const Op op::normalize = {
    .schema = "normalize(Tensor input, float p=2.0, int[1]? dim=[1], float eps=1e-12) -> Tensor",
    .doc =
        "`input` divided by its p-norm along `dim` (one, several, or None for all), or by `eps` if "
        "larger.",
    .examples =
        "F.normalize(randn(3, 4))\nF.normalize(randn(3, 4), p=1, dim=0)\n"
        "F.normalize(randn(2, 3, 4), dim=(-2, -1))\nF.normalize(randn(3, 4), dim=None)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, std::optional<Ints> dim, double eps) {
      Tensor length = rushlight::linalg_vector_norm(input, p, dim, true);
      return input / length.clamp_min(Scalar(eps)).expand(input.shape());
    }),
};

constinit const Op op::pairwise_distance = {
    .schema =
        "pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-06, "
        "bool keepdim=False) -> Tensor",
    .doc = "The p-norm of `x1 - x2 + eps` along the last dim.",
    .examples =
        "F.pairwise_distance(randn(3, 4), randn(3, 4))\n"
        "F.pairwise_distance(randn(3, 4), randn(4), p=1, keepdim=True)",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& a, const Tensor& b, double p, double eps, bool keepdim) {
      return rushlight::_norm(a - b + eps, p, Ints{-1}, keepdim);
    }),
};

constinit const Op op::cosine_similarity = {
    .schema = "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor",
    .doc = "The cosine of the angle between vectors along `dim`; lengths are at least `eps`.",
    .examples =
        "F.cosine_similarity(randn(3, 4), randn(3, 4))\n"
        "F.cosine_similarity(randn(3, 4), randn(4), dim=-1)",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& first, const Tensor& second, int64_t dim, double eps) {
      Dims shape = broadcast_shapes(first.shape(), second.shape());
      DType common = promote(first.dtype(), second.dtype());
      check(is_floating(common), "expected common dtype to be floating point, yet common dtype is ",
            info(common).spoken);
      Tensor a = first.to(common).expand(shape), b = second.to(common).expand(shape);
      auto unit = [&](const Tensor& x) {
        return x / rushlight::linalg_vector_norm(x, 2, Ints{dim}, true).clamp_min(Scalar(eps));
      };
      return (unit(a) * unit(b)).sum(Ints{dim});
    }),
};

constinit const Op op::renorm = {
    .schema = "renorm(Tensor input, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    .doc = "Each slice along `dim`, scaled down to the p-norm `maxnorm` if it is longer.",
    .examples = "renorm(randn(3, 4), 2, 0, 1)\nrenorm(randn(2, 3, 4), p=1, dim=-1, maxnorm=2.5)",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
      check(p.real() > 0, "renorm: non-positive-norm not supported");
      check(maxnorm.real() >= 0, "renorm: expected maxnorm to be >= 0 but got ", maxnorm);
      check(input.dim() > 1, "renorm: input needs at least 2 dimensions, got ", input.dim(),
            " dimensions");
      Tensor norm = slice_norm(input, p, dim);
      Tensor factor = rushlight::where(norm > maxnorm, maxnorm.real() / (norm + 1e-7), 1.0);
      return (input * factor.to(input.dtype())).contiguous();
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), norm = slice_norm(x, b.scalar("p"), b.integer("dim"));
            Dims others = other_dims(x, b.integer("dim"));
            Tensor inverse = (norm + 1e-7).reciprocal();
            Tensor along = norm_gradient((x * b.grad()).sum(Ints(others), true), x, norm,
                                         b.scalar("p").real(), others, true);
            Tensor scaled = b.scalar("maxnorm") * inverse * (b.grad() - inverse * along);
            return rushlight::where(norm > b.scalar("maxnorm"), scaled, b.grad());
          });
        },
};

constinit const Op op::linalg_matrix_norm = {
    .schema =
        "linalg_matrix_norm(Tensor input, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "The largest sum of |x| of a row (inf), of a column (1), or the smallest (-inf, -1).",
    .examples =
        "linalg.matrix_norm(randn(2, 3, 4), 1)\nlinalg.matrix_norm(randn(3, 4), -inf, "
        "keepdim=True)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, const Scalar& ord, Ints dim, bool keepdim,
                      std::optional<DType> dtype) {
      return matrix_norm(input, ord.real(), dim, keepdim, dtype);
    }),
};

constinit const Op op::linalg_matrix_norm_str_ord = {
    .schema =
        "linalg_matrix_norm.str_ord(Tensor input, str ord='fro', int[] dim=[-2, -1], "
        "bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    .doc = "Frobenius' norm: the square root of the sum of squares.",
    .examples = "linalg.matrix_norm(randn(2, 3, 4))",
    .variants = "function-only",
    .compose = run([](const Tensor& input, std::string_view ord, Ints dim, bool keepdim,
                      std::optional<DType> dtype) {
      return named_matrix_norm(input, ord, dim, keepdim, dtype);
    }),
};

constinit const Op op::linalg_norm = {
    .schema =
        "linalg_norm(Tensor input, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "The norm of a vector or, where two dims or a matrix are given with `ord`, of a matrix.",
    .examples =
        "linalg.norm(randn(3, 4))\n"
        "linalg.norm(randn(4), 3)\n"
        "linalg.norm(randn(3, 4), 1)\n"
        "linalg.norm(randn(3, 4), 2, dim=1)\n"
        "linalg.norm(randn(2, 3, 4), inf, dim=(0, 2), keepdim=True)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, std::optional<Scalar> ord, std::optional<Ints> dim,
                      bool keepdim, std::optional<DType> dtype) {
      check(!dim || dim->size() == 1 || dim->size() == 2,
            "linalg.norm: If dim is specified, it must be of length 1 or 2. Got ",
            to_string(dim.value_or(Ints())));
      check(dim || !ord || input.dim() == 1 || input.dim() == 2,
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ",
            input.dim(), "D.");
      bool is_matrix = ord && (dim ? dim->size() == 2 : input.dim() == 2);
      static constexpr int64_t kBoth[] = {0, 1};
      if (is_matrix)
        return matrix_norm(input, ord->real(), dim.value_or(Ints(kBoth)), keepdim, dtype);
      return rushlight::linalg_vector_norm(input, ord.value_or(2), dim, keepdim, dtype);
    }),
};

constinit const Op op::linalg_norm_ord_str = {
    .schema =
        "linalg_norm.ord_str(Tensor input, str ord, int[1]? dim=None, bool keepdim=False, *, "
        "dtype? dtype=None) -> Tensor",
    .doc = "Frobenius' norm of matrices.",
    .examples = "linalg.norm(randn(3, 4), 'fro')\nlinalg.norm(randn(2, 3, 4), 'fro', dim=(1, 2))",
    .variants = "function-only",
    .compose = run([](const Tensor& input, std::string_view ord, std::optional<Ints> dim,
                      bool keepdim, std::optional<DType> dtype) {
      check(dim || input.dim() == 1 || input.dim() == 2,
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ",
            input.dim(), "D.");
      static constexpr int64_t kBoth[] = {0, 1};
      return named_matrix_norm(input, ord, dim.value_or(Ints(kBoth)), keepdim, dtype);
    }),
};

}  // namespace rushlight
