// Rounding, magnitudes and signs.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/pointwise.h"

#include <cmath>
#include <limits>

namespace rushlight {

namespace {

/// Integers are already round.
template <Kernel kernel>
void round_with(Call& call) {
  bool integral = is_integral(call.arguments[0].tensor().dtype());
  pointwise_forward(call, integral ? Kernel::Copy : kernel, Result::Promoted);
}

void round_to_decimals(Call& call) {
  DType dtype = call.arguments[0].tensor().dtype();
  check(is_floating(dtype), ErrorKind::NotImplemented, "\"round_cpu\" not implemented for '",
        info(dtype).spoken, "'");
  pointwise_forward(call, Kernel::Round, Result::Promoted);
}

/// A bool is its own sign.
void sign_forward(Call& call) {
  bool boolean = call.arguments[0].tensor().dtype() == DType::Bool;
  pointwise_forward(call, boolean ? Kernel::Copy : Kernel::Sign, Result::Promoted);
}

void abs_forward(Call& call) {
  check(call.arguments[0].tensor().dtype() != DType::Bool, ErrorKind::NotImplemented,
        "\"abs_cpu\" not implemented for 'Bool'");
  pointwise_forward(call, Kernel::Abs, Result::Promoted);
}

/// The next number in 16 bits: magnitudes are ordered as their bits are.
template <class T>
T next_half(T from, T to) {
  float x = from, y = to;
  if (x != x || y != y) return T(x + y);
  if (x == y) return to;
  T next = from;
  if (x == 0)
    next.bits = y > 0 ? 0x0001 : 0x8001;
  else
    next.bits = uint16_t((x < y) == (x > 0) ? from.bits + 1 : from.bits - 1);
  return next;
}

/// Kernels compute 16-bit numbers in float32, whose next number is nearer.
Tensor next_halves(const Tensor& input, const Tensor& other) {
  Dims shape = broadcast_shapes(input.shape(), other.shape());
  Tensor result = input.expand(shape).clone(MemoryFormat::Contiguous);
  Tensor targets = other.expand(shape).contiguous();
  auto step = [&]<class T>(CppType<T>) {
    T* values = result.data<T>();
    const T* ends = targets.data<T>();
    for (int64_t i = 0; i < result.numel(); ++i) values[i] = next_half(values[i], ends[i]);
  };
  if (input.dtype() == DType::Float16)
    step(CppType<Float16>());
  else
    step(CppType<BFloat16>());
  return result;
}

void nextafter_forward(Call& call) {
  DType dtype = promote_operands({call.arguments, 2});
  if (!is_half(dtype)) return pointwise_forward(call, Kernel::Nextafter, Result::Promoted);
  call.results.tensors.push_back(
      next_halves(call.arguments[0].tensor().to(dtype), call.arguments[1].tensor().to(dtype)));
}

/// Of functions made of steps.
void no_slope(Backward& b) {
  b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
}

void copysign_backward(Backward& b) {
  Tensor input = b.saved("input");
  b.wrt("input", [&] { return masked(b.grad() * (b.saved("result") / input), input != 0); });
  b.wrt("other", [&] { return rushlight::zeros_like(b.grad()); });
}

double largest_finite(DType dtype) {
  switch (dtype) {
    case DType::Float16: return 65504;
    case DType::BFloat16: return 0x1.fep127;
    case DType::Float32: return std::numeric_limits<float>::max();
    default: return std::numeric_limits<double>::max();
  }
}

constexpr auto replace_special = [](const Tensor& input, std::optional<double> nan,
                                    std::optional<double> posinf, std::optional<double> neginf) {
  if (!is_floating(input.dtype())) return rushlight::clone(input);
  double largest = largest_finite(input.dtype());
  Tensor result = rushlight::where(input.isnan(), nan.value_or(0), input);
  result = rushlight::where(input.isposinf(), posinf.value_or(largest), result);
  return rushlight::where(input.isneginf(), neginf.value_or(-largest), result);
};

}  // namespace

constinit const Op op::floor = {
    .schema = "floor(Tensor input) -> Tensor",
    .doc = "The largest integer not above the element.",
    .examples = "floor(randn(3, 4))",
    .variants = "in-place",
    .forward = round_with<Kernel::Floor>,
    .backward = no_slope,
};

constinit const Op op::ceil = {
    .schema = "ceil(Tensor input) -> Tensor",
    .doc = "The smallest integer not below the element.",
    .examples = "ceil(randn(3, 4))",
    .variants = "in-place",
    .forward = round_with<Kernel::Ceil>,
    .backward = no_slope,
};

constinit const Op op::round = {
    .schema = "round(Tensor input) -> Tensor",
    .doc = "The nearest integer; of two, the even one.",
    .examples = "round(randn(3, 4) * 10)",
    .variants = "in-place",
    .forward = round_with<Kernel::Round>,
    .backward = no_slope,
};

constinit const Op op::round_decimals = {
    .schema = "round.decimals(Tensor input, *, int decimals) -> Tensor",
    .doc = "Rounded to `decimals` places after (negative: before) the point.",
    .examples = "round(randn(3, 4), decimals=2)\nround(randn(3, 4) * 1000, decimals=-2)",
    .variants = "in-place",
    .forward = round_to_decimals,
    .backward = no_slope,
    .node = "RoundBackward1",
};

constinit const Op op::trunc = {
    .schema = "trunc(Tensor input) -> Tensor",
    .doc = "The element without its fraction.",
    .examples = "trunc(randn(3, 4) * 3)",
    .variants = "in-place",
    .forward = round_with<Kernel::Trunc>,
    .backward = no_slope,
};

constinit const Op op::fix = {
    .schema = "fix(Tensor input) -> Tensor",
    .doc = "Another name of `trunc`.",
    .examples = "fix(randn(3, 4) * 3)",
    .variants = "in-place",
    .compose = same_as<op::trunc>,
};

constinit const Op op::frac = {
    .schema = "frac(Tensor input) -> Tensor",
    .doc = "The fraction: `input - trunc(input)`.",
    .examples = "frac(randn(3, 4) * 3)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Frac>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::abs = {
    .schema = "abs(Tensor input) -> Tensor",
    .doc = "The magnitude of each element.",
    .examples = "abs(randn(3, 4))",
    .variants = "in-place",
    .forward = abs_forward,
    .save = "input",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("input").sgn(); }); },
};

