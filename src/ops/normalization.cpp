// Normalisation of activations: layer_norm and batch_norm, and attention.

#include <rushlight/operators.h>

#include "ops/loss.h"
#include "ops/moments.h"
#include "ops/reduce.h"

#include <cmath>

namespace rushlight {

namespace {

/// The dims over which layer_norm takes means: the last ones.
Dims last_dims(int64_t ndim, size_t count) {
  Dims dims;
  for (size_t i = 0; i < count; ++i) dims.push_back(ndim - int64_t(count) + int64_t(i));
  return dims;
}

/// Of batch_norm: all but the channels.
Dims all_but_channels(int64_t ndim) {
  Dims dims;
  for (int64_t i = 0; i < ndim; ++i) {
    if (i != 1) dims.push_back(i);
  }
  return dims;
}

void check_layer_norm(const Tensor& input, Ints shape, const Tensor& weight, const Tensor& bias) {
  check(!shape.empty(),
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
        "element, but got normalized_shape = ",
        to_string(shape));
  auto check_parameter = [&](const Tensor& tensor, const char* name) {
    check(!tensor.defined() || same(tensor.shape(), shape), "Expected ", name,
          " to be of same shape as normalized_shape, but got ", name, " of shape ",
          to_string(tensor.defined() ? tensor.shape() : Ints()),
          " and normalized_shape = ", to_string(shape));
  };
  check_parameter(weight, "weight");
  check_parameter(bias, "bias");
  std::string expected;
  for (int64_t size : shape) expected += ", " + std::to_string(size);
  check(input.shape().size() >= shape.size() && same(input.shape().last(shape.size()), shape),
        "Given normalized_shape=", to_string(shape), ", expected input with shape [*", expected,
        "], but got input of size", to_string(input.shape()));
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"LayerNormKernelImpl\" not implemented for '", info(input.dtype()).spoken, "'");
}

/// The dtype of means that are results: that of the parameters, if there are any.
DType parameter_dtype(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  const Tensor& first = weight.defined() ? weight : bias;
  return (first.defined() ? first : input).dtype();
}

void check_channels(const Tensor& values, int64_t channels, const char* name) {
  check(!values.defined() || values.numel() == channels, name, " should contain ", channels,
        " elements not ", values.defined() ? values.numel() : 0);
}

void update_running(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                    double momentum) {
  autograd::NoGrad guard;
  Dims dims = all_but_channels(input.dim());
  auto [variance, mean] = rushlight::var_mean(widened(input), Ints(dims), Scalar(1), false);
  auto blend = [&](const Tensor& running, const Tensor& now) {
    if (running.defined()) running.copy_(running * (1 - momentum) + now * momentum);
  };
  blend(running_mean, mean);
  blend(running_var, variance);
}

}  // namespace

constinit const Op op::_layer_norm = {
    .schema =
        "_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, "
        "float eps) -> (Tensor output, Tensor mean, Tensor scale)",
    .doc = "The input made to have mean 0 and variance 1 over the last dims, then scaled, shifted.",
    .examples = "",
    .variants = "private",
    .forward = run(
        [](const Tensor& input, Ints shape, const Tensor& weight, const Tensor& bias, double eps) {
          Tensor wide = widened(input);
          Moments of = moments(wide, last_dims(input.dim(), shape.size()), eps);
          Tensor output = times((wide - of.mean) * of.scale, weight);
          if (bias.defined()) output = output + bias;
          return std::tuple(output.to(input.dtype()), of.mean, of.scale);
        }),
    .save = "input, weight, mean, scale",
    .backward =
        [](Backward& b) {
          Tensor input = widened(b.saved("input")), grad = widened(b.grad());
          Dims dims = last_dims(input.dim(), b.ints("normalized_shape").size());
          Moments of = kept_moments(b, input, dims);
          b.wrt("input",
                [&] { return normal_gradient(times(grad, b.saved("weight")), input, of, dims); });
          b.wrt("weight", [&] { return grad * ((input - of.mean) * of.scale); });
          b.wrt("bias", [&] { return grad; });
        },
    .node = "NativeLayerNormBackward0",
};

constinit const Op op::layer_norm = {
    .schema =
        "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, "
        "Tensor? bias=None, float eps=1e-05) -> Tensor",
    .doc =
        "(input - mean) / sqrt(variance + eps) over the last dims, whose sizes are "
        "`normalized_shape`; then times `weight` plus `bias`.",
    .examples =
        "F.layer_norm(randn(3, 4), (4,))\n"
        "F.layer_norm(randn(2, 3, 4), (3, 4), randn(3, 4), randn(3, 4), eps=0.1)",
    .variants = "function-only, also-nn",
    .compose = run(
        [](const Tensor& input, Ints shape, const Tensor& weight, const Tensor& bias, double eps) {
          check_layer_norm(input, shape, weight, bias);
          check_parameter_dtypes(input, {weight, bias});
          return std::get<0>(rushlight::_layer_norm(input, shape, weight, bias, eps));
        }),
};

