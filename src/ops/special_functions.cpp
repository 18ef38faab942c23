// The special functions of torch.special: each is a plain function of doubles, so that no result
// depends on the SIMD target.

#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <cmath>
#include <numbers>

namespace rushlight {

namespace {

constexpr double kPi = std::numbers::pi, kRoot2 = std::numbers::sqrt2;
constexpr double kRootHalfPi = 1.25331413731550025121;  // sqrt(pi / 2)
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

DType floating_dtype(DType dtype) { return is_floating(dtype) ? dtype : default_dtype(); }

template <class Function>
Tensor map(const Tensor& input, Function function) {
  Tensor result = input.detach().to(DType::Float64).clone(MemoryFormat::Preserve);
  Tensor flat = result.is_contiguous() ? result : result.contiguous();
  double* values = flat.data<double>();
  parallel_for(flat.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = function(values[i]);
  });
  return flat.to(floating_dtype(input.dtype()));
}

template <class Function>
Tensor map(const Tensor& a, const Tensor& b, Function function) {
  const Value both[] = {a, b};
  DType dtype = floating_dtype(promote_operands(both));
  Dims shape = broadcast_shapes(a.shape(), b.shape());
  Tensor result = a.detach().to(DType::Float64).expand(shape).clone(MemoryFormat::Contiguous);
  Tensor second = b.detach().to(DType::Float64).expand(shape).contiguous();
  double* x = result.data<double>();
  const double* y = second.data<double>();
  parallel_for(result.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x[i] = function(x[i], y[i]);
  });
  return result.to(dtype);
}

/// Forward of a function of one tensor.
template <double (*function)(double)>
void one(Call& call) {
  store(call.results, map(call.arguments[0].tensor(), function));
}

// -- Modified Bessel functions -------------------------------------------------------------------

/// exp(-|x|) I_n(x), n = 0 or 1: the power series, whose terms are all positive, then the
/// asymptotic one (Abramowitz and Stegun 9.6.10, 9.7.1).
double scaled_i(int n, double x) {
  double a = std::abs(x), sign = n == 1 && x < 0 ? -1 : 1;
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return 0;
  if (a <= 30) {
    double square = a * a / 4, term = n == 0 ? 1 : a / 2, sum = term;
    for (int k = 1; term > sum * 1e-17; ++k) sum += term *= square / (double(k) * (k + n));
    return sign * std::exp(-a) * sum;
  }
  double term = 1, sum = 1, order = 4.0 * n * n;
  for (int k = 1; k < 30; ++k) {
    term *= -(order - (2 * k - 1) * (2 * k - 1)) / (8 * a * k);
    sum += term;
    if (std::abs(term) < 1e-17) break;
  }
  return sign * sum / std::sqrt(2 * kPi * a);
}

double bessel_i0e(double x) { return scaled_i(0, x); }
double bessel_i1e(double x) { return scaled_i(1, x); }
double bessel_i0(double x) {
  return std::abs(x) > 700 ? kInfinity : std::exp(std::abs(x)) * bessel_i0e(x);
}
double bessel_i1(double x) {
  return std::abs(x) > 700 ? std::copysign(kInfinity, x) : std::exp(std::abs(x)) * bessel_i1e(x);
}

/// exp(x) K_n(x), n = 0 or 1: the integral of exp(-x (cosh t - 1)) cosh(n t) over t > 0 by the
/// trapezoidal rule, which converges exponentially; the step fits the width 1 / sqrt(x).
double scaled_k(int n, double x) {
  if (std::isnan(x) || x < 0) return kNaN;
  if (x == 0) return kInfinity;
  if (std::isinf(x)) return 0;
  // exp(-x (cosh t - 1)) is below 1e-18 from here on.
  double end = std::acosh(1 + 42 / x), step = end / 400, sum = 0.5;
  for (int i = 1; i <= 400; ++i) {
    double t = i * step, half = std::sinh(t / 2);
    sum += std::exp(-2 * x * half * half) * (n == 0 ? 1 : std::cosh(t));
  }
  return sum * step;
}

