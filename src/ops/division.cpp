// Quotients, rounded quotients and remainders.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

namespace rushlight {

namespace {

/// What the quotient is rounded to: "trunc", "floor", or nothing if the text is absent.
Kernel division_kernel(const Value& mode) {
  if (mode.is_none()) return Kernel::Div;
  if (mode.text() == "floor") return Kernel::FloorDivide;
  check(mode.text() == "trunc",
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '",
        mode.text(), "'");
  return Kernel::TruncDivide;
}

void divide_rounded(Call& call) {
  Kernel kernel = division_kernel(call.arguments[2]);
  DType dtype = promote_operands({call.arguments, 2});
  if (kernel == Kernel::Div && !is_floating(dtype)) dtype = default_dtype();
  if (kernel == Kernel::TruncDivide &&
      is_half(dtype)) {  // the quotient is rounded before it is cut
    Tensor quotient =
        Pointwise{Kernel::Div, dtype, dtype, call.destination}.run({call.arguments, 2});
    call.results.tensors.push_back(quotient.trunc_());
    return;
  }
  call.results.tensors.push_back(
      Pointwise{kernel, dtype, dtype, call.destination}.run({call.arguments, 2}));
}

Tensor grad_of_divisor(Backward& b) {
  Tensor divisor = b.saved("other");
  return -b.grad() * ((b.saved("input") / divisor) / divisor);
}

}  // namespace

constinit const Op op::div = {
    .schema = "div(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`input / other`, elementwise, with broadcasting; of integers too the true quotient.",
    .examples =
        "div(randn(3, 4), randn(4))\n"
        "div(randn(5), 2.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Div, Result::Floating>,
    .save = "input for other, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() / b.saved("other"); });
          b.wrt("other", [&] { return grad_of_divisor(b); });
        },
};

constinit const Op op::_div_number = {
    .schema = "_div_number(Tensor input, Scalar other) -> Tensor",
    .doc = "What PyTorch's composites record where they divide by a number.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::Div, Result::Floating, 2>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() / b.scalar("other"); }); },
    .node = "DivBackward1",
};

constinit const Op op::div_Tensor_mode = {
    .schema = "div.Tensor_mode(Tensor input, Tensor|Scalar other, *, str? rounding_mode) -> Tensor",
    .doc =
        "`input / other`, rounded down (`'floor'`), towards zero (`'trunc'`) or not at all (None).",
    .examples =
        "div(randn(3, 4), randn(4), rounding_mode='floor')\n"
        "div(randn(5), 0.3, rounding_mode='trunc')\n"
        "div(randn(5), 2.0, rounding_mode=None)",
    .variants = "in-place",
    .forward = divide_rounded,
    .save = "input for other, other",
    .backward =
        [](Backward& b) {
          bool rounded = b.given("rounding_mode");
          b.wrt("input", [&] {
            return rounded ? rushlight::zeros_like(b.grad()) : b.grad() / b.saved("other");
          });
          b.wrt("other",
                [&] { return rounded ? rushlight::zeros_like(b.grad()) : grad_of_divisor(b); });
        },
    .node = "DivBackward2",
};

constinit const Op op::divide = {
    .schema = "divide(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `div`.",
    .examples = "divide(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::div>,
};

constinit const Op op::divide_Tensor_mode = {
    .schema =
        "divide.Tensor_mode(Tensor input, Tensor|Scalar other, *, str? rounding_mode) -> Tensor",
    .doc = "Another name of `div`.",
    .examples = "divide(randn(3, 4), randn(4), rounding_mode='floor')",
    .variants = "in-place",
    .compose = same_as<op::div_Tensor_mode>,
};

constinit const Op op::true_divide = {
    .schema = "true_divide(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `div`.",
    .examples = "true_divide(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::div>,
};

constinit const Op op::floor_divide = {
    .schema = "floor_divide(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`floor(input / other)`, elementwise: Python's `//`.",
    .examples =
        "floor_divide(randn(3, 4), randn(4))\n"
        "floor_divide(randn(5), 0.3)",
    .variants = "in-place",
    .forward = pointwise<Kernel::FloorDivide>,
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::floor_divide_Scalar_Tensor = {
    .schema = "floor_divide.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "`floor(input / other)` of a number and a tensor.",
    .examples = "floor_divide(2.0, randn(4))",
    .variants = "function-only",
    .forward = pointwise<Kernel::FloorDivide, Result::Promoted, 2>,
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::remainder_Tensor = {
    .schema = "remainder.Tensor(Tensor input, Tensor other) -> Tensor",
    .doc = "`input - floor(input / other) * other`: the sign of `other`, as Python's `%`.",
    .examples = "remainder(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Remainder>,
    .save = "input for other, other for other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other",
                [&] { return -b.grad() * b.saved("input").div(b.saved("other"), "floor"); });
        },
    .node = "RemainderBackward1",
};

constinit const Op op::remainder_Scalar = {
    .schema = "remainder.Scalar(Tensor input, Scalar other) -> Tensor",
    .doc = "`input - floor(input / other) * other`: the sign of `other`, as Python's `%`.",
    .examples = "remainder(randn(5), 0.3)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Remainder, Result::Promoted, 2>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::remainder_Scalar_Tensor = {
    .schema = "remainder.Scalar_Tensor(Scalar input, Tensor other) -> Tensor",
    .doc = "`input - floor(input / other) * other` of a number and a tensor.",
    .examples = "remainder(2.0, randn(4))",
    .variants = "function-only",
    .forward = pointwise<Kernel::Remainder, Result::Promoted, 2>,
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::fmod_Tensor = {
    .schema = "fmod.Tensor(Tensor input, Tensor other) -> Tensor",
    .doc = "`input - trunc(input / other) * other`: the sign of `input`, as C's `fmod`.",
    .examples = "fmod(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Fmod>,
    .save = "input for other, other for other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other",
                [&] { return -b.grad() * b.saved("input").div(b.saved("other"), "trunc"); });
        },
    .node = "FmodBackward1",
};

constinit const Op op::fmod_Scalar = {
    .schema = "fmod.Scalar(Tensor input, Scalar other) -> Tensor",
    .doc = "`input - trunc(input / other) * other`: the sign of `input`, as C's `fmod`.",
    .examples = "fmod(randn(5), 0.3)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Fmod, Result::Promoted, 2>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

}  // namespace rushlight
