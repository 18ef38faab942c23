// Custom functions: how what their forward returned becomes part of the graph.

#include <rushlight/function.h>
#include <rushlight/operators.h>

#include <cxxabi.h>

#include <algorithm>

#include "autograd/accumulate.h"
#include "autograd/dual.h"
#include "autograd/saved_tensor.h"

namespace rushlight::autograd {

struct FunctionNode::Saved {
  std::vector<SavedTensor> tensors;
  CallSite site;
};

namespace {

bool holds(const std::vector<Tensor>& list, const Tensor& tensor) {
  return std::any_of(list.begin(), list.end(),
                     [&](const Tensor& item) { return item.defined() && item.is_same(tensor); });
}

/// Notes of a view how it came to be.
void mark_custom(const Tensor& result, ViewOrigin origin) {
  if (result.defined() && result.impl()->is_view) result.impl()->autograd->view.origin = origin;
}

/// Another tensor over the same bytes, known as a view of `tensor`.
Tensor view_as_itself(const Tensor& tensor) {
  NoGrad guard;
  return tensor.view_as(tensor);
}

}  // namespace

std::string type_name(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = text ? text : type.name();
  std::free(text);
  return name.substr(name.rfind(':') + 1);
}

FunctionNode::FunctionNode() { context.node_ = this; }
FunctionNode::~FunctionNode() = default;

bool FunctionNode::begin(std::vector<Tensor> inputs) {
  inputs_ = std::move(inputs);
  if (level_is_open() && forward_ad::hands_on()) {
    for (const Tensor& input : inputs_)
      dual_ |= input.defined() && forward_ad::tangent_of(input).defined();
  }
  if (!grad_enabled()) return false;
  for (const Tensor& input : inputs_) recorded_ |= input.defined() && input.requires_grad();
  if (!recorded_) return false;
  for (const Tensor& input : inputs_) {
    edges_.push_back(input.defined() ? gradient_edge(input) : Edge());
  }
  return true;
}

void FunctionNode::finish(const Ref<FunctionNode>& self, std::vector<Tensor>& results) {
  for (const Tensor& input : context.dirty_) {
    check(holds(results, input),
          "Some elements marked as dirty during the forward method were not returned as output. "
          "The inputs that are modified inplace must all be outputs of the Function.");
    if (!holds(inputs_, input)) {
      warn(
          "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have "
          "been mutated should be passed to ctx.mark_dirty().");
    }
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (holds(context.dirty_, results[i]) && results[i].impl()->is_view && results.size() > 1) {
      fail(ErrorKind::Runtime,
           "If your Function modifies inplace an input that is a view of another Tensor, your "
           "Function cannot return more than one Tensor. This is not supported by the current "
           "autograd engine. You should either make sure the input is not a view (using .clone() "
           "for example) or make your Function only return one Tensor (potentially splitting it "
           "into two Functions: one doing the inplace that returns a single Tensor and a second "
           "one that does the other operations).");
    }
  }
  std::vector<Tensor> made;
  if (dual_) made = results;
  for (size_t i = 0; i < results.size(); ++i) wrap_result(self, results[i], uint32_t(i));
  if (std::count(is_differentiable_.begin(), is_differentiable_.end(), true) > 1) {
    for (const Tensor& result : results) mark_custom(result, ViewOrigin::MultiOutput);
  }
  if (dual_) push_forward(made, results);
  if (recorded_) save(self);
  inputs_.clear();
  context.to_save_.clear();
  context.for_jvp_.clear();
  context.dirty_.clear();
  context.non_differentiable_.clear();
}

void FunctionNode::wrap_result(const Ref<FunctionNode>& self, Tensor& result, uint32_t index) {
  outputs.push_back(result.defined() ? Meta(result) : Meta());
  is_tensor_.push_back(result.defined());
  is_differentiable_.push_back(false);
  if (!result.defined()) return;
  bool is_input = holds(inputs_, result), is_dirty = holds(context.dirty_, result);
  if (is_dirty && !result.impl()->inference) {
    Version& version = result.impl()->version();
    version.wrote("a custom Function", current_call_site());
  }
  bool differentiable =
      recorded_ && is_floating(result.dtype()) && !holds(context.non_differentiable_, result);
  if (!differentiable) {
    if (is_input && result.requires_grad())
      result = result.detach();
    else if (is_input && !is_dirty)
      result = view_as_itself(result);
    else if (!is_input && result.requires_grad() && !result.impl()->is_view)
      result = result.detach();
    if (!is_dirty) mark_custom(result, ViewOrigin::CustomFunction);
    return;
  }
  is_differentiable_.back() = true;
  if (is_dirty) {
    check(!result.requires_grad() || has_node(result),
          "a leaf Variable that requires grad has been used in an in-place operation.");
    if (result.impl()->is_view) check_in_place(result);
    result.impl()->is_view ? rebase_history(result, self) : set_history(result, self, index);
    result.set_grad({});  // that of what was overwritten
    return;
  }
  if (is_input) result = view_as_itself(result);
  mark_custom(result, ViewOrigin::CustomFunction);
  replace_history(result, self, index);
}

std::vector<Tensor> FunctionNode::run_jvp(std::vector<Tensor>) {
  fail(ErrorKind::NotImplemented,
       "You must implement the jvp function for custom autograd.Function to use it with forward "
       "mode AD.");
}

void FunctionNode::push_forward(const std::vector<Tensor>& made,
                                const std::vector<Tensor>& results) {
  std::vector<Carried> carried;
  std::vector<Tensor> tangents;
  for (const Tensor& input : inputs_) {
    Tensor tangent = input.defined() ? forward_ad::tangent_of(input) : Tensor();
    carried.push_back({tangent, tangent.defined() ? tangent.impl()->version().writes : 0});
    bool lacks = !tangent.defined() && input.defined() && is_floating(input.dtype());
    tangents.push_back(lacks && context.materialize_ ? zeros_like(input.detach()) : tangent);
  }
  forward_ad::FwdGradMode off(false);
  context.in_jvp_ = true;
  std::vector<Tensor> computed = run_jvp(std::move(tangents));
  context.in_jvp_ = false;
  check(computed.size() == results.size(),
        "Function's jvp returned an invalid number of forward gradients (expected ", results.size(),
        " but got ", computed.size(), ")");
  for (size_t i = 0; i < results.size(); ++i) {
    if (!computed[i].defined() || !made[i].defined()) continue;
    check(is_floating(made[i].dtype()) && !holds(context.non_differentiable_, made[i]),
          "Function's jvp returned a gradient at position ", i,
          ", but  the corresponding forward output is not a differentiable Tensor."
          "You should return None at that position instead.");
    forward_ad::check_tangent(results[i], computed[i]);
    hand_on(computed[i], made[i], results[i], carried);
  }
}

/// `made`: the result as forward returned it.
void FunctionNode::hand_on(const Tensor& tangent, const Tensor& made, const Tensor& result,
                           const std::vector<Carried>& carried) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].defined() || inputs_[i].impl()->storage != made.impl()->storage) continue;
    if (holds(context.dirty_, made)) {
      const Tensor& before = carried[i].tangent;
      check(!before.defined() ||
                (before.is_same(tangent) && before.impl()->version().writes != carried[i].writes),
            "An inplace custom Function is not modifying the forward mode gradients inplace. If "
            "the forward is modifying an input inplace, then the jvp function must modify the "
            "corresponding gradient inplace.");
      return forward_ad::set_tangent(made, tangent);
    }
    check(tangent.impl()->is_view,
          "A custom Function's forward is returning a view (or an input as-is) but the jvp is not "
          "returning a view.");
    bool is_shared = carried[i].tangent.defined() &&
                     carried[i].tangent.impl()->storage == tangent.impl()->storage;
    check(is_shared,
          "A custom Function is returning a view but the jvp is not returning a view of ",
          forward_ad::base_of(inputs_[i]).defined() ? "the same base as " : "",
          "the given grad input.");
    break;
  }
  forward_ad::attach_tangent(result, tangent);
}

