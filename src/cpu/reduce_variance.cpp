// Mean and variance in one pass over the data.
//
// Sums of d = x - pivot and of d², in float64, where the pivot is the first element: one of the
// data itself, so (pivot - mean)² never exceeds the sum of squared deviations and the subtraction
//   Σ (x - mean)² = Σ d² - (Σ d)² / n
// loses at most a relative n ε of float64 (Chan, Golub and LeVeque, "Algorithms for Computing the
// Sample Variance", 1983). Parts are combined by their pairwise formula.

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/reducers.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_variance.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kSums = 16;  // virtual lanes of float64

struct Moments {
  double count, mean, spread;  // Σ (x - mean)²
};

HWY_INLINE Moments combined(const Moments& a, const Moments& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  double count = a.count + b.count, delta = b.mean - a.mean;
  return {count, a.mean + delta * (b.count / count),
          a.spread + b.spread + delta * delta * (a.count * (b.count / count))};
}

/// Rounding may leave a little less than nothing; NaN passes.
HWY_INLINE double not_negative(double spread) { return spread < 0 ? 0 : spread; }

HWY_INLINE auto load_wide(hn::ScalableTag<double> d, const float* x) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, decltype(d)>(), x));
}
HWY_INLINE auto load_wide(hn::ScalableTag<double> d, const double* x) { return hn::LoadU(d, x); }

/// Σ d and Σ d² of n elements, lane i taking elements i, i + 16, …
template <class T>
Moments moments_of(const T* x, int64_t n) {
  const hn::ScalableTag<double> d;
  constexpr size_t width = hn::MaxLanes(d), vectors = kSums / width;
  hn::Vec<decltype(d)> sums[vectors], squares[vectors];
  for (size_t v = 0; v < vectors; ++v) sums[v] = squares[v] = hn::Zero(d);
  const double pivot = double(x[0]);
  auto shift = hn::Set(d, pivot);
  auto step = [&](const T* from) HWY_ATTR {
    for (size_t v = 0; v < vectors; ++v) {
      auto deviation = hn::Sub(load_wide(d, from + v * width), shift);
      sums[v] = hn::Add(sums[v], deviation);
      squares[v] = hn::MulAdd(deviation, deviation, squares[v]);
    }
  };
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) step(x + i);
  if (i < n) {
    alignas(64) T rest[kSums];
    std::fill_n(rest, kSums, x[0]);  // deviates by nothing
    std::copy(x + i, x + n, rest);
    step(rest);
  }
  alignas(64) double lanes[2][kSums];
  for (size_t v = 0; v < vectors; ++v) {
    hn::StoreU(sums[v], d, lanes[0] + v * width);
    hn::StoreU(squares[v], d, lanes[1] + v * width);
  }
  for (auto& lane : lanes)
    for (int half = kSums / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  double count = double(n), sum = lanes[0][0];
  return {count, pivot + sum / count, not_negative(lanes[1][0] - sum * (sum / count))};
}

void start_moments(void* state) { *static_cast<Moments*>(state) = {0, 0, 0}; }

template <class T>
void moments_row(void* state, const void* x, int64_t n, int64_t, int64_t) {
  auto& moments = *static_cast<Moments*>(state);
  moments = combined(moments, moments_of(static_cast<const T*>(x), n));
}

void merge_moments(void* into, const void* from) {
  auto& target = *static_cast<Moments*>(into);
  target = combined(target, *static_cast<const Moments*>(from));
}

template <class T>
HWY_INLINE void finish_one(const Moments& moments, const Ending& ending, T& variance, T& mean) {
  double divisor = double(ending.count) - ending.correction;
  double value = moments.spread / (divisor > 0 ? divisor : 0.0);
  if (ending.count == 0) value = std::numeric_limits<double>::quiet_NaN();
  variance = T(ending.square_root ? std::sqrt(value) : value);
  mean = T(ending.count == 0 ? value : moments.mean);
}

template <class T>
void finish_moments(const void* state, const Ending& ending, void* value, void* second) {
  finish_one(*static_cast<const Moments*>(state), ending, *static_cast<T*>(value),
             *static_cast<T*>(second));
}

// --- Columns: one Moments each ---

void start_moments_columns(void* states, int64_t columns) {
  std::fill_n(static_cast<Moments*>(states), columns, Moments{0, 0, 0});
}

template <class T>
void moments_columns(void* states, const void* data, int64_t stride, int64_t rows, int64_t columns,
                     int64_t, int64_t) {
  alignas(64) double sums[kColumns], squares[kColumns];
  std::fill_n(sums, columns, 0.0);
  std::fill_n(squares, columns, 0.0);
  auto row = [&](int64_t r) {
    return reinterpret_cast<const T*>(static_cast<const char*>(data) + r * stride);
  };
  const T* pivot = row(0);
  for (int64_t r = 1; r < rows; ++r) {
    const T* x = row(r);
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) {
      double deviation = double(x[c]) - double(pivot[c]);
      sums[c] += deviation;
      squares[c] += deviation * deviation;
    }
  }
  auto* moments = static_cast<Moments*>(states);
  double count = double(rows);
  for (int64_t c = 0; c < columns; ++c) {
    double shift = sums[c] / count;
    moments[c] = combined(
        moments[c], {count, double(pivot[c]) + shift, not_negative(squares[c] - sums[c] * shift)});
  }
}

void merge_moments_columns(void* into, const void* from, int64_t columns) {
  auto* target = static_cast<Moments*>(into);
  const auto* source = static_cast<const Moments*>(from);
  for (int64_t c = 0; c < columns; ++c) target[c] = combined(target[c], source[c]);
}

template <class T>
void finish_moments_columns(const void* states, int64_t columns, const Ending& ending, void* values,
                            void* seconds) {
  for (int64_t c = 0; c < columns; ++c)
    finish_one(static_cast<const Moments*>(states)[c], ending, static_cast<T*>(values)[c],
               static_cast<T*>(seconds)[c]);
}

template <class T>
constexpr Reducer kVariance = {
    dtype_of<T>,           dtype_of<T>,
    start_moments,         moments_row<T>,
    merge_moments,         finish_moments<T>,
    start_moments_columns, moments_columns<T>,
    merge_moments_columns, finish_moments_columns<T>,
};

const Reducer* find_variance(DType compute) {
  if (compute == DType::Float32) return &kVariance<float>;
  if (compute == DType::Float64) return &kVariance<double>;
  return nullptr;
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_variance);
const Reducer* find_variance(DType compute) { return HWY_DYNAMIC_DISPATCH(find_variance)(compute); }
}  // namespace rushlight::cpu
#endif
