// Reductions: sums and their kin, over all dims or some.

#include "kernels/reduce.h"

#include <rushlight/operators.h>

#include "ops/reduce.h"

namespace rushlight {

namespace {

/// Strides of a result that all dims reduce to.
constexpr int64_t kZeros[8] = {};

}  // namespace

Reduced reduced_layout(const Tensor& input, std::span<const int64_t> dims, bool keepdim) {
  Reduced reduced{wrap_dims(dims, input.dim()), {}, {}};
  for (size_t i = 0; i < input.shape().size(); ++i) {
    if (!reduced.flags[i])
      reduced.shape.push_back(input.shape()[i]);
    else if (keepdim)
      reduced.shape.push_back(1);
  }
  Dims strides = contiguous_strides(reduced.shape);
  for (size_t i = 0, next = 0; i < input.shape().size(); ++i) {
    bool kept = !reduced.flags[i];
    reduced.strides.push_back(kept ? strides[next] : 0);
    next += kept || keepdim;
  }
  return reduced;
}

namespace {

/// Sums and products in a narrow dtype: computed in int64, which wraps alike; "or" and "and" of
/// bool.
Tensor reduce_narrow(Reduction reduction, const Tensor& input, std::span<const int64_t> dims,
                     bool keepdim, DType dtype) {
  if (dtype == DType::Bool) {
    Reduction logical = reduction == Reduction::Prod ? Reduction::All : Reduction::Any;
    return reduce(logical, input, dims, keepdim, input.dtype(), DType::Bool);
  }
  Tensor source = is_floating(input.dtype()) ? input.to(dtype) : input;
  return reduce(reduction, source, dims, keepdim, DType::Int64, DType::Int64).to(dtype);
}

bool is_narrow(Reduction reduction, DType compute) {
  bool folds =
      reduction == Reduction::Sum || reduction == Reduction::NanSum || reduction == Reduction::Prod;
  return folds && !is_floating(compute) && compute != DType::Int64;
}

}  // namespace

Tensor reduce(Reduction reduction, const Tensor& input, std::span<const int64_t> dims, bool keepdim,
              DType compute, DType result_dtype) {
  if (is_narrow(reduction, compute)) [[unlikely]]
    return reduce_narrow(reduction == Reduction::NanSum ? Reduction::Sum : reduction, input, dims,
                         keepdim, compute);
  if (dims.empty() && !keepdim && input.dim() <= int64_t(std::size(kZeros))) [[likely]] {
    Tensor result = make_tensor({}, result_dtype, input.device());
    if (input.impl()->device == DeviceType::Meta) return result;
    run_reduce(reduction, compute, input.shape(), operand_of(input),
               {result.data(), result_dtype, kZeros});
    return result;
  }
  Reduced reduced = reduced_layout(input, dims, keepdim);
  Tensor result = make_tensor(reduced.shape, result_dtype, input.device());
  if (input.impl()->device == DeviceType::Meta) return result;
  run_reduce(reduction, compute, input.shape(), operand_of(input),
             {result.data(), result_dtype, reduced.strides.data()});
  return result;
}

Tensor unreduce(const Tensor& tensor, std::span<const int64_t> shape, std::span<const int64_t> dims,
                bool keepdim) {
  Tensor result = tensor;
  if (!keepdim) {
    Dims flags = wrap_dims(dims, int64_t(shape.size()));
    Dims kept;
    for (size_t i = 0; i < shape.size(); ++i) kept.push_back(flags[i] ? 1 : shape[i]);
    result = result.view(kept);
  }
  return result.expand(Ints(shape));
}

namespace {

DType sum_dtype(const Tensor& input, std::optional<DType> dtype) {
  return dtype.value_or(is_floating(input.dtype()) ? input.dtype() : DType::Int64);
}

DType mean_dtype(const Tensor& input, std::optional<DType> dtype) {
  DType result = dtype.value_or(input.dtype());
  check(is_floating(result), "mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
        " dtype must be either a floating point or complex dtype. Got: ", info(result).spoken,
        "; convert first, as in x.float().mean()");
  return result;
}

/// any() and all() of uint8 stay uint8, as they were before there was a bool.
DType truth_dtype(const Tensor& input) {
  return input.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool;
}

Tensor truth(Reduction reduction, const Tensor& input, std::span<const int64_t> dims,
             bool keepdim) {
  return reduce(reduction, input, dims, keepdim, input.dtype(), truth_dtype(input));
}

/// None means all dims, but an empty list none of them.
template <Reduction reduction>
constexpr auto truth_over =
    [](const Tensor& input, std::optional<Ints> dim, bool keepdim) -> Tensor {
  if (dim && dim->empty()) return input.ne(0).to(truth_dtype(input));
  return truth(reduction, input, dim.value_or(Ints()), keepdim);
};

/// Number of elements of `shape` that go into one of the result.
int64_t reduced_count(std::span<const int64_t> shape, std::span<const int64_t> dims) {
  Dims flags = wrap_dims(dims, int64_t(shape.size()));
  int64_t count = 1;
  for (size_t i = 0; i < shape.size(); ++i) count *= flags[i] ? shape[i] : 1;
  return count;
}

/// An optional list of dims of a recorded call; none given means all.
Ints recorded_dims(const Backward& b) { return b.given("dim") ? b.ints("dim") : Ints(); }

Tensor unreduced(Backward& b, const Tensor& tensor) {
  return unreduce(tensor, b.shape("input"), recorded_dims(b), b.flag("keepdim"));
}

}  // namespace

namespace {

/// The gradient of one number at each of the elements it is the sum of. Where they are few it is
/// written out: what follows is faster over adjacent elements than over an expanded one.
Tensor repeated(const Tensor& grad, Ints shape) {
  constexpr int64_t kFew = 64;
  int64_t count = count_elements(shape);
  bool plain = grad.dtype() == DType::Float32 || grad.dtype() == DType::Float64;
  if (autograd::may_be_differentiated() || count > kFew || !plain || grad.device() != kCpu) {
    return grad.expand(shape);
  }
  Tensor result = make_tensor(shape, grad.dtype());
  if (grad.dtype() == DType::Float32)
    std::fill_n(result.data<float>(), count, *grad.data<float>());
  else
    std::fill_n(result.data<double>(), count, *grad.data<double>());
  return result;
}

}  // namespace

constinit const Op op::sum = {
    .schema = "sum(Tensor input, *, dtype? dtype=None) -> Tensor",
    .doc = "The sum of all elements; integers sum in int64.",
    .examples =
        "sum(randn(3, 4))\nsum(randn(3, 4), dtype=float64)\nsum(randn(3, 4), dtype=int8)\n"
        "sum(randn(3, 4), dtype=torch.bool)",
    .forward = run([](const Tensor& input, std::optional<DType> dtype) {
      DType result = sum_dtype(input, dtype);
      return reduce(Reduction::Sum, input, {}, false, result, result);
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return repeated(b.grad(), b.shape("input")); }); },
};

