// Logical and bitwise operations.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

namespace rushlight {

namespace {

void bitwise_not_forward(Call& call) {
  DType dtype = call.arguments[0].tensor().dtype();
  check(!is_floating(dtype), ErrorKind::NotImplemented, "\"bitwise_not_cpu\" not implemented for '",
        info(dtype).spoken, "'");
  pointwise_forward(call, Kernel::BitNot, Result::Promoted);
}

}  // namespace

constinit const Op op::logical_and = {
    .schema = "logical_and(Tensor input, Tensor other) -> Tensor",
    .doc = "True where both elements are not zero.",
    .examples = "logical_and(randint(0, 2, (3, 4)), randint(0, 2, (4,)))",
    .variants = "in-place",
    .forward = pointwise<Kernel::LogicalAnd, Result::Boolean>,
};

constinit const Op op::logical_or = {
    .schema = "logical_or(Tensor input, Tensor other) -> Tensor",
    .doc = "True where either element is not zero.",
    .examples = "logical_or(randint(0, 2, (3, 4)), randint(0, 2, (4,)))",
    .variants = "in-place",
    .forward = pointwise<Kernel::LogicalOr, Result::Boolean>,
};

constinit const Op op::logical_xor = {
    .schema = "logical_xor(Tensor input, Tensor other) -> Tensor",
    .doc = "True where exactly one element is not zero.",
    .examples = "logical_xor(randint(0, 2, (3, 4)), randint(0, 2, (4,)))",
    .variants = "in-place",
    .forward = pointwise<Kernel::LogicalXor, Result::Boolean>,
};

constinit const Op op::logical_not = {
    .schema = "logical_not(Tensor input) -> Tensor",
    .doc = "True where the element is zero.",
    .examples = "logical_not(randint(0, 2, (3, 4)))",
    .variants = "in-place",
    .forward = pointwise<Kernel::LogicalNot, Result::Boolean>,
};

constinit const Op op::bitwise_and = {
    .schema = "bitwise_and(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "The bits that both have; of bool the logical \"and\".",
    .examples =
        "bitwise_and(randint(0, 9, (3, 4)), randint(0, 9, (4,)))\n"
        "bitwise_and(randint(0, 9, (4,)), 5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::BitAnd>,
};

constinit const Op op::bitwise_and_Scalar_Tensor = {
    .schema = "bitwise_and.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "The bits that both have, of a number and a tensor.",
    .examples = "bitwise_and(5, randint(0, 9, (4,)))",
    .variants = "function-only",
    .forward = pointwise<Kernel::BitAnd, Result::Promoted, 2>,
};

constinit const Op op::bitwise_or = {
    .schema = "bitwise_or(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "The bits that either has; of bool the logical \"or\".",
    .examples =
        "bitwise_or(randint(0, 9, (3, 4)), randint(0, 9, (4,)))\n"
        "bitwise_or(randint(0, 9, (4,)), 5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::BitOr>,
};

constinit const Op op::bitwise_or_Scalar_Tensor = {
    .schema = "bitwise_or.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "The bits that either has, of a number and a tensor.",
    .examples = "bitwise_or(5, randint(0, 9, (4,)))",
    .variants = "function-only",
    .forward = pointwise<Kernel::BitOr, Result::Promoted, 2>,
};

constinit const Op op::bitwise_xor = {
    .schema = "bitwise_xor(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "The bits in which both differ; of bool the logical \"exclusive or\".",
    .examples =
        "bitwise_xor(randint(0, 9, (3, 4)), randint(0, 9, (4,)))\n"
        "bitwise_xor(randint(0, 9, (4,)), 5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::BitXor>,
};

constinit const Op op::bitwise_xor_Scalar_Tensor = {
    .schema = "bitwise_xor.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "The bits in which both differ, of a number and a tensor.",
    .examples = "bitwise_xor(5, randint(0, 9, (4,)))",
    .variants = "function-only",
    .forward = pointwise<Kernel::BitXor, Result::Promoted, 2>,
};

constinit const Op op::bitwise_not = {
    .schema = "bitwise_not(Tensor input) -> Tensor",
    .doc = "Every bit inverted; of bool the logical \"not\".",
    .examples = "bitwise_not(randint(0, 9, (3, 4)))",
    .variants = "in-place",
    .forward = bitwise_not_forward,
};

constinit const Op op::bitwise_left_shift = {
    .schema = "bitwise_left_shift(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`input * 2**other` of integers; bits beyond the width are lost.",
    .examples =
        "bitwise_left_shift(randint(0, 9, (3, 4)), randint(0, 3, (4,)))\n"
        "bitwise_left_shift(randint(0, 9, (4,)), 2)",
    .variants = "in-place",
    .forward = pointwise<Kernel::ShiftLeft>,
};

constinit const Op op::bitwise_left_shift_Scalar_Tensor = {
    .schema = "bitwise_left_shift.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "`input * 2**other` of a number and a tensor.",
    .examples = "bitwise_left_shift(5, randint(0, 3, (4,)))",
    .variants = "function-only",
    .forward = pointwise<Kernel::ShiftLeft, Result::Promoted, 2>,
};

constinit const Op op::bitwise_right_shift = {
    .schema = "bitwise_right_shift(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`floor(input / 2**other)` of integers: the sign is kept.",
    .examples =
        "bitwise_right_shift(randint(-9, 9, (3, 4)), randint(0, 3, (4,)))\n"
        "bitwise_right_shift(randint(-9, 9, (4,)), 2)",
    .variants = "in-place",
    .forward = pointwise<Kernel::ShiftRight>,
};

constinit const Op op::bitwise_right_shift_Scalar_Tensor = {
    .schema = "bitwise_right_shift.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "`floor(input / 2**other)` of a number and a tensor.",
    .examples = "bitwise_right_shift(50, randint(0, 3, (4,)))",
    .variants = "function-only",
    .forward = pointwise<Kernel::ShiftRight, Result::Promoted, 2>,
};

}  // namespace rushlight
