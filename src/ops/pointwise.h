#pragma once
// Pointwise operations: broadcasting, promotion, layout of the result, then one kernel.

#include "kernels/pointwise.h"
#include "ops/op.h"

namespace rushlight {

/// What the result's dtype is, given the promoted dtype of the operands.
enum class Result : uint8_t {
  Promoted,         ///< that dtype
  Floating,         ///< that dtype, or the default dtype if it is not floating
  Boolean,          ///< bool; compared in the promoted dtype
  FloatingBoolean,  ///< bool; computed in a floating dtype
};

/// One kernel over operands (tensors or numbers), into a new tensor or `destination`.
struct Pointwise {
  Kernel kernel;
  DType compute;  ///< in which the kernel runs
  DType result;   ///< of the result; compute, or Bool for predicates
  const Tensor* destination = nullptr;

  /// Throws PyTorch's errors if the shapes don't broadcast or the destination can't hold the
  /// result.
  Tensor run(std::span<const Value> operands, std::span<const Param> params = {}) const;
};

/// The promoted dtype of tensors and numbers.
DType promote_operands(std::span<const Value> operands);

/// The C++ type of a dtype, by which some of PyTorch's messages name it: "float", "long int".
std::string_view type_name(DType dtype);

/// Throws PyTorch's error if a result of dtype `from` may not be stored in a tensor of dtype `to`.
void check_can_cast(DType from, DType to);

/// Throws if elements of `destination` share memory, as those of an expanded tensor do.
void check_distinct_elements(const Tensor& destination);

/// Whether a dim repeats the same memory.
bool is_expanded(const Tensor& tensor);

/// True if the bytes of the two may overlap without being the very same elements.
bool may_overlap(const Tensor& a, const Tensor& b);

inline Operand operand_of(const Tensor& tensor) {
  return {tensor.data(), tensor.dtype(), tensor.strides().data()};
}

/// An operand seen as having the shape `shape`; `strides` gives it storage.
Operand broadcast_operand(const Tensor& tensor, std::span<const int64_t> shape, Dims& strides);

/// A new tensor of the shape and, if it has no gaps, the layout of `tensor` (PyTorch's
/// preserve_format).
Tensor make_like(const Tensor& tensor, DType dtype);

Param to_param(const Scalar& scalar);

/// Forward of an operation whose tensor parameters are the kernel's inputs and whose numbers are
/// the kernel's parameters, both in order. `operands`: how many of the first parameters are inputs
/// whatever their type; 0: those that are or may be tensors.
void pointwise_forward(Call& call, Kernel kernel, Result result, size_t operands = 0);

template <Kernel kernel, Result result = Result::Promoted, size_t operands = 0>
void pointwise(Call& call) {
  pointwise_forward(call, kernel, result, operands);
}

}  // namespace rushlight
