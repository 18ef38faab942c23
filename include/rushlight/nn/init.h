#pragma once
// Starting values for parameters. Each function writes its tensor without recording that, and
// returns it; the numbers are PyTorch's for the same seed.

#include <rushlight/tensor.h>

#include <optional>
#include <string_view>

namespace rushlight::nn::init {

const Tensor& uniform_(const Tensor& tensor, double a = 0, double b = 1,
                       Generator* generator = nullptr);
const Tensor& normal_(const Tensor& tensor, double mean = 0, double std = 1,
                      Generator* generator = nullptr);
/// Normal numbers, drawn again until they lie in [a, b].
const Tensor& trunc_normal_(const Tensor& tensor, double mean = 0, double std = 1, double a = -2,
                            double b = 2, Generator* generator = nullptr);
const Tensor& constant_(const Tensor& tensor, const Scalar& value);
const Tensor& ones_(const Tensor& tensor);
const Tensor& zeros_(const Tensor& tensor);
/// The identity matrix, of any two sizes.
const Tensor& eye_(const Tensor& tensor);
/// The identity of convolutions: (out, in, *kernel) of three to five dims.
const Tensor& dirac_(const Tensor& tensor, int64_t groups = 1);
/// Glorot and Bengio, 2010: a variance of 2 / (fan_in + fan_out), times gain squared.
const Tensor& xavier_uniform_(const Tensor& tensor, double gain = 1,
                              Generator* generator = nullptr);
const Tensor& xavier_normal_(const Tensor& tensor, double gain = 1, Generator* generator = nullptr);
/// He et al., 2015: a variance of gain squared over `mode`, "fan_in" or "fan_out"; `a` is the slope
/// of a leaky_relu.
const Tensor& kaiming_uniform_(const Tensor& tensor, double a = 0, std::string_view mode = "fan_in",
                               std::string_view nonlinearity = "leaky_relu",
                               Generator* generator = nullptr);
const Tensor& kaiming_normal_(const Tensor& tensor, double a = 0, std::string_view mode = "fan_in",
                              std::string_view nonlinearity = "leaky_relu",
                              Generator* generator = nullptr);
/// Normal numbers, of which the fraction `sparsity` in each column is zero.
const Tensor& sparse_(const Tensor& tensor, double sparsity, double std = 0.01,
                      Generator* generator = nullptr);

/// The factor by which a nonlinearity shrinks the standard deviation.
double calculate_gain(std::string_view nonlinearity, std::optional<double> parameter = {});
/// Sizes of one output's inputs and of one input's outputs.
std::pair<int64_t, int64_t> fans(const Tensor& tensor);

}  // namespace rushlight::nn::init
