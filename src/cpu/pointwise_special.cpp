// Functions that are rarely on anyone's path: plain loops over the C++ library or over classical
// series. They do not depend on the SIMD target.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/tile.h"

namespace rushlight::cpu {
namespace {

template <class T, auto function>
void map_one(void* const* pointers, int64_t n, std::span<const Param>) {
  T* output = static_cast<T*>(pointers[0]);
  const T* x = static_cast<const T*>(pointers[1]);
  for (int64_t i = 0; i < n; ++i) output[i] = T(function(x[i]));
}
template <class T, auto function>
void map_two(void* const* pointers, int64_t n, std::span<const Param>) {
  T* output = static_cast<T*>(pointers[0]);
  const T *x = static_cast<const T*>(pointers[1]), *y = static_cast<const T*>(pointers[2]);
  for (int64_t i = 0; i < n; ++i) output[i] = T(function(x[i], y[i]));
}

template <auto function>
Loop one(DType dtype) {
  if (dtype == DType::Float32) return &map_one<float, function>;
  if (dtype == DType::Float64) return &map_one<double, function>;
  return nullptr;
}
template <auto function>
Loop two(DType dtype) {
  if (dtype == DType::Float32) return &map_two<float, function>;
  if (dtype == DType::Float64) return &map_two<double, function>;
  return nullptr;
}

/// lgamma_r is the library's lgamma without its global sign.
template <class T>
T log_gamma(T x) {
  int sign = 0;
  if constexpr (std::is_same_v<T, float>)
    return lgammaf_r(x, &sign);
  else
    return lgamma_r(x, &sign);
}

/// Digamma: recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18);
/// reflection below 0, where whole numbers are poles.
double digamma(double x) {
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  if (x < 0) {
    double whole;
    double fraction = std::modf(x, &whole);
    if (fraction == 0) return std::numeric_limits<double>::quiet_NaN();
    return digamma(1 - x) - std::numbers::pi / std::tan(std::numbers::pi * fraction);
  }
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  if (!(x < 1e17)) return sum + std::log(x);
  static constexpr double series[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                      5.0 / 660, -691.0 / 32760, 1.0 / 12};
  double z = 1 / (x * x), tail = 0;
  for (int i = 6; i >= 0; --i) tail = z * (tail + series[i]);
  return sum + std::log(x) - 0.5 / x - tail;
}

/// Inverse error function: Giles' approximation ("Approximating the erfinv function", 2012) and two
/// Newton steps, on erfc near 1 where erf has no digits left.
double inverse_erf(double y) {
  if (!(std::abs(y) < 1)) {
    bool end = std::abs(y) == 1;
    return end ? std::copysign(std::numeric_limits<double>::infinity(), y)
               : std::numeric_limits<double>::quiet_NaN();
  }
  if (y == 0) return y;
  double a = std::abs(y);
  double w = -std::log((1 - a) * (1 + a)), x;
  if (w < 5) {
    static constexpr double c[] = {1.50140941,     0.246640727,    -0.00417768164,
                                   -0.00125372503, 0.00021858087,  -4.39150654e-06,
                                   -3.5233877e-06, 3.43273939e-07, 2.81022636e-08};
    w -= 2.5;
    x = 0;
    for (int i = 8; i >= 0; --i) x = x * w + c[i];
  } else {
    static constexpr double c[] = {2.83297682,    1.00167406,     0.00943887047,
                                   -0.0076224613, 0.00573950773,  -0.00367342844,
                                   0.00134934322, 0.000100950558, -0.000200214257};
    w = std::sqrt(w) - 3;
    x = 0;
    for (int i = 8; i >= 0; --i) x = x * w + c[i];
  }
  x *= a;
  for (int step = 0; step < 2; ++step) {
    double error = a < 0.5 ? std::erf(x) - a : (1 - a) - std::erfc(x);
    double slope = 2 * std::numbers::inv_sqrtpi * std::exp(-x * x);
    if (slope == 0) break;
    x -= error / (slope + x * error);  // Halley's correction
  }
  return std::copysign(x, y);
}

template <class T>
T x_log_y(T x, T y) {
  if (y != y) return y;
  return x == 0 ? T(0) : x * std::log(y);
}

double gelu(double x) { return x * 0.5 * (1 + std::erf(x * (std::numbers::sqrt2 / 2))); }
double gelu_backward(double grad, double x) {
  double distribution = 0.5 * (1 + std::erf(x * (std::numbers::sqrt2 / 2)));
  double density = std::exp(x * x * -0.5) * (std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2);
  return grad * (distribution + x * density);
}

/// x ** exponent with the loop of Kernel::Pow, which wants an exponent for each element.
template <class T>
void pow_by_tiles(const T* x, T exponent, T* output, int64_t n) {
  alignas(64) T exponents[kTile];
  std::fill_n(exponents, std::min(kTile, n), exponent);
  Loop pow = find_loop(Kernel::Pow, dtype_of<T>);
  for (int64_t i = 0; i < n; i += kTile) {
    void* pointers[3] = {output + i, const_cast<T*>(x + i), exponents};
    pow(pointers, std::min(kTile, n - i), {});
  }
}

/// The exponents that are products, roots or quotients are not left to pow: x ** 0.5 of -inf is NaN
/// as for sqrt, and squares are exact to half a unit.
template <class T>
void pow_to(void* const* pointers, int64_t n, std::span<const Param> params) {
  T* output = static_cast<T*>(pointers[0]);
  const T* x = static_cast<const T*>(pointers[1]);
  T exponent = params[0].to<T>();
  auto each = [&](auto function) {
    for (int64_t i = 0; i < n; ++i) output[i] = function(x[i]);
  };
  if (exponent == T(0.5))
    each([](T v) { return std::sqrt(v); });
  else if (exponent == T(1))
    each([](T v) { return v; });
  else if (exponent == T(2))
    each([](T v) { return v * v; });
  else if (exponent == T(3))
    each([](T v) { return v * v * v; });
  else if (exponent == T(-0.5))
    each([](T v) { return T(1) / std::sqrt(v); });
  else if (exponent == T(-1))
    each([](T v) { return T(1) / v; });
  else if (exponent == T(-2))
    each([](T v) { return T(1) / (v * v); });
  else
    each([&](T v) { return std::pow(v, exponent); });
}

}  // namespace

Loop find_special(Kernel kernel, DType dtype) {
  bool wide = dtype == DType::Float64;
  switch (kernel) {
    case Kernel::Asin: return one<[](auto x) { return std::asin(x); }>(dtype);
    case Kernel::Acos: return one<[](auto x) { return std::acos(x); }>(dtype);
    case Kernel::Atan: return one<[](auto x) { return std::atan(x); }>(dtype);
    case Kernel::Asinh: return one<[](auto x) { return std::asinh(x); }>(dtype);
    case Kernel::Acosh: return one<[](auto x) { return std::acosh(x); }>(dtype);
    case Kernel::Atanh: return one<[](auto x) { return std::atanh(x); }>(dtype);
    case Kernel::Erfc: return one<[](auto x) { return std::erfc(x); }>(dtype);
    case Kernel::Erfinv: return one<[](auto x) { return inverse_erf(x); }>(dtype);
    case Kernel::Lgamma: return one<[](auto x) { return log_gamma(x); }>(dtype);
    case Kernel::Digamma: return one<[](auto x) { return digamma(x); }>(dtype);
    case Kernel::Atan2: return two<[](auto y, auto x) { return std::atan2(y, x); }>(dtype);
    case Kernel::Nextafter: return two<[](auto x, auto y) { return std::nextafter(x, y); }>(dtype);
    case Kernel::Xlogy: return two<[](auto x, auto y) { return x_log_y(x, y); }>(dtype);
    case Kernel::Pow: return two<[](auto x, auto y) { return std::pow(x, y); }>(dtype);
    case Kernel::PowTo:
      return wide ? &pow_to<double> : dtype == DType::Float32 ? &pow_to<float> : nullptr;
    case Kernel::Erf:
      return wide ? &map_one<double, [](double x) { return std::erf(x); }> : nullptr;
    case Kernel::Gelu: return wide ? &map_one<double, gelu> : nullptr;
    case Kernel::GeluBackward: return wide ? &map_two<double, gelu_backward> : nullptr;
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu
