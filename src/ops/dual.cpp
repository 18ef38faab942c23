// Forward mode. No operation has a formula for it: that of backward is linear in the gradient u,
// and so differentiating u·J by u, weighted by the arguments' tangents t, gives J·t (J. Townsend,
// "A new trick for calculating Jacobian vector products", 2017). Views, which are linear
// themselves, are made of the tangent as they are of the tensor, so that both share bytes with
// their bases.

#include "ops/dual.h"

#include <rushlight/operators.h>

#include "ops/view.h"

namespace rushlight {

namespace {

using autograd::forward_ad::tangent_of;

/// Calls `use(i, tensor)` for each argument that has an edge, i being the number of that.
template <class Use>
void for_each_edge(const OpInfo& info, const Value* arguments, const OpNode& node, Use use) {
  for (uint16_t index : info.tensor_parameters) {
    if (!(info.with_edge >> index & 1)) continue;
    const Value& argument = arguments[index];
    size_t edge = node.first_edge[index];
    if (argument.is_tensor()) {
      use(edge, argument.tensor());
    } else if (argument.kind() == Value::Kind::Tensors) {
      for (const Tensor& tensor : argument.tensors()) use(edge++, tensor);
    }
  }
}

/// Where the gradients of the arguments arrive, and go no further.
class Sink final : public autograd::Node {
 public:
  explicit Sink(const SmallVector<autograd::Meta, 2>& inputs) {
    for (const autograd::Meta& input : inputs) outputs.push_back(input);
  }
  std::string name() const override { return "Sink"; }
  void apply(autograd::Gradients&, autograd::Gradients&) override {}
};

/// J·t of a call, on the way.
class Pushforward {
 public:
  /// Before the call: what it will overwrite, if anything, is still what it was.
  Pushforward(const Call& call, const Tensor* target)
      : info_(*call.op.info),
        node_(Ref<OpNode>::adopt(new OpNode(call.op, call.arguments, false))) {
    auto sink = Ref<autograd::Node>::adopt(new Sink(node_->inputs));
    for_each_edge(info_, call.arguments, *node_, [&](size_t i, const Tensor& tensor) {
      Tensor tangent = tensor.defined() ? tangent_of(tensor) : Tensor();
      if (!tangent.defined()) return;
      node_->edges()[i] = {sink, uint32_t(i)};
      targets_.push_back(node_->edges()[i]);
      // A copy if the call writes to it.
      tangents_.push_back(target && tensor.is_same(*target) ? tangent.clone() : tangent);
    });
    if (autograd::grad_enabled()) look_at_histories(call);
    autograd::PausedSavedTensorHooks paused;
    node_->save_inputs(call.arguments, target, true);  // they are read after the write
  }

  /// After it: the tangents of its results, undefined where they are 0 or there are none.
  std::vector<Tensor> tangents(const Results& results) {
    bool recorded = autograd::grad_enabled();
    autograd::PausedSavedTensorHooks paused;
    autograd::EnableGrad enabled;
    save(results);
    // Without a record nobody asks for histories, which some views refuse.
    for (size_t k = 0; !recorded && k < node_->saved.size(); ++k) node_->saved[k].forget_history();
    std::vector<Tensor> seeds(results.tensors.size());
    std::vector<autograd::Root> roots;
    std::vector<autograd::Edge> places;
    for (size_t i = 0; i < count_differentiable(results); ++i) {
      const Tensor& result = results.tensors[i];
      node_->outputs.push_back(result.defined() ? autograd::Meta(result) : autograd::Meta());
      if (!result.defined() || !is_floating(result.dtype())) continue;
      // Any value would do; at 0 an infinite slope would make nan of it.
      seeds[i] = rushlight::ones_like(result.detach()).requires_grad_();
      roots.push_back({{node_, uint32_t(i)}, seeds[i]});
      places.push_back(autograd::gradient_edge(seeds[i]));
    }
    std::vector<Tensor> gradients =
        autograd::run_backward(std::move(roots), targets_, false, {true, true});
    roots.clear();
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i].defined() && gradients[i].requires_grad())
        roots.push_back(autograd::make_root(gradients[i], fitted(tangents_[i], gradients[i]), i));
    }
    std::vector<Tensor> products =
        autograd::run_backward(std::move(roots), places, false, {recorded, recorded});
    return in_place_of(seeds, products, recorded);
  }

 private:
  /// Views that were changed may refuse, and do so now: first those of the arguments.
  void look_at_histories(const Call& call) {
    for_each_edge(info_, call.arguments, *node_, [](size_t, const Tensor& tensor) {
      if (tensor.defined()) (void)tensor.grad_fn();
    });
    for (const Tensor& tangent : tangents_) (void)tangent.grad_fn();
  }

  void save(const Results& results) {
    for (size_t k = 0; k < info_.saved.size(); ++k) {
      if (!info_.saved[k].is_result) continue;
      node_->saved[node_->first_saved[k]] =
          autograd::SavedTensor(results.tensors[info_.saved[k].index]);
    }
  }

  static Tensor fitted(const Tensor& tangent, const Tensor& gradient) {
    return same(tangent.shape(), gradient.shape()) ? tangent : tangent.expand(gradient.shape());
  }

  /// By result. None shares bytes with another's tangent.
  std::vector<Tensor> in_place_of(const std::vector<Tensor>& seeds, std::vector<Tensor>& products,
                                  bool recorded) {
    autograd::GradMode mode(recorded);
    std::vector<Tensor> made(seeds.size());
    for (size_t i = 0, next = 0; i < seeds.size(); ++i) {
      if (!seeds[i].defined()) continue;
      Tensor& product = products[next++];
      if (!product.defined()) continue;
      if (is_shared(product)) product = product.clone();
      made[i] = recorded ? product : product.detach();
    }
    return made;
  }
  bool is_shared(const Tensor& product) const {
    for (const Tensor& tangent : tangents_) {
      if (tangent.impl()->storage == product.impl()->storage) return true;
    }
    return product.impl()->storage->use_count() > 1;
  }

  const OpInfo& info_;
  Ref<OpNode> node_;
  std::vector<autograd::Edge> targets_;
  std::vector<Tensor> tangents_;  // one a target
};

