// Compiled once for each SIMD target; see random_simd.h.
#include "cpu/random_simd.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/random_simd.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<uint32_t>;
using Word = hn::Vec<Words>;

Word mix(Word high, Word low) {
  const Words d;
  Word joined =
      hn::Or(hn::And(high, hn::Set(d, 0x80000000u)), hn::And(low, hn::Set(d, 0x7fffffffu)));
  Word odd = hn::Sub(hn::Zero(d), hn::And(low, hn::Set(d, 1)));
  return hn::Xor(hn::ShiftRight<1>(joined), hn::And(odd, hn::Set(d, 0x9908b0dfu)));
}

// words[i] = words[i + offset] ^ mix(words[i], words[i + 1]) for i in [begin, end): a vector reads
// only words that the recurrence has not replaced yet, or replaced long before.
void twist_range(uint32_t* words, int begin, int end, int offset) {
  const Words d;
  const int lanes = int(hn::Lanes(d));
  int i = begin;
  for (; i + lanes <= end; i += lanes) {
    Word low = hn::LoadU(d, words + i + 1);
    Word far = hn::LoadU(d, words + i + offset);
    hn::StoreU(hn::Xor(far, mix(hn::LoadU(d, words + i), low)), d, words + i);
  }
  for (; i < end; ++i) {
    uint32_t joined = (words[i] & 0x80000000u) | (words[i + 1] & 0x7fffffffu);
    words[i] = words[i + offset] ^ (joined >> 1) ^ ((0u - (words[i + 1] & 1)) & 0x9908b0dfu);
  }
}

void twist(uint32_t* words) {
  constexpr int kWords = Mt19937::kWords, kShift = 397;
  twist_range(words, 0, kWords - kShift, kShift);
  twist_range(words, kWords - kShift, kWords - 1, kShift - kWords);
  uint32_t joined = (words[kWords - 1] & 0x80000000u) | (words[0] & 0x7fffffffu);
  words[kWords - 1] = words[kShift - 1] ^ (joined >> 1) ^ ((0u - (words[0] & 1)) & 0x9908b0dfu);
}

// The next n draws, each vector of them through convert(), into four-byte values.
template <class T, class Convert>
void draw_as(Mt19937& engine, T* values, int64_t n, Convert convert) {
  static_assert(sizeof(T) == 4);
  const Words d;
  const hn::Rebind<T, Words> out;
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto tempered = [d](const uint32_t* words) {
    Word y = hn::LoadU(d, words);
    y = hn::Xor(y, hn::ShiftRight<11>(y));
    y = hn::Xor(y, hn::And(hn::ShiftLeft<7>(y), hn::Set(d, 0x9d2c5680u)));
    y = hn::Xor(y, hn::And(hn::ShiftLeft<15>(y), hn::Set(d, 0xefc60000u)));
    return hn::Xor(y, hn::ShiftRight<18>(y));
  };
  while (n > 0) {
    if (engine.left == 1) {
      twist(engine.words.data());
      engine.left = Mt19937::kWords + 1;
      engine.next = 0;
    }
    const int64_t count = std::min<int64_t>(n, engine.left - 1);
    const uint32_t* words = engine.words.data() + engine.next;
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      hn::StoreU(convert(tempered(words + i)), out, values + i);
    }
    if (i < count) {
      HWY_ALIGN uint32_t last_words[HWY_MAX_BYTES / 4] = {};
      HWY_ALIGN T last[HWY_MAX_BYTES / 4];
      std::copy(words + i, words + count, last_words);
      hn::Store(convert(tempered(last_words)), out, last);
      std::copy(last, last + (count - i), values + i);
    }
    engine.left -= int(count);
    engine.next += uint32_t(count);
    values += count;
    n -= count;
  }
}

void draw(Mt19937& engine, uint32_t* bits, int64_t n) {
  draw_as(engine, bits, n, [](Word word) { return word; });
}

