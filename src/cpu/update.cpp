// One function object an optimizer; each lane follows the steps of PyTorch's tensor operations,
// with `round` where an operation ended and its result went to memory.

#include "cpu/update.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cpu/simd.h"
#include "runtime/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/update.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

/// How elements of type T become vectors in which to compute; 16-bit formats compute in float.
template <class T>
struct Elements {
  static constexpr bool kHalf = sizeof(T) == 2;
  using Compute = std::conditional_t<kHalf, float, T>;
  using D = hn::ScalableTag<Compute>;
  using V = hn::Vec<D>;
  static constexpr D d{};

  static HWY_INLINE V load(const T* from, int64_t n, bool whole) {
    if constexpr (kHalf) {
      HWY_ALIGN float lanes[hn::MaxLanes(D{})] = {};
      for (int64_t i = 0; i < n; ++i) lanes[i] = float(from[i]);
      return hn::Load(d, lanes);
    } else {
      return whole ? hn::LoadU(d, from) : load_some(d, from, n);
    }
  }
  static HWY_INLINE void store(V v, T* to, int64_t n, bool whole) {
    if constexpr (kHalf) {
      HWY_ALIGN float lanes[hn::MaxLanes(D{})];
      hn::Store(v, d, lanes);
      for (int64_t i = 0; i < n; ++i) to[i] = T(lanes[i]);
    } else if (whole) {
      hn::StoreU(v, d, to);
    } else {
      store_some(v, d, to, n);
    }
  }
  /// What is left of a value that went to memory.
  static HWY_INLINE V round(V v) {
    if constexpr (kHalf) {
      HWY_ALIGN float lanes[hn::MaxLanes(D{})];
      hn::Store(v, d, lanes);
      for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = float(T(lanes[i]));
      return hn::Load(d, lanes);
    } else {
      return v;
    }
  }
  static HWY_INLINE V set(double value) { return hn::Set(d, Compute(value)); }
  /// A number that PyTorch converts to T, not to the type it computes in.
  static HWY_INLINE V converted(double value) { return hn::Set(d, Compute(T(Compute(value)))); }
};

// The tensor operations that optimizers are made of.

/// x.add(y, alpha=scale)
template <class E, class V>
HWY_INLINE V add(E, V x, V y, double scale) {
  return E::round(hn::MulAdd(E::converted(scale), y, x));
}
/// x.add(number)
template <class E, class V>
HWY_INLINE V plus(E, V x, double number) {
  return E::round(hn::Add(x, E::converted(number)));
}
/// x.mul(factor)
template <class E, class V>
HWY_INLINE V times(E, V x, double factor) {
  return E::round(hn::Mul(x, E::set(factor)));
}
/// x.lerp(end, weight)
template <class E, class V>
HWY_INLINE V lerp(E, V x, V end, double weight) {
  using T = typename E::Compute;
  const T w = T(weight);
  const bool near = std::abs(w) < T(0.5);
  return E::round(hn::MulAdd(hn::Set(E::d, near ? w : w - T(1)), hn::Sub(end, x), near ? x : end));
}
/// x.addcmul(y, z, value=scale)
template <class E, class V>
HWY_INLINE V addcmul(E, V x, V y, V z, double scale) {
  return E::round(hn::MulAdd(hn::Mul(E::set(scale), y), z, x));
}
/// x.addcdiv(y, z, value=scale)
template <class E, class V>
HWY_INLINE V addcdiv(E, V x, V y, V z, double scale) {
  return E::round(hn::Add(x, hn::Div(hn::Mul(E::set(scale), y), z)));
}
/// torch.maximum(x, y): NaN if either is.
template <class E, class V>
HWY_INLINE V maximum(E, V x, V y) {
  V larger = hn::IfThenElse(hn::Gt(x, y), x, y);
  return hn::IfThenElse(hn::IsNaN(x), x, larger);
}
template <class E, class V>
HWY_INLINE V root(E, V x) {
  return E::round(hn::Sqrt(x));
}

/// The gradient that the rule sees: of what is to be made smaller, with weight decay.
template <class Rule, class E, class V>
HWY_INLINE V effective_gradient(const Rule& rule, E e, V parameter, V gradient) {
  if constexpr (requires { Rule::kPlain; }) return gradient;
  if (rule.maximize) gradient = hn::Neg(gradient);
  return rule.weight_decay != 0 ? add(e, gradient, parameter, rule.weight_decay) : gradient;
}

// One step of each rule: p is the parameter, g the gradient; a, b, c what is remembered.

