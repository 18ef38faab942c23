// Activation functions with a kernel of their own. Those made of other operations are in
// activation_composed.cpp.

#include <rushlight/operators.h>

#include "ops/forms.h"
#include "ops/pointwise.h"

#include <cmath>
#include <numbers>

namespace rushlight {

namespace {

// Klambauer and others, Self-Normalizing Neural Networks (2017): keeps mean 0 and variance 1.
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluScale = 1.0507009873554804934193349852946;

void relu_forward(Call& call) {
  check(call.arguments[0].tensor().dtype() != DType::Bool, "Boolean inputs not supported for relu");
  pointwise_forward(call, Kernel::Relu, Result::Promoted);
}

Kernel gelu_kernel(std::string_view approximate, Kernel exact, Kernel tanh) {
  check(approximate == "none" || approximate == "tanh",
        "approximate argument must be either none or tanh.");
  return approximate == "tanh" ? tanh : exact;
}

void gelu_forward(Call& call) {
  const Tensor& input = call.arguments[0].tensor();
  Kernel kernel = gelu_kernel(call.arguments[1].text(), Kernel::Gelu, Kernel::GeluTanh);
  call.results.tensors.push_back(
      Pointwise{kernel, input.dtype(), input.dtype(), call.destination}.run({call.arguments, 1}));
}

void gelu_backward_forward(Call& call) {
  Kernel kernel = call.arguments[2].as<bool>() ? Kernel::GeluTanhBackward : Kernel::GeluBackward;
  DType dtype = promote_operands({call.arguments, 2});
  call.results.tensors.push_back(Pointwise{kernel, dtype, dtype}.run({call.arguments, 2}));
}

/// Second derivative of gelu: phi(x) (2 - x^2), phi the normal density.
Tensor gelu_curvature(const Tensor& x) {
  Tensor square = x * x;
  return (square * -0.5).exp() * (2 - square) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
}

/// Of the approximation x / 2 (1 + t), t = tanh(u), u = c (x + 0.044715 x^3).
Tensor gelu_tanh_curvature(const Tensor& x) {
  const double c = std::sqrt(2 / std::numbers::pi);
  Tensor square = x * x;
  Tensor t = (c * (x + 0.044715 * x * square)).tanh();
  Tensor du = c * (1 + 3 * 0.044715 * square), d2u = x * (6 * 0.044715 * c);
  Tensor dt = 1 - t * t;
  return dt * du + 0.5 * x * dt * (d2u - 2 * t * du * du);
}

/// scale * (x > 0 ? x : alpha * expm1(x)).
void elu_forward(Call& call) {
  const Value* arguments = call.arguments;
  DType dtype = arguments[0].tensor().dtype();
  const Param alpha[] = {to_param(arguments[1].scalar())};
  bool scaled = !(arguments[2].scalar() == 1);
  Pointwise pointwise{Kernel::Elu, dtype, dtype, scaled ? nullptr : call.destination};
  Tensor result = pointwise.run({arguments, 1}, alpha);
  if (scaled) {
    const Value product[] = {result, arguments[2]};
    result = Pointwise{Kernel::Mul, dtype, dtype, call.destination}.run(product);
  }
  call.results.tensors.push_back(std::move(result));
}

void selu_compose(Call& call) {
  bool inplace = call.arguments[1].as<bool>();
  const Value arguments[] = {call.arguments[0], kSeluAlpha, kSeluScale};
  rushlight::call(op::_elu, arguments, call.results,
                  inplace ? &call.arguments[0].tensor() : call.destination);
}

void elu_compose(Call& call) {
  bool inplace = call.arguments[2].as<bool>();
  const Value arguments[] = {call.arguments[0], call.arguments[1], 1.0};
  rushlight::call(op::_elu, arguments, call.results,
                  inplace ? &call.arguments[0].tensor() : call.destination);
}

}  // namespace

constinit const Op op::sigmoid = {
    .schema = "sigmoid(Tensor input) -> Tensor",
    .doc = "`1 / (1 + exp(-input))`.",
    .examples = "sigmoid(randn(3, 4))",
    .variants = "in-place, also-nn",
    .forward = pointwise<Kernel::Sigmoid, Result::Floating>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::_sigmoid_backward(b.grad(), b.saved("result")); });
        },
};

constinit const Op op::_sigmoid_backward = {
    .schema = "_sigmoid_backward(Tensor grad, Tensor output) -> Tensor",
    .doc = "grad * (1 - output) * output.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::SigmoidBackward>,
    .save = "grad for output, output",
    .backward =
        [](Backward& b) {
          Tensor output = b.saved("output");
          b.wrt("grad", [&] { return rushlight::_sigmoid_backward(b.grad(), output); });
          b.wrt("output", [&] { return b.grad() * b.saved("grad") * (1 - 2 * output); });
        },
};

constinit const Op op::relu = {
    .schema = "relu(Tensor input) -> Tensor",
    .doc = "`max(input, 0)`.",
    .examples = "relu(randn(3, 4))",
    .variants = "in-place, also-nn",
    .forward = relu_forward,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return rushlight::_threshold_backward(b.grad(), b.saved("result"), 0); });
        },
};

