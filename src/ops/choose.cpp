// Choosing by a mask: where, masked_fill, masked_select, masked_scatter.

#include <rushlight/operators.h>

#include "ops/index.h"

namespace rushlight {

namespace {

/// The condition as bool; uint8 is accepted with a warning, as in PyTorch.
Tensor as_condition(const Tensor& condition) {
  if (condition.dtype() == DType::UInt8) {
    warn(
        "where received a uint8 condition tensor. This behavior is deprecated and will be removed "
        "in a future version of PyTorch. Use a boolean condition instead.");
    return condition.to(DType::Bool);
  }
  check(condition.dtype() == DType::Bool,
        "where expected condition to be a boolean tensor, but got a tensor with dtype ",
        info(condition.dtype()).spoken);
  return condition;
}

constexpr auto choose = [](const Tensor& condition, const TensorOrScalar& input,
                           const TensorOrScalar& other) -> Tensor {
  Tensor mask = as_condition(condition);
  const Value operands[] = {mask, input, other};
  DType dtype = promote_operands({operands + 1, 2});
  return Pointwise{Kernel::Where, dtype, dtype}.run(operands);
};

}  // namespace

constinit const Op op::where_self = {
    .schema = "where.self(Tensor condition, Tensor|Scalar input, Tensor|Scalar other) -> Tensor",
    .doc = "`input` where `condition` is true, else `other`; all three broadcast.",
    .examples =
        "where(randn(3, 4) > 0, randn(3, 4), randn(4))\n"
        "where(randn(3) > 0, randn(3), 0.0)\n"
        "where(randn(3) > 0, 1, 2)",
    .variants = "function-only",
    .forward = run(choose),
    .save = "condition",
    .backward =
        [](Backward& b) {
          Tensor condition = b.saved("condition");
          if (condition.dtype() != DType::Bool) condition = condition.to(DType::Bool);
          b.wrt("input", [&] { return rushlight::where(condition, b.grad(), 0); });
          b.wrt("other", [&] { return rushlight::where(condition, 0, b.grad()); });
        },
};

constinit const Op op::where_method = {
    .schema = "where.method(Tensor input, Tensor condition, Tensor|Scalar other) -> Tensor",
    .doc = "The tensor where `condition` is true, else `other`.",
    .examples = "randn(3, 4).where(randn(3, 4) > 0, 0.0)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, const Tensor& condition, const TensorOrScalar& other) {
      return rushlight::where(condition, input, other);
    }),
};

}  // namespace rushlight
