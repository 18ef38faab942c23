// Activation functions made of other operations, which run without being recorded one by one.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

#include <limits>

namespace rushlight {

namespace {

void check_floating(const Tensor& input, std::string_view name) {
  check(is_floating(input.dtype()), ErrorKind::NotImplemented, "\"", name,
        "_cpu\" not implemented for '", info(input.dtype()).spoken, "'");
}

/// `compute(input)`, in float32 where the input's own type would round after every step.
template <class Compute>
Tensor rounded_once(const Tensor& input, Compute compute) {
  if (!is_half(input.dtype())) return compute(input);
  return compute(input.to(DType::Float32)).to(input.dtype());
}

void hardtanh_forward(Call& call) {
  DType dtype = call.arguments[0].tensor().dtype();
  check(dtype != DType::Bool, "Bool inputs not supported for hardtanh");
  bool negative = call.arguments[1].scalar().real() < 0 || call.arguments[2].scalar().real() < 0;
  check(dtype != DType::UInt8 || !negative,
        "cannot do hardtanh on an unsigned type with negative limits");
  pointwise_forward(call, Kernel::ClampTo, Result::Promoted);
}

void hardtanh_compose(Call& call) {
  const Value* arguments = call.arguments;
  check(!(arguments[1].scalar().real() > arguments[2].scalar().real()), ErrorKind::Value,
        "min_val cannot be greater than max_val");
  with_inplace_flag<op::_hardtanh>(call);
}

void relu6_compose(Call& call) {
  bool inplace = call.arguments[1].as<bool>();
  const Value arguments[] = {call.arguments[0], int64_t(0), int64_t(6)};
  rushlight::call(op::_hardtanh, arguments, call.results,
                  inplace ? &call.arguments[0].tensor() : call.destination);
}

void check_lambda(const Tensor& input, double lambda) {
  check(lambda >= 0, "lambda must be in range [0, 3.40282e+38] for input dtype ",
        info(input.dtype()).spoken, ", but found ", Scalar(lambda));
}

/// Start of the channels' second half, which gates the first.
int64_t half_of(const Tensor& input, int64_t dim) {
  check(input.dim() > 0, "glu does not support scalars because halving size must be even");
  int64_t wrapped = wrap_dim(dim, input.dim()), size = input.size(wrapped);
  check(size % 2 == 0, "Halving dimension must be even, but dimension ", wrapped, " is size ",
        size);
  return size / 2;
}

}  // namespace

constinit const Op op::_hardtanh = {
    .schema = "_hardtanh(Tensor input, Scalar min_val, Scalar max_val) -> Tensor",
    .doc = "input clamped to [min_val, max_val]; no gradient at the ends.",
    .examples = "",
    .variants = "private, in-place",
    .forward = hardtanh_forward,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            Tensor inside = !((x <= b.scalar("min_val")) | (x >= b.scalar("max_val")));
            return in_steps(masked(b.grad(), inside), x);
          });
        },
};

constinit const Op op::hardtanh = {
    .schema =
        "hardtanh(Tensor input, Scalar min_val=-1.0, Scalar max_val=1.0, bool inplace=False) -> "
        "Tensor",
    .doc = "The element clamped to [min_val, max_val].",
    .examples = "F.hardtanh(randn(3, 4))\nF.hardtanh(randn(3), -0.5, 0.2)",
    .variants = "nn, in-place",
    .compose = hardtanh_compose,
};

constinit const Op op::relu6 = {
    .schema = "relu6(Tensor input, bool inplace=False) -> Tensor",
    .doc = "The element clamped to [0, 6].",
    .examples = "F.relu6(randn(3, 4) * 9)",
    .variants = "nn",
    .compose = relu6_compose,
};

constinit const Op op::_hardsigmoid = {
    .schema = "_hardsigmoid(Tensor input) -> Tensor",
    .doc = "min(max(input + 3, 0), 6) / 6.",
    .examples = "",
    .variants = "private, in-place",
    .forward = run([](const Tensor& input) {
      check_floating(input, "hardsigmoid");
      return rounded_once(input, [](const Tensor& x) { return (x + 3).clamp(0, 6) / 6; });
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return in_steps(masked(b.grad() / 6, (x > -3) & (x < 3)), x);
          });
        },
};

