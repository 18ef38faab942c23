// Elementary functions on vectors of float and double, within 1 to 2 units in the last place of the
// true value for every argument, infinities, NaN, subnormals and -0 included. Polynomials are
// minimax fits (Remez exchange) over the reduced range; the error of each fit stands beside it.
// Included inside Highway's multi-pass files only.

#if defined(RUSHLIGHT_CPU_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RUSHLIGHT_CPU_MATH_INL_H
#undef RUSHLIGHT_CPU_MATH_INL_H
#else
#define RUSHLIGHT_CPU_MATH_INL_H
#endif

#include <hwy/highway.h>

#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using Lane = hn::TFromD<D>;
template <class D>
using Bits = hn::Vec<hn::RebindToSigned<D>>;

/// Sets all lanes to a number of the lane's type.
template <class D>
HWY_INLINE hn::Vec<D> number(D d, double value) {
  return hn::Set(d, Lane<D>(value));
}
template <class D, class V>
HWY_INLINE V infinity(D d, V) {
  return hn::Set(d, std::numeric_limits<Lane<D>>::infinity());
}

/// c[0] + c[1] x + c[2] x² + …
template <class D, class V, class T, size_t n>
HWY_INLINE V polynomial(D d, V x, const T (&c)[n]) {
  V y = hn::Set(d, c[n - 1]);
  for (size_t i = n - 1; i-- > 0;) y = hn::MulAdd(y, x, hn::Set(d, c[i]));
  return y;
}

/// Whether MulAdd rounds once. Reductions that rely on it are left to the library elsewhere.
#if HWY_ARCH_X86 && HWY_TARGET != HWY_AVX2 && HWY_TARGET != HWY_AVX3
constexpr bool kFused = false;
#else
constexpr bool kFused = true;
#endif

/// What differs between float and double.
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kRounder = 12582912.0f;  // 1.5 2^23: adding it rounds to a whole number
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kExpLow = -104.0f, kExpHigh = 89.5f, kExp2Low = -151.0f,
                         kExp2High = 129.0f;
  static constexpr float kExpm1Low = -18.0f, kExpm1High = 89.0f, kFlushLow = -87.6f;
  // (exp(r) - 1 - r) / r², error 2^-34 of exp
  static constexpr float kExp[] = {0.50000000787891602856f,  0.1666666686180439649f,
                                   0.041666266923410268283f, 0.0083332640753974862453f,
                                   0.001394629111562113718f, 0.00019918551381377551443f};
  // (2^r - 1) / r, error 2^-34
  static constexpr float kExp2[] = {0.69314718054149005725f,    0.24022651078137778984f,
                                    0.055504109632154076624f,   0.0096180365414967630474f,
                                    0.0013333430223818228409f,  0.00015467237688015276067f,
                                    0.000015315083220640641648f};
  // (2 atanh(s) - 2 s) / s³ in s², error 2^-29.7
  static constexpr float kLog[] = {0.6666666654838328221f, 0.40000126505898658148f,
                                   0.28550315071541327636f, 0.23343781552518287045f};
  static constexpr float kLog10TwoHigh = 0x1.344p-2f, kLog10TwoLow = 0x1.3509f8p-18f;
  static constexpr float kLog10EHigh = 0x1.bcb7b2p-2f, kLog10ELow = -0x1.5b235ep-27f;
  static constexpr float kLog2EHigh = 0x1.715476p+0f, kLog2ELow = 0x1.4ae0cp-26f;
  // pi / 2 in three parts, and how far the reduction by them goes
  static constexpr float kHalfPi1 = 0x1.921fb6p+0f, kHalfPi2 = -0x1.777a5cp-25f,
                         kHalfPi3 = -0x1.ee59dap-50f, kTurnLimit = kFused ? 1e5f : 0.0f;
  // (sin(r) - r) / r³ and (cos(r) - 1 + r²/2) / r⁴ in r², errors 2^-36 and 2^-43
  static constexpr float kSin[] = {-0.16666666644072573455f, 0.0083333292815065109384f,
                                   -0.00019839241544270172269f, 2.7171361256799473846e-6f};
  static constexpr float kCos[] = {0.041666666621044954524f, -0.0013888883597696166571f,
                                   0.000024799478488161664754f, -2.7206777832963186665e-7f};
};

