// Running sums, products, extremes and logarithms of sums along one dim.
//
// Sums and products of floats run in float64 in order of the elements, as PyTorch's do, so the bits
// are the same. Several lines are scanned side by side: one line alone would wait for each
// addition.

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/pointwise.h"
#include "kernels/reduce.h"
#include "runtime/allocator.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight {
namespace {

constexpr int64_t kSideBySide = 64;   // lines whose elements are neighbours
constexpr int64_t kFarApart = 4;      // lines that lie apart: more would share cache sets
constexpr int64_t kChunk = 32 << 10;  // elements that make a task worth a thread

template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

template <class T>
struct RunningSum {
  using State = Total<T>;
  static State first(T x) { return State(x); }
  static State next(State sum, T x) { return sum + State(x); }
};
template <class T>
struct RunningProduct {
  using State = Total<T>;
  static State first(T x) { return State(x); }
  static State next(State product, T x) { return product * State(x); }
};
/// log(exp(a) + exp(b)); equal infinities are kept as they are.
template <class T>
struct RunningLogSum {
  using State = double;
  static State first(T x) { return x; }
  static State next(State a, T x) {
    double b = x;
    if (std::isnan(a) || std::isnan(b)) return a + b;
    double low = std::min(a, b), high = std::max(a, b);
    return low == high && std::isinf(low) ? a : high + std::log1p(std::exp(low - high));
  }
};

/// Some lines: element i of line l is at i * step + l * line (elements).
struct Lines {
  int64_t n, count;
  int64_t step, line;              // of the input
  int64_t out_step, out_line;      // of the output
  int64_t place_step, place_line;  // of the indices
};

template <class T, class Run, int64_t most>
void scan_lines(const T* x, T* y, const Lines& lines) {
  typename Run::State states[most];
  for (int64_t l = 0; l < lines.count; ++l) {
    states[l] = Run::first(x[l * lines.line]);
    y[l * lines.out_line] = T(states[l]);
  }
  for (int64_t i = 1; i < lines.n; ++i) {
    const T* row = x + i * lines.step;
    T* target = y + i * lines.out_step;
    if (lines.line == 1 && lines.out_line == 1) {
#pragma omp simd
      for (int64_t l = 0; l < lines.count; ++l) {
        states[l] = Run::next(states[l], row[l]);
        target[l] = T(states[l]);
      }
    } else {
      for (int64_t l = 0; l < lines.count; ++l) {
        states[l] = Run::next(states[l], row[l * lines.line]);
        target[l * lines.out_line] = T(states[l]);
      }
    }
  }
}

/// Four lines that lie apart, all their states in registers.
template <class T, class Run>
void scan_four(const T* x, T* y, const Lines& lines) {
  static_assert(kFarApart == 4);
  const T* from[4];
  T* to[4];
  for (int l = 0; l < 4; ++l) from[l] = x + l * lines.line, to[l] = y + l * lines.out_line;
  auto a = Run::first(*from[0]), b = Run::first(*from[1]), c = Run::first(*from[2]),
       d = Run::first(*from[3]);
  for (int64_t i = 0;;) {
    int64_t out = i * lines.out_step;
    to[0][out] = T(a), to[1][out] = T(b), to[2][out] = T(c), to[3][out] = T(d);
    if (++i == lines.n) return;
    int64_t in = i * lines.step;
    a = Run::next(a, from[0][in]), b = Run::next(b, from[1][in]);
    c = Run::next(c, from[2][in]), d = Run::next(d, from[3][in]);
  }
}

template <class T, bool largest>
void scan_extremes(const T* x, T* y, int64_t* places, const Lines& lines) {
  for (int64_t l = 0; l < lines.count; ++l) {
    T best = x[l * lines.line];
    int64_t place = 0;
    for (int64_t i = 0; i < lines.n; ++i) {
      T value = x[i * lines.step + l * lines.line];
      bool take = value != value || (largest ? value >= best : value <= best);
      best = take ? value : best;
      place = take ? i : place;
      y[i * lines.out_step + l * lines.out_line] = best;
      if (places) places[i * lines.place_step + l * lines.place_line] = place;
    }
  }
}

template <class T>
void scan_some(Scan scan, const T* x, T* y, int64_t* places, const Lines& lines) {
  auto run = [&]<class Run>(Run) {
    if (lines.line == 1)
      scan_lines<T, Run, kSideBySide>(x, y, lines);
    else
      scan_lines<T, Run, kFarApart>(x, y, lines);
  };
  switch (scan) {
    case Scan::Sum: return run(RunningSum<T>());
    case Scan::Prod: return run(RunningProduct<T>());
    case Scan::Max: return scan_extremes<T, true>(x, y, places, lines);
    case Scan::Min: return scan_extremes<T, false>(x, y, places, lines);
    case Scan::LogSumExp:
      if constexpr (std::is_floating_point_v<T>)
        return run(RunningLogSum<T>());
      else
        fail(ErrorKind::NotImplemented, "\"logcumsumexp\" not implemented for integers");
  }
}

/// Scans an input and output of the compute dtype itself.
template <class T>
void scan_all(Scan scan, std::span<const int64_t> shape, size_t dim, const Operand& input,
              const Operand& output, const Operand* indices) {
  // Lines lie along the nearest other dim; the rest is walked.
  size_t across = dim;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != dim && shape[d] > 1 &&
        (across == dim || std::abs(input.strides[d]) <= std::abs(input.strides[across])))
      across = d;
  int64_t width = across == dim ? 1 : shape[across];
  int64_t rest = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != dim && d != across) rest *= shape[d];
  auto stride = [&](const Operand* operand, size_t d) {
    return operand && !(d == across && across == dim) ? operand->strides[d] : 0;
  };
  Lines lines{shape[dim],
              0,
              input.strides[dim],
              stride(&input, across),
              output.strides[dim],
              stride(&output, across),
              indices ? indices->strides[dim] : 0,
              stride(indices, across)};
  int64_t block = lines.line == 1 ? kSideBySide : kFarApart;
  int64_t blocks = (width + block - 1) / block;
  int64_t grain = std::max<int64_t>(1, kChunk / (block * lines.n + 1));
  parallel_for(blocks * rest, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int64_t first = b % blocks * block, outer = b / blocks;
      int64_t x = first * lines.line, y = first * lines.out_line, place = first * lines.place_line;
      for (size_t d = shape.size(); d-- > 0;) {
        if (d == dim || d == across) continue;
        int64_t index = outer % shape[d];
        outer /= shape[d];
        x += index * input.strides[d];
        y += index * output.strides[d];
        if (indices) place += index * indices->strides[d];
      }
      Lines some = lines;
      some.count = std::min(block, width - first);
      int64_t* places = indices ? static_cast<int64_t*>(indices->data) + place : nullptr;
      scan_some(scan, static_cast<const T*>(input.data) + x, static_cast<T*>(output.data) + y,
                places, some);
    }
  });
}

