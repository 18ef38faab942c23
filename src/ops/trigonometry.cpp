// Trigonometric and hyperbolic functions, and their inverses. Angles are in radians.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

#include <numbers>

namespace rushlight {

namespace {

constexpr double kPi = std::numbers::pi;

Tensor floating(const Tensor& input) {
  return is_floating(input.dtype()) ? input : input.to(default_dtype());
}

}  // namespace

constinit const Op op::sin = {
    .schema = "sin(Tensor input) -> Tensor",
    .doc = "The sine of angles in radians.",
    .examples = "sin(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Sin, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("input").cos(); }); },
};

constinit const Op op::cos = {
    .schema = "cos(Tensor input) -> Tensor",
    .doc = "The cosine of angles in radians.",
    .examples = "cos(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Cos, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * -b.saved("input").sin(); }); },
};

constinit const Op op::tan = {
    .schema = "tan(Tensor input) -> Tensor",
    .doc = "The tangent of angles in radians.",
    .examples = "tan(rand(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Tan, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (b.saved("result").pow(2) + 1); });
        },
};

constinit const Op op::asin = {
    .schema = "asin(Tensor input) -> Tensor",
    .doc = "The angle in [-pi/2, pi/2] whose sine is the element.",
    .examples = "asin(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Asin, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (1 - b.saved("input").pow(2)).rsqrt(); });
        },
};

constinit const Op op::acos = {
    .schema = "acos(Tensor input) -> Tensor",
    .doc = "The angle in [0, pi] whose cosine is the element.",
    .examples = "acos(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Acos, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * -(1 - b.saved("input").pow(2)).rsqrt(); });
        },
};

constinit const Op op::atan = {
    .schema = "atan(Tensor input) -> Tensor",
    .doc = "The angle in (-pi/2, pi/2) whose tangent is the element.",
    .examples = "atan(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Atan, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() / (b.saved("input").pow(2) + 1); });
        },
};

constinit const Op op::sinh = {
    .schema = "sinh(Tensor input) -> Tensor",
    .doc = "The hyperbolic sine.",
    .examples = "sinh(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Sinh, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("input").cosh(); }); },
};

constinit const Op op::cosh = {
    .schema = "cosh(Tensor input) -> Tensor",
    .doc = "The hyperbolic cosine.",
    .examples = "cosh(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Cosh, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("input").sinh(); }); },
};

constinit const Op op::asinh = {
    .schema = "asinh(Tensor input) -> Tensor",
    .doc = "The inverse of sinh.",
    .examples = "asinh(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Asinh, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (b.saved("input").pow(2) + 1).rsqrt(); });
        },
};

constinit const Op op::acosh = {
    .schema = "acosh(Tensor input) -> Tensor",
    .doc = "The inverse of cosh; NaN below 1.",
    .examples = "acosh(rand(3, 4) + 1.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Acosh, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (b.saved("input").pow(2) - 1).rsqrt(); });
        },
};

constinit const Op op::atanh = {
    .schema = "atanh(Tensor input) -> Tensor",
    .doc = "The inverse of tanh; NaN outside [-1, 1].",
    .examples = "atanh(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Atanh, Result::Floating>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() / (1 - b.saved("input").pow(2)); });
        },
};

constinit const Op op::arcsin = {
    .schema = "arcsin(Tensor input) -> Tensor",
    .doc = "Another name of `asin`.",
    .examples = "arcsin(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .compose = same_as<op::asin>,
};

constinit const Op op::arccos = {
    .schema = "arccos(Tensor input) -> Tensor",
    .doc = "Another name of `acos`.",
    .examples = "arccos(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .compose = same_as<op::acos>,
};

constinit const Op op::arctan = {
    .schema = "arctan(Tensor input) -> Tensor",
    .doc = "Another name of `atan`.",
    .examples = "arctan(randn(3, 4))",
    .variants = "in-place",
    .compose = same_as<op::atan>,
};

constinit const Op op::arcsinh = {
    .schema = "arcsinh(Tensor input) -> Tensor",
    .doc = "Another name of `asinh`.",
    .examples = "arcsinh(randn(3, 4))",
    .variants = "in-place",
    .compose = same_as<op::asinh>,
};

