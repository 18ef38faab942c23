#include <rushlight/autograd.h>
#include <rushlight/nn/init.h>
#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include <algorithm>
#include <cmath>

namespace rushlight::nn::init {

const Tensor& uniform_(const Tensor& tensor, double a, double b, Generator* generator) {
  autograd::NoGrad guard;
  tensor.uniform_(a, b, generator);
  return tensor;
}

const Tensor& normal_(const Tensor& tensor, double mean, double std, Generator* generator) {
  autograd::NoGrad guard;
  tensor.normal_(mean, std, generator);
  return tensor;
}

const Tensor& constant_(const Tensor& tensor, const Scalar& value) {
  autograd::NoGrad guard;
  tensor.fill_(value);
  return tensor;
}
const Tensor& ones_(const Tensor& tensor) { return constant_(tensor, 1.0); }
const Tensor& zeros_(const Tensor& tensor) {
  autograd::NoGrad guard;
  tensor.zero_();
  return tensor;
}

const Tensor& eye_(const Tensor& tensor) {
  check(tensor.dim() == 2, ErrorKind::Value,
        "Only tensors with 2 dimensions are supported; got one of shape ",
        to_string(tensor.shape()));
  autograd::NoGrad guard;
  tensor.zero_();
  int64_t count = std::min(tensor.size(0), tensor.size(1));
  for (int64_t i = 0; i < count; ++i) tensor.select(0, i).select(0, i).fill_(1.0);
  return tensor;
}

const Tensor& dirac_(const Tensor& tensor, int64_t groups) {
  check(tensor.dim() >= 3 && tensor.dim() <= 5, ErrorKind::Value,
        "Only tensors with 3, 4, or 5 dimensions are supported");
  check(groups > 0 && tensor.size(0) % groups == 0, ErrorKind::Value,
        "dim 0 must be divisible by groups");
  autograd::NoGrad guard;
  tensor.zero_();
  int64_t per_group = tensor.size(0) / groups;
  int64_t count = std::min(per_group, tensor.size(1));
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t i = 0; i < count; ++i) {
      Tensor kernel = tensor.select(0, group * per_group + i).select(0, i);
      while (kernel.dim() > 0) kernel = kernel.select(0, kernel.size(0) / 2);
      kernel.fill_(1.0);
    }
  }
  return tensor;
}

// -- Variance scaling -----------------------------------------------------------------------------

std::pair<int64_t, int64_t> fans(const Tensor& tensor) {
  check(tensor.dim() >= 2, ErrorKind::Value,
        "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  int64_t field = 1;
  for (int64_t size : tensor.shape().subspan(2)) field *= size;
  return {tensor.size(1) * field, tensor.size(0) * field};
}

double calculate_gain(std::string_view nonlinearity, std::optional<double> parameter) {
  for (std::string_view linear : {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
                                  "conv_transpose2d", "conv_transpose3d", "sigmoid"}) {
    if (nonlinearity == linear) return 1;
  }
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "selu") return 3.0 / 4;
  check(nonlinearity == "leaky_relu", ErrorKind::Value, "Unsupported nonlinearity ", nonlinearity);
  double slope = parameter.value_or(0.01);
  return std::sqrt(2.0 / (1 + slope * slope));
}

const Tensor& xavier_uniform_(const Tensor& tensor, double gain, Generator* generator) {
  auto [in, out] = fans(tensor);
  double std = gain * std::sqrt(2.0 / double(in + out));
  double bound = std::sqrt(3.0) * std;
  return init::uniform_(tensor, -bound, bound, generator);
}

const Tensor& xavier_normal_(const Tensor& tensor, double gain, Generator* generator) {
  auto [in, out] = fans(tensor);
  return init::normal_(tensor, 0, gain * std::sqrt(2.0 / double(in + out)), generator);
}

