#include "cpu/arange.h"

#include <cmath>
#include <type_traits>

namespace rushlight::cpu {
namespace {

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

/// The type in which the steps of linspace are counted.
template <class T>
using Step =
    std::conditional_t<std::is_integral_v<T>, double, std::conditional_t<kIsHalf<T>, float, T>>;

/// Rounded to T and back: a half's value in float.
template <class T, class Number>
Step<T> rounded(Number value) {
  return Step<T>(T(value));
}

}  // namespace

void fill_arange(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& step) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t,
                                   std::conditional_t<kIsHalf<T>, float, double>>;
    T* values = static_cast<T*>(data);
    Sum first, by;
    if constexpr (std::is_integral_v<T>) {
      first = uint64_t(start.integer()), by = uint64_t(step.integer());
    } else {
      first = Sum(start.real()), by = Sum(step.real());
    }
    for (int64_t i = 0; i < n; ++i) values[i] = T(first + by * Sum(i));
  });
}

void fill_linspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    Step<T> first = rounded<T>(start.to<double>()), last = rounded<T>(end.to<double>());
    if constexpr (std::is_same_v<T, int64_t>)
      first = double(start.integer()), last = double(end.integer());
    Step<T> step = rounded<T>((last - first) / Step<T>(n - 1));
    for (int64_t i = 0; i < n / 2; ++i) values[i] = T(first + step * Step<T>(i));
    for (int64_t i = n / 2; i < n; ++i) values[i] = T(last - step * Step<T>(n - i - 1));
  });
}

void fill_logspace(void* data, DType dtype, int64_t n, const Scalar& start, const Scalar& end,
                   double base) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    Step<T> first = rounded<T>(start.to<double>()), last = rounded<T>(end.to<double>());
    Step<T> step = rounded<T>((last - first) / Step<T>(n - 1));
    for (int64_t i = 0; i < n / 2; ++i)
      values[i] = T(std::pow(base, double(first + step * Step<T>(i))));
    for (int64_t i = n / 2; i < n; ++i) {
      values[i] = T(std::pow(base, double(last - step * Step<T>(n - i - 1))));
    }
  });
}

}  // namespace rushlight::cpu
