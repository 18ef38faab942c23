#include <rushlight/error.h>
#include <rushlight/storage.h>

#include "runtime/allocator.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace rushlight {

namespace {

static_assert(sizeof(Storage) == 64, "inline data begins at the next cache line");
constexpr size_t kInline = 4096;  // larger data gets a block of its own, which can be page-aligned

}  // namespace

Ref<Storage> Storage::allocate(size_t bytes) {
  bool is_inline = bytes <= kInline;
  size_t block = sizeof(Storage) + (is_inline ? bytes : 0);
  auto* header = static_cast<char*>(rushlight::allocate(block));
  void* data = header + sizeof(Storage);
  if (!is_inline) {
    try {
      data = rushlight::allocate(bytes);
    } catch (...) {
      deallocate(header, block);
      throw;
    }
  }
  return Ref<Storage>::adopt(new (header) Storage(block, data, bytes));
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, void* context, Release release) {
  constexpr size_t block = sizeof(Storage);
  Storage* storage = new (rushlight::allocate(block)) Storage(block, data, bytes);
  storage->context_ = context;
  storage->release_ = release;
  return Ref<Storage>::adopt(storage);
}

size_t Storage::separate() const noexcept {
  if (release_ || data_ == this + 1) return 0;
  return std::max<size_t>(bytes_, 1);
}

void Storage::destroy(Storage* storage) noexcept {
  if (storage->release_) storage->release_(storage->context_);
  if (size_t separate = storage->separate()) deallocate(storage->data_, separate);
  size_t block = storage->block_;
  storage->~Storage();
  deallocate(storage, block);
}

void Storage::resize(size_t bytes) {
  if (bytes == bytes_) return;
  check(owns_bytes() && !lent_, "Trying to resize storage that is not resizable");
  void* grown = rushlight::allocate(std::max<size_t>(bytes, 1));
  std::memcpy(grown, data_, std::min(bytes, bytes_));
  if (size_t before = separate()) deallocate(data_, before);
  data_ = grown;
  bytes_ = bytes;
}

}  // namespace rushlight