void draw_floats(Mt19937& engine, float* values, int64_t n, float from, float to) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> integers;
  auto unit = [=](Word word) {
    auto integer = hn::BitCast(integers, hn::And(word, hn::Set(Words(), 0xffffffu)));
    return hn::Mul(hn::ConvertTo(d, integer), hn::Set(d, 0x1p-24f));
  };
  if (from == 0.0f && to == 1.0f) return draw_as(engine, values, n, unit);
  draw_as(engine, values, n, [=](Word word) {
    auto value = hn::MulAdd(unit(word), hn::Set(d, to - from), hn::Set(d, from));
    return hn::IfThenElse(hn::Eq(value, hn::Set(d, to)), hn::Set(d, from), value);
  });
}

void uniform_doubles(const uint32_t* bits, double* values, int64_t n, double from, double to) {
  const hn::ScalableTag<double> d;
  const hn::RebindToUnsigned<decltype(d)> words;
  const hn::RebindToSigned<decltype(d)> integers;
  const auto mask = hn::Set(words, (uint64_t{1} << 53) - 1);
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto convert = [=](const uint32_t* source) {
    // In memory the high half comes first.
    auto pair = hn::LoadU(words, reinterpret_cast<const uint64_t*>(source));
    auto word = hn::And(hn::Or(hn::ShiftLeft<32>(pair), hn::ShiftRight<32>(pair)), mask);
    auto unit = hn::Mul(hn::ConvertTo(d, hn::BitCast(integers, word)), hn::Set(d, 0x1p-53));
    auto value = hn::MulAdd(unit, hn::Set(d, to - from), hn::Set(d, from));
    return hn::IfThenElse(hn::Eq(value, hn::Set(d, to)), hn::Set(d, from), value);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(convert(bits + 2 * i), d, values + i);
  if (i == n) return;
  HWY_ALIGN uint32_t last_bits[HWY_MAX_BYTES / 4] = {};
  HWY_ALIGN double last[HWY_MAX_BYTES / 8];
  std::copy(bits + 2 * i, bits + 2 * n, last_bits);
  hn::Store(convert(last_bits), d, last);
  std::copy(last, last + (n - i), values + i);
}

// log(x) for normal x > 0 as a float: Cephes' polynomial. What is fused here, and what is not, is
// what PyTorch's AVX2 code does.
template <class D, class V = hn::Vec<D>>
V log_of(D d, V x) {
  const hn::RebindToSigned<D> integers;
  // x = 2^exponent * fraction with the fraction in [sqrt(0.5), sqrt(2)).
  const int32_t root = 0x3f3504f3;
  auto bits = hn::Add(hn::BitCast(integers, x), hn::Set(integers, 0x3f800000 - root));
  V exponent = hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(bits), hn::Set(integers, 127)));
  auto fraction = hn::Add(hn::And(bits, hn::Set(integers, 0x007fffff)), hn::Set(integers, root));
  x = hn::Sub(hn::BitCast(d, fraction), hn::Set(d, 1.0f));

  V z = hn::Mul(x, x);
  V y = hn::Set(d, 7.0376836292E-2f);
  y = hn::MulAdd(y, x, hn::Set(d, -1.1514610310E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, 1.1676998740E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, -1.2420140846E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, 1.4249322787E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, -1.6668057665E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, 2.0000714765E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, -2.4999993993E-1f));
  y = hn::MulAdd(y, x, hn::Set(d, 3.3333331174E-1f));
  y = hn::MulAdd(hn::Mul(y, x), z, hn::Mul(exponent, hn::Set(d, -2.12194440e-4f)));
  y = hn::NegMulAdd(z, hn::Set(d, 0.5f), y);
  return hn::MulAdd(exponent, hn::Set(d, 0.693359375f), hn::Add(x, y));
}

