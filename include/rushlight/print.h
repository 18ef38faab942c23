#pragma once
// Tensors as text: what Python's `repr` shows, and the options that shape it.

#include <rushlight/tensor.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace rushlight {

struct PrintOptions {
  int64_t precision = 4;         ///< digits after the point
  double threshold = 1000;       ///< tensors of more elements are summarised
  int64_t edgeitems = 3;         ///< elements shown at each end of a summarised dim
  int64_t linewidth = 80;        ///< characters in a line
  std::optional<bool> sci_mode;  ///< 1.0000e+00 always or never; by default as the values demand
};

PrintOptions get_printoptions();
/// Throws a ValueError for a negative precision or edgeitems.
void set_printoptions(const PrintOptions& options);
/// torch.set_printoptions: changes what is given, after the profile ("default", "short" or
/// "full"); `sci_mode` goes back to automatic unless given.
void set_printoptions(std::optional<int64_t> precision, std::optional<double> threshold,
                      std::optional<int64_t> edgeitems, std::optional<int64_t> linewidth,
                      std::optional<std::string_view> profile, std::optional<bool> sci_mode);

/// "tensor([1., 2.], requires_grad=True)"; `prefix` replaces "tensor(", for subclasses.
std::string format_tensor(const Tensor& tensor, std::string_view prefix = "tensor(");

/// Writes the tensor's text and a newline.
void print(const Tensor& tensor, std::FILE* file = stdout);

}  // namespace rushlight
