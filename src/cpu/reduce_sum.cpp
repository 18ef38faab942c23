// Sums of every kind, and products.
//
// A row is summed over virtual lanes, as many on every SIMD target: 64 for float32, 32 for float64.
// Lanes take 8 elements each in the element's precision; then float32 goes on in float64, and
// float64 with a running compensation (Knuth's two-sum), so that neither the length of a row nor
// the way it is split costs accuracy. Lanes are added up by a fixed tree.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "cpu/reducers.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kGroup = 8;  // steps that lanes take in the element's precision
constexpr int kSums = 32;      // sums in float64

template <class T>
constexpr int64_t kLanes = 256 / sizeof(T);

// --- What is summed of each element; zero must give zero ---

struct Itself {
  template <class D, class V>
  static HWY_INLINE V of(D, V x) {
    return x;
  }
  template <class T>
  static HWY_INLINE T one(T x) {
    return x;
  }
};
struct NumberOrZero {
  template <class D, class V>
  static HWY_INLINE V of(D d, V x) {
    return hn::IfThenElse(hn::Eq(x, x), x, hn::Zero(d));
  }
  template <class T>
  static HWY_INLINE T one(T x) {
    return x == x ? x : T(0);
  }
};
struct SquareOf {
  template <class D, class V>
  static HWY_INLINE V of(D, V x) {
    return hn::Mul(x, x);
  }
  template <class T>
  static HWY_INLINE T one(T x) {
    return x * x;
  }
};
struct AbsOf {
  template <class D, class V>
  static HWY_INLINE V of(D, V x) {
    return hn::Abs(x);
  }
  template <class T>
  static HWY_INLINE T one(T x) {
    return std::abs(x);
  }
};

// --- Rows of floats ---

struct SumState {
  double sums[kSums];
  double errors[kSums];  // lost by the additions to sums: for float64 elements only
};

/// Adds one step of lanes, already folded to 32, to the sums.
HWY_INLINE void add_lanes(SumState& state, const float* lanes) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  for (size_t i = 0; i < kSums; i += hn::Lanes(d)) {
    auto wide = hn::PromoteTo(d, hn::LoadU(half, lanes + i));
    hn::StoreU(hn::Add(hn::LoadU(d, state.sums + i), wide), d, state.sums + i);
  }
}
HWY_INLINE void add_lanes(SumState& state, const double* lanes) {
  const hn::ScalableTag<double> d;
  for (size_t i = 0; i < kSums; i += hn::Lanes(d)) {
    auto a = hn::LoadU(d, state.sums + i), b = hn::LoadU(d, lanes + i);
    auto sum = hn::Add(a, b);
    auto part = hn::Sub(sum, a);
    auto error = hn::Add(hn::Sub(a, hn::Sub(sum, part)), hn::Sub(b, part));
    hn::StoreU(sum, d, state.sums + i);
    hn::StoreU(hn::Add(hn::LoadU(d, state.errors + i), error), d, state.errors + i);
  }
}

/// Sums `steps` steps of all lanes (1 to kGroup) and adds them to the state.
template <class T, class Of>
HWY_INLINE void sum_steps(SumState& state, const T* x, int64_t steps) {
  const hn::ScalableTag<T> d;
  constexpr size_t width = hn::MaxLanes(d), vectors = size_t(kLanes<T>) / width;
  hn::Vec<decltype(d)> lanes[vectors];
  for (size_t v = 0; v < vectors; ++v) lanes[v] = Of::of(d, hn::LoadU(d, x + v * width));
  for (int64_t s = 1; s < steps; ++s) {
    x += kLanes<T>;
    for (size_t v = 0; v < vectors; ++v)
      lanes[v] = hn::Add(lanes[v], Of::of(d, hn::LoadU(d, x + v * width)));
  }
  constexpr size_t kept = size_t(kSums) / width;
  if constexpr (kept < vectors)
    for (size_t v = 0; v < kept; ++v) lanes[v] = hn::Add(lanes[v], lanes[v + kept]);
  alignas(64) T folded[kSums];
  for (size_t v = 0; v < kept; ++v) hn::StoreU(lanes[v], d, folded + v * width);
  add_lanes(state, folded);
}

