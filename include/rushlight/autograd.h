#pragma once
// The recorded graph, the modes that decide what is recorded, and backward.

#include <rushlight/spin_lock.h>
#include <rushlight/tensor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace rushlight::autograd {

class Node;
struct Dual;

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
  DeviceType device = DeviceType::Cpu;
  Meta() = default;
  explicit Meta(const Tensor& tensor)
      : shape(tensor.impl()->shape), dtype(tensor.dtype()), device(tensor.impl()->device) {}
};

using Gradients = SmallVector<Tensor, 2>;

/// A function that backward calls. `remove` may be called at any time, from any thread.
class Hook {
 public:
  virtual ~Hook() = default;
  virtual void remove() { removed_.store(true, std::memory_order_release); }
  bool removed() const { return removed_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> removed_{false};
};
/// Sees the gradient of a tensor, undefined if none arrived where it was waited for; what it
/// returns, if defined, takes its place.
struct TensorHook : Hook {
  virtual Tensor run(const Tensor& gradient) = 0;
};
/// Sees, and may replace, the gradients that arrive at a node before it runs.
struct PreHook : Hook {
  virtual void run(Gradients& arrived) = 0;
};
/// Sees, and may replace, the gradients that a node computed.
struct PostHook : Hook {
  virtual void run(Gradients& computed, const Gradients& arrived) = 0;
};
/// Called with a leaf when a gradient has been accumulated in it.
struct LeafHook : Hook {
  virtual void run(const Tensor& leaf) = 0;
};

/// What a node rarely has.
struct NodeHooks {
  struct OnOutput {
    uint32_t output;
    std::shared_ptr<TensorHook> hook;
  };
  struct Retained {
    uint32_t output;
    std::shared_ptr<Tensor> grad;
  };
  std::vector<OnOutput> tensor;    ///< on the gradients that arrive, in order of registration
  std::vector<Retained> retained;  ///< where retain_grad keeps them, after those hooks
  std::vector<std::shared_ptr<PreHook>> pre;
  std::vector<std::shared_ptr<PostHook>> post;
  std::shared_ptr<void> metadata;  ///< of the Python face and of anomaly mode
  Node* slices = nullptr;          ///< of what changed a view: the base's node, which runs this one
};

/// One recorded operation: gradients of its results go in, gradients of its inputs come out.
class Node : public RefCounted {
 protected:
  // First, where they take no room of their own.
  std::atomic<uint16_t> users_{0};  // of what was saved: see Use
  bool keeps_ = false;              // something was saved
  uint8_t unfolded_ = 0;            // bits, for OpNode::unfold

 public:
  Node();
  virtual ~Node();
  static void destroy(Node* node) noexcept;  ///< iterative: frees a graph of any depth
  static void* operator new(size_t bytes);
  static void operator delete(void* block, size_t bytes) noexcept;

  /// As users print it: "MulBackward0".
  virtual std::string name() const = 0;
  /// Computes into `computed`, one entry per edge; undefined where nothing flows.
  virtual void apply(Gradients& arrived, Gradients& computed) = 0;
  /// Frees what was saved for backward, or has those do it who use it now; using it again is then
  /// an error.
  void let_go();
  bool has_let_go() const;
  /// Becomes the several nodes that it stands for, where it does; before somebody looks at it.
  virtual void unfold() {}
  /// Asked when the last reference is gone; false if the node has been taken up again.
  virtual bool may_die() noexcept { return true; }

  const SmallVector<Edge, 2>& edges() const { return edges_; }
  SmallVector<Edge, 2>& edges() { return edges_; }
  /// Of the nodes that are ready, backward runs the one with the largest number first.
  uint64_t sequence() const { return sequence_; }
  void set_sequence(uint64_t number) { sequence_ = number; }
  /// The results whose gradients this node takes.
  SmallVector<Meta, 1> outputs;
  std::unique_ptr<NodeHooks> hooks;
  /// The hooks, made now if there are none.
  NodeHooks& own_hooks();
  /// True if gradient number `i` will be used.
  bool needs(size_t i) const;
  void* python = nullptr;  ///< the Python object of this node; borrowed, unless it is owned

