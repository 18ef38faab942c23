#pragma once
// Arithmetic and comparison operators on tensors and numbers.

#include <rushlight/ops.h>

namespace rushlight {

inline Tensor operator+(const Tensor& a, const TensorOrScalar& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const TensorOrScalar& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const TensorOrScalar& b) { return mul(a, b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }

}  // namespace rushlight
