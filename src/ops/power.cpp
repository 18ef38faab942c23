// Powers and roots.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/pointwise.h"

#include <cmath>

namespace rushlight {

namespace {

/// Powers that have a kernel of their own, which is faster and, for roots, exact.
Kernel kernel_of_power(double exponent, DType compute) {
  if (exponent == 1) return Kernel::Copy;
  if (exponent == 2) return Kernel::Square;
  if (is_floating(compute)) {
    if (exponent == 0.5) return Kernel::Sqrt;
    if (exponent == -0.5) return Kernel::Rsqrt;
    if (exponent == -1) return Kernel::Reciprocal;
  }
  return Kernel::Pow;
}

void check_exponent(const Scalar& exponent, DType compute) {
  check(is_floating(compute) || exponent.integer() >= 0,
        "Integers to negative integer powers are not allowed.");
  check_fits(exponent, compute);
}

void power_forward(Call& call) {
  const Value* arguments = call.arguments;
  DType compute = promote_operands({arguments, 2});
  Scalar exponent = arguments[1].scalar();
  check_exponent(exponent, compute);
  Pointwise pointwise{kernel_of_power(exponent.real(), compute), compute, compute,
                      call.destination};
  if (compute == DType::Bool) pointwise.kernel = Kernel::Pow;
  Tensor result;
  if (exponent == 3 && !is_half(compute) && pointwise.compute != DType::Bool) {
    // Two products are as exact as the general power, and much faster.
    Tensor square = Pointwise{Kernel::Square, compute, compute}.run({arguments, 1});
    const Value factors[] = {square, arguments[0]};
    pointwise.kernel = Kernel::Mul;
    result = pointwise.run(factors);
  } else if (pointwise.kernel == Kernel::Pow) {
    result = pointwise.run({arguments, 2});
  } else {
    result = pointwise.run({arguments, 1});
  }
  call.results.tensors.push_back(std::move(result));
}

Scalar lower(const Scalar& exponent) {
  return exponent.is_float() ? Scalar(exponent.real() - 1) : Scalar(exponent.integer() - 1);
}

void square_compose(Call& call) {
  const Value arguments[] = {call.arguments[0], int64_t(2)};
  rushlight::call(op::pow_Tensor_Scalar, arguments, call.results, call.destination);
}

/// Derivative of base ** exponent by the exponent; 0 where the base is 0 and the power exists.
Tensor grad_of_exponent(const Tensor& grad, const Tensor& result, const Tensor& log_base,
                        const Tensor& constant) {
  return masked(grad * (result * log_base), !constant);
}

/// Each form of float_power is that form of pow in float64.
template <const Op& power>
void float_power(Call& call) {
  Value arguments[2];
  Tensor converted[2];
  for (int i = 0; i < 2; ++i) {
    arguments[i] = call.arguments[i];
    if (arguments[i].is_tensor())
      arguments[i] = converted[i] = arguments[i].tensor().to(DType::Float64);
    else
      arguments[i] = arguments[i].scalar().real();
  }
  const Tensor* destination = call.destination;
  check(!destination || destination->dtype() == DType::Float64,
        "the base given to float_power_ has dtype ",
        destination ? info(destination->dtype()).spoken : "",
        " but the operation's result requires dtype Double");
  rushlight::call(power, arguments, call.results, destination);
}

/// input * 2^other for whole exponents, of which 2^other alone may be out of range: in three steps
/// of which none is, in double.
Tensor scaled_by_power(const Tensor& input, const Tensor& other) {
  check(other.dtype() != DType::Bool, ErrorKind::NotImplemented,
        "\"ldexp_cpu_exp\" not implemented for 'Bool'");
  Tensor result = input.to(DType::Float64), rest = other.to(DType::Float64).clamp(-2200, 2200);
  for (int64_t steps = 3; steps > 0; --steps) {
    Tensor part = rest.div(steps, "trunc");
    result = result * rushlight::pow(2.0, part);
    rest = rest - part;
  }
  return result.to(input.dtype());
}

bool has_whole_exponents(DType input, DType other) {
  return is_floating(input) && !is_floating(other);
}

}  // namespace

constinit const Op op::pow_Tensor_Scalar = {
    .schema = "pow.Tensor_Scalar(Tensor input, Scalar exponent) -> Tensor",
    .doc = "`input ** exponent`, elementwise.",
    .examples = "pow(randn(3, 4), 2)\npow(rand(5), 0.5)\npow(rand(5) + 1, -1.7)\npow(randn(5), 3)",
    .variants = "in-place",
    .forward = power_forward,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Scalar exponent = b.scalar("exponent");
            if (exponent == 0) return rushlight::zeros_like(b.grad());
            // Recorded, so that there are derivatives of any order, though zero.
            bool recorded = autograd::grad_enabled();
            if (exponent == 1 && !recorded) return b.grad();
            Tensor slope = b.saved("input");
            if (!(exponent == 2) || recorded) slope = slope.pow(lower(exponent));
            return b.grad() * (slope * exponent);
          });
        },
};