 protected:
  virtual void release_saved() {}
  SmallVector<Edge, 2> edges_;
  uint64_t sequence_;

 private:
  friend class Task;
  friend class Use;
  // (task, index) of the backward pass that is visiting; of a dying node, the next one to free.
  uint64_t mark_ = 0;
};

/// Keeps what a node has saved while it is used: a pass of another thread that runs the same node
/// may free it meanwhile. Waits for nobody.
class Use {
 public:
  Use() = default;
  explicit Use(Node& node) { begin(node, false); }
  ~Use();
  Use(const Use&) = delete;
  /// `last`: it is freed at finish(). Throws PyTorch's error if another pass has begun the last
  /// use. Keeps nothing where all is gone: who reads it will be told.
  void begin(Node& node, bool last);
  /// Without this a last use has not been one.
  void finish();

 private:
  void leave();
  Node* node_ = nullptr;  // null where nothing is to be kept
  bool is_last_ = false;
};

/// The name with PyTorch's namespace, which the nodes that it writes by hand have.
std::string qualified_name(const Node& node);
/// That as messages give it: without "Backward0".
std::string spoken_name(const Node& node);

/// How a view came to be, where that forbids changing it in place.
enum class ViewOrigin : uint8_t { Default, NoGrad, MultiOutput, Inference, CustomFunction };

struct ViewInfo {
  Tensor base;           ///< never itself a view
  uint32_t version = 0;  ///< writes to the base when grad_fn was last made
  ViewOrigin origin = ViewOrigin::Default;
};

/// Which dtype the gradient of a leaf has: the leaf's own, a chosen one, or any that it came with.
enum class GradDtype : uint8_t { Own, Chosen, Any };

/// What autograd knows of a tensor; allocated when there is something to know.
struct Metadata {
  Tensor grad;
  Ref<Node> grad_fn;
  uint32_t output = 0;  ///< which result of grad_fn this is
  GradDtype grad_rule = GradDtype::Own;
  DType grad_dtype = DType::Float32;  ///< the chosen one
  Node* accumulator = nullptr;        ///< of a leaf, which owns it; see accumulate.cpp
  Ref<Node> shared_accumulator;       ///< instead: that of the leaf which this one was unpacked for
  SpinLock accumulator_lock;          ///< guards `accumulator`, and `hooks` of a leaf
  SpinLock grad_lock;                 ///< guards `grad` against passes of several threads
  ViewInfo view;                      ///< of a view
  std::unique_ptr<NodeHooks> hooks;   ///< of a leaf without accumulator, kept until it has one
  std::shared_ptr<Tensor> retained;   ///< of a non-leaf that retains its gradient: where it is
  std::unique_ptr<std::vector<std::shared_ptr<LeafHook>>> leaf_hooks;
  std::unique_ptr<Dual> dual;  ///< for forward mode, while a level is open

  Metadata();
  ~Metadata();
  static void* operator new(size_t bytes);
  static void operator delete(void* block, size_t bytes) noexcept;
};

Metadata& metadata(const Tensor& tensor);
/// The edge to which this tensor's gradient flows; empty if it requires none.
Edge gradient_edge(const Tensor& tensor);
/// The node that accumulates into this leaf.
Ref<Node> accumulator(const Tensor& leaf);
/// Makes `tensor` result number `output` of `node`.
void set_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output);

// Hooks (hooks.cpp). `register_hook(x, [](const Tensor& gradient) { return gradient * 2; })`; such
// a function is not called where no gradient arrived.

/// Removes the hook it was returned for; letting go of it does not.
class RemovableHandle {
 public:
  explicit RemovableHandle(std::shared_ptr<Hook> hook) : hook_(std::move(hook)) {}
  void remove() { hook_->remove(); }

 private:
  std::shared_ptr<Hook> hook_;
};

