#pragma once
// Bytes, their owner, and how often they were written.

#include <rushlight/ref.h>

#include <cstddef>
#include <cstdint>

namespace rushlight {

struct Op;

/// Where in the caller's program an operation was called; filled in by the Python face.
struct CallSite {
  const void* code = nullptr;
  int32_t instruction = 0;
};

/// Counts writes, so that backward can tell whether what it saved is still what it was.
struct Version {
  uint32_t writes = 0;
  CallSite site;                      ///< of the last write
  const char* last_writer = nullptr;  ///< name of the op that wrote last; null: none did
};

class Storage : public RefCounted {
 public:
  using Release = void (*)(void* context) noexcept;

  /// New bytes, uninitialised, 64-byte aligned; header and bytes share one allocation.
  static Ref<Storage> allocate(size_t bytes);
  /// Bytes that belong to someone else; `release(context)` is called when the last tensor is gone.
  static Ref<Storage> borrow(void* data, size_t bytes, void* context, Release release);
  static void destroy(Storage* storage) noexcept;

  void* data() const noexcept { return data_; }
  size_t bytes() const noexcept { return bytes_; }
  bool owns_bytes() const noexcept { return release_ == nullptr; }
  Version& version() noexcept { return version_; }
  /// Enlarges or shrinks, keeping the common part. Throws if the bytes are borrowed.
  void resize(size_t bytes);

 private:
  Storage() = default;
  ~Storage() = default;

  void* data_ = nullptr;
  size_t bytes_ = 0;
  size_t block_ = 0;     ///< size of this header's block, data included if it is inline
  size_t separate_ = 0;  ///< size of the data's own block, if it has one
  void* context_ = nullptr;
  Release release_ = nullptr;
  Version version_;
};

}  // namespace rushlight
