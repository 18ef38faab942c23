// The blocked floating-point product, compiled once a SIMD target. To be read from the end:
// matrix_product chooses between direct_columns (small or flat: operands are read in place) and
// blocked_product (panels are packed, tiles run in parallel); both walk over register tiles.

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gemm_tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cpu/gemm.h"
#include "cpu/partial_vector-inl.h"
#include "cpu/scratch.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
constexpr int64_t kLanes = hn::MaxLanes(Tag<T>{});

// The register tile: rows of a by vectors of b. 24 or 28 of 32 registers on AVX-512, 12 of 16
// below.
constexpr int kVectors = 2;
constexpr int kRows = HWY_TARGET <= HWY_AVX3 ? 14 : 6;
template <class T>
constexpr int64_t kColumns = kVectors* kLanes<T>;

/// One register tile's work: `columns` (at most the kernel's width) columns of some rows of c.
template <class T>
struct Tile {
  int64_t k;
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k;
  T* c;
  int64_t c_row, columns;
  T alpha, beta;
  const T* bias;
  bool bias_by_row, relu;
};

/// Stores sums (rows by `width`) that need more than a plain store: scaling, adding, a partial
/// width.
template <class T>
HWY_NOINLINE void finish_tile(const Tile<T>& tile, const T* sums, int rows, int64_t width) {
  const Tag<T> d;
  const auto zero = hn::Zero(d), alpha = hn::Set(d, tile.alpha), beta = hn::Set(d, tile.beta);
  for (int r = 0; r < rows; ++r) {
    T* c = tile.c + r * tile.c_row;
    for (int64_t j = 0; j < tile.columns; j += kLanes<T>) {
      const int64_t count = std::min(tile.columns - j, kLanes<T>);
      auto value = hn::Load(d, sums + r * width + j);
      if (tile.beta == T(0)) {
        value = hn::Mul(alpha, value);
      } else {
        value = hn::MulAdd(alpha, value, hn::Mul(beta, load_first(d, c + j, count)));
      }
      if (tile.bias) {
        value = hn::Add(value, tile.bias_by_row ? hn::Set(d, tile.bias[r])
                                                : load_first(d, tile.bias + j, count));
      }
      // Not Max: NaN must pass.
      if (tile.relu) value = hn::IfThenElse(hn::Lt(value, zero), zero, value);
      if (count == kLanes<T>) {
        hn::StoreU(value, d, c + j);
      } else {
        store_first(value, d, c + j, count);
      }
    }
  }
}

/// Rows x Vectors registers of sums over k. Masked: the last vector of b is partial in memory.
template <class T, int Rows, int Vectors, bool Masked>
void multiply_tile(const Tile<T>& tile) {
  const Tag<T> d;
  constexpr int64_t N = kLanes<T>;
  using V = hn::Vec<Tag<T>>;
  V sums[Rows][Vectors];
  HWY_UNROLL(16)
  for (int r = 0; r < Rows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < Vectors; ++v) sums[r][v] = hn::Zero(d);
  }
  const T* a = tile.a;
  const T* b = tile.b;
  const int64_t a_row = tile.a_row, a_k = tile.a_k, b_k = tile.b_k;
  const int64_t last = tile.columns - (Vectors - 1) * N;
  for (int64_t k = tile.k; k > 0; --k, a += a_k, b += b_k) {
    V row[Vectors];
    HWY_UNROLL(4)
    for (int v = 0; v < Vectors; ++v) {
      row[v] =
          Masked && v == Vectors - 1 ? load_first(d, b + v * N, last) : hn::LoadU(d, b + v * N);
    }
    HWY_UNROLL(16)
    for (int r = 0; r < Rows; ++r) {
      const V scale = hn::Set(d, a[r * a_row]);
      HWY_UNROLL(4)
      for (int v = 0; v < Vectors; ++v) sums[r][v] = hn::MulAdd(scale, row[v], sums[r][v]);
    }
  }
  const bool plain = tile.alpha == T(1) && !tile.bias && !tile.relu && last == N;
  if (plain && (tile.beta == T(0) || tile.beta == T(1))) {
    HWY_UNROLL(16)
    for (int r = 0; r < Rows; ++r) {
      T* c = tile.c + r * tile.c_row;
      HWY_UNROLL(4)
      for (int v = 0; v < Vectors; ++v) {
        V value = sums[r][v];
        if (tile.beta != T(0)) value = hn::Add(value, hn::LoadU(d, c + v * N));
        hn::StoreU(value, d, c + v * N);
      }
    }
    return;
  }
  HWY_ALIGN T buffer[Rows * Vectors * N];
  HWY_UNROLL(16)
  for (int r = 0; r < Rows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < Vectors; ++v) hn::Store(sums[r][v], d, buffer + (r * Vectors + v) * N);
  }
  finish_tile(tile, buffer, Rows, Vectors * N);
}