template <>
struct Constants<double> {
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kRounder = 6755399441055744.0;
  static constexpr double kLn2High = 0x1.62e42fefa3p-1, kLn2Low = 0x1.3de6af278ece6p-42;
  static constexpr double kExpLow = -746.0, kExpHigh = 711.0, kExp2Low = -1076.0,
                          kExp2High = 1025.0;
  static constexpr double kExpm1Low = -38.0, kExpm1High = 710.0, kFlushLow = -708.6;
  // error 2^-64
  static constexpr double kExp[] = {
      0.49999999999999999965,     0.16666666666666684173,   0.041666666666666725233,
      0.0083333333333164851092,   0.0013888888888858129156, 0.00019841269897697703329,
      0.000024801587374317145875, 2.7557233588598085411e-6, 2.7557232887414073764e-7,
      2.5112468959486433789e-8,   2.0927084996605406784e-9};
  // error 2^-58
  static constexpr double kExp2[] = {
      0.69314718055994530802,     0.24022650695910133835,   0.055504108664821743722,
      0.0096181291075930568812,   0.00133335581463785778,   0.0001540353045845975256,
      0.000015252733867970008144, 1.3215434613193986705e-6, 1.0178046286674540981e-7,
      7.0738973458876988807e-9,   4.457413026836003172e-10};
  // error 2^-58.6
  static constexpr double kLog[] = {0.66666666666666666445, 0.40000000000000951191,
                                    0.28571428570759101756, 0.22222222401628232718,
                                    0.18181794596978089108, 0.15386295664612969958,
                                    0.13267293038414138527, 0.13101928562462219418};
  static constexpr double kLog10TwoHigh = 0x1.34413509f7p-2, kLog10TwoLow = 0x1.3fde623e2566bp-43;
  static constexpr double kLog10EHigh = 0x1.bcb7b1526e50ep-2, kLog10ELow = 0x1.95355baaafad3p-57;
  static constexpr double kLog2EHigh = 0x1.71547652b82fep+0, kLog2ELow = 0x1.777d0ffda0d24p-56;
  static constexpr double kHalfPi1 = 0x1.921fb54442d18p+0, kHalfPi2 = 0x1.1a62633145c07p-54,
                          kHalfPi3 = -0x1.f1976b7ed8fbcp-110, kTurnLimit = kFused ? 1e8 : 0.0;
  // errors 2^-68 and 2^-73
  static constexpr double kSin[] = {-0.16666666666666666639,    0.0083333333333333221911,
                                    -0.00019841269841254396198, 2.7557319213835368029e-6,
                                    -2.5052104817455594895e-8,  1.6058354438851492201e-10,
                                    -7.5780845598541093213e-13};
  static constexpr double kCos[] = {0.041666666666666666664,    -0.0013888888888888885299,
                                    0.000024801587301580610563, -2.7557319218965033374e-7,
                                    2.0876755101742592429e-9,   -1.1470368910899928258e-11,
                                    4.7411945576788271527e-14};
};

template <class D>
using ConstantsOf = Constants<Lane<D>>;

// --- Exponentials ---

/// 2^n for whole n in the range of normal exponents.
template <class D>
HWY_INLINE hn::Vec<D> power_of_two(D d, Bits<D> n) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<C::kMantissa>(hn::Add(n, hn::Set(di, C::kBias))));
}

/// y 2^n in two steps, so that a subnormal result is rounded once and nothing overflows early.
template <class D, class V>
HWY_INLINE V scaled(D d, V y, Bits<D> n) {
  Bits<D> half = hn::ShiftRight<1>(n);
  return hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(n, half)));
}

/// x as whole times ln 2 and a rest within ±ln(2)/2.
template <class D, class V>
struct Octaves {
  HWY_INLINE Octaves(D d, V x) {
    using C = ConstantsOf<D>;
    const hn::RebindToSigned<D> di;
    V rounder = hn::Set(d, C::kRounder);
    V shifted = hn::MulAdd(x, number(d, 1.4426950408889634074), rounder);
    V whole = hn::Sub(shifted, rounder);
    n = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, rounder));
    rest = hn::NegMulAdd(whole, hn::Set(d, C::kLn2High), x);
    rest = hn::NegMulAdd(whole, hn::Set(d, C::kLn2Low), rest);
  }
  Bits<D> n;
  V rest;
};

