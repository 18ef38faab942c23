// Clamping to a range.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/pointwise.h"

#include <limits>

namespace rushlight {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_nan(const Value& value) {
  return value.kind() == Value::Kind::Float && value.scalar().real() != value.scalar().real();
}

/// Clamps to whichever of the ends is given. Arguments: input, min, max.
void clamp_between(Call& call, const Value& min, const Value& max) {
  check(!min.is_none() || !max.is_none(),
        "torch.clamp: At least one of 'min' or 'max' must not be None");
  const Value operands[] = {call.arguments[0], min, max};
  DType dtype = promote_operands(operands);
  bool numbers = min.is_number() || max.is_number();
  check(dtype != DType::Bool || !numbers, ErrorKind::NotImplemented,
        "\"clamp_scalar_cpu\" not implemented for 'Bool'");
  for (const Value& end : {min, max}) {
    if (end.is_number()) check_fits(end.scalar(), dtype);
  }
  DType compute = dtype == DType::Bool ? DType::UInt8 : dtype;  // bool has an order, but no kernel
  Pointwise pointwise{Kernel::Clamp, compute, dtype, call.destination};
  Tensor result;
  if (is_nan(min) || is_nan(max)) {
    const Value nan[] = {call.arguments[0], std::numeric_limits<double>::quiet_NaN()};
    pointwise.kernel = Kernel::ClampMin;
    result = pointwise.run(nan);
  } else if (max.is_none()) {
    pointwise.kernel = Kernel::ClampMin;
    result = pointwise.run({operands, 2});
  } else if (min.is_none()) {
    const Value upper[] = {call.arguments[0], max};
    pointwise.kernel = Kernel::ClampMax;
    result = pointwise.run(upper);
  } else if (min.is_number() && max.is_number()) {
    const Param ends[] = {to_param(min.scalar()), to_param(max.scalar())};
    pointwise.kernel = Kernel::ClampTo;
    result = pointwise.run({operands, 1}, ends);
  } else {
    result = pointwise.run(operands);
  }
  call.results.tensors.push_back(std::move(result));
}

void clamp_forward(Call& call) { clamp_between(call, call.arguments[1], call.arguments[2]); }
void clamp_min_forward(Call& call) { clamp_between(call, call.arguments[1], Value()); }
void clamp_max_forward(Call& call) { clamp_between(call, Value(), call.arguments[1]); }

/// The gradient where low <= input <= high. Integer ends are compared exactly.
Tensor within(Backward& b, Scalar low, Scalar high) {
  return rushlight::_clamp_backward(b.grad(), b.saved("input"), low, high);
}

/// An end gets the gradient where it is the result: `min` only where it is not above `max`.
void clamp_tensor_backward(Backward& b) {
  Tensor x = b.saved("input"), min = b.saved("min"), max = b.saved("max");
  b.wrt("input", [&] {
    Tensor inside = min.defined() ? x >= min : x <= max;
    if (min.defined() && max.defined()) inside = inside & (x <= max);
    return masked(b.grad(), inside);
  });
  b.wrt("min", [&] {
    Tensor below = x < min;
    return masked(b.grad(), max.defined() ? below & (min < max) : below);
  });
  b.wrt("max", [&] {
    Tensor above = x > max;
    return masked(b.grad(), min.defined() ? above | (max < min) : above);
  });
}

}  // namespace

constinit const Op op::_clamp_backward = {
    .schema = "_clamp_backward(Tensor grad, Tensor input, Scalar min, Scalar max) -> Tensor",
    .doc = "grad where min <= input <= max, else 0.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::ClampToBackward>,
    .save = "input",
    .constants = "input",
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] { return within(b, b.scalar("min"), b.scalar("max")); });
        },
};

constinit const Op op::clamp = {
    .schema = "clamp(Tensor input, Scalar? min=None, Scalar? max=None) -> Tensor",
    .doc = "Each element moved into [min, max]; `max` where `min` is larger.",
    .examples =
        "clamp(randn(3, 4), -0.5, 0.5)\n"
        "clamp(randn(5), min=0)\n"
        "clamp(randn(5), max=0)",
    .variants = "in-place",
    .forward = clamp_forward,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return within(b, b.given("min") ? b.scalar("min") : -kInfinity,
                          b.given("max") ? b.scalar("max") : kInfinity);
          });
        },
    .node = "ClampBackward1",
};

constinit const Op op::clamp_Tensor = {
    .schema = "clamp.Tensor(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
    .doc = "Each element moved between those of `min` and `max`, with broadcasting.",
    .examples =
        "clamp(randn(3, 4), zeros(4), ones(3, 1))\n"
        "clamp(randn(5), min=randn(5))\n"
        "clamp(randn(5), max=randn(5))",
    .variants = "in-place",
    .forward = clamp_forward,
    .save = "input, min, max",
    .backward = clamp_tensor_backward,
    .node = "ClampBackward0",
};

constinit const Op op::clip = {
    .schema = "clip(Tensor input, Scalar? min=None, Scalar? max=None) -> Tensor",
    .doc = "Another name of `clamp`.",
    .examples = "clip(randn(3, 4), -0.5, 0.5)",
    .variants = "in-place",
    .compose = same_as<op::clamp>,
};

constinit const Op op::clip_Tensor = {
    .schema = "clip.Tensor(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
    .doc = "Another name of `clamp`.",
    .examples = "clip(randn(3, 4), zeros(4), ones(4))",
    .variants = "in-place",
    .compose = same_as<op::clamp_Tensor>,
};

constinit const Op op::clamp_min = {
    .schema = "clamp_min(Tensor input, Scalar min) -> Tensor",
    .doc = "Each element, but at least `min`.",
    .examples = "clamp_min(randn(3, 4), 0.5)",
    .variants = "in-place",
    .forward = clamp_min_forward,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return within(b, b.scalar("min"), kInfinity); }); },
};

constinit const Op op::clamp_min_Tensor = {
    .schema = "clamp_min.Tensor(Tensor input, Tensor min) -> Tensor",
    .doc = "Each element, but at least that of `min`.",
    .examples = "clamp_min(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = clamp_min_forward,
    .save = "input, min",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), end = b.saved("min");
          b.wrt("input", [&] { return masked(b.grad(), x >= end); });
          b.wrt("min", [&] { return masked(b.grad(), x < end); });
        },
    .node = "ClampMinBackward1",
};

constinit const Op op::clamp_max = {
    .schema = "clamp_max(Tensor input, Scalar max) -> Tensor",
    .doc = "Each element, but at most `max`.",
    .examples = "clamp_max(randn(3, 4), 0.5)",
    .variants = "in-place",
    .forward = clamp_max_forward,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return within(b, -kInfinity, b.scalar("max")); }); },
};

constinit const Op op::clamp_max_Tensor = {
    .schema = "clamp_max.Tensor(Tensor input, Tensor max) -> Tensor",
    .doc = "Each element, but at most that of `max`.",
    .examples = "clamp_max(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = clamp_max_forward,
    .save = "input, max",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), end = b.saved("max");
          b.wrt("input", [&] { return masked(b.grad(), x <= end); });
          b.wrt("max", [&] { return masked(b.grad(), x > end); });
        },
    .node = "ClampMaxBackward1",
};

}  // namespace rushlight
