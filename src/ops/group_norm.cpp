// Normalisation over groups of channels, over each channel of each sample, and over neighbouring
// channels.

#include "ops/loss.h"
#include "ops/moments.h"

namespace rushlight {

namespace {

const Dims kWithinGroup = {2};

/// (N, C, …) as (N, groups, elements of a group).
Tensor grouped(const Tensor& input, int64_t groups) {
  return input.reshape(Ints({input.size(0), groups, input.numel() == 0 ? 0 : -1}));
}

void check_group_norm(const Tensor& input, int64_t groups, const Tensor& weight,
                      const Tensor& bias) {
  check(input.dim() >= 2, "Expected at least 2 dimensions for input tensor but received ",
        input.dim());
  check(groups > 0, "Expected num groups to be greater than 0, got ", groups);
  check(input.size(1) % groups == 0,
        "Expected number of channels in input to be divisible by num_groups, but got input of "
        "shape ",
        to_string(input.shape()), " and num_groups=", groups);
  auto check_parameter = [&](const Tensor& values, const char* name) {
    check(!values.defined() || (values.dim() == 1 && values.numel() == input.size(1)), "Expected ",
          name, " to be a vector of size equal to the number of channels in input, but got ", name,
          " of shape ", to_string(values.defined() ? values.shape() : Ints()),
          " and input of shape ", to_string(input.shape()));
  };
  check_parameter(weight, "weight");
  check_parameter(bias, "bias");
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"GroupNormKernelImpl\" not implemented for '", info(input.dtype()).spoken, "'");
  check_parameter_dtypes(input, {weight, bias});
}

/// The output, and the mean and scale of each group.
std::tuple<Tensor, Tensor, Tensor> group_norm_with_moments(const Tensor& input,
                                                           const Tensor& weight, const Tensor& bias,
                                                           int64_t groups, double eps) {
  Tensor wide = grouped(widened(input), groups);
  Moments of = moments(wide, kWithinGroup, eps);
  Tensor unit = ((wide - of.mean) * of.scale).reshape(input.shape());
  Tensor output = times(unit, by_channel(weight, input.dim()));
  if (bias.defined()) output = output + by_channel(bias, input.dim());
  return {output.to(input.dtype()), of.mean, of.scale};
}

/// What is left of a batch in which each channel of each sample is one channel.
Tensor instance_norm_of(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                        const Tensor& weight, const Tensor& bias, bool use_input_stats,
                        double momentum, double eps) {
  int64_t batch = input.size(0), channels = input.size(1);
  auto repeated = [&](const Tensor& values) {
    return values.defined() ? values.repeat(Ints({batch})) : values;
  };
  Dims shape(input.shape());
  shape[0] = 1;
  shape[1] = batch * channels;
  auto statistics = [&](const Tensor& running) {
    return running.defined() ? repeated(running).to(input.dtype()) : running;
  };
  Tensor mean = statistics(running_mean), var = statistics(running_var);
  Tensor result = batch_norm_of(input.contiguous().view(shape), mean, var, repeated(weight),
                                repeated(bias), use_input_stats, momentum, eps);
  if (use_input_stats) {
    autograd::NoGrad guard;
    auto keep = [&](const Tensor& running, const Tensor& now) {
      if (running.defined()) running.copy_(now.view(Ints({batch, channels})).mean(Ints({0})));
    };
    keep(running_mean, mean);
    keep(running_var, var);
  }
  return result.view(input.shape());
}

/// Sums of `size` neighbours along dim 1, zeros beyond the ends.
Tensor sums_of_neighbours(const Tensor& input, int64_t size) {
  Dims padding(size_t(2 * input.dim() - 2), 0);
  padding[padding.size() - 2] = size / 2;
  padding[padding.size() - 1] = (size - 1) / 2;
  Tensor padded = rushlight::constant_pad_nd(input, padding);
  Tensor sum = padded.narrow(1, 0, input.size(1));
  for (int64_t k = 1; k < size; ++k) sum = sum + padded.narrow(1, k, input.size(1));
  return sum;
}

}  // namespace

constinit const Op op::_group_norm = {
    .schema =
        "_group_norm(Tensor input, Tensor? weight, Tensor? bias, int num_groups, float eps) -> "
        "(Tensor output, Tensor mean, Tensor scale)",
    .doc = "Each group of channels made to have mean 0 and variance 1, then scaled and shifted.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t groups,
               double eps) { return group_norm_with_moments(input, weight, bias, groups, eps); }),
    .save = "input, weight, mean, scale",
    .backward =
        [](Backward& b) {
          Tensor saved = b.saved("input"), grad = widened(b.grad());
          int64_t groups = b.integer("num_groups"), ndim = saved.dim();
          Tensor input = grouped(widened(saved), groups);
          Moments of = kept_moments(b, input, kWithinGroup);
          Dims dims;
          for (int64_t i = 0; i < ndim; ++i) {
            if (i != 1) dims.push_back(i);
          }
          b.wrt("input", [&] {
            Tensor scaled = grouped(times(grad, by_channel(b.saved("weight"), ndim)), groups);
            return normal_gradient(scaled, input, of, kWithinGroup).reshape(saved.shape());
          });
          b.wrt("weight", [&] {
            Tensor unit = ((input - of.mean) * of.scale).reshape(saved.shape());
            return (grad * unit).sum(Ints(dims));
          });
          b.wrt("bias", [&] { return grad.sum(Ints(dims)); });
        },
    .node = "NativeGroupNormBackward0",
};