/// Calls `hook` with the gradient of `tensor` once it is complete. Throws if it requires none.
void add_hook(const Tensor& tensor, std::shared_ptr<TensorHook> hook);
/// Calls `hook` when a gradient has been accumulated in `leaf`. Throws if it is none.
void add_hook(const Tensor& leaf, std::shared_ptr<LeafHook> hook);
void add_hook(Node& node, std::shared_ptr<PreHook> hook);
void add_hook(Node& node, std::shared_ptr<PostHook> hook);
/// Throws unless what a hook returned, if anything, resembles the gradient that it replaces.
void check_replacement(const Tensor& gradient, const Tensor& replaced,
                       const std::string& hook = "function");
/// Lets a non-leaf keep its gradient in `grad`, as leaves do.
void retain_grad(const Tensor& tensor);
bool retains_grad(const Tensor& tensor);

template <class F>
RemovableHandle register_hook(const Tensor& tensor, F function) {
  struct Made : TensorHook {
    explicit Made(F function) : function(std::move(function)) {}
    Tensor run(const Tensor& gradient) override {
      if (!gradient.defined()) return gradient;
      if constexpr (std::is_void_v<std::invoke_result_t<F, const Tensor&>>) {
        function(gradient);
        return Tensor();
      } else {
        Tensor replaced = function(gradient);
        check_replacement(gradient, replaced);
        return replaced;
      }
    }
    F function;
  };
  auto hook = std::make_shared<Made>(std::move(function));
  add_hook(tensor, std::shared_ptr<TensorHook>(hook));
  return RemovableHandle(hook);
}
template <class F>
RemovableHandle register_post_accumulate_grad_hook(const Tensor& leaf, F function) {
  struct Made : LeafHook {
    explicit Made(F function) : function(std::move(function)) {}
    void run(const Tensor& leaf) override { function(leaf); }
    F function;
  };
  auto hook = std::make_shared<Made>(std::move(function));
  add_hook(leaf, std::shared_ptr<LeafHook>(hook));
  return RemovableHandle(hook);
}
/// `function(Gradients& computed, const Gradients& arrived)`, after the node has run.
template <class F>
RemovableHandle register_hook(Node& node, F function) {
  struct Made : PostHook {
    explicit Made(F function) : function(std::move(function)) {}
    void run(Gradients& computed, const Gradients& arrived) override {
      function(computed, arrived);
    }
    F function;
  };
  auto hook = std::make_shared<Made>(std::move(function));
  add_hook(node, std::shared_ptr<PostHook>(hook));
  return RemovableHandle(hook);
}
/// `function(Gradients& arrived)`, before the node runs.
template <class F>
RemovableHandle register_prehook(Node& node, F function) {
  struct Made : PreHook {
    explicit Made(F function) : function(std::move(function)) {}
    void run(Gradients& arrived) override { function(arrived); }
    F function;
  };
  auto hook = std::make_shared<Made>(std::move(function));
  add_hook(node, std::shared_ptr<PreHook>(hook));
  return RemovableHandle(hook);
}

// What is saved for backward (saved_tensor.cpp).

/// What becomes of tensors while they are saved for backward: on disk, in half precision …
struct SavedTensorHooks {
  virtual ~SavedTensorHooks() = default;
  virtual std::shared_ptr<void> pack(const Tensor& tensor) = 0;
  virtual Tensor unpack(const std::shared_ptr<void>& packed) = 0;
};
/// The innermost hooks of this thread apply to what is saved from now on.
void push_saved_tensor_hooks(std::shared_ptr<SavedTensorHooks> hooks);
void pop_saved_tensor_hooks();
/// Applies hooks to what is saved until the end of the scope:
/// `SavedTensorsHooks hooks([](const Tensor& x) { return x.half(); },
///                          [](const Tensor& packed) { return packed.to(DType::Float32); });`
class SavedTensorsHooks {
 public:
  explicit SavedTensorsHooks(std::shared_ptr<SavedTensorHooks> hooks) {
    push_saved_tensor_hooks(std::move(hooks));
  }
  /// `unpack` gets what `pack` returned, of any type that can be copied.
  template <class Pack, class Unpack>
  SavedTensorsHooks(Pack pack, Unpack unpack) {
    using Packed = std::invoke_result_t<Pack&, const Tensor&>;
    struct Made : SavedTensorHooks {
      Made(Pack pack, Unpack unpack) : to(std::move(pack)), from(std::move(unpack)) {}
      std::shared_ptr<void> pack(const Tensor& tensor) override {
        return std::make_shared<Packed>(to(tensor));
      }
      Tensor unpack(const std::shared_ptr<void>& packed) override {
        return from(*static_cast<const Packed*>(packed.get()));
      }
      Pack to;
      Unpack from;
    };
    push_saved_tensor_hooks(std::make_shared<Made>(std::move(pack), std::move(unpack)));
  }
  ~SavedTensorsHooks() { pop_saved_tensor_hooks(); }
  SavedTensorsHooks(const SavedTensorsHooks&) = delete;
};
/// Keeps what is saved in main memory, where everything is: changes nothing, and lets programs
/// written for other devices compile.
struct SaveOnCpu {
  explicit SaveOnCpu(bool /*pin_memory*/ = false) {}
  ~SaveOnCpu() {}  // NOLINT(modernize-use-equals-default): a guard, not an unused variable
  SaveOnCpu(const SaveOnCpu&) = delete;
};
/// Makes push_saved_tensor_hooks throw `message` in this thread; an empty one allows it again.
void forbid_saved_tensor_hooks(std::string message);
const std::string& saved_tensor_hooks_forbidden();