/// exp(r) - 1 for |r| <= ln(2) / 2.
template <class D, class V>
HWY_INLINE V expm1_of_rest(D d, V r) {
  return hn::MulAdd(hn::Mul(r, r), polynomial(d, r, ConstantsOf<D>::kExp), r);
}

/// Between bounds; NaN stays NaN.
template <class D, class V>
HWY_INLINE V between(D d, V x, double low, double high) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  // These processors return the second operand for NaN.
  return hn::Min(number(d, high), hn::Max(number(d, low), x));
#else
  x = hn::IfThenElse(hn::Lt(x, number(d, low)), number(d, low), x);
  return hn::IfThenElse(hn::Gt(x, number(d, high)), number(d, high), x);
#endif
}

/// exp(x) 2^extra, without overflow before the end.
template <class D, class V>
HWY_INLINE V exp_scaled(D d, V x, int extra) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  Octaves<D, V> parts(d, between(d, x, C::kExpLow, C::kExpHigh));
  V y = hn::Add(number(d, 1), expm1_of_rest(d, parts.rest));
  return scaled(d, y, hn::Add(parts.n, hn::Set(di, extra)));
}

template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  using C = ConstantsOf<D>;
  Octaves<D, V> parts(d, between(d, x, C::kExpLow, C::kExpHigh));
  return scaled(d, hn::Add(number(d, 1), expm1_of_rest(d, parts.rest)), parts.n);
}

/// exp(x), but 0 for results below twice the smallest normal number: half the work of the end of
/// exp.
template <class D, class V>
HWY_INLINE V exp_flushed(D d, V x) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  Octaves<D, V> parts(d, between(d, x, C::kFlushLow, C::kExpm1High));
  // 2 exp(r) 2^(n - 1): the least n gives the bits of 0, the largest does not overflow early.
  V two = number(d, 2);
  V y = hn::MulAdd(expm1_of_rest(d, parts.rest), two, two);
  return hn::Mul(y, power_of_two(d, hn::Sub(parts.n, hn::Set(di, 1))));
}

template <class D, class V>
HWY_INLINE V exp2(D d, V x) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  x = between(d, x, C::kExp2Low, C::kExp2High);
  V rounder = hn::Set(d, C::kRounder);
  V shifted = hn::Add(x, rounder);
  V r = hn::Sub(x, hn::Sub(shifted, rounder));
  V y = hn::MulAdd(r, polynomial(d, r, C::kExp2), number(d, 1));
  return scaled(d, y, hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, rounder)));
}

/// expm1 for x that can't overflow exp(x).
template <class D, class V>
HWY_INLINE V expm1_in_range(D d, V x) {
  Octaves<D, V> parts(d, x);
  V scale = power_of_two(d, parts.n);
  return hn::MulAdd(expm1_of_rest(d, parts.rest), scale, hn::Sub(scale, number(d, 1)));
}

template <class D, class V>
HWY_INLINE V expm1(D d, V x) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  Octaves<D, V> parts(d, between(d, x, C::kExpm1Low, C::kExpm1High));
  // Half of the result first: 2^n itself would overflow for the largest x.
  V half = power_of_two(d, hn::Sub(parts.n, hn::Set(di, 1)));
  V y = hn::MulAdd(expm1_of_rest(d, parts.rest), half, hn::Sub(half, number(d, 0.5)));
  y = hn::Add(y, y);
  auto tiny = hn::Lt(hn::Abs(x), hn::Set(d, std::numeric_limits<Lane<D>>::min()));
  return hn::IfThenElse(tiny, x, y);  // subnormals would lose a bit on the way, and -0 its sign
}

// --- Logarithms ---

