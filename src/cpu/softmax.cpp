// Softmax and its kin. A row is walked three times while it is in the cache: for its maximum, for
// the sum of exponentials over a fixed number of virtual lanes, and to scale. When the reduced dim
// is not the last, vectors run across the columns instead.

#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "cpu/loops.h"
#include "cpu/simd.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/math-inl.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Virtual lanes of sums: 128 bytes of elements.
template <class T>
constexpr int64_t kLanes = 128 / sizeof(T);

/// Calls `body(i, lane, m)` for vectors of a row of n: m lanes of them count; `lane` is the first
/// virtual lane.
template <class T, class Body>
HWY_INLINE void for_vectors(int64_t n, Body body) {
  const hn::ScalableTag<T> d;
  constexpr int64_t width = int64_t(hn::MaxLanes(d)), vectors = kLanes<T> / width;
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>)
    for (int64_t v = 0; v < vectors; ++v) body(i + v * width, v, width);
  for (int64_t v = 0; i < n; i += width, ++v) body(i, v, std::min(width, n - i));
}

template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, const hn::TFromD<D>* from, int64_t m) {
  return m == int64_t(hn::Lanes(d)) ? hn::LoadU(d, from) : load_some(d, from, m);
}
template <class D>
HWY_INLINE void store_part(hn::Vec<D> v, D d, hn::TFromD<D>* to, int64_t m) {
  if (m == int64_t(hn::Lanes(d)))
    hn::StoreU(v, d, to);
  else
    store_some(v, d, to, m);
}

