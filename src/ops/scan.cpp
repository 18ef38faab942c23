// Running sums, products and extremes along a dim, and what is made of them.

#include <rushlight/operators.h>

#include "ops/reduce.h"
#include "ops/selection.h"

#include <limits>

namespace rushlight {

namespace {

DType running_dtype(const Tensor& input, std::optional<DType> dtype) {
  return dtype.value_or(is_floating(input.dtype()) ? input.dtype() : DType::Int64);
}

Tensor running(Scan scan, const Tensor& input, int64_t dim, DType dtype,
               const Tensor* indices = nullptr) {
  dim = wrap_dim(dim, input.dim());
  Tensor source = input.dim() == 0 ? input.reshape({1}) : input;
  Tensor result = make_tensor(input.shape(), dtype, input.device());
  if (input.numel() == 0 || input.impl()->device == DeviceType::Meta) return result;
  Dims strides = contiguous_strides(source.shape());
  Operand places{indices ? indices->data() : nullptr, DType::Int64, strides.data()};
  run_scan(scan, dtype, source.shape(), int(dim), operand_of(source),
           {result.data(), dtype, strides.data()}, indices ? &places : nullptr);
  return result;
}

std::tuple<Tensor, Tensor> running_extreme(Scan scan, const Tensor& input, int64_t dim) {
  Tensor indices = make_tensor(input.shape(), DType::Int64, input.device());
  return {running(scan, input, dim, input.dtype(), &indices), indices};
}

Tensor extreme_backward(Backward& b) {
  Ints shape = b.shape("input");
  if (shape.empty()) return b.grad();
  int64_t dim = wrap_dim(b.integer("dim"), int64_t(shape.size()));
  return spread(b.grad(), b.saved("indices"), dim, shape[size_t(dim)]);
}

/// The sum of each element and all after it.
Tensor sum_from_here(const Tensor& tensor, int64_t dim) {
  return tensor.dim() == 0 ? tensor : tensor.flip(dim).cumsum(dim).flip(dim);
}

Tensor log_sum_from_here(const Tensor& tensor, int64_t dim) {
  return tensor.dim() == 0 ? tensor : tensor.flip(dim).logcumsumexp(dim).flip(dim);
}

/// The lowest number of a dtype: stands for log(0) where infinities would make derivatives NaN.
double lowest_of(DType dtype) {
  switch (dtype) {
    case DType::Float16: return -65504;
    case DType::BFloat16: return -0x1.fep127;
    case DType::Float64: return std::numeric_limits<double>::lowest();
    default: return std::numeric_limits<float>::lowest();
  }
}

/// Gradient of cumprod where an element is zero: each product is made without the element.
Tensor cumprod_with_zeros(const Tensor& grad, const Tensor& input, const Tensor& result,
                          int64_t dim) {
  int64_t n = input.size(dim);
  std::vector<Tensor> parts;
  for (int64_t k = 0; k < n; ++k) {
    Tensor before =
        k == 0 ? rushlight::ones_like(result.narrow(dim, 0, 1)) : result.narrow(dim, k - 1, 1);
    Tensor without = before;
    if (k + 1 < n) {
      Tensor after = input.narrow(dim, k + 1, n - k - 1).cumprod(dim);
      without = rushlight::cat({before, before * after}, dim);
    }
    parts.push_back((grad.narrow(dim, k, n - k) * without).sum(dim, true));
  }
  return rushlight::cat(parts, dim);
}

Tensor cumprod_backward(Backward& b) {
  int64_t dim = b.integer("dim");
  Tensor input = b.saved("input"), grad = b.grad();
  if (input.dim() == 0 || input.numel() == 0) return grad;
  Tensor result = b.saved("result");
  if (!(input.detach() == Scalar(0)).any().item<bool>())
    return sum_from_here(grad * result, dim) / input;
  return cumprod_with_zeros(grad, input, result, dim);
}

/// Neighbours' differences, `n` times, of the tensor between what is put before and after it.
Tensor differences(const Tensor& input, int64_t n, int64_t dim, const Tensor& prepend,
                   const Tensor& append) {
  check(input.dim() > 0, "diff expects input to be at least one-dimensional");
  check(n >= 0, "order must be non-negative but got ", n);
  dim = wrap_dim(dim, input.dim());
  std::vector<Tensor> parts;
  for (const Tensor& part : {prepend, input, append}) {
    if (!part.defined()) continue;
    check(part.dim() == input.dim(),
          "diff expects prepend or append to be the same dimension as input");
    for (int64_t i = 0; i < input.dim(); ++i) {
      check(i == dim || part.size(i) == input.size(i),
            "diff expects the shape of tensor to prepend or append to match that of input except "
            "along the differencing dimension; input.size(",
            i, ") = ", input.size(i), ", but got tensor.size(", i, ") = ", part.size(i));
    }
    parts.push_back(part);
  }
  Tensor result = parts.size() == 1 ? input : rushlight::cat(parts, dim);
  if (n == 0) return input.clone();
  n = std::min(n, result.size(dim));
  for (int64_t i = 0; i < n; ++i) {
    int64_t size = std::max<int64_t>(result.size(dim) - 1, 0);
    Tensor later = result.narrow(dim, result.size(dim) - size, size);
    Tensor earlier = result.narrow(dim, 0, size);
    result = result.dtype() == DType::Bool ? later.logical_xor(earlier) : later - earlier;
  }
  return result;
}

}  // namespace

constinit const Op op::cumsum = {
    .schema = "cumsum(Tensor input, int dim, *, dtype? dtype=None) -> Tensor",
    .doc = "The sum of each element and all before it along `dim`; integers sum in int64.",
    .examples = "cumsum(randn(3, 4), 1)\ncumsum(randn(3, 4), 0, dtype=float64)",
    .variants = "in-place",
    .forward = run([](const Tensor& input, int64_t dim, std::optional<DType> dtype) {
      return running(Scan::Sum, input, dim, running_dtype(input, dtype));
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return sum_from_here(b.grad(), b.integer("dim")); });
        },
};

