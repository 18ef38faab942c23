#pragma once
// The thread pool: one loop at a time, split into chunks that depend on its size alone.

#include <cstdint>

#include <rushlight/function_ref.h>

namespace rushlight {

/// Calls `body(begin, end)` for the chunks [0, grain), [grain, 2 grain), … that cover [0, n).
/// The chunks depend on (n, grain) only, never on the number of threads; which thread runs which
/// chunk is unspecified. With one thread or one chunk, inside another parallel_for, or while
/// another thread uses the pool, the caller runs every chunk itself, in order.
/// Choose `grain` so that a chunk holds at least 20 µs of work. The first exception thrown by
/// `body` is rethrown here, once no chunk is running any more.
void parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

/// Threads that a loop may use, the caller included. At first RUSHLIGHT_NUM_THREADS, else
/// OMP_NUM_THREADS, else the processors that the affinity mask and the cgroup quota allow.
int num_threads();

/// Sets num_threads(). Raises a RuntimeError unless 1 <= count <= 1024.
void set_num_threads(int count);

/// Whether this thread is running a chunk of a parallel_for.
bool in_parallel_region();

}  // namespace rushlight
