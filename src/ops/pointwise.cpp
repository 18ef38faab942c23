#include "ops/pointwise.h"

#include <rushlight/operators.h>

#include "ops/copy.h"

#include <algorithm>
#include <cstring>

namespace rushlight {

namespace {

constexpr size_t kMaxOperands = 5;

/// Order of dims from the fastest-moving to the slowest, by the strides of the tensors: the layout
/// of PyTorch's results (TensorIterator's order).
Dims stride_order(std::span<const int64_t> shape, std::span<const Dims> strides) {
  int64_t ndim = int64_t(shape.size());
  Dims order(shape.size());
  for (int64_t i = 0; i < ndim; ++i) order[size_t(i)] = ndim - 1 - i;
  auto compare = [&](int64_t a, int64_t b) {
    for (const Dims& operand : strides) {
      int64_t stride_a = operand[size_t(a)], stride_b = operand[size_t(b)];
      if (stride_a == 0 || stride_b == 0) continue;
      if (stride_a != stride_b) return stride_a < stride_b ? -1 : 1;
      if (shape[size_t(a)] > shape[size_t(b)]) return 1;
    }
    return 0;
  };
  for (int64_t i = 1; i < ndim; ++i) {
    for (int64_t moving = i, other = i - 1; other >= 0; --other) {
      int order_of_two = compare(order[size_t(other)], order[size_t(moving)]);
      if (order_of_two > 0) {
        std::swap(order[size_t(other)], order[size_t(moving)]);
        moving = other;
      } else if (order_of_two < 0) {
        break;
      }
    }
  }
  return order;
}

Tensor make_result(std::span<const int64_t> shape, DType dtype, std::span<const Dims> strides,
                   Device device) {
  Tensor result = make_tensor(shape, dtype, device);
  bool plain = std::all_of(strides.begin(), strides.end(),
                           [&](const Dims& operand) { return is_contiguous(shape, operand); });
  if (plain || shape.size() < 2) return result;
  Dims order = stride_order(shape, strides);
  int64_t step = 1;
  for (int64_t dim : order) {
    result.impl()->strides[size_t(dim)] = step;
    step *= std::max<int64_t>(shape[size_t(dim)], 1);
  }
  result.impl()->update_layout();
  return result;
}

void check_destination(const Tensor& destination, std::span<const int64_t> shape, DType dtype) {
  check_can_cast(dtype, destination.dtype());
  check(same(destination.shape(), shape), "output with shape ", to_string(destination.shape()),
        " doesn't match the broadcast shape ", to_string(shape));
  check_distinct_elements(destination);
}

}  // namespace

Tensor make_like(const Tensor& tensor, DType dtype) {
  const TensorImpl* impl = tensor.impl();
  return make_result(impl->shape, dtype, {&impl->strides, 1}, tensor.device());
}

Param to_param(const Scalar& scalar) {
  return scalar.is_float() ? Param(scalar.real()) : Param(scalar.integer());
}

DType promote_operands(std::span<const Value> operands) {
  Promotion promotion;
  for (const Value& operand : operands) {
    if (operand.is_tensor())
      promotion.add(operand.tensor());
    else if (operand.is_number())
      promotion.add(operand.scalar());
  }
  return promotion.result();
}

std::string_view type_name(DType dtype) {
  constexpr std::string_view kNames[kDTypes] = {
      "bool",     "unsigned char", "signed char",   "short int", "int",
      "long int", "c10::Half",     "c10::BFloat16", "float",     "double"};
  return kNames[int(dtype)];
}

void check_can_cast(DType from, DType to) {
  bool lossy =
      (is_floating(from) && !is_floating(to)) || (from != DType::Bool && to == DType::Bool);
  check(!lossy, "result type ", info(from).spoken, " can't be cast to the desired output type ",
        info(to).spoken);
}

bool is_expanded(const Tensor& tensor) {
  if (tensor.is_contiguous()) return false;
  for (size_t i = 0; i < tensor.shape().size(); ++i) {
    if (tensor.shape()[i] > 1 && tensor.strides()[i] == 0) return true;
  }
  return false;
}

void check_distinct_elements(const Tensor& destination) {
  check(!is_expanded(destination),
        "unsupported operation: more than one element of the written-to tensor refers to a single "
        "memory location. Please clone() the tensor before performing the operation.");
}

bool may_overlap(const Tensor& a, const Tensor& b) {
  const void* bytes = a.impl()->storage->data();
  if (!bytes || bytes != b.impl()->storage->data() || a.numel() == 0 || b.numel() == 0)
    return false;
  if (a.dtype() == b.dtype() && a.storage_offset() == b.storage_offset() &&
      same(a.shape(), b.shape()) && same(a.strides(), b.strides())) {
    return false;
  }
  auto range = [](const Tensor& tensor) {
    int64_t last = 0;
    for (size_t i = 0; i < tensor.shape().size(); ++i) {
      last += (tensor.shape()[i] - 1) * tensor.strides()[i];
    }
    const char* first = static_cast<const char*>(tensor.data());
    return std::pair(first, first + (last + 1) * size_of(tensor.dtype()));
  };
  auto [first_a, end_a] = range(a);
  auto [first_b, end_b] = range(b);
  return first_a < end_b && first_b < end_a;
}

Operand broadcast_operand(const Tensor& tensor, std::span<const int64_t> shape, Dims& strides) {
  strides = broadcast_strides(tensor.shape(), tensor.strides(), shape);
  return {tensor.data(), tensor.dtype(), strides.data()};
}

namespace {

/// As in PyTorch, a number among half-precision tensors is rounded to their dtype, but not one that
/// multiplies, divides or weighs.
bool rounds_numbers(Kernel kernel, size_t operand) {
  switch (kernel) {
    case Kernel::Mul:
    case Kernel::Div:
    case Kernel::FloorDivide:
    case Kernel::TruncDivide: return operand == 0;
    case Kernel::Lerp: return false;
    default: return true;
  }
}

Scalar rounded_to(const Scalar& number, DType half) {
  return half == DType::Float16 ? Scalar(double(float(number.to<Float16>())))
                                : Scalar(double(float(number.to<BFloat16>())));
}

/// The operands of one run: shapes merged, numbers turned into elements.
class Prepared {
 public:
  Prepared(const Pointwise& pointwise, std::span<const Value> operands) : pointwise_(pointwise) {
    check(operands.size() < kMaxOperands, "a kernel takes at most four operands");
    merge_shapes(operands);
    for (const Value& operand : operands) {
      if (operand.is_tensor())
        add_tensor(operand.tensor());
      else
        add_number(operand.scalar());
    }
  }

