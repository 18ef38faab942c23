// Views and in-place changes: how history follows a change of shared bytes.

#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include "autograd/dual.h"
#include "autograd/saved_tensor.h"

namespace rushlight {

namespace autograd {

namespace {

/// Where a view lies in its base's bytes.
struct Geometry {
  Dims shape, strides;
  int64_t offset;
  explicit Geometry(const Tensor& tensor)
      : shape(tensor.impl()->shape),
        strides(tensor.impl()->strides),
        offset(tensor.storage_offset()) {}
};

/// Backward of a change made through a view: the base's gradient, except that what flows to the
/// region of the view goes through the operation that changed it.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> inner)
      : base_(base), view_(view), inner_(std::move(inner)) {
    edges_ = inner_->edges();
    if (edges_.empty()) edges_.resize(1);
    edges_[0] = gradient_edge(base);
    outputs.push_back(Meta(base));
    inner_->own_hooks().slices = this;
    keeps_ = true;  // what the other node has saved
  }
  ~CopySlices() override {
    if (inner_->hooks) inner_->hooks->slices = nullptr;
  }
  std::string name() const override { return "CopySlices"; }
  void release_saved() override { inner_->let_go(); }

  void apply(Gradients& arrived, Gradients& computed) override {
    check(!has_let_go(), kFreed);
    computed.resize(edges_.size());
    if (!arrived[0].defined()) return;
    // The base may be strided; its gradient is laid out like the base, so the view's place is
    // known.
    Tensor gradient = empty_strided(Ints(base_.shape), Ints(base_.strides), arrived[0].dtype());
    gradient.copy_(arrived[0]);
    Tensor slice = as_strided(gradient, view_.shape, view_.strides, view_.offset - base_.offset);
    Gradients inner_arrived, inner_computed;
    inner_arrived.push_back(clone(slice));
    inner_->apply(inner_arrived, inner_computed);
    for (size_t i = 1; i < inner_computed.size() && i < computed.size(); ++i) {
      computed[i] = inner_computed[i];
    }
    if (!needs(0)) return;
    bool flows = !inner_computed.empty() && inner_computed[0].defined();
    if (flows)
      slice.copy_(inner_computed[0]);
    else
      slice.zero_();
    computed[0] = gradient;
  }

  Tensor view(const Tensor& result) {
    TensorImpl* impl = result.impl();
    Tensor base = make_tensor(impl->storage, impl->dtype, base_.shape, base_.strides, base_.offset);
    set_history(base, Ref<Node>::share(this), 0);
    EnableGrad guard;
    return as_strided(base, view_.shape, view_.strides, view_.offset);
  }

