#include "cpu/arange.h"

#include <cmath>
#include <type_traits>

namespace rushlight::cpu {
namespace {

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

template <class T>
void count_up_integers(T* values, int64_t n, const Scalar& start, const Scalar& step) {
  uint64_t first = uint64_t(start.integer()), by = uint64_t(step.integer());
  for (int64_t i = 0; i < n; ++i) values[i] = T(first + by * uint64_t(i));
}

/// PyTorch's AVX2 path: pairs of 32-byte blocks, each counted up from its own rounded start; what
/// remains is computed singly.
template <class T>
void count_up(T* values, int64_t n, const Scalar& start, const Scalar& step) {
  using Sum = std::conditional_t<kIsHalf<T>, float, double>;
  constexpr int64_t width = 32 / sizeof(T);
  Sum first = Sum(start.real()), by = Sum(step.real());
  int64_t i = 0;
  for (; i < n / (2 * width) * (2 * width); i += width) {
    Sum base = Sum(T(std::fma(by, Sum(i), first)));
    values[i] = T(base);
    for (int64_t j = 1; j < width; ++j) values[i + j] = T(std::fma(by, Sum(j), base));
  }
  for (; i < n; ++i) values[i] = T(std::fma(by, Sum(i), first));
}

/// The arithmetic of the halves rounds after every operation.
template <class T>
void space_halves(T* values, int64_t n, float start, float end) {
  auto rounded = [](float value) { return float(T(value)); };
  start = rounded(start), end = rounded(end);
  float step = rounded(rounded(end - start) / rounded(float(n - 1)));
  for (int64_t i = 0; i < n / 2; ++i) {
    values[i] = T(start + rounded(step * rounded(float(i))));
  }
  for (int64_t i = n / 2; i < n; ++i) {
    values[i] = T(end - rounded(step * rounded(float(n - i - 1))));
  }
}

template <class T>
void space(T* values, int64_t n, T start, T end) {
  using Step = std::conditional_t<std::is_integral_v<T>, double, T>;
  Step step = (Step(end) - Step(start)) / Step(n - 1);
  for (int64_t i = 0; i < n / 2; ++i) values[i] = T(std::fma(step, Step(i), Step(start)));
  for (int64_t i = n / 2; i < n; ++i) values[i] = T(std::fma(-step, Step(n - i - 1), Step(end)));
}

}  // namespace

void fill_arange(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& step) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    if constexpr (std::is_integral_v<T>)
      count_up_integers(static_cast<T*>(data), n, start, step);
    else
      count_up(static_cast<T*>(data), n, start, step);
  });
}

void fill_range(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& step) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    if constexpr (std::is_integral_v<T>) {
      count_up_integers(values, n, start, step);
    } else {
      using Sum = std::conditional_t<kIsHalf<T>, float, double>;
      Sum first = Sum(start.real()), by = Sum(step.real());
      for (int64_t i = 0; i < n; ++i) values[i] = T(first + by * Sum(i));
    }
  });
}

void fill_linspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    if constexpr (kIsHalf<T>)
      space_halves(values, n, float(start.real()), float(end.real()));
    else
      space(values, n, start.to<T>(), end.to<T>());
  });
}

void fill_logspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end,
                   double base) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    double first = double(start.to<T>()), last = double(end.to<T>());
    double step = (last - first) / double(n - 1);
    for (int64_t i = 0; i < n; ++i) {
      double exponent = i < n / 2 ? first + step * double(i) : last - step * double(n - i - 1);
      values[i] = T(std::pow(base, exponent));
    }
  });
}

}  // namespace rushlight::cpu