constinit const Op op::group_norm = {
    .schema =
        "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, "
        "float eps=1e-05, bool cudnn_enabled=True) -> Tensor",
    .doc =
        "(input - mean) / sqrt(variance + eps) over each of `num_groups` groups of channels (dim "
        "1) of each sample; then times `weight` plus `bias`, one a channel.",
    .examples =
        "F.group_norm(randn(2, 4, 3), 2)\n"
        "F.group_norm(randn(3, 6), 3, randn(6), randn(6), eps=0.1)",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& input, int64_t groups, const Tensor& weight, const Tensor& bias,
                      double eps, bool) {
      check_group_norm(input, groups, weight, bias);
      int64_t values = input.numel() / std::max<int64_t>(input.size(0) * input.size(1), 1);
      check(input.size(0) * input.size(1) / groups * values != 1, ErrorKind::Value,
            "Expected more than 1 value per channel when training, got input size ",
            to_string(input.shape()));
      return std::get<0>(rushlight::_group_norm(input, weight, bias, groups, eps));
    }),
};

constinit const Op op::native_group_norm = {
    .schema =
        "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, "
        "int group, float eps) -> (Tensor, Tensor, Tensor)",
    .doc =
        "group_norm() of `N` samples of `C` channels of `HxW` elements, with the means and the "
        "factors 1 / sqrt(variance + eps) of each sample's groups.",
    .examples = "native_group_norm(randn(2, 4, 3), randn(4), randn(4), 2, 4, 3, 2, 1e-5)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t n,
                      int64_t c, int64_t inner, int64_t groups, double eps) {
      check_group_norm(input, groups, weight, bias);
      check(input.numel() == n * c * inner,
            "Expected X.numel() == N * C * HxW to be true, but got false.");
      // Not by _group_norm(), for the means and factors are differentiable as well.
      auto [output, mean, scale] = group_norm_with_moments(input, weight, bias, groups, eps);
      DType dtype = (weight.defined() ? weight : input).dtype();
      return std::tuple(output, mean.squeeze(2).to(dtype), scale.squeeze(2).to(dtype));
    }),
};

constinit const Op op::instance_norm = {
    .schema =
        "instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, "
        "Tensor? weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, "
        "float eps=1e-05) -> Tensor",
    .doc =
        "batch_norm of each sample by itself: of its own channels if `use_input_stats` (the "
        "running values then move towards their mean over the batch), else the running values.",
    .examples =
        "F.instance_norm(randn(2, 3, 4))\n"
        "F.instance_norm(randn(2, 3, 4), zeros(3), ones(3), randn(3), randn(3), momentum=0.5)\n"
        "F.instance_norm(randn(2, 3, 4), randn(3), rand(3), use_input_stats=False, eps=0.1)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                      const Tensor& weight, const Tensor& bias, bool use_input_stats,
                      double momentum, double eps) {
      check(use_input_stats || (running_mean.defined() && running_var.defined()),
            "Expected running_mean and running_var to be defined when use_input_stats is false");
      if (use_input_stats) {
        int64_t values = 1;
        for (int64_t i = 2; i < input.dim(); ++i) values *= input.size(i);
        check(values != 1, ErrorKind::Value,
              "Expected more than 1 spatial element when training, got input size ",
              size_text(input));
      }
      check(input.dim() >= 2, "instance_norm: expected at least 2 dims, got ",
            to_string(input.shape()));
      return instance_norm_of(input, running_mean, running_var, weight, bias, use_input_stats,
                              momentum, eps);
    }),
};

constinit const Op op::instance_norm_torch = {
    .schema =
        "instance_norm.torch(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
        "Tensor? running_var, bool use_input_stats, float momentum, float eps, "
        "bool cudnn_enabled) -> Tensor",
    .doc = "nn.functional's, with other positions.",
    .examples =
        "instance_norm(randn(2, 3, 4), randn(3), randn(3), None, None, True, 0.1, 1e-5, False)",
    .variants = "torch-only",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& bias,
                      const Tensor& running_mean, const Tensor& running_var, bool use_input_stats,
                      double momentum, double eps, bool) {
      return rushlight::instance_norm(input, running_mean, running_var, weight, bias,
                                      use_input_stats, momentum, eps);
    }),
};

constinit const Op op::local_response_norm = {
    .schema =
        "local_response_norm(Tensor input, int size, float alpha=0.0001, float beta=0.75, "
        "float k=1.0) -> Tensor",
    .doc =
        "`input / (k + alpha * m) ** beta`, where m is the mean of the squares of `size` "
        "neighbouring channels (Krizhevsky et al., 2012).",
    .examples =
        "F.local_response_norm(randn(2, 5, 3), 3)\n"
        "F.local_response_norm(randn(1, 4, 2, 2), 2, alpha=0.5, beta=1.5, k=2.0)",
    .variants = "nn",
    .compose =
        run([](const Tensor& input, int64_t size, double alpha, double beta, double k) -> Tensor {
          check(input.dim() >= 3, ErrorKind::Value,
                "Expected 3D or higher dimensionality                          input (got ",
                input.dim(), " dimensions)");
          check(size > 0, "kernel size should be greater than zero, but got ", size);
          if (input.numel() == 0) return input;
          Tensor sums = sums_of_neighbours(input * input, size);
          Tensor mean =
              is_floating(sums.dtype()) ? sums / double(size) : rushlight::floor_divide(sums, size);
          return input / (mean * alpha + k).pow(Scalar(beta));
        }),
};

}  // namespace rushlight