/// Σ value(i, m) over a row, by virtual lanes and a fixed tree.
template <class T, class Value>
HWY_INLINE T sum_row(int64_t n, Value value) {
  const hn::ScalableTag<T> d;
  constexpr int64_t width = int64_t(hn::MaxLanes(d)), vectors = kLanes<T> / width;
  hn::Vec<decltype(d)> sums[vectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  for_vectors<T>(n, [&](int64_t i, int64_t v, int64_t m) HWY_ATTR {
    auto x = value(i, m);
    if (m < width) x = hn::IfThenElseZero(hn::FirstN(d, size_t(m)), x);
    sums[v] = hn::Add(sums[v], x);
  });
  alignas(64) T lanes[kLanes<T>];
  for (int64_t v = 0; v < vectors; ++v) hn::StoreU(sums[v], d, lanes + v * width);
  for (int64_t half = kLanes<T> / 2; half > 0; half /= 2)
    for (int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

template <class V>
HWY_INLINE V larger_or_nan(V best, V x) {
  return hn::IfThenElse(hn::Or(hn::Lt(best, x), hn::IsNaN(x)), x, best);
}

/// The largest element, or NaN if there is one; -inf for none.
template <class T>
HWY_INLINE T largest(const T* x, int64_t n) {
  const hn::ScalableTag<T> d;
  constexpr int64_t width = int64_t(hn::MaxLanes(d)), vectors = kLanes<T> / width;
  const T low = -std::numeric_limits<T>::infinity();
  hn::Vec<decltype(d)> best[vectors];
  for (auto& v : best) v = hn::Set(d, low);
  auto nan = hn::IsNaN(best[0]);
  for_vectors<T>(n, [&](int64_t i, int64_t v, int64_t m) HWY_ATTR {
    auto a = load_part(d, x + i, m);
    if (m < width) a = hn::IfThenElse(hn::FirstN(d, size_t(m)), a, hn::Set(d, low));
    nan = hn::Or(nan, hn::IsNaN(a));
    best[v] = hn::Max(a, best[v]);
  });
  if (!hn::AllFalse(d, nan)) return std::numeric_limits<T>::quiet_NaN();
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  T result = low;
  for (auto& v : best) {
    hn::Store(v, d, lanes);
    for (T lane : lanes) result = std::max(result, lane);
  }
  return result;
}

template <class T>
void softmax_row(const T* x, T* y, int64_t n) {
  const hn::ScalableTag<T> d;
  auto top = hn::Set(d, largest(x, n));
  T sum = sum_row<T>(n, [&](int64_t i, int64_t m) HWY_ATTR {
    auto e = exp_flushed(d, hn::Sub(load_part(d, x + i, m), top));
    store_part(e, d, y + i, m);
    return e;
  });
  auto share = hn::Set(d, T(1) / sum);
  for_vectors<T>(n, [&](int64_t i, int64_t, int64_t m) HWY_ATTR {
    store_part(hn::Mul(load_part(d, y + i, m), share), d, y + i, m);
  });
}

template <class T>
HWY_INLINE T sum_of_exponentials(const T* x, int64_t n, T top) {
  const hn::ScalableTag<T> d;
  return sum_row<T>(n, [&](int64_t i, int64_t m) HWY_ATTR {
    return exp_flushed(d, hn::Sub(load_part(d, x + i, m), hn::Set(d, top)));
  });
}

template <class T>
void log_softmax_row(const T* x, T* y, int64_t n) {
  const hn::ScalableTag<T> d;
  T top = largest(x, n);
  auto logarithm = hn::Set(d, T(std::log(sum_of_exponentials(x, n, top))));
  for_vectors<T>(n, [&](int64_t i, int64_t, int64_t m) HWY_ATTR {
    auto shifted = hn::Sub(load_part(d, x + i, m), hn::Set(d, top));
    store_part(hn::Sub(shifted, logarithm), d, y + i, m);
  });
}

template <class T>
T logsumexp_row(const T* x, int64_t n) {
  T top = largest(x, n);
  if (std::isinf(top)) top = 0;  // the sum is infinite or zero by itself
  return std::log(sum_of_exponentials(x, n, top)) + top;
}

template <class T>
void softmax_backward_row(const T* grad, const T* y, T* result, int64_t n) {
  const hn::ScalableTag<T> d;
  T sum = sum_row<T>(n, [&](int64_t i, int64_t m) HWY_ATTR {
    return hn::Mul(load_part(d, grad + i, m), load_part(d, y + i, m));
  });
  for_vectors<T>(n, [&](int64_t i, int64_t, int64_t m) HWY_ATTR {
    auto shifted = hn::Sub(load_part(d, grad + i, m), hn::Set(d, sum));
    store_part(hn::Mul(shifted, load_part(d, y + i, m)), d, result + i, m);
  });
}

template <class T>
void log_softmax_backward_row(const T* grad, const T* y, T* result, int64_t n) {
  const hn::ScalableTag<T> d;
  T sum = sum_row<T>(n, [&](int64_t i, int64_t m) HWY_ATTR { return load_part(d, grad + i, m); });
  for_vectors<T>(n, [&](int64_t i, int64_t, int64_t m) HWY_ATTR {
    auto e = exp(d, load_part(d, y + i, m));
    store_part(hn::NegMulAdd(e, hn::Set(d, sum), load_part(d, grad + i, m)), d, result + i, m);
  });
}

// --- Columns: `m` of them, rows `inner` elements apart ---

template <class T>
void softmax_columns(bool logarithm, const T* x, T* y, int64_t n, int64_t inner, int64_t m) {
  const hn::ScalableTag<T> d;
  auto top = hn::Set(d, -std::numeric_limits<T>::infinity()), sum = hn::Zero(d);
  for (int64_t i = 0; i < n; ++i) top = larger_or_nan(top, load_part(d, x + i * inner, m));
  for (int64_t i = 0; i < n; ++i) {
    auto e = exp_flushed(d, hn::Sub(load_part(d, x + i * inner, m), top));
    sum = hn::Add(sum, e);
    if (!logarithm) store_part(e, d, y + i * inner, m);
  }
  sum = logarithm ? log(d, sum) : hn::Div(number(d, 1), sum);
  for (int64_t i = 0; i < n; ++i) {
    auto v = logarithm ? hn::Sub(hn::Sub(load_part(d, x + i * inner, m), top), sum)
                       : hn::Mul(load_part(d, y + i * inner, m), sum);
    store_part(v, d, y + i * inner, m);
  }
}

template <class T>
void softmax_backward_columns(bool logarithm, const T* grad, const T* y, T* result, int64_t n,
                              int64_t inner, int64_t m) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < n; ++i) {
    auto g = load_part(d, grad + i * inner, m);
    sum = hn::Add(sum, logarithm ? g : hn::Mul(g, load_part(d, y + i * inner, m)));
  }
  for (int64_t i = 0; i < n; ++i) {
    auto g = load_part(d, grad + i * inner, m), v = load_part(d, y + i * inner, m);
    auto slope = logarithm ? hn::NegMulAdd(exp(d, v), sum, g) : hn::Mul(hn::Sub(g, sum), v);
    store_part(slope, d, result + i * inner, m);
  }
}

template <class T>
void logsumexp_columns(const T* x, T* y, int64_t n, int64_t inner, int64_t m) {
  const hn::ScalableTag<T> d;
  auto top = hn::Set(d, -std::numeric_limits<T>::infinity()), sum = hn::Zero(d);
  for (int64_t i = 0; i < n; ++i) top = larger_or_nan(top, load_part(d, x + i * inner, m));
  top = hn::IfThenZeroElse(hn::Eq(hn::Abs(top), infinity(d, top)), top);
  for (int64_t i = 0; i < n; ++i)
    sum = hn::Add(sum, exp_flushed(d, hn::Sub(load_part(d, x + i * inner, m), top)));
  store_part(hn::Add(log(d, sum), top), d, y, m);
}

// --- Slices: one index of the outer dim ---

template <class T>
void softmax_slice(bool logarithm, int64_t n, int64_t inner, const void* from, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (inner == 1) return logarithm ? log_softmax_row(x, y, n) : softmax_row(x, y, n);
  constexpr int64_t width = int64_t(hn::MaxLanes(hn::ScalableTag<T>()));
  for (int64_t c = 0; c < inner; c += width)
    softmax_columns(logarithm, x + c, y + c, n, inner, std::min(width, inner - c));
}

template <class T>
void softmax_backward_slice(bool logarithm, int64_t n, int64_t inner, const void* gradient,
                            const void* output, void* to) {
  const T *grad = static_cast<const T*>(gradient), *y = static_cast<const T*>(output);
  T* result = static_cast<T*>(to);
  if (inner == 1)
    return logarithm ? log_softmax_backward_row(grad, y, result, n)
                     : softmax_backward_row(grad, y, result, n);
  constexpr int64_t width = int64_t(hn::MaxLanes(hn::ScalableTag<T>()));
  for (int64_t c = 0; c < inner; c += width)
    softmax_backward_columns(logarithm, grad + c, y + c, result + c, n, inner,
                             std::min(width, inner - c));
}

template <class T>
void logsumexp_slice(int64_t n, int64_t inner, const void* from, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (inner == 1) {
    *y = logsumexp_row(x, n);
    return;
  }
  constexpr int64_t width = int64_t(hn::MaxLanes(hn::ScalableTag<T>()));
  for (int64_t c = 0; c < inner; c += width)
    logsumexp_columns(x + c, y + c, n, inner, std::min(width, inner - c));
}

void softmax_floats(bool wide, bool logarithm, int64_t n, int64_t inner, const void* x, void* y) {
  (wide ? softmax_slice<double> : softmax_slice<float>)(logarithm, n, inner, x, y);
}
void softmax_backward_floats(bool wide, bool logarithm, int64_t n, int64_t inner, const void* grad,
                             const void* y, void* result) {
  (wide ? softmax_backward_slice<double> : softmax_backward_slice<float>)(logarithm, n, inner, grad,
                                                                          y, result);
}
void logsumexp_floats(bool wide, int64_t n, int64_t inner, const void* x, void* y) {
  (wide ? logsumexp_slice<double> : logsumexp_slice<float>)(n, inner, x, y);
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight {
namespace cpu {
HWY_EXPORT(softmax_floats);
HWY_EXPORT(softmax_backward_floats);
HWY_EXPORT(logsumexp_floats);
}  // namespace cpu
using namespace cpu;  // the dispatch takes no qualified names where there is one target alone

namespace {

/// A slice of a tensor in a dtype that is computed in: itself, or a float32 copy of a 16-bit float.
class Slice {
 public:
  Slice(DType dtype, int64_t count, const void* data) : dtype_(dtype), count_(count) {
    data_ = const_cast<void*>(data);
    if (!is_half(dtype)) return;
    copy_ = std::make_unique_for_overwrite<float[]>(size_t(count));
  }
  const void* loaded() {
    if (copy_) convert(dtype_, DType::Float32, data_, copy_.get());
    return target();
  }
  void* target() { return copy_ ? copy_.get() : data_; }
  void store() {
    if (copy_) convert(DType::Float32, dtype_, copy_.get(), data_);
  }

 private:
  void convert(DType from, DType to, void* source, void* destination) const {
    void* pointers[2] = {destination, source};
    cpu::find_convert(from, to)(pointers, count_, {});
  }
  DType dtype_;
  int64_t count_;
  void* data_;
  std::unique_ptr<float[]> copy_;
};

void check_floating(const char* name, DType dtype) {
  if (!is_floating(dtype))
    fail(ErrorKind::NotImplemented, "\"", name, "\" not implemented for '", info(dtype).spoken,
         "'");
}

const char* at(const void* data, int64_t elements, DType dtype) {
  return static_cast<const char*>(data) + elements * size_of(dtype);
}
char* at(void* data, int64_t elements, DType dtype) {
  return static_cast<char*>(data) + elements * size_of(dtype);
}

/// Calls `body` for parts of the outer dim that hold at least 32,768 elements.
void for_slices(int64_t outer, int64_t slice, FunctionRef<void(int64_t, int64_t)> body) {
  constexpr int64_t least = 32 << 10;
  parallel_for(outer, std::max<int64_t>(1, least / std::max<int64_t>(1, slice)), body);
}

}  // namespace

void run_softmax(bool logarithm, DType dtype, int64_t outer, int64_t n, int64_t inner,
                 const void* input, void* output) {
  check_floating(logarithm ? "log_softmax" : "softmax", dtype);
  int64_t slice = n * inner;
  if (slice == 0) return;
  for_slices(outer, slice, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Slice x(dtype, slice, at(input, i * slice, dtype)),
          y(dtype, slice, at(output, i * slice, dtype));
      HWY_DYNAMIC_DISPATCH(softmax_floats)
      (dtype == DType::Float64, logarithm, n, inner, x.loaded(), y.target());
      y.store();
    }
  });
}

void run_softmax_backward(bool logarithm, DType dtype, int64_t outer, int64_t n, int64_t inner,
                          const void* grad, const void* output, void* result) {
  check_floating(logarithm ? "log_softmax_backward" : "softmax_backward", dtype);
  int64_t slice = n * inner;
  if (slice == 0) return;
  for_slices(outer, slice, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Slice g(dtype, slice, at(grad, i * slice, dtype)),
          y(dtype, slice, at(output, i * slice, dtype));
      Slice target(dtype, slice, at(result, i * slice, dtype));
      HWY_DYNAMIC_DISPATCH(softmax_backward_floats)
      (dtype == DType::Float64, logarithm, n, inner, g.loaded(), y.loaded(), target.target());
      target.store();
    }
  });
}

void run_logsumexp(DType dtype, int64_t outer, int64_t n, int64_t inner, const void* input,
                   void* output) {
  check_floating("logsumexp", dtype);
  int64_t slice = n * inner;
  for_slices(outer, slice, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Slice x(dtype, slice, at(input, i * slice, dtype)),
          y(dtype, inner, at(output, i * inner, dtype));
      HWY_DYNAMIC_DISPATCH(logsumexp_floats)
      (dtype == DType::Float64, n, inner, x.loaded(), y.target());
      y.store();
    }
  });
}

}  // namespace rushlight
#endif
