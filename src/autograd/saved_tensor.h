#pragma once
// A tensor that is kept for backward: checked for changes when it is used, packed if hooks ask.

#include <rushlight/autograd.h>

namespace rushlight::autograd {

/// What is said when what backward needs was freed by an earlier one.
constexpr const char* kFreed =
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward.";

constexpr const char* kHookedLate =
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values "
    "of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to "
    "access saved variables after calling backward.";

/// Who saved a tensor, for the error that names the culprit.
struct Saver {
  const Node& node;
  std::string_view operation;
  const CallSite& site;
};

/// A result of an operation that changed a view: its history is not that of the operation, which
/// `slices` (the base's node) runs, but "that region of the base".
Tensor view_of_changed_base(Node& slices, const Tensor& result);

class SavedTensor {
 public:
  SavedTensor() = default;
  /// Saves an input of the node.
  explicit SavedTensor(const Tensor& tensor);
  /// Saves result number `output` of the node, without holding the node.
  SavedTensor(const Tensor& result, uint32_t output);

  bool defined() const { return packed_ || tensor_.defined(); }
  /// The tensor as it was; with its history if `with_history` (a result's otherwise has none).
  /// Throws PyTorch's error, naming both operations, if its bytes have changed since.
  Tensor unpack(const Saver& saver, bool with_history) const;
  /// Throws that error where unpack() would. Hooks are not called: theirs is another tensor.
  void check_unchanged(const Saver& saver) const {
    if (tensor_.defined() && tensor_.impl()->version().writes != writes_) [[unlikely]]
      blame(saver);
  }
  bool has_hooks() const { return bool(packed_); }
  /// Packs what is saved by `hooks` from now on. Throws if there is nothing, or hooks have it.
  void register_hooks(const Saver& saver, std::shared_ptr<SavedTensorHooks> hooks);
  void reset();
  /// What is saved here will be unpacked as a constant.
  void forget_history();
  /// Forward mode gave the result that is saved here a tangent.
  void share_tangent_of(const Tensor& result);

 private:
  struct Packed {
    std::shared_ptr<SavedTensorHooks> hooks;
    std::shared_ptr<void> data;
    Edge edge;       // to which the gradient of what was saved flows
    Tensor tangent;  // that it carried, if a level of forward mode was open
  };
  static constexpr int32_t kInput = -1, kComputed = -2;
  /// `is_held`: the caller's tensor is this node's own.
  void pack(const Tensor& tensor, std::shared_ptr<SavedTensorHooks> hooks, bool is_held = false);
  [[noreturn]] void blame(const Saver& saver) const;

  Tensor tensor_;
  uint32_t writes_ = 0;
  int32_t output_ = kInput;  // which result of its node it is; an input; one with a node
  std::unique_ptr<Packed> packed_;
};

/// Until the end of the scope hooks do not apply to what this thread saves.
class PausedSavedTensorHooks {
 public:
  PausedSavedTensorHooks();
  ~PausedSavedTensorHooks();
  PausedSavedTensorHooks(const PausedSavedTensorHooks&) = delete;

 private:
  bool before_;
};

/// How many pairs of hooks are in force in this thread, and back to that many.
size_t saved_tensor_hooks_depth();
void drop_saved_tensor_hooks(size_t depth);

}  // namespace rushlight::autograd