constinit const Op op::arccosh = {
    .schema = "arccosh(Tensor input) -> Tensor",
    .doc = "Another name of `acosh`.",
    .examples = "arccosh(rand(3, 4) + 1.1)",
    .variants = "in-place",
    .compose = same_as<op::acosh>,
};

constinit const Op op::arctanh = {
    .schema = "arctanh(Tensor input) -> Tensor",
    .doc = "Another name of `atanh`.",
    .examples = "arctanh(rand(3, 4) * 1.8 - 0.9)",
    .variants = "in-place",
    .compose = same_as<op::atanh>,
};

constinit const Op op::tanh = {
    .schema = "tanh(Tensor input) -> Tensor",
    .doc = "The hyperbolic tangent.",
    .examples = "tanh(randn(3, 4))",
    .variants = "in-place, also-nn",
    .forward = pointwise<Kernel::Tanh, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::_tanh_backward(b.grad(), b.saved("result")); });
        },
};

constinit const Op op::_tanh_backward = {
    .schema = "_tanh_backward(Tensor grad, Tensor output) -> Tensor",
    .doc = "grad * (1 - output^2).",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::TanhBackward>,
    .save = "grad for output, output",
    .backward =
        [](Backward& b) {
          Tensor output = b.saved("output");
          b.wrt("grad", [&] { return rushlight::_tanh_backward(b.grad(), output); });
          b.wrt("output", [&] { return b.grad() * (-2 * output * b.saved("grad")); });
        },
};

constinit const Op op::atan2 = {
    .schema = "atan2(Tensor input, Tensor other) -> Tensor",
    .doc = "Angle in radians, in (-pi, pi], of the point with y = `input` and x = `other`.",
    .examples = "atan2(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Atan2, Result::Floating>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          Tensor y = b.saved("input"), x = b.saved("other");
          Tensor square = x * x + y * y;
          // The angle of the origin has no derivative; its gradient is 0.
          Tensor scale = masked(b.grad() / square, square != 0);
          b.wrt("input", [&] { return scale * x; });
          b.wrt("other", [&] { return scale * -y; });
        },
};

constinit const Op op::arctan2 = {
    .schema = "arctan2(Tensor input, Tensor other) -> Tensor",
    .doc = "Another name of `atan2`.",
    .examples = "arctan2(randn(3, 4), randn(4))",
    .variants = "in-place",
    .compose = same_as<op::atan2>,
};

constinit const Op op::sinc = {
    .schema = "sinc(Tensor input) -> Tensor",
    .doc = "`sin(pi * input) / (pi * input)`; 1 where `input` is 0.",
    .examples = "sinc(randn(3, 4))",
    .variants = "in-place",
    .forward = run([](const Tensor& input) {
      Tensor angle = floating(input) * kPi;
      return rushlight::where(angle.eq(0), 1.0, angle.sin() / angle);
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), angle = x * kPi;
            Tensor slope = (angle * angle.cos() - angle.sin()) / (angle * x);
            return masked(b.grad() * slope, x != 0);
          });
        },
};

constinit const Op op::deg2rad = {
    .schema = "deg2rad(Tensor input) -> Tensor",
    .doc = "Degrees to radians.",
    .examples = "deg2rad(randn(3, 4) * 90)",
    .variants = "in-place",
    .forward = run([](const Tensor& input) { return floating(input) * (kPi / 180); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() * (kPi / 180); }); },
    .node = "Deg2RadBackward0",
};

constinit const Op op::rad2deg = {
    .schema = "rad2deg(Tensor input) -> Tensor",
    .doc = "Radians to degrees.",
    .examples = "rad2deg(randn(3, 4))",
    .variants = "in-place",
    .forward = run([](const Tensor& input) { return floating(input) * (180 / kPi); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() * (180 / kPi); }); },
    .node = "Rad2DegBackward0",
};

constinit const Op op::angle = {
    .schema = "angle(Tensor input) -> Tensor",
    .doc = "The angle to the positive real axis: pi for negative numbers, else 0; NaN stays.",
    .examples = "angle(randn(3, 4))",
    .forward = run([](const Tensor& input) {
      Tensor x = is_floating(input.dtype()) ? input : input.to(default_dtype());
      Tensor side = (x < Scalar(0)).to(x.dtype()) * std::numbers::pi;
      return rushlight::where(x != x, x, side);
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::zeros(b.shape("input"), b.grad().dtype()); });
        },
};

}  // namespace rushlight