// sin(x) and cos(x) for 0 <= x <= 2 pi as Cephes has them: x is brought to [-pi/4, pi/4] by the
// nearest even number of octants.
template <class D, class V = hn::Vec<D>>
void sin_cos_of(D d, V x, V& sine, V& cosine) {
  const hn::RebindToSigned<D> integers;
  // At 2^23 the last bit of a float is worth 1: adding it leaves the octant in the low bits.
  const float shift = 0x1p23f;
  V octant = hn::Floor(hn::Mul(x, hn::Set(d, 1.27323954473516f)));
  auto bits = hn::BitCast(integers, hn::Add(octant, hn::Set(d, shift + 1)));
  bits = hn::And(bits, hn::Set(integers, ~1));
  V y = hn::Sub(hn::BitCast(d, bits), hn::Set(d, shift));
  // Bit 2 turns the signs of both, bit 1 that of the cosine, and exchanges the polynomials.
  auto negative = hn::ShiftLeft<29>(bits), exchange = hn::ShiftLeft<30>(bits);
  const auto sign = hn::Set(integers, std::numeric_limits<int32_t>::min());
  V sine_sign = hn::BitCast(d, hn::And(negative, sign));
  V cosine_sign = hn::BitCast(d, hn::And(hn::Xor(negative, exchange), sign));
  // pi/4 in three parts (Cody and Waite).
  x = hn::MulAdd(y, hn::Set(d, -0.78515625f), x);
  x = hn::MulAdd(y, hn::Set(d, -2.4187564849853515625e-4f), x);
  x = hn::MulAdd(y, hn::Set(d, -3.77489497744594108e-8f), x);

  V z = hn::Mul(x, x);
  V c = hn::Set(d, 2.443315711809948E-005f);
  c = hn::MulAdd(c, z, hn::Set(d, -1.388731625493765E-003f));
  c = hn::MulAdd(c, z, hn::Set(d, 4.166664568298827E-002f));
  c = hn::MulSub(hn::Mul(c, z), z, hn::Mul(z, hn::Set(d, 0.5f)));
  c = hn::Add(c, hn::Set(d, 1.0f));
  V s = hn::Set(d, -1.9515295891E-4f);
  s = hn::MulAdd(s, z, hn::Set(d, 8.3321608736E-3f));
  s = hn::MulAdd(s, z, hn::Set(d, -1.6666654611E-1f));
  s = hn::MulAdd(hn::Mul(s, z), x, x);

  auto exchanged = hn::RebindMask(d, hn::Lt(exchange, hn::Zero(integers)));
  sine = hn::Xor(hn::IfThenElse(exchanged, c, s), sine_sign);
  cosine = hn::Xor(hn::IfThenElse(exchanged, s, c), cosine_sign);
}

// Two uniforms to two normals.
template <class D, class V = hn::Vec<D>>
void normal_pair(D d, V& first, V& second, float mean, float std) {
  V u = hn::Sub(hn::Set(d, 1.0f), first);  // (0, 1], for the logarithm
  V radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), log_of(d, u)));
  V sine, cosine;
  sin_cos_of(d, hn::Mul(hn::Set(d, float(6.283185307179586)), second), sine, cosine);
  first = hn::MulAdd(hn::Mul(radius, cosine), hn::Set(d, std), hn::Set(d, mean));
  second = hn::MulAdd(hn::Mul(radius, sine), hn::Set(d, std), hn::Set(d, mean));
}

// A group is eight radii and eight angles; wider vectors take two groups at once.
void normal_groups(float* values, int64_t n, float mean, float std) {
  float* end = values + n / 16 * 16;
#if HWY_TARGET <= HWY_AVX3
  const hn::Full512<float> wide;
  const hn::Half<decltype(wide)> half;
  for (; values + 32 <= end; values += 32) {
    auto first = hn::Combine(wide, hn::LoadU(half, values + 16), hn::LoadU(half, values));
    auto second = hn::Combine(wide, hn::LoadU(half, values + 24), hn::LoadU(half, values + 8));
    normal_pair(wide, first, second, mean, std);
    hn::StoreU(hn::LowerHalf(half, first), half, values);
    hn::StoreU(hn::LowerHalf(half, second), half, values + 8);
    hn::StoreU(hn::UpperHalf(half, first), half, values + 16);
    hn::StoreU(hn::UpperHalf(half, second), half, values + 24);
  }
#endif
  const hn::CappedTag<float, 8> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  for (; values < end; values += 16) {
    for (float* part = values; part < values + 8; part += lanes) {
      auto first = hn::LoadU(d, part), second = hn::LoadU(d, part + 8);
      normal_pair(d, first, second, mean, std);
      hn::StoreU(first, d, part);
      hn::StoreU(second, d, part + 8);
    }
  }
}