template <class T>
using Kernel = void (*)(const Tile<T>&);

template <class T, bool Masked>
Kernel<T> kernel_for(int64_t rows, int64_t columns) {
  static constexpr auto table = []<size_t... I>(std::index_sequence<I...>) {
    return std::array<Kernel<T>, sizeof...(I)>{
        multiply_tile<T, I / kVectors + 1, I % kVectors + 1, Masked>...};
  }
  (std::make_index_sequence<kRows * kVectors>{});
  return table[(rows - 1) * kVectors + (columns - 1) / kLanes<T>];
}

/// Where piece `index` of `total` begins when `total` is cut into `pieces` nearly equal ones.
HWY_INLINE int64_t cut(int64_t total, int64_t pieces, int64_t index) {
  const int64_t size = total / pieces, rest = total % pieces;
  return index * size + std::min(index, rest);
}
HWY_INLINE int64_t pieces(int64_t total, int64_t most) { return (total + most - 1) / most; }

/// Stores each 16-byte block of `value`, `stride` elements apart.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_blocks(hn::Vec<D> value, D d, T* to, int64_t stride) {
  if constexpr (hn::MaxLanes(D{}) * sizeof(T) <= 16) {
    hn::StoreU(value, d, to);
  } else {
    const hn::Half<D> half;
    constexpr int64_t kBlocks = int64_t(hn::MaxLanes(D{}) * sizeof(T)) / 32;
    store_blocks(hn::LowerHalf(half, value), half, to, stride);
    store_blocks(hn::UpperHalf(half, value), half, to + kBlocks * stride, stride);
  }
}

template <class T>
constexpr int64_t kBlock = 16 / sizeof(T);

/// to[k * padded + i] = from[k + i * stride] for kBlock values of i and a vector of k.
HWY_INLINE void transpose_block(const float* from, int64_t stride, float* to, int64_t padded) {
  const Tag<float> d;
  const hn::RepartitionToWide<hn::RebindToUnsigned<Tag<float>>> pairs;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + stride);
  const auto e = hn::LoadU(d, from + 2 * stride), f = hn::LoadU(d, from + 3 * stride);
  const auto ab0 = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ab2 = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ef0 = hn::BitCast(pairs, hn::InterleaveLower(d, e, f));
  const auto ef2 = hn::BitCast(pairs, hn::InterleaveUpper(d, e, f));
  const int64_t step = 4 * padded;
  store_blocks(hn::BitCast(d, hn::InterleaveLower(pairs, ab0, ef0)), d, to, step);
  store_blocks(hn::BitCast(d, hn::InterleaveUpper(pairs, ab0, ef0)), d, to + padded, step);
  store_blocks(hn::BitCast(d, hn::InterleaveLower(pairs, ab2, ef2)), d, to + 2 * padded, step);
  store_blocks(hn::BitCast(d, hn::InterleaveUpper(pairs, ab2, ef2)), d, to + 3 * padded, step);
}
HWY_INLINE void transpose_block(const double* from, int64_t stride, double* to, int64_t padded) {
  const Tag<double> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + stride);
  store_blocks(hn::InterleaveLower(d, a, b), d, to, 2 * padded);
  store_blocks(hn::InterleaveUpper(d, a, b), d, to + padded, 2 * padded);
}

/// destination[k * padded + i] = source[k * k_stride + i * stride], zero for width <= i < padded.
template <class T>
void pack(const T* source, int64_t k_stride, int64_t stride, int64_t depth, int64_t width,
          int64_t padded, T* destination) {
  if (width < padded) std::fill_n(destination, depth * padded, T(0));
  if (stride == 1) {
    const Tag<T> d;
    for (int64_t k = 0; k < depth; ++k, source += k_stride, destination += padded) {
      int64_t i = 0;
      for (; i + kLanes<T> <= width; i += kLanes<T>) {
        hn::StoreU(hn::LoadU(d, source + i), d, destination + i);
      }
      for (; i < width; ++i) destination[i] = source[i];
    }
    return;
  }
  int64_t k0 = 0;
  if (k_stride == 1 && width >= kBlock<T>) {
    k0 = depth / kLanes<T> * kLanes<T>;
    for (int64_t i = 0; i < width; i += kBlock<T>) {
      const int64_t from = std::min(i, width - kBlock<T>);  // the last block overlaps
      for (int64_t k = 0; k < k0; k += kLanes<T>) {
        transpose_block(source + from * stride + k, stride, destination + k * padded + from,
                        padded);
      }
    }
  }
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t k = k0; k < depth; ++k) {
      destination[k * padded + i] = source[k * k_stride + i * stride];
    }
  }
}

