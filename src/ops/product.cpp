// Products of elements.

#include <rushlight/operators.h>

#include "ops/reduce.h"

namespace rushlight {

namespace {

DType product_dtype(const Tensor& input, std::optional<DType> dtype) {
  return dtype.value_or(is_floating(input.dtype()) ? input.dtype() : DType::Int64);
}

/// Products of all elements before each one along `dim`.
Tensor product_before(const Tensor& input, int64_t dim) {
  Tensor one = rushlight::ones_like(input.narrow(dim, 0, 1));
  return rushlight::cat({one, input.narrow(dim, 0, input.size(dim) - 1)}, dim).cumprod(dim);
}

/// Gradient of the product along `dim`; `grad` and `result` have size 1 there. An element that is
/// zero gets the product of the others, which a division could not give.
Tensor product_gradient(const Tensor& grad, const Tensor& input, const Tensor& result,
                        int64_t dim) {
  if (!(input.detach() == Scalar(0)).any().item<bool>()) return grad * result / input;
  Tensor after = product_before(input.flip(dim), dim).flip(dim);
  return grad * (product_before(input, dim) * after);
}

}  // namespace

constinit const Op op::prod = {
    .schema = "prod(Tensor input, *, dtype? dtype=None) -> Tensor",
    .doc = "The product of all elements; integers multiply in int64.",
    .examples =
        "prod(randn(3, 4))\nprod(randn(3, 4), dtype=float64)\nprod(tensor([2.0, 0.0, 3.0]))",
    .forward = run([](const Tensor& input, std::optional<DType> dtype) {
      DType result = product_dtype(input, dtype);
      return reduce(Reduction::Prod, input, {}, false, result, result);
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor input = b.saved("input"), flat = input.reshape({input.numel()});
            if (input.numel() == 0) return rushlight::zeros_like(input);
            Tensor grad = b.grad().reshape({1}), result = b.saved("result").reshape({1});
            return product_gradient(grad, flat, result, 0).reshape(input.shape());
          });
        },
};

constinit const Op op::prod_dim_int = {
    .schema =
        "prod.dim_int(Tensor input, int dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    .doc = "The product along `dim`; integers multiply in int64.",
    .examples =
        "prod(randn(3, 4), 1)\nprod(randn(3, 4), 0, keepdim=True)\n"
        "prod(tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]), 1)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim, std::optional<DType> dtype) {
      DType result = product_dtype(input, dtype);
      return reduce(Reduction::Prod, input, Ints{dim}, keepdim, result, result);
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor input = b.saved("input"), grad = b.grad(), result = b.saved("result");
            if (input.dim() == 0) return grad.reshape(Ints());
            if (input.numel() == 0) return rushlight::zeros_like(input);
            int64_t dim = wrap_dim(b.integer("dim"), input.dim());
            if (!b.flag("keepdim")) grad = grad.unsqueeze(dim), result = result.unsqueeze(dim);
            return product_gradient(grad, input, result, dim);
          });
        },
    .node = "ProdBackward1",
};

}  // namespace rushlight