constinit const Op op::relu_inplace = {
    .schema = "relu.inplace(Tensor input, bool inplace) -> Tensor",
    .doc = "`max(input, 0)`, written into `input` if `inplace`.",
    .examples = "F.relu(randn(3, 4), inplace=False)",
    .variants = "nn",
    .compose = with_inplace_flag<op::relu>,
};

constinit const Op op::_threshold = {
    .schema = "_threshold(Tensor input, Scalar threshold, Scalar value) -> Tensor",
    .doc = "input > threshold ? input : value.",
    .examples = "",
    .variants = "private, in-place",
    .forward = pointwise<Kernel::Threshold>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_threshold_backward(b.grad(), b.saved("input"),
                                                  b.scalar("threshold"));
          });
        },
};

constinit const Op op::_threshold_backward = {
    .schema = "_threshold_backward(Tensor grad, Tensor input, Scalar threshold) -> Tensor",
    .doc = "input <= threshold ? 0 : grad.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::ThresholdBackward>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            return rushlight::_threshold_backward(b.grad(), b.saved("input"),
                                                  b.scalar("threshold"));
          });
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
        },
};

constinit const Op op::threshold = {
    .schema =
        "threshold(Tensor input, Scalar threshold, Scalar value, bool inplace=False) -> Tensor",
    .doc = "The element where it is above `threshold`, else `value`.",
    .examples = "threshold(randn(3, 4), 0.1, 20.0)\nF.threshold(randn(3), -0.5, 1.0)",
    .variants = "function-only, in-place, also-nn",
    .compose = with_inplace_flag<op::_threshold>,
};

constinit const Op op::_leaky_relu = {
    .schema = "_leaky_relu(Tensor input, Scalar negative_slope) -> Tensor",
    .doc = "input > 0 ? input : negative_slope * input.",
    .examples = "",
    .variants = "private, in-place",
    .forward = pointwise<Kernel::LeakyRelu>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_leaky_relu_backward(b.grad(), b.saved("input"),
                                                   b.scalar("negative_slope"));
          });
        },
};

constinit const Op op::_leaky_relu_backward = {
    .schema = "_leaky_relu_backward(Tensor grad, Tensor input, Scalar negative_slope) -> Tensor",
    .doc = "input > 0 ? grad : negative_slope * grad.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::LeakyReluBackward>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            return rushlight::_leaky_relu_backward(b.grad(), b.saved("input"),
                                                   b.scalar("negative_slope"));
          });
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
        },
};

constinit const Op op::leaky_relu = {
    .schema = "leaky_relu(Tensor input, Scalar negative_slope=0.01, bool inplace=False) -> Tensor",
    .doc = "The element where it is positive, else `negative_slope` times it.",
    .examples = "F.leaky_relu(randn(3, 4))\nF.leaky_relu(randn(3), 0.2)",
    .variants = "nn, in-place",
    .compose = with_inplace_flag<op::_leaky_relu>,
};

constinit const Op op::_elu = {
    .schema = "_elu(Tensor input, Scalar alpha, Scalar scale) -> Tensor",
    .doc = "scale * (input > 0 ? input : alpha * expm1(input)).",
    .examples = "",
    .variants = "private, in-place",
    .forward = elu_forward,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Scalar scale = b.scalar("scale");
            Tensor grad = scale == 1 ? b.grad() : b.grad() * scale;
            return rushlight::_elu_backward(grad, b.saved("input"), b.scalar("alpha"));
          });
        },
};

constinit const Op op::_elu_backward = {
    .schema = "_elu_backward(Tensor grad, Tensor input, Scalar alpha) -> Tensor",
    .doc = "input > 0 ? grad : grad * alpha * exp(input).",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::EluBackward>,
    .save = "grad for input, input",
    .backward =
        [](Backward& b) {
          Tensor input = b.saved("input");
          Scalar alpha = b.scalar("alpha");
          b.wrt("grad", [&] { return rushlight::_elu_backward(b.grad(), input, alpha); });
          b.wrt("input", [&] {
            Tensor curvature = b.grad() * b.saved("grad") * (input.exp() * alpha);
            return masked(curvature, input <= 0);
          });
        },
};

constinit const Op op::elu = {
    .schema = "elu(Tensor input, Scalar alpha=1.0, bool inplace=False) -> Tensor",
    .doc = "The element where it is positive, else `alpha * (exp(x) - 1)`.",
    .examples = "F.elu(randn(3, 4))\nF.elu(randn(3), alpha=0.5)",
    .variants = "nn, in-place",
    .compose = elu_compose,
};

constinit const Op op::selu = {
    .schema = "selu(Tensor input, bool inplace=False) -> Tensor",
    .doc = "elu, scaled so that deep networks keep mean 0 and variance 1.",
    .examples = "selu(randn(3, 4))",
    .variants = "function-only, in-place, also-nn",
    .compose = selu_compose,
};

