#include "kernels/special.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace rushlight {

namespace {

constexpr double kPi = std::numbers::pi, kRoot2 = std::numbers::sqrt2;
constexpr double kRootHalfPi = 1.25331413731550025121;  // sqrt(pi / 2)
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// -- Modified Bessel functions -------------------------------------------------------------------

namespace {

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

}  // namespace

double bessel_i0e(double x) { return scaled_i(0, x); }
double bessel_i1e(double x) { return scaled_i(1, x); }
double bessel_i0(double x) {
  return std::abs(x) > 700 ? kInfinity : std::exp(std::abs(x)) * bessel_i0e(x);
}
double bessel_i1(double x) {
  return std::abs(x) > 700 ? std::copysign(kInfinity, x) : std::exp(std::abs(x)) * bessel_i1e(x);
}

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

double x_log1p_y(double x, double y) {
  if (std::isnan(y)) return y;
  return x == 0 ? 0 : x * std::log1p(y);
}

}  // namespace rushlight
