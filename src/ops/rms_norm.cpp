// Root mean square normalisation (Zhang and Sennrich, 2019).

#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "ops/op.h"

#include <limits>

namespace rushlight {

namespace {

Tensor root_mean_square(const Tensor& input, Ints shape, const Tensor& weight,
                        std::optional<double> eps) {
  size_t dims = size_t(input.dim());
  check(!shape.empty(),
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
        "element, but got normalized_shape = []");
  check(dims >= shape.size() && same(input.shape().subspan(dims - shape.size()), shape),
        "Given normalized_shape=", to_string(shape), ", expected input with shape [*, ",
        to_string(shape), "], but got input of size", to_string(input.shape()));
  check(!weight.defined() || same(weight.shape(), shape),
        "Expected weight to be of same shape as normalized_shape ", to_string(shape));
  check(is_floating(input.dtype()), ErrorKind::NotImplemented, "\"rms_norm\" not implemented for '",
        info(input.dtype()).spoken, "'");
  Dims last;
  for (size_t i = dims - shape.size(); i < dims; ++i) last.push_back(int64_t(i));
  bool is_half = input.dtype() == DType::Float16 || input.dtype() == DType::BFloat16;
  Tensor x = is_half ? input.to(DType::Float32) : input;
  double smallest = x.dtype() == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                : std::numeric_limits<float>::epsilon();
  Tensor output = x * ((x * x).mean(Ints(last), true) + eps.value_or(smallest)).rsqrt();
  if (is_half) output = output.to(input.dtype());
  return weight.defined() ? output * weight : output;
}

}  // namespace

constinit const Op op::rms_norm = {
    .schema =
        "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> "
        "Tensor",
    .doc = "The input over the root of its mean square over the last dims, times `weight`.",
    .examples = "F.rms_norm(randn(4, 5), (5,))\nF.rms_norm(randn(2, 3), (3,), randn(3), 0.1)",
    .variants = "function-only, also-nn",
    .compose = run<root_mean_square>(),
};

}  // namespace rushlight