/// x = m 2^e with m within [sqrt(1/2), sqrt(2)); log(m) = f - (square - s (square + r)) for f = m
/// - 1.
template <class D, class V>
struct Logarithm {
  HWY_INLINE Logarithm(D d, V x) {
    using C = ConstantsOf<D>;
    const hn::RebindToSigned<D> di;
    using I = hn::TFromD<hn::RebindToSigned<D>>;
    // Subnormals become normal first.
    auto small = hn::Lt(x, hn::Set(d, std::numeric_limits<Lane<D>>::min()));
    x = hn::IfThenElse(small, hn::Mul(x, number(d, double(int64_t(1) << (C::kMantissa + 2)))), x);
    I root = sizeof(Lane<D>) == 4 ? I(0x3f3504f3) : I(0x3fe6a09e667f3bcd);  // bits of sqrt(1/2)
    auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, root));
    auto n = hn::ShiftRight<C::kMantissa>(bits);
    auto mantissa = hn::And(bits, hn::Set(di, (I(1) << C::kMantissa) - 1));
    f = hn::Sub(hn::BitCast(d, hn::Add(mantissa, hn::Set(di, root))), number(d, 1));
    exponent = hn::ConvertTo(d, n);
    exponent = hn::IfThenElse(small, hn::Sub(exponent, number(d, C::kMantissa + 2)), exponent);
    V s = hn::Div(f, hn::Add(number(d, 2), f)), z = hn::Mul(s, s);
    square = hn::Mul(number(d, 0.5), hn::Mul(f, f));
    tail = hn::Mul(s, hn::MulAdd(z, polynomial(d, z, C::kLog), square));
  }
  /// log(x) + correction
  HWY_INLINE V natural(D d, V correction) const {
    using C = ConstantsOf<D>;
    V low = hn::MulAdd(exponent, hn::Set(d, C::kLn2Low), correction);
    V y = hn::Sub(f, hn::Sub(square, hn::Add(tail, low)));
    return hn::MulAdd(exponent, hn::Set(d, C::kLn2High), y);
  }
  /// log(x) in another base: e_high + e_low is 1 / log(base), two_high + two_low is log_base(2).
  HWY_INLINE V in_base(D d, Lane<D> e_high, Lane<D> e_low, Lane<D> two_high,
                       Lane<D> two_low) const {
    V high = hn::Sub(f, square);
    V low = hn::Add(hn::Sub(hn::Sub(f, high), square), tail);
    V c = hn::Set(d, e_high);
    V product = hn::Mul(high, c);
    V error = hn::MulSub(high, c, product);
    V rest = hn::MulAdd(low, c, hn::MulAdd(hn::Add(high, low), hn::Set(d, e_low), error));
    rest = hn::MulAdd(exponent, hn::Set(d, two_low), rest);
    V whole = hn::Mul(exponent, hn::Set(d, two_high));
    V sum = hn::Add(whole, product);
    return hn::Add(sum, hn::Add(hn::Add(hn::Sub(whole, sum), product), rest));
  }
  V f, exponent, square, tail;
};

/// The logarithm `y` of x, with the values at zero, below it, at infinity and NaN put right.
template <class D, class V>
HWY_INLINE V logarithm_of(D d, V x, V y) {
  V inf = infinity(d, x);
  V quiet = hn::Set(d, std::numeric_limits<Lane<D>>::quiet_NaN());
  y = hn::IfThenElse(hn::Lt(x, inf), y, x);  // infinity and NaN
  y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), quiet, y);
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(inf), y);
}

template <class D, class V>
HWY_INLINE V log(D d, V x) {
  return logarithm_of(d, x, Logarithm<D, V>(d, x).natural(d, hn::Zero(d)));
}
template <class D, class V>
HWY_INLINE V log2(D d, V x) {
  using C = ConstantsOf<D>;
  return logarithm_of(
      d, x, Logarithm<D, V>(d, x).in_base(d, C::kLog2EHigh, C::kLog2ELow, Lane<D>(1), Lane<D>(0)));
}
template <class D, class V>
HWY_INLINE V log10(D d, V x) {
  using C = ConstantsOf<D>;
  return logarithm_of(d, x,
                      Logarithm<D, V>(d, x).in_base(d, C::kLog10EHigh, C::kLog10ELow,
                                                    C::kLog10TwoHigh, C::kLog10TwoLow));
}
template <class D, class V>
HWY_INLINE V log1p(D d, V x) {
  V one = number(d, 1);
  V u = hn::Add(x, one);
  // What the rounding of 1 + x lost, relative to u.
  V big = hn::Sub(one, hn::Sub(u, x)), small = hn::Sub(x, hn::Sub(u, one));
  V correction = hn::Div(hn::IfThenElse(hn::Gt(x, one), big, small), u);
  V y = logarithm_of(d, u, Logarithm<D, V>(d, u).natural(d, correction));
  y = hn::IfThenElse(hn::Eq(u, one), x, y);  // tiny x, and -0
  return y;
}

