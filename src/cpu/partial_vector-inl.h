// Loads and stores of the first few lanes of a vector, touching no memory beyond them.
// Included once a SIMD target, after hwy/highway.h.

#if defined(RUSHLIGHT_PARTIAL_VECTOR) == defined(HWY_TARGET_TOGGLE)
#ifdef RUSHLIGHT_PARTIAL_VECTOR
#undef RUSHLIGHT_PARTIAL_VECTOR
#else
#define RUSHLIGHT_PARTIAL_VECTOR
#endif

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace {

/// `count` lanes from memory (0 <= count <= lanes), the others zero.
template <class D, class T = hwy::HWY_NAMESPACE::TFromD<D>>
HWY_INLINE auto load_first(D d, const T* from, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T buffer[hn::MaxLanes(D{})] = {};
  std::copy_n(from, count, buffer);
  return hn::Load(d, buffer);
#else
  return hn::MaskedLoad(hn::FirstN(d, size_t(count)), d, from);
#endif
}

template <class V, class D, class T = hwy::HWY_NAMESPACE::TFromD<D>>
HWY_INLINE void store_first(V value, D d, T* to, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T buffer[hn::MaxLanes(D{})];
  hn::Store(value, d, buffer);
  std::copy_n(buffer, count, to);
#else
  hn::BlendedStore(value, hn::FirstN(d, size_t(count)), d, to);
#endif
}

}  // namespace
}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