template <class T, class Of>
void sum_row(void* memory, const void* data, int64_t n, int64_t, int64_t) {
  auto& state = *static_cast<SumState*>(memory);
  const T* x = static_cast<const T*>(data);
  constexpr int64_t lanes = kLanes<T>;
  for (; n >= lanes * kGroup; n -= lanes * kGroup, x += lanes * kGroup)
    sum_steps<T, Of>(state, x, kGroup);
  if (int64_t steps = n / lanes) {
    sum_steps<T, Of>(state, x, steps);
    x += steps * lanes;
    n -= steps * lanes;
  }
  if (n == 0) return;
  alignas(64) T rest[lanes] = {};
  std::memcpy(rest, x, size_t(n) * sizeof(T));
  sum_steps<T, Of>(state, rest, 1);
}

template <class T>
void start_sum(void* memory) {
  auto& state = *static_cast<SumState*>(memory);
  std::fill_n(state.sums, kSums, 0.0);
  if (std::is_same_v<T, double>) std::fill_n(state.errors, kSums, 0.0);
}

template <class T>
void merge_sum(void* into, const void* from) {
  auto& target = *static_cast<SumState*>(into);
  const auto& source = *static_cast<const SumState*>(from);
  if constexpr (std::is_same_v<T, double>) {
    add_lanes(target, source.sums);
    for (int i = 0; i < kSums; ++i) target.errors[i] += source.errors[i];
  } else {
    for (int i = 0; i < kSums; ++i) target.sums[i] += source.sums[i];
  }
}

/// The sums and their errors, by a fixed tree: lanes 16 apart first, then 8, 4, 2 and 1.
template <class T>
HWY_INLINE double total(const SumState& state) {
  double sums[kSums / 2];
  for (int i = 0; i < kSums / 2; ++i) {
    double low = state.sums[i], high = state.sums[i + kSums / 2];
    if constexpr (std::is_same_v<T, double>) {
      // An infinite or NaN sum has lost no error worth adding.
      double low_error = state.errors[i], high_error = state.errors[i + kSums / 2];
      low = std::isfinite(low_error) ? low + low_error : low;
      high = std::isfinite(high_error) ? high + high_error : high;
    }
    sums[i] = low + high;
  }
  for (int half = kSums / 4; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  return sums[0];
}

template <class T, bool mean>
void finish_sum(const void* memory, const Ending& ending, void* value, void*) {
  double sum = total<T>(*static_cast<const SumState*>(memory));
  *static_cast<T*>(value) = T(mean ? sum / double(ending.count) : sum);
}

// --- Columns of floats: sums[kColumns], then errors[kColumns] ---

template <class T>
HWY_INLINE void add_to_column(double* sums, double* errors, int64_t c, T x) {
  if constexpr (std::is_same_v<T, float>) {
    sums[c] += double(x);
  } else {
    double sum = sums[c] + x, part = sum - sums[c];
    errors[c] += (sums[c] - (sum - part)) + (x - part);
    sums[c] = sum;
  }
}

template <class T, class Of>
void sum_columns(void* states, const void* data, int64_t stride, int64_t rows, int64_t columns,
                 int64_t, int64_t) {
  double* HWY_RESTRICT sums = static_cast<double*>(states);
  double* HWY_RESTRICT errors = sums + kColumns;
  const char* first = static_cast<const char*>(data);
  auto row = [&](int64_t r) { return reinterpret_cast<const T*>(first + r * stride); };
  int64_t r = 0;
  for (; r + kGroup <= rows; r += kGroup) {
    const T *x0 = row(r), *x1 = row(r + 1), *x2 = row(r + 2), *x3 = row(r + 3);
    const T *x4 = row(r + 4), *x5 = row(r + 5), *x6 = row(r + 6), *x7 = row(r + 7);
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) {
      T low = (Of::one(x0[c]) + Of::one(x1[c])) + (Of::one(x2[c]) + Of::one(x3[c]));
      T high = (Of::one(x4[c]) + Of::one(x5[c])) + (Of::one(x6[c]) + Of::one(x7[c]));
      add_to_column(sums, errors, c, low + high);
    }
  }
  for (; r < rows; ++r) {
    const T* x = row(r);
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) add_to_column(sums, errors, c, Of::one(x[c]));
  }
}

void start_sum_columns(void* states, int64_t columns) {
  std::memset(states, 0, size_t(columns) * sizeof(double));
  std::memset(static_cast<double*>(states) + kColumns, 0, size_t(columns) * sizeof(double));
}