/// The parts of a tile that do not change over the product; `first` and `last` say which part of k.
template <class T>
Tile<T> tile_at(const Product<T>& p, int64_t i, int64_t j, bool first, bool last) {
  Tile<T> tile{};
  tile.c = p.c + i * p.c_row + j;
  tile.c_row = p.c_row;
  tile.alpha = p.alpha;
  tile.beta = first ? p.beta : T(1);
  tile.bias_by_row = p.bias_by_row;
  tile.bias = last && p.bias ? p.bias + (p.bias_by_row ? i : j) : nullptr;
  tile.relu = last && p.relu;
  return tile;
}

/// Columns [begin, end) of a small or flat product: a is read in place, and b too if its columns
/// are adjacent.
template <class T>
void direct_columns(const Product<T>& p, int64_t begin, int64_t end) {
  const bool packed = p.b_column != 1;
  Scratch<T> scratch(packed ? kColumns<T> * std::min(p.k, kDepthBlock) : 0);
  const int64_t panels = pieces(p.m, kRows);
  for (int64_t k0 = 0; k0 == 0 || k0 < p.k; k0 += kDepthBlock) {
    const int64_t depth = std::min(p.k - k0, kDepthBlock);
    const bool first = k0 == 0, last = k0 + depth == p.k;
    for (int64_t j = begin; j < end; j += kColumns<T>) {
      const int64_t columns = std::min(end - j, kColumns<T>);
      const T* b = p.b + k0 * p.b_k + j * p.b_column;
      if (packed) {
        pack(b, p.b_k, p.b_column, depth, columns, kColumns<T>, scratch.data());
        b = scratch.data();
      }
      const bool masked = !packed && columns % kLanes<T> != 0;
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t i = cut(p.m, panels, panel), rows = cut(p.m, panels, panel + 1) - i;
        Tile<T> tile = tile_at(p, i, j, first, last);
        tile.k = depth;
        tile.a = p.a + i * p.a_row + k0 * p.a_k;
        tile.a_row = p.a_row;
        tile.a_k = p.a_k;
        tile.b = b;
        tile.b_k = packed ? kColumns<T> : p.b_k;
        tile.columns = columns;
        (masked ? kernel_for<T, true>(rows, columns) : kernel_for<T, false>(rows, columns))(tile);
      }
    }
  }
}

// Sizes of what is packed at once (super-block), and of the tile of c that is one task: its part of
// a stays in the second-level cache.
constexpr int64_t kSuperDepth = 2 * kDepthBlock;
constexpr int64_t kSuperRows = 1024;
constexpr int64_t kSuperColumns = 1024;
constexpr int64_t kTaskRows = 128;
constexpr int64_t kTaskColumns = 512;
constexpr int64_t kTaskWork = 1 << 20;  // multiply-adds that repay a thread's wake-up

/// A super-block of the product: rows [i0, i0 + m), columns [j0, j0 + n), part [k0, k0 + k) of k.
template <class T>
struct SuperBlock {
  const Product<T>& p;
  int64_t i0, m, j0, n, k0, k;
  T* packed_a;
  T* packed_b;

  int64_t row_tasks() const { return pieces(m, kTaskRows); }
  int64_t column_panels() const { return pieces(n, kColumns<T>); }
  int64_t depth_blocks() const { return std::max<int64_t>(pieces(k, kDepthBlock), 1); }
  int64_t depth(int64_t block) const { return std::min(k - block * kDepthBlock, kDepthBlock); }

  /// Packed b: for each block of k, the panels of kColumns columns.
  T* b_panel(int64_t block, int64_t panel) const {
    return packed_b + (block * kDepthBlock * column_panels() + panel * depth(block)) * kColumns<T>;
  }
  /// Packed a: for each block of k, the panels of the row tasks, of kRows rows or a few fewer.
  T* a_panel(int64_t block, int64_t row) const {
    return packed_a + block * kDepthBlock * m + row * depth(block);
  }

  void pack_b(int64_t panel) const {
    const int64_t j = panel * kColumns<T>;
    for (int64_t block = 0; block < depth_blocks(); ++block) {
      const T* b = p.b + (k0 + block * kDepthBlock) * p.b_k + (j0 + j) * p.b_column;
      pack(b, p.b_k, p.b_column, depth(block), std::min(n - j, kColumns<T>), kColumns<T>,
           b_panel(block, panel));
    }
  }