// Where in the caller's program we are (call_site.cpp).

struct CallSiteSource {
  CallSite (*current)() noexcept;                 ///< of the innermost frame of this thread
  CallSite (*recorded)(const Node&) noexcept;     ///< the same, told which node has been recorded
  std::string (*describe)(const CallSite& site);  ///< "train.py:14"; empty if it is not known
};
/// Set by the Python face; C++ callers have no call sites.
void set_call_site_source(const CallSiteSource* source);
extern const CallSiteSource* call_site_source;
inline CallSite current_call_site() {
  return call_site_source ? call_site_source->current() : CallSite();
}
inline CallSite call_site_of(const Node& recorded) {
  return call_site_source ? call_site_source->recorded(recorded) : CallSite();
}

// Anomaly mode.

/// What finds the operation to blame when backward fails or computes nan.
struct AnomalyHandler {
  void (*recorded)(Node& node);  ///< a node has been made
  void (*failed)(Node& node);    ///< its backward has thrown, or computed nan
};
void set_anomaly_handler(const AnomalyHandler* handler);
bool anomaly_enabled();
bool anomaly_checks_nan();
void set_anomaly_enabled(bool enabled, bool check_nan = true);
/// Anomaly mode until the end of the scope: backward throws where a gradient is nan, and names the
/// operation; from Python also the line that called it.
class DetectAnomaly {
 public:
  explicit DetectAnomaly(bool check_nan = true)
      : before_(anomaly_enabled()), nan_before_(anomaly_checks_nan()) {
    set_anomaly_enabled(true, check_nan);
  }
  ~DetectAnomaly() { set_anomaly_enabled(before_, nan_before_); }
  DetectAnomaly(const DetectAnomaly&) = delete;

 private:
  bool before_, nan_before_;
};
/// The node that this thread's backward is running; null outside of it.
Node* running_node();
/// Number of the pass that this thread's backward is in; 0 outside of one.
uint32_t running_pass();
/// Whether a backward pass is running, in any thread.
bool any_pass_runs();
/// Whether that pass runs this node.
bool pass_runs(const Node& node);
/// The nodes that it began with.
std::vector<Node*> pass_starts();
/// Whether that pass keeps what was saved, for another one.
bool pass_retains_graph();
/// Whether that pass returns gradients (autograd::grad) rather than adding them to leaves.
bool pass_returns_gradients();

// Views and in-place changes (view.cpp).

/// Records that `view` shares its bytes with `base`.
void mark_view(const Tensor& view, const Tensor& base, ViewOrigin origin);
/// Throws if `tensor` may not be changed in place now.
void check_in_place(const Tensor& tensor);
/// Told of each tensor that an operation of this thread is about to write to.
struct WriteWatcher {
  virtual ~WriteWatcher() = default;
  virtual void before_write(const Tensor& tensor) = 0;
};
/// Replaces this thread's watcher; null: nobody is told.
void set_write_watcher(std::shared_ptr<WriteWatcher> watcher);
/// Throws if `tensor` was made under inference_mode and that has ended. Tells the watcher.
void check_inference_write(const Tensor& tensor);
/// The in-place operation `node` has changed `tensor`: its history, and that of its base, follow.
void rebase_history(const Tensor& tensor, const Ref<Node>& node);
/// The operation `node` has changed the shape of `tensor`, and no bytes.
void replace_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output = 0);

