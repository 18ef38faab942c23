#include <rushlight/error.h>
#include <rushlight/storage.h>

#include "runtime/allocator.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace rushlight {

namespace {

constexpr size_t kHeader = (sizeof(Storage) + 63) / 64 * 64;
constexpr size_t kInline = 4096;  // larger data gets a block of its own, which can be page-aligned

}  // namespace

Ref<Storage> Storage::allocate(size_t bytes) {
  bool is_inline = bytes <= kInline;
  size_t block = is_inline ? kHeader + bytes : sizeof(Storage);
  Storage* storage = new (rushlight::allocate(block)) Storage();
  storage->block_ = block;
  storage->bytes_ = bytes;
  if (is_inline) {
    storage->data_ = reinterpret_cast<char*>(storage) + kHeader;
  } else {
    try {
      storage->data_ = rushlight::allocate(bytes);
    } catch (...) {
      deallocate(storage, block);
      throw;
    }
    storage->separate_ = bytes;
  }
  return Ref<Storage>::adopt(storage);
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, void* context, Release release) {
  Storage* storage = new (rushlight::allocate(sizeof(Storage))) Storage();
  storage->block_ = sizeof(Storage);
  storage->data_ = data;
  storage->bytes_ = bytes;
  storage->context_ = context;
  storage->release_ = release;
  return Ref<Storage>::adopt(storage);
}

void Storage::destroy(Storage* storage) noexcept {
  if (storage->release_) storage->release_(storage->context_);
  if (storage->separate_) deallocate(storage->data_, storage->separate_);
  size_t block = storage->block_;
  storage->~Storage();
  deallocate(storage, block);
}

void Storage::resize(size_t bytes) {
  check(owns_bytes(), "Trying to resize storage that is not resizable");
  if (bytes == bytes_) return;
  void* grown = rushlight::allocate(std::max<size_t>(bytes, 1));
  std::memcpy(grown, data_, std::min(bytes, bytes_));
  if (separate_) deallocate(data_, separate_);
  data_ = grown;
  separate_ = std::max<size_t>(bytes, 1);
  bytes_ = bytes;
}

}  // namespace rushlight