template <class Rule, class E, class V>
requires std::is_base_of_v<SgdUpdate, Rule> HWY_INLINE void step(const Rule& rule, E e, V& p, V g,
                                                                 V& a, V&, V&) {
  g = effective_gradient(rule, e, p, g);
  if (!requires { Rule::kDescent; } && rule.momentum != 0) {
    a = rule.first ? g : add(e, times(e, a, rule.momentum), g, 1 - rule.dampening);
    g = rule.nesterov ? add(e, g, a, rule.momentum) : a;
  }
  p = add(e, p, g, -rule.lr);
}

template <class Rule, class E, class V>
requires std::is_base_of_v<AdamUpdate, Rule> HWY_INLINE void step(const Rule& rule, E e, V& p, V g,
                                                                  V& a, V& b, V& c) {
  if (rule.shrink != 1) p = times(e, p, rule.shrink);
  g = effective_gradient(rule, e, p, g);
  a = lerp(e, a, g, 1 - rule.beta1);
  b = addcmul(e, times(e, b, rule.beta2), g, g, 1 - rule.beta2);
  V second = b;
  if (rule.amsgrad) second = c = maximum(e, c, b);
  V quotient = E::round(hn::Div(root(e, second), E::set(rule.denominator)));
  p = addcdiv(e, p, a, plus(e, quotient, rule.eps), -rule.step_size);
}

template <class E, class V>
HWY_INLINE void step(const RmspropUpdate& rule, E e, V& p, V g, V& a, V& b, V& c) {
  g = effective_gradient(rule, e, p, g);
  a = addcmul(e, times(e, a, rule.alpha), g, g, 1 - rule.alpha);
  V average = a;
  if (rule.centered) {
    c = lerp(e, c, g, 1 - rule.alpha);
    average = addcmul(e, a, c, c, -1);
  }
  average = plus(e, root(e, average), rule.eps);
  if (rule.momentum > 0) {
    b = addcdiv(e, times(e, b, rule.momentum), g, average, 1);
    p = add(e, p, b, -rule.lr);
  } else {
    p = addcdiv(e, p, g, average, -rule.lr);
  }
}

template <class E, class V>
HWY_INLINE void step(const AdagradUpdate& rule, E e, V& p, V g, V& a, V&, V&) {
  g = effective_gradient(rule, e, p, g);
  a = addcmul(e, a, g, g, 1);
  p = addcdiv(e, p, g, plus(e, root(e, a), rule.eps), -rule.lr);
}

template <class E, class V>
HWY_INLINE void step(const AdadeltaUpdate& rule, E e, V& p, V g, V& a, V& b, V&) {
  g = effective_gradient(rule, e, p, g);
  a = addcmul(e, times(e, a, rule.rho), g, g, 1 - rule.rho);
  V deviation = root(e, plus(e, a, rule.eps));
  V delta = root(e, plus(e, b, rule.eps));
  delta = E::round(hn::Mul(E::round(hn::Div(delta, deviation)), g));
  b = addcmul(e, times(e, b, rule.rho), delta, delta, 1 - rule.rho);
  p = add(e, p, delta, -rule.lr);
}

template <class E, class V>
HWY_INLINE void step(const AdamaxUpdate& rule, E e, V& p, V g, V& a, V& b, V&) {
  g = effective_gradient(rule, e, p, g);
  a = lerp(e, a, g, 1 - rule.beta1);
  V size = plus(e, hn::Abs(g), rule.eps);
  b = maximum(e, times(e, b, rule.beta2), size);
  p = addcdiv(e, p, a, b, -rule.step_size);
}

template <class E, class V>
HWY_INLINE void step(const NadamUpdate& rule, E e, V& p, V g, V& a, V& b, V&) {
  if (rule.shrink != 1) p = times(e, p, rule.shrink);
  g = effective_gradient(rule, e, p, g);
  a = lerp(e, a, g, 1 - rule.beta1);
  b = addcmul(e, times(e, b, rule.beta2), g, g, 1 - rule.beta2);
  V second = root(e, E::round(hn::Div(b, E::set(rule.bias_correction2))));
  second = plus(e, second, rule.eps);
  p = addcdiv(e, p, g, second, rule.gradient_size);
  p = addcdiv(e, p, a, second, rule.momentum_size);
}

