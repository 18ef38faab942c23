#pragma once
// Shapes, strides and lists of dims.

#include <rushlight/error.h>
#include <rushlight/small_vector.h>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rushlight {

/// Owned list of sizes or dims; no allocation up to five.
using Dims = SmallVector<int64_t, 5>;

/// Borrowed list of integers: takes `3`, `{2, 3}`, a Dims, a vector or a span. A single number it
/// holds itself, so that `x.sum(1)` outlives the conversion of the 1.
class Ints : public std::span<const int64_t> {
 public:
  using Span = std::span<const int64_t>;
  using Span::Span;
  Ints(Span span) : Span(span) {}
  Ints(const Dims& dims) : Span(dims.data(), dims.size()) {}
  Ints(const std::vector<int64_t>& list) : Span(list) {}
  Ints(std::initializer_list<int64_t> list) : Span(list.begin(), list.size()) {}
  Ints(int64_t value) : Span(&value_, 1), value_(value) {}
  Ints(const Ints& other)
      : Span(other.data() == &other.value_ ? &value_ : other.data(), other.size()),
        value_(other.value_) {}
  Ints& operator=(const Ints& other) {
    value_ = other.value_;
    Span::operator=(other.data() == &other.value_ ? Span(&value_, 1) : Span(other));
    return *this;
  }

 private:
  int64_t value_ = 0;
};

inline bool same(std::span<const int64_t> a, std::span<const int64_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// The text of a shape, made only when it is read: a check that passes pays nothing for its
/// message. Borrows the shape.
class ShapeText {
 public:
  ShapeText(std::span<const int64_t> shape, std::string_view open, std::string_view separator,
            std::string_view close)
      : shape_(shape), open_(open), separator_(separator), close_(close) {}
  operator std::string() const;
  friend std::string to_string(const ShapeText& text) { return text; }
  friend std::string operator+(const std::string& a, const ShapeText& b) {
    return a + std::string(b);
  }
  friend std::string operator+(const ShapeText& a, const std::string& b) {
    return std::string(a) + b;
  }

 private:
  std::span<const int64_t> shape_;
  std::string_view open_, separator_, close_;
};

/// "[2, 3]", as PyTorch writes shapes in messages.
inline ShapeText to_string(std::span<const int64_t> shape) { return {shape, "[", ", ", "]"}; }
inline ShapeText to_string(const Dims& dims) { return to_string(std::span<const int64_t>(dims)); }
/// "2x3", as in "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)".
inline ShapeText times_string(std::span<const int64_t> shape) { return {shape, "", "x", ""}; }

/// Number of elements. Throws if a size is negative or the product overflows.
int64_t count_elements(std::span<const int64_t> shape);

/// Row-major strides of `shape`, in elements.
Dims contiguous_strides(std::span<const int64_t> shape);

/// True if `strides` lay `shape` out in row-major order without gaps (dims of size 1 do not count).
bool is_contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// `dim` counted from the front. A zero-dim tensor accepts 0 and -1. Throws PyTorch's IndexError.
int64_t wrap_dim(int64_t dim, int64_t ndim);

/// The dims as a set of flags; an empty list means all of them when `empty_is_all`.
/// Throws PyTorch's error if a dim appears twice.
Dims wrap_dims(std::span<const int64_t> dims, int64_t ndim, bool empty_is_all = true);

/// The shape to which both broadcast: for {3, 1} and {4} that is {3, 4}. Throws PyTorch's error.
Dims broadcast_shapes(std::span<const int64_t> a, std::span<const int64_t> b);

/// Strides that read a tensor of (`shape`, `strides`) as if it had the larger shape `target`.
Dims broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> strides,
                       std::span<const int64_t> target);

/// Replaces one -1 by what `elements` demands. Throws PyTorch's errors.
Dims infer_shape(std::span<const int64_t> requested, int64_t elements);

/// Strides with which a tensor can be seen as `shape` without a copy; false if there are none.
bool view_strides(std::span<const int64_t> old_shape, std::span<const int64_t> old_strides,
                  std::span<const int64_t> shape, Dims& strides);

}  // namespace rushlight
