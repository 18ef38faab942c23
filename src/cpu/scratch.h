#pragma once
// Working memory of a kernel.

#include <cstddef>
#include <cstdint>

#include "runtime/allocator.h"

namespace rushlight::cpu {

/// An uninitialised array of trivial elements, from the allocator: repeated calls find it cached.
/// Aligned to 64 bytes if it holds 64 bytes or more; no memory is taken for zero elements.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t elements) : bytes_(size_t(elements) * sizeof(T)) {
    if (bytes_) data_ = static_cast<T*>(allocate(bytes_));
  }
  ~Scratch() {
    if (data_) deallocate(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t bytes_;
};

}  // namespace rushlight::cpu
