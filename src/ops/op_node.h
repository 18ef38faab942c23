#pragma once
// The node that an operation of the table leaves behind for backward.

#include "autograd/saved_tensor.h"
#include "ops/op.h"

namespace rushlight {

class OpNode final : public autograd::Node {
 public:
  /// Keeps the arguments that are not tensors, the shapes of those that are, and their edges, which
  /// lead nowhere unless the node is `recorded`.
  OpNode(const Op& op, const Value* arguments, bool recorded = true);

  std::string name() const override { return op.info->node_name; }
  void apply(autograd::Gradients& arrived, autograd::Gradients& computed) override;
  void release_saved() override;
  void unfold() override;

  /// `target`: the tensor that the call is about to overwrite, or null; a copy is saved of it, and
  /// with `views_too` of all that shares its bytes.
  void save_inputs(const Value* arguments, const Tensor* target, bool views_too = false);
  void save_results(const Results& results);
  /// Forward mode gave the results tangents: those that were saved carry them, too.
  void share_tangents(const Results& results);

  /// Number `index` of `saved`. Throws if it has been freed, or changed since: PyTorch's error,
  /// naming both operations.
  Tensor unpack_at(size_t index, bool with_history) const;
  /// A tensor of `.save`, or the number given in its place, whether or not gradients are recorded.
  Tensor unpack_entry(size_t entry, bool with_history) const;
  void check_not_released() const;
  /// Throws if anything that was saved has been changed, whether or not the formula will read it.
  /// Where hooks packed something: all that was saved, since each is to be unpacked once.
  std::vector<Tensor> unpack_all() const;
  /// Lets `hooks` pack what `.save` names, from now on.
  void register_hooks(size_t index, std::shared_ptr<autograd::SavedTensorHooks> hooks);

  const Op& op;
  SmallVector<Value, 4> arguments;        // tensors replaced by None
  SmallVector<Dims, 1> lists;             // storage of list arguments
  SmallVector<autograd::Meta, 2> inputs;  // one per edge
  SmallVector<uint16_t, 4> first_edge;    // by parameter; the next entry ends its range
  SmallVector<autograd::SavedTensor, 2> saved;
  SmallVector<uint16_t, 3> first_saved;  // by entry of OpInfo::saved
  CallSite site;                         // of the call that recorded this node
};

}  // namespace rushlight
