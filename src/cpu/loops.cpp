#include "cpu/loops.h"

#include <atomic>

#include "runtime/cpu_features.h"

namespace rushlight::cpu {
namespace {

Loop search(Kernel kernel, DType compute, int scalar) {
  if (scalar != 0) return find_scalar(kernel, compute, scalar);
  for (auto family : {find_arithmetic, find_comparison, find_choice, find_simple, find_exponential,
                      find_activation, find_special}) {
    if (Loop loop = family(kernel, compute)) return loop;
  }
  return nullptr;
}

// What has been found, for one generation of the SIMD target.
std::atomic<Loop> found[3][kKernels][kDTypes];
std::atomic<uint32_t> found_generation{0};

void forget() {
  for (auto& table : found)
    for (auto& row : table)
      for (auto& loop : row) loop.store(nullptr, std::memory_order_relaxed);
  found_generation.store(simd_generation(), std::memory_order_release);
}

}  // namespace

Loop find_loop(Kernel kernel, DType compute, int scalar) {
  if (found_generation.load(std::memory_order_acquire) != simd_generation()) [[unlikely]]
    forget();
  auto& entry = found[scalar][int(kernel)][int(compute)];
  Loop loop = entry.load(std::memory_order_relaxed);
  if (!loop) [[unlikely]] {
    loop = search(kernel, compute, scalar);
    entry.store(loop, std::memory_order_relaxed);
  }
  return loop;
}

int64_t loop_cost(Kernel kernel) {
  switch (kernel) {
    case Kernel::Exp:
    case Kernel::Exp2:
    case Kernel::Expm1:
    case Kernel::Log:
    case Kernel::Log2:
    case Kernel::Log10:
    case Kernel::Log1p:
    case Kernel::Sin:
    case Kernel::Cos:
    case Kernel::Tan:
    case Kernel::Sinh:
    case Kernel::Cosh:
    case Kernel::Tanh:
    case Kernel::Sigmoid:
    case Kernel::LogSigmoid:
    case Kernel::Elu:
    case Kernel::Gelu:
    case Kernel::GeluTanh:
    case Kernel::Silu:
    case Kernel::Softplus:
    case Kernel::Erf:
    case Kernel::EluBackward:
    case Kernel::GeluBackward:
    case Kernel::GeluTanhBackward:
    case Kernel::SiluBackward:
    case Kernel::SoftplusBackward:
    case Kernel::LogSigmoidBackward: return 3;
    case Kernel::FloorDivide:
    case Kernel::TruncDivide:
    case Kernel::Remainder:
    case Kernel::Fmod:
    case Kernel::Pow:
    case Kernel::PowTo: return 16;
    case Kernel::Asin:
    case Kernel::Acos:
    case Kernel::Atan:
    case Kernel::Atan2:
    case Kernel::Asinh:
    case Kernel::Acosh:
    case Kernel::Atanh:
    case Kernel::Xlogy:
    case Kernel::Erfc:
    case Kernel::Lgamma: return 48;
    case Kernel::Erfinv:
    case Kernel::Digamma: return 200;
    default: return 1;
  }
}

}  // namespace rushlight::cpu