/// The same for the tangent, of what is linear: views, above all, which then share its bytes.
void call_on_tangent(const Call& call) {
  size_t index = size_t(call.op.info->linear);
  Tensor tangent = tangent_of(call.arguments[index].tensor());
  std::vector<Value> arguments(call.arguments,
                               call.arguments + call.op.info->schema.parameters.size());
  arguments[index] = tangent;
  Results results;
  rushlight::call(call.op, arguments.data(), results);
  if (call.op.info->reshapes) return;
  for (size_t i = 0; i < results.tensors.size(); ++i)
    autograd::forward_ad::attach_tangent(call.results.tensors[i], results.tensors[i]);
}

}  // namespace

bool any_is_dual(const OpInfo& info, const Value* arguments) {
  for (uint16_t index : info.tensor_parameters) {
    if (!(info.with_edge >> index & 1)) continue;
    const Value& argument = arguments[index];
    if (argument.is_tensor()) {
      if (tangent_of(argument.tensor()).defined()) return true;
    } else if (argument.kind() == Value::Kind::Tensors) {
      for (const Tensor& tensor : argument.tensors()) {
        if (tensor.defined() && tangent_of(tensor).defined()) return true;
      }
    }
  }
  return false;
}

size_t count_differentiable(const Results& results) {
  size_t count = results.tensors.size();
  while (count && results.tensors[count - 1].defined() &&
         !is_floating(results.tensors[count - 1].dtype()))
    --count;
  return count;
}

void call_dual(Call& call, FunctionRef<Ref<OpNode>(Call& call)> run) {
  const OpInfo& info = *call.op.info;
  autograd::forward_ad::FwdGradMode off(false);
  if (info.linear >= 0) {
    run(call);
    call_on_tangent(call);
    return;
  }
  const Tensor* target = written(call);
  Tensor before = target ? target->detach().clone() : Tensor();
  Pushforward pushforward(call, target);
  Ref<OpNode> node = run(call);
  std::vector<Tensor> tangents;
  try {
    tangents = pushforward.tangents(call.results);
  } catch (const Error& error) {
    if (target) copy_elements(*target, before);
    fail(ErrorKind::NotImplemented, "Trying to use forward AD with ", info.spoken_name,
         " that does not support it because it has not been implemented yet: ", error.what());
  }
  for (size_t i = 0; i < count_differentiable(call.results); ++i) {
    const Tensor& result = call.results.tensors[i];
    if (!result.defined() || !is_floating(result.dtype())) continue;
    if (tangents[i].defined())
      autograd::forward_ad::set_tangent(result, std::move(tangents[i]));
    else
      autograd::forward_ad::set_zero_tangent(result);
  }
  if (node) node->share_tangents(call.results);
}

// -- Making and taking apart ---------------------------------------------------------------------

namespace {

Tensor whole(const Tensor& input) { return view_of(input, input.shape(), input.strides()); }

}  // namespace

constinit const Op op::_make_dual = {
    .schema = "_make_dual(Tensor(a) input) -> Tensor(a)",
    .doc = "A view of everything, which is to carry a tangent.",
    .examples = "",
    .variants = "private",
    .forward = run<whole>(),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().view(b.shape("input")); }); },
    .node = "ViewBackward0",
};

constinit const Op op::_fw_primal = {
    .schema = "_fw_primal(Tensor(a) input) -> Tensor(a)",
    .doc = "A view of everything, without the tangent.",
    .examples = "",
    .variants = "private",
    .forward = run<whole>(),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
    .node = "Identity",
};

}  // namespace rushlight
