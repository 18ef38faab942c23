// x[...]: what each entry of the brackets does, in PyTorch's order and with its nodes.
// index() and index_put_() at the end; apply() is what they share.

#include <rushlight/indexing.h>
#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

namespace {

bool is_mask(const Tensor& tensor) {
  return tensor.dtype() == DType::Bool || tensor.dtype() == DType::UInt8;
}

/// x[tensor(2)] is x[2].
bool is_integer_scalar(const Tensor& tensor) {
  return tensor.dim() == 0 && is_integral(tensor.dtype()) && tensor.dtype() != DType::UInt8;
}

/// How many dims of the tensor an entry stands for.
int64_t dims_of(const Index& index) {
  switch (index.kind()) {
    case Index::Kind::Int:
    case Index::Kind::Slice: return 1;
    case Index::Kind::Tensor: return is_mask(index.tensor()) ? index.tensor().dim() : 1;
    default: return 0;
  }
}

int64_t checked_index(const TensorImpl* impl, size_t dim, int64_t index, int64_t position) {
  check(!impl->shape.empty(), ErrorKind::Index,
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in "
        "C++ to convert a 0-dim tensor to a number");
  int64_t size = impl->shape[dim];
  check(index >= -size && index < size, ErrorKind::Index, "index ", index,
        " is out of bounds for dimension ", position, " with size ", size);
  return index < 0 ? index + size : index;
}

void check_step(int64_t step) {
  check(step != 0, ErrorKind::Value, "slice step cannot be zero");
  check(step > 0, ErrorKind::Value, "step must be greater than zero (got ", step,
        "; flip() reverses a dim)");
}

/// True if no entry makes a copy.
bool is_basic(std::span<const Index> indices) {
  for (const Index& index : indices) {
    if (index.kind() == Index::Kind::Bool) return false;
    if (index.kind() == Index::Kind::Tensor && !is_integer_scalar(index.tensor())) return false;
  }
  return true;
}

/// Views of the tensor, one entry after another, each recorded; tensors are collected.
class Stepwise {
 public:
  explicit Stepwise(const Tensor& tensor) : result(tensor) {}

