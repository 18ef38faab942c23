#pragma once
// Functions with a backward of one's own:
//
//   struct Exp : autograd::Function<Exp> {
//     static Tensor forward(autograd::Context& context, const Tensor& x) {
//       Tensor result = x.exp();
//       context.save_for_backward({result});
//       return result;
//     }
//     static std::vector<Tensor> backward(autograd::Context& context,
//                                         std::vector<Tensor> gradients) {
//       return {gradients[0] * context.get_saved_variables()[0]};
//     }
//   };
//   Tensor y = Exp::apply(x);

#include <rushlight/forward_ad.h>
#include <rushlight/function_ref.h>

#include <any>
#include <map>
#include <tuple>
#include <utility>

namespace rushlight::autograd {

class FunctionNode;

/// What forward leaves for backward.
class Context {
 public:
  /// Keeps inputs or results of forward; other tensors too, but they are not differentiated
  /// through.
  void save_for_backward(std::vector<Tensor> tensors) { to_save_ = std::move(tensors); }
  /// In backward; throws if they were freed by an earlier one, or changed in place since.
  std::vector<Tensor> get_saved_variables() const;
  /// Keeps tensors for `jvp`, which gets them by get_saved_variables().
  void save_for_forward(std::vector<Tensor> tensors) { for_jvp_ = std::move(tensors); }
  /// Names inputs that forward changed in place; each must be a result as well.
  void mark_dirty(std::vector<Tensor> inputs) { dirty_ = std::move(inputs); }
  /// Names results that have no gradient.
  void mark_non_differentiable(std::vector<Tensor> results) {
    non_differentiable_ = std::move(results);
  }
  /// Whether backward gets zeros, as it does by default, where no gradient arrived.
  void set_materialize_grads(bool value) { materialize_ = value; }
  /// Whether that is so for results named by mark_non_differentiable, too.
  void set_materialize_non_differentiable(bool value) { materialize_non_differentiable_ = value; }
  /// Whether the gradient of tensor argument `i` will be used.
  bool needs_input_grad(size_t i) const;
  /// Anything else that backward needs.
  std::map<std::string, std::any> saved_data;

 private:
  friend class FunctionNode;
  std::vector<Tensor> to_save_, for_jvp_, dirty_, non_differentiable_;
  bool in_jvp_ = false;
  bool materialize_ = true, materialize_non_differentiable_ = true;
  FunctionNode* node_ = nullptr;
};

/// The node of a custom function; from C++ and from Python.
class FunctionNode : public Node {
 public:
  FunctionNode();
  ~FunctionNode() override;
  /// Takes the tensors that forward is given; true if the call is to be recorded.
  bool begin(std::vector<Tensor> inputs);
  /// Makes the results of forward those of this node, marks, and saves. `self` is this node.
  void finish(const Ref<FunctionNode>& self, std::vector<Tensor>& results);

  void apply(Gradients& arrived, Gradients& computed) final;
  void release_saved() override;
  std::vector<Tensor> saved_tensors() const;
  size_t saved_count() const;
  Tensor saved_tensor(size_t index) const;
  /// Lets `hooks` pack a saved tensor from now on.
  void register_saved_hooks(size_t index, std::shared_ptr<SavedTensorHooks> hooks);

  Context context;
  /// Saves what the context was given. `self` is this node.
  void save(const Ref<FunctionNode>& self);

 protected:
  /// The user's backward: one gradient for each tensor that begin() was given.
  virtual std::vector<Tensor> run_backward(std::vector<Tensor> gradients) = 0;
  /// The user's jvp: the results' tangents, from those of the tensors that begin() was given.
  virtual std::vector<Tensor> run_jvp(std::vector<Tensor> tangents);

 private:
  struct Saved;
  /// The tangent of an input, and how often it had been written to.
  struct Carried {
    Tensor tangent;
    uint32_t writes;
  };
  void wrap_result(const Ref<FunctionNode>& self, Tensor& result, uint32_t index);
  void push_forward(const std::vector<Tensor>& made, const std::vector<Tensor>& results);
  void hand_on(const Tensor& tangent, const Tensor& made, const Tensor& result,
               const std::vector<Carried>& carried) const;

