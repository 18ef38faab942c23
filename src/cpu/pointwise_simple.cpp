// Functions of one input that take a few instructions: signs, roots, roundings, filling.

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pointwise_simple.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

template <class T>
void fill_loop(void* const* pointers, int64_t n, std::span<const Param> params) {
  std::fill_n(static_cast<T*>(pointers[0]), n, params[0].to<T>());
}

Loop find_fill(DType dtype) {
  return dispatch(dtype, []<class T>(CppType<T>) -> Loop {
    if constexpr (std::is_arithmetic_v<T>)
      return &fill_loop<T>;
    else
      return nullptr;
  });
}

template <class T>
using Wide = std::conditional_t<(sizeof(T) < 8), uint32_t, uint64_t>;

template <class T>
struct Neg {
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return T(Wide<T>(0) - Wide<T>(x));
    else
      return -x;
  }
};
template <class T>
struct Abs {
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::abs(x);
    else if constexpr (std::is_signed_v<T>)
      return x < 0 ? Neg<T>()(x) : x;
    else
      return x;
  }
};
template <class T>
struct Sign {
  T operator()(T x) const { return T((T(0) < x) - (x < T(0))); }
};
template <class T>
struct Square {
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return T(Wide<T>(x) * Wide<T>(x));
    else
      return x * x;
  }
};
template <class T>
struct Reciprocal {
  T operator()(T x) const { return T(1) / x; }
};
template <class T>
struct Sqrt {
  T operator()(T x) const { return std::sqrt(x); }
};
template <class T>
struct Rsqrt {
  T operator()(T x) const { return T(1) / std::sqrt(x); }
};

// --- Rounding: integers are whole already ---

template <class T>
struct Floor {
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::floor(x);
    else
      return x;
  }
};
template <class T>
struct Ceil {
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::ceil(x);
    else
      return x;
  }
};
template <class T>
struct Trunc {
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::trunc(x);
    else
      return x;
  }
};
template <class T>
struct Round {
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::nearbyint(x);
    else
      return x;
  }
};
template <class T>
struct RoundDecimals {
  explicit RoundDecimals(std::span<const Param> params) {
    int64_t decimals = params[0].to<int64_t>();
    power = T(std::pow(10.0, double(std::abs(decimals))));
    divides = decimals < 0;
  }
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return divides ? std::nearbyint(x / power) * power : std::nearbyint(x * power) / power;
    else
      return x;
  }
  T power;
  bool divides;
};
template <class T>
void round_loop(void* const* pointers, int64_t n, std::span<const Param> params) {
  bool whole = params.empty() || params[0].to<int64_t>() == 0;
  if (whole)
    map_loop<T, T, Round<T>>(pointers, n, params);
  else
    map_loop<T, T, RoundDecimals<T>>(pointers, n, params);
}
Loop find_round(DType dtype) {
  if (dtype == DType::Float32) return &round_loop<float>;
  if (dtype == DType::Float64) return &round_loop<double>;
  return integers<Round>(dtype);
}
template <class T>
struct Frac {
  T operator()(T x) const { return x - std::trunc(x); }
};

// --- Pieces of lines ---

template <class T>
struct Relu {
  T operator()(T x) const { return x < T(0) ? T(0) : x; }
};
template <class T>
struct LeakyRelu {
  explicit LeakyRelu(std::span<const Param> params) : slope(param_or<T>(params, 0, T(0.01))) {}
  T operator()(T x) const {
    T scaled = x * slope;
    return x > 0 ? x : scaled;
  }
  T slope;
};
template <class T>
struct LeakyReluBackward {
  explicit LeakyReluBackward(std::span<const Param> params)
      : slope(param_or<T>(params, 0, T(0.01))) {}
  T operator()(T grad, T x) const {
    T scaled = grad * slope;
    return x > 0 ? grad : scaled;
  }
  T slope;
};
template <class T>
struct SigmoidBackward {
  T operator()(T grad, T y) const { return grad * (T(1) - y) * y; }
};
template <class T>
struct TanhBackward {
  T operator()(T grad, T y) const { return grad * (T(1) - y * y); }
};

Loop find_simple(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::Fill: return find_fill(dtype);
    case Kernel::Neg: return numbers<Neg>(dtype);
    case Kernel::Abs: return everything<Abs>(dtype);
    case Kernel::Sign: return everything<Sign>(dtype);
    case Kernel::Square: return numbers<Square>(dtype);
    case Kernel::Reciprocal: return floating<Reciprocal>(dtype);
    case Kernel::Sqrt: return floating<Sqrt>(dtype);
    case Kernel::Rsqrt: return floating<Rsqrt>(dtype);
    case Kernel::Floor: return numbers<Floor>(dtype);
    case Kernel::Ceil: return numbers<Ceil>(dtype);
    case Kernel::Trunc: return numbers<Trunc>(dtype);
    case Kernel::Round: return find_round(dtype);
    case Kernel::Frac: return floating<Frac>(dtype);
    case Kernel::Relu: return numbers<Relu>(dtype);
    case Kernel::LeakyRelu: return floating<LeakyRelu>(dtype);
    case Kernel::LeakyReluBackward: return floating<LeakyReluBackward>(dtype);
    case Kernel::SigmoidBackward: return floating<SigmoidBackward>(dtype);
    case Kernel::TanhBackward: return floating<TanhBackward>(dtype);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_simple);
Loop find_simple(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_simple)(kernel, dtype);
}
}  // namespace rushlight::cpu
#endif