constinit const Op op::absolute = {
    .schema = "absolute(Tensor input) -> Tensor",
    .doc = "Another name of `abs`.",
    .examples = "absolute(randn(3, 4))",
    .variants = "in-place",
    .compose = same_as<op::abs>,
};

constinit const Op op::sign = {
    .schema = "sign(Tensor input) -> Tensor",
    .doc = "-1, 0 or 1 by the sign of each element; 0 of NaN.",
    .examples = "sign(randn(3, 4))",
    .variants = "in-place",
    .forward = sign_forward,
    .backward = no_slope,
};

constinit const Op op::sgn = {
    .schema = "sgn(Tensor input) -> Tensor",
    .doc = "The sign of each element, as `sign`.",
    .examples = "sgn(randn(3, 4))",
    .variants = "in-place",
    .forward = sign_forward,
    .backward = no_slope,
};

constinit const Op op::signbit = {
    .schema = "signbit(Tensor input) -> Tensor",
    .doc = "True where the sign bit is set: of negative elements, of -0.0 too.",
    .examples = "signbit(randn(3, 4))",
    .forward = pointwise<Kernel::SignBit, Result::Boolean>,
};

constinit const Op op::copysign_Tensor = {
    .schema = "copysign.Tensor(Tensor input, Tensor other) -> Tensor",
    .doc = "The magnitude of `input` with the sign of `other`.",
    .examples = "copysign(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Copysign, Result::Floating>,
    .save = "input, result",
    .backward = copysign_backward,
};

constinit const Op op::copysign_Scalar = {
    .schema = "copysign.Scalar(Tensor input, Scalar other) -> Tensor",
    .doc = "The magnitude of `input` with the sign of `other`.",
    .examples = "copysign(randn(3, 4), -1.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Copysign, Result::Floating, 2>,
    .save = "input, result",
    .backward = copysign_backward,
    .node = "CopysignBackward1",
};

constinit const Op op::nextafter = {
    .schema = "nextafter(Tensor input, Tensor other) -> Tensor",
    .doc = "The next number after `input` that the dtype can hold, in the direction of `other`.",
    .examples = "nextafter(randn(3, 4), randn(4))",
    .variants = "in-place",
    .forward = nextafter_forward,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return masked(b.grad(), b.saved("input") != b.saved("other")); });
          b.wrt("other", [&] { return rushlight::zeros_like(b.grad()); });
        },
};

constinit const Op op::heaviside = {
    .schema = "heaviside(Tensor input, Tensor values) -> Tensor",
    .doc = "0 where `input` is negative, 1 where it is positive, `values` where it is 0.",
    .examples = "heaviside(randn(3, 4), rand(4))",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Tensor& values) {
      check(input.dtype() == values.dtype(),
            "heaviside is not yet implemented for tensors with different dtypes.");
      return rushlight::where(input.eq(0), values, input.gt(0).to(input.dtype()));
    }),
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::nan_to_num = {
    .schema =
        "nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None) -> "
        "Tensor",
    .doc =
        "NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest and smallest "
        "finite numbers of the dtype).",
    .examples = "nan_to_num(randn(3, 4).log())\nnan_to_num(randn(3).log(), 1.0, 2.0, -3.0)",
    .variants = "in-place",
    .forward = run(replace_special),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return masked(b.grad(), b.saved("input").isfinite()); });
        },
};

constinit const Op op::frexp = {
    .schema = "frexp(Tensor input) -> (Tensor mantissa, Tensor exponent)",
    .doc = "`mantissa * 2 ** exponent`, with |mantissa| in [0.5, 1); the exponents are int32.",
    .examples = "frexp(randn(3, 4) * 8)",
    .forward = run([](const Tensor& input) {
      check(is_floating(input.dtype()), "torch.frexp() only supports floating-point dtypes");
      Tensor mantissa = input.to(DType::Float64).clone(MemoryFormat::Contiguous);
      Tensor exponent = make_tensor(input.shape(), DType::Int32, input.device());
      double* x = mantissa.data<double>();
      int64_t count = has_values(input) ? mantissa.numel() : 0;
      for (int64_t i = 0; i < count; ++i) {
        int power = 0;
        x[i] = std::frexp(x[i], &power);
        exponent.data<int32_t>()[i] = std::isfinite(x[i]) ? power : 0;
      }
      return std::tuple(mantissa.to(input.dtype()), exponent);
    }),
    .save = "exponent",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return b.grad() / b.saved("exponent").to(b.grad().dtype()).exp2(); });
        },
};

}  // namespace rushlight
