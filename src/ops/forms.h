#pragma once
// Ways to define an operation by another one, so that both keep one place for their rules, and
// what backward formulas share.

#include <rushlight/ops.h>

#include "ops/op.h"

namespace rushlight {

/// `.compose` of an alias: the same parameters, the same results, the same node.
template <const Op& target>
void same_as(Call& call) {
  rushlight::call(target, call.arguments, call.results, call.destination);
}

/// `.compose` of a form of `target` with one more parameter, `bool inplace`, at the end.
template <const Op& target>
void with_inplace_flag(Call& call) {
  const Value* arguments = call.arguments;
  size_t last = call.op.info->schema.parameters.size() - 1;
  bool inplace = arguments[last].as<bool>();
  rushlight::call(target, arguments, call.results,
                  inplace ? &arguments[0].tensor() : call.destination);
}

/// A gradient where `mask` holds, 0 elsewhere: a product would make NaN of 0 times infinity.
inline Tensor masked(const Tensor& grad, const Tensor& mask) { return where(mask, grad, 0); }

/// A gradient that `input` changes in steps only: its own derivative by `input` is 0, not lacking.
inline Tensor in_steps(const Tensor& grad, const Tensor& input) {
  // Its formula goes on to both; with a slope of 1 on either side it is the identity.
  return autograd::may_be_differentiated() ? rushlight::_leaky_relu_backward(grad, input, 1) : grad;
}

/// `.backward` of an operation that PyTorch does not differentiate, though its result is floating.
inline void not_differentiable(Backward& backward) { backward.refuse(); }

}  // namespace rushlight
