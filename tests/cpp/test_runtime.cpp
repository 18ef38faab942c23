// The thread pool, the allocator and the choice of SIMD target.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "hwy/targets.h"
#include "runtime/allocator.h"
#include "runtime/cpu_features.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight {
namespace {

/// Restores the number of threads at the end of a test.
struct Threads {
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before = num_threads();
};

using Chunk = std::pair<int64_t, int64_t>;

std::vector<Chunk> chunks_of(int64_t n, int64_t grain) {
  std::mutex mutex;
  std::vector<Chunk> chunks;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    std::lock_guard lock(mutex);
    chunks.push_back({begin, end});
  });
  std::sort(chunks.begin(), chunks.end());
  return chunks;
}

TEST(Parallel, ChunksDependOnSizeAndGrainAlone) {
  for (auto [n, grain] : {Chunk{1, 1}, {10, 3}, {100, 100}, {100, 7}, {1000, 1}, {5, 0}, {0, 4}}) {
    std::vector<Chunk> expected;
    for (int64_t i = 0, step = std::max<int64_t>(grain, 1); i < n; i += step)
      expected.push_back({i, std::min(n, i + step)});
    for (int threads : {1, 2, 3, 4, 8}) {
      Threads scope(threads);
      EXPECT_EQ(chunks_of(n, grain), expected) << n << " by " << grain << " on " << threads;
    }
  }
}

TEST(Parallel, ManyLoopsInARowRunEachChunkOnce) {
  Threads scope(4);
  for (int round = 0; round < 3000; ++round) {
    std::atomic<int64_t> sum = 0;
    parallel_for(64, 1, [&](int64_t begin, int64_t) { sum += begin; });
    ASSERT_EQ(sum, 63 * 64 / 2);
  }
}

TEST(Parallel, NestedLoopsRunOnTheSameThread) {
  Threads scope(4);
  parallel_for(8, 1, [&](int64_t, int64_t) {
    EXPECT_TRUE(in_parallel_region());
    auto self = std::this_thread::get_id();
    parallel_for(8, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), self); });
  });
  EXPECT_FALSE(in_parallel_region());
}

TEST(Parallel, FirstExceptionReachesTheCallerAndThePoolSurvives) {
  for (int threads : {1, 4}) {
    Threads scope(threads);
    auto broken = [](int64_t begin, int64_t) { check(begin != 5, "chunk ", begin, " is broken"); };
    EXPECT_THROW(parallel_for(16, 1, broken), Error);
    EXPECT_EQ(chunks_of(16, 1).size(), 16u);
  }
}

TEST(Parallel, SeveralCallersAtOnce) {
  Threads scope(4);
  std::vector<std::thread> callers;
  std::atomic<int64_t> total = 0;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round)
        parallel_for(32, 1, [&](int64_t begin, int64_t) { total += begin; });
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 200 * (31 * 32 / 2));
}

TEST(Parallel, WorksInAForkedChild) {
  Threads scope(3);
  EXPECT_EQ(chunks_of(12, 1).size(), 12u);
  pid_t child = fork();
  if (child == 0) _exit(chunks_of(12, 1).size() == 12 ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Parallel, RefusesSillyThreadCounts) {
  EXPECT_THROW(set_num_threads(0), Error);
  EXPECT_THROW(set_num_threads(-3), Error);
  EXPECT_THROW(set_num_threads(100000), Error);
}

TEST(Allocator, BlocksAreAlignedWritableAndDistinct) {
  std::vector<std::pair<char*, size_t>> blocks;
  for (size_t bytes = 0; bytes < (size_t(3) << 20);
       bytes = bytes < 1100 ? bytes + 1 : bytes * 5 / 4) {
    auto* block = static_cast<char*>(allocate(bytes));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % (bytes >= 64 ? 64 : 16), 0u) << bytes;
    std::memset(block, int(bytes % 251), bytes);
    blocks.push_back({block, bytes});
  }
  for (auto [block, bytes] : blocks) {
    bool intact = std::all_of(block, block + bytes,
                              [size = bytes](char c) { return uint8_t(c) == uint8_t(size % 251); });
    EXPECT_TRUE(intact) << bytes;
    deallocate(block, bytes);
  }
}

TEST(Allocator, CountsLiveBlocksAcrossThreads) {
  AllocatorStats before = allocator_stats();
  std::vector<void*> blocks(100);
  std::thread([&] {
    for (auto& block : blocks) block = allocate(1000);
  }).join();
  void* large = allocate(5 << 20);
  AllocatorStats during = allocator_stats();
  EXPECT_EQ(during.live_blocks - before.live_blocks, 101);
  EXPECT_EQ(during.live_bytes - before.live_bytes, 100 * 1000 + (5 << 20));
  for (void* block : blocks) deallocate(block, 1000);
  deallocate(large, 5 << 20);
  AllocatorStats after = allocator_stats();
  EXPECT_EQ(after.live_blocks, before.live_blocks);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  release_memory();
  EXPECT_EQ(allocator_stats().cached_bytes, 0);
}

TEST(Allocator, RefusesWhatCannotBeHad) {
  for (size_t bytes : {size_t(1) << 50, SIZE_MAX / 2, SIZE_MAX}) {
    try {
      allocate(bytes);
      FAIL() << bytes;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Runtime);
      std::string words = "DefaultCPUAllocator: can't allocate memory: you tried to allocate " +
                          std::to_string(bytes) + " bytes.";
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

TEST(Allocator, ThreadsHandBlocksToEachOther) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::pair<uint8_t*, size_t>> shelf;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 4000; ++i) {
        size_t bytes = 1 + (i * 7919 + size_t(t)) % 5000;
        auto* block = static_cast<uint8_t*>(allocate(bytes));
        block[0] = block[bytes - 1] = uint8_t(bytes);
        std::lock_guard lock(mutex);
        shelf.push_back({block, bytes});
        std::swap(shelf.back(), shelf[i % shelf.size()]);
        auto [taken, size] = shelf.back();
        shelf.pop_back();
        EXPECT_EQ(taken[size - 1], uint8_t(size));
        deallocate(taken, size);
      }
    });
  for (auto& thread : threads) thread.join();
  for (auto [block, size] : shelf) deallocate(block, size);
}

TEST(Simd, TargetsSwitchAndHighwayAgrees) {
  SimdTarget before = simd_level();
  for (SimdTarget target : supported_simd_targets()) {
    set_simd_target(target);
    EXPECT_EQ(simd_target(), to_string_view(target));
    set_simd_target(simd_target());
    EXPECT_EQ(simd_level(), target);
    EXPECT_EQ((hwy::SupportedTargets() & HWY_AVX2) != 0, target >= SimdTarget::Avx2);
  }
  EXPECT_THROW(set_simd_target("mmx"), Error);
  set_simd_target(before);
}

}  // namespace
}  // namespace rushlight
