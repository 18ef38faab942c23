#pragma once
// The tensor: a handle to a shape, strides, a dtype, and bytes that several tensors may share.

#include <rushlight/device.h>
#include <rushlight/dtype.h>
#include <rushlight/generator.h>
#include <rushlight/options.h>
#include <rushlight/ref.h>
#include <rushlight/scalar.h>
#include <rushlight/shape.h>
#include <rushlight/storage.h>

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace rushlight {

class Tensor;
class TensorOrScalar;
class Tensors;
class Index;

namespace autograd {
class Node;
struct Metadata;
}  // namespace autograd

/// A write counter that is not that of the tensor's storage: a new one, for tensors made by
/// `.data`, whose writes autograd does not see; or that of the storage which the tensor had before.
struct OwnVersion : RefCounted {
  Version version;
  Ref<Storage> former;
  Version& current() { return former ? former->version() : version; }
  static void destroy(OwnVersion* version) noexcept { delete version; }
};

/// What a Tensor points to.
class TensorImpl final : public RefCounted {
 public:
  TensorImpl(Ref<Storage> storage, DType dtype, std::span<const int64_t> shape,
             std::span<const int64_t> strides, int64_t offset);
  /// In row-major order; `elements` is the product of the shape.
  TensorImpl(Ref<Storage> storage, DType dtype, const Dims& shape, int64_t elements);
  ~TensorImpl();
  static void destroy(TensorImpl* impl) noexcept;
  static void* operator new(size_t bytes);
  static void operator delete(void* block) noexcept;

  void update_layout();  ///< recomputes what is derived from shape and strides
  Version& version() { return own_version ? own_version->current() : storage->version(); }
  /// Becomes elements of another storage; the count of writes goes on, shared with whom it was.
  void rebind(Ref<Storage> to, DType dtype, Ints shape, Ints strides, int64_t offset);

  Ref<Storage> storage;
  Dims shape, strides;
  int64_t offset = 0;  ///< in elements
  int64_t elements = 0;
  DType dtype;
  DeviceType device = DeviceType::Cpu;
  bool contiguous = true;
  bool requires_grad = false;   ///< is a leaf that does, or has a grad_fn
  bool is_view = false;         ///< shares bytes with a base that autograd knows of
  bool wrapped_number = false;  ///< a Python number in disguise: promotes like one
  bool inference = false;       ///< made under inference_mode
  bool python_owned = false;    ///< true: `python` is a reference held by this object
  autograd::Metadata* autograd = nullptr;
  Ref<OwnVersion> own_version;
  void* python = nullptr;  ///< the one Python object of this tensor, if there is one
};

/// Tells how to let go of the Python object that a dying TensorImpl owns; set by the Python face.
/// False if a weak reference has taken the object up again, and with it the TensorImpl.
void set_python_release(bool (*release)(TensorImpl*) noexcept);

class Tensor {
 public:
  Tensor() noexcept = default;
  explicit Tensor(Ref<TensorImpl> impl) noexcept : impl_(std::move(impl)) {}

  bool defined() const noexcept { return bool(impl_); }
  TensorImpl* impl() const noexcept { return impl_.get(); }
  Ref<TensorImpl>& ref() noexcept { return impl_; }

  Ints shape() const { return impl_->shape; }
  Ints strides() const { return impl_->strides; }
  int64_t dim() const { return int64_t(impl_->shape.size()); }
  int64_t numel() const { return impl_->elements; }
  /// Size of one dim; negative dims count from the end. Throws IndexError.
  int64_t size(int64_t dim) const { return impl_->shape[size_t(wrap_dim(dim, this->dim()))]; }
  int64_t stride(int64_t dim) const { return impl_->strides[size_t(wrap_dim(dim, this->dim()))]; }
  int64_t storage_offset() const { return impl_->offset; }
  DType dtype() const { return impl_->dtype; }
  Device device() const { return {impl_->device, -1}; }
  bool is_contiguous() const { return impl_->contiguous; }
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }

  /// First element, untyped.
  void* data() const {
    return static_cast<char*>(impl_->storage->data()) + impl_->offset * size_of(impl_->dtype);
  }
  /// First element; throws RuntimeError if T is not the tensor's dtype.
  template <class T>
  T* data() const {
    check(dtype_of<T> == dtype(), "expected scalar type ", info(dtype_of<T>).spoken, " but found ",
          info(dtype()).spoken);
    return static_cast<T*>(data());
  }

  // Autograd; the rest of it is in <rushlight/autograd.h>.
  bool requires_grad() const {
    return impl_->requires_grad || (impl_->is_view && view_requires_grad());
  }
  /// Makes a leaf record what is done with it. Throws for integer dtypes and non-leaves.
  const Tensor& requires_grad_(bool value = true) const;
  bool is_leaf() const;
  /// The accumulated gradient; undefined if there is none.
  Tensor grad() const;
  /// Throws if `grad` has another shape.
  void set_grad(const Tensor& grad) const;
  /// `x.data = source`: the elements of `source` take the place of this tensor's, unseen by
  /// autograd. Throws if this tensor requires grad and `source` is not floating.
  void set_data(const Tensor& source) const;
  /// The node that computed this tensor, or null for a leaf.
  Ref<autograd::Node> grad_fn() const;
  /// Adds the gradients of this tensor with respect to the leaves it was computed from.
  /// `gradient` may be left out only if this tensor has one element.
  void backward(const Tensor& gradient = Tensor(), std::optional<bool> retain_graph = {},
                bool create_graph = false) const;
  /// Shares the bytes, without history and with a write counter of its own.
  Tensor variable_data() const;

  /// The only element, converted. Throws if there is not exactly one.
  template <class T>
  T item() const {
    return item_scalar().template to<T>();
  }
  Scalar item_scalar() const;

  /// The text that Python's `repr` gives.
  std::string to_string() const;

  // x[i] selects along the first dim; for the rest of Python's brackets see <rushlight/indexing.h>.
  Tensor operator[](int64_t index) const;
  Tensor index(std::initializer_list<Index> indices) const;
  const Tensor& index_put_(std::initializer_list<Index> indices, const TensorOrScalar& value) const;
  const Tensor& index_put_(std::initializer_list<Index> indices, const Tensor& value) const;

  Tensor& operator+=(const TensorOrScalar& other);
  Tensor& operator-=(const TensorOrScalar& other);
  Tensor& operator*=(const TensorOrScalar& other);
  Tensor& operator/=(const TensorOrScalar& other);

#include <rushlight/ops_methods.inc>

 private:
  bool view_requires_grad() const;

  Ref<TensorImpl> impl_;
};