// --- Circles ---

/// x = quadrant pi/2 + rest, by Cody and Waite with fused products; |x| up to kTurnLimit.
template <class D, class V>
struct Turns {
  HWY_INLINE Turns(D d, V x) {
    using C = ConstantsOf<D>;
    const hn::RebindToSigned<D> di;
    V rounder = hn::Set(d, C::kRounder);
    V shifted = hn::MulAdd(x, number(d, 0.63661977236758134308), rounder);
    V whole = hn::Sub(shifted, rounder);
    quadrant = hn::BitCast(di, shifted);
    V rest = hn::NegMulAdd(whole, hn::Set(d, C::kHalfPi1), x);
    rest = hn::NegMulAdd(whole, hn::Set(d, C::kHalfPi2), rest);
    rest = hn::NegMulAdd(whole, hn::Set(d, C::kHalfPi3), rest);
    V z = hn::Mul(rest, rest);
    sine = hn::MulAdd(hn::Mul(z, rest), polynomial(d, z, C::kSin), rest);
    // 1 - z/2 with the error of its rounding added back
    V half = hn::Mul(z, number(d, 0.5)), w = hn::Sub(number(d, 1), half);
    V lost = hn::Sub(hn::Sub(number(d, 1), w), half);
    cosine = hn::Add(w, hn::MulAdd(hn::Mul(z, z), polynomial(d, z, C::kCos), lost));
  }
  /// sin of x turned on by `steps` quarters
  HWY_INLINE V sine_after(D d, int steps) const {
    const hn::RebindToSigned<D> di;
    auto one = hn::Set(di, 1), two = hn::Set(di, 2);
    auto turned = hn::Add(quadrant, hn::Set(di, steps));
    auto odd = hn::RebindMask(d, hn::Eq(hn::And(turned, one), one));
    V sign = hn::BitCast(d, hn::ShiftLeft<int(8 * sizeof(Lane<D>)) - 2>(hn::And(turned, two)));
    return hn::Xor(hn::IfThenElse(odd, cosine, sine), sign);
  }
  Bits<D> quadrant;
  V sine, cosine;
};

/// Replaces lanes beyond the reach of Turns by the library's function.
template <class D, class V>
HWY_INLINE V with_large(D d, V x, V y, Lane<D> (*function)(Lane<D>)) {
  auto large = hn::Gt(hn::Abs(x), hn::Set(d, ConstantsOf<D>::kTurnLimit));
  if (HWY_LIKELY(hn::AllFalse(d, large))) return y;
  HWY_ALIGN Lane<D> arguments[hn::MaxLanes(d)], results[hn::MaxLanes(d)];
  hn::Store(x, d, arguments);
  hn::Store(y, d, results);
  for (size_t i = 0; i < hn::Lanes(d); ++i)
    if (std::abs(arguments[i]) > ConstantsOf<D>::kTurnLimit) results[i] = function(arguments[i]);
  return hn::Load(d, results);
}

template <class D, class V>
HWY_INLINE V sin(D d, V x) {
  V y = Turns<D, V>(d, x).sine_after(d, 0);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // keeps -0
  return with_large(d, x, y, [](Lane<D> v) { return std::sin(v); });
}
template <class D, class V>
HWY_INLINE V cos(D d, V x) {
  return with_large(d, x, Turns<D, V>(d, x).sine_after(d, 1),
                    [](Lane<D> v) { return std::cos(v); });
}
template <class D, class V>
HWY_INLINE V tan(D d, V x) {
  Turns<D, V> turns(d, x);
  V y = hn::Div(turns.sine_after(d, 0), turns.sine_after(d, 1));
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);
  return with_large(d, x, y, [](Lane<D> v) { return std::tan(v); });
}

// --- Powers ---