template <class E, class V>
HWY_INLINE void step(const RadamUpdate& rule, E e, V& p, V g, V& a, V& b, V&) {
  if (rule.shrink != 1) p = times(e, p, rule.shrink);
  g = effective_gradient(rule, e, p, g);
  a = lerp(e, a, g, 1 - rule.beta1);
  b = addcmul(e, times(e, b, rule.beta2), g, g, 1 - rule.beta2);
  V change = times(e, E::round(hn::Div(a, E::set(rule.bias_correction1))), rule.lr);
  if (rule.rectification != 0) {
    // A number over a tensor is the tensor's reciprocal times the number.
    V second = plus(e, root(e, b), rule.eps);
    V rate = times(e, E::round(hn::Div(E::set(1), second)), rule.root);
    change = times(e, E::round(hn::Mul(change, rate)), rule.rectification);
  }
  p = add(e, p, change, -1);
}

template <class E, class V>
HWY_INLINE void step(const RpropUpdate& rule, E e, V& p, V g, V& a, V& b, V&) {
  if (rule.maximize) g = hn::Neg(g);
  const V zero = hn::Zero(e.d), one = E::set(1);
  V agreement = E::round(hn::Mul(g, a));
  V rate = hn::IfThenElse(hn::Gt(agreement, zero), E::round(E::set(rule.grow)), one);
  rate = hn::IfThenElse(hn::Lt(agreement, zero), E::round(E::set(rule.shrink)), rate);
  rate = hn::IfThenElse(hn::IsNaN(agreement), agreement, rate);
  b = E::round(hn::Mul(b, rate));
  V clamped = hn::Min(hn::Max(b, E::set(rule.smallest)), E::set(rule.largest));
  b = hn::IfThenElse(hn::IsNaN(b), b, E::round(clamped));
  g = hn::IfThenElse(hn::Lt(agreement, zero), zero, g);
  V sign =
      hn::IfThenElse(hn::Gt(g, zero), one, hn::IfThenElse(hn::Lt(g, zero), hn::Neg(one), zero));
  p = addcmul(e, p, sign, b, -1);
  a = g;
}

template <class E, class V>
HWY_INLINE void step(const AsgdUpdate& rule, E e, V& p, V g, V& a, V&, V&) {
  g = effective_gradient(rule, e, p, g);
  p = add(e, times(e, p, rule.shrink), g, -rule.eta);
  a = rule.mu != 1 ? E::round(hn::Add(a, times(e, E::round(hn::Sub(p, a)), rule.mu))) : p;
}

/// How many tensors a rule remembers, if the loop may rely on it; else it looks at each pointer.
constexpr int kAny = -1;

template <class T, int remembered, class Rule>
void update_range(const Rule& shared, void* const* arrays, int64_t begin, int64_t end) {
  using E = Elements<T>;
  using V = typename E::V;
  const Rule rule = shared;  // a copy, so that stores can't alias it
  T* p = static_cast<T*>(arrays[0]);
  const T* g = static_cast<const T*>(arrays[1]);
  T *a = static_cast<T*>(arrays[2]), *b = static_cast<T*>(arrays[3]),
    *c = static_cast<T*>(arrays[4]);
  const bool has_a = remembered == kAny ? a != nullptr : remembered > 0;
  const bool has_b = remembered == kAny ? b != nullptr : remembered > 1;
  const bool has_c = remembered == kAny ? c != nullptr : remembered > 2;
  const int64_t width = int64_t(hn::Lanes(E::d));
  auto work = [=](int64_t i, int64_t n, bool whole) HWY_ATTR {
    const V zero = hn::Zero(E::d);
    V parameter = E::load(p + i, n, whole);
    V first = has_a ? E::load(a + i, n, whole) : zero;
    V second = has_b ? E::load(b + i, n, whole) : zero;
    V third = has_c ? E::load(c + i, n, whole) : zero;
    step(rule, E{}, parameter, E::load(g + i, n, whole), first, second, third);
    E::store(parameter, p + i, n, whole);
    if (has_a) E::store(first, a + i, n, whole);
    if (has_b) E::store(second, b + i, n, whole);
    if (has_c) E::store(third, c + i, n, whole);
  };
  int64_t i = begin;
  for (; i + width <= end; i += width) work(i, width, true);
  if (i < end) work(i, end - i, false);
}

// The variants that training mostly runs, with fewer questions in the loop.

template <class Rule>
struct Plain : Rule {  // no weight decay, nothing to maximize
  static constexpr bool kPlain = true;
};
struct PlainDescent : Plain<SgdUpdate> {
  static constexpr bool kDescent = true;  // no momentum
};