double bessel_k0e(double x) { return scaled_k(0, x); }
double bessel_k1e(double x) { return scaled_k(1, x); }
double bessel_k0(double x) { return std::exp(-x) * bessel_k0e(x); }
double bessel_k1(double x) { return std::exp(-x) * bessel_k1e(x); }

// -- Bessel functions ----------------------------------------------------------------------------

double bessel_j0(double x) { return std::isinf(x) ? 0 : ::j0(x); }
double bessel_j1(double x) { return std::isinf(x) ? 0 : ::j1(x); }
double bessel_y0(double x) { return x < 0 ? kNaN : x == 0 ? -kInfinity : ::y0(x); }
double bessel_y1(double x) { return x < 0 ? kNaN : x == 0 ? -kInfinity : ::y1(x); }
double spherical_j0(double x) {
  if (std::isinf(x)) return 0;
  return std::abs(x) < 1e-4 ? 1 - x * x / 6 : std::sin(x) / x;
}

/// Airy's function by Bessel functions of order 1/3 (Abramowitz and Stegun 10.4.14 and 10.4.15).
double airy(double x) {
  constexpr double kAtZero = 0.355028053887817239260;
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return x > 0 ? 0 : kNaN;
  if (x == 0) return kAtZero;
  double a = std::abs(x), root = std::sqrt(a / 3), z = 2 * a * std::sqrt(a) / 3;
  if (x > 0) return z > 740 ? 0 : root * std::cyl_bessel_k(1.0 / 3, z) / kPi;
  double j = std::cyl_bessel_j(1.0 / 3, z), y = std::cyl_neumann(1.0 / 3, z);
  // J of order -1/3 is cos(pi / 3) J - sin(pi / 3) Y.
  return std::sqrt(a) / 3 * (1.5 * j - std::sqrt(3.0) / 2 * y);
}

// -- The normal distribution ---------------------------------------------------------------------

/// exp(x²) erfc(x), in long double, whose exponent is large enough; then the asymptotic series.
double scaled_erfc(double x) {
  if (std::isnan(x)) return x;
  if (x < -26.7) return kInfinity;
  if (x < 50) return double(std::exp((long double)(x)*x) * std::erfc((long double)(x)));
  double y = 1 / (x * x);
  return (1 - y / 2 * (1 - y * 3 / 2 * (1 - y * 5 / 2))) / (x * std::sqrt(kPi));
}

double log_normal_below(double x) {
  double t = x / kRoot2;
  if (x < -1) return std::log(scaled_erfc(-t) / 2) - t * t;
  return std::log1p(-std::erfc(t) / 2);
}

/// The inverse of the distribution: Newton's method on its logarithm in the lower half, where it
/// is concave, from a bound of Mills' ratio; the upper half by symmetry.
double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNaN;
  if (p == 0 || p == 1) return p == 0 ? -kInfinity : kInfinity;
  if (p == 0.5) return 0;
  if (p > 0.5) return -normal_quantile(1 - p);
  double target = std::log(p), x = p > 0.1 ? 0 : -std::sqrt(-2 * target);
  for (int i = 0; i < 60; ++i) {
    // (log P)' = p(x) / P(x) = sqrt(2 / pi) / erfcx(-x / sqrt 2)
    double slope = 1 / (kRootHalfPi * scaled_erfc(-x / kRoot2));
    double step = (log_normal_below(x) - target) / slope;
    x -= step;
    if (std::abs(step) <= 1e-16 * std::abs(x)) break;
  }
  return x;
}

double entropy(double x) {
  if (std::isnan(x)) return x;
  return x > 0 ? -x * std::log(x) : x == 0 ? 0 : -kInfinity;
}

// -- Gamma functions -----------------------------------------------------------------------------

