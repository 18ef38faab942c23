#include <rushlight/factory.h>

#include <cstring>

namespace rushlight {

Dims NestedNumbers::shape() const {
  if (kind_ == Kind::Number) return {};
  if (kind_ == Kind::Flat) return {int64_t(size_)};
  Dims shape{int64_t(list_.size())};
  if (!list_.empty()) {
    for (int64_t size : list_[0].shape()) shape.push_back(size);
  }
  return shape;
}

std::optional<DType> NestedNumbers::dtype() const {
  if (kind_ != Kind::List) return dtype_;
  std::optional<DType> common;
  for (const NestedNumbers& item : list_) {
    std::optional<DType> dtype = item.dtype();
    if (dtype) common = common ? promote(*common, *dtype) : *dtype;
  }
  return common;
}

void NestedNumbers::store(const Tensor& target) const { store(target, 0, 0); }

void NestedNumbers::store(const Tensor& target, size_t dim, int64_t offset) const {
  size_t dims = target.shape().size();
  size_t size = kind_ == Kind::List ? list_.size() : size_;
  if (kind_ == Kind::Number) {
    check(dim == dims, ErrorKind::Value, "tensor: a number where a list of length ",
          dim < dims ? target.shape()[dim] : 0, " is expected at dim ", dim);
    dispatch(target.dtype(),
             [&]<class T>(CppType<T>) { target.data<T>()[offset] = number_.to<T>(); });
    return;
  }
  check(dim < dims && target.shape()[dim] == int64_t(size), ErrorKind::Value,
        "expected sequence of length ", dim < dims ? target.shape()[dim] : 0, " at dim ", dim,
        " (got ", size, ")");
  if (kind_ == Kind::List) {
    for (size_t i = 0; i < size; ++i) {
      list_[i].store(target, dim + 1, offset + int64_t(i) * target.strides()[dim]);
    }
    return;
  }
  check(dim + 1 == dims, ErrorKind::Value, "tensor: numbers at dim ", dim + 1,
        " where lists are expected");
  dispatch(target.dtype(), [&]<class T>(CppType<T>) {
    dispatch(dtype_, [&]<class From>(CppType<From>) {
      const From* from = static_cast<const From*>(data_);
      T* to = target.data<T>() + offset;
      for (size_t i = 0; i < size; ++i) to[i] = T(from[i]);
    });
  });
}

Tensor tensor(const NestedNumbers& numbers, std::optional<DType> dtype) {
  DType own = numbers.dtype().value_or(default_dtype());
  if (own == DType::Int32) own = DType::Int64;
  if (own == DType::Float32 || own == DType::Float64) own = default_dtype();
  Tensor result = make_tensor(numbers.shape(), dtype.value_or(own));
  numbers.store(result);
  return result;
}

Tensor from_blob(void* data, Ints shape, Ints strides, DType dtype, void* context,
                 Storage::Release release) {
  check(shape.size() == strides.size(), "from_blob: ", shape.size(), " sizes but ", strides.size(),
        " strides");
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    check(strides[i] >= 0, "from_blob: negative strides are not supported, got ",
          to_string(strides));
    last += (shape[i] - 1) * strides[i];
  }
  int64_t elements = count_elements(shape) == 0 ? 0 : last + 1;
  Ref<Storage> storage = Storage::borrow(data, size_t(elements * size_of(dtype)), context, release);
  return make_tensor(std::move(storage), dtype, shape, strides, 0);
}

Tensor from_blob(void* data, Ints shape, Ints strides, DType dtype) {
  return from_blob(data, shape, strides, dtype, nullptr, [](void*) noexcept {});
}

Tensor from_blob(void* data, Ints shape, DType dtype) {
  return from_blob(data, shape, contiguous_strides(shape), dtype);
}

}  // namespace rushlight