  void pack_a(int64_t task) const {
    const int64_t begin = cut(m, row_tasks(), task), end = cut(m, row_tasks(), task + 1);
    const int64_t panels = pieces(end - begin, kRows);
    for (int64_t block = 0; block < depth_blocks(); ++block) {
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t i = begin + cut(end - begin, panels, panel);
        const int64_t rows = begin + cut(end - begin, panels, panel + 1) - i;
        const T* a = p.a + (i0 + i) * p.a_row + (k0 + block * kDepthBlock) * p.a_k;
        pack(a, p.a_k, p.a_row, depth(block), rows, rows, a_panel(block, i));
      }
    }
  }

  void multiply(int64_t row_task, int64_t first_panel, int64_t last_panel) const {
    const int64_t begin = cut(m, row_tasks(), row_task);
    const int64_t height = cut(m, row_tasks(), row_task + 1) - begin;
    const int64_t panels = pieces(height, kRows);
    for (int64_t block = 0; block < depth_blocks(); ++block) {
      const bool first = k0 + block == 0, last = k0 + block * kDepthBlock + depth(block) == p.k;
      for (int64_t column = first_panel; column < last_panel; ++column) {
        const int64_t j = column * kColumns<T>, columns = std::min(n - j, kColumns<T>);
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t i = begin + cut(height, panels, panel);
          const int64_t rows = begin + cut(height, panels, panel + 1) - i;
          Tile<T> tile = tile_at(p, i0 + i, j0 + j, first, last);
          tile.k = depth(block);
          tile.a = a_panel(block, i);
          tile.a_row = 1;
          tile.a_k = rows;
          tile.b = b_panel(block, column);
          tile.b_k = kColumns<T>;
          tile.columns = columns;
          kernel_for<T, false>(rows, columns)(tile);
        }
      }
    }
  }

  void run() const {
    const int64_t panel_size = kColumns<T> * k;
    parallel_for(column_panels(), pieces(kTaskWork / 16, panel_size + 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t panel = begin; panel < end; ++panel) pack_b(panel);
                 });
    const int64_t task_rows = pieces(m, row_tasks());
    parallel_for(row_tasks(), pieces(kTaskWork / 16, task_rows * k + 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t task = begin; task < end; ++task) pack_a(task);
                 });
    // Narrower tasks when there would be too few to share out.
    int64_t task_panels = std::max<int64_t>(kTaskColumns / kColumns<T>, 1);
    const int64_t panel_work = task_rows * panel_size;
    while (task_panels > 1 && row_tasks() * pieces(column_panels(), task_panels) < 8 &&
           task_panels * panel_work > 2 * kTaskWork) {
      task_panels = (task_panels + 1) / 2;
    }
    const int64_t column_tasks = pieces(column_panels(), task_panels);
    parallel_for(row_tasks() * column_tasks, pieces(kTaskWork, task_panels * panel_work + 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t task = begin; task < end; ++task) {
                     const int64_t column = task % column_tasks;
                     multiply(task / column_tasks, cut(column_panels(), column_tasks, column),
                              cut(column_panels(), column_tasks, column + 1));
                   }
                 });
  }
};

template <class T>
void blocked_product(const Product<T>& p) {
  const int64_t super_k = std::min(p.k, kSuperDepth);
  Scratch<T> packed_a(std::min(p.m, kSuperRows) * super_k);
  Scratch<T> packed_b(pieces(std::min(p.n, kSuperColumns), kColumns<T>) * kColumns<T> * super_k);
  for (int64_t j0 = 0; j0 < p.n; j0 += kSuperColumns) {
    for (int64_t k0 = 0; k0 < p.k; k0 += kSuperDepth) {
      for (int64_t i0 = 0; i0 < p.m; i0 += kSuperRows) {
        const SuperBlock<T> block{p,
                                  i0,
                                  std::min(p.m - i0, kSuperRows),
                                  j0,
                                  std::min(p.n - j0, kSuperColumns),
                                  k0,
                                  std::min(p.k - k0, kSuperDepth),
                                  packed_a.data(),
                                  packed_b.data()};
        block.run();
      }
    }
  }
}

template <class T>
void choose_product(const Product<T>& p) {
  const double work = double(p.m) * double(p.n) * double(p.k);
  if (work <= 64 * 64 * 64 || p.k == 0) return direct_columns(p, 0, p.n);
  // Too few rows to repay a packed b: each panel is used once or twice.
  if (p.m > 2 * kRows) return blocked_product(p);
  const int64_t panel_work = p.m * p.k * kColumns<T>;
  parallel_for(p.n, (kTaskWork / panel_work + 1) * kColumns<T>,
               [&](int64_t begin, int64_t end) { direct_columns(p, begin, end); });
}

}  // namespace

void product_float32(const Product<float>& p) { choose_product(p); }
void product_float64(const Product<double>& p) { choose_product(p); }

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {

void matrix_product(const Product<float>& product) {
  simd_select(HWY_CHOOSE_AVX3(product_float32), HWY_CHOOSE_AVX2(product_float32),
              &HWY_STATIC_DISPATCH(product_float32))(product);
}
void matrix_product(const Product<double>& product) {
  simd_select(HWY_CHOOSE_AVX3(product_float64), HWY_CHOOSE_AVX2(product_float64),
              &HWY_STATIC_DISPATCH(product_float64))(product);
}

}  // namespace rushlight::cpu
#endif
