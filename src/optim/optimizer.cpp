// The C++ face: groups of parameters and the checks of their options.

#include <rushlight/autograd.h>
#include <rushlight/ops.h>

#include <algorithm>
#include <cstdio>

#include "optim/step.h"

namespace rushlight::optim {

namespace {

/// "0.1", as Python prints it.
std::string text(double value) {
  char buffer[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof(buffer), "%.*g", digits, value);
    if (std::stod(buffer) == value) break;
  }
  return buffer;
}

/// NaN is out of every range.
void require(bool condition, const char* what, double value) {
  check(condition, ErrorKind::Value, "Invalid ", what, ": ", text(value));
}

template <class Options>
void check_common(const Options& o) {
  require(o.lr >= 0, "learning rate", o.lr);
  if constexpr (requires { o.eps; }) require(o.eps >= 0, "epsilon value", o.eps);
  if constexpr (requires { o.betas; }) {
    auto [beta1, beta2] = o.betas;
    require(beta1 >= 0 && beta1 < 1, "beta parameter at index 0", beta1);
    require(beta2 >= 0 && beta2 < 1, "beta parameter at index 1", beta2);
  }
  if constexpr (requires { o.momentum; }) require(o.momentum >= 0, "momentum value", o.momentum);
  if constexpr (requires { o.weight_decay; })
    require(o.weight_decay >= 0, "weight_decay value", o.weight_decay);
  if constexpr (requires { o.momentum_decay; })
    require(o.momentum_decay >= 0, "momentum_decay value", o.momentum_decay);
}

template <class Options>
void check_own(const Options&) {}
void check_own(const SGDOptions& o) {
  check(!o.nesterov || (o.momentum > 0 && o.dampening == 0), ErrorKind::Value,
        "Nesterov momentum requires a momentum and zero dampening");
}
void check_own(const RMSpropOptions& o) { require(o.alpha >= 0, "alpha value", o.alpha); }
void check_own(const AdadeltaOptions& o) { require(o.rho >= 0 && o.rho <= 1, "rho value", o.rho); }
void check_own(const AdagradOptions& o) {
  require(o.lr_decay >= 0, "lr_decay value", o.lr_decay);
  require(o.initial_accumulator_value >= 0, "initial_accumulator_value value",
          o.initial_accumulator_value);
}
void check_own(const RpropOptions& o) {
  auto [shrink, grow] = o.etas;
  check(0 < shrink && shrink < 1 && 1 < grow, ErrorKind::Value,
        "Invalid eta values: ", text(shrink), ", ", text(grow));
}

}  // namespace

template <class Options>
Method<Options>::Method(std::vector<Tensor> parameters, const Options& options) {
  check(!parameters.empty(), ErrorKind::Value, "optimizer got an empty parameter list");
  add_group(std::move(parameters), options);
}

template <class Options>
Method<Options>::Method(std::vector<Group<Options>> groups) {
  check(!groups.empty(), ErrorKind::Value, "optimizer got an empty parameter list");
  for (Group<Options>& group : groups) add_group(std::move(group.parameters), group.options);
}

template <class Options>
void Method<Options>::add_group(std::vector<Tensor> parameters, const Options& options) {
  check_common(options);
  check_own(options);
  for (const Tensor& parameter : parameters) {
    check(parameter.defined(), ErrorKind::Type,
          "optimizer can only optimize Tensors, but one of the params is undefined");
    check(parameter.is_leaf() || autograd::retains_grad(parameter), ErrorKind::Value,
          "can't optimize a non-leaf Tensor");
    for (const Group<Options>& group : groups_) {
      bool shared = std::ranges::any_of(
          group.parameters, [&](const Tensor& other) { return other.is_same(parameter); });
      check(!shared, ErrorKind::Value, "some parameters appear in more than one parameter group");
    }
  }
  std::vector<State> states(parameters.size());
  groups_.push_back({std::move(parameters), options, std::move(states)});
}

template <class Options>
void Method<Options>::step() {
  for (const Group<Options>& group : groups_) {
    for (const Tensor& parameter : group.parameters) {
      if (Tensor gradient = parameter.grad(); gradient.defined()) check_step(parameter, gradient);
    }
  }
  for (Group<Options>& group : groups_) {
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      const Tensor& parameter = group.parameters[i];
      Tensor gradient = parameter.grad();
      if (gradient.defined()) optim::step(group.options, parameter, gradient, group.states[i]);
    }
  }
}

template <class Options>
void Method<Options>::zero_grad(bool set_to_none) {
  for (const Group<Options>& group : groups_) {
    for (const Tensor& parameter : group.parameters) clear_gradient(parameter, set_to_none);
  }
}

template class Method<SGDOptions>;
template class Method<AdamOptions>;
template class Method<AdamWOptions>;
template class Method<RMSpropOptions>;
template class Method<AdagradOptions>;
template class Method<AdadeltaOptions>;
template class Method<AdamaxOptions>;
template class Method<NAdamOptions>;
template class Method<RAdamOptions>;
template class Method<RpropOptions>;
template class Method<ASGDOptions>;

}  // namespace rushlight::optim
