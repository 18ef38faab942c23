#pragma once
// x[...] and x[...] = v, as Python has them: x.index({0, Slice{1, 3}, Ellipsis, mask}).

#include <rushlight/tensor.h>

#include <initializer_list>
#include <optional>
#include <span>

namespace rushlight {

/// start:stop:step; what is left out means the whole dim, every element.
struct Slice {
  std::optional<int64_t> start, stop, step;
};

struct EllipsisType {};
struct NewDimType {};
/// As many whole dims as are not indexed otherwise.
inline constexpr EllipsisType Ellipsis{};
/// A new dim of size 1: Python's None.
inline constexpr NewDimType NewDim{};

/// One entry of the brackets.
class Index {
 public:
  enum class Kind : uint8_t { Int, Slice, Tensor, Bool, Ellipsis, NewDim };

  Index(int64_t index) : kind_(Kind::Int), start_(index) {}
  Index(int index) : Index(int64_t(index)) {}
  Index(bool value) : kind_(Kind::Bool), start_(value) {}
  Index(const rushlight::Slice& slice)
      : kind_(Kind::Slice),
        has_start_(slice.start.has_value()),
        has_stop_(slice.stop.has_value()),
        start_(slice.start.value_or(0)),
        stop_(slice.stop.value_or(0)),
        step_(slice.step.value_or(1)) {}
  Index(rushlight::Tensor tensor) : kind_(Kind::Tensor), tensor_(std::move(tensor)) {}
  Index(EllipsisType) : kind_(Kind::Ellipsis) {}
  Index(NewDimType) : kind_(Kind::NewDim) {}

  Kind kind() const { return kind_; }
  int64_t integer() const { return start_; }
  bool boolean() const { return start_ != 0; }
  std::optional<int64_t> start() const { return has_start_ ? std::optional(start_) : std::nullopt; }
  std::optional<int64_t> stop() const { return has_stop_ ? std::optional(stop_) : std::nullopt; }
  int64_t step() const { return step_; }
  bool is_full_slice() const { return !has_start_ && !has_stop_ && step_ == 1; }
  const rushlight::Tensor& tensor() const { return tensor_; }

 private:
  Kind kind_;
  bool has_start_ = false, has_stop_ = false;
  int64_t start_ = 0, stop_ = 0, step_ = 1;
  rushlight::Tensor tensor_;
};

/// `tensor[indices]`: a view if every entry is an int, a slice, None or an ellipsis; else a copy.
/// Throws PyTorch's IndexErrors, and ValueError for a slice's step below 1.
Tensor index(const Tensor& tensor, std::span<const Index> indices);

/// `tensor[indices] = value`: the value is broadcast, and converted unless indices are tensors.
void index_put_(const Tensor& tensor, std::span<const Index> indices, const TensorOrScalar& value);

}  // namespace rushlight
