// Comparisons, tests of floating-point classes, extremes of two tensors.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/reduce.h"

#include <cmath>
#include <limits>

namespace rushlight {

namespace {

/// Whether the values are within `atol + rtol * |other|` of each other, or equal.
Tensor is_close(const Tensor& input, const Tensor& other, double rtol, double atol,
                bool equal_nan) {
  check(input.dtype() == other.dtype(), info(input.dtype()).spoken, " did not match ",
        info(other.dtype()).spoken);
  check(rtol >= 0, "rtol must be greater than or equal to zero, but got ", Scalar(rtol));
  check(atol >= 0, "atol must be greater than or equal to zero, but got ", Scalar(atol));
  Tensor close = input.eq(other);
  if (equal_nan && is_floating(input.dtype())) close = close | (input.isnan() & other.isnan());
  if (rtol == 0 && atol == 0) return close;
  // The bound of integers is computed in the default dtype, as rtol is not an integer.
  Tensor numbers = other.dtype() == DType::Bool ? other.to(DType::UInt8) : other;
  Tensor left = input.dtype() == DType::Bool ? input.to(DType::UInt8) : input;
  if (!is_floating(numbers.dtype())) numbers = numbers.to(default_dtype());
  Tensor allowed = (numbers * rtol).abs() + atol;
  Tensor distance = (left - numbers).abs();
  return close | (distance.isfinite() & (distance <= allowed));
}

Tensor is_infinity(const Tensor& input, double infinity) {
  if (!is_floating(input.dtype())) return rushlight::zeros(input.shape(), DType::Bool);
  return input.eq(infinity);
}

bool all_of(const Tensor& flags) {
  return reduce(Reduction::All, flags, {}, false, DType::Bool, DType::Bool).item<bool>();
}

/// Of what is true or false, written as a number.
void vanishes(Backward& b) {
  b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
  b.wrt("other", [&] { return rushlight::zeros_like(b.grad()); });
}

/// Gradient for the side that `wins`; where both are equal each gets half.
Tensor share(const Tensor& grad, const Tensor& wins, const Tensor& ties) {
  return masked(grad, wins) + masked(grad * 0.5, ties);
}

}  // namespace

constinit const Op op::eq = {
    .schema = "eq(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input == other`.",
    .examples = "eq(randint(0, 3, (3, 4)), randint(0, 3, (4,)))\neq(randint(0, 3, (5,)), 1)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Eq, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::ne = {
    .schema = "ne(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input != other`.",
    .examples = "ne(randint(0, 3, (3, 4)), randint(0, 3, (4,)))\nne(randint(0, 3, (5,)), 1)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Ne, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::lt = {
    .schema = "lt(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input < other`.",
    .examples = "lt(randn(3, 4), randn(4))\nlt(randn(5), 0.5)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Lt, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::le = {
    .schema = "le(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input <= other`.",
    .examples = "le(randn(3, 4), randn(4))\nle(randn(5), 0.5)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Le, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::gt = {
    .schema = "gt(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input > other`.",
    .examples = "gt(randn(3, 4), randn(4))\ngt(randn(5), 0.5)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Gt, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::ge = {
    .schema = "ge(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "True where `input >= other`.",
    .examples = "ge(randn(3, 4), randn(4))\nge(randn(5), 0.5)",
    .variants = "in-place, boolean",
    .forward = pointwise<Kernel::Ge, Result::Boolean>,
    .backward = vanishes,
};

constinit const Op op::not_equal = {
    .schema = "not_equal(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `ne`.",
    .examples = "not_equal(randint(0, 3, (5,)), 1)",
    .variants = "in-place",
    .compose = same_as<op::ne>,
};

constinit const Op op::less = {
    .schema = "less(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `lt`.",
    .examples = "less(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::lt>,
};

constinit const Op op::less_equal = {
    .schema = "less_equal(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `le`.",
    .examples = "less_equal(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::le>,
};

constinit const Op op::greater = {
    .schema = "greater(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `gt`.",
    .examples = "greater(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::gt>,
};

constinit const Op op::greater_equal = {
    .schema = "greater_equal(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `ge`.",
    .examples = "greater_equal(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::ge>,
};

constinit const Op op::equal = {
    .schema = "equal(Tensor input, Tensor other) -> bool",
    .doc = "Whether both have the same shape and the same elements.",
    .examples = "equal(ones(3), ones(3))\nequal(ones(3), ones(4))",
    .compose = run([](const Tensor& input, const Tensor& other) {
      check_has_values(input, "equal");
      check_has_values(other, "equal");
      return same(input.shape(), other.shape()) && all_of(input.eq(other));
    }),
};

constinit const Op op::isclose = {
    .schema =
        "isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, "
        "bool equal_nan=False) -> Tensor",
    .doc = "True where `|input - other| <= atol + rtol * |other|`.",
    .examples =
        "isclose(randn(3, 4), randn(4), 0.5)\n"
        "isclose(randn(3), randn(3), rtol=0.1, atol=0.5, equal_nan=True)",
    .forward = run<is_close>(),
};

constinit const Op op::allclose = {
    .schema =
        "allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, "
        "bool equal_nan=False) -> bool",
    .doc = "Whether `|input - other| <= atol + rtol * |other|` everywhere.",
    .examples = "allclose(ones(3), ones(3) + 1e-7)\nallclose(ones(3), zeros(3), atol=2.0)",
    .compose =
        run([](const Tensor& input, const Tensor& other, double rtol, double atol, bool equal_nan) {
          return all_of(input.isclose(other, rtol, atol, equal_nan));
        }),
};

constinit const Op op::isnan = {
    .schema = "isnan(Tensor input) -> Tensor",
    .doc = "True where the element is not a number.",
    .examples = "isnan(randn(3, 4).log())",
    .forward = pointwise<Kernel::IsNan, Result::Boolean>,
};

constinit const Op op::isinf = {
    .schema = "isinf(Tensor input) -> Tensor",
    .doc = "True where the element is infinite.",
    .examples = "isinf(zeros(3).log())",
    .forward = pointwise<Kernel::IsInf, Result::Boolean>,
};

constinit const Op op::isfinite = {
    .schema = "isfinite(Tensor input) -> Tensor",
    .doc = "True where the element is neither infinite nor not a number.",
    .examples = "isfinite(randn(3, 4).log())",
    .forward = pointwise<Kernel::IsFinite, Result::Boolean>,
};

constinit const Op op::isposinf = {
    .schema = "isposinf(Tensor input) -> Tensor",
    .doc = "True where the element is positive infinity.",
    .examples = "isposinf(-zeros(3).log())",
    .forward = run([](const Tensor& input) {
      return is_infinity(input, std::numeric_limits<double>::infinity());
    }),
};

constinit const Op op::isneginf = {
    .schema = "isneginf(Tensor input) -> Tensor",
    .doc = "True where the element is negative infinity.",
    .examples = "isneginf(zeros(3).log())",
    .forward = run([](const Tensor& input) {
      return is_infinity(input, -std::numeric_limits<double>::infinity());
    }),
};

constinit const Op op::isreal = {
    .schema = "isreal(Tensor input) -> Tensor",
    .doc = "True everywhere, as no dtype is complex.",
    .examples = "isreal(randn(3, 4))",
    .forward = run([](const Tensor& input) {
      return rushlight::ones(input.shape(), DType::Bool, input.device());
    }),
};

constinit const Op op::maximum = {
    .schema = "maximum(Tensor input, Tensor other) -> Tensor",
    .doc = "The larger of both, elementwise; NaN if either is.",
    .examples = "maximum(randn(3, 4), randn(4))",
    .forward = pointwise<Kernel::Maximum>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), y = b.saved("other");
          b.wrt("input", [&] { return share(b.grad(), !(x <= y), x == y); });
          b.wrt("other", [&] { return share(b.grad(), !(x >= y), x == y); });
        },
};

