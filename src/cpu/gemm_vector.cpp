// Matrix times vector, compiled once a SIMD target. Each element is 64 interleaved partial sums
// over blocks of k, joined by halves (sum[i] += sum[i + 32], then 16, …, 1), whatever the layout.

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gemm_vector.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/partial_vector-inl.h"
#include "cpu/scratch.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kPartials = 64;
constexpr int64_t kVectorDepth = 65536;   // of k: one tree; part of the definition of a result
constexpr int64_t kVectorWork = 1 << 17;  // multiply-adds that repay a thread's wake-up

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
constexpr int64_t kLanes = hn::MaxLanes(Tag<T>{});
/// Registers of one row's partial sums, and rows taken at once to hide the latency of their chains.
template <class T>
constexpr int kRegisters = int(kPartials / kLanes<T>);
template <class T>
constexpr int kRowsAtOnce = HWY_TARGET <= HWY_AVX3 ? (kRegisters<T> <= 4 ? 4 : 2) : 1;

/// The tree's last steps: halves of a vector are added until one lane is left.
HWY_INLINE float add_halves(hn::Full128<float>, hn::Vec<hn::Full128<float>> v) {
  v = hn::Add(v, hn::Shuffle1032(v));
  return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
}
HWY_INLINE double add_halves(hn::Full128<double>, hn::Vec<hn::Full128<double>> v) {
  return hn::GetLane(hn::Add(v, hn::Shuffle01(v)));
}
template <class D>
HWY_INLINE hn::TFromD<D> add_halves(D, hn::Vec<D> v) {
  const hn::Half<D> half;
  return add_halves(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
}

/// sums[r] = the dot product of row r with x over `depth`, all adjacent in memory.
template <class T, int Rows>
void dot_rows(const T* a, int64_t a_row, const T* x, int64_t depth, T* sums) {
  const Tag<T> d;
  constexpr int R = kRegisters<T>;
  constexpr int64_t N = kLanes<T>;
  hn::Vec<Tag<T>> partial[Rows][R];
  HWY_UNROLL(4)
  for (int r = 0; r < Rows; ++r) {
    HWY_UNROLL(32)
    for (int v = 0; v < R; ++v) partial[r][v] = hn::Zero(d);
  }
  int64_t k = 0;
  for (; k + kPartials <= depth; k += kPartials) {
    HWY_UNROLL(32)
    for (int v = 0; v < R; ++v) {
      const auto xv = hn::LoadU(d, x + k + v * N);
      HWY_UNROLL(4)
      for (int r = 0; r < Rows; ++r) {
        partial[r][v] = hn::MulAdd(hn::LoadU(d, a + r * a_row + k + v * N), xv, partial[r][v]);
      }
    }
  }
  if (k < depth) {
    HWY_UNROLL(32)
    for (int v = 0; v < R; ++v) {
      const int64_t at = k + v * N, count = std::clamp<int64_t>(depth - at, 0, N);
      if (count > 0) {
        // A lane that the rest does not reach keeps its sum, even the sign of a zero.
        const auto reached = hn::FirstN(d, size_t(count));
        const auto xv = load_first(d, x + at, count);
        HWY_UNROLL(4)
        for (int r = 0; r < Rows; ++r) {
          const auto sum = hn::MulAdd(load_first(d, a + r * a_row + at, count), xv, partial[r][v]);
          partial[r][v] = hn::IfThenElse(reached, sum, partial[r][v]);
        }
      }
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < Rows; ++r) {
    HWY_UNROLL(8)
    for (int half = R / 2; half > 0; half /= 2) {
      HWY_UNROLL(16)
      for (int v = 0; v < half; ++v) partial[r][v] = hn::Add(partial[r][v], partial[r][v + half]);
    }
    sums[r] = add_halves(d, partial[r][0]);
  }
}

/// sums[i] for `count` (at most Vectors registers) adjacent elements of each column of a: the rows
/// are the lanes, and a few partial sums at a time stay in registers.
template <class T, int Vectors, bool Partial>
void dot_column_block(const T* a, int64_t a_k, const T* x, int64_t depth, int64_t count, T* sums) {
  const Tag<T> d;
  constexpr int64_t N = kLanes<T>;
  constexpr int64_t kGroup = (HWY_TARGET <= HWY_AVX3 ? 16 : 8) / Vectors;
  auto load = [&](const T* from) HWY_ATTR {
    if constexpr (Partial) return load_first(d, from, count);
    return hn::LoadU(d, from);
  };
  HWY_ALIGN T buffer[kPartials][Vectors * N];
  for (int64_t first = 0; first < kPartials; first += kGroup) {
    hn::Vec<Tag<T>> partial[kGroup][Vectors];
    HWY_UNROLL(16)
    for (int g = 0; g < kGroup; ++g) {
      HWY_UNROLL(4)
      for (int v = 0; v < Vectors; ++v) partial[g][v] = hn::Zero(d);
    }
    int64_t k = first;
    for (; k + kGroup <= depth; k += kPartials) {
      HWY_UNROLL(16)
      for (int g = 0; g < kGroup; ++g) {
        const auto scale = hn::Set(d, x[k + g]);
        // Rows so far apart escape the hardware's prefetcher.
        HWY_UNROLL(4)
        for (int v = 0; v < Vectors; ++v) {
          __builtin_prefetch(a + (k + g + 2 * kPartials) * a_k + v * N);
        }
        HWY_UNROLL(4)
        for (int v = 0; v < Vectors; ++v) {
          partial[g][v] = hn::MulAdd(load(a + (k + g) * a_k + v * N), scale, partial[g][v]);
        }
      }
    }
    HWY_UNROLL(16)
    for (int g = 0; g < kGroup; ++g) {
      HWY_UNROLL(4)
      for (int v = 0; v < Vectors; ++v) hn::Store(partial[g][v], d, buffer[first + g] + v * N);
    }
    for (int64_t g = 0; k + g < depth; ++g) {
      const auto scale = hn::Set(d, x[k + g]);
      for (int v = 0; v < Vectors; ++v) {
        T* lane = buffer[first + g] + v * N;
        hn::Store(hn::MulAdd(load(a + (k + g) * a_k + v * N), scale, hn::Load(d, lane)), d, lane);
      }
    }
  }
  for (int half = kPartials / 2; half > 0; half /= 2) {
    for (int64_t at = 0; at < half * Vectors * N; at += N) {
      hn::Store(hn::Add(hn::Load(d, buffer[0] + at), hn::Load(d, buffer[half] + at)), d,
                buffer[0] + at);
    }
  }
  std::copy_n(buffer[0], count, sums);
}

template <class T>
void dot_columns(const T* a, int64_t a_k, const T* x, int64_t depth, int64_t rows, T* sums) {
  constexpr int64_t N = kLanes<T>;
  int64_t i = 0;
  for (; i + 4 * N <= rows; i += 4 * N) {
    dot_column_block<T, 4, false>(a + i, a_k, x, depth, 4 * N, sums + i);
  }
  for (; i + N <= rows; i += N) dot_column_block<T, 1, false>(a + i, a_k, x, depth, N, sums + i);
  if (i < rows) dot_column_block<T, 1, true>(a + i, a_k, x, depth, rows - i, sums + i);
}

template <class T>
void store(const Product<T>& p, int64_t i, T sum) {
  T& c = p.c[i * p.c_row];
  const Tag<T> d;
  auto value = hn::Mul(hn::Set(d, p.alpha), hn::Set(d, sum));
  if (p.beta != T(0)) {
    value = hn::MulAdd(hn::Set(d, p.alpha), hn::Set(d, sum),
                       hn::Mul(hn::Set(d, p.beta), hn::Set(d, c)));
  }
  T result = hn::GetLane(value);
  if (p.bias) result += p.bias[p.bias_by_row ? i : 0];
  c = p.relu && result < T(0) ? T(0) : result;
}

/// Rows [begin, end) of the result, a block at a time.
template <class T>
void product_rows(const Product<T>& p, const T* x, int64_t begin, int64_t end) {
  constexpr int64_t kRowBlock = 256;
  T sums[kRowBlock], total[kRowBlock];
  Scratch<T> row(p.a_k != 1 && p.a_row != 1 ? std::min(p.k, kVectorDepth) : 0);
  for (int64_t i = begin; i < end; i += kRowBlock) {
    const int64_t rows = std::min(end - i, kRowBlock);
    std::fill_n(total, rows, T(0));
    for (int64_t k0 = 0; k0 < p.k; k0 += kVectorDepth) {
      const int64_t depth = std::min(p.k - k0, kVectorDepth);
      const T* a = p.a + i * p.a_row + k0 * p.a_k;
      if (p.a_k == 1) {
        int64_t r = 0;
        for (; r + kRowsAtOnce<T> <= rows; r += kRowsAtOnce<T>) {
          dot_rows<T, kRowsAtOnce<T>>(a + r * p.a_row, p.a_row, x + k0, depth, sums + r);
        }
        for (; r < rows; ++r) dot_rows<T, 1>(a + r * p.a_row, 0, x + k0, depth, sums + r);
      } else if (p.a_row == 1) {
        dot_columns(a, p.a_k, x + k0, depth, rows, sums);
      } else {
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t k = 0; k < depth; ++k) row.data()[k] = a[r * p.a_row + k * p.a_k];
          dot_rows<T, 1>(row.data(), 0, x + k0, depth, sums + r);
        }
      }
      for (int64_t r = 0; r < rows; ++r) total[r] = k0 == 0 ? sums[r] : total[r] + sums[r];
    }
    for (int64_t r = 0; r < rows; ++r) store(p, i + r, total[r]);
  }
}