void remainders_of_descending(const uint32_t* bits, uint32_t* remainders, int64_t n,
                              uint32_t divisor) {
  const hn::ScalableTag<double> d;
  const hn::RebindToUnsigned<decltype(d)> words;
  const hn::Rebind<uint32_t, decltype(d)> narrow;
  const int64_t lanes = int64_t(hn::Lanes(d));
  // A word in the low bits of a double of 2^52. Quotients of 32-bit integers never round up to an
  // integer, so their floor is exact.
  const auto shift = hn::Set(d, 0x1p52);
  const auto step = hn::Set(d, double(lanes));
  auto by = hn::Sub(hn::Set(d, double(divisor)), hn::Iota(d, 0.0));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto word = hn::PromoteTo(words, hn::LoadU(narrow, bits + i));
    auto value = hn::Sub(hn::BitCast(d, hn::Or(word, hn::BitCast(words, shift))), shift);
    auto quotient = hn::Floor(hn::Div(value, by));
    // Both products and differences of integers below 2^52 are exact.
    auto rest = hn::Add(hn::Sub(value, hn::Mul(quotient, by)), shift);
    hn::StoreU(hn::TruncateTo(narrow, hn::BitCast(words, rest)), narrow, remainders + i);
    by = hn::Sub(by, step);
  }
  for (; i < n; ++i) remainders[i] = bits[i] % (divisor - uint32_t(i));
}

void count_up(uint32_t* values, int64_t n) {
  const Words d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Iota(d, uint32_t(i)), d, values + i);
  for (; i < n; ++i) values[i] = uint32_t(i);
}

void widen_from_behind(int64_t* values, int64_t n) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Rebind<uint32_t, decltype(d)> narrow;
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto* wide = reinterpret_cast<uint64_t*>(values);
  const auto* words = reinterpret_cast<const uint32_t*>(values) + n;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(narrow, words + i)), d, wide + i);
  }
  for (; i < n; ++i) {
    uint32_t word;
    std::memcpy(&word, words + i, sizeof word);
    const int64_t value = word;
    std::memcpy(values + i, &value, sizeof value);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rushlight::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {

HWY_EXPORT(draw);
HWY_EXPORT(draw_floats);
HWY_EXPORT(uniform_doubles);
HWY_EXPORT(normal_groups);
HWY_EXPORT(remainders_of_descending);
HWY_EXPORT(count_up);
HWY_EXPORT(widen_from_behind);

void draw(Mt19937& engine, uint32_t* bits, int64_t n) {
  HWY_DYNAMIC_DISPATCH(draw)(engine, bits, n);
}
void draw_floats(Mt19937& engine, float* values, int64_t n, float from, float to) {
  HWY_DYNAMIC_DISPATCH(draw_floats)(engine, values, n, from, to);
}
void uniform_doubles(const uint32_t* bits, double* values, int64_t n, double from, double to) {
  HWY_DYNAMIC_DISPATCH(uniform_doubles)(bits, values, n, from, to);
}
void normal_groups(float* values, int64_t n, float mean, float std) {
  HWY_DYNAMIC_DISPATCH(normal_groups)(values, n, mean, std);
}
void remainders_of_descending(const uint32_t* bits, uint32_t* remainders, int64_t n,
                              uint32_t divisor) {
  HWY_DYNAMIC_DISPATCH(remainders_of_descending)(bits, remainders, n, divisor);
}

void count_up(uint32_t* values, int64_t n) { HWY_DYNAMIC_DISPATCH(count_up)(values, n); }
void widen_from_behind(int64_t* values, int64_t n) {
  HWY_DYNAMIC_DISPATCH(widen_from_behind)(values, n);
}

}  // namespace rushlight::cpu
#endif
