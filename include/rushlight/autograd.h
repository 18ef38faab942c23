#pragma once
// The recorded graph, the modes that decide what is recorded, and backward.

#include <rushlight/tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rushlight::autograd {

class Node;

/// Where a gradient goes: input number `input` of `node`.
struct Edge {
  Ref<Node> node;
  uint32_t input = 0;
  explicit operator bool() const { return bool(node); }
};

/// What is known of a forward result; its gradient must fit it.
struct Meta {
  Dims shape;
  DType dtype = DType::Float32;
  Meta() = default;
  explicit Meta(const Tensor& tensor) : shape(tensor.impl()->shape), dtype(tensor.dtype()) {}
};

using Gradients = SmallVector<Tensor, 2>;

/// Hooks of a node. They run before (`pre`) or after (`post`) it computed its gradients.
struct NodeHooks {
  /// Sees and may replace the gradients that arrive; `input` is -1 for a hook on all of them.
  struct Pre {
    virtual ~Pre() = default;
    virtual void run(Gradients& gradients) = 0;
  };
  struct Post {
    virtual ~Post() = default;
    virtual void run(Gradients& computed, const Gradients& arrived) = 0;
  };
  std::vector<std::pair<int64_t, std::shared_ptr<Pre>>> tensor_pre;  ///< keyed for removal
  std::vector<std::pair<int64_t, std::shared_ptr<Pre>>> pre;
  std::vector<std::pair<int64_t, std::shared_ptr<Pre>>>
      capture;  ///< retain_grad, after all tensor hooks
  std::vector<std::pair<int64_t, std::shared_ptr<Post>>> post;
};
/// A new key for the lists above.
int64_t next_hook_key();

/// One recorded operation: gradients of its results go in, gradients of its inputs come out.
class Node : public RefCounted {
 public:
  Node();
  virtual ~Node();
  static void destroy(Node* node) noexcept;  ///< iterative: frees a graph of any depth
  static void* operator new(size_t bytes);
  static void operator delete(void* block, size_t bytes) noexcept;

  virtual std::string name() const = 0;
  /// Computes into `computed`, one entry per edge; undefined where nothing flows.
  virtual void apply(Gradients& arrived, Gradients& computed) = 0;
  /// Drops what was saved for backward; applying the node again is then an error.
  virtual void release_saved() {}
  /// Asked when the last reference is gone; false if the node has been taken up again.
  virtual bool may_die() noexcept { return true; }

  const SmallVector<Edge, 2>& edges() const { return edges_; }
  SmallVector<Edge, 2>& edges() { return edges_; }
  uint64_t sequence() const { return sequence_; }
  /// The results whose gradients this node takes.
  SmallVector<Meta, 1> outputs;
  std::unique_ptr<NodeHooks> hooks;
  /// True if gradient number `i` will be used.
  bool needs(size_t i) const;
  void* python = nullptr;  ///< the Python object of this node, borrowed

 protected:
  SmallVector<Edge, 2> edges_;
  uint64_t sequence_;

 private:
  friend class Task;
  uint64_t mark_ = 0;  // (task, index) of the backward pass that is visiting
};

/// How a view came to be, where that forbids changing it in place.
enum class ViewOrigin : uint8_t { Default, NoGrad, MultiOutput, Inference };

struct ViewInfo {
  Tensor base;           ///< never itself a view
  uint32_t version = 0;  ///< writes to the base when grad_fn was last made
  ViewOrigin origin = ViewOrigin::Default;
};

/// Called with the gradient once it is accumulated in a leaf.
struct PostAccumulateHook {
  virtual ~PostAccumulateHook() = default;
  virtual void run(const Tensor& leaf) = 0;
};

/// What autograd knows of a tensor; allocated when there is something to know.
struct Metadata {
  Tensor grad;
  Ref<Node> grad_fn;
  uint32_t output = 0;  ///< which result of grad_fn this is
  bool retains_grad = false;
  Node* accumulator = nullptr;  ///< of a leaf; weak, see accumulate.cpp
  std::unique_ptr<ViewInfo> view;
  std::unique_ptr<NodeHooks> hooks;  ///< of a leaf without accumulator, kept until it has one
  std::vector<std::pair<int64_t, std::shared_ptr<PostAccumulateHook>>> post_accumulate;
  std::string name;
};

Metadata& metadata(const Tensor& tensor);
/// The edge to which this tensor's gradient flows; empty if it requires none.
Edge gradient_edge(const Tensor& tensor);
/// The node that accumulates into this leaf.
Ref<Node> accumulator(const Tensor& leaf);
/// Makes `tensor` result number `output` of `node`.
void set_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output);
/// Calls for `hook` on the gradient of `tensor`; returns the key for `remove_hook`.
int64_t register_hook(const Tensor& tensor, std::shared_ptr<NodeHooks::Pre> hook);
void retain_grad(const Tensor& tensor);

// Views and in-place changes (view.cpp).

/// Records that `view` shares its bytes with `base`.
void mark_view(const Tensor& view, const Tensor& base, ViewOrigin origin);
/// Throws if `tensor` may not be changed in place now.
void check_in_place(const Tensor& tensor, const char* op);
/// Throws if `tensor` was made under inference_mode and that has ended.
void check_inference_write(const Tensor& tensor);
/// The in-place operation `node` has changed `tensor`: its history, and that of its base, follow.
void rebase_history(const Tensor& tensor, const Ref<Node>& node);
/// The operation `node` has changed the shape of `tensor`, and no bytes.
void replace_history(const Tensor& tensor, const Ref<Node>& node);

// Modes.

bool grad_enabled();
void set_grad_enabled(bool enabled);
bool inference_enabled();
void set_inference_enabled(bool enabled);

/// Sets whether operations are recorded, until the end of the scope.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(grad_enabled()) { set_grad_enabled(enabled); }
  ~GradMode() { set_grad_enabled(before_); }
  GradMode(const GradMode&) = delete;

 private:
  bool before_;
};
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};
struct EnableGrad : GradMode {
  EnableGrad() : GradMode(true) {}
};
/// Records nothing, not even views and writes; the tensors made inside stay out of autograd.
class InferenceMode {
 public:
  explicit InferenceMode(bool enabled = true)
      : grad_before_(grad_enabled()), before_(inference_enabled()) {
    set_inference_enabled(enabled);
    set_grad_enabled(!enabled);
  }
  ~InferenceMode() {
    set_inference_enabled(before_);
    set_grad_enabled(grad_before_);
  }
  InferenceMode(const InferenceMode&) = delete;

 private:
  bool grad_before_, before_;
};

// Running backward.

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;  ///< into leaves' grad; else only into the results
  bool allow_unused = false;
};

/// The gradients of `roots`, weighted by `gradients` (undefined: 1 for a single element), are
/// added to the leaves' grad. With `inputs`, only to those.
void backward(Tensors roots, Tensors gradients = {}, std::optional<bool> retain_graph = {},
              bool create_graph = false, Tensors inputs = {});

/// The gradients of `outputs` with respect to `inputs`, in that order; undefined where `outputs` do
/// not depend on an input and `allow_unused`.
std::vector<Tensor> grad(Tensors outputs, Tensors inputs, Tensors grad_outputs = {},
                         std::optional<bool> retain_graph = {}, bool create_graph = false,
                         bool allow_unused = false);

/// Fits a gradient to what it is the gradient of: sums over broadcast dims, converts the dtype.
/// Throws if that is not possible; `name` says who computed it.
Tensor fit_gradient(Tensor gradient, const Meta& meta, const Node& by, size_t index);

}  // namespace rushlight::autograd
