#pragma once
// What a kernel sees of a tensor, and the scalars that go with it.

#include <cstdint>

#include "rushlight/dtype.h"

namespace rushlight {

/// One tensor over the shape of a loop. Strides are in elements, one for each dim of that shape;
/// 0 repeats the element (broadcast), negative strides are allowed.
struct Operand {
  void* data;
  DType dtype;
  const int64_t* strides;
};

/// A scalar argument of a kernel. Integers stay exact; to<T>() converts as C++ does.
class Param {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Param(T value) {
    if constexpr (std::is_integral_v<T>) {
      integral_ = true;
      integer_ = static_cast<int64_t>(value);
    } else {
      integral_ = false;
      real_ = value;
    }
  }
  template <class T>
  constexpr T to() const {
    return integral_ ? static_cast<T>(integer_) : static_cast<T>(real_);
  }
  constexpr bool is_integral() const { return integral_; }

 private:
  union {
    double real_;
    int64_t integer_;
  };
  bool integral_;
};

}  // namespace rushlight
