#pragma once
// Tiles: a few hundred elements on the stack, into which odd operands are packed.

#include <cstdint>

namespace rushlight::cpu {

inline constexpr int64_t kTile = 512;      // elements
inline constexpr int64_t kMaxElement = 8;  // bytes

/// Copies `n` elements of `size` bytes, `from_stride` and `to_stride` bytes apart.
void copy_strided(int64_t size, int64_t n, const char* from, int64_t from_stride, char* to,
                  int64_t to_stride);

/// Writes the element at `from` n times to contiguous `to`.
void splat(int64_t size, int64_t n, const char* from, char* to);

/// to[r][c] = from[c][r] for a block of rows x columns elements: the rows of `to` are `to_row`
/// bytes apart, the columns of `from` are `from_column` bytes apart.
void transpose_block(int64_t size, int64_t rows, int64_t columns, const char* from,
                     int64_t from_column, char* to, int64_t to_row);

}  // namespace rushlight::cpu