template <class T>
void multiply_vector(const Product<T>& p) {
  Scratch<T> dense(p.b_k == 1 ? 0 : p.k);
  const T* x = p.b;
  if (p.b_k != 1) {
    for (int64_t k = 0; k < p.k; ++k) dense.data()[k] = p.b[k * p.b_k];
    x = dense.data();
  }
  // Chunks of whole lane groups, so that only the last one has a rest.
  const int64_t grain = (kVectorWork / std::max<int64_t>(p.k, 1) / 64 + 1) * 64;
  if (p.m <= grain) return product_rows(p, x, 0, p.m);
  parallel_for(p.m, grain, [&](int64_t begin, int64_t end) { product_rows(p, x, begin, end); });
}

}  // namespace

void vector_float32(const Product<float>& p) { multiply_vector(p); }
void vector_float64(const Product<double>& p) { multiply_vector(p); }

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {

void vector_product(const Product<float>& product) {
  simd_select(HWY_CHOOSE_AVX3(vector_float32), HWY_CHOOSE_AVX2(vector_float32),
              &HWY_STATIC_DISPATCH(vector_float32))(product);
}
void vector_product(const Product<double>& product) {
  simd_select(HWY_CHOOSE_AVX3(vector_float64), HWY_CHOOSE_AVX2(vector_float64),
              &HWY_STATIC_DISPATCH(vector_float64))(product);
}

}  // namespace rushlight::cpu
#endif
