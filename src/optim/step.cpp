#include "optim/step.h"

#include <rushlight/autograd.h>
#include <rushlight/ops.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "cpu/update.h"

namespace rushlight::optim {

namespace {

Tensor zeros_for(const Tensor& parameter) { return zeros_like(parameter.variable_data()); }

/// Remembered tensor number `i`, made of zeros if there is none yet.
void need(State& state, std::initializer_list<size_t> indices, const Tensor& parameter) {
  for (size_t i : indices) {
    if (!state.tensors[i].defined()) state.tensors[i] = zeros_for(parameter);
  }
}

void count_write(const Tensor& tensor) {
  Version& version = tensor.impl()->version();
  version.wrote("an optimizer's step", {});
}

/// Runs the kernel over copies where a tensor is not contiguous, and copies back.
template <class Rule>
void run_strided(const Rule& rule, const Tensor& parameter, const Tensor& gradient,
                 std::array<Tensor, 3>& remembered, const std::array<bool, 3>& used) {
  autograd::NoGrad off;
  Tensor packed[5] = {parameter.contiguous(), gradient.contiguous()};
  void* arrays[5] = {packed[0].data(), packed[1].data()};
  for (size_t i = 0; i < 3; ++i) {
    if (!used[i]) continue;
    packed[i + 2] = remembered[i].contiguous();
    arrays[i + 2] = packed[i + 2].data();
  }
  cpu::update(rule, parameter.dtype(), arrays, parameter.numel());
  if (!parameter.is_contiguous()) parameter.copy_(packed[0]);
  for (size_t i = 0; i < 3; ++i) {
    if (used[i] && !remembered[i].is_contiguous()) remembered[i].copy_(packed[i + 2]);
  }
}

/// Runs the kernel over the parameter, its gradient and the remembered tensors that are `used`.
template <class Rule>
void run(const Rule& rule, const Tensor& parameter, const Tensor& gradient, State& state,
         std::array<bool, 3> used = {}) {
  if (parameter.device().type == DeviceType::Meta) return count_write(parameter);
  bool contiguous = parameter.is_contiguous() && gradient.is_contiguous();
  void* arrays[5] = {parameter.data(), gradient.data()};
  for (size_t i = 0; i < 3; ++i) {
    if (!used[i]) continue;
    const Tensor& tensor = state.tensors[i];
    check(tensor.dtype() == parameter.dtype() && tensor.device() == parameter.device() &&
              std::ranges::equal(tensor.shape(), parameter.shape()),
          "step(): the optimizer's state has ", info(tensor.dtype()).name, " elements of shape ",
          to_string(tensor.shape()), ", but its parameter has ", info(parameter.dtype()).name,
          " elements of shape ", to_string(parameter.shape()));
    contiguous = contiguous && tensor.is_contiguous();
    arrays[i + 2] = tensor.data();
  }
  if (contiguous)
    cpu::update(rule, parameter.dtype(), arrays, parameter.numel());
  else
    run_strided(rule, parameter, gradient, state.tensors, used);
  count_write(parameter);
}

}  // namespace

void check_step(const Tensor& parameter, const Tensor& gradient) {
  check(is_floating(parameter.dtype()), "step(): a parameter has dtype ",
        info(parameter.dtype()).name, "; only floating-point parameters can be optimized");
  check(gradient.dtype() == parameter.dtype(), "step(): a parameter has dtype ",
        info(parameter.dtype()).name, ", but its grad has dtype ", info(gradient.dtype()).name);
  check(gradient.device() == parameter.device(), "step(): a parameter is on device ",
        to_string(parameter.device()), ", but its grad is on ", to_string(gradient.device()));
  check(std::ranges::equal(gradient.shape(), parameter.shape()), "step(): a parameter has shape ",
        to_string(parameter.shape()), ", but its grad has shape ", to_string(gradient.shape()));
}

void clear_gradient(const Tensor& parameter, bool set_to_none) {
  Tensor gradient = parameter.grad();
  if (!gradient.defined()) return;
  if (set_to_none) return parameter.set_grad(Tensor());
  autograd::NoGrad off;
  if (gradient.grad_fn())
    parameter.set_grad(gradient = gradient.detach());
  else
    gradient.requires_grad_(false);
  gradient.zero_();
}

void step(const SGDOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  bool buffered = o.momentum != 0, first = buffered && !state.tensors[0].defined();
  if (buffered) need(state, {0}, parameter);
  cpu::SgdUpdate rule{o.lr, o.momentum, o.dampening, o.weight_decay, o.nesterov, o.maximize, first};
  run(rule, parameter, gradient, state, {buffered});
}

void step(const AdamOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0, 1}, parameter);
  if (o.amsgrad) need(state, {2}, parameter);
  ++state.step;
  auto [beta1, beta2] = o.betas;
  bool decoupled = o.decoupled_weight_decay;
  cpu::AdamUpdate rule{.step_size = o.lr / (1 - std::pow(beta1, state.step)),
                       .shrink = decoupled ? 1 - o.lr * o.weight_decay : 1,
                       .weight_decay = decoupled ? 0 : o.weight_decay,
                       .beta1 = beta1,
                       .beta2 = beta2,
                       .eps = o.eps,
                       .denominator = std::pow(1 - std::pow(beta2, state.step), 0.5),
                       .amsgrad = o.amsgrad,
                       .maximize = o.maximize};
  run(rule, parameter, gradient, state, {true, true, o.amsgrad});
}

