#include "runtime/cpu_features.h"

#include <array>
#include <atomic>
#include <cstdlib>

#include "hwy/targets.h"
#include "rushlight/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace rushlight {
namespace {

#if defined(__x86_64__)
constexpr std::array<std::string_view, 3> kNames = {"sse2", "avx2", "avx512"};
#else
constexpr std::array<std::string_view, 3> kNames = {"baseline", "avx2", "avx512"};
#endif
constexpr std::array<SimdTarget, 3> kTargets = {SimdTarget::Baseline, SimdTarget::Avx2,
                                                SimdTarget::Avx512};
constexpr uint8_t kUnknown = 255;

std::atomic<uint8_t> current_target{kUnknown};
std::atomic<uint32_t> generation{0};

#if defined(__x86_64__)
/// The builtins also ask whether the operating system saves the wide registers.
bool has_avx2() {
  unsigned a, b, c, d, extended_c = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  bool f16c = c & (1u << 29);
  __get_cpuid(0x80000001u, &a, &b, &extended_c, &d);
  bool lzcnt = extended_c & (1u << 5);
  return f16c && lzcnt && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd");
}
#endif

size_t count_supported() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!has_avx2()) return 1;
  return has_avx512() ? 3 : 2;
#else
  return 1;
#endif
}

SimdTarget parse(std::string_view name) {
  std::string known;
  for (SimdTarget target : kTargets) {
    if (name == to_string_view(target)) return target;
    known += (known.empty() ? "" : ", ") + std::string(to_string_view(target));
  }
  fail(ErrorKind::Runtime, "RUSHLIGHT_SIMD: unknown target '", name, "'; expected one of ", known);
}

SimdTarget checked(SimdTarget target) {
  check(size_t(target) < supported_simd_targets().size(), "RUSHLIGHT_SIMD: this processor has no ",
        to_string_view(target), "; the best it can run is ",
        to_string_view(supported_simd_targets().back()));
  return target;
}

SimdTarget initial_target() {
  const char* forced = std::getenv("RUSHLIGHT_SIMD");
  if (forced && *forced) return checked(parse(forced));
  return supported_simd_targets().back();
}

}  // namespace

std::string_view to_string_view(SimdTarget target) { return kNames[size_t(target)]; }

std::span<const SimdTarget> supported_simd_targets() {
  static const size_t count = count_supported();
  return std::span(kTargets).first(count);
}

SimdTarget simd_level() {
  uint8_t target = current_target.load(std::memory_order_relaxed);
  if (target != kUnknown) [[likely]]
    return SimdTarget(target);
  SimdTarget initial = initial_target();
  current_target.store(uint8_t(initial), std::memory_order_relaxed);
  return initial;
}

std::string_view simd_target() { return to_string_view(simd_level()); }

void set_simd_target(SimdTarget target) {
  current_target.store(uint8_t(checked(target)), std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_relaxed);
  hwy::GetChosenTarget().DeInit();
}
void set_simd_target(std::string_view name) { set_simd_target(parse(name)); }

uint32_t simd_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace rushlight
