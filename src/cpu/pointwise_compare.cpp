// Comparisons and predicates, logic and bits, and the kernels that choose between values.

#include <cmath>
#include <limits>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pointwise_compare.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

template <class T>
struct Eq {
  bool operator()(T x, T y) const { return x == y; }
};
template <class T>
struct Ne {
  bool operator()(T x, T y) const { return x != y; }
};
template <class T>
struct Lt {
  bool operator()(T x, T y) const { return x < y; }
};
template <class T>
struct Le {
  bool operator()(T x, T y) const { return x <= y; }
};
template <class T>
struct LogicalAnd {
  bool operator()(T x, T y) const { return bool(int(x != T(0)) & int(y != T(0))); }
};
template <class T>
struct LogicalOr {
  bool operator()(T x, T y) const { return bool(int(x != T(0)) | int(y != T(0))); }
};
template <class T>
struct LogicalXor {
  bool operator()(T x, T y) const { return (x != T(0)) != (y != T(0)); }
};
template <class T>
struct LogicalNot {
  bool operator()(T x) const { return x == T(0); }
};
template <class T>
struct IsNan {
  bool operator()(T x) const { return x != x; }
};
template <class T>
struct IsInf {
  bool operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::abs(x) == std::numeric_limits<T>::infinity();
    else
      return x != x;
  }
};
template <class T>
struct IsFinite {
  bool operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::abs(x) < std::numeric_limits<T>::infinity();
    else
      return x == x;
  }
};
template <class T>
struct SignBit {
  bool operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::copysign(T(1), x) < 0;
    else
      return x < T(0);
  }
};

// x > y is y < x: the same loops with the inputs exchanged.
template <Loop loop>
void exchanged(void* const* pointers, int64_t n, std::span<const Param> params) {
  void* others[3] = {pointers[0], pointers[2], pointers[1]};
  loop(others, n, params);
}
template <template <class> class Op>
Loop exchanged_predicate(DType dtype) {
  return dispatch(dtype, []<class T>(CppType<T>) -> Loop {
    if constexpr (std::is_arithmetic_v<T>)
      return &exchanged<&map_loop<bool, T, Op<T>>>;
    else
      return nullptr;
  });
}

Loop find_comparison(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::Eq: return predicate<Eq>(dtype);
    case Kernel::Ne: return predicate<Ne>(dtype);
    case Kernel::Lt: return predicate<Lt>(dtype);
    case Kernel::Le: return predicate<Le>(dtype);
    case Kernel::Gt: return exchanged_predicate<Lt>(dtype);
    case Kernel::Ge: return exchanged_predicate<Le>(dtype);
    case Kernel::LogicalAnd: return predicate<LogicalAnd>(dtype);
    case Kernel::LogicalOr: return predicate<LogicalOr>(dtype);
    case Kernel::LogicalXor: return predicate<LogicalXor>(dtype);
    case Kernel::LogicalNot: return predicate<LogicalNot>(dtype);
    case Kernel::IsNan: return predicate<IsNan>(dtype);
    case Kernel::IsInf: return predicate<IsInf>(dtype);
    case Kernel::IsFinite: return predicate<IsFinite>(dtype);
    case Kernel::SignBit: return predicate<SignBit>(dtype);
    default: return nullptr;
  }
}

// --- Bits ---

template <class T>
struct BitAnd {
  T operator()(T x, T y) const { return T(x & y); }
};
template <class T>
struct BitOr {
  T operator()(T x, T y) const { return T(x | y); }
};
template <class T>
struct BitXor {
  T operator()(T x, T y) const { return T(x ^ y); }
};
template <class T>
struct BitNot {
  T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>)
      return !x;
    else
      return T(~x);
  }
};
template <class T>
struct ShiftLeft {
  T operator()(T x, T y) const {
    constexpr T width = T(8 * sizeof(T));
    bool inside = y >= T(0) && y < width;
    using Wide = std::conditional_t<(sizeof(T) < 8), uint32_t, uint64_t>;
    return inside ? T(Wide(x) << (inside ? y : T(0))) : T(0);
  }
};
template <class T>
struct ShiftRight {
  T operator()(T x, T y) const {
    constexpr T width = T(8 * sizeof(T));
    bool inside = y >= T(0) && y < width;
    if constexpr (std::is_signed_v<T>)
      return T(x >> (inside ? y : T(width - 1)));
    else
      return inside ? T(x >> (inside ? y : T(0))) : T(0);
  }
};