namespace {

double kaiming_std(const Tensor& tensor, double a, std::string_view mode,
                   std::string_view nonlinearity) {
  check(mode == "fan_in" || mode == "fan_out", ErrorKind::Value, "Mode ", mode,
        " not supported, please use one of ['fan_in', 'fan_out']");
  auto [in, out] = fans(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(double(mode == "fan_in" ? in : out));
}

/// Nothing is drawn for an empty tensor.
bool is_empty(const Tensor& tensor) {
  bool empty = tensor.numel() == 0;
  if (empty) warn("Initializing zero-element tensors is a no-op");
  return empty;
}

}  // namespace

const Tensor& kaiming_uniform_(const Tensor& tensor, double a, std::string_view mode,
                               std::string_view nonlinearity, Generator* generator) {
  if (is_empty(tensor)) return tensor;
  double bound = std::sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity);
  return init::uniform_(tensor, -bound, bound, generator);
}

const Tensor& kaiming_normal_(const Tensor& tensor, double a, std::string_view mode,
                              std::string_view nonlinearity, Generator* generator) {
  if (is_empty(tensor)) return tensor;
  return init::normal_(tensor, 0, kaiming_std(tensor, a, mode, nonlinearity), generator);
}

// -- Truncated and sparse -------------------------------------------------------------------------

namespace {

double normal_cdf(double x) { return (1.0 + std::erf(x / std::sqrt(2.0))) / 2.0; }

/// Draws again what lies outside: few tries where most of the mass lies inside.
void redraw(const Tensor& tensor, double mean, double std, double a, double b,
            Generator* generator) {
  double low = scalar_tensor(a, tensor.dtype()).item<double>();
  double high = scalar_tensor(b, tensor.dtype()).item<double>();
  Tensor result = tensor;
  result.normal_(mean, std, generator);
  for (;;) {
    Tensor outside = logical_or(lt(result, low), gt(result, high));
    if (!outside.any().item<bool>()) break;
    Tensor fresh = empty_like(result);
    fresh.normal_(mean, std, generator);
    result = where(outside, fresh, result);
  }
  if (!result.is_same(tensor)) tensor.copy_(result);
}

/// Log-density under that of the peak, for rejection sampling.
void to_log_density(const Tensor& x, double mean, double std, double log_peak) {
  x.sub_(mean);
  x.div_(std);
  x.pow_(2);
  x.mul_(-0.5);
  x.sub_(log_peak);
}

/// Rejection sampling from the uniform distribution: for the tails.
void reject(const Tensor& tensor, double mean, double std, double a, double b,
            Generator* generator) {
  double deviation = (std::max(a, std::min(mean, b)) - mean) / std;
  double log_peak = -0.5 * deviation * deviation;
  Tensor candidates = empty_like(tensor), accept = empty_like(tensor);
  auto rejected = [&] {
    to_log_density(candidates, mean, std, log_peak);
    accept.uniform_(0, 1, generator);
    accept.log_();
    return gt(accept, candidates);
  };
  tensor.uniform_(a, b, generator);
  candidates.copy_(tensor);
  Tensor pending = rejected(), result = tensor;
  if (!pending.any().item<bool>()) return;
  do {
    candidates.uniform_(a, b, generator);
    result = where(pending, candidates, result);
    pending = where(pending, rejected(), pending);
  } while (pending.any().item<bool>());
  tensor.copy_(result);
}

}  // namespace

const Tensor& trunc_normal_(const Tensor& tensor, double mean, double std, double a, double b,
                            Generator* generator) {
  if (mean < a - 2 * std || mean > b + 2 * std) {
    warn(
        "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values "
        "may be incorrect.");
  }
  autograd::NoGrad guard;
  double inside = normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std);
  auto draw = inside > 0.3 ? redraw : reject;
  draw(tensor, mean, std, a, b, generator);
  return tensor;
}

const Tensor& sparse_(const Tensor& tensor, double sparsity, double std, Generator* generator) {
  check(tensor.dim() == 2, ErrorKind::Value, "Only tensors with 2 dimensions are supported");
  autograd::NoGrad guard;
  int64_t rows = tensor.size(0), zeros = int64_t(std::ceil(sparsity * double(rows)));
  tensor.normal_(0, std, generator);
  for (int64_t column = 0; column < tensor.size(1); ++column) {
    Tensor order = randperm(rows);
    const int64_t* row = order.data<int64_t>();
    for (int64_t i = 0; i < zeros; ++i) tensor.select(0, row[i]).select(0, column).fill_(0.0);
  }
  return tensor;
}

}  // namespace rushlight::nn::init