void merge_sum_columns(void* into, const void* from, int64_t columns) {
  double* sums = static_cast<double*>(into);
  const double* others = static_cast<const double*>(from);
  for (int64_t c = 0; c < columns; ++c) {
    add_to_column(sums, sums + kColumns, c, others[c]);
    sums[kColumns + c] += others[kColumns + c];
  }
}

template <class T, bool mean>
void finish_sum_columns(const void* states, int64_t columns, const Ending& ending, void* values,
                        void*) {
  const double* sums = static_cast<const double*>(states);
  const double* errors = sums + kColumns;
  T* output = static_cast<T*>(values);
  for (int64_t c = 0; c < columns; ++c) {
    double sum = std::isfinite(errors[c]) ? sums[c] + errors[c] : sums[c];
    output[c] = T(mean ? sum / double(ending.count) : sum);
  }
}

template <class T, class Of, bool mean = false>
constexpr Reducer kSum = {
    dtype_of<T>,       DType::Int64,
    start_sum<T>,      sum_row<T, Of>,
    merge_sum<T>,      finish_sum<T, mean>,
    start_sum_columns, sum_columns<T, Of>,
    merge_sum_columns, finish_sum_columns<T, mean>,
};

// --- Exact folds: one accumulator that may be combined in any order ---

/// Integer sums and products (they wrap), counts, any and all. A fold has an accumulator type, a
/// result type, a start, and combines.
struct IntegerSum {
  using Accumulator = uint64_t;
  using Result = int64_t;
  static constexpr Accumulator start = 0;
  template <class T>
  static HWY_INLINE Accumulator of(T x) {
    return Accumulator(int64_t(x));
  }
  static HWY_INLINE Accumulator combine(Accumulator a, Accumulator b) { return a + b; }
};
struct IntegerProduct : IntegerSum {
  static constexpr Accumulator start = 1;
  static HWY_INLINE Accumulator combine(Accumulator a, Accumulator b) { return a * b; }
};
struct NonzeroCount : IntegerSum {
  template <class T>
  static HWY_INLINE Accumulator of(T x) {
    return x != T(0);
  }
};
struct AnyOf {
  using Accumulator = uint8_t;
  using Result = bool;
  static constexpr Accumulator start = 0;
  template <class T>
  static HWY_INLINE Accumulator of(T x) {
    return x != T(0);
  }
  static HWY_INLINE Accumulator combine(Accumulator a, Accumulator b) { return a | b; }
};
struct AllOf : AnyOf {
  static constexpr Accumulator start = 1;
  static HWY_INLINE Accumulator combine(Accumulator a, Accumulator b) { return a & b; }
};

/// Row states of folds hold 32 accumulators, filled in turn.
template <class T, class Fold>
void fold_row(void* memory, const void* data, int64_t n, int64_t, int64_t) {
  using A = typename Fold::Accumulator;
  A* state = static_cast<A*>(memory);
  const T* x = static_cast<const T*>(data);
  A lanes[kSums];
  std::memcpy(lanes, state, sizeof(lanes));
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums)
    for (int l = 0; l < kSums; ++l) lanes[l] = Fold::combine(lanes[l], Fold::of(x[i + l]));
  for (int l = 0; i < n; ++i, ++l) lanes[l] = Fold::combine(lanes[l], Fold::of(x[i]));
  std::memcpy(state, lanes, sizeof(lanes));
}

template <class Fold>
void start_fold(void* memory) {
  for (int l = 0; l < kSums; ++l) static_cast<typename Fold::Accumulator*>(memory)[l] = Fold::start;
}

template <class Fold>
void merge_fold(void* into, const void* from) {
  using A = typename Fold::Accumulator;
  for (int l = 0; l < kSums; ++l) {
    A& target = static_cast<A*>(into)[l];
    target = Fold::combine(target, static_cast<const A*>(from)[l]);
  }
}

