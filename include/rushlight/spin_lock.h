#pragma once
// A lock of one byte, for moments that are short and rarely shared.

#include <atomic>
#include <thread>

namespace rushlight {

/// Waits by giving way to other threads. Works with std::lock_guard.
class SpinLock {
 public:
  void lock() noexcept {
    while (busy_.exchange(true, std::memory_order_acquire)) {
      while (busy_.load(std::memory_order_relaxed)) std::this_thread::yield();
    }
  }
  void unlock() noexcept { busy_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> busy_{false};
};

}  // namespace rushlight
