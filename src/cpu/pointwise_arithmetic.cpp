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
}  // namespace rushlight::cpu
#endif
