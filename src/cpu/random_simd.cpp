// Compiled once for each SIMD target; see random_simd.h.
#include "cpu/random_simd.h"

#include <algorithm>

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

void temper(const uint32_t* words, uint32_t* bits, int64_t n) {
  const Words d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Word y = hn::LoadU(d, words + i);
    y = hn::Xor(y, hn::ShiftRight<11>(y));
    y = hn::Xor(y, hn::And(hn::ShiftLeft<7>(y), hn::Set(d, 0x9d2c5680u)));
    y = hn::Xor(y, hn::And(hn::ShiftLeft<15>(y), hn::Set(d, 0xefc60000u)));
    hn::StoreU(hn::Xor(y, hn::ShiftRight<18>(y)), d, bits + i);
  }
  for (; i < n; ++i) bits[i] = Mt19937::temper(words[i]);
}

void draw(Mt19937& engine, uint32_t* bits, int64_t n) {
  while (n > 0) {
    if (engine.left == 1) {
      twist(engine.words.data());
      engine.left = Mt19937::kWords + 1;
      engine.next = 0;
    }
    int64_t count = std::min<int64_t>(n, engine.left - 1);
    temper(engine.words.data() + engine.next, bits, count);
    engine.left -= int(count);
    engine.next += uint32_t(count);
    bits += count;
    n -= count;
  }
}

template <class D>
hn::Vec<D> uniform(D d, hn::Vec<hn::RebindToSigned<D>> integer, hn::Vec<D> scale, hn::Vec<D> width,
                   hn::Vec<D> from, hn::Vec<D> to) {
  hn::Vec<D> unit = hn::Mul(hn::ConvertTo(d, integer), scale);
  hn::Vec<D> value = hn::MulAdd(unit, width, from);
  return hn::IfThenElse(hn::Eq(value, to), from, value);
}

