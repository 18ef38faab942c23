// Hooks: where they are kept. The engine runs them.

#include <rushlight/autograd.h>

#include <algorithm>

#include "autograd/accumulate.h"

namespace rushlight::autograd {

namespace {

/// Appends, and lets go of what has been removed, so that a loop that hooks and unhooks stays
/// small.
template <class T, class Removed>
void append(std::vector<T>& list, T item, Removed removed) {
  if (list.size() >= 4) list.erase(std::remove_if(list.begin(), list.end(), removed), list.end());
  list.push_back(std::move(item));
}

template <class T>
bool is_removed(const std::shared_ptr<T>& hook) {
  return hook->removed();
}

/// Whether the node that computed the tensor has hooks on it.
bool has_hooks(const Tensor& tensor) {
  if (!has_node(tensor)) return false;
  const Metadata& meta = metadata(tensor);
  return meta.grad_fn->hooks && std::ranges::any_of(meta.grad_fn->hooks->tensor, [&](auto& item) {
           return item.output == meta.output && !item.hook->removed();
         });
}

}  // namespace

NodeHooks& Node::own_hooks() {
  if (!hooks) hooks = std::make_unique<NodeHooks>();
  return *hooks;
}

void add_hook(const Tensor& tensor, std::shared_ptr<TensorHook> hook) {
  check(tensor.requires_grad(), "cannot register a hook on a tensor that doesn't require gradient");
  auto add = [&](NodeHooks& hooks, uint32_t output) {
    append(hooks.tensor, {output, std::move(hook)},
           [](const NodeHooks::OnOutput& item) { return item.hook->removed(); });
  };
  // One more hook of a view goes where the first is, even if the base has changed meanwhile.
  if (Ref<Node> node = has_hooks(tensor) ? metadata(tensor).grad_fn : tensor.grad_fn())
    add(node->own_hooks(), metadata(tensor).output);
  else
    with_leaf_hooks(tensor, [&](std::unique_ptr<NodeHooks>& hooks) {
      if (!hooks) hooks = std::make_unique<NodeHooks>();
      add(*hooks, 0);
    });
}

void add_hook(const Tensor& leaf, std::shared_ptr<LeafHook> hook) {
  check(leaf.requires_grad(), "cannot register a hook on a tensor that doesn't require gradient");
  check(!leaf.grad_fn(), "post accumulate grad hooks cannot be registered on non-leaf tensors");
  auto& hooks = metadata(leaf).leaf_hooks;
  if (!hooks) hooks = std::make_unique<std::vector<std::shared_ptr<LeafHook>>>();
  append(*hooks, std::move(hook), is_removed<LeafHook>);
}

void add_hook(Node& node, std::shared_ptr<PreHook> hook) {
  node.unfold();
  append(node.own_hooks().pre, std::move(hook), is_removed<PreHook>);
}

void add_hook(Node& node, std::shared_ptr<PostHook> hook) {
  node.unfold();
  append(node.own_hooks().post, std::move(hook), is_removed<PostHook>);
}

void check_replacement(const Tensor& gradient, const Tensor& replaced, const std::string& hook) {
  if (!gradient.defined() || !replaced.defined()) return;
  check(replaced.dtype() == gradient.dtype(), "hook '", hook,
        "' has changed the type of value (was torch.", info(gradient.dtype()).legacy,
        "Tensor got torch.", info(replaced.dtype()).legacy, "Tensor)");
  check(same(replaced.shape(), gradient.shape()), "hook '", hook,
        "' has changed the size of value (was ", to_string(gradient.shape()), ", got ",
        to_string(replaced.shape()), ")");
}

void retain_grad(const Tensor& tensor) {
  check(tensor.requires_grad(), "can't retain_grad on Tensor that has requires_grad=False");
  if (tensor.is_leaf() || retains_grad(tensor)) return;
  Ref<Node> node = tensor.grad_fn();
  Metadata& meta = metadata(tensor);
  meta.retained = std::make_shared<Tensor>(std::move(meta.grad));
  node->own_hooks().retained.push_back({meta.output, meta.retained});
}

bool retains_grad(const Tensor& tensor) {
  return tensor.impl()->autograd && tensor.impl()->autograd->retained;
}

}  // namespace rushlight::autograd