constinit const Op op::cumprod = {
    .schema = "cumprod(Tensor input, int dim, *, dtype? dtype=None) -> Tensor",
    .doc = "The product of each element and all before it along `dim`.",
    .examples =
        "cumprod(randn(3, 4), 1)\n"
        "cumprod(randn(3, 4), 0, dtype=float64)\n"
        "cumprod(tensor([1.5, 0.0, 2.0, 0.0, 3.0]), 0)",
    .variants = "in-place",
    .forward = run([](const Tensor& input, int64_t dim, std::optional<DType> dtype) {
      return running(Scan::Prod, input, dim, running_dtype(input, dtype));
    }),
    .save = "input, result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return cumprod_backward(b); }); },
};

constinit const Op op::cummax = {
    .schema = "cummax(Tensor input, int dim) -> (Tensor values, Tensor indices)",
    .doc = "The largest element so far along `dim`, and its index.",
    .examples = "cummax(randn(3, 4), 1)",
    .forward = run(
        [](const Tensor& input, int64_t dim) { return running_extreme(Scan::Max, input, dim); }),
    .save = "indices",
    .backward = [](Backward& b) { b.wrt("input", [&] { return extreme_backward(b); }); },
};

constinit const Op op::cummin = {
    .schema = "cummin(Tensor input, int dim) -> (Tensor values, Tensor indices)",
    .doc = "The smallest element so far along `dim`, and its index.",
    .examples = "cummin(randn(3, 4), 1)",
    .forward = run(
        [](const Tensor& input, int64_t dim) { return running_extreme(Scan::Min, input, dim); }),
    .save = "indices",
    .backward = [](Backward& b) { b.wrt("input", [&] { return extreme_backward(b); }); },
};

constinit const Op op::logcumsumexp = {
    .schema = "logcumsumexp(Tensor input, int dim) -> Tensor",
    .doc = "log of the sum of exp of each element and all before it along `dim`.",
    .examples = "logcumsumexp(randn(3, 4), 1)",
    .forward = run([](const Tensor& input, int64_t dim) {
      check(is_floating(input.dtype()), ErrorKind::NotImplemented,
            "\"logcumsumexp_out_cpu\" not implemented for '", info(input.dtype()).spoken, "'");
      return running(Scan::LogSumExp, input, dim, input.dtype());
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            // In logarithms, the positive and the negative part of the gradient apart.
            Tensor grad = b.grad(), x = b.saved("input"), result = b.saved("result");
            int64_t dim = b.integer("dim");
            Tensor size = grad.abs().log();
            double lowest = lowest_of(grad.dtype());
            Tensor up = rushlight::where(grad <= 0, lowest, size);
            Tensor down = rushlight::where(grad >= 0, lowest, size);
            return (log_sum_from_here(up - result, dim) + x).exp() -
                   (log_sum_from_here(down - result, dim) + x).exp();
          });
        },
};

constinit const Op op::diff = {
    .schema =
        "diff(Tensor input, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> "
        "Tensor",
    .doc = "Each element minus the one before it along `dim`, `n` times.",
    .examples =
        "diff(randn(3, 4))\n"
        "diff(randn(3, 4), 2, 0)\n"
        "diff(randn(3, 4), prepend=randn(3, 1), append=randn(3, 2))",
    .compose = run<differences>(),
};

}  // namespace rushlight
