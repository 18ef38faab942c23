// Matrix products from C++: GFLOP/s of squares, layer shapes and batches; args are m, k, n,
// threads.

#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/gemm.h"
#include "runtime/parallel.h"

namespace rushlight::cpu {
namespace {

void report(benchmark::State& state, int64_t batch) {
  const double work = 2.0 * double(batch * state.range(0) * state.range(1) * state.range(2));
  state.counters["GFLOP/s"] =
      benchmark::Counter(work * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

enum class Transposed { None, A, B };

template <Transposed transposed>
void product(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  set_num_threads(int(state.range(3)));
  std::vector<float> a(size_t(m * k), 1.5f), b(size_t(k * n), 0.5f), c(size_t(m * n));
  Matrix x{a.data(), m, k, k, 1}, y{b.data(), k, n, n, 1};
  if (transposed == Transposed::A) x = {a.data(), m, k, 1, m};
  if (transposed == Transposed::B) y = {b.data(), k, n, 1, k};
  for (auto _ : state) {
    gemm(DType::Float32, x, y, {c.data(), m, n, n, 1});
    benchmark::ClobberMemory();
  }
  report(state, 1);
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  for (int64_t threads : {1, 2}) {
    for (int64_t size : {8, 16, 32, 64, 128, 256, 512, 1024}) {
      benchmark->Args({size, size, size, threads});
    }
    benchmark->Args({8, 4, 16, threads});
    benchmark->Args({64, 784, 256, threads});
    benchmark->Args({384, 128, 512, threads});
    benchmark->Args({1, 1024, 1024, threads});
    benchmark->Args({1024, 1024, 1, threads});
    benchmark->Args({8, 512, 2048, threads});
  }
  benchmark->UseRealTime();
}

BENCHMARK(product<Transposed::None>)->Apply(shapes);
BENCHMARK(product<Transposed::A>)->Apply(shapes);
BENCHMARK(product<Transposed::B>)->Apply(shapes);

void batched_product(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2), count = 96;
  std::vector<float> a(size_t(count * m * k), 1.5f), b(size_t(count * k * n), 0.5f);
  std::vector<float> c(size_t(count * m * n));
  const int64_t a_stride = m * k, b_stride = k * n, c_stride = m * n;
  const Batch batch{1, &count, &a_stride, &b_stride, &c_stride};
  set_num_threads(int(state.range(3)));
  for (auto _ : state) {
    batched_gemm(DType::Float32, batch, {a.data(), m, k, k, 1}, {b.data(), k, n, n, 1},
                 {c.data(), m, n, n, 1});
    benchmark::ClobberMemory();
  }
  report(state, count);
}
BENCHMARK(batched_product)->Args({64, 64, 64, 1})->Args({64, 64, 64, 2})->UseRealTime();

}  // namespace
}  // namespace rushlight::cpu