/// 2^((exponent + log2(m)) y) in double, m within [sqrt(1/2), sqrt(2)): good to float's precision.
template <class W, class V = hn::Vec<W>>
HWY_INLINE V power_in_double(W d, V m, V exponent, V y) {
  const hn::RebindToSigned<W> di;
  V f = hn::Sub(m, number(d, 1));
  V s = hn::Div(f, hn::Add(f, number(d, 2))), z = hn::Mul(s, s);
  V logarithm = hn::MulAdd(hn::Mul(s, z), polynomial(d, z, Constants<double>::kLog), hn::Add(s, s));
  V binary = hn::MulAdd(logarithm, number(d, Constants<double>::kLog2EHigh), exponent);
  V t = between(d, hn::Mul(binary, y), -200, 200);  // far beyond the range of float
  V rounder = number(d, Constants<double>::kRounder), shifted = hn::Add(t, rounder);
  V r = hn::Sub(t, hn::Sub(shifted, rounder));
  // (2^r - 1) / r, error 2^-34
  static constexpr double over[] = {0.69314718054149005725,    0.24022651078137778984,
                                    0.055504109632154076624,   0.0096180365414967630474,
                                    0.0013333430223818228409,  0.00015467237688015276067,
                                    0.000015315083220640641648};
  V fraction = hn::MulAdd(r, polynomial(d, r, over), number(d, 1));
  auto n = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, rounder));
  return hn::Mul(fraction, power_of_two(d, n));
}

/// x^y for normal positive x, each half of the vector in double.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V pow_of_positive(D d, V x, V y) {
  const hn::RebindToSigned<D> di;
  const hn::Half<D> half;
  const hn::Rebind<double, decltype(half)> wide;
  auto root = hn::Set(di, 0x3f3504f3);  // bits of sqrt(1/2)
  auto bits = hn::Sub(hn::BitCast(di, x), root);
  auto mantissa = hn::Add(hn::And(bits, hn::Set(di, (1 << 23) - 1)), root);
  V m = hn::BitCast(d, mantissa), e = hn::ConvertTo(d, hn::ShiftRight<23>(bits));
  auto low = power_in_double(wide, hn::PromoteTo(wide, hn::LowerHalf(half, m)),
                             hn::PromoteTo(wide, hn::LowerHalf(half, e)),
                             hn::PromoteTo(wide, hn::LowerHalf(half, y)));
  auto high = power_in_double(wide, hn::PromoteTo(wide, hn::UpperHalf(half, m)),
                              hn::PromoteTo(wide, hn::UpperHalf(half, e)),
                              hn::PromoteTo(wide, hn::UpperHalf(half, y)));
  return hn::Combine(d, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
}

/// Zeros, infinities and NaN are left to the library, and everything where there is no fused
/// product.
template <class D, class V>
HWY_INLINE V pow(D d, V x, V y) {
  V least = hn::Set(d, std::numeric_limits<Lane<D>>::min());
  V size = hn::Abs(x), inf = infinity(d, x), half = hn::Mul(y, number(d, 0.5));
  V result = pow_of_positive(d, size, y);
  // Below zero whole exponents keep the size, odd ones the sign, and others have no power.
  auto whole = hn::Eq(hn::Round(y), y), even = hn::Eq(hn::Round(half), half);
  V nan = hn::Set(d, std::numeric_limits<Lane<D>>::quiet_NaN());
  V negative = hn::IfThenElse(whole, hn::IfThenElse(even, result, hn::Neg(result)), nan);
  result = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), negative, result);
  auto plain = hn::And(hn::And(hn::Ge(size, least), hn::Lt(size, inf)), hn::Lt(hn::Abs(y), inf));
  if (HWY_LIKELY(kFused && hn::AllTrue(d, plain))) return result;
  HWY_ALIGN Lane<D> bases[hn::MaxLanes(d)], exponents[hn::MaxLanes(d)], results[hn::MaxLanes(d)];
  hn::Store(x, d, bases);
  hn::Store(y, d, exponents);
  hn::Store(result, d, results);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    Lane<D> a = bases[i], b = exponents[i];
    bool done = kFused && std::isnormal(a) && std::isfinite(b);
    if (!done) results[i] = std::pow(a, b);
  }
  return hn::Load(d, results);
}