constinit const Op op::sum_dim_IntList = {
    .schema =
        "sum.dim_IntList(Tensor input, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) "
        "-> Tensor",
    .doc = "The sum over the dims given (all if none).",
    .examples = "sum(randn(3, 4), 1)\nsum(randn(2, 3, 4), (0, -1), keepdim=True)",
    .forward = run(
        [](const Tensor& input, std::optional<Ints> dim, bool keepdim, std::optional<DType> dtype) {
          DType result = sum_dtype(input, dtype);
          return reduce(Reduction::Sum, input, dim.value_or(Ints()), keepdim, result, result);
        }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return unreduced(b, b.grad()); }); },
    .node = "SumBackward1",
};

constinit const Op op::nansum = {
    .schema =
        "nansum(Tensor input, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> "
        "Tensor",
    .doc = "The sum over the dims given (all if none), in which NaN counts as 0.",
    .examples = "nansum(randn(3, 4))\nnansum(randn(3, 4), 1, keepdim=True)",
    .forward = run(
        [](const Tensor& input, std::optional<Ints> dim, bool keepdim, std::optional<DType> dtype) {
          DType result = sum_dtype(input, dtype);
          return reduce(is_floating(input.dtype()) ? Reduction::NanSum : Reduction::Sum, input,
                        dim.value_or(Ints()), keepdim, result, result);
        }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return unreduced(b, b.grad()) * b.saved("input").isnan().logical_not(); });
        },
};

