#include "cpu/loops.h"

#include <atomic>

#include "runtime/cpu_features.h"

namespace rushlight::cpu {
namespace {

Loop search(Kernel kernel, DType compute) {
  for (auto family : {find_arithmetic, find_comparison, find_choice, find_simple}) {
    if (Loop loop = family(kernel, compute)) return loop;
  }
  return nullptr;
}

// What has been found, for one generation of the SIMD target.
std::atomic<Loop> found[kKernels][kDTypes];
std::atomic<uint32_t> found_generation{0};

void forget() {
  for (auto& row : found)
    for (auto& loop : row) loop.store(nullptr, std::memory_order_relaxed);
  found_generation.store(simd_generation(), std::memory_order_release);
}

}  // namespace

Loop find_loop(Kernel kernel, DType compute) {
  if (found_generation.load(std::memory_order_acquire) != simd_generation()) [[unlikely]]
    forget();
  auto& entry = found[int(kernel)][int(compute)];
  Loop loop = entry.load(std::memory_order_relaxed);
  if (!loop) [[unlikely]] {
    loop = search(kernel, compute);
    entry.store(loop, std::memory_order_relaxed);
  }
  return loop;
}

int64_t loop_cost(Kernel) { return 1; }

}  // namespace rushlight::cpu
