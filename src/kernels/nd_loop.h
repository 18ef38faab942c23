#pragma once
// The loop over several strided operands, reduced to as few dims as their strides allow.

#include <cstdint>
#include <span>

#include "kernels/operand.h"

namespace rushlight {

/// A loop over `rank` dims, innermost first. Dims of size 1 are gone; the others are ordered so
/// that strides rise, the first operand deciding before the second; dims that one stride can walk
/// are merged. A contiguous (2, 3, 4) sum of two tensors is one dim of 24; x[:, :, 0] of it is one
/// of 6 with a stride of 4 elements.
struct NdLoop {
  static constexpr int kMaxRank = 64;  // of a tensor
  static constexpr int kMaxOperands = 8;

  /// Without `sorted` the dims keep the order of the shape, and only merge.
  NdLoop(std::span<const int64_t> shape, std::span<const Operand> operands, bool sorted = true);

  /// Whether operand `o` lies in memory in the order of the loop, without gaps.
  bool is_linear(int o, int64_t element_size) const;
  bool is_scalar(int o) const;

  int rank;
  int operands;
  int64_t count;  // of all elements
  int64_t sizes[kMaxRank];
  int64_t strides[kMaxOperands][kMaxRank];  // in bytes
  char* data[kMaxOperands];
};

/// A place in the loop: where each operand's element stands.
struct NdCursor {
  /// At element `linear`, counted with the innermost dim fastest.
  NdCursor(const NdLoop& loop, int64_t linear);

  /// Steps on by `rows` rows that do not go beyond the end of dim 1, to column 0.
  void next_row(int64_t rows = 1);

  const NdLoop& loop;
  int64_t column;
  int64_t index[NdLoop::kMaxRank];
  char* row[NdLoop::kMaxOperands];  // the operands at column 0
};

}  // namespace rushlight