double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/// x^a e^-x / Γ(a), without cancellation near x = a (log1pmx form for large a).
double gamma_prefix(double a, double x) {
  if (a < 20 || std::abs(x - a) > 0.4 * a) return std::exp(a * std::log(x) - x - log_gamma(a));
  double d = (x - a) / a;
  double exponent = a * (std::log1p(d) - d);
  // Stirling's series for Γ(a)
  double r = 1 / a, s = r * r;
  double tail = r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s / 1680)));
  return std::exp(exponent - tail) * std::sqrt(a / (2 * kPi));
}

/// The regularised incomplete gamma functions P (lower) and Q = 1 - P: the series below a + 1, the
/// continued fraction above (Numerical Recipes 6.2, Lentz' method).
double incomplete_gamma(double a, double x, bool lower) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return kNaN;
  if (a == 0) return x > 0 ? double(lower) : kNaN;
  if (x == 0) return lower ? 0 : 1;
  if (std::isinf(a)) return std::isinf(x) ? kNaN : lower ? 0 : 1;
  if (std::isinf(x)) return lower ? 1 : 0;
  double prefix = gamma_prefix(a, x);
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (int k = 1; k < 100000 && term > sum * 1e-17; ++k) sum += term *= x / (a + k);
    double p = sum * prefix;
    return lower ? p : 1 - p;
  }
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int i = 1; i < 100000; ++i) {
    double n = -i * (i - a);
    b += 2;
    d = 1 / (n * d + b);
    c = b + n / c;
    double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1) < 1e-16) break;
  }
  double q = h * prefix;
  return lower ? 1 - q : q;
}

Tensor gamma_density(const Tensor& a, const Tensor& x) {
  return (-x + (a - 1) * x.log() - a.lgamma()).exp();
}

Tensor incomplete(const Tensor& a, const Tensor& x, bool lower) {
  const Value both[] = {a, x};
  DType dtype = promote_operands(both);
  check(is_floating(dtype), ErrorKind::NotImplemented, "\"", lower ? "igamma" : "igammac",
        "_cpu\" not implemented for '", info(dtype).spoken, "'");
  return map(a, x, [lower](double p, double q) { return incomplete_gamma(p, q, lower); });
}

/// The sum of 1 / (q + k)^s over k >= 0; where q is negative and s whole, also from there.
double zeta(double s, double q) {
  if (std::isnan(s) || std::isnan(q)) return kNaN;
  if (s == 1) return kInfinity;
  if (s < 1) return kNaN;
  if (q <= 0) {
    if (q == std::floor(q)) return kInfinity;
    if (s != std::floor(s)) return kNaN;
  }
  // Euler and Maclaurin's formula after ten terms and from q > 0 on.
  constexpr double kBernoulli[] = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                   5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                   43867.0 / 798, -174611.0 / 330};
  double sum = 0;
  for (int k = 0; k < 10 || q <= 9; ++k, ++q) {
    double term = std::pow(q, -s);
    sum += term;
    if (std::abs(term) < std::abs(sum) * 1e-17) return sum;
  }
  sum += std::pow(q, 1 - s) / (s - 1) + 0.5 * std::pow(q, -s);
  double factor = s / 2 * std::pow(q, -s - 1);
  for (int j = 1; j <= 10; ++j) {
    sum += kBernoulli[j - 1] * factor;
    factor *= (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2)) / (q * q);
  }
  return sum;
}

constexpr auto zeta_of = [](const Tensor& s, const Tensor& q) -> Tensor { return map(s, q, zeta); };

[[noreturn]] Tensor no_derivative(const char* name) {
  fail(ErrorKind::NotImplemented, "the derivative for '", name, "' is not implemented.");
}

double x_log1p_y(double x, double y) {
  if (std::isnan(y)) return y;
  return x == 0 ? 0 : x * std::log1p(y);
}
constexpr auto x_log1p = [](const Tensor& x, const Tensor& y) -> Tensor {
  return map(x, y, x_log1p_y);
};