constinit const Op op::gelu = {
    .schema = "gelu(Tensor input, *, str approximate='none') -> Tensor",
    .doc =
        "`x * P(X <= x)` for a normal X; `approximate='tanh'` uses the formula of Hendrycks and "
        "Gimpel.",
    .examples = "F.gelu(randn(3, 4))\nF.gelu(randn(3), approximate='tanh')",
    .variants = "nn",
    .forward = gelu_forward,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_gelu_backward(b.grad(), b.saved("input"),
                                             b.option("approximate", "tanh"));
          });
        },
};

constinit const Op op::_gelu_backward = {
    .schema = "_gelu_backward(Tensor grad, Tensor input, bool tanh) -> Tensor",
    .doc = "grad times the derivative of gelu at input.",
    .examples = "",
    .variants = "private",
    .forward = gelu_backward_forward,
    .save = "grad for input, input",
    .backward =
        [](Backward& b) {
          Tensor input = b.saved("input");
          bool tanh = b.flag("tanh");
          b.wrt("grad", [&] { return rushlight::_gelu_backward(b.grad(), input, tanh); });
          b.wrt("input", [&] {
            Tensor curvature = tanh ? gelu_tanh_curvature(input) : gelu_curvature(input);
            return b.grad() * b.saved("grad") * curvature;
          });
        },
};

constinit const Op op::_silu = {
    .schema = "_silu(Tensor input) -> Tensor",
    .doc = "input * sigmoid(input).",
    .examples = "",
    .variants = "private, in-place",
    .forward = pointwise<Kernel::Silu>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::_silu_backward(b.grad(), b.saved("input")); });
        },
};

constinit const Op op::_silu_backward = {
    .schema = "_silu_backward(Tensor grad, Tensor input) -> Tensor",
    .doc = "grad times the derivative of silu at input.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::SiluBackward>,
    .save = "grad for input, input",
    .backward =
        [](Backward& b) {
          Tensor x = b.saved("input");
          b.wrt("grad", [&] { return rushlight::_silu_backward(b.grad(), x); });
          b.wrt("input", [&] {
            Tensor s = x.sigmoid();
            Tensor curvature = s * (1 - s) * (2 + x * (1 - 2 * s));
            return b.grad() * b.saved("grad") * curvature;
          });
        },
};

constinit const Op op::silu = {
    .schema = "silu(Tensor input, bool inplace=False) -> Tensor",
    .doc = "`x * sigmoid(x)`, also called swish.",
    .examples = "F.silu(randn(3, 4))",
    .variants = "nn",
    .compose = with_inplace_flag<op::_silu>,
};

constinit const Op op::softplus = {
    .schema = "softplus(Tensor input, Scalar beta=1, Scalar threshold=20) -> Tensor",
    .doc = "`log(1 + exp(beta * x)) / beta`; x itself where `beta * x` is above `threshold`.",
    .examples = "F.softplus(randn(3, 4))\nF.softplus(randn(5) * 9, beta=2.0, threshold=3.0)",
    .variants = "nn",
    .forward = pointwise<Kernel::Softplus>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_softplus_backward(b.grad(), b.saved("input"), b.scalar("beta"),
                                                 b.scalar("threshold"));
          });
        },
};

constinit const Op op::_softplus_backward = {
    .schema =
        "_softplus_backward(Tensor grad, Tensor input, Scalar beta, Scalar threshold) -> Tensor",
    .doc = "grad * sigmoid(beta * input), or grad where beta * input is above the threshold.",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::SoftplusBackward>,
    .save = "grad for input, input",
    .backward =
        [](Backward& b) {
          Tensor input = b.saved("input");
          Scalar beta = b.scalar("beta"), threshold = b.scalar("threshold");
          b.wrt("grad",
                [&] { return rushlight::_softplus_backward(b.grad(), input, beta, threshold); });
          b.wrt("input", [&] {
            Tensor z = input * beta, s = z.sigmoid();
            Tensor curvature = b.grad() * b.saved("grad") * (s * (1 - s) * beta);
            return masked(curvature, !(z > threshold));
          });
        },
};

constinit const Op op::logsigmoid = {
    .schema = "logsigmoid(Tensor input) -> Tensor",
    .doc = "`log(sigmoid(x))`, without overflow.",
    .examples = "F.logsigmoid(randn(3, 4))",
    .variants = "nn",
    .forward = pointwise<Kernel::LogSigmoid>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return rushlight::_log_sigmoid_backward(b.grad(), b.saved("input")); });
        },
    .node = "LogSigmoidBackward0",
};

constinit const Op op::_log_sigmoid_backward = {
    .schema = "_log_sigmoid_backward(Tensor grad, Tensor input) -> Tensor",
    .doc = "grad * sigmoid(-input).",
    .examples = "",
    .variants = "private",
    .forward = pointwise<Kernel::LogSigmoidBackward>,
    .save = "grad for input, input",
    .backward =
        [](Backward& b) {
          Tensor input = b.saved("input");
          b.wrt("grad", [&] { return rushlight::_log_sigmoid_backward(b.grad(), input); });
          b.wrt("input", [&] {
            Tensor s = input.sigmoid();
            return b.grad() * b.saved("grad") * (s * (s - 1));
          });
        },
};

}  // namespace rushlight
