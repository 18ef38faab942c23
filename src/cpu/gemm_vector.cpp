// Matrix times vector, compiled once a SIMD target. Each element is 64 interleaved partial sums
// over blocks of k, joined by halves (sum[i] += sum[i + 32], then 16, …, 1), whatever the layout.

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gemm_vector.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cpu/gemm.h"
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

template <class T>
HWY_INLINE T join(T* partials) {
  for (int half = kPartials / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) partials[i] += partials[i + half];
  }
  return partials[0];
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
  HWY_ALIGN T buffer[Rows][kPartials];
  HWY_UNROLL(4)
  for (int r = 0; r < Rows; ++r) {
    HWY_UNROLL(32)
    for (int v = 0; v < R; ++v) hn::Store(partial[r][v], d, buffer[r] + v * N);
  }
  for (int r = 0; r < Rows; ++r) {
    // The rest goes through padded vectors, and only the lanes that it reaches are changed.
    for (int64_t at = k; at < depth; at += N) {
      HWY_ALIGN T rest_a[N] = {}, rest_x[N] = {};
      const int64_t count = std::min(depth - at, N);
      std::copy_n(a + r * a_row + at, count, rest_a);
      std::copy_n(x + at, count, rest_x);
      T* lane = buffer[r] + (at - k);
      hn::Store(hn::MulAdd(hn::Load(d, rest_a), hn::Load(d, rest_x), hn::Load(d, lane)), d, rest_a);
      std::copy_n(rest_a, count, lane);
    }
    sums[r] = join(buffer[r]);
  }
}

/// sums[i] for `rows` adjacent elements of each column of a: the rows are the lanes.
template <class T>
void dot_columns(const T* a, int64_t a_k, const T* x, int64_t depth, int64_t rows, T* sums) {
  const Tag<T> d;
  constexpr int64_t N = kLanes<T>;
  constexpr int64_t kWidth = 4 * N;  // of rows
  constexpr int kGroup = 4;          // partial sums kept in registers: 4 x 4 of them
  HWY_ALIGN T buffer[kPartials][kWidth];
  for (int64_t i = 0; i + kWidth <= rows; i += kWidth) {
    for (int first = 0; first < kPartials; first += kGroup) {
      hn::Vec<Tag<T>> partial[kGroup][4];
      HWY_UNROLL(4)
      for (int g = 0; g < kGroup; ++g) {
        HWY_UNROLL(4)
        for (int v = 0; v < 4; ++v) partial[g][v] = hn::Zero(d);
      }
      int64_t k = first;
      for (; k + kGroup <= depth; k += kPartials) {
        HWY_UNROLL(4)
        for (int g = 0; g < kGroup; ++g) {
          const auto scale = hn::Set(d, x[k + g]);
          const T* column = a + (k + g) * a_k + i;
          HWY_UNROLL(4)
          for (int v = 0; v < 4; ++v) {
            partial[g][v] = hn::MulAdd(hn::LoadU(d, column + v * N), scale, partial[g][v]);
          }
        }
      }
      HWY_UNROLL(4)
      for (int g = 0; g < kGroup; ++g) {
        HWY_UNROLL(4)
        for (int v = 0; v < 4; ++v) hn::Store(partial[g][v], d, buffer[first + g] + v * N);
      }
      for (int g = 0; k + g < depth && g < kGroup; ++g) {
        for (int v = 0; v < 4; ++v) {
          T* lane = buffer[first + g] + v * N;
          hn::Store(hn::MulAdd(hn::LoadU(d, a + (k + g) * a_k + i + v * N), hn::Set(d, x[k + g]),
                               hn::Load(d, lane)),
                    d, lane);
        }
      }
    }
    for (int half = kPartials / 2; half > 0; half /= 2) {
      for (int p = 0; p < half; ++p) {
        for (int v = 0; v < 4; ++v) {
          T* lane = buffer[p] + v * N;
          hn::Store(hn::Add(hn::Load(d, lane), hn::Load(d, buffer[p + half] + v * N)), d, lane);
        }
      }
    }
    std::copy_n(buffer[0], kWidth, sums + i);
  }
  // The last rows: the same through a narrow, zero-padded copy.
  if (const int64_t done = rows / kWidth * kWidth; done < rows) {
    Scratch<T> copy(depth * kWidth);
    std::fill_n(copy.data(), depth * kWidth, T(0));
    for (int64_t k = 0; k < depth; ++k) {
      std::copy_n(a + k * a_k + done, rows - done, copy.data() + k * kWidth);
    }
    HWY_ALIGN T padded[kWidth];
    dot_columns(copy.data(), kWidth, x, depth, kWidth, padded);
    std::copy_n(padded, rows - done, sums + done);
  }
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