// --- Hyperbolas and their kin ---

template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  // t / (t + 2) with t = expm1(2 |x|); from 20 on it is 1 in both precisions.
  V a = hn::Min(number(d, 20), hn::Abs(x));
  V t = expm1_in_range(d, hn::Add(a, a));
  V y = hn::Div(t, hn::Add(t, number(d, 2)));
  // Min returned 20 for NaN where it does not propagate.
  return hn::IfThenElse(hn::Eq(x, x), hn::CopySignToAbs(y, x), x);
}
template <class D, class V>
HWY_INLINE V sinh(D d, V x) {
  V a = hn::Abs(x);
  V half = exp_scaled(d, a, -1);
  V large = hn::Sub(half, hn::Div(number(d, 0.25), half));
  V t = expm1_in_range(d, hn::Min(number(d, 1), a));
  V small = hn::Mul(number(d, 0.5), hn::Add(t, hn::Div(t, hn::Add(t, number(d, 1)))));
  return hn::CopySign(hn::IfThenElse(hn::Lt(a, number(d, 1)), small, large), x);
}
template <class D, class V>
HWY_INLINE V cosh(D d, V x) {
  V half = exp_scaled(d, hn::Abs(x), -1);
  return hn::Add(half, hn::Div(number(d, 0.25), half));
}
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  V one = number(d, 1);
  return hn::Div(one, hn::Add(one, exp_flushed(d, hn::Neg(x))));
}

/// erf for float: a polynomial below 1, 1 - exp(polynomial) above.
template <class D>
HWY_INLINE hn::Vec<D> erf(D d, hn::Vec<D> x) {
  using V = hn::Vec<D>;
  static_assert(sizeof(Lane<D>) == 4);
  // erf(x) / x - 1 in x², error 2^-29.7
  static constexpr float near[] = {0.12837916591465432051f,    -0.37612627140440545631f,
                                   0.11283600211815888544f,    -0.026854445581508076231f,
                                   0.0051895364619392613762f,  -0.00080208456984069043977f,
                                   0.000078891191574878387936f};
  // log(erfc(x)) from 1 to 4, error 2^-32 of erf
  static constexpr float far[] = {
      0.00029770616233320738716f, -1.1301276277495635875f,     -0.63204047269790253508f,
      -0.10983657131475967167f,   0.026251878847204342653f,    -0.0046859642390139821814f,
      0.00057724655749288353409f, -0.00004315911690668537297f, 1.4536209160206705975e-6f};
  V a = hn::Abs(x);
  V z = hn::Mul(x, x);
  V small = hn::MulAdd(polynomial(d, z, near), x, x);
  V t = hn::Min(number(d, 4), a);
  V e = exp_flushed(d, polynomial(d, t, far));
  V large = hn::CopySign(hn::Sub(number(d, 1), e), x);
  V y = hn::IfThenElse(hn::Lt(a, number(d, 1)), small, large);
  return hn::IfThenElse(hn::Eq(x, x), y, x);
}

/// erf for float to 3e-7, a third of the work: x P(x²) / Q(x²) up to 3.92, from where it rounds to
/// 1; error of the fit 2^-29. For x erf(x) and the like, where that is as good as it gets.
template <class D>
HWY_INLINE hn::Vec<D> erf_roughly(D d, hn::Vec<D> x) {
  using V = hn::Vec<D>;
  static_assert(sizeof(Lane<D>) == 4);
  static constexpr float over[] = {1.12837916916f,    0.185140967706f,    0.0542488515851f,
                                   0.00383938184536f, 0.000376943630106f, 4.6141173128e-6f,
                                   -1.28260228032e-8f};
  static constexpr float under[] = {1.0f,
                                    0.497410317292f,
                                    0.113879749678f,
                                    0.0154322199011f,
                                    0.0013019258179f,
                                    6.24450805057e-5f};
  x = between(d, x, -3.925, 3.925);
  V z = hn::Mul(x, x);
  V y = hn::Div(hn::Mul(x, polynomial(d, z, over)), polynomial(d, z, under));
  return between(d, y, -1, 1);  // the last step before 1 may round beyond it
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
