// Contiguous loops over vector functions, and loads and stores of less than a vector.
// Included inside Highway's multi-pass files only.

#if defined(RUSHLIGHT_CPU_VECTOR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RUSHLIGHT_CPU_VECTOR_INL_H
#undef RUSHLIGHT_CPU_VECTOR_INL_H
#else
#define RUSHLIGHT_CPU_VECTOR_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "cpu/loops.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Loads n < Lanes(d) elements; the other lanes are zero. Never reads beyond them.
template <class D>
HWY_INLINE hn::Vec<D> load_some(D d, const hn::TFromD<D>* from, int64_t n) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, size_t(n)), d, from);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)] = {};
  std::memcpy(lanes, from, size_t(n) * sizeof(lanes[0]));
  return hn::Load(d, lanes);
#endif
}

/// Stores the first n < Lanes(d) lanes.
template <class D>
HWY_INLINE void store_some(hn::Vec<D> v, D d, hn::TFromD<D>* to, int64_t n) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, size_t(n)), d, to);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  std::memcpy(to, lanes, size_t(n) * sizeof(lanes[0]));
#endif
}

/// output = op(d, x) or op(d, x, y), by vectors of T. An Op with parameters is constructed from
/// them.
template <class T, class Op, int inputs>
void vector_loop(void* const* pointers, int64_t n, std::span<const Param> params) {
  const hn::ScalableTag<T> d;
  const int64_t width = int64_t(hn::Lanes(d));
  const Op op = [&] {
    if constexpr (std::is_constructible_v<Op, std::span<const Param>>)
      return Op(params);
    else
      return Op{};
  }();
  T* output = static_cast<T*>(pointers[0]);
  const T* x = static_cast<const T*>(pointers[1]);
  int64_t i = 0;
  if constexpr (inputs == 1) {
    for (; i + width <= n; i += width) hn::StoreU(op(d, hn::LoadU(d, x + i)), d, output + i);
    if (i < n) store_some(op(d, load_some(d, x + i, n - i)), d, output + i, n - i);
  } else {
    const T* y = static_cast<const T*>(pointers[2]);
    for (; i + width <= n; i += width)
      hn::StoreU(op(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, output + i);
    if (i < n) {
      auto v = op(d, load_some(d, x + i, n - i), load_some(d, y + i, n - i));
      store_some(v, d, output + i, n - i);
    }
  }
}

template <class Op, int inputs = 1>
Loop floating_vector(DType dtype) {
  if (dtype == DType::Float32) return &vector_loop<float, Op, inputs>;
  if (dtype == DType::Float64) return &vector_loop<double, Op, inputs>;
  return nullptr;
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