void FunctionNode::save(const Ref<FunctionNode>& self) {
  CallSite site = call_site_of(*self);
  if (context.to_save_.empty()) return;
  saved_ = std::make_unique<Saved>();
  keeps_ = true;
  saved_->site = site;
  for (const Tensor& tensor : context.to_save_) {
    bool is_own = recorded_ && tensor.defined() && tensor.grad_fn().get() == self.get();
    // A view that was changed has the history of its base: this node must not hold that.
    bool is_changed_view = tensor.defined() && !is_own && holds(context.dirty_, tensor);
    saved_->tensors.push_back(is_own            ? SavedTensor(tensor, metadata(tensor).output)
                              : is_changed_view ? SavedTensor(tensor, 0)
                                                : SavedTensor(tensor));
  }
}

std::vector<Tensor> FunctionNode::saved_tensors() const {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < saved_count(); ++i) tensors.push_back(saved_tensor(i));
  return tensors;
}

size_t FunctionNode::saved_count() const {
  check(!has_let_go(), kFreed);
  return saved_ ? saved_->tensors.size() : 0;
}

Tensor FunctionNode::saved_tensor(size_t index) const {
  check(!has_let_go(), kFreed);
  return saved_->tensors.at(index).unpack({*this, name(), saved_->site}, true);
}

