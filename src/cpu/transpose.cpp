// Blocks of a matrix turned over, on the way into a tile.

#include <hwy/cache_control.h>

#include "cpu/simd.h"
#include "cpu/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/transpose.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE const T* column(const char* from, int64_t stride, int64_t c) {
  return reinterpret_cast<const T*>(from + c * stride);
}
template <class T>
HWY_INLINE T* row(char* to, int64_t stride, int64_t r) {
  return reinterpret_cast<T*>(to + r * stride);
}

template <class T>
void transpose_elements(int64_t rows, int64_t first_column, int64_t columns, const char* from,
                        int64_t from_column, char* to, int64_t to_row) {
  for (int64_t c = first_column; c < columns; ++c) {
    const T* source = column<T>(from, from_column, c);
    for (int64_t r = 0; r < rows; ++r) row<T>(to, to_row, r)[c] = source[r];
  }
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
/// Eight by eight elements of 4 bytes: within 128-bit blocks by interleaving, then block by block.
HWY_INLINE void transpose_eight(const char* from, int64_t from_column, char* to, int64_t to_row) {
  const hn::CappedTag<uint32_t, 8> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  using V = hn::Vec<decltype(d)>;
  V half[2][4];
  for (int h = 0; h < 2; ++h) {
    V v[4];
    for (int i = 0; i < 4; ++i) v[i] = hn::LoadU(d, column<uint32_t>(from, from_column, 4 * h + i));
    auto low0 = hn::BitCast(wide, hn::InterleaveLower(d, v[0], v[1]));
    auto low1 = hn::BitCast(wide, hn::InterleaveLower(d, v[2], v[3]));
    auto high0 = hn::BitCast(wide, hn::InterleaveUpper(d, v[0], v[1]));
    auto high1 = hn::BitCast(wide, hn::InterleaveUpper(d, v[2], v[3]));
    half[h][0] = hn::BitCast(d, hn::InterleaveLower(wide, low0, low1));
    half[h][1] = hn::BitCast(d, hn::InterleaveUpper(wide, low0, low1));
    half[h][2] = hn::BitCast(d, hn::InterleaveLower(wide, high0, high1));
    half[h][3] = hn::BitCast(d, hn::InterleaveUpper(wide, high0, high1));
  }
  for (int i = 0; i < 4; ++i) {
    hn::StoreU(hn::ConcatLowerLower(d, half[1][i], half[0][i]), d, row<uint32_t>(to, to_row, i));
    hn::StoreU(hn::ConcatUpperUpper(d, half[1][i], half[0][i]), d,
               row<uint32_t>(to, to_row, i + 4));
  }
}

void transpose_words(int64_t rows, int64_t columns, const char* from, int64_t from_column, char* to,
                     int64_t to_row) {
  int64_t c = 0;
  for (; c + 8 <= columns; c += 8) {
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8)
      transpose_eight(from + c * from_column + r * 4, from_column, to + r * to_row + c * 4, to_row);
    if (r < rows)
      transpose_elements<uint32_t>(rows - r, 0, 8, from + c * from_column + r * 4, from_column,
                                   to + r * to_row + c * 4, to_row);
  }
  transpose_elements<uint32_t>(rows, c, columns, from, from_column, to, to_row);
}
#else
void transpose_words(int64_t rows, int64_t columns, const char* from, int64_t from_column, char* to,
                     int64_t to_row) {
  transpose_elements<uint32_t>(rows, 0, columns, from, from_column, to, to_row);
}
#endif

void transpose_block(int64_t size, int64_t rows, int64_t columns, const char* from,
                     int64_t from_column, char* to, int64_t to_row) {
  // The caller goes on along the rows of `from`: fetch what it will ask for next.
  for (int64_t c = 0; c < columns; ++c)
    hwy::Prefetch(column<char>(from, from_column, c) + rows * size);
  switch (size) {
    case 1: return transpose_elements<uint8_t>(rows, 0, columns, from, from_column, to, to_row);
    case 2: return transpose_elements<uint16_t>(rows, 0, columns, from, from_column, to, to_row);
    case 4: return transpose_words(rows, columns, from, from_column, to, to_row);
    default: return transpose_elements<uint64_t>(rows, 0, columns, from, from_column, to, to_row);
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(transpose_block);
void transpose_block(int64_t size, int64_t rows, int64_t columns, const char* from,
                     int64_t from_column, char* to, int64_t to_row) {
  HWY_DYNAMIC_DISPATCH(transpose_block)(size, rows, columns, from, from_column, to, to_row);
}
}  // namespace rushlight::cpu
#endif