  void select(int64_t index) {
    index = checked_index(result.impl(), size_t(dim_), index, position_);
    result = result.select(dim_, index);
    ++position_;
  }
  void slice(const Index& index, bool keep_full) {
    check_step(index.step());
    check(result.dim() > 0, ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
    // As it is written: what only amounts to all of the dim is a view like any other.
    int64_t size = result.size(dim_);
    bool full =
        index.start().value_or(0) == 0 && index.stop().value_or(size) >= size && index.step() == 1;
    if (!full || keep_full)
      result = rushlight::slice(result, dim_, index.start(), index.stop(), index.step());
    skip(1);
  }
  void new_dim() {
    result = result.unsqueeze(dim_);
    ++dim_;
  }
  void skip(int64_t count) {
    dim_ += count;
    position_ += count;
  }
  void boolean(bool value) {
    result = result.unsqueeze(dim_);
    // One index 0, or none.
    collect(rushlight::zeros(Ints(int64_t(value)), DType::Int64), 1);
  }
  void tensor(const Tensor& index) {
    if (is_integer_scalar(index)) return select(index.item<int64_t>());
    if (index.dim() == 0 && is_mask(index)) return boolean(index.item<bool>());
    collect(index, is_mask(index) ? index.dim() : 1);
  }

  Tensor result;
  std::vector<Tensor> tensors;  ///< by dim of the result; undefined where there is none

 private:
  void collect(Tensor index, int64_t dims) {
    while (int64_t(tensors.size()) < covered_ + (dim_ - covered_dims_)) tensors.emplace_back();
    tensors.push_back(std::move(index));
    covered_ = int64_t(tensors.size());
    skip(dims);
    covered_dims_ = dim_;
  }

  int64_t dim_ = 0, position_ = 0;
  int64_t covered_ = 0, covered_dims_ = 0;  // entries of `tensors`, and the dims they stand for
};

int64_t check_count(const Tensor& tensor, std::span<const Index> indices) {
  int64_t named = 0;
  for (const Index& index : indices) named += dims_of(index);
  check(named <= tensor.dim() || (tensor.dim() == 0 && indices.size() == 1), ErrorKind::Index,
        "too many indices for tensor of dimension ", tensor.dim());
  return tensor.dim() - named;
}

void apply(Stepwise& steps, std::span<const Index> indices) {
  int64_t unnamed = check_count(steps.result, indices);
  bool keep_full = indices.size() == 1;  // x[:] is a node of its own, x[:, 0] is one select
  for (const Index& index : indices) {
    switch (index.kind()) {
      case Index::Kind::Int: steps.select(index.integer()); break;
      case Index::Kind::Slice: steps.slice(index, keep_full); break;
      case Index::Kind::Tensor: steps.tensor(index.tensor()); break;
      case Index::Kind::Bool: steps.boolean(index.boolean()); break;
      case Index::Kind::NewDim: steps.new_dim(); break;
      case Index::Kind::Ellipsis:
        steps.skip(unnamed);
        unnamed = 0;
        break;
    }
  }
}

/// All entries at once, into one view: for when nothing is recorded.
Tensor view_at_once(const Tensor& tensor, std::span<const Index> indices) {
  int64_t unnamed = check_count(tensor, indices);
  const TensorImpl* impl = tensor.impl();
  Geometry seen{Ints()};
  seen.offset = impl->offset;
  size_t dim = 0;
  auto keep = [&](int64_t count) {
    for (; count > 0; --count, ++dim) {
      seen.shape.push_back(impl->shape[dim]);
      seen.strides.push_back(impl->strides[dim]);
    }
  };
  for (const Index& index : indices) {
    switch (index.kind()) {
      case Index::Kind::Int:
      case Index::Kind::Tensor: {
        int64_t wanted =
            index.kind() == Index::Kind::Int ? index.integer() : index.tensor().item<int64_t>();
        wanted = checked_index(impl, dim, wanted, int64_t(dim));
        seen.offset += wanted * impl->strides[dim++];
        break;
      }
      case Index::Kind::Slice: {
        check_step(index.step());
        check(!impl->shape.empty(), ErrorKind::Index,
              "slice() cannot be applied to a 0-dim tensor.");
        Range range(impl->shape[dim], index.start(), index.stop(), index.step());
        seen.offset += range.start * impl->strides[dim];
        seen.shape.push_back(range.length);
        seen.strides.push_back(impl->strides[dim++] * index.step());
        break;
      }
      case Index::Kind::NewDim: {
        bool last = dim == impl->shape.size();
        seen.strides.push_back(last ? 1 : impl->shape[dim] * impl->strides[dim]);
        seen.shape.push_back(1);
        break;
      }
      default: keep(std::exchange(unnamed, 0));
    }
  }
  keep(int64_t(impl->shape.size() - dim));
  return _as_strided(tensor, seen.shape, seen.strides, seen.offset, tensor.strides(),
                     tensor.storage_offset());
}

bool records(const Tensor& tensor) { return autograd::grad_enabled() && tensor.requires_grad(); }

/// The value without leading dims of size 1, with which PyTorch's assignment does not broadcast.
Tensor without_leading_ones(const Tensor& value) {
  size_t lead = 0;
  while (lead < value.shape().size() && value.shape()[lead] == 1) ++lead;
  return lead == 0 ? value : value.view(Ints(value.shape().subspan(lead)));
}

void assign(const Tensor& target, const TensorOrScalar& value) {
  if (!value.is_tensor()) {
    target.fill_(value.scalar());
    return;
  }
  const Tensor& source = value.tensor();
  // An element of the target itself is read before it is written, each time.
  bool own_element = source.dim() == 0 && source.impl()->storage == target.impl()->storage;
  if (same(source.shape(), target.shape()) || (source.dim() == 0 && !own_element))
    target.copy_(source);
  else
    target.copy_(without_leading_ones(source).expand(target.shape()));
}

}  // namespace

Tensor index(const Tensor& tensor, std::span<const Index> indices) {
  if (indices.size() == 1 && indices[0].kind() == Index::Kind::Int) {
    return tensor.select(0, checked_index(tensor.impl(), 0, indices[0].integer(), 0));
  }
  if (is_basic(indices) && !records(tensor)) return view_at_once(tensor, indices);
  Stepwise steps(tensor);
  apply(steps, indices);
  if (!steps.tensors.empty()) return _index(steps.result, steps.tensors);
  return steps.result.is_same(tensor) ? _alias(tensor) : steps.result;
}

void index_put_(const Tensor& tensor, std::span<const Index> indices, const TensorOrScalar& value) {
  bool single = indices.size() == 1;
  if (single && indices[0].kind() == Index::Kind::Bool && !indices[0].boolean()) return;
  if (single && indices[0].kind() == Index::Kind::Ellipsis) return assign(tensor, value);
  if (is_basic(indices) && !records(tensor)) return assign(view_at_once(tensor, indices), value);
  Stepwise steps(tensor);
  apply(steps, indices);
  if (steps.tensors.empty()) return assign(steps.result, value);
  Tensor source = value.is_tensor() ? without_leading_ones(value.tensor())
                                    : wrapped_number(value.scalar(), tensor.dtype());
  steps.result.index_put_(steps.tensors, source, false);
}

Tensor Tensor::index(std::initializer_list<Index> indices) const {
  return rushlight::index(*this, {indices.begin(), indices.size()});
}

const Tensor& Tensor::index_put_(std::initializer_list<Index> indices,
                                 const TensorOrScalar& value) const {
  rushlight::index_put_(*this, {indices.begin(), indices.size()}, value);
  return *this;
}

const Tensor& Tensor::index_put_(std::initializer_list<Index> indices, const Tensor& value) const {
  return index_put_(indices, TensorOrScalar(value));
}

Tensor Tensor::operator[](int64_t i) const {
  return select(0, checked_index(impl_.get(), 0, i, 0));
}

}  // namespace rushlight