void FunctionNode::register_saved_hooks(size_t index, std::shared_ptr<SavedTensorHooks> hooks) {
  check(!has_let_go(), kHookedLate);
  saved_->tensors.at(index).register_hooks({*this, name(), saved_->site}, std::move(hooks));
}

void FunctionNode::release_saved() { saved_.reset(); }

void FunctionNode::apply(Gradients& arrived, Gradients& computed) {
  std::vector<Tensor> gradients(arrived.begin(), arrived.end());
  gradients.resize(outputs.size());
  for (size_t i = 0; context.materialize_ && i < gradients.size(); ++i) {
    bool wanted = is_differentiable_[i] || context.materialize_non_differentiable_;
    if (!gradients[i].defined() && is_tensor_[i] && wanted)
      gradients[i] = zeros(Ints(outputs[i].shape), outputs[i].dtype);
  }
  std::vector<Tensor> made = run_backward(std::move(gradients));
  check(made.size() == edges_.size(), "function ", name(),
        " returned an incorrect number of gradients (expected ", edges_.size(), ", got ",
        made.size(), ")");
  computed.resize(edges_.size());
  for (size_t i = 0; i < made.size(); ++i) {
    if (!made[i].defined()) continue;
    if (!edges_[i]) {  // goes nowhere, but hooks of the node see it
      computed[i] = std::move(made[i]);
      continue;
    }
    const Meta& meta = edges_[i].node->outputs[edges_[i].input];
    computed[i] = fit_gradient(std::move(made[i]), meta, *this, i);
  }
}

Ref<FunctionNode> keep(std::vector<Tensor> tensors, std::string name) {
  struct Kept final : FunctionNode {
    explicit Kept(std::string name) : own_name(std::move(name)) {}
    std::string name() const override { return own_name; }
    std::vector<Tensor> run_backward(std::vector<Tensor>) override { return {}; }
    std::string own_name;
  };
  auto node = Ref<FunctionNode>::adopt(new Kept(std::move(name)));
  node->context.save_for_backward(std::move(tensors));
  node->save(node);
  return node;
}

std::vector<Tensor> identity(std::vector<Tensor> tensors) {
  struct Identity final : FunctionNode {
    std::string name() const override { return "BackwardHookFunctionBackward"; }
    std::vector<Tensor> run_backward(std::vector<Tensor> gradients) override { return gradients; }
    std::vector<Tensor> run_jvp(std::vector<Tensor> tangents) override {
      for (Tensor& tangent : tangents) tangent = view_as_itself(tangent);
      return tangents;
    }
  };
  auto node = Ref<FunctionNode>::adopt(new Identity());
  std::vector<Tensor> constants;
  for (const Tensor& tensor : tensors) {
    if (!tensor.requires_grad()) constants.push_back(tensor);
  }
  node->context.mark_non_differentiable(std::move(constants));
  node->begin(tensors);
  node->finish(node, tensors);
  return tensors;
}

Tensor refuse_backward(const Tensor& tensor, const std::string& message) {
  struct Refusal final : FunctionNode {
    std::string name() const override { return "Error"; }
    std::vector<Tensor> run_backward(std::vector<Tensor>) override {
      fail(ErrorKind::Runtime, message);
    }
    std::vector<Tensor> run_jvp(std::vector<Tensor> tangents) override {
      return {view_as_itself(tangents[0])};
    }
    std::string message;
  };
  auto node = Ref<Refusal>::adopt(new Refusal());
  node->message = message;
  std::vector<Tensor> tensors = {tensor};
  node->begin(tensors);
  node->finish(node, tensors);
  return tensors[0];
}

std::vector<Tensor> Context::get_saved_variables() const {
  return in_jvp_ ? for_jvp_ : node_->saved_tensors();
}
bool Context::needs_input_grad(size_t i) const { return node_->needs(i); }

std::vector<Tensor> run_once(FunctionRef<std::vector<Tensor>()> backward,
                             const std::vector<Tensor>& gradients) {
  bool recorded = false;
  for (const Tensor& gradient : gradients)
    recorded |= grad_enabled() && gradient.defined() && gradient.requires_grad();
  std::vector<Tensor> computed;
  {
    NoGrad guard;
    computed = backward();
  }
  for (Tensor& gradient : computed) {
    if (!recorded || !gradient.defined()) continue;
    Tensor leaf = gradient.detach();
    leaf.requires_grad_();
    gradient = refuse_backward(
        leaf, "trying to differentiate twice a function that was marked with @once_differentiable");
  }
  return computed;
}

}  // namespace rushlight::autograd
