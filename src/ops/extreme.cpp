// Largest and smallest elements, and where they are.

#include <rushlight/operators.h>

#include "ops/reduce.h"
#include "ops/selection.h"

namespace rushlight {

Tensor spread(const Tensor& grad, const Tensor& indices, int64_t dim, int64_t size) {
  Dims shape(grad.shape());
  shape[size_t(dim)] = size;
  return rushlight::zeros(shape, grad.dtype()).scatter_add(dim, indices, grad);
}

Tensor chosen_gradient(Backward& b, const Tensor& indices) {
  Ints shape = b.shape("input");
  if (shape.empty()) return b.grad().reshape(shape);
  int64_t dim = wrap_dim(b.integer("dim"), int64_t(shape.size()));
  bool keepdim = b.flag("keepdim");
  Tensor grad = keepdim ? b.grad() : b.grad().unsqueeze(dim);
  return spread(grad, keepdim ? indices : indices.unsqueeze(dim), dim, shape[size_t(dim)]);
}

void check_not_empty(const Tensor& input, int64_t dim, const char* name) {
  int64_t wrapped = wrap_dim(dim, input.dim());
  check(input.dim() == 0 || input.shape()[size_t(wrapped)] > 0, ErrorKind::Index, name,
        "(): Expected reduction dim ", wrapped, " to have non-zero size. The shape is ",
        to_string(input.shape()));
}

namespace {

/// Where `input` equals the reduced `value`, NaN included.
Tensor matches(const Tensor& input, const Tensor& value) {
  Tensor equal = input == value;
  return (equal | (input.isnan() & value.isnan())).to(input.dtype());
}

}  // namespace

Tensor shared_gradient(Backward& b, Ints dims, bool keepdim) {
  Tensor input = b.saved("input");
  Tensor value = unreduce(b.saved("result"), input.shape(), dims, keepdim);
  Tensor mask = matches(input.detach(), value.detach());
  Tensor count = dims.empty() ? mask.sum() : mask.sum(dims, true);
  return mask * (unreduce(b.grad(), input.shape(), dims, keepdim) / count);
}

namespace {

void check_any(const Tensor& input, const char* name, ErrorKind kind = ErrorKind::Runtime) {
  check(input.numel() > 0, kind, name,
        "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
        "dim with the 'dim' argument.");
}

std::tuple<Tensor, Tensor> along_dim(Reduction reduction, const Tensor& input, int64_t dim,
                                     bool keepdim, const char* name) {
  check_not_empty(input, dim, name);
  Reduced reduced = reduced_layout(input, Ints{dim}, keepdim);
  Tensor values = make_tensor(reduced.shape, input.dtype(), input.device());
  Tensor indices = make_tensor(reduced.shape, DType::Int64, input.device());
  if (values.numel() > 0 && input.impl()->device != DeviceType::Meta) {
    Operand places{indices.data(), DType::Int64, reduced.strides.data()};
    run_reduce(reduction, input.dtype(), input.shape(), operand_of(input),
               {values.data(), input.dtype(), reduced.strides.data()}, &places);
  }
  return {values, indices};
}

Tensor over_dims(Reduction reduction, const Tensor& input, Ints dims, bool keepdim,
                 const char* name) {
  if (dims.empty()) check_any(input, name);
  for (int64_t dim : dims) check_not_empty(input, dim, name);
  return reduce(reduction, input, dims, keepdim, input.dtype(), input.dtype());
}

Tensor index_of(Reduction reduction, const Tensor& input, std::optional<int64_t> dim, bool keepdim,
                const char* name) {
  check(input.dtype() != DType::Bool, name,
        "(): does not support bool input; convert it with .int()");
  if (!dim) {
    check(input.numel() > 0, ErrorKind::Index, name,
          "(): Expected reduction dim to be specified for input.numel() == 0.");
    return reduce(reduction, input, {}, keepdim, input.dtype(), DType::Int64);
  }
  check_not_empty(input, *dim, name);
  return reduce(reduction, input, Ints{*dim}, keepdim, input.dtype(), DType::Int64);
}

std::tuple<Tensor, Tensor> both(const Tensor& input, std::optional<int64_t> dim, bool keepdim) {
  if (!dim) {
    check(input.numel() > 0,
          "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
          "identity.");
    return {reduce(Reduction::Min, input, {}, keepdim, input.dtype(), input.dtype()),
            reduce(Reduction::Max, input, {}, keepdim, input.dtype(), input.dtype())};
  }
  int64_t wrapped = wrap_dim(*dim, input.dim());
  check(input.dim() == 0 || input.shape()[size_t(wrapped)] > 0, ErrorKind::Index,
        "aminmax: Expected reduction dim ", wrapped, " to have non-zero size.");
  return {reduce(Reduction::Min, input, Ints{*dim}, keepdim, input.dtype(), input.dtype()),
          reduce(Reduction::Max, input, Ints{*dim}, keepdim, input.dtype(), input.dtype())};
}

}  // namespace

constinit const Op op::max = {
    .schema = "max(Tensor input) -> Tensor",
    .doc = "The largest element; NaN if any is.",
    .examples = "max(randn(3, 4))",
    .forward = run([](const Tensor& input) {
      check_any(input, "max");
      return reduce(Reduction::Max, input, {}, false, input.dtype(), input.dtype());
    }),
    .save = "input, result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return shared_gradient(b, {}, false); }); },
    .node = "MaxBackward1",
};

constinit const Op op::max_dim = {
    .schema =
        "max.dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    .doc = "The largest elements along `dim` and their indices (the first of equal ones).",
    .examples = "max(randn(3, 4), 1)\nmax(randn(3, 4), 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim) {
      return along_dim(Reduction::Max, input, dim, keepdim, "max");
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
};

constinit const Op op::max_other = {
    .schema = "max.other(Tensor input, Tensor other) -> Tensor",
    .doc = "The larger of both, elementwise: `maximum`.",
    .examples = "max(randn(3, 4), randn(4))",
    .compose = run(
        [](const Tensor& input, const Tensor& other) { return rushlight::maximum(input, other); }),
};

constinit const Op op::min = {
    .schema = "min(Tensor input) -> Tensor",
    .doc = "The smallest element; NaN if any is.",
    .examples = "min(randn(3, 4))",
    .forward = run([](const Tensor& input) {
      check_any(input, "min");
      return reduce(Reduction::Min, input, {}, false, input.dtype(), input.dtype());
    }),
    .save = "input, result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return shared_gradient(b, {}, false); }); },
    .node = "MinBackward1",
};

constinit const Op op::min_dim = {
    .schema =
        "min.dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    .doc = "The smallest elements along `dim` and their indices (the first of equal ones).",
    .examples = "min(randn(3, 4), 1)\nmin(randn(3, 4), 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim) {
      return along_dim(Reduction::Min, input, dim, keepdim, "min");
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
};

constinit const Op op::min_other = {
    .schema = "min.other(Tensor input, Tensor other) -> Tensor",
    .doc = "The smaller of both, elementwise: `minimum`.",
    .examples = "min(randn(3, 4), randn(4))",
    .compose = run(
        [](const Tensor& input, const Tensor& other) { return rushlight::minimum(input, other); }),
};

constinit const Op op::amax = {
    .schema = "amax(Tensor input, int[1] dim=[], bool keepdim=False) -> Tensor",
    .doc = "The largest element over the dims given (all if none).",
    .examples = "amax(randn(3, 4))\namax(randn(2, 3, 4), (0, 2), keepdim=True)",
    .forward = run([](const Tensor& input, Ints dim, bool keepdim) {
      return over_dims(Reduction::Max, input, dim, keepdim, "amax");
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return shared_gradient(b, b.ints("dim"), b.flag("keepdim")); });
        },
};

