// softmax, log_softmax and logsumexp along a dim.

#include "kernels/softmax.h"

#include <rushlight/operators.h>

#include "ops/reduce.h"

#include <cmath>

namespace rushlight {

namespace {

/// A contiguous tensor seen as (outer, n, inner) around one dim.
struct Split {
  int64_t outer = 1, n = 1, inner = 1;
};

Split split_at(std::span<const int64_t> shape, int64_t dim) {
  Split split;
  for (int64_t i = 0; i < int64_t(shape.size()); ++i) {
    (i < dim ? split.outer : i == dim ? split.n : split.inner) *= shape[size_t(i)];
  }
  return split;
}

Tensor plain(const Tensor& tensor) { return tensor.is_contiguous() ? tensor : tensor.contiguous(); }

template <bool logarithm>
Tensor softmax_forward(const Tensor& input, int64_t dim) {
  dim = wrap_dim(dim, input.dim());
  const char* place = dim + 1 >= input.dim() ? "lastdim_" : "";
  check(is_floating(input.dtype()), ErrorKind::NotImplemented, logarithm ? "\"log_" : "\"",
        "softmax_", place, "kernel_impl\" not implemented for '", info(input.dtype()).spoken,
        "'; give a floating dtype, as in softmax(x, dim, dtype=torch.float32)");
  Tensor source = plain(input);
  Tensor result = make_tensor(input.shape(), input.dtype(), input.device());
  if (input.numel() == 0 || input.impl()->device == DeviceType::Meta) return result;
  Split split = split_at(input.shape(), dim);
  run_softmax(logarithm, input.dtype(), split.outer, split.n, split.inner, source.data(),
              result.data());
  return result;
}

template <bool logarithm>
Tensor softmax_gradient(const Tensor& grad, const Tensor& output, int64_t dim) {
  Tensor from = plain(grad), saved = plain(output);
  Tensor result = make_tensor(grad.shape(), grad.dtype(), grad.device());
  if (grad.numel() == 0 || grad.impl()->device == DeviceType::Meta) return result;
  Split split = split_at(grad.shape(), wrap_dim(dim, grad.dim()));
  run_softmax_backward(logarithm, grad.dtype(), split.outer, split.n, split.inner, from.data(),
                       saved.data(), result.data());
  return result;
}

Tensor converted(const Tensor& input, std::optional<DType> dtype) {
  return dtype && *dtype != input.dtype() ? input.to(*dtype) : input;
}

/// The dim that F.softmax takes when none is given.
int64_t implicit_dim(const Tensor& input, std::optional<int64_t> dim, const char* name) {
  if (dim) return *dim;
  warn(std::string("Implicit dimension choice for ") + name +
       " has been deprecated. Change the call to include dim=X as an argument.");
  return input.dim() == 0 || input.dim() == 1 || input.dim() == 3 ? 0 : 1;
}

Tensor logsumexp_forward(const Tensor& input, Ints dims, bool keepdim) {
  Reduced reduced = reduced_layout(input, dims, keepdim);
  DType dtype = is_floating(input.dtype()) ? input.dtype() : default_dtype();
  // The reduced dims are copied to the end, unless they stand side by side already.
  int64_t first = -1, last = -1, count = 0;
  for (int64_t i = 0; i < input.dim(); ++i) {
    if (!reduced.flags[size_t(i)]) continue;
    if (first < 0) first = i;
    last = i;
    ++count;
  }
  Tensor source = converted(input, dtype);
  Split split;
  if (count == 0 || last - first + 1 == count) {
    for (int64_t i = 0; i < input.dim(); ++i) {
      int64_t size = input.shape()[size_t(i)];
      (first < 0 || i < first ? split.outer : i <= last ? split.n : split.inner) *= size;
    }
    source = plain(source);
  } else {
    Dims shape, strides;
    for (int64_t wanted : {0, 1}) {
      for (size_t i = 0; i < reduced.flags.size(); ++i) {
        if (reduced.flags[i] != wanted) continue;
        shape.push_back(input.shape()[i]);
        strides.push_back(source.strides()[i]);
        (wanted ? split.n : split.outer) *= input.shape()[i];
      }
    }
    source = plain(source.as_strided(shape, strides));
  }
  Tensor result = make_tensor(reduced.shape, dtype, input.device());
  if (input.impl()->device == DeviceType::Meta) return result;
  run_logsumexp(dtype, split.outer, split.n, split.inner, source.data(), result.data());
  return result;
}

}  // namespace

constinit const Op op::_softmax = {
    .schema = "_softmax(Tensor input, int dim) -> Tensor",
    .doc = "softmax of a floating tensor.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input, int64_t dim) { return softmax_forward<false>(input, dim); }),
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_softmax_backward(b.grad(), b.saved("result"), b.integer("dim"));
          });
        },
};

constinit const Op op::_softmax_backward = {
    .schema = "_softmax_backward(Tensor grad, Tensor output, int dim) -> Tensor",
    .doc = "output * (grad - sum of grad * output).",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& grad, const Tensor& output, int64_t dim) {
      return softmax_gradient<false>(grad, output, dim);
    }),
    .save = "grad for output, output",
    .backward =
        [](Backward& b) {
          Tensor y = b.saved("output");
          int64_t dim = b.integer("dim");
          b.wrt("grad", [&] { return rushlight::_softmax_backward(b.grad(), y, dim); });
          b.wrt("output", [&] {
            Tensor g = b.saved("grad");
            Tensor inner = (g * y).sum(dim, true), outer = (b.grad() * y).sum(dim, true);
            return b.grad() * (g - inner) - g * outer;
          });
        },
};

