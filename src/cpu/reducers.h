#pragma once
// The inner loops of reductions, by reduction and compute dtype.

#include <cstdint>

#include "kernels/reduce.h"

namespace rushlight::cpu {

inline constexpr int64_t kColumns = 1024;    // outputs that column loops work on at once
inline constexpr int64_t kRowState = 1024;   // bytes that hold any row state
inline constexpr int64_t kColumnState = 24;  // bytes for each column of any column state

/// What finishing needs to know besides the state.
struct Ending {
  int64_t count;  ///< elements reduced to each output
  double correction = 0;
  bool square_root = false;
};

/// How to reduce in one compute dtype. Row functions reduce contiguous elements into one state;
/// column functions reduce rows elementwise into up to kColumns states. States are merged in a
/// fixed order, so that results do not depend on who computed them. Indices are logical: element i
/// of a call has index `index + i * index_step`.
struct Reducer {
  DType result;  ///< of the value that finish stores: the compute dtype, bool or int64
  DType second;  ///< of its second value: int64 for an index, the compute dtype for a mean
  void (*start)(void* state);
  void (*row)(void* state, const void* x, int64_t n, int64_t index, int64_t index_step);
  void (*merge)(void* into, const void* from);
  void (*finish)(const void* state, const Ending& ending, void* value, void* second);
  void (*start_columns)(void* states, int64_t columns);
  /// Rows of `columns` elements, `stride` bytes apart.
  void (*columns)(void* states, const void* x, int64_t stride, int64_t rows, int64_t columns,
                  int64_t index, int64_t index_step);
  void (*merge_columns)(void* into, const void* from, int64_t columns);
  void (*finish_columns)(const void* states, int64_t columns, const Ending& ending, void* values,
                         void* seconds);
};

/// The reducers on the SIMD target in use, by family; null if there is none for the dtype.
const Reducer* find_sum(Reduction reduction, DType compute);
const Reducer* find_extreme(Reduction reduction, DType compute, bool indices);
const Reducer* find_variance(DType compute);

}  // namespace rushlight::cpu
