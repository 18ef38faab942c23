// Bernoulli, exponential, geometric, log-normal, Cauchy, Poisson and gamma fills.
#include <cmath>

#include "cpu/random.h"
#include "cpu/random_blocks.h"

namespace rushlight::cpu {
namespace {

// Transformed rejection (Hörmann, 1993), for rates of 10 and more.
int64_t large_poisson(double rate, Generator::Data& data) {
  double root = std::sqrt(rate), log_rate = std::log(rate);
  double b = 0.931 + 2.53 * root;
  double a = -0.059 + 0.02483 * b;
  double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  double v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    double u = next_uniform(data) - 0.5;
    double v = next_uniform(data);
    double us = 0.5 - std::fabs(u);
    int64_t k = truncate_to<int64_t>(std::floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    double logs = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (logs <= -rate + double(k) * log_rate - std::lgamma(double(k) + 1)) return k;
  }
}

int64_t poisson(double rate, Generator::Data& data) {
  if (rate >= 10) return large_poisson(rate, data);
  if (rate == 0) return 0;
  // The product of uniforms falls below exp(-rate) after as many factors (Knuth).
  double limit = std::exp(-rate), product = 1.0;
  for (int64_t k = 0;; ++k) {
    product *= next_uniform(data);
    if (!(product > limit)) return k;
  }
}

/// What Stirling's approximation of log k! leaves out.
double stirling_rest(double k) {
  static constexpr double kRest[] = {0.0810614667953272, 0.0413406959554092, 0.0276779256849983,
                                     0.0207906721037650, 0.0166446911898211, 0.0138761288230707,
                                     0.0118967099458917, 0.0104112652619720, 0.00925546218271273,
                                     0.00833056343336287};
  if (k <= 9) return kRest[size_t(k)];
  double next = k + 1, square = next * next;
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / next;
}

// Transformed rejection (BTRS; Hörmann, 1993), for means of 10 and more and p up to 0.5. What comes
// of the arguments alone is of their precision, as in PyTorch.
template <class T>
T large_binomial(T count, T p, Generator::Data& data) {
  const double deviation = std::sqrt(count * p * (1 - p)), mode = std::floor((count + 1) * p);
  const double odds = p / (1 - p), c = count * p + 0.5;
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * double(p);
  const double v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * deviation;
  for (;;) {
    double u = next_uniform(data) - 0.5, v = next_uniform(data);
    double us = 0.5 - std::fabs(u);
    T k = T(std::floor((2 * a / us + b) * u + c));
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || k > count) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    double failures = count - mode + 1;
    double limit = (mode + 0.5) * std::log((mode + 1) / (odds * failures)) +
                   (count + 1) * std::log(failures / (count - k + 1)) +
                   (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) + stirling_rest(mode) +
                   stirling_rest(count - mode) - stirling_rest(k) - stirling_rest(count - k);
    if (v <= limit) return k;
  }
}

/// The gaps between successes are geometric; as many fit below `count` as there are successes.
template <class T>
T small_binomial(T count, T p, Generator::Data& data) {
  const double log_failure = std::log1p(-p);
  double reached = 0;
  for (T successes = 0;; successes += 1) {
    reached += std::ceil(std::log(next_uniform(data)) / log_failure);
    if (reached > count) return successes;
  }
}

template <class T>
T binomial(T count, T p, Generator::Data& data) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (std::isnan(p)) return p;
  if (p > T(0.5)) return count - binomial(count, T(1 - p), data);
  return count * p >= 10 ? large_binomial(count, p, data) : small_binomial(count, p, data);
}

// Marsaglia and Tsang, 2000. Constants and 1 / alpha are single precision where PyTorch's are.
template <class T>
double standard_gamma(T alpha, Generator::Data& data) {
  if (alpha == 0) return 0;
  double scale = 1.0;
  if (alpha < 1) {
    scale = std::pow(1 - next_uniform(data), double(T(1) / alpha));
    alpha += 1;
  }
  const double d = double(T(alpha - T(1.0f / 3.0f)));
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    double x, y;
    do {
      x = next_normal(data);
      y = 1.0 + c * x;
    } while (y <= 0);
    double v = y * y * y;
    double u = 1 - next_uniform(data);
    double xx = x * x;
    if (u < 1.0 - double(0.0331f) * xx * xx) return scale * d * v;
    if (std::log(u) < 0.5 * xx + d * (1.0 - v + std::log(v))) return scale * d * v;
  }
}

// 1 or 0 without a branch: a processor cannot guess coins.
template <class T>
T coin(bool success) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    T value;
    value.bits = uint16_t(element<T>(1).bits * success);
    return value;
  } else {
    return T(int32_t{success});
  }
}

uint64_t significand(const uint32_t* pair) { return join_words(pair) & ((uint64_t{1} << 53) - 1); }

// One probability for all: word / 2^53 < p where word is below p * 2^53 rounded up.
template <class T>
void bernoulli(T* values, int64_t n, Mt19937& engine, double p) {
  const uint64_t threshold = uint64_t(std::ceil(p * 0x1p53));
  for_blocks(engine, n, 2, [&](const uint32_t* bits, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      values[begin + i] = coin<T>(significand(bits + 2 * i) < threshold);
    }
  });
}

// A probability for each: 53-bit uniforms for float64, 24-bit ones for the others.
template <class T, class P>
void bernoulli(T* values, int64_t n, Mt19937& engine, const P* p) {
  if constexpr (std::is_same_v<P, double>) {
    for_uniforms(engine, n, [&](int64_t i, double u) { values[i] = coin<T>(u < p[i]); });
  } else {
    for_float_blocks(engine, n, 0.0f, 1.0f, [&](const float* u, int64_t begin, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        values[begin + i] = coin<T>(u[i] < float(p[begin + i]));
      }
    });
  }
}

}  // namespace

