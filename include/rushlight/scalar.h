#pragma once
// A number with its kind: what Python passes where an operation takes a scalar.

#include <rushlight/dtype.h>
#include <rushlight/error.h>

#include <string>
#include <type_traits>

namespace rushlight {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float };

  constexpr Scalar() : Scalar(int64_t(0)) {}
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Scalar(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = Kind::Bool;
      integer_ = value;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = Kind::Int;
      integer_ = int64_t(value);
    } else {
      kind_ = Kind::Float;
      real_ = double(value);
    }
  }

  constexpr Kind kind() const { return kind_; }
  constexpr bool is_float() const { return kind_ == Kind::Float; }
  constexpr bool is_bool() const { return kind_ == Kind::Bool; }
  constexpr double real() const { return is_float() ? real_ : double(integer_); }
  constexpr int64_t integer() const { return is_float() ? int64_t(real_) : integer_; }
  template <class T>
  constexpr T to() const {
    if constexpr (std::is_same_v<T, bool>)
      return is_float() ? real_ != 0 : integer_ != 0;
    else if constexpr (std::is_integral_v<T>)
      return T(integer());
    else
      return T(real());
  }
  constexpr bool operator==(double value) const { return real() == value; }
  /// The dtype that a tensor made of this number gets.
  DType dtype() const {
    return is_float() ? default_dtype() : is_bool() ? DType::Bool : DType::Int64;
  }

 private:
  Kind kind_;
  union {
    int64_t integer_;
    double real_;
  };
};

std::string to_string(const Scalar& scalar);
/// The shortest text that reads back as the same number, in Python's form: "1.0".
std::string python_text(double number);

}  // namespace rushlight