constinit const Op op::pow_Tensor_Tensor = {
    .schema = "pow.Tensor_Tensor(Tensor input, Tensor exponent) -> Tensor",
    .doc = "`input ** exponent`, elementwise, with broadcasting.",
    .examples = "pow(rand(3, 4) + 0.1, randn(4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Pow>,
    .save = "input, exponent, result for exponent",
    .backward =
        [](Backward& b) {
          Tensor base = b.saved("input"), exponent = b.saved("exponent");
          b.wrt("input", [&] {
            return masked(b.grad() * (exponent * base.pow(exponent - 1)), exponent != 0);
          });
          b.wrt("exponent", [&] {
            return grad_of_exponent(b.grad(), b.saved("result"), base.log(),
                                    (base == 0) & (exponent >= 0));
          });
        },
    .node = "PowBackward1",
};

constinit const Op op::pow_Scalar = {
    .schema = "pow.Scalar(Scalar input, Tensor exponent) -> Tensor",
    .doc = "`input ** exponent` of a number and a tensor.",
    .examples = "pow(2.0, randn(3, 4))",
    .variants = "function-only",
    .forward = pointwise<Kernel::Pow, Result::Promoted, 2>,
    .save = "exponent, result",
    .backward =
        [](Backward& b) {
          b.wrt("exponent", [&] {
            double base = b.scalar("input").real();
            Tensor slope = b.grad() * (b.saved("result") * std::log(base));
            return base == 0 ? masked(slope, !(b.saved("exponent") >= 0)) : slope;
          });
        },
    .node = "PowBackward2",
};

constinit const Op op::float_power_Tensor_Tensor = {
    .schema = "float_power.Tensor_Tensor(Tensor input, Tensor exponent) -> Tensor",
    .doc = "`input ** exponent` in float64.",
    .examples = "float_power(rand(3, 4) + 0.1, randn(4))",
    .variants = "in-place",
    .compose = float_power<op::pow_Tensor_Tensor>,
};

constinit const Op op::float_power_Tensor_Scalar = {
    .schema = "float_power.Tensor_Scalar(Tensor input, Scalar exponent) -> Tensor",
    .doc = "`input ** exponent` in float64.",
    .examples = "float_power(randn(3, 4), 2)\nfloat_power(randint(1, 9, (3,)), -2)",
    .variants = "in-place",
    .compose = float_power<op::pow_Tensor_Scalar>,
};

constinit const Op op::float_power_Scalar = {
    .schema = "float_power.Scalar(Scalar input, Tensor exponent) -> Tensor",
    .doc = "`input ** exponent` of a number and a tensor, in float64.",
    .examples = "float_power(2, randn(3, 4))",
    .variants = "function-only",
    .compose = float_power<op::pow_Scalar>,
};

constinit const Op op::square = {
    .schema = "square(Tensor input) -> Tensor",
    .doc = "`input ** 2`, elementwise.",
    .examples = "square(randn(3, 4))",
    .variants = "in-place",
    .compose = square_compose,
};

constinit const Op op::sqrt = {
    .schema = "sqrt(Tensor input) -> Tensor",
    .doc = "The square root; NaN of negative numbers.",
    .examples = "sqrt(rand(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Sqrt, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad() / (2 * b.saved("result")); }); },
};

constinit const Op op::rsqrt = {
    .schema = "rsqrt(Tensor input) -> Tensor",
    .doc = "`1 / sqrt(input)`, elementwise.",
    .examples = "rsqrt(rand(3, 4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Rsqrt, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return -0.5 * b.grad() * b.saved("result").pow(3); });
        },
};

constinit const Op op::reciprocal = {
    .schema = "reciprocal(Tensor input) -> Tensor",
    .doc = "`1 / input`, elementwise.",
    .examples = "reciprocal(rand(3, 4) + 0.1)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Reciprocal, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor result = b.saved("result");
            return -b.grad() * (result * result);
          });
        },
};

constinit const Op op::ldexp = {
    .schema = "ldexp(Tensor input, Tensor other) -> Tensor",
    .doc = "`input * 2 ** other`, elementwise; of integers in floating point.",
    .examples =
        "ldexp(randn(3, 4), randint(-3, 3, (4,)))\n"
        "ldexp(randn(3, 4), randn(4))\n"
        "ldexp(tensor([1e-30, 1e30, 0.0]), tensor([200, -200, 500]))",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Tensor& other) {
      if (has_whole_exponents(input.dtype(), other.dtype())) return scaled_by_power(input, other);
      return input * rushlight::pow(2.0, other);
    }),
    .save = "other, result for other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().ldexp(b.saved("other")); });
          b.wrt("other", [&] { return b.grad() * b.saved("result") * std::log(2.0); });
        },
};

}  // namespace rushlight