// The dtype and the layout of leaves' gradients (grad_dtype.cpp, accumulate.cpp).

/// The dtype that the gradient of `leaf` has: its own, unless another was set; none stands for
/// any. Throws if it is no leaf.
std::optional<DType> grad_dtype(const Tensor& leaf);
/// From now on the gradient of `leaf` is converted to `dtype` before anything sees it; none leaves
/// it as it comes. Throws if there is a gradient of another dtype.
void set_grad_dtype(const Tensor& leaf, std::optional<DType> dtype);
/// Whether this thread copies a gradient whose strides are not those of its dense leaf.
bool grad_layout_enforced();
void set_grad_layout_enforced(bool enforced);

/// Takes `tensor` out of the graph: it becomes a leaf. Throws if it is a view.
void detach_(const Tensor& tensor);

// Modes.

bool grad_enabled();
inline bool is_grad_enabled() { return grad_enabled(); }
void set_grad_enabled(bool enabled);
/// Whether a level of forward mode is open (forward_ad.h): tensors may carry tangents.
extern std::atomic<bool> dual_level_open;
inline bool level_is_open() { return dual_level_open.load(std::memory_order_relaxed); }
/// Whether what is computed now may be differentiated, one way or the other: a formula may take a
/// short cut past the operations only if not.
inline bool may_be_differentiated() { return grad_enabled() || level_is_open(); }

bool inference_enabled();
inline bool is_inference_mode_enabled() { return inference_enabled(); }
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

/// Where backward starts, and with which gradient.
struct Root {
  Edge edge;
  Tensor gradient;
};

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  /// Called once, when the pass turns out to take long.
  void (*long_pass)(void* context) = nullptr;
  void* context = nullptr;
};

/// What is to be done when a backward pass has run all its nodes.
struct Callback {
  virtual ~Callback() = default;
  virtual void run() = 0;
};
/// Called once, at the end of this thread's innermost pass. Throws outside of one.
void queue_callback(std::unique_ptr<Callback> callback);

/// One backward pass from `roots`. With `targets`, only what they need is run: their gradients are
/// returned or, if `accumulate`, added to their leaves.
std::vector<Tensor> run_backward(std::vector<Root> roots, std::span<const Edge> targets,
                                 bool accumulate, const BackwardOptions& options);

/// The root of a pass at element `i` of the user's list; an undefined gradient stands for 1, where
/// there is one element. Throws if the tensor requires none, or the gradient does not fit.
Root make_root(const Tensor& tensor, const Tensor& gradient, size_t i);

/// The gradients of `roots`, weighted by `gradients` (undefined: 1 for a single element), are
/// added to the leaves' grad. With `inputs`, only to those.
void backward(Tensors roots, Tensors gradients = {}, std::optional<bool> retain_graph = {},
              bool create_graph = false, Tensors inputs = {});

/// The gradients of `outputs` with respect to `inputs`, in that order. Where `outputs` do not
/// depend on an input: undefined if `allow_unused`, zeros if `materialize_grads`, else an error.
std::vector<Tensor> grad(Tensors outputs, Tensors inputs, Tensors grad_outputs = {},
                         std::optional<bool> retain_graph = {}, bool create_graph = false,
                         bool allow_unused = false, bool materialize_grads = false);

/// Warns, once, that backward(create_graph=True) makes reference cycles.
void warn_of_cycle();
/// Throws what `grad` throws for an input that was not used.
[[noreturn]] void refuse_unused(size_t index);

/// Fits a gradient to what it is the gradient of: sums over broadcast dims, converts the dtype.
/// Throws if that is not possible; `name` says who computed it.
Tensor fit_gradient(Tensor gradient, const Meta& meta, const Node& by, size_t index);

}  // namespace rushlight::autograd