 private:
  Geometry base_, view_;
  Ref<Node> inner_;
};

[[noreturn]] void refuse(const Metadata& meta, ViewOrigin origin, const char* happening) {
  std::string text;
  bool by_mode = origin == ViewOrigin::NoGrad || origin == ViewOrigin::Inference || !meta.grad_fn;
  bool inference = origin == ViewOrigin::Inference;
  const char* mode = inference ? "inference_mode" : "no_grad";
  if (meta.grad_fn) {
    text = "Output " + std::to_string(meta.output) + " of " + spoken_name(*meta.grad_fn) +
           " is a view";
  }
  if (by_mode) {
    text += meta.grad_fn ? " of a view which was created in" : "A view was created in";
    text += inference ? " inference mode" : " no_grad mode";
  }
  text += std::string(" and ") + happening;
  if (by_mode) text += inference ? " in normal mode" : " with grad mode enabled";
  text += ". ";
  if (origin == ViewOrigin::MultiOutput) {
    text +=
        "This view is the output of a function that returns multiple views. Such functions do "
        "not allow the output views to be modified inplace. You should replace the inplace "
        "operation by an out-of-place one.";
  } else if (origin == ViewOrigin::CustomFunction) {
    text +=
        "This view was created inside a custom Function (or because an input was returned as-is) "
        "and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function.";
  } else {
    text += std::string(
                "Given that this use case is ambiguous and error-prone, it is forbidden. "
                "You can clarify your code by moving both the view and the inplace either "
                "both inside the ") +
            mode +
            " block (if you don't want the inplace to be tracked) or both outside (if you want the "
            "inplace to be tracked).";
  }
  fail(ErrorKind::Runtime, text);
}

thread_local bool t_watched = false;
std::shared_ptr<WriteWatcher>& write_watcher() {
  static thread_local std::shared_ptr<WriteWatcher> watcher;
  return watcher;
}

constexpr const char* kModified = "is being modified inplace";

}  // namespace

Tensor view_of_changed_base(Node& slices, const Tensor& result) {
  return static_cast<CopySlices&>(slices).view(result);
}

void mark_view(const Tensor& view, const Tensor& base, ViewOrigin origin) {
  TensorImpl* impl = view.impl();
  const TensorImpl* base_impl = base.impl();
  impl->own_version = base_impl->own_version;
  impl->inference = base_impl->inference;
  if (base_impl->inference) return;
  if (inference_enabled()) origin = ViewOrigin::Inference;
  ViewInfo& info = metadata(view).view;
  if (base_impl->is_view) {
    const ViewInfo& parent = base_impl->autograd->view;
    info.base = parent.base;
    info.origin = origin == ViewOrigin::Default ? parent.origin : origin;
  } else {
    info.base = base;
    info.origin = origin;
  }
  info.version = impl->version().writes;
  impl->is_view = true;
  if (level_is_open()) [[unlikely]]
    forward_ad::note_view(view, base);
}

void check_inference_write(const Tensor& tensor) {
  check(!tensor.impl()->inference || inference_enabled(),
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a "
        "clone to get a normal tensor before doing inplace update.See "
        "https://github.com/pytorch/rfcs/pull/17 for more details.");
  if (t_watched) [[unlikely]]
    write_watcher()->before_write(tensor);
}

void set_write_watcher(std::shared_ptr<WriteWatcher> watcher) {
  t_watched = bool(watcher);
  write_watcher() = std::move(watcher);
}

void check_in_place(const Tensor& tensor) {
  check_inference_write(tensor);
  TensorImpl* impl = tensor.impl();
  if (impl->is_view) {
    const ViewInfo& view = impl->autograd->view;
    if (view.origin != ViewOrigin::Default) refuse(*impl->autograd, view.origin, kModified);
    check(!(tensor.requires_grad() && view.base.is_leaf()),
          "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  check(!(impl->requires_grad && tensor.is_leaf()),
        "a leaf Variable that requires grad is being used in an in-place operation.");
}

void rebase_history(const Tensor& tensor, const Ref<Node>& node) {
  TensorImpl* impl = tensor.impl();
  if (!impl->is_view) {
    set_history(tensor, node, 0);
    return;
  }
  Tensor base = impl->autograd->view.base;
  set_history(base, Ref<Node>::adopt(new CopySlices(base, tensor, node)), 0);
  impl->autograd->view.version = impl->version().writes - 1;
  tensor.grad_fn();  // made anew from the base's
}

void replace_history(const Tensor& tensor, const Ref<Node>& node, uint32_t output) {
  set_history(tensor, node, output);
  TensorImpl* impl = tensor.impl();
  if (impl->is_view) impl->autograd->view.version = impl->version().writes;
}

}  // namespace autograd

bool Tensor::view_requires_grad() const {
  // Also where the view was made under no_grad and has no history of its own.
  return impl_->autograd->view.base.requires_grad() || bool(grad_fn());
}

Ref<autograd::Node> Tensor::grad_fn() const {
  autograd::Metadata* meta = impl_->autograd;
  if (!meta) return nullptr;
  if (impl_->is_view) {
    autograd::ViewInfo& view = meta->view;
    uint32_t writes = impl_->version().writes;
    bool stale = view.version != writes && (meta->grad_fn || view.base.requires_grad());
    if (stale) {
      if (view.origin != autograd::ViewOrigin::Default) {
        autograd::refuse(*meta, view.origin,
                         "its base or another view of its base has been modified inplace");
      }
      // The base has changed since: this view's history is now "that region of the new base".
      autograd::EnableGrad guard;
      Tensor again = view.base.as_strided(impl_->shape, impl_->strides, impl_->offset);
      autograd::Metadata& source = autograd::metadata(again);
      if (source.grad_fn) autograd::set_history(*this, source.grad_fn, source.output);
      impl_->requires_grad = bool(meta->grad_fn);
      view.version = writes;
    }
  }
  return meta->grad_fn;
}

}  // namespace rushlight
