// Special functions.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <cmath>
#include <numbers>

namespace rushlight {

namespace {

constexpr double kTwoOverRootPi = 2 * std::numbers::inv_sqrtpi;

/// zeta(s, x) = the sum of 1 / (x + k)^s over k >= 0, for s > 1 and x > 0: Euler and Maclaurin's
/// formula after ten terms (Cohen, Olivier: Calcul des valeurs de la fonction zeta).
double hurwitz_zeta(double s, double x) {
  constexpr double kBernoulli[] = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                   5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                   43867.0 / 798, -174611.0 / 330};
  constexpr int kTerms = 10;
  double sum = 0;
  for (int k = 0; k < kTerms; ++k) sum += std::pow(x + k, -s);
  double a = x + kTerms;
  sum += std::pow(a, 1 - s) / (s - 1) + 0.5 * std::pow(a, -s);
  double factor = s / 2 * std::pow(a, -s - 1);  // s (s+1) … (s+2j-2) / (2j)! * a^(1-s-2j)
  for (int j = 1; j <= 10; ++j) {
    sum += kBernoulli[j - 1] * factor;
    factor *= (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2)) / (a * a);
  }
  return sum;
}

/// The n-th derivative of the digamma function, n >= 1.
double polygamma_of(int64_t n, double x) {
  if (std::isnan(x) || x == -INFINITY) return NAN;
  if (x > 0) return (n % 2 ? 1 : -1) * std::tgamma(double(n) + 1) * hurwitz_zeta(double(n) + 1, x);
  if (x == std::floor(x)) return n % 2 ? INFINITY : NAN;
  // Left of 0: step to the right, each step adding one term of the sum.
  double sum = 0, sign = n % 2 ? 1 : -1, factorial = std::tgamma(double(n) + 1);
  if (n == 1 && x < -20) {  // reflection instead of many steps
    double sine = std::sin(std::numbers::pi * (x - std::floor(x)));
    return std::pow(std::numbers::pi / sine, 2) - polygamma_of(1, 1 - x);
  }
  for (; x < 0; x += 1) sum += sign * factorial * std::pow(x, -double(n) - 1);
  return sum + polygamma_of(n, x);
}

Tensor polygamma_values(int64_t n, const Tensor& input) {
  check(n >= 0, "polygamma(n, x) does not support negative n.");
  if (n == 0) return input.digamma();
  DType dtype = is_floating(input.dtype()) ? input.dtype() : default_dtype();
  Tensor result = input.to(DType::Float64).clone(MemoryFormat::Contiguous);
  if (!has_values(result)) return result.to(dtype);
  double* values = result.data<double>();
  parallel_for(result.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = polygamma_of(n, values[i]);
  });
  return result.to(dtype);
}

}  // namespace

constinit const Op op::erf = {
    .schema = "erf(Tensor input) -> Tensor",
    .doc = "The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0.",
    .examples = "erf(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Erf, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return b.grad() * (b.saved("input").pow(2).neg().exp() * kTwoOverRootPi); });
        },
};

constinit const Op op::erfc = {
    .schema = "erfc(Tensor input) -> Tensor",
    .doc = "`1 - erf(input)`, exact for large elements.",
    .examples = "erfc(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Erfc, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return b.grad() * (b.saved("input").pow(2).neg().exp() * -kTwoOverRootPi); });
        },
};

constinit const Op op::erfinv = {
    .schema = "erfinv(Tensor input) -> Tensor",
    .doc = "The inverse of erf.",
    .examples = "erfinv(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Erfinv, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return b.grad() * (b.saved("result").pow(2).exp() * (1 / kTwoOverRootPi)); });
        },
};

constinit const Op op::lgamma = {
    .schema = "lgamma(Tensor input) -> Tensor",
    .doc = "The logarithm of |gamma(input)|.",
    .examples = "lgamma(rand(3, 4) + 0.5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Lgamma, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("input").digamma(); }); },
};

constinit const Op op::digamma = {
    .schema = "digamma(Tensor input) -> Tensor",
    .doc = "The derivative of lgamma.",
    .examples = "digamma(rand(3, 4) + 0.5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Digamma, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * rushlight::polygamma(1, b.saved("input")); });
        },
};

constinit const Op op::polygamma = {
    .schema = "polygamma(int n, Tensor input) -> Tensor",
    .doc = "The `n`-th derivative of digamma.",
    .examples = "polygamma(1, rand(3, 4) + 0.5)\npolygamma(2, rand(4) + 0.5)",
    .variants = "function-only",
    .forward = run<polygamma_values>(),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad() * rushlight::polygamma(b.integer("n") + 1, b.saved("input"));
          });
        },
};

constinit const Op op::logit = {
    .schema = "logit(Tensor input, float? eps=None) -> Tensor",
    .doc =
        "`log(x / (1 - x))`, the inverse of sigmoid; with `eps`, of x clamped to [eps, 1 - eps].",
    .examples = "logit(rand(3, 4))\nlogit(rand(5), 0.1)",
    .variants = "in-place",
    .forward = run([](const Tensor& input, std::optional<double> eps) {
      Tensor x = is_floating(input.dtype()) ? input : input.to(default_dtype());
      if (eps) x = x.clamp(*eps, 1 - *eps);
      return (x / (1 - x)).log();
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), slope = b.grad() / (x * (1 - x));
            double eps = b.given("eps") ? b.argument<double>("eps") : 0;
            Tensor inside = !((x < eps) | (x > 1 - eps));
            // Without eps the logit is undefined outside of [0, 1], with it constant.
            return where(inside, slope, b.given("eps") ? 0.0 : NAN);
          });
        },
};

}  // namespace rushlight
