// Nonlinearities: one element in, one element out, or along one dim.

#include <rushlight/nn/init.h>
#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

std::optional<int64_t> dim_of(const Layer& layer) {
  if (layer.is_none("dim")) return {};
  return layer.integer("dim");
}

}  // namespace

constinit const LayerEntry layer::ReLU = {
    .schema = "ReLU(bool inplace=False) -> ()",
    .doc = "`max(x, 0)`.",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer,
                  Tensors x) { return layer.flag("inplace") ? relu_(x[0]) : relu(x[0]); },
};

constinit const LayerEntry layer::Hardtanh = {
    .schema =
        "Hardtanh(Scalar min_val=-1.0, Scalar max_val=1.0, bool inplace=False, float? "
        "min_value=None, float? max_value=None) -> ()",
    .doc = "The element clamped to [min_val, max_val].",
    .file = "activation",
    .repr = "min_val={min_val}, max_val={max_val}[, inplace={inplace}]",
    .hidden = "min_value, max_value",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          for (auto [old, name, value] :
               {std::tuple("min_value", "min_val", arguments["min_value"]),
                std::tuple("max_value", "max_val", arguments["max_value"])}) {
            if (value.is_none()) continue;
            warn(std::string("keyword argument `") + old + "` is deprecated and renamed to `" +
                 name + "`");
            layer.set(name, value);
          }
          check(layer.real("max_val") > layer.real("min_val"), ErrorKind::Assertion,
                "max_val must be larger than min_val");
        },
    .forward =
        [](Layer& layer, Tensors x) {
          return hardtanh(x[0], layer.number("min_val"), layer.number("max_val"),
                          layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::ReLU6 = {
    .schema = "ReLU6(bool inplace=False) -> ()",
    .doc = "The element clamped to [0, 6].",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer, Tensors x) { return relu6(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::LeakyReLU = {
    .schema = "LeakyReLU(Scalar negative_slope=0.01, bool inplace=False) -> ()",
    .doc = "The element where it is positive, else `negative_slope` times it.",
    .file = "activation",
    .repr = "negative_slope={negative_slope}[, inplace={inplace}]",
    .forward =
        [](Layer& layer, Tensors x) {
          return leaky_relu(x[0], layer.number("negative_slope"), layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::ELU = {
    .schema = "ELU(Scalar alpha=1.0, bool inplace=False) -> ()",
    .doc = "The element where it is positive, else `alpha * (exp(x) - 1)`.",
    .file = "activation",
    .repr = "alpha={alpha}[, inplace={inplace}]",
    .forward = [](Layer& layer,
                  Tensors x) { return elu(x[0], layer.number("alpha"), layer.flag("inplace")); },
};

constinit const LayerEntry layer::CELU = {
    .schema = "CELU(Scalar alpha=1.0, bool inplace=False) -> ()",
    .doc = "ELU with a slope that is continuous for every `alpha`.",
    .file = "activation",
    .repr = "alpha={alpha}[, inplace={inplace}]",
    .forward = [](Layer& layer,
                  Tensors x) { return celu(x[0], layer.number("alpha"), layer.flag("inplace")); },
};

constinit const LayerEntry layer::SELU = {
    .schema = "SELU(bool inplace=False) -> ()",
    .doc = "ELU, scaled so that deep networks keep mean 0 and variance 1.",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer, Tensors x) { return selu(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::GELU = {
    .schema = "GELU(str approximate='none') -> ()",
    .doc = "`x * P(X <= x)` for a normal X.",
    .file = "activation",
    .repr = "approximate={approximate}",
    .forward = [](Layer& layer, Tensors x) { return gelu(x[0], layer.text("approximate")); },
};

constinit const LayerEntry layer::SiLU = {
    .schema = "SiLU(bool inplace=False) -> ()",
    .doc = "`x * sigmoid(x)`.",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer, Tensors x) { return silu(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::Mish = {
    .schema = "Mish(bool inplace=False) -> ()",
    .doc = "`x * tanh(softplus(x))`.",
    .file = "activation",
    .repr = "[inplace={inplace}]",
    .forward = [](Layer& layer, Tensors x) { return mish(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::Hardsigmoid = {
    .schema = "Hardsigmoid(bool inplace=False) -> ()",
    .doc = "A straight line from 0 at -3 to 1 at 3: a cheap Sigmoid.",
    .file = "activation",
    .forward = [](Layer& layer, Tensors x) { return hardsigmoid(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::Hardswish = {
    .schema = "Hardswish(bool inplace=False) -> ()",
    .doc = "`x * hardsigmoid(x)`: a cheap SiLU.",
    .file = "activation",
    .forward = [](Layer& layer, Tensors x) { return hardswish(x[0], layer.flag("inplace")); },
};

constinit const LayerEntry layer::Sigmoid = {
    .schema = "Sigmoid() -> ()",
    .doc = "`1 / (1 + exp(-x))`.",
    .file = "activation",
    .forward = [](Layer&, Tensors x) { return sigmoid(x[0]); },
};

constinit const LayerEntry layer::LogSigmoid = {
    .schema = "LogSigmoid() -> ()",
    .doc = "`log(sigmoid(x))`, without overflow.",
    .file = "activation",
    .forward = [](Layer&, Tensors x) { return logsigmoid(x[0]); },
};

constinit const LayerEntry layer::Tanh = {
    .schema = "Tanh() -> ()",
    .doc = "The hyperbolic tangent.",
    .file = "activation",
    .forward = [](Layer&, Tensors x) { return tanh(x[0]); },
};

constinit const LayerEntry layer::Tanhshrink = {
    .schema = "Tanhshrink() -> ()",
    .doc = "`x - tanh(x)`.",
    .file = "activation",
    .forward = [](Layer&, Tensors x) { return tanhshrink(x[0]); },
};

constinit const LayerEntry layer::Softsign = {
    .schema = "Softsign() -> ()",
    .doc = "`x / (1 + |x|)`.",
    .file = "activation",
    .forward = [](Layer&, Tensors x) { return softsign(x[0]); },
};

constinit const LayerEntry layer::Softplus = {
    .schema = "Softplus(Scalar beta=1.0, Scalar threshold=20.0) -> ()",
    .doc = "`log(1 + exp(beta * x)) / beta`.",
    .file = "activation",
    .repr = "beta={beta}, threshold={threshold}",
    .forward =
        [](Layer& layer, Tensors x) {
          return softplus(x[0], layer.number("beta"), layer.number("threshold"));
        },
};

constinit const LayerEntry layer::Softshrink = {
    .schema = "Softshrink(Scalar lambd=0.5) -> ()",
    .doc = "The element moved towards 0 by `lambd`.",
    .file = "activation",
    .repr = "{lambd}",
    .forward = [](Layer& layer, Tensors x) { return softshrink(x[0], layer.real("lambd")); },
};

constinit const LayerEntry layer::Hardshrink = {
    .schema = "Hardshrink(Scalar lambd=0.5) -> ()",
    .doc = "The element, or 0 where its magnitude is at most `lambd`.",
    .file = "activation",
    .repr = "{lambd}",
    .forward = [](Layer& layer, Tensors x) { return hardshrink(x[0], layer.number("lambd")); },
};

constinit const LayerEntry layer::Threshold = {
    .schema = "Threshold(Scalar threshold, Scalar value, bool inplace=False) -> ()",
    .doc = "The element where it is above `threshold`, else `value`.",
    .file = "activation",
    .repr = "threshold={threshold}, value={value}[, inplace={inplace}]",
    .forward =
        [](Layer& layer, Tensors x) {
          return threshold(x[0], layer.number("threshold"), layer.number("value"),
                           layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::Softmax = {
    .schema = "Softmax(int? dim=None) -> ()",
    .doc = "Exponentials along `dim`, divided by their sum.",
    .file = "activation",
    .repr = "dim={dim}",
    .forward = [](Layer& layer, Tensors x) { return softmax(x[0], dim_of(layer), 5); },
};

constinit const LayerEntry layer::Softmax2d = {
    .schema = "Softmax2d() -> ()",
    .doc = "Softmax over the channels at each place of (N, C, H, W) or (C, H, W).",
    .file = "activation",
    .forward =
        [](Layer&, Tensors x) {
          check(x[0].dim() == 3 || x[0].dim() == 4, ErrorKind::Value,
                "Softmax2d: expected input to be 3D or 4D, got ", x[0].dim(), "D instead");
          return softmax(x[0], -3, 5);
        },
};

constinit const LayerEntry layer::LogSoftmax = {
    .schema = "LogSoftmax(int? dim=None) -> ()",
    .doc = "The logarithm of Softmax.",
    .file = "activation",
    .repr = "dim={dim}",
    .forward = [](Layer& layer, Tensors x) { return log_softmax(x[0], dim_of(layer), 5); },
};

constinit const LayerEntry layer::Softmin = {
    .schema = "Softmin(int? dim=None) -> ()",
    .doc = "Softmax of the negated input.",
    .file = "activation",
    .repr = "dim={dim}",
    .forward = [](Layer& layer, Tensors x) { return softmin(x[0], dim_of(layer), 5); },
};

constinit const LayerEntry layer::RReLU = {
    .schema =
        "RReLU(Scalar lower=0.125, Scalar upper=0.3333333333333333, bool inplace=False) -> ()",
    .doc = "Leaky ReLU with slopes drawn while training, and their mean after it.",
    .file = "activation",
    .repr = "lower={lower}, upper={upper}[, inplace={inplace}]",
    .forward =
        [](Layer& layer, Tensors x) {
          return rrelu(x[0], layer.number("lower"), layer.number("upper"), layer.is_training(),
                       layer.flag("inplace"));
        },
};

constinit const LayerEntry layer::GLU = {
    .schema = "GLU(int dim=-1) -> ()",
    .doc = "The first half of `dim`, gated by the sigmoid of the second half.",
    .file = "activation",
    .repr = "dim={dim}",
    .forward = [](Layer& layer, Tensors x) { return glu(x[0], layer.integer("dim")); },
};

constinit const LayerEntry layer::PReLU = {
    .schema =
        "PReLU(int num_parameters=1, Scalar init=0.25, device? device=None, dtype? dtype=None) -> "
        "()",
    .doc = "The element where it is positive, else a trained weight times it.",
    .file = "activation",
    .repr = "num_parameters={num_parameters}",
    .tensors = "weight",
    .build =
        [](Layer& layer, const Arguments& arguments) {
          layer.add_parameter("weight", arguments.empty(layer.integer("num_parameters")));
        },
    .reset = [](Layer& layer) { init::constant_(layer.tensor("weight"), layer.number("init")); },
    .forward = [](Layer& layer, Tensors x) { return prelu(x[0], layer.tensor("weight")); },
};

}  // namespace rushlight::nn