constinit const Op op::nanmean = {
    .schema =
        "nanmean(Tensor input, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> "
        "Tensor",
    .doc = "The mean over the dims given (all if none) of what is not NaN.",
    .examples = "nanmean(randn(3, 4).log())\nnanmean(randn(3, 4).log(), 1, keepdim=True)",
    .compose = run(
        [](const Tensor& input, std::optional<Ints> dim, bool keepdim, std::optional<DType> dtype) {
          check(is_floating(input.dtype()),
                "nanmean(): expected input to have floating point or complex dtype but got ",
                info(input.dtype()).spoken);
          Tensor count = input.detach().isnan().logical_not().sum(dim, keepdim);
          return input.nansum(dim, keepdim, dtype) / count;
        }),
};

constinit const Op op::mean = {
    .schema = "mean(Tensor input, *, dtype? dtype=None) -> Tensor",
    .doc = "The mean of all elements, of a floating dtype.",
    .examples = "mean(randn(3, 4))\nmean(randn(3, 4), dtype=float64)",
    .forward = run([](const Tensor& input, std::optional<DType> dtype) {
      DType result = mean_dtype(input, dtype);
      return reduce(Reduction::Mean, input, {}, false, result, result);
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input");
            return (b.grad() / count_elements(shape)).expand(shape);
          });
        },
};

constinit const Op op::mean_dim = {
    .schema =
        "mean.dim(Tensor input, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    .doc = "The mean over the dims given (all if none).",
    .examples = "mean(randn(3, 4), 1)\nmean(randn(2, 3, 4), (0, -1), keepdim=True)",
    .forward = run(
        [](const Tensor& input, std::optional<Ints> dim, bool keepdim, std::optional<DType> dtype) {
          DType result = mean_dtype(input, dtype);
          return reduce(Reduction::Mean, input, dim.value_or(Ints()), keepdim, result, result);
        }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return unreduced(b, b.grad() / reduced_count(b.shape("input"), recorded_dims(b)));
          });
        },
    .node = "MeanBackward1",
};

constinit const Op op::any = {
    .schema = "any(Tensor input, int[1]? dim=None, bool keepdim=False) -> Tensor",
    .doc = "Whether any element along the dims given (all by default) is not zero.",
    .examples =
        "any(randn(3, 4))\n"
        "any(randn(3, 4), 1)\n"
        "any(randn(2, 3, 4), (0, -1), keepdim=True)\n"
        "any(randn(3, 4), keepdim=True)\n"
        "any(randn(3, 4), dim=())",
    .forward = run(truth_over<Reduction::Any>),
};

constinit const Op op::all = {
    .schema = "all(Tensor input, int[1]? dim=None, bool keepdim=False) -> Tensor",
    .doc = "Whether no element along the dims given (all by default) is zero.",
    .examples =
        "all(randn(3, 4))\n"
        "all(randn(3, 4), 1)\n"
        "all(randn(2, 3, 4), (0, -1), keepdim=True)\n"
        "all(randn(3, 4), keepdim=True)\n"
        "all(randn(3, 4), dim=())",
    .forward = run(truth_over<Reduction::All>),
};

constinit const Op op::count_nonzero = {
    .schema = "count_nonzero(Tensor input, int[1]? dim=None) -> Tensor",
    .doc = "How many elements are not zero, along the dims given (all if none).",
    .examples = "count_nonzero(randn(3, 4))\ncount_nonzero(randn(3, 4), 1)",
    .forward = run([](const Tensor& input, std::optional<Ints> dim) {
      return reduce(Reduction::CountNonzero, input, dim.value_or(Ints()), false, input.dtype(),
                    DType::Int64);
    }),
};

constinit const Op op::sum_to_size = {
    .schema = "sum_to_size(Tensor input, int[] size) -> Tensor",
    .doc = "Sums what broadcasting repeated: the result has the shape `size`.",
    .examples = "randn(2, 3, 4).sum_to_size(3, 1)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, Ints size) {
      int64_t lead = input.dim() - int64_t(size.size());
      bool fits = lead >= 0;
      Dims dims;
      for (int64_t i = 0; fits && i < input.dim(); ++i) {
        int64_t wanted = i < lead ? 1 : size[size_t(i - lead)];
        if (i < lead || (wanted == 1 && input.shape()[size_t(i)] != 1))
          dims.push_back(i);
        else
          fits = wanted == input.shape()[size_t(i)];
      }
      check(fits, "size {", to_string(size), "} is not expandable to size {",
            to_string(input.shape()), "}.");
      Tensor result = dims.empty() ? input : input.sum(Ints(dims), true);
      return lead > 0 ? result.view(size) : result;
    }),
};

}  // namespace rushlight
