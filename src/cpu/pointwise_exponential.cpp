// Exponentials, logarithms, circles and hyperbolas, by vectors.

#include "cpu/loops.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pointwise_exponential.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/math-inl.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

struct Exp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return exp(d, x);
  }
};
struct Exp2 {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return exp2(d, x);
  }
};
struct Expm1 {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return expm1(d, x);
  }
};
struct Log {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return log(d, x);
  }
};
struct Log2 {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return log2(d, x);
  }
};
struct Log10 {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return log10(d, x);
  }
};
struct Log1p {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return log1p(d, x);
  }
};
struct Sin {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return sin(d, x);
  }
};
struct Cos {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return cos(d, x);
  }
};
struct Tan {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return tan(d, x);
  }
};
struct Sinh {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return sinh(d, x);
  }
};
struct Cosh {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return cosh(d, x);
  }
};
struct Tanh {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return tanh(d, x);
  }
};

struct Pow {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V y) const {
    return pow(d, x, y);
  }
};

Loop find_exponential(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::Exp: return floating_vector<Exp>(dtype);
    case Kernel::Exp2: return floating_vector<Exp2>(dtype);
    case Kernel::Expm1: return floating_vector<Expm1>(dtype);
    case Kernel::Log: return floating_vector<Log>(dtype);
    case Kernel::Log2: return floating_vector<Log2>(dtype);
    case Kernel::Log10: return floating_vector<Log10>(dtype);
    case Kernel::Log1p: return floating_vector<Log1p>(dtype);
    case Kernel::Sin: return floating_vector<Sin>(dtype);
    case Kernel::Cos: return floating_vector<Cos>(dtype);
    case Kernel::Tan: return floating_vector<Tan>(dtype);
    case Kernel::Sinh: return floating_vector<Sinh>(dtype);
    case Kernel::Cosh: return floating_vector<Cosh>(dtype);
    case Kernel::Tanh: return floating_vector<Tanh>(dtype);
    // In float64 powers come from the library: see pointwise_special.cpp.
    case Kernel::Pow: return dtype == DType::Float32 ? &vector_loop<float, Pow, 2> : nullptr;
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_exponential);
Loop find_exponential(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_exponential)(kernel, dtype);
}
}  // namespace rushlight::cpu
#endif
