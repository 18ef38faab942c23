#pragma once
// Operators on tensors and numbers: arithmetic, comparison and logic, elementwise with
// broadcasting. `+=` and its kin are members of Tensor.

#include <rushlight/ops.h>

namespace rushlight {

inline Tensor operator+(const Tensor& a, const TensorOrScalar& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const TensorOrScalar& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const TensorOrScalar& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const TensorOrScalar& b) { return div(a, b); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return rsub(b, a); }
inline Tensor operator*(const Scalar& a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(const Scalar& a, const Tensor& b) { return mul(reciprocal(b), a); }
inline Tensor operator-(const Tensor& a) { return neg(a); }
inline Tensor operator+(const Tensor& a) { return positive(a); }

/// The remainder with the sign of the divisor, as Python has it.
inline Tensor operator%(const Tensor& a, const Tensor& b) { return remainder(a, b); }
inline Tensor operator%(const Tensor& a, const Scalar& b) { return remainder(a, b); }
inline Tensor operator%(const Scalar& a, const Tensor& b) { return remainder(a, b); }

// Comparisons give a bool tensor; for one answer use equal(a, b).
inline Tensor operator==(const Tensor& a, const Tensor& b) { return eq(a, b); }
inline Tensor operator==(const Tensor& a, const Scalar& b) { return eq(a, b); }
inline Tensor operator==(const Scalar& a, const Tensor& b) { return eq(b, a); }
inline Tensor operator!=(const Tensor& a, const Tensor& b) { return ne(a, b); }
inline Tensor operator!=(const Tensor& a, const Scalar& b) { return ne(a, b); }
inline Tensor operator!=(const Scalar& a, const Tensor& b) { return ne(b, a); }
inline Tensor operator<(const Tensor& a, const TensorOrScalar& b) { return lt(a, b); }
inline Tensor operator<=(const Tensor& a, const TensorOrScalar& b) { return le(a, b); }
inline Tensor operator>(const Tensor& a, const TensorOrScalar& b) { return gt(a, b); }
inline Tensor operator>=(const Tensor& a, const TensorOrScalar& b) { return ge(a, b); }
inline Tensor operator<(const Scalar& a, const Tensor& b) { return gt(b, a); }
inline Tensor operator<=(const Scalar& a, const Tensor& b) { return ge(b, a); }
inline Tensor operator>(const Scalar& a, const Tensor& b) { return lt(b, a); }
inline Tensor operator>=(const Scalar& a, const Tensor& b) { return le(b, a); }

// Bitwise on integers, logical on bool.
inline Tensor operator&(const Tensor& a, const TensorOrScalar& b) { return bitwise_and(a, b); }
inline Tensor operator|(const Tensor& a, const TensorOrScalar& b) { return bitwise_or(a, b); }
inline Tensor operator^(const Tensor& a, const TensorOrScalar& b) { return bitwise_xor(a, b); }
inline Tensor operator~(const Tensor& a) { return bitwise_not(a); }
/// True where the element is zero, of any dtype.
inline Tensor operator!(const Tensor& a) { return logical_not(a); }

}  // namespace rushlight