  Tensor run(std::span<const Param> params) {
    Tensor result;
    if (pointwise_.destination) {
      result = *pointwise_.destination;
      check_destination(result, shape_, pointwise_.result);
      separate_overlaps(result);
    } else {
      result = make_result(shape_, pointwise_.result, {tensor_strides_, tensors_}, device_);
    }
    if (result.impl()->device == DeviceType::Meta) return result;
    entries_[0] = operand_of(result);
    run_pointwise(pointwise_.kernel, pointwise_.compute, shape_, {entries_, count_ + 1}, params);
    return result;
  }

 private:
  void merge_shapes(std::span<const Value> operands) {
    bool first = true;
    for (const Value& operand : operands) {
      if (!operand.is_tensor()) continue;
      const Tensor& tensor = operand.tensor();
      if (tensor.impl()->device == DeviceType::Meta) device_.type = DeviceType::Meta;
      if (first)
        shape_ = tensor.impl()->shape;
      else if (!same(shape_, tensor.shape()))
        shape_ = broadcast_shapes(shape_, tensor.shape());
      first = false;
    }
  }
  void add_tensor(const Tensor& tensor) {
    const TensorImpl* impl = tensor.impl();
    bool is_number = is_half(pointwise_.compute) && impl->shape.empty() &&
                     impl->dtype != pointwise_.compute && impl->device == DeviceType::Cpu;
    if (is_number) [[unlikely]]
      return add_number(tensor.item_scalar());
    Dims& strides = tensor_strides_[tensors_];
    sources_[tensors_++] = &tensor;
    entries_[++count_] = broadcast_operand(tensor, shape_, strides);
  }
  void add_number(const Scalar& number) {
    if (zeros_.size() != shape_.size()) zeros_ = Dims(shape_.size(), 0);
    void* slot = &numbers_[count_];
    bool half = is_half(pointwise_.compute);
    DType dtype = half ? DType::Float32 : pointwise_.compute;
    bool rounds = half && rounds_numbers(pointwise_.kernel, count_);
    const Scalar& used = rounds ? rounded_to(number, pointwise_.compute) : number;
    dispatch(dtype, [&]<class T>(CppType<T>) {
      T value = used.to<T>();
      std::memcpy(slot, &value, sizeof value);
    });
    entries_[++count_] = {slot, dtype, zeros_.data()};
  }
  /// An input that shares some bytes with the result in another order is copied first.
  void separate_overlaps(const Tensor& result) {
    for (size_t i = 0; i < tensors_; ++i) {
      if (!may_overlap(result, *sources_[i])) continue;
      copies_.push_back(rushlight::clone(sources_[i]->detach()));
      for (size_t k = 1; k <= count_; ++k) {
        if (entries_[k].strides == tensor_strides_[i].data()) {
          entries_[k] = broadcast_operand(copies_.back(), shape_, tensor_strides_[i]);
        }
      }
    }
  }

