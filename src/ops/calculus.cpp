// Integrals by the trapezoidal rule.

#include <rushlight/operators.h>

#include "ops/op.h"

namespace rushlight {

namespace {

void check_samples(const Tensor& y, const char* name) {
  check(y.dtype() != DType::Bool, name,
        ": received a bool input for `y`, but bool is not supported");
}

/// Heights in the middle of each step, doubled.
Tensor pair_sums(const Tensor& y, int64_t dim) {
  return rushlight::slice(y, dim, {}, -1) + rushlight::slice(y, dim, 1);
}

/// The widths of the steps between the places `x` of the samples.
Tensor steps(const Tensor& y, const Tensor& x, int64_t dim, const char* name) {
  check(y.dtype() != DType::Bool && x.dtype() != DType::Bool, name,
        ": received a bool input for `x` or `y`, but bool is not supported");
  Tensor places = x;
  if (x.dim() == 1) {
    check(x.size(0) == y.size(dim), name, ": There must be one `x` value for each sample point");
    Dims shape(size_t(y.dim()), 1);
    shape[size_t(dim)] = x.size(0);
    places = x.reshape(shape);
  } else if (x.dim() < y.dim()) {
    Dims shape(x.shape());
    while (int64_t(shape.size()) < y.dim()) shape.insert(0, 1);
    places = x.reshape(shape);
  }
  return rushlight::slice(places, dim, 1) - rushlight::slice(places, dim, {}, -1);
}

int64_t sample_dim(const Tensor& y, int64_t dim) {
  check(y.dim() > 0, ErrorKind::Index, "Dimension specified as ", dim,
        " but tensor has no dimensions");
  return wrap_dim(dim, y.dim());
}

constexpr auto area_over = [](const Tensor& y, const Tensor& x, int64_t dim) -> Tensor {
  dim = sample_dim(y, dim);
  // Nothing to integrate is nothing.
  if (y.size(dim) == 0) return y.sum(Ints{dim});
  Tensor areas = pair_sums(y, dim) * steps(y, x, dim, "trapezoid");
  return rushlight::_div_number(areas.sum(Ints{dim}), 2);
};
constexpr auto area_by = [](const Tensor& y, const Scalar& dx, int64_t dim) -> Tensor {
  check_samples(y, "trapezoid");
  dim = sample_dim(y, dim);
  if (y.size(dim) == 0) return y.sum(Ints{dim});
  Tensor ends = rushlight::_mul_number(y.select(dim, 0) + y.select(dim, -1), 0.5);
  return rushlight::_mul_number(y.sum(Ints{dim}) - ends, dx);
};

}  // namespace

constinit const Op op::trapezoid_x = {
    .schema = "trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
    .doc = "The integral of samples `y` at the places `x` by the trapezoidal rule.",
    .examples =
        "trapezoid(randn(3, 4), randn(4))\n"
        "trapezoid(randn(3, 4), randn(3, 1), dim=0)",
    .variants = "function-only",
    .compose = run(area_over),
};

constinit const Op op::trapezoid_dx = {
    .schema = "trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
    .doc = "The integral of samples `y` that are `dx` apart by the trapezoidal rule.",
    .examples = "trapezoid(randn(3, 4))\ntrapezoid(randn(3, 4), dx=0.5, dim=0)",
    .variants = "function-only",
    .compose = run(area_by),
};

constinit const Op op::trapz_x = {
    .schema = "trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
    .doc = "trapezoid(), by its older name.",
    .examples = "trapz(randn(3, 4), randn(4))",
    .variants = "function-only",
    .compose = run(area_over),
};

constinit const Op op::trapz_dx = {
    .schema = "trapz.dx(Tensor y, *, float dx=1, int dim=-1) -> Tensor",
    .doc = "trapezoid(), by its older name.",
    .examples = "trapz(randn(3, 4), dx=0.5, dim=0)",
    .variants = "function-only",
    .compose =
        run([](const Tensor& y, double dx, int64_t dim) { return area_by(y, Scalar(dx), dim); }),
};

constinit const Op op::cumulative_trapezoid_x = {
    .schema = "cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
    .doc = "The integral up to each place but the first.",
    .examples = "cumulative_trapezoid(randn(3, 4), randn(4))",
    .variants = "function-only",
    .compose = run([](const Tensor& y, const Tensor& x, int64_t dim) {
      dim = sample_dim(y, dim);
      Tensor areas = pair_sums(y, dim) * steps(y, x, dim, "cumulative_trapezoid");
      return rushlight::_div_number(areas.cumsum(dim), 2);
    }),
};

constinit const Op op::cumulative_trapezoid_dx = {
    .schema = "cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
    .doc = "The integral up to each place but the first, of samples that are `dx` apart.",
    .examples = "cumulative_trapezoid(randn(3, 4))\ncumulative_trapezoid(randn(3, 4), dx=2, dim=0)",
    .variants = "function-only",
    .compose = run([](const Tensor& y, const Scalar& dx, int64_t dim) {
      check_samples(y, "cumulative_trapezoid");
      dim = sample_dim(y, dim);
      return rushlight::_mul_number(pair_sums(y, dim), dx.real() / 2).cumsum(dim);
    }),
};

}  // namespace rushlight
