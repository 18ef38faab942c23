#pragma once
// Optimizer steps: one pass over a parameter, its gradient and what is remembered of it. The order
// of operations, and where they fuse and round, is that of PyTorch's per-tensor implementations.

#include <cstdint>

#include "rushlight/dtype.h"

namespace rushlight::cpu {

/// arrays: parameter, gradient, momentum buffer.
struct SgdUpdate {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
  bool first;  ///< the buffer is still to be filled
};

/// arrays: parameter, gradient, exp_avg, exp_avg_sq, max_exp_avg_sq.
struct AdamUpdate {
  double step_size;     ///< lr / (1 - beta1^t)
  double shrink;        ///< what decoupled weight decay leaves of the parameter
  double weight_decay;  ///< added to the gradient
  double beta1, beta2, eps;
  double denominator;  ///< sqrt(1 - beta2^t)
  bool amsgrad, maximize;
};

/// arrays: parameter, gradient, square_avg, momentum_buffer, grad_avg.
struct RmspropUpdate {
  double lr, alpha, eps, weight_decay, momentum;
  bool centered, maximize;
};

/// arrays: parameter, gradient, sum.
struct AdagradUpdate {
  double lr, weight_decay, eps;
  bool maximize;
};

/// arrays: parameter, gradient, square_avg, acc_delta.
struct AdadeltaUpdate {
  double lr, rho, eps, weight_decay;
  bool maximize;
};

/// arrays: parameter, gradient, exp_avg, exp_inf.
struct AdamaxUpdate {
  double step_size, beta1, beta2, eps, weight_decay;
  bool maximize;
};

/// arrays: parameter, gradient, exp_avg, exp_avg_sq.
struct NadamUpdate {
  double shrink, weight_decay, beta1, beta2, eps;
  double bias_correction2;  ///< 1 - beta2^t
  double gradient_size, momentum_size;
  bool maximize;
};

/// arrays: parameter, gradient, exp_avg, exp_avg_sq.
struct RadamUpdate {
  double lr, shrink, weight_decay, beta1, beta2, eps;
  double bias_correction1;
  double root;           ///< sqrt(1 - beta2^t)
  double rectification;  ///< 0: too early for the adaptive rate
  bool maximize;
};

/// arrays: parameter, gradient, prev, step_size.
struct RpropUpdate {
  double shrink, grow, smallest, largest;
  bool maximize;
};

/// arrays: parameter, gradient, ax.
struct AsgdUpdate {
  double eta, shrink, weight_decay;
  double mu;  ///< 1: the average starts again from the parameter
  bool maximize;
};

/// Updates `n` contiguous elements of a floating dtype in place. The gradient is only read; of the
/// five `arrays`, those that a rule does not use are null.
void update(const SgdUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const AdamUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const RmspropUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const AdagradUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const AdadeltaUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const AdamaxUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const NadamUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const RadamUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const RpropUpdate& rule, DType dtype, void* const* arrays, int64_t n);
void update(const AsgdUpdate& rule, DType dtype, void* const* arrays, int64_t n);

}  // namespace rushlight::cpu