void uniform_floats(const uint32_t* bits, float* values, int64_t n, float from, float to) {
  const hn::ScalableTag<float> d;
  const Words words;
  const hn::RebindToSigned<decltype(d)> integers;
  const auto scale = hn::Set(d, 0x1p-24f), width = hn::Set(d, to - from);
  const auto low = hn::Set(d, from), high = hn::Set(d, to);
  const auto mask = hn::Set(words, 0xffffffu);
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto convert = [&](const uint32_t* source) {
    auto integer = hn::BitCast(integers, hn::And(hn::LoadU(words, source), mask));
    return uniform(d, integer, scale, width, low, high);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(convert(bits + i), d, values + i);
  if (i == n) return;
  HWY_ALIGN uint32_t last_bits[HWY_MAX_BYTES / 4] = {};
  HWY_ALIGN float last[HWY_MAX_BYTES / 4];
  std::copy(bits + i, bits + n, last_bits);
  hn::Store(convert(last_bits), d, last);
  std::copy(last, last + (n - i), values + i);
}

void uniform_doubles(const uint32_t* bits, double* values, int64_t n, double from, double to) {
  const hn::ScalableTag<double> d;
  const hn::RebindToUnsigned<decltype(d)> words;
  const hn::RebindToSigned<decltype(d)> integers;
  const auto scale = hn::Set(d, 0x1p-53), width = hn::Set(d, to - from);
  const auto low = hn::Set(d, from), high = hn::Set(d, to);
  const auto mask = hn::Set(words, (uint64_t{1} << 53) - 1);
  const int64_t lanes = int64_t(hn::Lanes(d));
  auto convert = [&](const uint32_t* source) {
    // In memory the high half comes first.
    auto pair = hn::LoadU(words, reinterpret_cast<const uint64_t*>(source));
    auto word = hn::Or(hn::ShiftLeft<32>(pair), hn::ShiftRight<32>(pair));
    return uniform(d, hn::BitCast(integers, hn::And(word, mask)), scale, width, low, high);
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

// Eight lanes at most: a group is eight radii and eight angles.
using Floats = hn::CappedTag<float, 8>;
using Float = hn::Vec<Floats>;

// log(x) for normal x > 0. Where a product and a sum are not fused, PyTorch's are not either.
Float log_of(Float x) {
  const Floats d;
  const hn::RebindToSigned<Floats> integers;
  auto bits = hn::BitCast(integers, x);
  Float exponent = hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(bits), hn::Set(integers, 126)));
  // The fraction in [0.5, 1), then in [sqrt(0.5), sqrt(2)), minus one.
  x = hn::BitCast(
      d, hn::Or(hn::And(bits, hn::Set(integers, 0x007fffff)), hn::Set(integers, 0x3f000000)));
  auto below = hn::Lt(x, hn::Set(d, 0.707106781186547524f));
  exponent = hn::Sub(exponent, hn::IfThenElseZero(below, hn::Set(d, 1.0f)));
  x = hn::Add(hn::Sub(x, hn::Set(d, 1.0f)), hn::IfThenElseZero(below, x));

  Float z = hn::Mul(x, x);
  Float y = hn::Set(d, 7.0376836292E-2f);
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

// sin(x) and cos(x) for 0 <= x <= 2 pi, reduced to [-pi/4, pi/4] by octants.
void sin_cos_of(Float x, Float& sine, Float& cosine) {
  const Floats d;
  const hn::RebindToSigned<Floats> integers;
  auto octant = hn::ConvertTo(integers, hn::Mul(x, hn::Set(d, 1.27323954473516f)));
  octant = hn::And(hn::Add(octant, hn::Set(integers, 1)), hn::Set(integers, ~1));
  Float y = hn::ConvertTo(d, octant);
  auto four = hn::Set(integers, 4), two = hn::Set(integers, 2);
  Float sine_sign = hn::BitCast(d, hn::ShiftLeft<29>(hn::And(octant, four)));
  Float cosine_sign = hn::BitCast(d, hn::ShiftLeft<29>(hn::AndNot(hn::Sub(octant, two), four)));
  auto straight = hn::RebindMask(d, hn::Eq(hn::And(octant, two), hn::Zero(integers)));
  // pi/4 in three parts (Cody and Waite).
  x = hn::MulAdd(y, hn::Set(d, -0.78515625f), x);
  x = hn::MulAdd(y, hn::Set(d, -2.4187564849853515625e-4f), x);
  x = hn::MulAdd(y, hn::Set(d, -3.77489497744594108e-8f), x);

  Float z = hn::Mul(x, x);
  Float c = hn::Set(d, 2.443315711809948E-005f);
  c = hn::MulAdd(c, z, hn::Set(d, -1.388731625493765E-003f));
  c = hn::MulAdd(c, z, hn::Set(d, 4.166664568298827E-002f));
  c = hn::MulSub(hn::Mul(c, z), z, hn::Mul(z, hn::Set(d, 0.5f)));
  c = hn::Add(c, hn::Set(d, 1.0f));
  Float s = hn::Set(d, -1.9515295891E-4f);
  s = hn::MulAdd(s, z, hn::Set(d, 8.3321608736E-3f));
  s = hn::MulAdd(s, z, hn::Set(d, -1.6666654611E-1f));
  s = hn::MulAdd(hn::Mul(s, z), x, x);

  sine = hn::Xor(hn::IfThenElse(straight, s, c), sine_sign);
  cosine = hn::Xor(hn::IfThenElse(straight, c, s), cosine_sign);
}

void normal_groups(float* values, int64_t n, float mean, float std) {
  const Floats d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  const Float one = hn::Set(d, 1.0f), minus_two = hn::Set(d, -2.0f);
  const Float two_pi = hn::Set(d, float(6.283185307179586));
  const Float mean_of = hn::Set(d, mean), std_of = hn::Set(d, std);
  for (int64_t group = 0; group + 16 <= n; group += 16) {
    for (int64_t i = group; i < group + 8; i += lanes) {
      Float u = hn::Sub(one, hn::LoadU(d, values + i));  // (0, 1], for the logarithm
      Float radius = hn::Sqrt(hn::Mul(minus_two, log_of(u)));
      Float sine, cosine;
      sin_cos_of(hn::Mul(two_pi, hn::LoadU(d, values + i + 8)), sine, cosine);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, cosine), std_of, mean_of), d, values + i);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, sine), std_of, mean_of), d, values + i + 8);
    }
  }
}

void remainders_of_descending(const uint32_t* bits, uint32_t* remainders, int64_t n,
                              uint32_t divisor) {
  // Both are below 2^32, so the quotient in double is off by one at most.
  for (int64_t i = 0; i < n; ++i) {
    int64_t value = bits[i], by = divisor - uint32_t(i);
    int64_t rest = value - int64_t(double(value) / double(by)) * by;
    rest += rest < 0 ? by : 0;
    remainders[i] = uint32_t(rest >= by ? rest - by : rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rushlight::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {

HWY_EXPORT(draw);
HWY_EXPORT(uniform_floats);
HWY_EXPORT(uniform_doubles);
HWY_EXPORT(normal_groups);
HWY_EXPORT(remainders_of_descending);

void draw(Mt19937& engine, uint32_t* bits, int64_t n) {
  HWY_DYNAMIC_DISPATCH(draw)(engine, bits, n);
}
void uniform_floats(const uint32_t* bits, float* values, int64_t n, float from, float to) {
  HWY_DYNAMIC_DISPATCH(uniform_floats)(bits, values, n, from, to);
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

}  // namespace rushlight::cpu
#endif