void fill_bernoulli(void* data, DType dtype, int64_t n, double p, Generator& generator) {
  check(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", general(p));
  dispatch(dtype, [&]<class T>(CppType<T>) {
    std::lock_guard lock(generator.data().mutex);
    bernoulli(static_cast<T*>(data), n, generator.data().engine, p);
  });
}

void fill_bernoulli(void* data, DType dtype, int64_t n, const void* p, DType p_dtype,
                    Generator& generator) {
  dispatch_floating(p_dtype, "bernoulli_tensor_cpu_p_", [&]<class P>(CppType<P>) {
    using Real = std::conditional_t<std::is_same_v<P, double>, double, float>;
    const P* probabilities = static_cast<const P*>(p);
    for (int64_t i = 0; i < n; ++i) {
      Real value = probabilities[i];
      check(value >= 0 && value <= 1,
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false. bernoulli: probability ",
            general(double(value)), " of element ", i, " is not in [0, 1]");
    }
    dispatch(dtype, [&]<class T>(CppType<T>) {
      std::lock_guard lock(generator.data().mutex);
      bernoulli(static_cast<T*>(data), n, generator.data().engine, probabilities);
    });
  });
}

void fill_exponential(void* data, DType dtype, int64_t n, double lambda, Generator& generator) {
  check(lambda > 0.0, "exponential_ expects lambda > 0.0, but found lambda=", general(lambda));
  if (n == 0) return;
  check(is_floating(dtype),
        "Exponential distribution is a continuous probability distribution. dtype must be a "
        "floating point but you specified ",
        info(dtype).spoken);
  dispatch_floating(dtype, "exponential_cpu", [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    for_uniforms(generator.data().engine, n, [&](int64_t i, double u) {
      values[i] = element<T>(-1.0 / lambda * std::log1p(-u));
    });
  });
}

void fill_geometric(void* data, DType dtype, int64_t n, double p, Generator& generator) {
  check(p > 0 && p < 1, "geometric_ expects p to be in (0, 1), but got p=", general(p));
  if (n == 0) return;
  check(dtype != DType::Bool, ErrorKind::NotImplemented,
        "\"geometric_cpu\" not implemented for 'Bool'");
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    double log_failure = std::log1p(-p);
    std::lock_guard lock(generator.data().mutex);
    for_uniforms(generator.data().engine, n, [&](int64_t i, double u) {
      values[i] = element<T>(std::ceil(std::log(u) / log_failure));
    });
  });
}

void fill_log_normal(void* data, DType dtype, int64_t n, double mean, double std,
                     Generator& generator) {
  check(std > 0.0, "log_normal_ expects std > 0.0, but found std=", general(std));
  if (n == 0) return;
  dispatch_floating(dtype, "log_normal_cpu", [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    for (int64_t i = 0; i < n; ++i) {
      values[i] = element<T>(std::exp(std::fma(next_normal(generator.data()), std, mean)));
    }
  });
}

void fill_cauchy(void* data, DType dtype, int64_t n, double median, double sigma,
                 Generator& generator) {
  check(sigma > 0.0, "cauchy_ expects sigma > 0.0, but found sigma=", general(sigma));
  check(is_floating(dtype),
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
        "point but you specified ",
        cpp_name(dtype));
  dispatch_floating(dtype, "cauchy_cpu", [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    for_uniforms(generator.data().engine, n, [&](int64_t i, double u) {
      double tangent = std::tan(3.14159265358979323846 * (u - 0.5));
      values[i] = element<T>(std::fma(sigma, tangent, median));
    });
  });
}

void fill_poisson(void* data, const void* rates, DType dtype, int64_t n, Generator& generator) {
  dispatch_floating(dtype, "poisson_cpu", [&]<class T>(CppType<T>) {
    const T* source = static_cast<const T*>(rates);
    T* values = static_cast<T*>(data);
    for (int64_t i = 0; i < n; ++i) {
      check(double(source[i]) >= 0, "invalid Poisson rate, expected rate to be non-negative");
    }
    std::lock_guard lock(generator.data().mutex);
    for (int64_t i = 0; i < n; ++i) {
      values[i] = element<T>(poisson(double(source[i]), generator.data()));
    }
  });
}

void fill_binomial(void* data, const void* probabilities, DType dtype, int64_t n,
                   Generator& generator) {
  dispatch_floating(dtype, "binomial_cpu", [&]<class T>(CppType<T>) {
    using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T* p = static_cast<const T*>(probabilities);
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    for (int64_t i = 0; i < n; ++i)
      values[i] = T(binomial(Real(values[i]), Real(p[i]), generator.data()));
  });
}

void fill_standard_gamma(void* data, const void* alphas, DType dtype, int64_t n,
                         Generator& generator) {
  check(dtype == DType::Float32 || dtype == DType::Float64, ErrorKind::NotImplemented,
        "\"gamma_cpu\" not implemented for '", info(dtype).spoken, "'");
  dispatch_floating(dtype, "gamma_cpu", [&]<class T>(CppType<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      const T* source = static_cast<const T*>(alphas);
      T* values = static_cast<T*>(data);
      std::lock_guard lock(generator.data().mutex);
      for (int64_t i = 0; i < n; ++i) {
        T sample = T(standard_gamma(source[i], generator.data()));
        values[i] = std::max(std::numeric_limits<T>::min(), sample);
      }
    }
  });
}

}  // namespace rushlight::cpu
