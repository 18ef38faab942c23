#include "cpu/tile.h"

#include <algorithm>
#include <cstring>

namespace rushlight::cpu {
namespace {

/// Calls `function` with an unsigned integer of `size` bytes.
template <class Function>
void with_element(int64_t size, Function function) {
  switch (size) {
    case 1: return function(uint8_t{});
    case 2: return function(uint16_t{});
    case 4: return function(uint32_t{});
    default: return function(uint64_t{});
  }
}

}  // namespace

void copy_strided(int64_t size, int64_t n, const char* from, int64_t from_stride, char* to,
                  int64_t to_stride) {
  if (from_stride == size && to_stride == size) {
    std::memcpy(to, from, size_t(n * size));
    return;
  }
  with_element(size, [&]<class T>(T element) {
    if (to_stride == size) {  // the common case, gathering, stores whole vectors
      T* target = reinterpret_cast<T*>(to);
      for (int64_t i = 0; i < n; ++i) {
        std::memcpy(&element, from + i * from_stride, sizeof(T));
        target[i] = element;
      }
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(&element, from + i * from_stride, sizeof(T));
      std::memcpy(to + i * to_stride, &element, sizeof(T));
    }
  });
}

void splat(int64_t size, int64_t n, const char* from, char* to) {
  with_element(size, [&]<class T>(T element) {
    std::memcpy(&element, from, sizeof(T));
    std::fill_n(reinterpret_cast<T*>(to), n, element);
  });
}

}  // namespace rushlight::cpu
