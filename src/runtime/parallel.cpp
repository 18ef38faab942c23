#include "runtime/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "rushlight/error.h"

namespace rushlight {
namespace {

constexpr int kMaxThreads = 1024;
constexpr std::chrono::microseconds kSpin{50};

thread_local bool in_region = false;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits until `ready()`, for kSpin at most; says whether it came true.
template <class Ready>
bool spin_until(Ready ready) {
  auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

// --- How many threads ---

/// The whole number that `text` starts with, up to a comma (OMP_NUM_THREADS may be a list); 0 if
/// none.
int parse_count(const char* text) {
  int value = 0;
  const char* end = text + std::strlen(text);
  auto [rest, error] = std::from_chars(text, end, value);
  bool complete = error == std::errc() && (rest == end || *rest == ',');
  return complete && value > 0 ? std::min(value, kMaxThreads) : 0;
}

/// Processors that the cgroup grants ("max 100000" or "150000 100000" in cpu.max); a large number
/// if it sets no limit. Walks up from our own group, since any ancestor may hold the quota.
int cgroup_processors() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  int allowed = kMaxThreads;
  while (std::getline(groups, line)) {
    if (!line.starts_with("0::")) continue;
    std::string path = line.substr(3);
    for (;;) {
      std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
      double quota = 0, period = 0;
      if (file >> quota >> period && quota > 0 && period > 0)
        allowed = std::min(allowed, std::max(1, int(quota / period + 0.5)));
      size_t slash = path.rfind('/');
      if (path.empty() || slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");  // version 1
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
    allowed = std::min(allowed, std::max(1, int(quota / period + 0.5)));
  return allowed;
}

int default_threads() {
  if (const char* ours = std::getenv("RUSHLIGHT_NUM_THREADS"); ours && *ours) {
    int count = parse_count(ours);
    check(count > 0, "RUSHLIGHT_NUM_THREADS: got '", ours, "'; expected a number of threads");
    return count;
  }
  if (const char* openmp = std::getenv("OMP_NUM_THREADS")) {
    if (int count = parse_count(openmp)) return count;
  }
  cpu_set_t mask;
  int processors = sched_getaffinity(0, sizeof(mask), &mask) == 0
                       ? CPU_COUNT(&mask)
                       : int(std::thread::hardware_concurrency());
  return std::clamp(std::min(processors, cgroup_processors()), 1, kMaxThreads);
}

std::atomic<int> thread_count{0};

// --- The pool ---

/// What a loop is; read by a worker only after it has claimed a chunk, which keeps the loop alive.
struct Loop {
  FunctionRef<void(int64_t, int64_t)>* body;
  int64_t n, grain, chunks;
};

class Pool {
 public:
  /// Runs the loop on this thread and the workers, or says that another thread is using the pool.
  bool try_run(const Loop& loop, int threads) {
    std::unique_lock lock(running_, std::try_to_lock);
    if (!lock) return false;
    loop_ = loop;
    error_ = nullptr;
    failed_.store(false, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    grow(threads - 1);
    uint64_t epoch = (ticket_.load(std::memory_order_relaxed) >> kChunkBits) + 1;
    ticket_.store(epoch << kChunkBits | uint64_t(loop.chunks));
    wake_.fetch_add(1);
    wake_.notify_all();
    work(epoch);
    wait_for_chunks(uint32_t(loop.chunks));
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return true;
  }

 private:
  static constexpr int kChunkBits = 32;
  static constexpr uint64_t kChunkMask = (uint64_t(1) << kChunkBits) - 1;

  void grow(int workers) {
    for (; workers_ < workers; ++workers_) std::thread([this, i = workers_] { serve(i); }).detach();
  }

  /// A worker's life. Worker i takes part while there are more than i + 1 threads.
  void serve(int index) {
    in_region = true;
    uint32_t seen = 0;
    for (;;) {
      if (index + 1 < thread_count.load(std::memory_order_relaxed)) {
        uint64_t ticket = ticket_.load(std::memory_order_acquire);
        if (ticket & kChunkMask) work(ticket >> kChunkBits);
      }
      auto called = [&] { return wake_.load(std::memory_order_acquire) != seen; };
      if (!spin_until(called)) wake_.wait(seen);
      seen = wake_.load(std::memory_order_acquire);
    }
  }

  /// Takes chunks of the loop numbered `epoch` until none is left. The ticket holds the loop's
  /// number and the chunks left in one word, so a late worker can't take a chunk of another loop.
  void work(uint64_t epoch) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while ((ticket >> kChunkBits) == epoch && (ticket & kChunkMask) != 0) {
      if (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) continue;
      run_chunk(loop_.chunks - int64_t(ticket & kChunkMask));
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }

  void run_chunk(int64_t chunk) {
    bool outer = std::exchange(in_region, true);
    uint32_t chunks = uint32_t(loop_.chunks);
    if (!failed_.load(std::memory_order_relaxed)) {
      try {
        int64_t begin = chunk * loop_.grain;
        (*loop_.body)(begin, std::min(loop_.n, begin + loop_.grain));
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    }
    in_region = outer;
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == chunks) done_.notify_all();
  }

  void wait_for_chunks(uint32_t chunks) {
    auto finished = [&] { return done_.load(std::memory_order_acquire) == chunks; };
    if (spin_until(finished)) return;
    for (uint32_t done; (done = done_.load(std::memory_order_acquire)) != chunks;) done_.wait(done);
  }

  std::mutex running_;
  Loop loop_{};
  std::exception_ptr error_;
  int workers_ = 0;
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> wake_{0};
  alignas(64) std::atomic<uint32_t> done_{0};
};

// The pool is never destroyed: workers may outlive main(). After a fork the child has none of the
// workers, and perhaps a locked mutex, so it starts with a pool made anew in the same place.
alignas(Pool) std::byte pool_memory[sizeof(Pool)];

Pool& pool() {
  static Pool* instance = [] {
    pthread_atfork(nullptr, nullptr, [] { new (pool_memory) Pool; });
    return new (pool_memory) Pool;
  }();
  return *instance;
}

}  // namespace

void parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  int64_t chunks = (n + grain - 1) / grain;
  if (chunks == 1) return body(0, n);
  int threads = int(std::min<int64_t>(num_threads(), chunks));
  bool shared = threads > 1 && !in_region && chunks <= int64_t(UINT32_MAX);
  if (shared && pool().try_run({&body, n, grain, chunks}, threads)) return;
  for (int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(n, begin + grain));
}

int num_threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) [[unlikely]] {
    count = default_threads();
    thread_count.store(count, std::memory_order_relaxed);
  }
  return count;
}

void set_num_threads(int count) {
  check(count >= 1 && count <= kMaxThreads, "set_num_threads expects a positive integer; got ",
        count, ", expected 1 to ", kMaxThreads);
  thread_count.store(count, std::memory_order_relaxed);
}

bool in_parallel_region() { return in_region; }

}  // namespace rushlight