constinit const Op op::native_layer_norm = {
    .schema =
        "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, "
        "float eps) -> (Tensor, Tensor, Tensor)",
    .doc = "layer_norm(), with the means and the factors 1 / sqrt(variance + eps).",
    .examples =
        "native_layer_norm(randn(3, 4), (4,), None, None, 1e-5)\n"
        "native_layer_norm(randn(2, 3, 4), (3, 4), randn(3, 4), randn(3, 4), 0.1)",
    .variants = "function-only",
    .compose = run(
        [](const Tensor& input, Ints shape, const Tensor& weight, const Tensor& bias, double eps) {
          check_layer_norm(input, shape, weight, bias);
          check_parameter_dtypes(input, {weight, bias});
          auto [output, mean, scale] = rushlight::_layer_norm(input, shape, weight, bias, eps);
          DType dtype = parameter_dtype(input, weight, bias);
          return std::tuple(output, mean.detach().to(dtype), scale.detach().to(dtype));
        }),
};

constinit const Op op::_batch_norm = {
    .schema =
        "_batch_norm(Tensor input, Tensor? weight, Tensor? bias, float eps) -> (Tensor output, "
        "Tensor mean, Tensor scale)",
    .doc = "Each channel (dim 1) made to have mean 0 and variance 1, then scaled and shifted.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& weight, const Tensor& bias, double eps) {
      Tensor wide = widened(input);
      Moments of = moments(wide, all_but_channels(input.dim()), eps);
      Tensor output = times((wide - of.mean) * of.scale, by_channel(weight, input.dim()));
      if (bias.defined()) output = output + by_channel(bias, input.dim());
      return std::tuple(output.to(input.dtype()), of.mean, of.scale);
    }),
    .save = "input, weight, mean, scale",
    .backward =
        [](Backward& b) {
          Tensor input = widened(b.saved("input")), grad = widened(b.grad());
          Dims dims = all_but_channels(input.dim());
          Moments of = kept_moments(b, input, dims);
          b.wrt("input", [&] {
            Tensor weight = by_channel(b.saved("weight"), input.dim());
            return normal_gradient(times(grad, weight), input, of, dims);
          });
          b.wrt("weight", [&] { return (grad * ((input - of.mean) * of.scale)).sum(Ints(dims)); });
          b.wrt("bias", [&] { return grad.sum(Ints(dims)); });
        },
    .node = "NativeBatchNormBackward0",
};

namespace {

/// batch_norm, and while training the mean and scale of each channel.
std::tuple<Tensor, Tensor, Tensor> batch_norm_with_moments(
    const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
    const Tensor& weight, const Tensor& bias, bool training, double momentum, double eps) {
  check(input.dim() >= 2, "batch_norm: expected at least 2 dims, got ", to_string(input.shape()));
  int64_t channels = input.size(1);
  check_channels(running_mean, channels, "running_mean");
  check_channels(running_var, channels, "running_var");
  check_channels(weight, channels, "weight");
  check_channels(bias, channels, "bias");
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"batch_norm\" not implemented for '", info(input.dtype()).spoken, "'");
  check_parameter_dtypes(input, {weight, bias, running_mean, running_var});
  refuse_grad(running_mean, "running_mean", "native_batch_norm");
  refuse_grad(running_var, "running_var", "native_batch_norm");
  if (training) {
    check(input.numel() != channels, ErrorKind::Value,
          "Expected more than 1 value per channel when training, got input size torch.Size(",
          to_string(input.shape()), ")");
    if (input.numel() > 0) update_running(input, running_mean, running_var, momentum);
    return _batch_norm(input, weight, bias, eps);
  }
  check(running_mean.defined() && running_var.defined(),
        "Expected running_mean and running_var to be defined when training=False");
  Tensor scale = (widened(running_var) + eps).rsqrt();
  Tensor output = (widened(input) - by_channel(running_mean, input.dim())) *
                  by_channel(times(scale, weight), input.dim());
  if (bias.defined()) output = output + by_channel(bias, input.dim());
  return {output.to(input.dtype()), Tensor(), Tensor()};
}

}  // namespace

Tensor batch_norm_of(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool training, double momentum,
                     double eps) {
  return std::get<0>(batch_norm_with_moments(input, running_mean, running_var, weight, bias,
                                             training, momentum, eps));
}

constinit const Op op::batch_norm = {
    .schema =
        "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, "
        "Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, "
        "float eps=1e-05) -> Tensor",
    .doc =
        "(input - mean) / sqrt(variance + eps) for each channel, dim 1: of the batch if "
        "`training` (the running values then move towards it by `momentum`), else the running "
        "values.",
    .examples =
        "F.batch_norm(randn(5, 3), None, None, training=True)\n"
        "F.batch_norm(randn(5, 3, 2), zeros(3), ones(3), randn(3), randn(3), training=True)\n"
        "F.batch_norm(randn(5, 3), randn(3), rand(3), randn(3), randn(3), eps=0.1)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                      const Tensor& weight, const Tensor& bias, bool training, double momentum,
                      double eps) {
      check(!training || eps > 0, ErrorKind::Value,
            "batch_norm eps must be positive during training, but got ", python_text(eps));
      check(eps >= 0, ErrorKind::Value, "batch_norm eps must be non-negative, but got ",
            python_text(eps));
      return batch_norm_of(input, running_mean, running_var, weight, bias, training, momentum, eps);
    }),
};