constinit const Op op::hardsigmoid = {
    .schema = "hardsigmoid(Tensor input, bool inplace=False) -> Tensor",
    .doc = "A straight line from 0 at -3 to 1 at 3: a cheap sigmoid.",
    .examples = "F.hardsigmoid(randn(3, 4) * 3)",
    .variants = "nn",
    .compose = with_inplace_flag<op::_hardsigmoid>,
};

constinit const Op op::_hardswish = {
    .schema = "_hardswish(Tensor input) -> Tensor",
    .doc = "input * min(max(input + 3, 0), 6) / 6.",
    .examples = "",
    .variants = "private, in-place",
    .forward = run([](const Tensor& input) {
      check_floating(input, "hardswish");
      return rounded_once(input, [](const Tensor& x) { return x * (x + 3).clamp(0, 6) / 6; });
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            Tensor slope = where(x < 3, x / 3 + 0.5, 1.0);
            return masked(b.grad() * slope, !(x <= -3));
          });
        },
};

constinit const Op op::hardswish = {
    .schema = "hardswish(Tensor input, bool inplace=False) -> Tensor",
    .doc = "`x * hardsigmoid(x)`: a cheap silu.",
    .examples = "F.hardswish(randn(3, 4) * 3)",
    .variants = "nn",
    .compose = with_inplace_flag<op::_hardswish>,
};

constinit const Op op::_mish = {
    .schema = "_mish(Tensor input) -> Tensor",
    .doc = "input * tanh(log(1 + exp(input))).",
    .examples = "",
    .variants = "private, in-place",
    .forward = run([](const Tensor& input) {
      check_floating(input, "mish");
      return rounded_once(input, [](const Tensor& x) { return x * x.exp().log1p().tanh(); });
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), t = x.exp().log1p().tanh();
            return b.grad() * (t + x * x.sigmoid() * (1 - t * t));
          });
        },
};

constinit const Op op::mish = {
    .schema = "mish(Tensor input, bool inplace=False) -> Tensor",
    .doc = "`x * tanh(softplus(x))`.",
    .examples = "F.mish(randn(3, 4))",
    .variants = "nn",
    .compose = with_inplace_flag<op::_mish>,
};

constinit const Op op::softsign = {
    .schema = "softsign(Tensor input) -> Tensor",
    .doc = "`x / (1 + |x|)`.",
    .examples = "F.softsign(randn(3, 4))",
    .variants = "nn",
    .compose = run([](const Tensor& input) { return input / (input.abs() + 1); }),
};

constinit const Op op::tanhshrink = {
    .schema = "tanhshrink(Tensor input) -> Tensor",
    .doc = "`x - tanh(x)`.",
    .examples = "F.tanhshrink(randn(3, 4))",
    .variants = "nn",
    .compose = run([](const Tensor& input) { return input - input.tanh(); }),
};

constinit const Op op::softshrink = {
    .schema = "softshrink(Tensor input, float lambd=0.5) -> Tensor",
    .doc = "The element moved towards 0 by `lambd`, at most to 0.",
    .examples = "F.softshrink(randn(3, 4))\nF.softshrink(randn(3), 0.1)",
    .variants = "nn",
    .forward = run([](const Tensor& input, double lambda) {
      check_floating(input, "softshrink");
      check_lambda(input, lambda);
      return input - input.clamp(-lambda, lambda);
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return in_steps(masked(b.grad(), !(x.abs() <= b.argument<double>("lambd"))), x);
          });
        },
};

constinit const Op op::hardshrink = {
    .schema = "hardshrink(Tensor input, Scalar lambd=0.5) -> Tensor",
    .doc = "The element, or 0 where its magnitude is at most `lambd`.",
    .examples = "hardshrink(randn(3, 4))\nF.hardshrink(randn(3), 0.1)",
    .variants = "also-nn",
    .forward = run([](const Tensor& input, const Scalar& lambda) {
      check_floating(input, "hardshrink");
      return masked(input, !(input.abs() <= lambda));
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return in_steps(masked(b.grad(), !(x.abs() <= b.scalar("lambd"))), x);
          });
        },
};

