// Maxima and minima, and where they stand.
//
// A row goes by pieces that fit the first-level cache: the piece's extreme is found by vectors, and
// only if it beats what was seen before is the piece searched for its place. Ties and NaN go to the
// first: an extreme replaces another only if it is strictly better, and nothing replaces NaN.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "cpu/reducers.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_extreme.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

enum class Wanted { Value, ValueAndIndex, Index };

constexpr int64_t kPiece = 1024;

struct Largest {
  template <class T>
  static HWY_INLINE bool better(T a, T b) {
    return a > b;
  }
  template <class V>
  static HWY_INLINE V best(V a, V b) {
    return hn::Max(a, b);
  }
  /// What any number is at least as good as.
  template <class T>
  static constexpr T worst() {
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                       : std::numeric_limits<T>::lowest();
  }
};
struct Smallest {
  template <class T>
  static HWY_INLINE bool better(T a, T b) {
    return a < b;
  }
  template <class V>
  static HWY_INLINE V best(V a, V b) {
    return hn::Min(a, b);
  }
  template <class T>
  static constexpr T worst() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity()
                                       : std::numeric_limits<T>::max();
  }
};

// --- Rows ---

template <class T>
struct ExtremeState {
  T value;
  bool empty;
  int64_t index;
};

/// The best of n > 0 elements, or NaN if there is one.
template <class T, class Better>
HWY_INLINE T best_of(const T* x, int64_t n) {
  if constexpr (std::is_floating_point_v<T>) {
    const hn::ScalableTag<T> d;
    const int64_t width = int64_t(hn::Lanes(d));
    auto best0 = hn::Set(d, Better::template worst<T>()), best1 = best0;
    auto unequal = hn::IsNaN(best0);
    int64_t i = 0;
    for (; i + 2 * width <= n; i += 2 * width) {
      auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + width);
      unequal = hn::Or(unequal, hn::Or(hn::IsNaN(a), hn::IsNaN(b)));
      best0 = Better::best(a, best0);
      best1 = Better::best(b, best1);
    }
    HWY_ALIGN T lanes[hn::MaxLanes(d)];
    hn::Store(Better::best(best0, best1), d, lanes);
    bool nan = !hn::AllFalse(d, unequal);
    T best = lanes[0];
    for (int64_t l = 1; l < width; ++l) best = Better::better(lanes[l], best) ? lanes[l] : best;
    for (; i < n; ++i) {
      nan |= x[i] != x[i];
      best = Better::better(x[i], best) ? x[i] : best;
    }
    return nan ? std::numeric_limits<T>::quiet_NaN() : best;
  } else {
    T best = x[0];
    if constexpr (std::is_same_v<Better, Largest>) {
#pragma omp simd reduction(max : best)
      for (int64_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
    } else {
#pragma omp simd reduction(min : best)
      for (int64_t i = 0; i < n; ++i) best = x[i] < best ? x[i] : best;
    }
    return best;
  }
}

/// Where the first element equal to `value` (the first NaN, if it is NaN) stands; there is one.
template <class T>
HWY_INLINE int64_t place_of(T value, const T* x, int64_t n) {
  const hn::ScalableTag<T> d;
  const int64_t width = int64_t(hn::Lanes(d));
  auto wanted = hn::Set(d, value);
  bool nan = value != value;
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    auto v = hn::LoadU(d, x + i);
    intptr_t found = hn::FindFirstTrue(d, nan ? hn::Not(hn::Eq(v, v)) : hn::Eq(v, wanted));
    if (found >= 0) return i + found;
  }
  while (nan ? x[i] == x[i] : x[i] != value) ++i;
  return i;
}

template <class T, class Better, Wanted wanted>
void extreme_row(void* memory, const void* data, int64_t n, int64_t index, int64_t index_step) {
  auto& state = *static_cast<ExtremeState<T>*>(memory);
  const T* x = static_cast<const T*>(data);
  for (int64_t i = 0; i < n; i += kPiece) {
    int64_t m = std::min(kPiece, n - i);
    T best = best_of<T, Better>(x + i, m);
    bool first_nan = best != best && state.value == state.value;
    if (!state.empty && !first_nan && !Better::better(best, state.value)) continue;
    state.empty = false;
    state.value = best;
    if (wanted != Wanted::Value) state.index = index + (i + place_of(best, x + i, m)) * index_step;
  }
}

template <class T>
void start_extreme(void* memory) {
  *static_cast<ExtremeState<T>*>(memory) = {T(0), true, 0};
}

template <class T, class Better>
void merge_extreme(void* into, const void* from) {
  auto& target = *static_cast<ExtremeState<T>*>(into);
  const auto& source = *static_cast<const ExtremeState<T>*>(from);
  if (source.empty) return;
  bool first_nan = source.value != source.value && target.value == target.value;
  if (target.empty || first_nan || Better::better(source.value, target.value)) target = source;
}

template <class T, Wanted wanted>
void finish_extreme(const void* memory, const Ending&, void* value, void* index) {
  const auto& state = *static_cast<const ExtremeState<T>*>(memory);
  if (wanted == Wanted::Index)
    *static_cast<int64_t*>(value) = state.index;
  else
    *static_cast<T*>(value) = state.value;
  *static_cast<int64_t*>(index) = state.index;
}

// --- Columns: values[kColumns], then indices[kColumns] ---