constinit const Op op::batch_norm_torch = {
    .schema =
        "batch_norm.torch(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
        "Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> "
        "Tensor",
    .doc = "nn.functional's, with other positions.",
    .examples =
        "batch_norm(randn(5, 3, 2), randn(3), randn(3), None, None, True, 0.1, 1e-5, False)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& bias,
                      const Tensor& running_mean, const Tensor& running_var, bool training,
                      double momentum, double eps, bool) {
      return batch_norm_of(input, running_mean, running_var, weight, bias, training, momentum, eps);
    }),
};

constinit const Op op::native_batch_norm = {
    .schema =
        "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
        "Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, "
        "Tensor)",
    .doc = "batch_norm(), while training with the means and the factors 1 / sqrt(variance + eps).",
    .examples = "native_batch_norm(randn(5, 3, 2), None, None, None, None, True, 0.1, 1e-5)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& bias,
                      const Tensor& running_mean, const Tensor& running_var, bool training,
                      double momentum, double eps) {
      auto [output, mean, scale] = batch_norm_with_moments(input, running_mean, running_var, weight,
                                                           bias, training, momentum, eps);
      DType dtype = parameter_dtype(input, weight, bias);
      auto by_itself = [&](const Tensor& moment) {
        return moment.defined() ? moment.detach().reshape(-1).to(dtype) : input.new_empty(0);
      };
      return std::tuple(output, by_itself(mean), by_itself(scale));
    }),
};

constinit const Op op::scaled_dot_product_attention = {
    .schema =
        "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, "
        "Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, "
        "float? scale=None, bool enable_gqa=False) -> Tensor",
    .doc =
        "softmax(query @ key^T * scale + mask) @ value over (…, length, features); the scale is "
        "1 / sqrt(features) unless given; a bool mask is true where attention is allowed.",
    .examples =
        "F.scaled_dot_product_attention(randn(2, 3, 4), randn(2, 5, 4), randn(2, 5, 6))\n"
        "F.scaled_dot_product_attention(randn(2, 3, 4), randn(2, 3, 4), randn(2, 3, 4), "
        "is_causal=True)\n"
        "F.scaled_dot_product_attention(randn(3, 4), randn(3, 4), randn(3, 4), "
        "attn_mask=randn(3, 3) > 0, scale=0.3)",
    .variants = "nn",
    .compose = run([](const Tensor& query, const Tensor& key, const Tensor& value,
                      const Tensor& mask, double dropout_p, bool is_causal,
                      std::optional<double> scale, bool enable_gqa) {
      check(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2,
            "scaled_dot_product_attention: Expected query, key, and value to all be  at least 2 "
            "dimensional, but got query.dim: ",
            query.dim(), ", key.dim: ", key.dim(), " and value.dim: ", value.dim(), " instead.");
      check(query.dtype() == key.dtype() && query.dtype() == value.dtype(),
            "Expected query, key, and value to have the same dtype, but got query.dtype: ",
            info(query.dtype()).name, " key.dtype: ", info(key.dtype()).name,
            " and value.dtype: ", info(value.dtype()).name, " instead.");
      check(!is_causal || !mask.defined(),
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True");
      check(!enable_gqa || key.size(-3) == query.size(-3), ErrorKind::NotImplemented,
            "scaled_dot_product_attention: enable_gqa with fewer key heads is not supported; "
            "repeat key and value with repeat_interleave");
      double factor = scale.value_or(1 / std::sqrt(double(query.size(-1))));
      Tensor scores = rushlight::_batched_product(query * factor, key, false, true);
      auto allow = [&](const Tensor& allowed) {
        scores = rushlight::where(allowed, scores, -INFINITY);
      };
      if (is_causal) {
        Tensor rows = rushlight::arange(query.size(-2)).unsqueeze(-1);
        allow(rushlight::arange(key.size(-2)) <= rows);
      } else if (mask.defined()) {
        if (mask.dtype() == DType::Bool)
          allow(mask);
        else
          scores = scores + mask;
      }
      Tensor weights = rushlight::_softmax(scores, -1);
      // A row without any allowed place attends to nothing.
      if (mask.defined() && mask.dtype() == DType::Bool) {
        Tensor none = scores.detach().amax(Ints{-1}, true) == Scalar(-INFINITY);
        weights = rushlight::where(none, 0, weights);
      }
      if (dropout_p > 0) weights = rushlight::dropout(weights, dropout_p, true);
      return rushlight::_batched_product(weights, value, false, false);
    }),
};

}  // namespace rushlight
