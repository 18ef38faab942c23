// The run-time half of Highway's dispatch, so that its headers are all we need of it.
// Distributions ship libhwy only as a shared object, and Rushlight depends on none.

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "hwy/highway.h"

#if HWY_ARCH_X86
#include <cpuid.h>
#endif

namespace hwy {
namespace {

std::atomic<int64_t> disabled{0};
std::atomic<int64_t> forced{0};

#if HWY_ARCH_X86
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

// The builtins also ask whether the operating system saves the wide registers.
int64_t detect() {
  int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  __builtin_cpu_init();
  if (has_avx2()) {
    targets |= HWY_AVX2;
    if (has_avx512()) targets |= HWY_AVX3;
  }
#endif
  return targets;
}

}  // namespace

int64_t SupportedTargets() {
  static const int64_t detected = detect();
  int64_t targets = forced.load(std::memory_order_relaxed);
  if (!targets) targets = detected;
  return (targets & ~disabled.load(std::memory_order_relaxed)) | HWY_STATIC_TARGET;
}

void DisableTargets(int64_t targets) {
  disabled = targets;
  GetChosenTarget().DeInit();
}

void SetSupportedTargetsForTest(int64_t targets) {
  forced = targets;
  GetChosenTarget().DeInit();
}

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

void Abort(const char* file, int line, const char* format, ...) {
  std::fprintf(stderr, "%s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace hwy
