#pragma once
// Optimizers: they change parameters in place by their gradients. The numbers are PyTorch's.
//
//   optim::SGD optimizer(model.parameters(), {.lr = 0.1, .momentum = 0.9});
//   optimizer.zero_grad();
//   loss.backward();
//   optimizer.step();
//   optimizer.options().lr *= 0.5;   // options may change between steps

#include <rushlight/tensor.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace rushlight::optim {

// Options. `weight_decay` adds weight_decay * parameter to the gradient, unless it is decoupled;
// `maximize` climbs instead of descending.

/// Stochastic gradient descent, with momentum and Nesterov's variant of it (Sutskever et al.,
/// 2013).
struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

/// Adam (Kingma and Ba, 2015), and AMSGrad (Reddi et al., 2018).
struct AdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
  bool decoupled_weight_decay = false;  ///< multiply the parameter by 1 - lr * weight_decay instead
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
struct AdamWOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;
};

/// RMSprop (Hinton's lecture, 2012), centred as by Graves (2013).
struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};

/// Adagrad (Duchi, Hazan and Singer, 2011).
struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};

/// Adadelta (Zeiler, 2012).
struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
  bool maximize = false;
};

/// Adam by the infinity norm (Kingma and Ba, 2015).
struct AdamaxOptions {
  double lr = 2e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool maximize = false;
};

/// Adam with Nesterov's momentum (Dozat, 2016).
struct NAdamOptions {
  double lr = 2e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  bool maximize = false;
};

/// Rectified Adam (Liu et al., 2020).
struct RAdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled_weight_decay = false;
  bool maximize = false;
};

/// Resilient backpropagation (Riedmiller and Braun, 1993).
struct RpropOptions {
  double lr = 1e-2;
  std::pair<double, double> etas = {0.5, 1.2};  ///< factors where the sign turns, where it stays
  std::pair<double, double> step_sizes = {1e-6, 50};  ///< smallest and largest
  bool maximize = false;
};

/// Averaged stochastic gradient descent (Polyak and Juditsky, 1992).
struct ASGDOptions {
  double lr = 1e-2;
  double lambd = 1e-4;
  double alpha = 0.75;
  double t0 = 1e6;
  double weight_decay = 0;
  bool maximize = false;
};

/// What an optimizer remembers of one parameter.
struct State {
  double step = 0;                     ///< steps taken
  std::array<double, 2> numbers = {};  ///< NAdam: mu_product; ASGD: eta, mu
  std::array<Tensor, 3> tensors;       ///< undefined until the first step
};

/// What all optimizers have in common.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Updates every parameter that has a gradient.
  virtual void step() = 0;
  /// Forgets the gradients, or fills them with zeros.
  virtual void zero_grad(bool set_to_none = true) = 0;
};

/// Parameters that share options.
template <class Options>
struct Group {
  std::vector<Tensor> parameters;
  Options options;
  std::vector<State> states;  ///< one a parameter; filled by the optimizer
};

/// The optimizer of a set of options. Throws ValueError for options out of range, an empty list of
/// parameters, a parameter that is not a leaf, or one that stands in two groups.
template <class Options>
class Method final : public Optimizer {
 public:
  explicit Method(std::vector<Tensor> parameters, const Options& options = {});
  explicit Method(std::vector<Group<Options>> groups);

  void step() override;
  void zero_grad(bool set_to_none = true) override;
  void add_group(std::vector<Tensor> parameters, const Options& options = {});

  /// Options of one group; they may be changed between steps.
  Options& options(size_t group = 0) { return groups_.at(group).options; }
  const std::vector<Group<Options>>& groups() const { return groups_; }

 private:
  std::vector<Group<Options>> groups_;
};

using SGD = Method<SGDOptions>;
using Adam = Method<AdamOptions>;
using AdamW = Method<AdamWOptions>;
using RMSprop = Method<RMSpropOptions>;
using Adagrad = Method<AdagradOptions>;
using Adadelta = Method<AdadeltaOptions>;
using Adamax = Method<AdamaxOptions>;
using NAdam = Method<NAdamOptions>;
using RAdam = Method<RAdamOptions>;
using Rprop = Method<RpropOptions>;
using ASGD = Method<ASGDOptions>;

}  // namespace rushlight::optim
