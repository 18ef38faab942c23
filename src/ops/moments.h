#pragma once
// What the normalisations share: mean and scale of the input over some dims, and their gradient.

#include <rushlight/operators.h>

#include "ops/op.h"

namespace rushlight {

struct Moments {
  Tensor mean, scale;  ///< of the input; the scale is 1 / sqrt(variance + eps)
};

inline Moments moments(const Tensor& input, const Dims& dims, double eps) {
  auto [variance, mean] = rushlight::var_mean(input, Ints(dims), Scalar(0), true);
  return {mean, (variance + eps).rsqrt()};
}

/// The moments that forward kept; made again where derivatives must flow through them.
inline Moments kept_moments(Backward& b, const Tensor& input, const Dims& dims) {
  if (autograd::may_be_differentiated()) return moments(input, dims, b.argument<double>("eps"));
  return {b.saved("mean"), b.saved("scale")};
}

/// Gradient of (x - mean) * scale, where both depend on x over `dims`.
inline Tensor normal_gradient(const Tensor& grad, const Tensor& input, const Moments& of,
                              const Dims& dims) {
  Tensor unit = (input - of.mean) * of.scale;
  Tensor mean = grad.mean(Ints(dims), true), slope = (grad * unit).mean(Ints(dims), true);
  return (grad - mean - unit * slope) * of.scale;
}

/// Parameters have the dtype of the input, or are all float32 beside a half input.
inline void check_parameter_dtypes(const Tensor& input, std::initializer_list<Tensor> parameters) {
  const Tensor* first = nullptr;
  for (const Tensor& each : parameters) {
    if (!first && each.defined()) first = &each;
  }
  if (!first || input.numel() == 0) return;
  bool mixed = first->dtype() != input.dtype();
  for (const Tensor& each : parameters) {
    if (!each.defined()) continue;
    check(!mixed || each.dtype() == DType::Float32,
          "mixed dtype (CPU): expect parameter to have scalar type of Float, but found ",
          info(each.dtype()).spoken, " beside an input of ", info(input.dtype()).spoken);
    check(mixed || each.dtype() == input.dtype(), "expected scalar type ",
          info(input.dtype()).spoken, " but found ", info(each.dtype()).spoken);
  }
  check(!mixed || is_half(input.dtype()),
        "mixed dtype (CPU): all inputs must share same datatype. The input is ",
        info(input.dtype()).spoken, ", a parameter is ", info(first->dtype()).spoken);
}

/// batch_norm with any `eps`.
Tensor batch_norm_of(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool training, double momentum,
                     double eps);

/// Halves are computed with in float32.
inline Tensor widened(const Tensor& tensor) {
  return tensor.defined() && is_half(tensor.dtype()) ? tensor.to(DType::Float32) : tensor;
}

inline Tensor times(const Tensor& tensor, const Tensor& weight) {
  return weight.defined() ? tensor * weight : tensor;
}

/// Values of dim 1 in the shape that multiplies a tensor of `ndim` dims; undefined stays so.
inline Tensor by_channel(const Tensor& values, int64_t ndim) {
  if (!values.defined()) return values;
  Dims shape(size_t(ndim), 1);
  shape[1] = values.numel();
  return values.reshape(shape);
}

}  // namespace rushlight
