// Contiguous loops over plain C++ functions, compiled once for each SIMD target; the compiler
// vectorises them. Included inside Highway's multi-pass files only.

#if defined(RUSHLIGHT_CPU_MAP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RUSHLIGHT_CPU_MAP_INL_H
#undef RUSHLIGHT_CPU_MAP_INL_H
#else
#define RUSHLIGHT_CPU_MAP_INL_H
#endif

#include <hwy/highway.h>

#include "cpu/loops.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

/// An Op is a function object over T; one with parameters is constructed from them.
template <class Op>
HWY_INLINE Op make_op(std::span<const Param> params) {
  if constexpr (std::is_constructible_v<Op, std::span<const Param>>)
    return Op(params);
  else
    return Op{};
}

/// An Op that may throw, or that the compiler can't vectorise, says `serial`.
template <class Op>
constexpr bool is_serial() {
  if constexpr (requires { Op::serial; })
    return Op::serial;
  else
    return false;
}

/// output[i] = op(i) for all i. "omp simd" says that elements are independent, as they are even
/// when the output is one of the inputs.
template <bool serial, class R, class F>
HWY_INLINE void for_elements(R* output, int64_t n, F op) {
  if constexpr (serial) {
    for (int64_t i = 0; i < n; ++i) output[i] = op(i);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) output[i] = op(i);
  }
}

template <class R, class T, class Op>
void map_loop(void* const* pointers, int64_t n, std::span<const Param> params) {
  const Op op = make_op<Op>(params);
  constexpr bool serial = is_serial<Op>();
  R* output = static_cast<R*>(pointers[0]);
  if constexpr (requires(T v) { op(v); }) {
    const T* x = static_cast<const T*>(pointers[1]);
    for_elements<serial>(output, n, [=](int64_t i) HWY_ATTR { return op(x[i]); });
  } else if constexpr (requires(T v) { op(v, v); }) {
    const T* x = static_cast<const T*>(pointers[1]);
    const T* y = static_cast<const T*>(pointers[2]);
    for_elements<serial>(output, n, [=](int64_t i) HWY_ATTR { return op(x[i], y[i]); });
  } else {
    const T* x = static_cast<const T*>(pointers[1]);
    const T* y = static_cast<const T*>(pointers[2]);
    const T* z = static_cast<const T*>(pointers[3]);
    for_elements<serial>(output, n, [=](int64_t i) HWY_ATTR { return op(x[i], y[i], z[i]); });
  }
}

/// The same for two inputs of which one, input number `scalar`, is a single number.
template <class T, class Op, int scalar>
void map_scalar_loop(void* const* pointers, int64_t n, std::span<const Param>) {
  const Op op{};
  const T number = *static_cast<const T*>(pointers[scalar]);
  const T* x = static_cast<const T*>(pointers[3 - scalar]);
  for_elements<is_serial<Op>()>(static_cast<T*>(pointers[0]), n, [=](int64_t i) HWY_ATTR {
    return scalar == 1 ? op(number, x[i]) : op(x[i], number);
  });
}

template <template <class> class Op>
Loop floating_scalar(DType dtype, int scalar) {
  bool first = scalar == 1;
  if (dtype == DType::Float32)
    return first ? &map_scalar_loop<float, Op<float>, 1> : &map_scalar_loop<float, Op<float>, 2>;
  if (dtype == DType::Float64)
    return first ? &map_scalar_loop<double, Op<double>, 1>
                 : &map_scalar_loop<double, Op<double>, 2>;
  return nullptr;
}

/// The loop of Op for a dtype of the kind its name says; null for other dtypes.
template <template <class> class Op>
Loop floating(DType dtype) {
  if (dtype == DType::Float32) return &map_loop<float, float, Op<float>>;
  if (dtype == DType::Float64) return &map_loop<double, double, Op<double>>;
  return nullptr;
}

template <template <class> class Op>
Loop integers(DType dtype) {
  switch (dtype) {
    case DType::UInt8: return &map_loop<uint8_t, uint8_t, Op<uint8_t>>;
    case DType::Int8: return &map_loop<int8_t, int8_t, Op<int8_t>>;
    case DType::Int16: return &map_loop<int16_t, int16_t, Op<int16_t>>;
    case DType::Int32: return &map_loop<int32_t, int32_t, Op<int32_t>>;
    case DType::Int64: return &map_loop<int64_t, int64_t, Op<int64_t>>;
    default: return nullptr;
  }
}

template <template <class> class Op>
Loop numbers(DType dtype) {
  Loop loop = integers<Op>(dtype);
  return loop ? loop : floating<Op>(dtype);
}

/// Numbers and bool, as long as Op is written for bool too.
template <template <class> class Op>
Loop everything(DType dtype) {
  if (dtype == DType::Bool) return &map_loop<bool, bool, Op<bool>>;
  return numbers<Op>(dtype);
}

/// The same for predicates, whose result is bool.
template <template <class> class Op>
Loop predicate(DType dtype) {
  switch (dtype) {
    case DType::Bool:  // bytes of 0 and 1 compare alike, and vectorise better
    case DType::UInt8: return &map_loop<bool, uint8_t, Op<uint8_t>>;
    case DType::Int8: return &map_loop<bool, int8_t, Op<int8_t>>;
    case DType::Int16: return &map_loop<bool, int16_t, Op<int16_t>>;
    case DType::Int32: return &map_loop<bool, int32_t, Op<int32_t>>;
    case DType::Int64: return &map_loop<bool, int64_t, Op<int64_t>>;
    case DType::Float32: return &map_loop<bool, float, Op<float>>;
    case DType::Float64: return &map_loop<bool, double, Op<double>>;
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
