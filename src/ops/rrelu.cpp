// Leaky ReLU with slopes drawn at random.

#include <rushlight/generator.h>
#include <rushlight/operators.h>

#include "ops/op.h"

#include <cmath>
#include <mutex>

namespace rushlight {

namespace {

/// A slope of its own for each element that is not positive, 1 for the others.
Tensor draw_slopes(const Tensor& input, double lower, double upper, Generator* generator) {
  Tensor slopes = make_tensor(input.shape(), input.dtype(), input.device());
  if (input.impl()->device == DeviceType::Meta) return slopes;
  Tensor dense = input.contiguous();
  Generator::Data& stream = (generator ? *generator : default_generator()).data();
  std::lock_guard lock(stream.mutex);
  dispatch(input.dtype(), [&]<class T>(CppType<T>) {
    if constexpr (!std::is_integral_v<T>) {
      const T* x = dense.data<T>();
      T* slope = slopes.data<T>();
      for (int64_t i = 0; i < dense.numel(); ++i) {
        if (double(x[i]) > 0) {
          slope[i] = T(1.0f);
          continue;
        }
        constexpr uint64_t kMask = (uint64_t(1) << 53) - 1;
        double unit = std::ldexp(double(stream.random64() & kMask), -53);
        slope[i] = T(unit * (upper - lower) + lower);
      }
    }
  });
  return slopes;
}

Tensor rrelu_of(const Tensor& input, const Scalar& lower, const Scalar& upper, bool training,
                Generator* generator, bool inplace) {
  double low = lower.real(), high = upper.real();
  check(std::isfinite(low), "rrelu: lower bound must be finite, got ", lower);
  check(std::isfinite(high), "rrelu: upper bound must be finite, got ", upper);
  check(low <= high, "Lower bound should be less than or equal to the upper bound");
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        training ? "\"rrelu_with_noise_out_cpu\"" : "\"leaky_relu_cpu\"", " not implemented for '",
        info(input.dtype()).spoken, "'");
  Tensor slopes;
  {
    autograd::NoGrad guard;
    Tensor values = input.detach();
    slopes = training ? draw_slopes(values, low, high, generator)
                      : rushlight::where(values > 0, 1, (low + high) / 2).to(input.dtype());
  }
  return inplace ? rushlight::_rrelu_with_noise_(input, slopes)
                 : rushlight::_rrelu_with_noise(input, slopes);
}

}  // namespace

constinit const Op op::_rrelu_with_noise = {
    .schema = "_rrelu_with_noise(Tensor input, Tensor noise) -> Tensor",
    .doc = "`input * noise`.",
    .examples = "",
    .variants = "private, in-place",
    .forward = run([](const Tensor& input, const Tensor& noise) { return input * noise; }),
    .save = "noise",
    .constants = "noise",
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad() * b.saved("noise"); }); },
};

constinit const Op op::rrelu = {
    .schema =
        "rrelu(Tensor input, Scalar lower=0.125, Scalar upper=0.3333333333333333, "
        "bool training=False, bool inplace=False, Generator? generator=None) -> Tensor",
    .doc =
        "The element where it is positive, else a slope times it: drawn between `lower` and "
        "`upper` if `training`, else their mean (Xu et al., 2015).",
    .examples =
        "F.rrelu(randn(3, 4))\n"
        "F.rrelu(randn(3, 4), 0.2, 0.3, training=True)",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& input, const Scalar& lower, const Scalar& upper, bool training,
                      bool inplace, Generator* generator) {
      return rrelu_of(input, lower, upper, training, generator, inplace);
    }),
};

constinit const Op op::rrelu_ = {
    .schema =
        "rrelu_(Tensor(a!) input, Scalar lower=0.125, Scalar upper=0.3333333333333333, "
        "bool training=False, Generator? generator=None) -> Tensor(a!)",
    .doc = "rrelu, written into `input`.",
    .examples = "F.rrelu_(randn(3, 4))",
    .variants = "function-only, also-nn",
    .compose = run([](const Tensor& input, const Scalar& lower, const Scalar& upper, bool training,
                      Generator* generator) {
      return rrelu_of(input, lower, upper, training, generator, true);
    }),
};

}  // namespace rushlight