constinit const Op op::_log_softmax = {
    .schema = "_log_softmax(Tensor input, int dim) -> Tensor",
    .doc = "log_softmax of a floating tensor.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input, int64_t dim) { return softmax_forward<true>(input, dim); }),
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::_log_softmax_backward(b.grad(), b.saved("result"), b.integer("dim"));
          });
        },
};

constinit const Op op::_log_softmax_backward = {
    .schema = "_log_softmax_backward(Tensor grad, Tensor output, int dim) -> Tensor",
    .doc = "grad - exp(output) * sum of grad.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& grad, const Tensor& output, int64_t dim) {
      return softmax_gradient<true>(grad, output, dim);
    }),
    .save = "grad for output, output",
    .backward =
        [](Backward& b) {
          Tensor softmax = b.saved("output").exp();
          int64_t dim = b.integer("dim");
          b.wrt("grad", [&] { return b.grad() - (b.grad() * softmax).sum(dim, true); });
          b.wrt("output", [&] { return -(b.grad() * softmax * b.saved("grad").sum(dim, true)); });
        },
};

constinit const Op op::softmax_int = {
    .schema = "softmax.int(Tensor input, int dim, dtype? dtype=None) -> Tensor",
    .doc = "exp(input) / sum of exp(input) along `dim`, converted to `dtype` first if given.",
    .examples = "softmax(randn(3, 4), 1)\nsoftmax(randn(3, 4), 0, dtype=float64)",
    .compose = run([](const Tensor& input, int64_t dim, std::optional<DType> dtype) {
      return rushlight::_softmax(converted(input, dtype), dim);
    }),
};

constinit const Op op::log_softmax_int = {
    .schema = "log_softmax.int(Tensor input, int dim, dtype? dtype=None) -> Tensor",
    .doc = "log(softmax(input)) along `dim`, converted to `dtype` first if given.",
    .examples = "log_softmax(randn(3, 4), 1)\nlog_softmax(randn(3, 4), 0, dtype=float64)",
    .compose = run([](const Tensor& input, int64_t dim, std::optional<DType> dtype) {
      return rushlight::_log_softmax(converted(input, dtype), dim);
    }),
};

constinit const Op op::softmax_nn = {
    .schema =
        "softmax.nn(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> Tensor",
    .doc = "exp(input) / sum of exp(input) along `dim`, converted to `dtype` first if given.",
    .examples = "F.softmax(randn(3, 4), dim=1)\nF.softmax(randn(3, 4), 0, dtype=float64)",
    .variants = "nn",
    .compose = run(
        [](const Tensor& input, std::optional<int64_t> dim, int64_t, std::optional<DType> dtype) {
          return rushlight::_softmax(converted(input, dtype), implicit_dim(input, dim, "softmax"));
        }),
};

constinit const Op op::log_softmax_nn = {
    .schema =
        "log_softmax.nn(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> "
        "Tensor",
    .doc = "log(softmax(input)) along `dim`, converted to `dtype` first if given.",
    .examples = "F.log_softmax(randn(3, 4), dim=1)\nF.log_softmax(randn(3, 4), 0, dtype=float64)",
    .variants = "nn",
    .compose = run(
        [](const Tensor& input, std::optional<int64_t> dim, int64_t, std::optional<DType> dtype) {
          return rushlight::_log_softmax(converted(input, dtype),
                                         implicit_dim(input, dim, "log_softmax"));
        }),
};

constinit const Op op::softmin = {
    .schema =
        "softmin(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> Tensor",
    .doc = "softmax(-input) along `dim`.",
    .examples = "F.softmin(randn(3, 4), dim=1)",
    .variants = "nn",
    .compose = run([](const Tensor& input, std::optional<int64_t> dim, int64_t,
                      std::optional<DType> dtype) {
      Tensor negative = -input;
      return rushlight::_softmax(converted(negative, dtype), implicit_dim(input, dim, "softmin"));
    }),
};

constinit const Op op::logsumexp = {
    .schema = "logsumexp(Tensor input, int[1] dim, bool keepdim=False) -> Tensor",
    .doc = "log(sum of exp(input)) over the dims given, without overflow.",
    .examples = "logsumexp(randn(3, 4), 1)\nlogsumexp(randn(2, 3, 4), (0, 2), keepdim=True)",
    .forward = run<logsumexp_forward>(),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input"), dim = b.ints("dim");
            bool keepdim = b.flag("keepdim");
            // Where all is -inf the difference would be NaN; exp(-inf - 0) is 0.
            Tensor result = b.saved("result");
            Tensor finite = rushlight::where(result.eq(-INFINITY), 0, result);
            return unreduce(b.grad(), shape, dim, keepdim) *
                   (b.saved("input") - unreduce(finite, shape, dim, keepdim)).exp();
          });
        },
};

}  // namespace rushlight