template <class Fold>
void finish_fold(const void* memory, const Ending&, void* value, void*) {
  using A = typename Fold::Accumulator;
  A lanes[kSums];
  std::memcpy(lanes, memory, sizeof(lanes));
  for (int half = kSums / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lanes[l] = Fold::combine(lanes[l], lanes[l + half]);
  *static_cast<typename Fold::Result*>(value) = typename Fold::Result(lanes[0]);
}

template <class Fold>
void start_fold_columns(void* states, int64_t columns) {
  std::fill_n(static_cast<typename Fold::Accumulator*>(states), columns, Fold::start);
}

template <class T, class Fold>
void fold_columns(void* states, const void* data, int64_t stride, int64_t rows, int64_t columns,
                  int64_t, int64_t) {
  auto* HWY_RESTRICT state = static_cast<typename Fold::Accumulator*>(states);
  for (int64_t r = 0; r < rows; ++r) {
    const T* x = reinterpret_cast<const T*>(static_cast<const char*>(data) + r * stride);
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) state[c] = Fold::combine(state[c], Fold::of(x[c]));
  }
}

template <class Fold>
void merge_fold_columns(void* into, const void* from, int64_t columns) {
  using A = typename Fold::Accumulator;
  A* target = static_cast<A*>(into);
  for (int64_t c = 0; c < columns; ++c)
    target[c] = Fold::combine(target[c], static_cast<const A*>(from)[c]);
}

template <class Fold>
void finish_fold_columns(const void* states, int64_t columns, const Ending&, void* values, void*) {
  for (int64_t c = 0; c < columns; ++c)
    static_cast<typename Fold::Result*>(values)[c] =
        typename Fold::Result(static_cast<const typename Fold::Accumulator*>(states)[c]);
}

template <class T, class Fold>
constexpr Reducer kFold = {
    dtype_of<typename Fold::Result>,
    DType::Int64,
    start_fold<Fold>,
    fold_row<T, Fold>,
    merge_fold<Fold>,
    finish_fold<Fold>,
    start_fold_columns<Fold>,
    fold_columns<T, Fold>,
    merge_fold_columns<Fold>,
    finish_fold_columns<Fold>,
};

/// Products of floats, in float64: the order of the lanes is fixed, so they too are reproducible.
template <class T>
struct FloatProduct {
  using Accumulator = double;
  using Result = T;
  static constexpr Accumulator start = 1;
  static HWY_INLINE Accumulator of(T x) { return x; }
  static HWY_INLINE Accumulator combine(Accumulator a, Accumulator b) { return a * b; }
};

template <class T>
const Reducer* find_float_sum(Reduction reduction) {
  switch (reduction) {
    case Reduction::Sum: return &kSum<T, Itself>;
    case Reduction::NanSum: return &kSum<T, NumberOrZero>;
    case Reduction::Mean: return &kSum<T, Itself, true>;
    case Reduction::SumOfSquares: return &kSum<T, SquareOf>;
    case Reduction::SumOfAbs: return &kSum<T, AbsOf>;
    case Reduction::Prod: return &kFold<T, FloatProduct<T>>;
    case Reduction::CountNonzero: return &kFold<T, NonzeroCount>;
    case Reduction::Any: return &kFold<T, AnyOf>;
    case Reduction::All: return &kFold<T, AllOf>;
    default: return nullptr;
  }
}

template <class T>
const Reducer* find_integer_sum(Reduction reduction) {
  switch (reduction) {
    case Reduction::Sum:
    case Reduction::NanSum: return std::is_same_v<T, int64_t> ? &kFold<T, IntegerSum> : nullptr;
    case Reduction::Prod: return std::is_same_v<T, int64_t> ? &kFold<T, IntegerProduct> : nullptr;
    case Reduction::CountNonzero: return &kFold<T, NonzeroCount>;
    case Reduction::Any: return &kFold<T, AnyOf>;
    case Reduction::All: return &kFold<T, AllOf>;
    default: return nullptr;
  }
}

const Reducer* find_sum(Reduction reduction, DType compute) {
  switch (compute) {
    case DType::Bool:  // bytes of 0 and 1
    case DType::UInt8: return find_integer_sum<uint8_t>(reduction);
    case DType::Int8: return find_integer_sum<int8_t>(reduction);
    case DType::Int16: return find_integer_sum<int16_t>(reduction);
    case DType::Int32: return find_integer_sum<int32_t>(reduction);
    case DType::Int64: return find_integer_sum<int64_t>(reduction);
    case DType::Float32: return find_float_sum<float>(reduction);
    case DType::Float64: return find_float_sum<double>(reduction);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_sum);
const Reducer* find_sum(Reduction reduction, DType compute) {
  return HWY_DYNAMIC_DISPATCH(find_sum)(reduction, compute);
}
}  // namespace rushlight::cpu
#endif
