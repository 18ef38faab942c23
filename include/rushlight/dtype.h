#pragma once
// The element types of tensors, and the two 16-bit floating-point formats.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace rushlight {

/// Element type of a tensor. The order is the order of promotion within a category.
enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
};
inline constexpr int kDTypes = 10;

/// IEEE 754 binary16. Arithmetic happens in float; this is a storage format.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  constexpr explicit Float16(float value);
  constexpr operator float() const;
};

/// The upper half of an IEEE 754 binary32, rounded to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  constexpr explicit BFloat16(float value) {
    uint32_t word = std::bit_cast<uint32_t>(value);
    bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? 0x7fc0 : uint16_t((word + 0x7fffu + ((word >> 16) & 1)) >> 16);
  }
  constexpr operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

constexpr Float16::Float16(float value) {
  uint32_t word = std::bit_cast<uint32_t>(value);
  uint32_t sign = (word >> 16) & 0x8000u;
  uint32_t magnitude = word & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    bits = uint16_t(sign | 0x7e00u);  // NaN
  } else if (magnitude >= 0x47800000u) {
    bits = uint16_t(sign | 0x7c00u);  // 65536 and above round to infinity
  } else if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 lets the float adder do the rounding.
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    bits = uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  } else {
    uint32_t rounded = magnitude + 0xc8000000u + 0xfffu + ((magnitude >> 13) & 1);
    bits = uint16_t(sign | (rounded >> 13));
  }
}

constexpr Float16::operator float() const {
  uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  uint32_t magnitude = uint32_t(bits & 0x7fffu) << 13;
  if (magnitude >= 0x0f800000u) return std::bit_cast<float>(sign | magnitude | 0x7f800000u);
  // Scaling by 2^112 re-biases the exponent and normalises subnormals exactly.
  float scaled = std::bit_cast<float>(magnitude) * std::bit_cast<float>(0x77800000u);
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

/// What is known of each dtype, in the order of the enumeration.
struct DTypeInfo {
  std::string_view name;    ///< "float32"
  std::string_view legacy;  ///< "Float", as in torch.FloatTensor
  std::string_view spoken;  ///< PyTorch's name in error messages: "Float"
  uint8_t size;             ///< bytes per element
  bool floating;
  bool is_signed;
  char numpy_kind;       ///< NumPy's and the buffer protocol's type character; 0 if there is none
  std::string_view cpp;  ///< what other messages of PyTorch's say: "float"
};

inline constexpr DTypeInfo kDTypeInfo[kDTypes] = {
    {"bool", "Bool", "Bool", 1, false, false, '?', "bool"},
    {"uint8", "Byte", "Byte", 1, false, false, 'B', "unsigned char"},
    {"int8", "Char", "Char", 1, false, true, 'b', "signed char"},
    {"int16", "Short", "Short", 2, false, true, 'h', "short int"},
    {"int32", "Int", "Int", 4, false, true, 'i', "int"},
    {"int64", "Long", "Long", 8, false, true, 'l', "long int"},
    {"float16", "Half", "Half", 2, true, true, 'e', "c10::Half"},
    {"bfloat16", "BFloat16", "BFloat16", 2, true, true, 0, "c10::BFloat16"},
    {"float32", "Float", "Float", 4, true, true, 'f', "float"},
    {"float64", "Double", "Double", 8, true, true, 'd', "double"},
};

constexpr const DTypeInfo& info(DType dtype) { return kDTypeInfo[int(dtype)]; }
constexpr int64_t size_of(DType dtype) { return info(dtype).size; }
constexpr bool is_floating(DType dtype) { return info(dtype).floating; }
constexpr bool is_half(DType dtype) { return dtype == DType::Float16 || dtype == DType::BFloat16; }
constexpr bool is_integral(DType dtype) { return !is_floating(dtype) && dtype != DType::Bool; }

template <class T>
struct CppType {
  using type = T;
};

/// Calls `function(CppType<T>{})` with the C++ type of `dtype`: the one place where dtypes become
/// types.
template <class Function>
constexpr decltype(auto) dispatch(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::Bool: return function(CppType<bool>{});
    case DType::UInt8: return function(CppType<uint8_t>{});
    case DType::Int8: return function(CppType<int8_t>{});
    case DType::Int16: return function(CppType<int16_t>{});
    case DType::Int32: return function(CppType<int32_t>{});
    case DType::Int64: return function(CppType<int64_t>{});
    case DType::Float16: return function(CppType<Float16>{});
    case DType::BFloat16: return function(CppType<BFloat16>{});
    case DType::Float32: return function(CppType<float>{});
    case DType::Float64: break;
  }
  return function(CppType<double>{});
}

/// The dtype of a C++ type: dtype_of<float> is DType::Float32.
template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(std::is_trivially_copyable_v<T>);
  if constexpr (std::is_same_v<T, bool>)
    return DType::Bool;
  else if constexpr (std::is_same_v<T, Float16>)
    return DType::Float16;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DType::BFloat16;
  else if constexpr (std::is_same_v<T, float>)
    return DType::Float32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::Float64;
  else if constexpr (sizeof(T) == 1)
    return std::is_signed_v<T> ? DType::Int8 : DType::UInt8;
  else if constexpr (sizeof(T) == 2)
    return DType::Int16;
  else if constexpr (sizeof(T) == 4)
    return DType::Int32;
  else
    return DType::Int64;
}();

/// The dtype of a result that combines both (PyTorch's promotion table).
DType promote(DType a, DType b);

/// The dtype of new floating-point tensors: float32 unless changed.
DType default_dtype();
void set_default_dtype(DType dtype);

}  // namespace rushlight
