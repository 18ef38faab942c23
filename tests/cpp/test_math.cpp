// Accuracy of the elementary functions: against long double, in units in the last place, over
// arguments of every size; values at the edges; the same bits under AVX2 and AVX-512.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "kernels/pointwise.h"
#include "strided.h"

namespace rushlight {
namespace {

using namespace rushlight::testing;
using Real = long double;

struct Function {
  Kernel kernel;
  Real (*exact)(Real);
  double low, high;     // uniform arguments; arguments of every magnitude come on top
  double ulps;          // allowed
  double absolute;      // allowed besides, in units of eps, where the formula itself cancels
  bool inside = false;  // only arguments from low to high
};

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real gelu(Real x) { return x / 2 * std::erfc(-x / std::numbers::sqrt2_v<Real>); }
Real gelu_tanh(Real x) {
  Real inner = std::sqrt(2 / std::numbers::pi_v<Real>) * (x + Real(0.044715) * x * x * x);
  return x / (1 + std::exp(-2 * inner));
}

const Function kFunctions[] = {
    {Kernel::Exp, std::exp, -110, 90, 1, 0},
    {Kernel::Exp2, std::exp2, -155, 130, 1, 0},
    {Kernel::Expm1, std::expm1, -20, 90, 2, 0},
    {Kernel::Log, std::log, 0, 3, 1, 0},
    {Kernel::Log2, std::log2, 0, 3, 1.5, 0},
    {Kernel::Log10, std::log10, 0, 3, 1.5, 0},
    {Kernel::Log1p, std::log1p, -1, 3, 1.5, 0},
    {Kernel::Sin, std::sin, -30, 30, 1.5, 0},
    {Kernel::Cos, std::cos, -30, 30, 1.5, 0},
    {Kernel::Tan, std::tan, -30, 30, 3, 0},
    {Kernel::Sinh, std::sinh, -90, 90, 2.5, 0},
    {Kernel::Cosh, std::cosh, -90, 90, 2, 0},
    {Kernel::Tanh, std::tanh, -10, 10, 2.2, 0},
    {Kernel::Sigmoid, sigmoid, -85, 30, 2.2, 0, true},
    {Kernel::Silu, [](Real x) { return x * sigmoid(x); }, -80, 30, 2.5, 0, true},
    {Kernel::Erf, std::erf, -5, 5, 1.5, 0},
    {Kernel::Gelu, gelu, -6, 6, 2.5, 1.5},
    {Kernel::GeluTanh, gelu_tanh, -6, 6, 2.5, 3},
    {Kernel::Softplus, [](Real x) { return std::log1p(std::exp(x)); }, -80, 19, 2.5, 0, true},
    {Kernel::LogSigmoid, [](Real x) { return -std::log1p(std::exp(-x)); }, -80, 19, 3, 0, true},
    {Kernel::Asin, std::asin, -1, 1, 1.5, 0},
    {Kernel::Acos, std::acos, -1, 1, 1.5, 0},
    {Kernel::Atan, std::atan, -5, 5, 1.5, 0},
    {Kernel::Asinh, std::asinh, -50, 50, 2.5, 0},
    {Kernel::Acosh, std::acosh, 1, 50, 2.5, 0},
    {Kernel::Atanh, std::atanh, -1, 1, 2.5, 0},
    {Kernel::Erfc, std::erfc, -5, 9, 5, 0},
    {Kernel::Lgamma, std::lgamma, 0, 30, 4, 0},
    {Kernel::Sqrt, std::sqrt, 0, 9, 0.501, 0},
};

/// Arguments: uniform ones, and ones of every exponent and sign.
template <class T>
std::vector<T> arguments(double low, double high, bool inside = false) {
  using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  std::mt19937_64 generator(7);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> list;
  for (int i = 0; i < 60000; ++i) list.push_back(T(uniform(generator)));
  for (int i = 0; i < 60000; ++i) {
    T x = std::bit_cast<T>(Word(generator()));
    if (std::isfinite(x) && (!inside || (x > low && x < high))) list.push_back(x);
  }
  return list;
}

template <class T>
std::vector<T> apply(Kernel kernel, std::vector<T> x) {
  std::vector<T> y(x.size());
  int64_t n = int64_t(x.size()), one = 1;
  Operand operands[] = {{y.data(), dtype_of<T>, &one}, {x.data(), dtype_of<T>, &one}};
  run_pointwise(kernel, dtype_of<T>, {&n, 1}, operands);
  return y;
}

/// The spacing of numbers of T at `x`.
template <class T>
Real spacing(Real x) {
  using Limits = std::numeric_limits<T>;
  Real a = std::max<Real>(std::abs(x), Limits::min());
  return std::ldexp(Real(Limits::epsilon()), std::ilogb(a));
}

template <class T>
void check_accuracy(const Function& f, SimdTarget target) {
  auto x = arguments<T>(f.low, f.high, f.inside);
  auto y = apply<T>(f.kernel, x);
  Real slack = target == SimdTarget::Baseline ? 2 : 1;  // no fused multiply-add there
  Real worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    Real exact = f.exact(x[i]);
    T rounded = T(exact);
    bool special = std::isnan(exact) || std::isinf(rounded) || std::isinf(y[i]);
    if (special) {
      bool same = std::isnan(exact) ? std::isnan(y[i]) : y[i] == rounded;
      // Within the last step before overflow either side of the edge is right.
      bool edge =
          !std::isnan(exact) && std::abs(exact) > Real(std::numeric_limits<T>::max()) * 0.999L;
      ASSERT_TRUE(same || edge) << info(f.kernel).name << "(" << double(x[i])
                                << ") = " << double(y[i]) << ", not " << double(rounded);
      continue;
    }
    Real allowed_absolutely =
        f.absolute * std::numeric_limits<T>::epsilon() * std::max<Real>(1, std::abs(x[i]));
    Real error = std::abs(Real(y[i]) - exact);
    if (f.absolute > 0 && error <= allowed_absolutely) continue;
    error /= spacing<T>(exact);
    if (error > worst) worst = error, where = i;
  }
  EXPECT_LE(worst, f.ulps * slack)
      << info(f.kernel).name << " " << sizeof(T) * 8 << " on " << to_string_view(target) << " at "
      << double(x[where]) << ": " << double(y[where]);
}

TEST(Math, WithinUnitsInTheLastPlace) {
  for_each_target([](SimdTarget target) {
    for (const Function& f : kFunctions) {
      check_accuracy<float>(f, target);
      check_accuracy<double>(f, target);
    }
  });
}

TEST(Math, SameBitsUnderAvx2AndAvx512) {
  for (int kernel = int(Kernel::Neg); kernel < kKernels; ++kernel) {
    if (info(Kernel(kernel)).inputs != 1 || Kernel(kernel) == Kernel::PowTo) continue;
    std::vector<float> first;
    std::vector<double> first_wide;
    for_each_target([&](SimdTarget target) {
      if (target == SimdTarget::Baseline) return;
      auto y = apply<float>(Kernel(kernel), arguments<float>(-10, 10));
      auto wide = apply<double>(Kernel(kernel), arguments<double>(-10, 10));
      if (first.empty()) first = y, first_wide = wide;
      ASSERT_EQ(std::memcmp(y.data(), first.data(), y.size() * 4), 0) << info(Kernel(kernel)).name;
      ASSERT_EQ(std::memcmp(wide.data(), first_wide.data(), wide.size() * 8), 0)
          << info(Kernel(kernel)).name;
    });
  }
}

TEST(Math, ResultDoesNotDependOnThePlaceInAVector) {
  for_each_target([](SimdTarget) {
    for (int kernel = int(Kernel::Neg); kernel < kKernels; ++kernel) {
      if (info(Kernel(kernel)).inputs != 1) continue;
      auto x = arguments<float>(-10, 10);
      x.resize(61);
      auto whole = apply<float>(Kernel(kernel), x);
      for (size_t i = 0; i < x.size(); ++i) {
        float alone = apply<float>(Kernel(kernel), std::vector<float>{x[i]})[0];
        ASSERT_EQ(std::memcmp(&alone, &whole[i], 4), 0) << info(Kernel(kernel)).name << " " << x[i];
      }
    }
  });
}

template <class T>
void check_edges() {
  constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  constexpr T tiny = std::numeric_limits<T>::denorm_min(), least = std::numeric_limits<T>::min();
  struct Edge {
    Kernel kernel;
    T x, y;
  };
  const Edge edges[] = {
      {Kernel::Exp, inf, inf},
      {Kernel::Exp, -inf, 0},
      {Kernel::Exp, T(-0.0), 1},
      {Kernel::Exp2, inf, inf},
      {Kernel::Exp2, -inf, 0},
      {Kernel::Exp2, 10, 1024},
      {Kernel::Expm1, inf, inf},
      {Kernel::Expm1, -inf, -1},
      {Kernel::Expm1, T(-0.0), T(-0.0)},
      {Kernel::Expm1, tiny, tiny},
      {Kernel::Log, 0, -inf},
      {Kernel::Log, T(-0.0), -inf},
      {Kernel::Log, inf, inf},
      {Kernel::Log, -1, nan},
      {Kernel::Log, 1, 0},
      {Kernel::Log, -inf, nan},
      {Kernel::Log2, 1024, 10},
      {Kernel::Log2, tiny, sizeof(T) == 4 ? T(-149) : T(-1074)},
      {Kernel::Log10, 1000, 3},
      {Kernel::Log10, 100000, 5},
      {Kernel::Log2, 0, -inf},
      {Kernel::Log1p, -1, -inf},
      {Kernel::Log1p, -2, nan},
      {Kernel::Log1p, inf, inf},
      {Kernel::Log1p, T(-0.0), T(-0.0)},
      {Kernel::Log1p, tiny, tiny},
      {Kernel::Sin, inf, nan},
      {Kernel::Cos, -inf, nan},
      {Kernel::Sin, T(-0.0), T(-0.0)},
      {Kernel::Cos, 0, 1},
      {Kernel::Tan, T(-0.0), T(-0.0)},
      {Kernel::Tanh, inf, 1},
      {Kernel::Tanh, -inf, -1},
      {Kernel::Tanh, T(-0.0), T(-0.0)},
      {Kernel::Tanh, tiny, tiny},
      {Kernel::Tanh, least, least},
      {Kernel::Sinh, inf, inf},
      {Kernel::Sinh, -inf, -inf},
      {Kernel::Cosh, -inf, inf},
      {Kernel::Sigmoid, inf, 1},
      {Kernel::Sigmoid, -inf, 0},
      {Kernel::Sigmoid, 0, T(0.5)},
      {Kernel::Erf, inf, 1},
      {Kernel::Erf, -inf, -1},
      {Kernel::Erf, T(-0.0), T(-0.0)},
      {Kernel::Gelu, inf, inf},
      {Kernel::Softplus, inf, inf},
      {Kernel::Softplus, 30, 30},
      {Kernel::Relu, T(-0.0), T(-0.0)},
      {Kernel::Sign, nan, 0},
      {Kernel::Round, T(2.5), 2},
      {Kernel::Round, T(3.5), 4},
      {Kernel::Round, T(-0.5), T(-0.0)},
      {Kernel::Erfinv, 1, inf},
      {Kernel::Erfinv, -2, nan},
      {Kernel::Digamma, 0, -inf},
      {Kernel::Digamma, -1, nan},
      {Kernel::Lgamma, -1, inf},
      {Kernel::Rsqrt, 0, inf},
      {Kernel::Reciprocal, T(-0.0), -inf},
  };
  for (const Edge& edge : edges) {
    T y = apply<T>(edge.kernel, {edge.x})[0];
    bool same =
        std::isnan(edge.y) ? std::isnan(y) : y == edge.y && std::signbit(y) == std::signbit(edge.y);
    EXPECT_TRUE(same) << info(edge.kernel).name << "(" << edge.x << ") = " << y;
  }
  for (int kernel = int(Kernel::Neg); kernel < kKernels; ++kernel)
    if (info(Kernel(kernel)).inputs == 1 && Kernel(kernel) != Kernel::Sign) {
      T y = apply<T>(Kernel(kernel), {nan})[0];
      EXPECT_TRUE(std::isnan(y)) << info(Kernel(kernel)).name;
    }
}

TEST(Math, Edges) {
  for_each_target([](SimdTarget) {
    check_edges<float>();
    check_edges<double>();
  });
}

TEST(Math, Powers) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x, y;
  std::mt19937 generator(9);
  std::uniform_real_distribution<float> base(-4, 4), exponent(-60, 60);
  for (int i = 0; i < 50000; ++i) {
    x.push_back(base(generator));
    y.push_back(i % 2 ? exponent(generator) : std::round(exponent(generator)));
  }
  for (float a : {0.0f, -0.0f, 1.0f, -1.0f, -2.0f, inf, -inf, NAN, 1e-45f, 3e38f})
    for (float b : {0.0f, -0.0f, 1.0f, -1.0f, 2.0f, 3.0f, -3.0f, 0.5f, inf, -inf, NAN})
      x.push_back(a), y.push_back(b);
  for_each_target([&](SimdTarget target) {
    std::vector<float> z(x.size());
    int64_t n = int64_t(x.size()), one = 1;
    Operand operands[] = {{z.data(), DType::Float32, &one},
                          {x.data(), DType::Float32, &one},
                          {y.data(), DType::Float32, &one}};
    run_pointwise(Kernel::Pow, DType::Float32, {&n, 1}, operands);
    for (size_t i = 0; i < x.size(); ++i) {
      Real exact = std::pow(Real(x[i]), Real(y[i]));
      float rounded = float(exact);
      if (std::isnan(exact))
        EXPECT_TRUE(std::isnan(z[i])) << x[i] << " ** " << y[i];
      else if (std::isinf(rounded) || rounded == 0)
        EXPECT_EQ(z[i], rounded) << x[i] << " " << y[i];
      else
        ASSERT_LE(std::abs(z[i] - exact), 0.6 * spacing<float>(exact))
            << x[i] << " ** " << y[i] << " on " << to_string_view(target);
    }
    // By a single exponent: the same loop, and the shortcuts.
    Param cube[] = {3}, odd[] = {1.7};
    run_pointwise(Kernel::PowTo, DType::Float32, {&n, 1}, std::span(operands).first(2), cube);
    EXPECT_EQ(z[0], x[0] * x[0] * x[0]);
    run_pointwise(Kernel::PowTo, DType::Float32, {&n, 1}, std::span(operands).first(2), odd);
    size_t i = x[700] > 0 ? 700 : x[701] > 0 ? 701 : 702;
    EXPECT_NEAR(z[i], std::pow(x[i], 1.7f), 1e-6f * z[i]);
  });
}

TEST(Math, InverseErrorFunctionAndDigamma) {
  for (double x : {-0.999999, -0.7, -0.1, 1e-9, 0.3, 0.5, 0.9, 0.99999999}) {
    double y = apply<double>(Kernel::Erfinv, {x})[0];
    EXPECT_NEAR(std::erf(y), x, 4e-16) << x;
  }
  // psi(1) = -gamma, psi(1/2) = -gamma - 2 log 2, psi(x + 1) = psi(x) + 1 / x
  constexpr double gamma = std::numbers::egamma;
  EXPECT_NEAR(apply<double>(Kernel::Digamma, {1.0})[0], -gamma, 1e-15);
  EXPECT_NEAR(apply<double>(Kernel::Digamma, {0.5})[0], -gamma - 2 * std::numbers::ln2, 1e-15);
  for (double x : {-3.3, -0.5, 0.1, 4.0, 33.0}) {
    auto y = apply<double>(Kernel::Digamma, {x, x + 1});
    EXPECT_NEAR(y[1], y[0] + 1 / x, 1e-14 * (1 + std::abs(y[0]))) << x;
  }
}

}  // namespace
}  // namespace rushlight