void step(const AdamWOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  AdamOptions adam{.lr = o.lr,
                   .betas = o.betas,
                   .eps = o.eps,
                   .weight_decay = o.weight_decay,
                   .amsgrad = o.amsgrad,
                   .maximize = o.maximize,
                   .decoupled_weight_decay = true};
  step(adam, parameter, gradient, state);
}

void step(const RMSpropOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0}, parameter);
  if (o.momentum > 0) need(state, {1}, parameter);
  if (o.centered) need(state, {2}, parameter);
  ++state.step;
  cpu::RmspropUpdate rule{o.lr, o.alpha, o.eps, o.weight_decay, o.momentum, o.centered, o.maximize};
  run(rule, parameter, gradient, state, {true, o.momentum > 0, o.centered});
}

void step(const AdagradOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  if (!state.tensors[0].defined())
    state.tensors[0] = full_like(parameter.variable_data(), o.initial_accumulator_value);
  ++state.step;
  double rate = o.lr / (1 + (state.step - 1) * o.lr_decay);
  run(cpu::AdagradUpdate{rate, o.weight_decay, o.eps, o.maximize}, parameter, gradient, state,
      {true});
}

void step(const AdadeltaOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0, 1}, parameter);
  ++state.step;
  run(cpu::AdadeltaUpdate{o.lr, o.rho, o.eps, o.weight_decay, o.maximize}, parameter, gradient,
      state, {true, true});
}

void step(const AdamaxOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0, 1}, parameter);
  ++state.step;
  auto [beta1, beta2] = o.betas;
  double step_size = o.lr / (1 - std::pow(beta1, state.step));
  run(cpu::AdamaxUpdate{step_size, beta1, beta2, o.eps, o.weight_decay, o.maximize}, parameter,
      gradient, state, {true, true});
}

void step(const NAdamOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  if (state.step == 0 && !state.tensors[0].defined()) state.numbers[0] = 1;
  need(state, {0, 1}, parameter);
  ++state.step;
  auto [beta1, beta2] = o.betas;
  double mu = beta1 * (1 - 0.5 * std::pow(0.96, state.step * o.momentum_decay));
  double next = beta1 * (1 - 0.5 * std::pow(0.96, (state.step + 1) * o.momentum_decay));
  // PyTorch keeps the product in a tensor of the default dtype.
  double& product = state.numbers[0];
  product = default_dtype() == DType::Float64 ? product * mu : double(float(product) * float(mu));
  bool decoupled = o.decoupled_weight_decay;
  cpu::NadamUpdate rule{.shrink = decoupled ? 1 - o.lr * o.weight_decay : 1,
                        .weight_decay = decoupled ? 0 : o.weight_decay,
                        .beta1 = beta1,
                        .beta2 = beta2,
                        .eps = o.eps,
                        .bias_correction2 = 1 - std::pow(beta2, state.step),
                        .gradient_size = -o.lr * (1 - mu) / (1 - product),
                        .momentum_size = (-o.lr * next) / (1 - product * next),
                        .maximize = o.maximize};
  run(rule, parameter, gradient, state, {true, true});
}

void step(const RAdamOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0, 1}, parameter);
  double t = ++state.step;
  auto [beta1, beta2] = o.betas;
  double power = std::pow(beta2, t), correction = 1 - power;
  // The length of the moving average, as if it were a simple one, and in the limit.
  double limit = 2 / (1 - beta2) - 1, length = limit - 2 * t * power / correction;
  double rectification = 0;
  if (length > 5)
    rectification =
        std::pow((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length), 0.5);
  bool decoupled = o.decoupled_weight_decay;
  cpu::RadamUpdate rule{.lr = o.lr,
                        .shrink = decoupled ? 1 - o.lr * o.weight_decay : 1,
                        .weight_decay = decoupled ? 0 : o.weight_decay,
                        .beta1 = beta1,
                        .beta2 = beta2,
                        .eps = o.eps,
                        .bias_correction1 = 1 - std::pow(beta1, t),
                        .root = std::pow(correction, 0.5),
                        .rectification = rectification,
                        .maximize = o.maximize};
  run(rule, parameter, gradient, state, {true, true});
}

void step(const RpropOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  need(state, {0}, parameter);
  if (!state.tensors[1].defined()) state.tensors[1] = full_like(parameter.variable_data(), o.lr);
  ++state.step;
  cpu::RpropUpdate rule{o.etas.first, o.etas.second, o.step_sizes.first, o.step_sizes.second,
                        o.maximize};
  run(rule, parameter, gradient, state, {true, true});
}

void step(const ASGDOptions& o, const Tensor& parameter, const Tensor& gradient, State& state) {
  auto stored = [](double value) {  // in a tensor of the default dtype, as PyTorch keeps it
    return default_dtype() == DType::Float64 ? value : double(float(value));
  };
  if (!state.tensors[0].defined()) state.numbers = {stored(o.lr), 1};
  need(state, {0}, parameter);
  double t = ++state.step;
  auto& [eta, mu] = state.numbers;
  run(cpu::AsgdUpdate{eta, 1 - o.lambd * eta, o.weight_decay, mu, o.maximize}, parameter, gradient,
      state, {true});
  eta = stored(o.lr / std::pow(1 + o.lambd * o.lr * t, o.alpha));
  mu = stored(1 / std::max(1.0, t - o.t0));
}

}  // namespace rushlight::optim
