#pragma once
// One step of one parameter, which both faces call.

#include <rushlight/optim.h>

namespace rushlight::optim {

/// Throws unless the step is possible: a floating parameter, and a gradient of its shape and dtype.
void check_step(const Tensor& parameter, const Tensor& gradient);

/// Forgets the gradient of a parameter, or fills it with zeros.
void clear_gradient(const Tensor& parameter, bool set_to_none);

/// Changes `parameter` and `state` in place; tensors of the state that are needed and undefined are
/// made. Records nothing, and counts as a write of the parameter.
void step(const SGDOptions& options, const Tensor& parameter, const Tensor& gradient, State& state);
void step(const AdamOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const AdamWOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const RMSpropOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const AdagradOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const AdadeltaOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const AdamaxOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const NAdamOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const RAdamOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const RpropOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);
void step(const ASGDOptions& options, const Tensor& parameter, const Tensor& gradient,
          State& state);

}  // namespace rushlight::optim
