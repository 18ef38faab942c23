// Arithmetic kernels: one short function each, over floating types and wrapping integers.

#include <cmath>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/simd.h"
#include "rushlight/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pointwise_arithmetic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

/// Integers are computed in an unsigned type wide enough not to be promoted, so that they wrap.
template <class T>
using Wide = std::conditional_t<(sizeof(T) < 8), uint32_t, uint64_t>;

template <class T, class F>
HWY_INLINE T wrapping(T x, T y, F f) {
  if constexpr (std::is_same_v<T, bool>)
    return f(uint32_t(x), uint32_t(y)) != 0;
  else if constexpr (std::is_integral_v<T>)
    return T(f(Wide<T>(x), Wide<T>(y)));
  else
    return f(x, y);
}

/// x + scale * y, fused.
template <class T>
HWY_INLINE T add_scaled(T x, T scale, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fma(scale, y, x);
  } else {
    T scaled = wrapping(scale, y, [](auto a, auto b) { return a * b; });
    return wrapping(x, scaled, [](auto a, auto b) { return a + b; });
  }
}

template <class T>
HWY_INLINE T negated(T x) {
  if constexpr (std::is_integral_v<T>)
    return T(Wide<T>(0) - Wide<T>(x));
  else
    return -x;
}

template <class T>
struct Add {
  T operator()(T x, T y) const {
    return wrapping(x, y, [](auto a, auto b) { return a + b; });
  }
};
template <class T>
struct AddScaled {
  explicit AddScaled(std::span<const Param> params) : alpha(params[0].to<T>()) {}
  T operator()(T x, T y) const { return add_scaled(x, alpha, y); }
  T alpha;
};
template <class T>
struct Sub {
  T operator()(T x, T y) const {
    return wrapping(x, y, [](auto a, auto b) { return a - b; });
  }
};
template <class T>
struct SubScaled {
  explicit SubScaled(std::span<const Param> params) : alpha(negated(params[0].to<T>())) {}
  T operator()(T x, T y) const { return add_scaled(x, alpha, y); }
  T alpha;
};
template <class T>
struct Rsub {
  explicit Rsub(std::span<const Param> params) : alpha(negated(param_or<T>(params, 0, T(1)))) {}
  T operator()(T x, T y) const { return add_scaled(y, alpha, x); }
  T alpha;
};
template <class T>
struct Mul {
  T operator()(T x, T y) const {
    return wrapping(x, y, [](auto a, auto b) { return a * b; });
  }
};
template <class T>
struct Div {
  T operator()(T x, T y) const { return x / y; }
};

// --- Division: integers by zero raise, and the smallest integer over -1 wraps ---

template <class T>
HWY_INLINE void check_divisor(T y) {
  if (y == 0) [[unlikely]]
    fail(ErrorKind::Runtime, "ZeroDivisionError");
}

template <class T>
struct TruncDivide {
  static constexpr bool serial = std::is_integral_v<T>;
  T operator()(T x, T y) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::trunc(x / y);
    } else {
      check_divisor(y);
      return y == T(-1) && std::is_signed_v<T> ? negated(x) : T(x / y);
    }
  }
};
template <class T>
struct Fmod {
  static constexpr bool serial = true;
  T operator()(T x, T y) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(x, y);
    } else {
      check_divisor(y);
      return y == T(-1) && std::is_signed_v<T> ? T(0) : T(x % y);
    }
  }
};
template <class T>
struct Remainder {
  static constexpr bool serial = true;
  T operator()(T x, T y) const {
    T rest = Fmod<T>()(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? T(rest + y) : rest;
  }
};
/// Python's floor division: for floats by way of the exact remainder, as x / y may round up to a
/// whole number that x has not reached.
template <class T>
struct FloorDivide {
  static constexpr bool serial = true;
  T operator()(T x, T y) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (y == 0) return x / y;
      T rest = std::fmod(x, y);
      T quotient = (x - rest) / y;
      if (rest != 0 && (rest < 0) != (y < 0)) quotient -= 1;
      if (quotient == 0) return std::copysign(T(0), x / y);
      T whole = std::floor(quotient);
      return quotient - whole > T(0.5) ? whole + 1 : whole;
    } else {
      T quotient = TruncDivide<T>()(x, y);
      bool rounded_up = (x < 0) != (y < 0) && T(Wide<T>(quotient) * Wide<T>(y)) != x;
      return rounded_up ? T(quotient - 1) : quotient;
    }
  }
};

/// Integer powers by squaring; negative exponents leave only those of 1 and -1.
template <class T>
struct IntegerPow {
  static constexpr bool serial = true;
  T operator()(T x, T y) const {
    if constexpr (std::is_signed_v<T>) {
      if (y < 0) return x == 1 ? T(1) : x == -1 ? (y % 2 ? T(-1) : T(1)) : T(0);
    }
    Wide<T> result = 1, power = Wide<T>(x);
    for (auto rest = std::make_unsigned_t<T>(y); rest; rest >>= 1, power *= power)
      if (rest & 1) result *= power;
    return T(result);
  }
};
template <class T>
struct IntegerPowTo {
  static constexpr bool serial = true;
  explicit IntegerPowTo(std::span<const Param> params) : exponent(params[0].to<T>()) {}
  T operator()(T x) const { return IntegerPow<T>()(x, exponent); }
  T exponent;
};

