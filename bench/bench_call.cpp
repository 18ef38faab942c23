// What a call from C++ costs above its kernel: `a + b` of four floats.

#include <rushlight/rushlight.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "kernels/pointwise.h"

namespace {

using namespace rushlight;

/// Nanoseconds of one call, the best of many runs.
template <class F>
double best_time(F function) {
  constexpr int kRuns = 50, kCalls = 20000;
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) function();
    std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / kCalls);
  }
  return best;
}

}  // namespace

int main() {
  Tensor a = ones({4}), b = ones({4}), sum = a + b;
  const int64_t shape[] = {4}, strides[] = {1};
  double call = best_time([&] { Tensor result = a + b; });
  double kernel = best_time([&] {
    Operand operands[] = {{sum.data(), DType::Float32, strides},
                          {a.data(), DType::Float32, strides},
                          {b.data(), DType::Float32, strides}};
    run_pointwise(Kernel::Add, DType::Float32, shape, operands);
  });
  std::printf("a + b from C++: %.0f ns, its kernel %.0f, the call above it %.0f\n", call, kernel,
              call - kernel);
}