/// A number as an operand: its dtype counts as a number's does.
Tensor number(const Scalar& scalar) { return wrapped_number(scalar); }

}  // namespace

constinit const Op op::i0 = {
    .schema = "i0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 0.",
    .examples = "i0(randn(3, 4))",
    .variants = "in-place",
    .forward = one<bessel_i0>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * rushlight::special_i1(b.saved("input")); });
        },
};

constinit const Op op::special_i0e = {
    .schema = "special_i0e(Tensor input) -> Tensor",
    .doc = "exp(-|x|) times i0.",
    .examples = "torch.special.i0e(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i0e>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return b.grad() * (rushlight::special_i1e(x) - x.sgn() * b.saved("result"));
          });
        },
    .node = "SpecialI0EBackward0",
};

constinit const Op op::special_i1 = {
    .schema = "special_i1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 1.",
    .examples = "torch.special.i1(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i1>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), result = b.saved("result");
            Tensor tiny = x.abs() <= Scalar(1e-12);
            Tensor safe = x.masked_fill(tiny, 1);
            return b.grad() * (rushlight::i0(x) - result / safe).masked_fill(tiny, 0.5);
          });
        },
    .node = "SpecialI1Backward0",
};

constinit const Op op::special_i1e = {
    .schema = "special_i1e(Tensor input) -> Tensor",
    .doc = "exp(-|x|) times i1.",
    .examples = "torch.special.i1e(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i1e>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), result = b.saved("result");
            Tensor tiny = x.abs() <= Scalar(1e-12);
            Tensor safe = x.masked_fill(tiny, 1);
            return b.grad() * (rushlight::special_i0e(x) - result * (x.sgn() + safe.reciprocal()))
                                  .masked_fill(tiny, 0.5);
          });
        },
    .node = "SpecialI1EBackward0",
};

constinit const Op op::special_entr = {
    .schema = "special_entr(Tensor input) -> Tensor",
    .doc = "-x log(x); 0 at 0, -inf below.",
    .examples = "torch.special.entr(rand(3, 4))",
    .variants = "function-only",
    .forward = one<entropy>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (b.saved("input").log() + 1).neg(); });
        },
};

constinit const Op op::special_ndtr = {
    .schema = "special_ndtr(Tensor input) -> Tensor",
    .doc = "The area below the standard normal density to the left of x.",
    .examples = "torch.special.ndtr(randn(3, 4))",
    .variants = "function-only",
    .compose = run(
        [](const Tensor& input) { return ((input * Scalar(1 / kRoot2)).erf() + 1) * Scalar(0.5); }),
};

constinit const Op op::special_ndtri = {
    .schema = "special_ndtri(Tensor input) -> Tensor",
    .doc = "The inverse of ndtr.",
    .examples = "torch.special.ndtri(rand(3, 4) * 0.98 + 0.01)",
    .variants = "function-only",
    .forward = one<normal_quantile>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad() * (b.saved("result").square() * 0.5).exp() * Scalar(2 * kRootHalfPi);
          });
        },
};

constinit const Op op::special_log_ndtr = {
    .schema = "special_log_ndtr(Tensor input) -> Tensor",
    .doc = "The logarithm of ndtr, exact for very negative x.",
    .examples = "torch.special.log_ndtr(randn(3, 4) * 3)",
    .variants = "function-only",
    .forward = one<log_normal_below>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad() / rushlight::special_erfcx(b.saved("input") * Scalar(-1 / kRoot2)) *
                   Scalar(1 / kRootHalfPi);
          });
        },
};

constinit const Op op::special_erfcx = {
    .schema = "special_erfcx(Tensor input) -> Tensor",
    .doc = "exp(x²) erfc(x).",
    .examples = "torch.special.erfcx(randn(3, 4))",
    .variants = "function-only",
    .forward = one<scaled_erfc>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return (b.saved("input") * b.saved("result") * 2 - Scalar(2 / std::sqrt(kPi))) *
                   b.grad();
          });
        },
};