  const Pointwise& pointwise_;
  Dims shape_, zeros_;
  Device device_;
  Operand entries_[kMaxOperands];
  size_t count_ = 0, tensors_ = 0;
  Dims tensor_strides_[kMaxOperands];
  const Tensor* sources_[kMaxOperands];
  double numbers_[kMaxOperands];
  SmallVector<Tensor, 1> copies_;
};

/// Tensors of one dtype and shape in row-major order, and at most one number: nothing to prepare.
class Alike {
 public:
  /// False if the operand is not like those before it.
  bool add(const Value& operand) {
    if (count_ == kMaxOperands) return false;
    if (operand.is_number()) return add(operand.scalar());
    if (!operand.is_tensor()) return false;
    const TensorImpl* impl = operand.tensor().impl();
    if (impl->wrapped_number) return add(operand.tensor().item_scalar());
    if (!impl->contiguous || impl->device != DeviceType::Cpu) return false;
    if (!first_)
      first_ = impl;
    else if (impl->dtype != first_->dtype || !(impl->shape == first_->shape))
      return false;
    overlaps_ |= impl != first_ && impl->storage == first_->storage;
    pointers_[count_++] = operand.tensor().data();
    return true;
  }
  bool any() const { return first_ != nullptr; }
  DType dtype() const { return first_->dtype; }
  /// Whether the operands promote to the dtype of the tensors, however many dims these have.
  bool keeps_dtype() const {
    return !scalar_ || is_floating(dtype()) || (dtype() != DType::Bool && !number_.is_float());
  }

  /// False if the result is not like the operands, or the kernel can't work on them as they are.
  bool run(Kernel kernel, DType result_dtype, const Tensor* destination,
           std::span<const Param> params, Tensor& result) {
    DType produced = info(kernel).predicate ? DType::Bool : dtype();
    if (is_half(dtype()) || kernel == Kernel::Copy || result_dtype != produced) return false;
    alignas(8) char number[sizeof(double)];
    if (scalar_) {
      bool plain = params.empty() || params[0].to<double>() == 1;
      if (count_ != 3 || !plain || info(kernel).predicate) return false;
      dispatch(dtype(), [&]<class T>(CppType<T>) {
        T value = number_.to<T>();
        std::memcpy(number, &value, sizeof value);
      });
      pointers_[scalar_] = number;
    }
    if (destination) {
      // In place is plain too if the destination is the first operand and overlaps no other.
      if (destination->impl() != first_ || result_dtype != dtype() || overlaps_) return false;
      result = *destination;
    } else {
      result = make_tensor_like(*first_, result_dtype);
    }
    pointers_[0] = result.data();
    return run_pointwise(kernel, dtype(), first_->elements, {pointers_, count_}, params, scalar_);
  }

 private:
  bool add(const Scalar& number) {
    if (scalar_) return false;
    number_ = number;
    scalar_ = int(count_++);
    return true;
  }

