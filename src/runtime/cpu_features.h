#pragma once
// Which SIMD target the kernels run on.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rushlight {

/// In rising order. Baseline is what every processor of the architecture has ("sse2" on x86-64).
enum class SimdTarget : uint8_t { Baseline, Avx2, Avx512 };

/// The target in use: the best that the processor has, or the one that RUSHLIGHT_SIMD forces.
/// Raises a RuntimeError if RUSHLIGHT_SIMD names an unknown target or one this processor lacks.
SimdTarget simd_level();

/// simd_level() as a word: "sse2", "avx2" or "avx512" ("baseline" on other architectures).
std::string_view simd_target();

/// All targets that this processor can run, in rising order.
std::span<const SimdTarget> supported_simd_targets();

/// Switches target at run time, for tests; not while another thread computes.
/// Raises a RuntimeError if this processor lacks it.
void set_simd_target(SimdTarget target);
void set_simd_target(std::string_view name);

/// Counts the switches of target, so that caches of chosen kernels know when to look again.
uint32_t simd_generation();

std::string_view to_string_view(SimdTarget target);

/// The variant of a function for the target in use; a missing variant falls back to the next.
/// `simd_select(HWY_CHOOSE_AVX3(f), HWY_CHOOSE_AVX2(f), &HWY_STATIC_DISPATCH(f))`
template <class Function>
Function* simd_select(Function* avx512, Function* avx2, Function* baseline) {
  SimdTarget level = simd_level();
  if (level == SimdTarget::Avx512 && avx512) return avx512;
  if (level >= SimdTarget::Avx2 && avx2) return avx2;
  return baseline;
}
template <class Function>
Function* simd_select(std::nullptr_t, std::nullptr_t, Function* baseline) {
  return baseline;
}

}  // namespace rushlight
