// Sums, products and their kin. Quotients are in division.cpp.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

namespace rushlight {

Tensor& Tensor::operator+=(const TensorOrScalar& other) {
  add_(other);
  return *this;
}
Tensor& Tensor::operator-=(const TensorOrScalar& other) {
  sub_(other);
  return *this;
}
Tensor& Tensor::operator*=(const TensorOrScalar& other) {
  mul_(other);
  return *this;
}
Tensor& Tensor::operator/=(const TensorOrScalar& other) {
  div_(other);
  return *this;
}

namespace {

bool is_bool(const Value& operand) {
  return operand.is_tensor() ? operand.tensor().dtype() == DType::Bool
                             : operand.kind() == Value::Kind::Bool;
}

/// `alpha` must be of a kind that the result's dtype can hold. Arguments: input, other, alpha.
void check_alpha(const Value* arguments) {
  const Value& alpha = arguments[2];
  if (alpha.kind() == Value::Kind::Int) return;
  DType dtype = promote_operands({arguments, 2});
  check(alpha.kind() != Value::Kind::Bool || dtype == DType::Bool,
        "Boolean alpha only supported for Boolean results.");
  check(alpha.kind() != Value::Kind::Float || is_floating(dtype),
        "For integral input tensors, argument alpha must not be a floating point number.");
}

void check_subtraction(const Value* arguments) {
  bool first = is_bool(arguments[0]), second = is_bool(arguments[1]);
  check(!(first && second),
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
        "`logical_xor()` operator instead.");
  check(!first && !second,
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead.");
}

void add_forward(Call& call) {
  check_alpha(call.arguments);
  pointwise_forward(call, Kernel::Add, Result::Promoted);
}

void sub_forward(Call& call) {
  check_subtraction(call.arguments);
  check_alpha(call.arguments);
  pointwise_forward(call, Kernel::Sub, Result::Promoted);
}

void rsub_forward(Call& call) {
  check_subtraction(call.arguments);
  check_alpha(call.arguments);
  pointwise_forward(call, Kernel::Rsub, Result::Promoted, 2);
}

void neg_forward(Call& call) {
  check(!is_bool(call.arguments[0]),
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead.");
  pointwise_forward(call, Kernel::Neg, Result::Promoted);
}

void addcdiv_forward(Call& call) {
  check(is_floating(call.arguments[1].tensor().dtype()) ||
            is_floating(call.arguments[2].tensor().dtype()),
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv "
        "will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can "
        "be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for "
        "integer inputs and as (input + value * tensor1 / tensor2) for float inputs.");
  pointwise_forward(call, Kernel::Addcdiv, Result::Promoted);
}

void lerp_forward(Call& call) {
  constexpr std::string_view kNames[] = {"input", "end", "weight"};
  DType dtype = call.arguments[0].tensor().dtype();
  for (int i = 1; i < 3; ++i) {
    if (!call.arguments[i].is_tensor()) continue;
    DType other = call.arguments[i].tensor().dtype();
    check(other == dtype, "expected dtype ", type_name(dtype), " for `", kNames[i],
          "` but got dtype ", type_name(other));
  }
  pointwise_forward(call, Kernel::Lerp, Result::Promoted, 3);
}

Tensor times(const Tensor& tensor, const Scalar& factor) {
  return factor == 1 ? tensor : tensor * factor;
}

/// Of both forms of rsub: other - alpha * input.
void rsub_backward(Backward& b) {
  b.wrt("input", [&] { return times(-b.grad(), b.scalar("alpha")); });
  b.wrt("other", [&] { return b.grad(); });
}

}  // namespace

constinit const Op op::add = {
    .schema = "add(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    .doc = "`input + alpha * other`, elementwise, with broadcasting.",
    .examples =
        "add(randn(3, 4), randn(4))\n"
        "add(randn(5), 2.0)\n"
        "add(randn(2, 3), randn(2, 3), alpha=0.5)",
    .variants = "in-place",
    .forward = add_forward,
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other", [&] { return times(b.grad(), b.scalar("alpha")); });
        },
};

constinit const Op op::sub = {
    .schema = "sub(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    .doc = "`input - alpha * other`, elementwise, with broadcasting.",
    .examples =
        "sub(randn(3, 4), randn(4))\n"
        "sub(randn(5), 2.0)\n"
        "sub(randn(2, 3), randn(2, 3), alpha=2)",
    .variants = "in-place",
    .forward = sub_forward,
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other", [&] { return times(-b.grad(), b.scalar("alpha")); });
        },
};

constinit const Op op::subtract = {
    .schema = "subtract(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    .doc = "Another name of `sub`.",
    .examples = "subtract(randn(3, 4), randn(4), alpha=2)",
    .variants = "in-place",
    .compose = same_as<op::sub>,
};

constinit const Op op::rsub_Tensor = {
    .schema = "rsub.Tensor(Tensor input, Tensor other, *, Scalar alpha=1) -> Tensor",
    .doc = "`other - alpha * input`, elementwise, with broadcasting.",
    .examples = "rsub(randn(3, 4), randn(4), alpha=2)",
    .variants = "function-only",
    .forward = rsub_forward,
    .backward = rsub_backward,
};

constinit const Op op::rsub_Scalar = {
    .schema = "rsub.Scalar(Tensor input, Scalar other, Scalar alpha=1) -> Tensor",
    .doc = "`other - alpha * input`, elementwise.",
    .examples = "rsub(randn(3, 4), 2.0)\n1 - randn(3, 4)",
    .variants = "function-only",
    .forward = rsub_forward,
    .backward = rsub_backward,
    .node = "RsubBackward1",
};

constinit const Op op::mul = {
    .schema = "mul(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`input * other`, elementwise, with broadcasting.",
    .examples =
        "mul(randn(3, 4), randn(4))\n"
        "mul(randn(5), 2.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Mul>,
    .save = "input for other, other for input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * b.saved("other"); });
          b.wrt("other", [&] { return b.grad() * b.saved("input"); });
        },
};