constinit const Op op::special_bessel_j0 = {
    .schema = "special_bessel_j0(Tensor input) -> Tensor",
    .doc = "The Bessel function of the first kind, of order 0.",
    .examples = "torch.special.bessel_j0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_j0>,
};

constinit const Op op::special_bessel_j1 = {
    .schema = "special_bessel_j1(Tensor input) -> Tensor",
    .doc = "The Bessel function of the first kind, of order 1.",
    .examples = "torch.special.bessel_j1(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_j1>,
};

constinit const Op op::special_bessel_y0 = {
    .schema = "special_bessel_y0(Tensor input) -> Tensor",
    .doc = "The Bessel function of the second kind, of order 0.",
    .examples = "torch.special.bessel_y0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_y0>,
};

constinit const Op op::special_bessel_y1 = {
    .schema = "special_bessel_y1(Tensor input) -> Tensor",
    .doc = "The Bessel function of the second kind, of order 1.",
    .examples = "torch.special.bessel_y1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_y1>,
};

constinit const Op op::special_modified_bessel_i0 = {
    .schema = "special_modified_bessel_i0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 0; without gradient.",
    .examples = "torch.special.modified_bessel_i0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_i0>,
};

constinit const Op op::special_modified_bessel_i1 = {
    .schema = "special_modified_bessel_i1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 1; without gradient.",
    .examples = "torch.special.modified_bessel_i1(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_i1>,
};

constinit const Op op::special_modified_bessel_k0 = {
    .schema = "special_modified_bessel_k0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the second kind, of order 0.",
    .examples = "torch.special.modified_bessel_k0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k0>,
};

constinit const Op op::special_modified_bessel_k1 = {
    .schema = "special_modified_bessel_k1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the second kind, of order 1.",
    .examples = "torch.special.modified_bessel_k1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k1>,
};

constinit const Op op::special_scaled_modified_bessel_k0 = {
    .schema = "special_scaled_modified_bessel_k0(Tensor input) -> Tensor",
    .doc = "exp(x) times modified_bessel_k0.",
    .examples = "torch.special.scaled_modified_bessel_k0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k0e>,
};

constinit const Op op::special_scaled_modified_bessel_k1 = {
    .schema = "special_scaled_modified_bessel_k1(Tensor input) -> Tensor",
    .doc = "exp(x) times modified_bessel_k1.",
    .examples = "torch.special.scaled_modified_bessel_k1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k1e>,
};

constinit const Op op::special_spherical_bessel_j0 = {
    .schema = "special_spherical_bessel_j0(Tensor input) -> Tensor",
    .doc = "sin(x) / x.",
    .examples = "torch.special.spherical_bessel_j0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<spherical_j0>,
};

constinit const Op op::special_airy_ai = {
    .schema = "special_airy_ai(Tensor input) -> Tensor",
    .doc = "Airy's function Ai.",
    .examples = "torch.special.airy_ai(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<airy>,
};

constinit const Op op::special_xlog1py = {
    .schema = "special_xlog1py(Tensor input, Tensor other) -> Tensor",
    .doc = "`input * log1p(other)`; 0 where `input` is 0.",
    .examples = "torch.special.xlog1py(rand(3, 4), rand(4))",
    .variants = "function-only",
    .forward = run(x_log1p),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), y = b.saved("other");
            return (b.grad() * y.log1p()).masked_fill((x == Scalar(0)) & (y <= Scalar(-1)), 0);
          });
          b.wrt("other", [&] { return b.grad() * b.saved("input") / (b.saved("other") + 1); });
        },
    .node = "SpecialXlog1PyBackward0",
};

constinit const Op op::special_xlog1py_other_scalar = {
    .schema = "special_xlog1py.other_scalar(Tensor input, Scalar other) -> Tensor",
    .doc = "`input * log1p(other)` of a tensor and a number.",
    .examples = "torch.special.xlog1py(rand(3, 4), 2.0)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, const Scalar& other) {
      return rushlight::special_xlog1py(input, number(other));
    }),
};