inline std::string to_string(const Tensor& tensor) { return tensor.to_string(); }

/// An argument that may be either: `add(x, y)` and `add(x, 2.5)`.
class TensorOrScalar {
 public:
  TensorOrScalar(const Tensor& tensor) : tensor_(&tensor) {}
  TensorOrScalar(const Scalar& scalar) : scalar_(scalar) {}
  template <class T>
  requires std::is_arithmetic_v<T> TensorOrScalar(T number) : scalar_(number) {}

  bool is_tensor() const { return tensor_ != nullptr; }
  const Tensor& tensor() const { return *tensor_; }
  const Scalar& scalar() const { return scalar_; }

 private:
  const Tensor* tensor_ = nullptr;
  Scalar scalar_;
};

/// Borrowed list of tensors: takes `{a, b}`, a vector or a span.
class Tensors : public std::span<const Tensor> {
 public:
  using std::span<const Tensor>::span;
  Tensors(const std::vector<Tensor>& list) : std::span<const Tensor>(list) {}
  Tensors(std::initializer_list<Tensor> list)
      : std::span<const Tensor>(list.begin(), list.size()) {}
};

/// A tensor over new, uninitialised bytes: no op, no history.
Tensor make_tensor(std::span<const int64_t> shape, DType dtype, Device device = kCpu);
/// A tensor of the shape of `like`, whose elements are not repeated, over new bytes.
Tensor make_tensor_like(const TensorImpl& like, DType dtype);
/// A tensor over existing bytes: no op, no history.
Tensor make_tensor(Ref<Storage> storage, DType dtype, std::span<const int64_t> shape,
                   std::span<const int64_t> strides, int64_t offset);
/// A zero-dim tensor that promotes like the number it holds.
Tensor wrapped_number(const Scalar& number);
Tensor wrapped_number(const Scalar& number, DType dtype);

/// The dtype PyTorch gives to an operation over these operands.
class Promotion {
 public:
  void add(const Tensor& tensor);
  void add(const Scalar& scalar);
  DType result() const;

 private:
  int dims_ = -1, zero_dims_ = -1, numbers_ = -1;  // promoted dtype of each kind; -1: none seen
};

}  // namespace rushlight