  const TensorImpl* first_ = nullptr;
  Scalar number_;
  void* pointers_[kMaxOperands];
  size_t count_ = 1;
  int scalar_ = 0;  // which operand is the number; 0: none is
  bool overlaps_ = false;
};

bool run_alike(const Pointwise& pointwise, std::span<const Value> operands,
               std::span<const Param> params, Tensor& result) {
  Alike alike;
  for (const Value& operand : operands) {
    if (!alike.add(operand)) return false;
  }
  if (!alike.any() || alike.dtype() != pointwise.compute) return false;
  return alike.run(pointwise.kernel, pointwise.result, pointwise.destination, params, result);
}

/// The same before anything is known of the call: its operands are alike, and the numbers that
/// follow are all 1, which is what they are left out for.
bool run_alike(Call& call, Kernel kernel, Result kind, size_t inputs) {
  const OpInfo& info = *call.op.info;
  size_t count = info.schema.parameters.size();
  if (!inputs) {
    inputs = info.tensor_parameters.size();
    if (!inputs || info.tensor_parameters.back() != inputs - 1) return false;
  }
  Alike alike;
  for (size_t i = 0; i < inputs; ++i) {
    if (!alike.add(call.arguments[i])) return false;
  }
  for (size_t i = inputs; i < count; ++i) {
    if (call.arguments[i].kind() != Value::Kind::Int || call.arguments[i].as<int64_t>() != 1)
      return false;
  }
  if (!alike.any() || !alike.keeps_dtype()) return false;
  bool floating = kind == Result::Floating || kind == Result::FloatingBoolean;
  if (floating && !is_floating(alike.dtype())) return false;
  bool boolean = kind == Result::Boolean || kind == Result::FloatingBoolean;
  constexpr Param kOnes[] = {1, 1, 1, 1};
  Tensor result;
  if (!alike.run(kernel, boolean ? DType::Bool : alike.dtype(), call.destination,
                 {kOnes, count - inputs}, result))
    return false;
  call.results.tensors.push_back(std::move(result));
  return true;
}

}  // namespace

Tensor Pointwise::run(std::span<const Value> operands, std::span<const Param> params) const {
  Tensor result;
  if (run_alike(*this, operands, params, result)) return result;
  return Prepared(*this, operands).run(params);
}

void pointwise_forward(Call& call, Kernel kernel, Result kind, size_t inputs) {
  if (run_alike(call, kernel, kind, inputs)) return;
  const Schema& schema = call.op.info->schema;
  Value operands[kMaxOperands];
  Param params[4] = {0, 0, 0, 0};
  Scalar numbers[4];
  size_t operand_count = 0, param_count = 0;
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    Type type = schema.parameters[i].type;
    bool is_operand = i < inputs || type == Type::Tensor || type == Type::TensorOrScalar;
    if (is_operand)
      operands[operand_count++] = call.arguments[i];
    else
      numbers[param_count++] = call.arguments[i].scalar();
  }
  DType compute = promote_operands({operands, operand_count});
  bool wants_floating = kind == Result::Floating || kind == Result::FloatingBoolean;
  if (wants_floating && !is_floating(compute)) compute = default_dtype();
  bool boolean = kind == Result::Boolean || kind == Result::FloatingBoolean;
  for (size_t i = 0; i < param_count; ++i) {
    bool rounds = is_half(compute) && (kernel == Kernel::Add || kernel == Kernel::Sub ||
                                       kernel == Kernel::Rsub || kernel == Kernel::PowTo);
    params[i] = to_param(rounds ? rounded_to(numbers[i], compute) : numbers[i]);
    if (!(numbers[i] == 1)) check_fits(numbers[i], compute);
  }
  Pointwise pointwise{kernel, compute, boolean ? DType::Bool : compute, call.destination};
  if (call.destination && boolean) pointwise.result = call.destination->dtype();
  call.results.tensors.push_back(pointwise.run({operands, operand_count}, {params, param_count}));
}

void copy_elements(const Tensor& target, const Tensor& source) {
  if (target.numel() == 0 || target.impl()->device == DeviceType::Meta) return;
  Dims strides;
  run_copy(target.shape(), operand_of(target), broadcast_operand(source, target.shape(), strides));
}

}  // namespace rushlight
