// The run-time half of Highway's dispatch, so that its headers are all we need of it.
// Distributions ship libhwy only as a shared object, and Rushlight depends on none.

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "hwy/highway.h"
#include "runtime/cpu_features.h"

namespace hwy {
namespace {

std::atomic<int64_t> disabled{0};
std::atomic<int64_t> forced{0};

int64_t mask_of(rushlight::SimdTarget level) {
  int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  if (level >= rushlight::SimdTarget::Avx2) targets |= HWY_AVX2;
  if (level >= rushlight::SimdTarget::Avx512) targets |= HWY_AVX3;
#endif
  return targets;
}

}  // namespace

int64_t SupportedTargets() {
  int64_t targets = forced.load(std::memory_order_relaxed);
  if (!targets) targets = mask_of(rushlight::simd_level());
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