template <class Rule>
void update_float(const Rule& rule, void* const* arrays, int64_t begin, int64_t end) {
  update_range<float, kAny>(rule, arrays, begin, end);
}
HWY_INLINE void update_float(const SgdUpdate& rule, void* const* arrays, int64_t begin,
                             int64_t end) {
  bool plain = !rule.maximize && rule.weight_decay == 0;
  if (plain && rule.momentum == 0)
    update_range<float, 0>(PlainDescent{{{rule}}}, arrays, begin, end);
  else if (plain && !rule.first)
    update_range<float, 1>(Plain<SgdUpdate>{rule}, arrays, begin, end);
  else
    update_range<float, kAny>(rule, arrays, begin, end);
}
HWY_INLINE void update_float(const AdamUpdate& rule, void* const* arrays, int64_t begin,
                             int64_t end) {
  if (!rule.maximize && rule.weight_decay == 0 && !rule.amsgrad)
    update_range<float, 2>(Plain<AdamUpdate>{rule}, arrays, begin, end);
  else
    update_range<float, kAny>(rule, arrays, begin, end);
}

template <class Rule>
void update_all(const Rule& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  switch (dtype) {
    case DType::Float32: return update_float(rule, arrays, begin, end);
    case DType::Float64: return update_range<double, kAny>(rule, arrays, begin, end);
    case DType::Float16: return update_range<Float16, kAny>(rule, arrays, begin, end);
    default: return update_range<BFloat16, kAny>(rule, arrays, begin, end);
  }
}

void sgd(const SgdUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void adam(const AdamUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void rmsprop(const RmspropUpdate& rule, DType dtype, void* const* arrays, int64_t begin,
             int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void adagrad(const AdagradUpdate& rule, DType dtype, void* const* arrays, int64_t begin,
             int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void adadelta(const AdadeltaUpdate& rule, DType dtype, void* const* arrays, int64_t begin,
              int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void adamax(const AdamaxUpdate& rule, DType dtype, void* const* arrays, int64_t begin,
            int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void nadam(const NadamUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void radam(const RadamUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void rprop(const RpropUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}
void asgd(const AsgdUpdate& rule, DType dtype, void* const* arrays, int64_t begin, int64_t end) {
  update_all(rule, dtype, arrays, begin, end);
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
namespace {

constexpr int64_t kGrain = 32768;  // elements

template <class Rule>
using Range = void(const Rule&, DType, void* const*, int64_t, int64_t);

template <class Rule>
void in_parallel(Range<Rule>* range, const Rule& rule, DType dtype, void* const* arrays,
                 int64_t n) {
  if (n <= kGrain) return range(rule, dtype, arrays, 0, n);
  parallel_for(n, kGrain,
               [&](int64_t begin, int64_t end) { range(rule, dtype, arrays, begin, end); });
}

}  // namespace

void update(const SgdUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range = simd_select(HWY_CHOOSE_AVX3(sgd), HWY_CHOOSE_AVX2(sgd), &HWY_STATIC_DISPATCH(sgd));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const AdamUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(adam), HWY_CHOOSE_AVX2(adam), &HWY_STATIC_DISPATCH(adam));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const RmspropUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range = simd_select(HWY_CHOOSE_AVX3(rmsprop), HWY_CHOOSE_AVX2(rmsprop),
                            &HWY_STATIC_DISPATCH(rmsprop));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const AdagradUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range = simd_select(HWY_CHOOSE_AVX3(adagrad), HWY_CHOOSE_AVX2(adagrad),
                            &HWY_STATIC_DISPATCH(adagrad));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const AdadeltaUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range = simd_select(HWY_CHOOSE_AVX3(adadelta), HWY_CHOOSE_AVX2(adadelta),
                            &HWY_STATIC_DISPATCH(adadelta));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const AdamaxUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(adamax), HWY_CHOOSE_AVX2(adamax), &HWY_STATIC_DISPATCH(adamax));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const NadamUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(nadam), HWY_CHOOSE_AVX2(nadam), &HWY_STATIC_DISPATCH(nadam));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const RadamUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(radam), HWY_CHOOSE_AVX2(radam), &HWY_STATIC_DISPATCH(radam));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const RpropUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(rprop), HWY_CHOOSE_AVX2(rprop), &HWY_STATIC_DISPATCH(rprop));
  in_parallel(range, rule, dtype, arrays, n);
}

void update(const AsgdUpdate& rule, DType dtype, void* const* arrays, int64_t n) {
  auto* range =
      simd_select(HWY_CHOOSE_AVX3(asgd), HWY_CHOOSE_AVX2(asgd), &HWY_STATIC_DISPATCH(asgd));
  in_parallel(range, rule, dtype, arrays, n);
}

}  // namespace rushlight::cpu
#endif
