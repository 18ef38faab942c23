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
  int32_t instruction = 0;            // of the call site of the last write
  const void* code = nullptr;         // its other half
  const char* last_writer = nullptr;  ///< name of the op that wrote last; null: none did

  CallSite site() const { return {code, instruction}; }  ///< of the last write
  void wrote(const char* op, const CallSite& site) {
    ++writes;
    last_writer = op;
    code = site.code;
    instruction = site.instruction;
  }
};

class Storage final : public RefCounted {  // one cache line
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
  /// Enlarges or shrinks, keeping the common part. Throws if the bytes are borrowed, or lent.
  void resize(size_t bytes);
  /// Somebody else keeps the address of the bytes: from now on they stay where they are.
  void lend() noexcept { lent_ = true; }

 private:
  Storage(size_t block, void* data, size_t bytes)
      : block_(uint32_t(block)), lent_(false), data_(data), bytes_(bytes) {}
  ~Storage() = default;
  /// Size of the data's own block; 0 if it has none.
  size_t separate() const noexcept;

  uint32_t block_ : 31;  // size of this header's block, data included if it is inline
  uint32_t lent_ : 1;
  void* data_;
  size_t bytes_;
  void* context_ = nullptr;
  Release release_ = nullptr;
  Version version_;
};

}  // namespace rushlight
