#pragma once
// Derivatives by backward and by forward mode against finite differences.

#include <rushlight/functional.h>

namespace rushlight::autograd {

/// Thrown where they disagree.
struct GradcheckError : Error {
  explicit GradcheckError(const std::string& message) : Error(ErrorKind::Runtime, message) {}
};

struct GradcheckOptions {
  double eps = 1e-6;  ///< by which an element is moved to either side
  double atol = 1e-5, rtol = 1e-3;
  double nondet_tol = 0;  ///< by which two runs of backward may differ
  bool raise_exception = true;
  bool check_backward_ad = true, check_forward_ad = false;  ///< which of the two to compare
};

/// Whether backward of `function` at `inputs`, or forward mode, agrees with central differences,
/// each element within `atol + rtol * |difference quotient|`; throws GradcheckError, or returns
/// false without `raise_exception`. The inputs that require grad are moved and put back; they
/// should be float64.
bool gradcheck(functional::Function function, Tensors inputs, const GradcheckOptions& options = {});

/// gradcheck of the gradients of `function`, by its inputs and by `grad_outputs` (random if empty):
/// its second derivatives, by backward or forward mode over backward.
bool gradgradcheck(functional::Function function, Tensors inputs, Tensors grad_outputs = {},
                   const GradcheckOptions& options = {});

}  // namespace rushlight::autograd