template <template <class> class Op>
Loop integers_and_bool(DType dtype) {
  if (dtype == DType::Bool) return &map_loop<bool, bool, Op<bool>>;
  return integers<Op>(dtype);
}

// --- Choosing ---

template <class T>
void where_loop(void* const* pointers, int64_t n, std::span<const Param>) {
  T* output = static_cast<T*>(pointers[0]);
  // Read as bytes: a comparison with zero becomes a mask at once.
  const uint8_t* condition = static_cast<const uint8_t*>(pointers[1]);
  const T* x = static_cast<const T*>(pointers[2]);
  const T* y = static_cast<const T*>(pointers[3]);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    T a = x[i], b = y[i];
    output[i] = condition[i] ? a : b;
  }
}

/// Choosing moves bits: one loop for each size of element.
Loop find_where(DType dtype) {
  switch (size_of(dtype)) {
    case 1: return &where_loop<uint8_t>;
    case 2: return &where_loop<uint16_t>;
    case 4: return &where_loop<uint32_t>;
    default: return &where_loop<uint64_t>;
  }
}

template <class T>
struct Clamp {
  T operator()(T x, T low, T high) const {
    T raised = x < low ? low : x;
    T inside = high < raised ? high : raised;
    return x != x ? x : low != low ? low : high != high ? high : inside;
  }
};
template <class T>
struct ClampMin {
  T operator()(T x, T low) const { return x != x ? x : low != low ? low : x < low ? low : x; }
};
template <class T>
struct ClampMax {
  T operator()(T x, T high) const { return x != x ? x : high != high ? high : high < x ? high : x; }
};
template <class T>
struct ClampTo {
  explicit ClampTo(std::span<const Param> params)
      : low(params[0].to<T>()), high(params[1].to<T>()) {}
  T operator()(T x) const { return Clamp<T>()(x, low, high); }
  T low, high;
};
template <class T>
struct ClampToBackward {
  explicit ClampToBackward(std::span<const Param> params)
      : low(params[0].to<T>()), high(params[1].to<T>()) {}
  T operator()(T grad, T x) const { return int(x >= low) & int(x <= high) ? grad : T(0); }
  T low, high;
};
template <class T>
struct Threshold {
  explicit Threshold(std::span<const Param> params)
      : threshold(params[0].to<T>()), value(params[1].to<T>()) {}
  T operator()(T x) const { return x <= threshold ? value : x; }
  T threshold, value;
};
template <class T>
struct ThresholdBackward {
  explicit ThresholdBackward(std::span<const Param> params)
      : threshold(param_or<T>(params, 0, T(0))) {}
  T operator()(T grad, T x) const { return x <= threshold ? T(0) : grad; }
  T threshold;
};

Loop find_choice(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::BitAnd: return integers_and_bool<BitAnd>(dtype);
    case Kernel::BitOr: return integers_and_bool<BitOr>(dtype);
    case Kernel::BitXor: return integers_and_bool<BitXor>(dtype);
    case Kernel::BitNot: return integers_and_bool<BitNot>(dtype);
    case Kernel::ShiftLeft: return integers<ShiftLeft>(dtype);
    case Kernel::ShiftRight: return integers<ShiftRight>(dtype);
    case Kernel::Where: return find_where(dtype);
    case Kernel::Clamp: return numbers<Clamp>(dtype);
    case Kernel::ClampMin: return numbers<ClampMin>(dtype);
    case Kernel::ClampMax: return numbers<ClampMax>(dtype);
    case Kernel::ClampTo: return numbers<ClampTo>(dtype);
    case Kernel::ClampToBackward: return floating<ClampToBackward>(dtype);
    case Kernel::Threshold: return numbers<Threshold>(dtype);
    case Kernel::ReluBackward:
    case Kernel::ThresholdBackward: return numbers<ThresholdBackward>(dtype);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_comparison);
Loop find_comparison(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_comparison)(kernel, dtype);
}
HWY_EXPORT(find_choice);
Loop find_choice(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_choice)(kernel, dtype);
}
}  // namespace rushlight::cpu
#endif
