#pragma once
// The inner loops of reductions, by reduction and compute dtype.

#include <cstdint>

#include "kernels/reduce.h"

namespace rushlight::cpu {

inline constexpr int64_t kColumns = 1024;    // outputs that column loops work on at once
inline constexpr int64_t kRowState = 1024;   // bytes that hold any row state
inline constexpr int64_t kColumnState = 24;  // bytes for each column of any column state

/// How to reduce in one compute dtype. Row functions reduce contiguous elements into one state;
/// column functions reduce rows elementwise into up to kColumns states. States are merged in a
/// fixed order, so that results do not depend on who computed them. Indices are logical: element i
/// of a call has index `index + i * index_step`.
struct Reducer {
  DType result;  ///< of the value that finish stores: the compute dtype, bool or int64
  void (*start)(void* state);
  void (*row)(void* state, const void* x, int64_t n, int64_t index, int64_t index_step);
  void (*merge)(void* into, const void* from);
  void (*finish)(const void* state, int64_t count, void* value, int64_t* index);
  void (*start_columns)(void* states, int64_t columns);
  /// Rows of `columns` elements, `stride` bytes apart.
  void (*columns)(void* states, const void* x, int64_t stride, int64_t rows, int64_t columns,
                  int64_t index, int64_t index_step);
  void (*merge_columns)(void* into, const void* from, int64_t columns);
  void (*finish_columns)(const void* states, int64_t columns, int64_t count, void* values,
                         int64_t* indices);
};

/// The reducer on the SIMD target in use; null if there is none for the dtype.
const Reducer* find_reducer(Reduction reduction, DType compute);

}  // namespace rushlight::cpu