constinit const Op op::amin = {
    .schema = "amin(Tensor input, int[1] dim=[], bool keepdim=False) -> Tensor",
    .doc = "The smallest element over the dims given (all if none).",
    .examples = "amin(randn(3, 4))\namin(randn(2, 3, 4), (0, 2), keepdim=True)",
    .forward = run([](const Tensor& input, Ints dim, bool keepdim) {
      return over_dims(Reduction::Min, input, dim, keepdim, "amin");
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return shared_gradient(b, b.ints("dim"), b.flag("keepdim")); });
        },
};

constinit const Op op::aminmax = {
    .schema =
        "aminmax(Tensor input, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    .doc = "The smallest and the largest element, of all or along `dim`.",
    .examples = "aminmax(randn(3, 4))\naminmax(randn(3, 4), dim=1, keepdim=True)",
    .forward = run<both>(),
    .save = "input, min, max",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor input = b.saved("input"), total;
            int64_t dim = b.given("dim") ? b.integer("dim") : 0;
            Ints dims = b.given("dim") ? Ints(dim) : Ints();
            bool keepdim = b.flag("keepdim");
            for (size_t i : {0, 1}) {
              if (!b.has_grad(i)) continue;
              Tensor result = i == 0 ? b.saved("min") : b.saved("max");
              Tensor value = unreduce(result, input.shape(), dims, keepdim);
              Tensor mask = matches(input.detach(), value.detach());
              Tensor count = dims.empty() ? mask.sum() : mask.sum(dims, true);
              Tensor part = mask * (unreduce(b.grad(i), input.shape(), dims, keepdim) / count);
              total = total.defined() ? total + part : part;
            }
            return total;
          });
        },
};

constinit const Op op::argmax = {
    .schema = "argmax(Tensor input, int? dim=None, bool keepdim=False) -> Tensor",
    .doc = "Index of the (first) largest element, along `dim` or of the flattened tensor.",
    .examples = "argmax(randn(3, 4))\nargmax(randn(3, 4), 1, keepdim=True)",
    .forward = run([](const Tensor& input, std::optional<int64_t> dim, bool keepdim) {
      return index_of(Reduction::ArgMax, input, dim, keepdim, "argmax");
    }),
};

constinit const Op op::argmin = {
    .schema = "argmin(Tensor input, int? dim=None, bool keepdim=False) -> Tensor",
    .doc = "Index of the (first) smallest element, along `dim` or of the flattened tensor.",
    .examples = "argmin(randn(3, 4))\nargmin(randn(3, 4), 1, keepdim=True)",
    .forward = run([](const Tensor& input, std::optional<int64_t> dim, bool keepdim) {
      return index_of(Reduction::ArgMin, input, dim, keepdim, "argmin");
    }),
};

}  // namespace rushlight
