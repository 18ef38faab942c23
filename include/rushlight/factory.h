#pragma once
// Tensors from C++ data: numbers in braces, vectors, and memory that belongs to someone else.

#include <rushlight/tensor.h>

#include <concepts>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

namespace rushlight {

template <class T>
inline constexpr bool is_element =
    std::is_arithmetic_v<T> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

/// A number, a braced list of them, a vector or span, or a list of any of these. It borrows vectors
/// and spans, so it lives as an argument only.
class NestedNumbers {
 public:
  template <class T>
  requires is_element<T> NestedNumbers(T number) : dtype_(dtype_of<T>) {
    if constexpr (std::is_arithmetic_v<T>)
      number_ = number;
    else
      number_ = float(number);
  }
  NestedNumbers(std::initializer_list<NestedNumbers> list) : kind_(Kind::List), list_(list) {}
  template <class T>
  requires is_element<T> NestedNumbers(std::span<const T> numbers)
      : kind_(Kind::Flat), dtype_(dtype_of<T>), data_(numbers.data()), size_(numbers.size()) {}
  template <class T>
  NestedNumbers(const std::vector<T>& items)
      : kind_(Kind::List), list_(items.begin(), items.end()) {}
  template <class T>
  requires(is_element<T> && !std::is_same_v<T, bool>) NestedNumbers(const std::vector<T>& numbers)
      : NestedNumbers(std::span<const T>(numbers)) {}

  /// Reads off the sizes along the first elements; a list of lists has at least two.
  Dims shape() const;
  /// The dtype that all numbers together promote to, before torch.tensor's defaults.
  std::optional<DType> dtype() const;
  /// Writes the numbers in order; throws a ValueError if the lists are ragged.
  void store(const Tensor& target) const;

 private:
  enum class Kind : uint8_t { Number, Flat, List };

  void store(const Tensor& target, size_t dim, int64_t offset) const;

  Kind kind_ = Kind::Number;
  DType dtype_ = DType::Float32;
  Scalar number_;
  const void* data_ = nullptr;
  size_t size_ = 0;
  std::vector<NestedNumbers> list_;
};

/// A tensor of the numbers: `tensor({{1, 2}, {3, 4}})`, `tensor(vector)`, `tensor(2.5)`. As in
/// Python, int and long give int64, float and double the default dtype; others keep their own.
Tensor tensor(const NestedNumbers& numbers, std::optional<DType> dtype = {});

/// A tensor over memory of the caller, which must outlive it. Strides are in elements, row-major if
/// left out.
Tensor from_blob(void* data, Ints shape, DType dtype);
Tensor from_blob(void* data, Ints shape, Ints strides, DType dtype);
template <class T>
requires is_element<T> Tensor from_blob(T* data, Ints shape) {
  return from_blob(data, shape, dtype_of<T>);
}

/// The same, with `release(context)` called when the last tensor over the memory is gone.
Tensor from_blob(void* data, Ints shape, Ints strides, DType dtype, void* context,
                 Storage::Release release);

/// The same, with `deleter(data)` called when the last tensor over the memory is gone.
template <std::invocable<void*> Deleter>
Tensor from_blob(void* data, Ints shape, Deleter deleter, DType dtype) {
  struct Context {
    Deleter deleter;
    void* data;
  };
  return from_blob(data, shape, contiguous_strides(shape), dtype, new Context{deleter, data},
                   [](void* context) noexcept {
                     Context* owned = static_cast<Context*>(context);
                     owned->deleter(owned->data);
                     delete owned;
                   });
}

}  // namespace rushlight
