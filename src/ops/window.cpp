// Windows of signal processing: vectors that rise from nothing to one and fall again.

#include <rushlight/operators.h>

#include "ops/op.h"

#include <numbers>

namespace rushlight {

namespace {

using OptionalDType = std::optional<DType>;
using OptionalDevice = std::optional<Device>;

/// The checks of all windows; the dtype of this one.
DType window_dtype(std::string_view name, int64_t length, OptionalDType dtype) {
  DType chosen = dtype.value_or(default_dtype());
  check(is_floating(chosen), name, " expects floating point dtypes, got: ", info(chosen).name);
  check(length >= 0, name, " requires non-negative window_length, got window_length=", length);
  return chosen;
}

/// 0, 1, … times `scale` / (period), where a periodic window of n is a symmetric one of n + 1 that
/// lacks its last element.
Tensor phases(int64_t length, bool periodic, double scale, DType dtype, OptionalDevice device) {
  return rushlight::arange(length, dtype, device).mul_(scale / double(length + periodic - 1));
}

Tensor raised_cosine(std::string_view name, int64_t length, bool periodic, double alpha,
                     double beta, OptionalDType dtype, OptionalDevice device) {
  DType chosen = window_dtype(name, length, dtype);
  if (length < 2) return rushlight::ones({length}, chosen, device);
  Tensor window = phases(length, periodic, 2 * std::numbers::pi, chosen, device);
  return window.cos_().mul_(-beta).add_(alpha);
}

}  // namespace

constinit const Op op::hann_window = {
    .schema =
        "hann_window(int window_length, bool periodic=True, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "A period of (1 - cos) / 2.",
    .examples = "hann_window(5)\nhann_window(5, False, dtype=float64)",
    .forward = run([](int64_t length, bool periodic, OptionalDType dtype, OptionalDevice device) {
      return raised_cosine("hann_window", length, periodic, 0.5, 0.5, dtype, device);
    }),
};

constinit const Op op::hamming_window = {
    .schema =
        "hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, "
        "*, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A period of alpha - beta cos.",
    .examples = "hamming_window(5)\nhamming_window(5, False, 0.5, 0.4)",
    .forward = run([](int64_t length, bool periodic, double alpha, double beta, OptionalDType dtype,
                      OptionalDevice device) {
      return raised_cosine("hamming_window", length, periodic, alpha, beta, dtype, device);
    }),
};

constinit const Op op::blackman_window = {
    .schema =
        "blackman_window(int window_length, bool periodic=True, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "A period of 0.42 - 0.5 cos + 0.08 cos of the double angle.",
    .examples = "blackman_window(5)\nblackman_window(5, False)",
    .forward = run([](int64_t length, bool periodic, OptionalDType dtype, OptionalDevice device) {
      DType chosen = window_dtype("blackman_window", length, dtype);
      if (length < 2) return rushlight::ones({length}, chosen, device);
      Tensor phase = phases(length, periodic, std::numbers::pi, chosen, device);
      return (phase * 4).cos_().mul_(0.08) - (phase * 2).cos_().mul_(0.5) + 0.42;
    }),
};

constinit const Op op::bartlett_window = {
    .schema =
        "bartlett_window(int window_length, bool periodic=True, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "A triangle.",
    .examples = "bartlett_window(5)\nbartlett_window(5, False)",
    .forward = run([](int64_t length, bool periodic, OptionalDType dtype, OptionalDevice device) {
      DType chosen = window_dtype("bartlett_window", length, dtype);
      if (length < 2) return rushlight::ones({length}, chosen, device);
      Tensor rise = phases(length, periodic, 2, chosen, device);
      int64_t middle = (length + periodic - 1) / 2 + 1;
      if (middle < length) {
        Tensor fall = rise.as_strided({length - middle}, {1}, middle);
        fall.mul_(-1).add_(2);
      }
      return rise;
    }),
};

constinit const Op op::kaiser_window = {
    .schema =
        "kaiser_window(int window_length, bool periodic=True, float beta=12.0, *, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "i0(beta sqrt(1 - t²)) / i0(beta), for t from -1 to 1.",
    .examples = "kaiser_window(5)\nkaiser_window(6, False, 8.0, dtype=float64)",
    .forward = run(
        [](int64_t length, bool periodic, double beta, OptionalDType dtype, OptionalDevice device) {
          DType chosen = window_dtype("kaiser_window", length, dtype);
          if (length < 2) return rushlight::ones({length}, chosen, device);
          Tensor t = phases(length, periodic, 2, DType::Float64, device).sub_(1);
          Tensor height = ((1 - t * t).clamp_min(Scalar(0)).sqrt() * beta).i0();
          double top = rushlight::scalar_tensor(beta, DType::Float64).i0().item<double>();
          return (height / top).to(chosen);
        }),
};

}  // namespace rushlight
