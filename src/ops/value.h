#pragma once
// An argument of any kind, borrowed from the caller: how calls pass arguments without allocating.

#include <rushlight/tensor.h>

#include <string_view>

namespace rushlight {

class Value {
 public:
  enum class Kind : uint8_t {
    None,
    Tensor,
    Bool,
    Int,
    Float,
    Ints,
    Tensors,
    Scalars,
    DType,
    Device,
    MemoryFormat,
    Layout,
    Text,
    Generator,
  };

  Value() : kind_(Kind::None), integer_(0) {}
  Value(std::nullopt_t) : Value() {}
  Value(const Tensor& tensor) : Value() {
    if (tensor.defined()) {
      kind_ = Kind::Tensor;
      pointer_ = &tensor;
    }
  }
  Value(bool value) : kind_(Kind::Bool), integer_(value) {}
  Value(int64_t value) : kind_(Kind::Int), integer_(value) {}
  Value(double value) : kind_(Kind::Float), real_(value) {}
  Value(const Scalar& scalar) : Value() {
    if (scalar.is_float())
      *this = Value(scalar.real());
    else if (scalar.is_bool())
      *this = Value(scalar.to<bool>());
    else
      *this = Value(scalar.integer());
  }
  Value(const TensorOrScalar& either) {
    *this = either.is_tensor() ? Value(either.tensor()) : Value(either.scalar());
  }
  Value(const Ints& ints) : kind_(Kind::Ints), pointer_(ints.data()), size_(ints.size()) {}
  Value(Tensors list) : kind_(Kind::Tensors), pointer_(list.data()), size_(list.size()) {}
  Value(std::span<const Scalar> list)
      : kind_(Kind::Scalars), pointer_(list.data()), size_(list.size()) {}
  Value(DType dtype) : kind_(Kind::DType), integer_(int64_t(dtype)) {}
  Value(Device device)
      : kind_(Kind::Device), integer_(int64_t(device.type)), size_(size_t(int64_t(device.index))) {}
  Value(MemoryFormat format) : kind_(Kind::MemoryFormat), integer_(int64_t(format)) {}
  Value(Layout layout) : kind_(Kind::Layout), integer_(int64_t(layout)) {}
  Value(std::string_view text) : kind_(Kind::Text), pointer_(text.data()), size_(text.size()) {}
  Value(Generator* generator) : Value() {
    if (generator) {
      kind_ = Kind::Generator;
      pointer_ = generator;
    }
  }
  template <class T>
  Value(const std::optional<T>& value) : Value() {
    if (value) *this = Value(*value);
  }

  Kind kind() const { return kind_; }
  bool is_none() const { return kind_ == Kind::None; }
  bool is_tensor() const { return kind_ == Kind::Tensor; }
  bool is_number() const { return kind_ >= Kind::Bool && kind_ <= Kind::Float; }

  const Tensor& tensor() const { return *static_cast<const Tensor*>(pointer_); }
  const Tensor& tensor_or_undefined() const;
  Scalar scalar() const {
    if (kind_ == Kind::Bool) return Scalar(integer_ != 0);
    return kind_ == Kind::Float ? Scalar(real_) : Scalar(integer_);
  }
  Ints ints() const { return {static_cast<const int64_t*>(pointer_), size_}; }
  Tensors tensors() const { return {static_cast<const Tensor*>(pointer_), size_}; }
  std::span<const Scalar> scalars() const { return {static_cast<const Scalar*>(pointer_), size_}; }
  std::string_view text() const { return {static_cast<const char*>(pointer_), size_}; }

  /// The value as the type that a forward function's parameter has.
  template <class T>
  T as() const;

 private:
  Kind kind_;
  union {
    const void* pointer_;
    int64_t integer_;
    double real_;
  };
  size_t size_ = 0;
};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
T Value::as() const {
  if constexpr (IsOptional<T>::value) {
    return is_none() ? T() : T(as<typename T::value_type>());
  } else if constexpr (std::is_same_v<T, Tensor>) {
    return tensor_or_undefined();
  } else if constexpr (std::is_same_v<T, TensorOrScalar>) {
    return is_tensor() ? TensorOrScalar(tensor()) : TensorOrScalar(scalar());
  } else if constexpr (std::is_same_v<T, Scalar>) {
    return scalar();
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, int64_t> ||
                       std::is_same_v<T, double>) {
    return scalar().to<T>();
  } else if constexpr (std::is_same_v<T, Ints>) {
    return ints();
  } else if constexpr (std::is_same_v<T, Tensors>) {
    return tensors();
  } else if constexpr (std::is_same_v<T, std::span<const Scalar>>) {
    return scalars();
  } else if constexpr (std::is_same_v<T, Device>) {
    return Device{DeviceType(integer_), int8_t(int64_t(size_))};
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return text();
  } else if constexpr (std::is_same_v<T, Generator*>) {
    return is_none() ? nullptr : static_cast<Generator*>(const_cast<void*>(pointer_));
  } else {
    static_assert(std::is_enum_v<T>, "a forward function's parameter of unknown type");
    return T(integer_);
  }
}

}  // namespace rushlight