constinit const Op op::_mul_number = {
    .schema = "_mul_number(Tensor input, Scalar other) -> Tensor",
    .doc = "What PyTorch's composites record where they multiply by a number.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::Mul, Result::Promoted, 2>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.scalar("other"); }); },
    .node = "MulBackward1",
};

constinit const Op op::multiply = {
    .schema = "multiply(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "Another name of `mul`.",
    .examples = "multiply(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::mul>,
};

constinit const Op op::neg = {
    .schema = "neg(Tensor input) -> Tensor",
    .doc = "`-input`, elementwise.",
    .examples = "neg(randn(3, 4))",
    .variants = "in-place",
    .forward = neg_forward,
    .backward = [](Backward& b) { b.wrt("input", [&] { return -b.grad(); }); },
};

constinit const Op op::negative = {
    .schema = "negative(Tensor input) -> Tensor",
    .doc = "Another name of `neg`.",
    .examples = "negative(randn(3, 4))",
    .variants = "in-place",
    .compose = same_as<op::neg>,
};

constinit const Op op::positive = {
    .schema = "positive(Tensor(a) input) -> Tensor(a)",
    .doc = "The tensor itself; bool tensors are refused.",
    .examples = "positive(randn(3, 4))",
    .compose = run([](const Tensor& input) {
      check(input.dtype() != DType::Bool, "The `+` operator, on a bool tensor is not supported.");
      return input;
    }),
};

constinit const Op op::addcmul = {
    .schema = "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    .doc = "`input + value * tensor1 * tensor2`, elementwise, with broadcasting.",
    .examples =
        "addcmul(randn(3, 4), randn(4), randn(3, 1))\n"
        "addcmul(randn(3), randn(3), randn(3), value=0.5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Addcmul>,
    .save = "tensor1 for tensor2, tensor2 for tensor1",
    .backward =
        [](Backward& b) {
          Scalar value = b.scalar("value");
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("tensor1", [&] { return b.grad() * times(b.saved("tensor2"), value); });
          b.wrt("tensor2", [&] { return b.grad() * times(b.saved("tensor1"), value); });
        },
};

constinit const Op op::addcdiv = {
    .schema = "addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    .doc = "`input + value * tensor1 / tensor2`, elementwise, with broadcasting.",
    .examples =
        "addcdiv(randn(3, 4), randn(4), randn(3, 1))\n"
        "addcdiv(randn(3), randn(3), randn(3), value=0.5)",
    .variants = "in-place",
    .forward = addcdiv_forward,
    .save = "tensor1 for tensor2, tensor2",
    .backward =
        [](Backward& b) {
          Scalar value = b.scalar("value");
          Tensor divisor = b.saved("tensor2");
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("tensor1", [&] { return b.grad() * (value / divisor); });
          b.wrt("tensor2", [&] {
            return -b.grad() * (times(b.saved("tensor1"), value) / (divisor * divisor));
          });
        },
};

constinit const Op op::lerp_Scalar = {
    .schema = "lerp.Scalar(Tensor input, Tensor end, Scalar weight) -> Tensor",
    .doc = "From `input` (weight 0) to `end` (weight 1) along a line.",
    .examples = "lerp(randn(3, 4), randn(4), 0.3)",
    .variants = "in-place",
    .forward = lerp_forward,
    .backward =
        [](Backward& b) {
          double weight = b.scalar("weight").real();
          b.wrt("input", [&] { return b.grad() * (1 - weight); });
          b.wrt("end", [&] { return b.grad() * weight; });
        },
};

constinit const Op op::lerp_Tensor = {
    .schema = "lerp.Tensor(Tensor input, Tensor end, Tensor weight) -> Tensor",
    .doc = "From `input` (weight 0) to `end` (weight 1) along a line, elementwise.",
    .examples = "lerp(randn(3, 4), randn(4), rand(3, 1))",
    .variants = "in-place",
    .forward = lerp_forward,
    .save = "input for weight, end for weight, weight",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (1 - b.saved("weight")); });
          b.wrt("end", [&] { return b.grad() * b.saved("weight"); });
          b.wrt("weight", [&] { return b.grad() * (b.saved("end") - b.saved("input")); });
        },
    .node = "LerpBackward1",
};

}  // namespace rushlight
