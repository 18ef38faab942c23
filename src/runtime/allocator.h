#pragma once
// Memory for tensors: per-thread free lists for small blocks, a capped cache for large ones.

#include <cstddef>
#include <cstdint>

namespace rushlight {

/// A block of at least `bytes` bytes, uninitialised; aligned to 64 bytes from 64 bytes on and to
/// 16 below. Zero bytes give a valid block too. Raises a RuntimeError in PyTorch's words if the
/// memory can't be had. Under AddressSanitizer every block comes from malloc.
void* allocate(size_t bytes);

/// Returns a block of allocate(bytes), from any thread. A null block is ignored.
void deallocate(void* block, size_t bytes) noexcept;

/// What the whole process holds.
struct AllocatorStats {
  int64_t live_blocks = 0;   ///< allocated and not yet deallocated
  int64_t live_bytes = 0;    ///< bytes asked for in them
  int64_t cached_bytes = 0;  ///< kept for reuse and not in use: large blocks and free lists
};
AllocatorStats allocator_stats();

/// Gives the cached large blocks, and this thread's free lists, back to the system.
void release_memory();

}  // namespace rushlight