/// Contiguous memory for the elements of a shape.
struct Copy {
  Copy(DType dtype, std::span<const int64_t> shape) : strides(shape.size()) {
    int64_t count = 1;
    for (size_t d = shape.size(); d-- > 0; count *= shape[d]) strides[d] = count;
    bytes = size_t(count * size_of(dtype));
    operand = {allocate(bytes), dtype, strides.data()};
  }
  ~Copy() { deallocate(operand.data, bytes); }
  Copy(const Copy&) = delete;
  std::vector<int64_t> strides;
  size_t bytes;
  Operand operand;
};

}  // namespace

void run_scan(Scan scan, DType compute, std::span<const int64_t> shape, int dim,
              const Operand& input, const Operand& output, const Operand* indices) {
  if (is_half(compute)) compute = DType::Float32;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  if (shape.empty()) {  // a number is its own running anything
    if (indices) *static_cast<int64_t*>(indices->data) = 0;
    return run_copy(shape, output, input);
  }
  check(dim >= 0 && size_t(dim) < shape.size(), "scan: got dim ", dim, " of ", shape.size());
  if (input.dtype != compute) {
    Copy copy(compute, shape);
    run_copy(shape, copy.operand, input);
    return run_scan(scan, compute, shape, dim, copy.operand, output, indices);
  }
  if (output.dtype != compute) {
    Copy copy(compute, shape);
    run_scan(scan, compute, shape, dim, input, copy.operand, indices);
    return run_copy(shape, output, copy.operand);
  }
  dispatch(compute, [&]<class T>(CppType<T>) {
    if constexpr (std::is_same_v<T, bool>)
      scan_all<uint8_t>(scan, shape, size_t(dim), input, output, indices);
    else if constexpr (std::is_arithmetic_v<T>)
      scan_all<T>(scan, shape, size_t(dim), input, output, indices);
  });
}

}  // namespace rushlight