  std::vector<Tensor> inputs_;  // while forward runs
  std::unique_ptr<Saved> saved_;
  SmallVector<bool, 4> is_tensor_, is_differentiable_;  // of the results
  bool recorded_ = false, dual_ = false;
};

/// A node that only keeps tensors, to be unpacked as backward would: no gradient flows through it.
/// Errors call it `name`.
Ref<FunctionNode> keep(std::vector<Tensor> tensors, std::string name);

/// The same bytes as results of one node: its hooks see all the gradients at once.
std::vector<Tensor> identity(std::vector<Tensor> tensors);

/// The same bytes, as the result of a node whose backward throws `message`.
Tensor refuse_backward(const Tensor& tensor, const std::string& message);

/// Name of a C++ type, as written.
std::string type_name(const std::type_info& type);

/// Runs a backward that can't be differentiated itself: what it returns refuses a second
/// derivative.
std::vector<Tensor> run_once(FunctionRef<std::vector<Tensor>()> backward,
                             const std::vector<Tensor>& gradients);

/// Base of functions with a backward of their own; see the top of this file.
///
/// `forward` may take other arguments besides tensors, optional tensors and lists of tensors, and
/// returns a Tensor or a vector of them. It is given the context first, unless there is
/// `static void setup_context(Context&, const auto& inputs, const auto& result)`, which is called
/// after it with its arguments as a tuple. `backward` returns a gradient for each argument and each
/// tensor of a list; for what is no tensor an undefined one. With
/// `static constexpr bool once_differentiable = true;` it is not recorded, and a second derivative
/// through it throws. `static std::vector<Tensor> jvp(Context&, std::vector<Tensor> tangents)` is
/// for forward mode: the results' tangents, from one for each argument, as backward's gradients
/// are.
template <class Self>
class Function {
 public:
  template <class... Arguments>
  static auto apply(Arguments&&... arguments) {
    auto node = Ref<Made>::adopt(new Made());
    std::vector<Tensor> inputs;
    (node->add_argument(inputs, arguments), ...);
    node->begin(std::move(inputs));
    NoGrad guard;
    forward_ad::FwdGradMode off(false);
    auto result = run_forward(node->context, std::forward<Arguments>(arguments)...);
    if constexpr (std::is_same_v<decltype(result), Tensor>) {
      std::vector<Tensor> results = {std::move(result)};
      node->finish(node, results);
      return results[0];
    } else {
      node->finish(node, result);
      return result;
    }
  }

 private:
  struct Made final : FunctionNode {
    std::string name() const override { return type_name(typeid(Self)) + "Backward"; }

    template <class T>
    void add_argument(std::vector<Tensor>& inputs, const T& argument) {
      if constexpr (std::is_same_v<T, Tensor>) {
        inputs.push_back(argument);
        is_tensor.push_back(true);
      } else if constexpr (std::is_same_v<T, std::optional<Tensor>>) {
        add_argument(inputs, argument.value_or(Tensor()));
      } else if constexpr (std::is_convertible_v<const T&, std::span<const Tensor>>) {
        for (const Tensor& each : std::span<const Tensor>(argument)) add_argument(inputs, each);
      } else {
        is_tensor.push_back(false);
      }
    }

    std::vector<Tensor> run_backward(std::vector<Tensor> gradients) override {
      std::vector<Tensor> all;
      if constexpr (requires { Self::once_differentiable; })
        all = run_once([&] { return Self::backward(context, gradients); }, gradients);
      else
        all = Self::backward(context, std::move(gradients));
      check(all.size() == is_tensor.size(), "function ", name(),
            " returned an incorrect number of gradients (expected ", is_tensor.size(), ", got ",
            all.size(), ")");
      std::vector<Tensor> chosen;
      for (size_t i = 0; i < all.size(); ++i) {
        if (is_tensor[i]) chosen.push_back(std::move(all[i]));
      }
      return chosen;
    }

    std::vector<Tensor> run_jvp(std::vector<Tensor> tangents) override {
      if constexpr (requires { Self::jvp(context, tangents); }) {
        std::vector<Tensor> all;
        for (size_t i = 0, next = 0; i < is_tensor.size(); ++i)
          all.push_back(is_tensor[i] ? std::move(tangents[next++]) : Tensor());
        return Self::jvp(context, std::move(all));
      } else {
        return FunctionNode::run_jvp(std::move(tangents));
      }
    }

    SmallVector<bool, 8> is_tensor;  // of the arguments, lists spread
  };

  template <class... Arguments>
  static auto run_forward(Context& context, Arguments&&... arguments) {
    if constexpr (requires { Self::forward(context, std::forward<Arguments>(arguments)...); }) {
      return Self::forward(context, std::forward<Arguments>(arguments)...);
    } else {
      auto result = Self::forward(arguments...);
      Self::setup_context(context, std::tie(arguments...), std::as_const(result));
      return result;
    }
  }
};

}  // namespace rushlight::autograd