constinit const Op op::_celu = {
    .schema = "_celu(Tensor input, Scalar alpha) -> Tensor",
    .doc = "input > 0 ? input : alpha * expm1(input / alpha).",
    .examples = "",
    .variants = "private, in-place",
    .forward = run([](const Tensor& input, const Scalar& alpha) {
      check_floating(input, "elu");
      check(alpha.real() != 0, "ZeroDivisionError: alpha cannot be 0 for CELU");
      return rounded_once(
          input, [&](const Tensor& x) { return where(x <= 0, (x / alpha).expm1() * alpha, x); });
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return b.grad() * where(x <= 0, (x / b.scalar("alpha")).exp(), 1.0);
          });
        },
};

constinit const Op op::celu = {
    .schema = "celu(Tensor input, Scalar alpha=1.0, bool inplace=False) -> Tensor",
    .doc = "elu with a slope that is continuous for every `alpha`.",
    .examples = "celu(randn(3, 4))\ncelu(randn(3), 0.5)",
    .variants = "function-only, in-place, also-nn",
    .compose = with_inplace_flag<op::_celu>,
};

constinit const Op op::_prelu_kernel = {
    .schema = "_prelu_kernel(Tensor input, Tensor weight) -> Tensor",
    .doc = "input > 0 ? input : weight * input, with broadcasting.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& weight) {
      check_floating(input, "prelu");
      return where(input > 0, input, weight * input);
    }),
    .save = "input, weight",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input"), positive = x > 0;
          b.wrt("input", [&] { return where(positive, b.grad(), b.saved("weight") * b.grad()); });
          b.wrt("weight", [&] { return masked(x * b.grad(), !positive); });
        },
};

constinit const Op op::prelu = {
    .schema = "prelu(Tensor input, Tensor weight) -> Tensor",
    .doc =
        "The element where it is positive, else `weight` times it; one weight, or one for each of "
        "the channels in dim 1.",
    .examples = "prelu(randn(3, 4), rand(4))\nF.prelu(randn(2, 3, 5), rand(1))",
    .variants = "also-nn",
    .compose = run([](const Tensor& input, const Tensor& weight) {
      check(input.dtype() == weight.dtype(), "prelu: Type promoting not supported. Got ",
            info(input.dtype()).spoken, " and ", info(weight.dtype()).spoken);
      check(weight.dim() <= 1,
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.dim());
      if (weight.numel() != 1) {
        check(input.dim() > 0, "Not allow zero-dim input tensor.");
        int64_t channels = input.dim() > 1 ? input.size(1) : 1;
        check(weight.numel() == channels,
              "Mismatch of parameter numbers and input channel size. Found parameter numbers = ",
              weight.numel(), " and channel size = ", channels, ".");
      }
      Dims shape(size_t(std::max<int64_t>(input.dim(), 0)), 1);
      if (input.dim() > 1 && weight.dim() == 1) shape[1] = weight.numel();
      return rushlight::_prelu_kernel(input, weight.dim() == 0 ? weight : weight.reshape(shape));
    }),
};

constinit const Op op::glu = {
    .schema = "glu(Tensor input, int dim=-1) -> Tensor",
    .doc = "The first half of `dim`, gated by the sigmoid of the second half.",
    .examples = "F.glu(randn(3, 4))\nF.glu(randn(4, 3), dim=0)",
    .variants = "nn",
    .forward = run([](const Tensor& input, int64_t dim) {
      int64_t half = half_of(input, dim);
      check_floating(input, "glu");
      return rounded_once(input, [&](const Tensor& x) {
        return x.narrow(dim, 0, half) * x.narrow(dim, half, half).sigmoid();
      });
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor input = b.saved("input");
            int64_t dim = b.integer("dim"), half = half_of(input, dim);
            Tensor first = input.narrow(dim, 0, half);
            Tensor gate = input.narrow(dim, half, half).sigmoid();
            Tensor open = b.grad() * gate;
            return rushlight::cat({open, open * first * (1 - gate)}, dim);
          });
        },
};

}  // namespace rushlight