template <class T>
int64_t* indices_of(void* states) {
  return reinterpret_cast<int64_t*>(static_cast<char*>(states) + kColumns * 8);
}

template <class T, class Better>
void start_extreme_columns(void* states, int64_t columns) {
  std::fill_n(static_cast<T*>(states), columns, Better::template worst<T>());
  std::fill_n(indices_of<T>(states), columns, 0);
}

template <class T, class Better, Wanted wanted>
void extreme_columns(void* states, const void* data, int64_t stride, int64_t rows, int64_t columns,
                     int64_t index, int64_t index_step) {
  T* HWY_RESTRICT best = static_cast<T*>(states);
  auto row = [&](int64_t r) {
    return reinterpret_cast<const T*>(static_cast<const char*>(data) + r * stride);
  };
  if constexpr (wanted == Wanted::Value) {
    for (int64_t r = 0; r < rows; ++r) {
      const T* x = row(r);
#pragma omp simd
      for (int64_t c = 0; c < columns; ++c) {
        T value = x[c], seen = best[c];
        bool take = int(Better::better(value, seen)) | (int(value != value) & int(seen == seen));
        best[c] = take ? value : seen;
      }
    }
    return;
  }
  // The row of the best so far, as wide as the values so that both fill vectors alike.
  using Row = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  alignas(64) Row taken[kColumns];
  std::fill_n(taken, columns, Row(-1));
  for (int64_t r = 0; r < rows; ++r) {
    const T* x = row(r);
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) {
      T value = x[c], seen = best[c];
      bool take = int(Better::better(value, seen)) | (int(value != value) & int(seen == seen));
      best[c] = take ? value : seen;
      taken[c] = take ? Row(r) : taken[c];
    }
  }
  int64_t* indices = indices_of<T>(states);
  for (int64_t c = 0; c < columns; ++c)
    if (taken[c] >= 0) indices[c] = index + int64_t(taken[c]) * index_step;
}

template <class T, class Better>
void merge_extreme_columns(void* into, const void* from, int64_t columns) {
  T* best = static_cast<T*>(into);
  const T* others = static_cast<const T*>(from);
  int64_t* indices = indices_of<T>(into);
  const int64_t* other_indices = indices_of<T>(const_cast<void*>(from));
  for (int64_t c = 0; c < columns; ++c) {
    bool first_nan = others[c] != others[c] && best[c] == best[c];
    if (!first_nan && !Better::better(others[c], best[c])) continue;
    best[c] = others[c];
    indices[c] = other_indices[c];
  }
}

template <class T, Wanted wanted>
void finish_extreme_columns(const void* states, int64_t columns, const Ending&, void* values,
                            void* indices) {
  const int64_t* found = indices_of<T>(const_cast<void*>(states));
  if (wanted == Wanted::Index)
    std::copy_n(found, columns, static_cast<int64_t*>(values));
  else
    std::memcpy(values, states, size_t(columns) * sizeof(T));
  if (wanted == Wanted::ValueAndIndex) std::copy_n(found, columns, static_cast<int64_t*>(indices));
}

template <class T, class Better, Wanted wanted, DType dtype>
constexpr Reducer kExtreme = {
    wanted == Wanted::Index ? DType::Int64 : dtype,
    DType::Int64,
    start_extreme<T>,
    extreme_row<T, Better, wanted>,
    merge_extreme<T, Better>,
    finish_extreme<T, wanted>,
    start_extreme_columns<T, Better>,
    extreme_columns<T, Better, wanted>,
    merge_extreme_columns<T, Better>,
    finish_extreme_columns<T, wanted>,
};

template <class T, DType dtype, class Better>
const Reducer* wanted_extreme(bool argument, bool indices) {
  if (argument) return &kExtreme<T, Better, Wanted::Index, dtype>;
  if (indices) return &kExtreme<T, Better, Wanted::ValueAndIndex, dtype>;
  return &kExtreme<T, Better, Wanted::Value, dtype>;
}

template <class T, DType dtype = dtype_of<T>>
const Reducer* extreme_of(Reduction reduction, bool indices) {
  switch (reduction) {
    case Reduction::Max: return wanted_extreme<T, dtype, Largest>(false, indices);
    case Reduction::ArgMax: return wanted_extreme<T, dtype, Largest>(true, indices);
    case Reduction::Min: return wanted_extreme<T, dtype, Smallest>(false, indices);
    case Reduction::ArgMin: return wanted_extreme<T, dtype, Smallest>(true, indices);
    default: return nullptr;
  }
}

const Reducer* find_extreme(Reduction reduction, DType compute, bool indices) {
  switch (compute) {
    case DType::Bool: return extreme_of<uint8_t, DType::Bool>(reduction, indices);
    case DType::UInt8: return extreme_of<uint8_t>(reduction, indices);
    case DType::Int8: return extreme_of<int8_t>(reduction, indices);
    case DType::Int16: return extreme_of<int16_t>(reduction, indices);
    case DType::Int32: return extreme_of<int32_t>(reduction, indices);
    case DType::Int64: return extreme_of<int64_t>(reduction, indices);
    case DType::Float32: return extreme_of<float>(reduction, indices);
    case DType::Float64: return extreme_of<double>(reduction, indices);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_extreme);
const Reducer* find_extreme(Reduction reduction, DType compute, bool indices) {
  return HWY_DYNAMIC_DISPATCH(find_extreme)(reduction, compute, indices);
}
}  // namespace rushlight::cpu
#endif
