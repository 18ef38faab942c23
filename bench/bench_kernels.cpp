// Kernels alone, without tensors or dispatch: what a call can cost at best.

#include <benchmark/benchmark.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/pointwise.h"
#include "kernels/reduce.h"
#include "kernels/softmax.h"
#include "runtime/allocator.h"
#include "runtime/parallel.h"

namespace rushlight {
namespace {

using Strides = std::vector<int64_t>;

/// Elements of our allocator, normally distributed unless they are bool.
struct Buffer {
  explicit Buffer(int64_t count, DType type = DType::Float32) : dtype(type) {
    bytes = size_t(count * size_of(type));
    data = allocate(bytes);
    // A short random sequence, repeated: drawing millions of numbers would take longer than using
    // them.
    static const std::vector<float> numbers = [] {
      std::vector<float> drawn(10'007);
      std::mt19937 generator(1);
      std::normal_distribution<float> normal;
      for (float& number : drawn) number = normal(generator);
      return drawn;
    }();
    for (int64_t i = 0; i < count; ++i) {
      float number = numbers[size_t(i) % numbers.size()];
      if (type == DType::Bool)
        static_cast<bool*>(data)[i] = number > 0;
      else if (type == DType::Int64)
        static_cast<int64_t*>(data)[i] = 0;
      else
        static_cast<float*>(data)[i] = number;
    }
  }
  ~Buffer() { deallocate(data, bytes); }
  Buffer(const Buffer&) = delete;
  Operand with(const Strides& strides) const { return {data, dtype, strides.data()}; }
  DType dtype;
  size_t bytes;
  void* data;
};

/// Buffer number `slot`, made once: repetitions then cost nothing but the kernel.
Buffer& buffer(int slot, int64_t count, DType dtype = DType::Float32) {
  static std::map<std::tuple<int, int64_t, DType>, Buffer> made;
  return made.try_emplace({slot, count, dtype}, count, dtype).first->second;
}

const Strides kVector{1}, kRows{2048, 1}, kColumns{1, 2048}, kKeepRows{1, 0}, kKeepColumns{0, 1},
    kKeepNone{0, 0};
constexpr int64_t kSide = 2048;
constexpr int64_t kSquare[] = {kSide, kSide};

void pointwise(benchmark::State& state, Kernel kernel, int64_t n) {
  set_num_threads(int(state.range(0)));
  Buffer &out = buffer(0, n), &x = buffer(1, n), &y = buffer(2, n), &z = buffer(3, n);
  Buffer& condition = buffer(4, n, DType::Bool);
  std::vector<Operand> operands{out.with(kVector)};
  if (kernel == Kernel::Where) operands.push_back(condition.with(kVector));
  for (const Buffer* input : {&x, &y, &z})
    if (operands.size() <= info(kernel).inputs) operands.push_back(input->with(kVector));
  for (auto _ : state) run_pointwise(kernel, DType::Float32, {&n, 1}, operands);
}

void strided(benchmark::State& state, Kernel kernel) {
  set_num_threads(int(state.range(0)));
  constexpr int64_t n = kSide * kSide;
  Buffer &out = buffer(0, n), &x = buffer(1, n), &y = buffer(2, n);
  std::vector<Operand> operands{out.with(kRows), y.with(kColumns)};
  if (kernel == Kernel::Add) operands.push_back(x.with(kRows));
  for (auto _ : state) run_pointwise(kernel, DType::Float32, kSquare, operands);
}

void reduce(benchmark::State& state, Reduction reduction, const Strides& kept, bool indices) {
  set_num_threads(int(state.range(0)));
  DType result = reduction == Reduction::ArgMax ? DType::Int64 : DType::Float32;
  Buffer &out = buffer(0, kSide, result), &x = buffer(1, kSide * kSide);
  Buffer& places = buffer(2, kSide, DType::Int64);
  Operand place = places.with(kept);
  for (auto _ : state)
    run_reduce(reduction, DType::Float32, kSquare, x.with(kRows), out.with(kept),
               indices ? &place : nullptr);
}

void variance(benchmark::State& state, const Strides& kept) {
  set_num_threads(int(state.range(0)));
  Buffer &out = buffer(0, kSide), &x = buffer(1, kSide * kSide);
  for (auto _ : state)
    run_variance(DType::Float32, kSquare, x.with(kRows), 1, false, out.with(kept));
}

void scan(benchmark::State& state, int dim) {
  set_num_threads(int(state.range(0)));
  Buffer &out = buffer(0, kSide * kSide), &x = buffer(1, kSide * kSide);
  for (auto _ : state)
    run_scan(Scan::Sum, DType::Float32, kSquare, dim, x.with(kRows), out.with(kRows));
}

void softmax(benchmark::State& state, bool logarithm) {
  set_num_threads(int(state.range(0)));
  Buffer &out = buffer(0, 1 << 20), &x = buffer(1, 1 << 20);
  for (auto _ : state) run_softmax(logarithm, DType::Float32, 1024, 1024, 1, x.data, out.data);
}

void allocation(benchmark::State& state) {
  size_t bytes = size_t(state.range(0));
  for (auto _ : state) deallocate(allocate(bytes), bytes);
}

[[maybe_unused]] const bool kRegistered = [] {
  auto add = [](std::string name, auto function, auto... arguments) {
    auto* one = benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { function(state, arguments...); });
    one->Arg(1)->Arg(2)->ArgName("threads")->Unit(benchmark::kMicrosecond)->UseRealTime();
  };
  add("add 4", pointwise, Kernel::Add, 4);
  add("add 1e4", pointwise, Kernel::Add, 10'000);
  for (Kernel kernel : {Kernel::Add, Kernel::Where, Kernel::Lt, Kernel::Exp, Kernel::Log,
                        Kernel::Tanh, Kernel::Sigmoid, Kernel::Gelu, Kernel::GeluTanh, Kernel::Sin,
                        Kernel::Relu, Kernel::Pow, Kernel::Erf})
    add(std::string(info(kernel).name) + " 1e6", pointwise, kernel, 1'000'000);
  add("add 1e7", pointwise, Kernel::Add, 10'000'000);
  add("add transposed", strided, Kernel::Add);
  add("copy transposed", strided, Kernel::Copy);
  const std::pair<const char*, const Strides*> layouts[] = {
      {" all", &kKeepNone}, {" dim 0", &kKeepColumns}, {" dim 1", &kKeepRows}};
  for (auto [name, kept] : layouts) {
    add(std::string("sum") + name, reduce, Reduction::Sum, *kept, false);
    add(std::string("max") + name, reduce, Reduction::Max, *kept, true);
    add(std::string("argmax") + name, reduce, Reduction::ArgMax, *kept, false);
    add(std::string("var") + name, variance, *kept);
  }
  add("cumsum dim 0", scan, 0);
  add("cumsum dim 1", scan, 1);
  add("softmax 1024", softmax, false);
  add("log_softmax 1024", softmax, true);
  for (int64_t bytes : {64, 1000, 1 << 16, 4 << 20})
    benchmark::RegisterBenchmark("allocate", allocation)->Arg(bytes);
  return true;
}();

}  // namespace
}  // namespace rushlight