// --- Extremes ---

template <class T>
struct Maximum {
  T operator()(T x, T y) const { return x != x ? x : y != y ? y : x < y ? y : x; }
};
template <class T>
struct Minimum {
  T operator()(T x, T y) const { return x != x ? x : y != y ? y : y < x ? y : x; }
};
template <class T>
struct Fmax {
  T operator()(T x, T y) const { return x != x ? y : y != y ? x : x < y ? y : x; }
};
template <class T>
struct Fmin {
  T operator()(T x, T y) const { return x != x ? y : y != y ? x : y < x ? y : x; }
};

// --- Three operands ---

template <class T>
struct Lerp {
  T operator()(T x, T y, T weight) const {
    bool near = std::abs(weight) < T(0.5);
    T factor = near ? weight : weight - 1;
    return std::fma(factor, y - x, near ? x : y);
  }
};
template <class T>
struct Addcmul {
  explicit Addcmul(std::span<const Param> params) : scale(param_or<T>(params, 0, T(1))) {}
  T operator()(T x, T y, T z) const {
    return add_scaled(x, wrapping(scale, y, [](auto a, auto b) { return a * b; }), z);
  }
  T scale;
};
template <class T>
struct Addcdiv {
  explicit Addcdiv(std::span<const Param> params) : scale(param_or<T>(params, 0, T(1))) {}
  T operator()(T x, T y, T z) const { return x + scale * y / z; }
  T scale;
};
template <class T>
struct Copysign {
  T operator()(T x, T y) const { return std::copysign(x, y); }
};

/// Runs Scaled if there is a scale other than 1, else Plain.
template <class Plain, class Scaled, class T>
void maybe_scaled(void* const* pointers, int64_t n, std::span<const Param> params) {
  bool scaled = !params.empty() && params[0].to<double>() != 1.0;
  if (scaled)
    map_loop<T, T, Scaled>(pointers, n, params);
  else
    map_loop<T, T, Plain>(pointers, n, params);
}

template <template <class> class Plain, template <class> class Scaled>
Loop scalable(DType dtype) {
  return dispatch(dtype, []<class T>(CppType<T>) -> Loop {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
      return nullptr;
    else
      return &maybe_scaled<Plain<T>, Scaled<T>, T>;
  });
}

Loop find_arithmetic(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::Add: return scalable<Add, AddScaled>(dtype);
    case Kernel::Sub: return dtype == DType::Bool ? nullptr : scalable<Sub, SubScaled>(dtype);
    case Kernel::Mul: return everything<Mul>(dtype);
    case Kernel::Div: return floating<Div>(dtype);
    case Kernel::Rsub: return numbers<Rsub>(dtype);
    case Kernel::FloorDivide: return numbers<FloorDivide>(dtype);
    case Kernel::TruncDivide: return numbers<TruncDivide>(dtype);
    case Kernel::Remainder: return numbers<Remainder>(dtype);
    case Kernel::Fmod: return numbers<Fmod>(dtype);
    case Kernel::Pow: return integers<IntegerPow>(dtype);
    case Kernel::PowTo: return integers<IntegerPowTo>(dtype);
    case Kernel::Maximum: return everything<Maximum>(dtype);
    case Kernel::Minimum: return everything<Minimum>(dtype);
    case Kernel::Fmax: return everything<Fmax>(dtype);
    case Kernel::Fmin: return everything<Fmin>(dtype);
    case Kernel::Lerp: return floating<Lerp>(dtype);
    case Kernel::Addcmul: return numbers<Addcmul>(dtype);
    case Kernel::Addcdiv: return floating<Addcdiv>(dtype);
    case Kernel::Copysign: return floating<Copysign>(dtype);
    default: return nullptr;
  }
}

Loop find_scalar(Kernel kernel, DType dtype, int scalar) {
  switch (kernel) {
    case Kernel::Add: return floating_scalar<Add>(dtype, scalar);
    case Kernel::Sub: return floating_scalar<Sub>(dtype, scalar);
    case Kernel::Mul: return floating_scalar<Mul>(dtype, scalar);
    case Kernel::Div: return floating_scalar<Div>(dtype, scalar);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_arithmetic);
Loop find_arithmetic(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_arithmetic)(kernel, dtype);
}
HWY_EXPORT(find_scalar);
Loop find_scalar(Kernel kernel, DType dtype, int scalar) {
  return HWY_DYNAMIC_DISPATCH(find_scalar)(kernel, dtype, scalar);
}
}  // namespace rushlight::cpu
#endif
