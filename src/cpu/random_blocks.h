#pragma once
// What the random fills share: the next block of draws, conversions, and the errors' words.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "cpu/random_simd.h"
#include "rushlight/dtype.h"
#include "rushlight/error.h"
#include "rushlight/generator.h"

namespace rushlight::cpu {

/// Draws `words` 32-bit words for each of n numbers: calls body(bits, begin, count) per block.
template <class Body>
void for_blocks(Mt19937& engine, int64_t n, int64_t words, Body&& body) {
  alignas(64) uint32_t bits[kBlockWords];
  for (int64_t begin = 0; begin < n; begin += kBlockWords / words) {
    int64_t count = std::min(n - begin, kBlockWords / words);
    draw(engine, bits, count * words);
    body(static_cast<const uint32_t*>(bits), begin, count);
  }
}

/// Draws n floats in [from, to): calls body(floats, begin, count) per block.
template <class Body>
void for_float_blocks(Mt19937& engine, int64_t n, float from, float to, Body&& body) {
  alignas(64) float floats[kBlockWords];
  for (int64_t begin = 0; begin < n; begin += kBlockWords) {
    int64_t count = std::min(n - begin, kBlockWords);
    draw_floats(engine, floats, count, from, to);
    body(floats, begin, count);
  }
}

/// Calls body(i, u) for each i < n with a 53-bit uniform u in [0, 1).
template <class Body>
void for_uniforms(Mt19937& engine, int64_t n, Body&& body) {
  for_blocks(engine, n, 2, [&](const uint32_t* bits, int64_t begin, int64_t count) {
    double units[kBlockWords / 2];
    uniform_doubles(bits, units, count, 0.0, 1.0);
    for (int64_t i = 0; i < count; ++i) body(begin + i, units[i]);
  });
}

inline uint64_t join_words(const uint32_t* pair) { return uint64_t{pair[0]} << 32 | pair[1]; }

inline double next_uniform(Generator::Data& data) {
  return double(data.random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

/// A standard normal in double precision: Box-Muller, whose second number is kept for the next.
inline double next_normal(Generator::Data& data) {
  if (data.next_double_normal) {
    double kept = *data.next_double_normal;
    data.next_double_normal.reset();
    return kept;
  }
  double u1 = next_uniform(data), u2 = next_uniform(data);
  double radius = std::sqrt(-2.0 * std::log1p(-u2));
  double theta = 2.0 * 3.14159265358979323846 * u1;
  data.next_double_normal = radius * std::sin(theta);
  return radius * std::cos(theta);
}

/// Truncation to an integer as the processor does it: out of range gives the smallest.
template <class T>
T truncate_to(double value) {
  if constexpr (sizeof(T) < 8) {
    bool fits = value > -2147483649.0 && value < 2147483648.0;
    return T(fits ? int32_t(value) : std::numeric_limits<int32_t>::min());
  } else {
    bool fits = value >= -0x1p63 && value < 0x1p63;
    return fits ? int64_t(value) : std::numeric_limits<int64_t>::min();
  }
}

/// A number of any kind as an element.
template <class T, class Number>
T element(Number value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return T(float(value));
  } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<Number>) {
    return truncate_to<T>(value);
  } else {
    return T(value);
  }
}

/// dispatch() over the floating dtypes only.
template <class Function>
void dispatch_floating(DType dtype, const char* kernel, Function&& function) {
  switch (dtype) {
    case DType::Float16: return function(CppType<Float16>{});
    case DType::BFloat16: return function(CppType<BFloat16>{});
    case DType::Float32: return function(CppType<float>{});
    case DType::Float64: return function(CppType<double>{});
    default:
      fail(ErrorKind::NotImplemented, "\"", kernel, "\" not implemented for '", info(dtype).spoken,
           "'");
  }
}

/// A double as PyTorch's messages print it: six significant digits.
inline std::string general(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// What std::numeric_limits says of a floating dtype.
struct FloatLimits {
  int digits;
  double max;
};
template <class T>
inline constexpr FloatLimits kLimits{std::numeric_limits<T>::digits,
                                     double(std::numeric_limits<T>::max())};
template <>
inline constexpr FloatLimits kLimits<Float16>{11, 65504.0};
template <>
inline constexpr FloatLimits kLimits<BFloat16>{8, 0x1.fep127};

/// The C++ name of a dtype, which some of PyTorch's messages use.
inline const char* cpp_name(DType dtype) {
  constexpr const char* kNames[kDTypes] = {"bool",  "unsigned char", "signed char", "short int",
                                           "int",   "long int",      "c10::Half",   "c10::BFloat16",
                                           "float", "double"};
  return kNames[int(dtype)];
}

}  // namespace rushlight::cpu
