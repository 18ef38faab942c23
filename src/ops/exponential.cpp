// Exponentials and logarithms.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

#include <numbers>

namespace rushlight {

namespace {

constexpr double kLn2 = std::numbers::ln2, kLn10 = std::numbers::ln10;

/// log(exp(a) + exp(b)) without overflow: the larger one, and what the smaller adds to it.
Tensor log_of_sum(const Tensor& input, const Tensor& other, std::string_view name) {
  const Value operands[] = {input, other};
  DType dtype = promote_operands(operands);
  check(is_floating(dtype), ErrorKind::NotImplemented, "\"", name, "_cpu\" not implemented for '",
        info(dtype).spoken, "'");
  Tensor larger = rushlight::maximum(input, other);
  // Equal infinities have no difference, and the sum is that infinity.
  Tensor distance = rushlight::where(larger.isinf() & input.eq(other), 0.0, (input - other).abs());
  Tensor gain = name == "logaddexp2" ? distance.neg().exp2().log1p() * (1 / kLn2)
                                     : distance.neg().exp().log1p();
  return rushlight::where(larger.isinf() & input.eq(other), larger, larger + gain);
}

Tensor grad_of_xlogy_factor(Backward& b, const Tensor& input, const Tensor& other) {
  return masked(b.grad() * other.log(), !((input == 0) & (other <= 0)));
}

}  // namespace

constinit const Op op::exp = {
    .schema = "exp(Tensor input) -> Tensor",
    .doc = "e to the power of each element.",
    .examples = "exp(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Exp, Result::Floating>,
    .save = "result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("result"); }); },
};

constinit const Op op::exp2 = {
    .schema = "exp2(Tensor input) -> Tensor",
    .doc = "2 to the power of each element.",
    .examples = "exp2(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Exp2, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("result") * kLn2; }); },
};

constinit const Op op::expm1 = {
    .schema = "expm1(Tensor input) -> Tensor",
    .doc = "`exp(input) - 1`, exact for small elements.",
    .examples = "expm1(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Expm1, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * (b.saved("result") + 1); }); },
};

constinit const Op op::log = {
    .schema = "log(Tensor input) -> Tensor",
    .doc = "The natural logarithm.",
    .examples = "log(rand(3, 4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Log, Result::Floating>,
    .save = "input",
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() / b.saved("input"); }); },
};

constinit const Op op::log2 = {
    .schema = "log2(Tensor input) -> Tensor",
    .doc = "The logarithm to base 2.",
    .examples = "log2(rand(3, 4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Log2, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() / (b.saved("input") * kLn2); }); },
};

constinit const Op op::log10 = {
    .schema = "log10(Tensor input) -> Tensor",
    .doc = "The logarithm to base 10.",
    .examples = "log10(rand(3, 4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Log10, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() / (b.saved("input") * kLn10); }); },
};

constinit const Op op::log1p = {
    .schema = "log1p(Tensor input) -> Tensor",
    .doc = "`log(1 + input)`, exact for small elements.",
    .examples = "log1p(rand(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Log1p, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() / (b.saved("input") + 1); }); },
    .node = "Log1PBackward0",
};

constinit const Op op::logaddexp = {
    .schema = "logaddexp(Tensor input, Tensor other) -> Tensor",
    .doc = "`log(exp(input) + exp(other))`, without overflow.",
    .examples = "logaddexp(randn(3, 4), randn(4))",
    .forward = run([](const Tensor& input, const Tensor& other) {
      return log_of_sum(input, other, "logaddexp");
    }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor difference = b.saved("other") - b.saved("input");
          b.wrt("input", [&] { return b.grad() / (1 + difference.exp()); });
          b.wrt("other", [&] { return b.grad() / (1 + difference.neg().exp()); });
        },
};

constinit const Op op::logaddexp2 = {
    .schema = "logaddexp2(Tensor input, Tensor other) -> Tensor",
    .doc = "`log2(2**input + 2**other)`, without overflow.",
    .examples = "logaddexp2(randn(3, 4), randn(4))",
    .forward = run([](const Tensor& input, const Tensor& other) {
      return log_of_sum(input, other, "logaddexp2");
    }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor difference = b.saved("other") - b.saved("input");
          b.wrt("input", [&] { return b.grad() / (1 + difference.exp2()); });
          b.wrt("other", [&] { return b.grad() / (1 + difference.neg().exp2()); });
        },
};

constinit const Op op::xlogy_Tensor = {
    .schema = "xlogy.Tensor(Tensor input, Tensor other) -> Tensor",
    .doc = "`input * log(other)`; 0 where `input` is 0.",
    .examples = "xlogy(rand(3, 4), rand(4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Xlogy, Result::Floating>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor input = b.saved("input"), other = b.saved("other");
          b.wrt("input", [&] { return grad_of_xlogy_factor(b, input, other); });
          b.wrt("other", [&] { return b.grad() * input / other; });
        },
};

constinit const Op op::xlogy_Scalar_Self = {
    .schema = "xlogy.Scalar_Self(Scalar input, Tensor other) -> Tensor",
    .doc = "`input * log(other)` of a number and a tensor; 0 if `input` is 0.",
    .examples = "xlogy(2.0, rand(4) + 0.1)",
    .variants = "function-only",
    .forward = pointwise<Kernel::Xlogy, Result::Floating, 2>,
    .save = "other",
    .backward =
        [](Backward& b) {
          b.wrt("other", [&] { return b.grad() * b.scalar("input") / b.saved("other"); });
        },
    .node = "XlogyBackward1",
};

constinit const Op op::xlogy_Scalar_Other = {
    .schema = "xlogy.Scalar_Other(Tensor input, Scalar other) -> Tensor",
    .doc = "`input * log(other)` of a tensor and a number; 0 where `input` is 0.",
    .examples = "xlogy(rand(3, 4), 2.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Xlogy, Result::Floating, 2>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor other = wrapped_number(b.scalar("other").real());
            return grad_of_xlogy_factor(b, b.saved("input"), other);
          });
        },
    .node = "XlogyBackward2",
};

}  // namespace rushlight
