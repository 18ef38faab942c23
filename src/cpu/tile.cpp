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

void transpose_block(int64_t size, int64_t rows, int64_t columns, const char* from,
                     int64_t from_column, char* to, int64_t to_row) {
  with_element(size, [&]<class T>(T) {
    // Columns outside, four at a time: reads run along `from`, each row gets four neighbours.
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const T* source[4];
      for (int64_t k = 0; k < 4; ++k)
        source[k] = reinterpret_cast<const T*>(from + (c + k) * from_column);
      for (int64_t r = 0; r < rows; ++r) {
        T* target = reinterpret_cast<T*>(to + r * to_row) + c;
        T quad[4] = {source[0][r], source[1][r], source[2][r], source[3][r]};
        std::memcpy(target, quad, sizeof(quad));
      }
    }
    for (; c < columns; ++c) {
      const T* source = reinterpret_cast<const T*>(from + c * from_column);
      for (int64_t r = 0; r < rows; ++r) reinterpret_cast<T*>(to + r * to_row)[c] = source[r];
    }
  });
}

}  // namespace rushlight::cpu
