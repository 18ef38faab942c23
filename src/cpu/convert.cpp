// Conversion between any two dtypes, as PyTorch's .to: floats truncate toward zero, integers wrap,
// to bool asks whether it is not zero, and the 16-bit floats go through float32.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/loops.h"
#include "cpu/simd.h"
#include "cpu/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Truncation as x86 does it: what does not fit (and NaN) gives the smallest integer. Integers
/// below 32 bits are cut from an int32, as PyTorch's vectorised code does.
template <class To, class From>
HWY_INLINE To truncated(From x) {
  using Wide = std::conditional_t<(sizeof(To) < 8), int32_t, int64_t>;
  constexpr From limit = -From(std::numeric_limits<Wide>::min());
  bool fits = x >= -limit && x < limit;
  return To(fits ? Wide(x) : std::numeric_limits<Wide>::min());
}

template <class To, class From>
void convert_loop(void* const* pointers, int64_t n, std::span<const Param>) {
  To* output = static_cast<To*>(pointers[0]);
  // Loops over bool do not vectorise; its bytes are 0 and 1.
  using Read = std::conditional_t<std::is_same_v<From, bool>, uint8_t, From>;
  const Read* x = static_cast<const Read*>(pointers[1]);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<To, bool>)
      output[i] = x[i] != Read(0);
    else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
      output[i] = truncated<To>(x[i]);
    else
      output[i] = To(x[i]);
  }
}

template <int size>
void copy_loop(void* const* pointers, int64_t n, std::span<const Param>) {
  std::memmove(pointers[0], pointers[1], size_t(n) * size);
}

// --- float32 to and from the 16-bit floats ---

void bfloat16_from_float(const float* x, BFloat16* output, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) output[i] = BFloat16(x[i]);
}
void float_from(const BFloat16* x, float* output, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) output[i] = float(x[i]);
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
void float16_from_float(const float* x, Float16* output, int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto* target = reinterpret_cast<hwy::float16_t*>(output);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::DemoteTo(half, hn::LoadU(d, x + i)), half, target + i);
  if (i == n) return;
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  HWY_ALIGN hwy::float16_t done[hn::MaxLanes(d)];
  std::copy(x + i, x + n, rest);
  hn::StoreU(hn::DemoteTo(half, hn::LoadU(d, rest)), half, done);
  std::memcpy(target + i, done, size_t(n - i) * 2);
}
void float_from(const Float16* x, float* output, int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const int64_t lanes = int64_t(hn::Lanes(d));
  const auto* source = reinterpret_cast<const hwy::float16_t*>(x);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, source + i)), d, output + i);
  for (; i < n; ++i) output[i] = float(x[i]);
}
#else
void float16_from_float(const float* x, Float16* output, int64_t n) {
  for (int64_t i = 0; i < n; ++i) output[i] = Float16(x[i]);
}
void float_from(const Float16* x, float* output, int64_t n) {
  for (int64_t i = 0; i < n; ++i) output[i] = float(x[i]);
}
#endif

HWY_INLINE void half_from_float(const float* x, Float16* output, int64_t n) {
  float16_from_float(x, output, n);
}
HWY_INLINE void half_from_float(const float* x, BFloat16* output, int64_t n) {
  bfloat16_from_float(x, output, n);
}

/// One of the dtypes has 16 bits: goes through a tile of float32.
template <class To, class From>
void convert_half_loop(void* const* pointers, int64_t n, std::span<const Param>) {
  constexpr bool from_half = !std::is_arithmetic_v<From>, to_half = !std::is_arithmetic_v<To>;
  To* output = static_cast<To*>(pointers[0]);
  const From* x = static_cast<const From*>(pointers[1]);
  alignas(64) float tile[kTile];
  for (int64_t i = 0; i < n; i += kTile) {
    int64_t m = std::min(kTile, n - i);
    if constexpr (from_half) {
      float_from(x + i, tile, m);
    } else {
      void* step[2] = {tile, const_cast<From*>(x + i)};
      convert_loop<float, From>(step, m, {});
    }
    if constexpr (to_half) {
      half_from_float(tile, output + i, m);
    } else {
      void* step[2] = {output + i, tile};
      convert_loop<To, float>(step, m, {});
    }
  }
}

template <class To, class From>
Loop convert_between() {
  constexpr bool integers = std::is_integral_v<To> && std::is_integral_v<From>;
  if constexpr (std::is_same_v<To, From> ||
                (integers && sizeof(To) == sizeof(From) && !std::is_same_v<To, bool>))
    return &copy_loop<sizeof(To)>;
  else if constexpr (std::is_arithmetic_v<To> && std::is_arithmetic_v<From>)
    return &convert_loop<To, From>;
  else
    return &convert_half_loop<To, From>;
}

Loop find_convert(DType from, DType to) {
  return dispatch(from, [&]<class From>(CppType<From>) {
    return dispatch(to, []<class To>(CppType<To>) { return convert_between<To, From>(); });
  });
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_convert);
Loop find_convert(DType from, DType to) { return HWY_DYNAMIC_DISPATCH(find_convert)(from, to); }
}  // namespace rushlight::cpu
#endif