constinit const Op op::special_xlog1py_self_scalar = {
    .schema = "special_xlog1py.self_scalar(Scalar input, Tensor other) -> Tensor",
    .doc = "`input * log1p(other)` of a number and a tensor.",
    .examples = "torch.special.xlog1py(2.0, rand(4))",
    .variants = "function-only",
    .compose = run([](const Scalar& input, const Tensor& other) {
      return rushlight::special_xlog1py(number(input), other);
    }),
};

constinit const Op op::special_zeta = {
    .schema = "special_zeta(Tensor input, Tensor other) -> Tensor",
    .doc = "Hurwitz' zeta function: the sum of (other + k) ** -input over k >= 0.",
    .examples = "torch.special.zeta(rand(3, 4) + 1.5, rand(4) + 0.5)",
    .variants = "function-only",
    .forward = run(zeta_of),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("zeta"); });
          b.wrt("other", [&] {
            Tensor s = b.saved("input");
            return b.grad() * -s * rushlight::special_zeta(s + 1, b.saved("other"));
          });
        },
};

constinit const Op op::special_zeta_other_scalar = {
    .schema = "special_zeta.other_scalar(Tensor input, Scalar other) -> Tensor",
    .doc = "Hurwitz' zeta function of a tensor and a number.",
    .examples = "torch.special.zeta(rand(3, 4) + 1.5, 2.0)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, const Scalar& other) {
      return rushlight::special_zeta(input, number(other));
    }),
};

constinit const Op op::special_zeta_self_scalar = {
    .schema = "special_zeta.self_scalar(Scalar input, Tensor other) -> Tensor",
    .doc = "Hurwitz' zeta function of a number and a tensor.",
    .examples = "torch.special.zeta(2.0, rand(4) + 0.5)",
    .variants = "function-only",
    .compose = run([](const Scalar& input, const Tensor& other) {
      return rushlight::special_zeta(number(input), other);
    }),
};

constinit const Op op::igamma = {
    .schema = "igamma(Tensor input, Tensor other) -> Tensor",
    .doc = "The regularised lower incomplete gamma function P(input, other).",
    .examples = "igamma(rand(3, 4) * 3, rand(4) * 3)",
    .variants = "in-place",
    .forward = run(
        [](const Tensor& input, const Tensor& other) { return incomplete(input, other, true); }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("igamma: input"); });
          b.wrt("other",
                [&] { return b.grad() * gamma_density(b.saved("input"), b.saved("other")); });
        },
};

constinit const Op op::igammac = {
    .schema = "igammac(Tensor input, Tensor other) -> Tensor",
    .doc = "The regularised upper incomplete gamma function Q(input, other).",
    .examples = "igammac(rand(3, 4) * 3, rand(4) * 3)",
    .variants = "in-place",
    .forward = run(
        [](const Tensor& input, const Tensor& other) { return incomplete(input, other, false); }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("igammac: input"); });
          b.wrt("other",
                [&] { return -b.grad() * gamma_density(b.saved("input"), b.saved("other")); });
        },
};

constinit const Op op::mvlgamma = {
    .schema = "mvlgamma(Tensor input, int p) -> Tensor",
    .doc = "The logarithm of the multivariate gamma function of dimension `p`.",
    .examples = "mvlgamma(rand(3, 4) + 1.5, 3)",
    .variants = "in-place",
    .compose = run([](const Tensor& input, int64_t p) {
      check(p >= 1, "p has to be greater than or equal to 1");
      Tensor x = is_floating(input.dtype()) ? input : input.to(default_dtype());
      Tensor shifts = rushlight::arange(p, x.dtype()) * Scalar(-0.5);
      double constant = double(p * (p - 1)) / 4 * std::log(kPi);
      return (x.unsqueeze(-1) + shifts).lgamma().sum(Ints{-1}) + constant;
    }),
};

}  // namespace rushlight
