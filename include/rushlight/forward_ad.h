#pragma once
// Forward mode: tensors that carry a tangent, and operations that hand it on.
//
//   autograd::forward_ad::DualLevel level;
//   Tensor y = function(autograd::forward_ad::make_dual(x, v));
//   Tensor product = autograd::forward_ad::unpack_dual(y).tangent;  // of the Jacobian and v

#include <rushlight/autograd.h>

namespace rushlight::autograd::forward_ad {

/// From now on tensors may carry tangents. Returns the number of the level, 0: one is all there
/// is. Throws if it is open.
int64_t enter_dual_level();
/// Takes their tangents from all tensors. Throws if `level` is not open.
void exit_dual_level(int64_t level = 0);

/// A level until the end of the scope.
class DualLevel {
 public:
  DualLevel() : level_(enter_dual_level()) {}
  ~DualLevel() { exit_dual_level(level_); }
  DualLevel(const DualLevel&) = delete;

 private:
  int64_t level_;
};

/// A view of `primal` that carries `tangent`: itself if it is laid out like `primal`, else a copy.
/// Throws unless their shapes are the same and neither is dual.
Tensor make_dual(const Tensor& primal, const Tensor& tangent);

struct DualTensor {
  Tensor primal;   ///< a view without the tangent
  Tensor tangent;  ///< undefined if there is none
};
DualTensor unpack_dual(const Tensor& tensor);

/// Whether operations of this thread hand tangents on.
bool is_fwd_grad_enabled();
void set_fwd_grad_enabled(bool enabled);
/// Sets that until the end of the scope.
class FwdGradMode {
 public:
  explicit FwdGradMode(bool enabled) : before_(is_fwd_grad_enabled()) {
    set_fwd_grad_enabled(enabled);
  }
  ~FwdGradMode() { set_fwd_grad_enabled(before_); }
  FwdGradMode(const FwdGradMode&) = delete;

 private:
  bool before_;
};

}  // namespace rushlight::autograd::forward_ad
