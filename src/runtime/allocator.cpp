#include "runtime/allocator.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "rushlight/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define RUSHLIGHT_PLAIN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUSHLIGHT_PLAIN_MALLOC 1
#endif
#endif
#ifndef RUSHLIGHT_PLAIN_MALLOC
#define RUSHLIGHT_PLAIN_MALLOC 0
#endif

namespace rushlight {
namespace {

constexpr size_t kSmallLimit = size_t(64) << 10;  // above: the shared cache
constexpr size_t kHugePage = size_t(2) << 20;
constexpr size_t kMapLimit = size_t(1) << 20;    // above: mapped, in huge pages if possible
constexpr size_t kImpossible = size_t(1) << 46;  // more than any address space holds
constexpr size_t kListBytes = size_t(1) << 20;   // a thread keeps this much of a size
constexpr size_t kListBlocks = 4096;             // and this many
constexpr bool kPlainMalloc = RUSHLIGHT_PLAIN_MALLOC;

[[noreturn, gnu::cold]] void out_of_memory(size_t bytes) {
  fail(ErrorKind::Runtime,
       "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to "
       "allocate ",
       bytes, " bytes. Error code 12 (Cannot allocate memory)");
}

// --- Sizes ---

struct SizeClass {
  int index;
  size_t size;
};

/// Multiples of 16 up to 64, of 64 up to 512; then four sizes to each doubling.
SizeClass small_class(size_t bytes) {
  if (bytes <= 64) {
    size_t step = (bytes + (bytes == 0) + 15) / 16;
    return {int(step) - 1, step * 16};
  }
  if (bytes <= 512) [[likely]] {
    size_t step = (bytes + 63) / 64;
    return {int(step) + 2, step * 64};
  }
  int shift = std::bit_width(bytes - 1) - 3;  // a step is an eighth of the next power of two
  size_t steps = ((bytes - 1) >> shift) + 1;  // 5 to 8
  return {11 + (shift - 7) * 4 + int(steps) - 5, steps << shift};
}
constexpr int kSmallClasses = 11 + 4 * 7;  // up to 64 KiB

/// Sizes of large blocks: eight to each doubling, in pages.
size_t large_size(size_t bytes) {
  int shift = std::max(12, int(std::bit_width(bytes - 1)) - 4);
  size_t step = size_t(1) << shift;
  return (bytes + step - 1) & ~(step - 1);
}

// --- Blocks from the system ---

void* system_small(size_t size) {
  return size < 64 ? std::malloc(size) : std::aligned_alloc(64, (size + 63) & ~size_t(63));
}

/// A mapping aligned to a huge page: maps more and trims both ends.
void* map_aligned(size_t size) {
  size_t span = size + kHugePage;
  void* mapped = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  uintptr_t start = reinterpret_cast<uintptr_t>(mapped);
  uintptr_t block = (start + kHugePage - 1) & ~uintptr_t(kHugePage - 1);
  if (block > start) munmap(mapped, block - start);
  uintptr_t end = start + span;
  if (end > block + size) munmap(reinterpret_cast<void*>(block + size), end - block - size);
  madvise(reinterpret_cast<void*>(block), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(block);
}

void* system_large(size_t size) {
  return size > kMapLimit ? map_aligned(size) : std::aligned_alloc(64, size);
}

void system_large_free(void* block, size_t size) noexcept {
  if (size > kMapLimit)
    munmap(block, size);
  else
    std::free(block);
}

// --- The shared cache of large blocks, oldest first ---

class LargeCache {
 public:
  LargeCache() {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t memory = pages > 0 && page > 0 ? size_t(pages) * size_t(page) : size_t(4) << 30;
    limit_ = std::min<size_t>(memory / 8, size_t(1) << 30);
    blocks_.reserve(kMaxBlocks + 1);
  }

  void* take(size_t size) {
    std::lock_guard lock(mutex);
    for (size_t i = blocks_.size(); i-- > 0;) {
      if (blocks_[i].size != size) continue;
      void* block = blocks_[i].block;
      blocks_.erase(blocks_.begin() + ptrdiff_t(i));
      bytes_ -= size;
      return block;
    }
    return nullptr;
  }

  /// Keeps the block, and frees the oldest ones that no longer fit.
  void put(void* block, size_t size) noexcept {
    if (size > limit_) return system_large_free(block, size);
    std::lock_guard lock(mutex);
    blocks_.push_back({block, size});
    bytes_ += size;
    size_t evicted = 0;
    while (bytes_ > limit_ || blocks_.size() - evicted > kMaxBlocks) {
      bytes_ -= blocks_[evicted].size;
      system_large_free(blocks_[evicted].block, blocks_[evicted].size);
      ++evicted;
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + ptrdiff_t(evicted));
  }

  void clear() noexcept {
    std::lock_guard lock(mutex);
    for (auto& [block, size] : blocks_) system_large_free(block, size);
    blocks_.clear();
    bytes_ = 0;
  }

  size_t bytes() {
    std::lock_guard lock(mutex);
    return bytes_;
  }

  std::mutex mutex;

 private:
  struct Block {
    void* block;
    size_t size;
  };
  static constexpr size_t kMaxBlocks = 256;
  std::vector<Block> blocks_;
  size_t bytes_ = 0;
  size_t limit_ = 0;
};

// --- Threads ---

struct FreeBlock {
  FreeBlock* next;
};

/// What one thread keeps. Counters are written by their thread alone and read by any.
struct ThreadCache {
  FreeBlock* lists[kSmallClasses] = {};
  std::atomic<uint32_t> counts[kSmallClasses] = {};
  std::atomic<int64_t> live_blocks{0}, live_bytes{0};

  template <class T>
  static T bump(std::atomic<T>& counter, std::type_identity_t<T> by) {
    T sum = counter.load(std::memory_order_relaxed) + by;
    counter.store(sum, std::memory_order_relaxed);
    return sum;
  }
  void count(int64_t blocks, int64_t bytes) {
    bump(live_blocks, blocks);
    bump(live_bytes, bytes);
  }
  void trim(int index, uint32_t keep) noexcept {
    while (counts[index].load(std::memory_order_relaxed) > keep) {
      FreeBlock* block = lists[index];
      lists[index] = block->next;
      bump(counts[index], uint32_t(-1));
      std::free(block);
    }
  }
  int64_t cached_bytes() const;
  void clear() noexcept;
};

/// Process-wide state, never destroyed: tensors may be freed by destructors of static objects.
struct Shared {
  LargeCache large;
  std::mutex mutex;  // guards what follows
  std::vector<ThreadCache*> threads;
  AllocatorStats finished;  // of threads that have ended
};

Shared& shared() {
  static Shared* instance = [] {
    static Shared* created = new Shared;
    auto lock = [] {
      created->mutex.lock();
      created->large.mutex.lock();
    };
    auto unlock = [] {
      created->large.mutex.unlock();
      created->mutex.unlock();
    };
    pthread_atfork(lock, unlock, unlock);
    return created;
  }();
  return *instance;
}

size_t class_size(int index) {
  if (index < 4) return size_t(index + 1) * 16;
  if (index < 11) return size_t(index - 2) * 64;
  int shift = 7 + (index - 11) / 4;
  return size_t((index - 11) % 4 + 5) << shift;
}

void ThreadCache::clear() noexcept {
  for (int i = 0; i < kSmallClasses; ++i) trim(i, 0);
}

int64_t ThreadCache::cached_bytes() const {
  int64_t bytes = 0;
  for (int i = 0; i < kSmallClasses; ++i)
    bytes += int64_t(counts[i].load(std::memory_order_relaxed) * class_size(i));
  return bytes;
}

// The initial-exec model makes the access one instruction in a shared library too.
[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadCache* this_thread = nullptr;
thread_local bool thread_ended = false;

/// Folds the thread's figures into the shared ones when the thread ends.
struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* cache = this_thread;
    cache->clear();
    this_thread = nullptr;
    thread_ended = true;
    std::lock_guard lock(shared().mutex);
    shared().finished.live_blocks += cache->live_blocks;
    shared().finished.live_bytes += cache->live_bytes;
    std::erase(shared().threads, cache);
    delete cache;
  }
};

/// This thread's cache; null once the thread is ending.
[[gnu::noinline, gnu::cold]] ThreadCache* make_thread_cache() {
  if (thread_ended) return nullptr;
  auto* cache = new ThreadCache;
  {
    std::lock_guard lock(shared().mutex);
    shared().threads.push_back(cache);
  }
  this_thread = cache;
  thread_local ThreadEnd end;
  (void)end;
  return cache;
}

inline ThreadCache* thread_cache() {
  ThreadCache* cache = this_thread;
  return cache ? cache : make_thread_cache();
}

void count_live(ThreadCache* cache, int64_t blocks, int64_t bytes) {
  if (cache) return cache->count(blocks, bytes);
  std::lock_guard lock(shared().mutex);
  shared().finished.live_blocks += blocks;
  shared().finished.live_bytes += bytes;
}

[[gnu::noinline]] void* fresh_block(size_t bytes, size_t size, bool small) {
  if (bytes > kImpossible) out_of_memory(bytes);
  auto from_system = [&] { return small ? system_small(size) : system_large(size); };
  void* block = from_system();
  if (!block) {
    release_memory();
    block = from_system();
  }
  if (!block) out_of_memory(bytes);
  return block;
}

void* allocate_large(size_t bytes) {
  if (bytes > kImpossible) out_of_memory(bytes);
  size_t size = large_size(bytes);
  void* block = kPlainMalloc ? nullptr : shared().large.take(size);
  if (!block)
    block = fresh_block(bytes, kPlainMalloc ? (bytes + 63) & ~size_t(63) : size, kPlainMalloc);
  count_live(thread_cache(), 1, int64_t(bytes));
  return block;
}

}  // namespace

void* allocate(size_t bytes) {
  if (bytes > kSmallLimit) return allocate_large(bytes);
  ThreadCache* cache = thread_cache();
  auto [index, size] = small_class(bytes);
  if (cache && cache->lists[index]) [[likely]] {
    FreeBlock* block = cache->lists[index];
    cache->lists[index] = block->next;
    ThreadCache::bump(cache->counts[index], uint32_t(-1));
    cache->count(1, int64_t(bytes));
    return block;
  }
  // Without free lists the exact size lets AddressSanitizer see one byte too many.
  bool exact = kPlainMalloc && bytes > 0;
  void* block = exact && bytes < 64 ? std::malloc(bytes) : fresh_block(bytes, size, true);
  count_live(cache, 1, int64_t(bytes));
  return block;
}

void deallocate(void* block, size_t bytes) noexcept {
  if (!block) return;
  ThreadCache* cache = thread_cache();
  count_live(cache, -1, -int64_t(bytes));
  if (kPlainMalloc) return std::free(block);
  if (bytes > kSmallLimit) return shared().large.put(block, large_size(bytes));
  if (!cache) return std::free(block);
  auto [index, size] = small_class(bytes);
  auto* free_block = static_cast<FreeBlock*>(block);
  free_block->next = cache->lists[index];
  cache->lists[index] = free_block;
  uint32_t count = ThreadCache::bump(cache->counts[index], 1);
  if (count * size > kListBytes || count > kListBlocks) [[unlikely]]
    cache->trim(index, count / 2);
}

AllocatorStats allocator_stats() {
  Shared& state = shared();
  int64_t large = int64_t(state.large.bytes());
  std::lock_guard lock(state.mutex);
  AllocatorStats total = state.finished;
  for (ThreadCache* cache : state.threads) {
    total.live_blocks += cache->live_blocks;
    total.live_bytes += cache->live_bytes;
    total.cached_bytes += cache->cached_bytes();
  }
  total.cached_bytes += large;
  return total;
}

void release_memory() {
  shared().large.clear();
  if (ThreadCache* cache = thread_cache()) cache->clear();
}

}  // namespace rushlight
