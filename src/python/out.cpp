#include "python/out.h"

#include <rushlight/operators.h>

#include <algorithm>

#include "ops/dual.h"
#include "ops/pointwise.h"

namespace rushlight::python {

namespace {

/// Throws where writing to `target` could change an argument before it is read: what works element
/// by element (and so has a form in place, or a condition) may write to the place that it reads;
/// what picks elements, or joins a list of tensors, may not.
void check_overlaps(const Op& op, const Value* arguments, const Tensor& target) {
  const OpInfo& info = *op.info;
  auto has = [&](Name parameter) { return info.schema.find(parameter) >= 0; };
  bool by_element = info.in_place || has("condition") || has("exponent") || has("lambd");
  bool picks = !by_element && (has("index") || has("indices") || has("mask"));
  for (uint16_t index : info.tensor_parameters) {
    const Value& value = arguments[index];
    if (value.is_tensor() && (by_element || picks))
      check_overlap(target, value.tensor(), by_element);
    if (value.kind() != Value::Kind::Tensors) continue;
    for (const Tensor& tensor : value.tensors()) check_overlap(target, tensor, false);
  }
}

/// What has no dtype of its own, or none that was given, is computed in that of `target`; what is
/// made from nothing has to have it.
void take_dtype(const Op& op, Value* arguments, const Tensor& target) {
  int index = op.info->schema.find("dtype");
  if (index < 0) return;
  if (arguments[index].is_none()) arguments[index] = Value(target.dtype());
  DType dtype = arguments[index].as<DType>();
  if (dtype == target.dtype()) return;
  check(op.info->tensor_parameters.empty(), "Expected out tensor to have dtype ", type_name(dtype),
        ", but got ", type_name(target.dtype()), " instead");
  fail(ErrorKind::Runtime, "dtype ", info(dtype).spoken, " does not match dtype of out parameter (",
       info(target.dtype()).spoken, ")");
}

/// A target of another shape becomes row-major, with a warning if it had elements.
void fit_shape(const Tensor& target, const Tensor& result) {
  if (same(target.shape(), result.shape())) return;
  if (target.numel() > 0) {
    warn("An output with one or more elements was resized since it had shape " +
         std::string(to_string(target.shape())) +
         ", which does not match the required output "
         "shape " +
         std::string(to_string(result.shape())) +
         ". This behavior is deprecated, and in a future PyTorch release outputs will not be "
         "resized unless they have zero elements. You can explicitly reuse an out tensor t by "
         "resizing it, inplace, to zero elements with t.resize_(0).");
  }
  TensorImpl* impl = target.impl();
  size_t bytes = size_t(result.numel() * size_of(target.dtype()));
  if (impl->storage->bytes() < bytes) impl->storage->resize(bytes);
  impl->shape = result.impl()->shape;
  impl->strides = contiguous_strides(impl->shape);
  impl->update_layout();
}

/// Whether PyTorch writes the result to a tensor of its dtype only; else it converts.
bool is_exact(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "addmm",          "argmax",     "argmin",       "chain_matmul",  "cross",
      "cummax",         "cummin",     "diag",         "dot",           "gather",
      "heaviside",      "histc",      "index_select", "inner",         "isin",
      "isneginf",       "isposinf",   "logcumsumexp", "matmul",        "mm",
      "msort",          "nan_to_num", "nanquantile",  "nonzero",       "quantile",
      "searchsorted",   "bucketize",  "signbit",      "slice_scatter", "take",
      "take_along_dim", "tensordot",  "tril",         "triu",          "vdot"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

/// The same of what works element by element, of which PyTorch speaks in other words.
bool is_exact_elementwise(std::string_view name) {
  constexpr std::string_view kNames[] = {"abs",      "absolute", "bitwise_not", "ceil", "fix",
                                         "floor",    "frac",     "hardshrink",  "lerp", "neg",
                                         "negative", "round",    "sgn",         "sign", "trunc"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

void check_dtype(const Op& op, const Tensor& result, const Tensor& target, bool one_of_several) {
  DType from = result.dtype(), to = target.dtype();
  std::string_view name = op.info->schema.name;
  if (name == "bernoulli") return;  // which draws into any dtype
  if (from != to) {
    check(name != "nonzero",
          "nonzero: Expected out tensor to have scalar type Long but got scalar type",
          info(to).spoken);
    check(name != "cummax" && name != "cummin" && name != "logcumsumexp", "expected scalar_type ",
          info(from).spoken, " but found ", info(to).spoken);
    check((name != "all" && name != "any") || to == DType::UInt8, name,
          " only supports bool tensor for result, got: ", info(to).spoken);
    check(!is_exact_elementwise(name), "Found dtype ", info(to).spoken, " but expected ",
          info(from).spoken);
    check(!one_of_several && !op.info->copies_view && !is_exact(name),
          "Expected out tensor to have dtype ", type_name(from), ", but got ", type_name(to),
          " instead");
  }
  check_can_cast(from, to);
}

void store_one(const Op& op, const Tensor& result, const Tensor& target, bool one_of_several) {
  check_dtype(op, result, target, one_of_several);
  bool counts = op.info->tensor_parameters.empty() && result.dim() == 1;
  if (counts && target.numel() == result.numel()) {
    // What counts up, as arange does, fills a tensor of any shape.
    target.copy_(result.reshape(target.shape()));
    return;
  }
  fit_shape(target, result);
  target.copy_(result);
}

}  // namespace

void prepare_out(const Op& op, Value* arguments, PyObject* out) {
  if (autograd::level_is_open()) [[unlikely]] {
    bool dual = any_is_dual(*op.info, arguments) ||
                (is_tensor(out) && autograd::forward_ad::tangent_of(tensor_of(out)).defined());
    check(!dual, ErrorKind::NotImplemented, "Trying to use forward AD with ", op.info->schema.name,
          "_out that does not support it because it is an out= function");
  }
  bool recorded = is_tensor(out) && tensor_of(out).requires_grad();
  for (uint16_t index : op.info->tensor_parameters) {
    const Value& value = arguments[index];
    recorded |= value.is_tensor() && value.tensor().requires_grad();
  }
  check(!recorded || !autograd::grad_enabled(), op.info->schema.name,
        "(): functions with out=... arguments don't support automatic differentiation, but one of "
        "the arguments requires grad.");
  if (!is_tensor(out)) return;
  check_overlaps(op, arguments, tensor_of(out));
  take_dtype(op, arguments, tensor_of(out));
}

PyObject* store_out(const Op& op, Results& results, PyObject* out) {
  size_t count = results.tensors.size();
  bool list = op.info->schema.returns[0].type == Type::Tensors;
  bool several = PyTuple_Check(out) || (list && PyList_Check(out));
  check(several || (is_tensor(out) && count == 1 && !list), ErrorKind::Type, op.info->schema.name,
        "(): argument 'out' must be ", count == 1 && !list ? "Tensor" : "tuple of Tensors",
        ", not ", Py_TYPE(out)->tp_name);
  size_t given = several ? size_t(PySequence_Fast_GET_SIZE(out)) : 1;
  std::string name = op.info->full_name + "_out";
  std::ranges::replace(name, '.', '_');
  check(given == count, list ? ErrorKind::Runtime : ErrorKind::Type, name,
        "() expected an out= argument of size ", count, ", got size ", given);
  autograd::NoGrad guard;
  for (size_t i = 0; i < count; ++i) {
    PyObject* item = several ? PySequence_Fast_GET_ITEM(out, Py_ssize_t(i)) : out;
    check(is_tensor(item), ErrorKind::Type, op.info->schema.name,
          "(): argument 'out' must be tuple of Tensors");
    store_one(op, results.tensors[i], tensor_of(item), count > 1);
  }
  return Py_NewRef(list ? Py_None : out);
}

}  // namespace rushlight::python
