// Reductions: sums and their kin, over all dims or some.

#include "kernels/reduce.h"

#include <rushlight/operators.h>

#include "ops/reduce.h"

namespace rushlight {

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

Tensor reduce(Reduction reduction, const Tensor& input, std::span<const int64_t> dims, bool keepdim,
              DType compute, DType result_dtype) {
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

constinit const Op op::sum = {
    .schema = "sum(Tensor input, *, dtype? dtype=None) -> Tensor",
    .doc = "The sum of all elements; integers sum in int64.",
    .examples = "sum(randn(3, 4))",
    .forward = run([](const Tensor& input, std::optional<DType> dtype) {
      DType result = dtype.value_or(is_floating(input.dtype()) ? input.dtype() : DType::Int64);
      return reduce(Reduction::Sum, input, {}, false, result, result);
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().expand(b.shape("input")); }); },
};

constinit const Op op::sum_dim_IntList = {
    .schema =
        "sum.dim_IntList(Tensor input, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) "
        "-> Tensor",
    .doc = "The sum over the dims given (all if none).",
    .examples = "sum(randn(3, 4), 1)\nsum(randn(2, 3, 4), (0, -1), keepdim=True)",
    .forward = run(
        [](const Tensor& input, std::optional<Ints> dim, bool keepdim, std::optional<DType> dtype) {
          DType result = dtype.value_or(is_floating(input.dtype()) ? input.dtype() : DType::Int64);
          return reduce(Reduction::Sum, input, dim.value_or(Ints()), keepdim, result, result);
        }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return unreduce(b.grad(), b.shape("input"), b.ints("dim"), b.flag("keepdim"));
          });
        },
    .node = "SumBackward1",
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