constinit const Op op::minimum = {
    .schema = "minimum(Tensor input, Tensor other) -> Tensor",
    .doc = "The smaller of both, elementwise; NaN if either is.",
    .examples = "minimum(randn(3, 4), randn(4))",
    .forward = pointwise<Kernel::Minimum>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), y = b.saved("other");
          b.wrt("input", [&] { return share(b.grad(), !(x >= y), x == y); });
          b.wrt("other", [&] { return share(b.grad(), !(x <= y), x == y); });
        },
};

constinit const Op op::fmax = {
    .schema = "fmax(Tensor input, Tensor other) -> Tensor",
    .doc = "The larger of both, elementwise; the other one if one is NaN.",
    .examples = "fmax(randn(3, 4), randn(4))",
    .forward = pointwise<Kernel::Fmax>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), y = b.saved("other");
          Tensor first = (x >= y) | y.isnan();
          b.wrt("input", [&] { return masked(b.grad(), first); });
          b.wrt("other", [&] { return masked(b.grad(), !first); });
        },
};

constinit const Op op::fmin = {
    .schema = "fmin(Tensor input, Tensor other) -> Tensor",
    .doc = "The smaller of both, elementwise; the other one if one is NaN.",
    .examples = "fmin(randn(3, 4), randn(4))",
    .forward = pointwise<Kernel::Fmin>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), y = b.saved("other");
          Tensor first = (x <= y) | y.isnan();
          b.wrt("input", [&] { return masked(b.grad(), first); });
          b.wrt("other", [&] { return masked(b.grad(), !first); });
        },
};

}  // namespace rushlight
