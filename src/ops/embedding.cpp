// Rows of a table, chosen by index.

#include <rushlight/forward_ad.h>
#include <rushlight/operators.h>

#include "ops/embedding.h"
#include "ops/forms.h"

#include <cstring>
#include <set>

namespace rushlight {

namespace {

constexpr const char* kSparse = "embedding: sparse gradients are not supported; leave sparse=False";

void check_indices(const Tensor& indices) {
  check(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
        "Long, Int; but got torch.",
        info(indices.dtype()).legacy, "Tensor instead (while checking arguments for embedding)");
}

/// Calls `visit(place, row)` for each index; throws if one is not a row of the table.
template <class Visit>
void for_each_row(const Tensor& indices, int64_t rows, Visit&& visit) {
  Tensor wide = indices.to(DType::Int64).contiguous();
  const int64_t* index = wide.data<int64_t>();
  for (int64_t i = 0; i < wide.numel(); ++i) {
    check(index[i] >= 0 && index[i] < rows, ErrorKind::Index, "index out of range in self: index ",
          index[i], ", the table has ", rows, " rows");
  }
  for (int64_t i = 0; i < wide.numel(); ++i) visit(i, index[i]);
}

Tensor rows_of(const Tensor& weight, const Tensor& indices) {
  check(weight.dim() == 2, "'weight' must be 2-D");
  check_indices(indices);
  Dims shape(indices.shape());
  int64_t width = weight.shape()[1];
  shape.push_back(width);
  Tensor result = make_tensor(shape, weight.dtype(), weight.device());
  if (result.impl()->device == DeviceType::Meta) return result;
  Tensor table = weight.contiguous();
  size_t bytes = size_t(width * size_of(weight.dtype()));
  const char* from = static_cast<const char*>(table.data());
  char* to = static_cast<char*>(result.data());
  for_each_row(indices, weight.shape()[0], [&](int64_t place, int64_t row) {
    std::memcpy(to + size_t(place) * bytes, from + size_t(row) * bytes, bytes);
  });
  return result;
}

/// Adds the gradient of each place to its row, in the order of the places.
Tensor sum_rows(const Tensor& grad, const Tensor& indices, int64_t rows, int64_t padding,
                bool by_frequency) {
  int64_t width = grad.shape().back();
  Tensor result = make_tensor({{rows, width}}, grad.dtype(), grad.device());
  std::memset(result.data(), 0, size_t(result.numel() * size_of(result.dtype())));
  std::vector<int64_t> counts;
  if (by_frequency) {
    counts.assign(size_t(rows), 0);
    for_each_row(indices, rows, [&](int64_t, int64_t row) { ++counts[size_t(row)]; });
  }
  Tensor source = grad.contiguous();
  dispatch(grad.dtype(), [&]<class T>(CppType<T>) {
    const T* from = source.data<T>();
    T* to = result.data<T>();
    for_each_row(indices, rows, [&](int64_t place, int64_t row) {
      if (row == padding) return;
      const T* x = from + place * width;
      T* y = to + row * width;
      T count = T(float(by_frequency ? counts[size_t(row)] : 1));
      for (int64_t i = 0; i < width; ++i) y[i] = T(y[i] + T(x[i] / count));
    });
  });
  return result;
}

/// Scales rows down in place, as one write.
const Tensor& scale_rows(const Tensor& weight, const Tensor& indices, double max_norm,
                         double norm_type) {
  check(weight.dim() == 2, "Expected 2-dimensional tensor, but got ", weight.dim(),
        "-dimensional tensor for argument #1 'self' (while checking arguments for "
        "embedding_renorm_)");
  if (weight.impl()->device == DeviceType::Meta) return weight;
  check_indices(indices);
  std::set<int64_t> named;
  for_each_row(indices, weight.size(0), [&](int64_t, int64_t row) { named.insert(row); });
  autograd::NoGrad guard;
  for (int64_t row : named) {
    Tensor values = weight.select(0, row);
    double norm = rushlight::linalg_vector_norm(values, norm_type).item<double>();
    if (norm > max_norm) copy_elements(values, values * Scalar(max_norm / (norm + 1e-7)));
  }
  return weight;
}

}  // namespace

void renormalise_rows(const Tensor& weight, const Tensor& indices, double max_norm,
                      double norm_type) {
  autograd::NoGrad no_history;
  autograd::forward_ad::FwdGradMode no_tangent(false);
  rushlight::embedding_renorm_(weight, indices, max_norm, norm_type);
}

int64_t padding_row(std::optional<int64_t> padding, int64_t rows) {
  if (!padding) return -1;
  check(*padding < rows && *padding >= -rows, ErrorKind::Assertion,
        "Padding_idx must be within num_embeddings");
  return *padding < 0 ? *padding + rows : *padding;
}

constinit const Op op::_embedding = {
    .schema =
        "_embedding(Tensor weight, Tensor indices, int padding_idx, bool scale_grad_by_freq) -> "
        "Tensor",
    .doc = "weight[indices]; no gradient flows to row `padding_idx`.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& weight, const Tensor& indices, int64_t, bool) {
      return rows_of(weight, indices);
    }),
    .save = "indices",
    .constants = "indices",
    .backward =
        [](Backward& b) {
          b.wrt("weight", [&] {
            return rushlight::_embedding_backward(b.grad(), b.saved("indices"),
                                                  b.shape("weight")[0], b.integer("padding_idx"),
                                                  b.flag("scale_grad_by_freq"));
          });
        },
    .linear = "weight",
};

constinit const Op op::_embedding_backward = {
    .schema =
        "_embedding_backward(Tensor grad, Tensor indices, int rows, int padding_idx, "
        "bool scale_grad_by_freq) -> Tensor",
    .doc = "The gradients of equal indices added up, or their mean if scaled by frequency.",
    .examples = "",
    .variants = "private",
    .forward = run<sum_rows>(),
    .save = "indices",
    .constants = "indices",
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            check(!b.flag("scale_grad_by_freq"), ErrorKind::NotImplemented,
                  "embedding: second derivatives are not supported with scale_grad_by_freq=True");
            Tensor indices = b.saved("indices");
            Tensor picked = rushlight::_embedding(b.grad(), indices, -1, false);
            Tensor padded = (indices == Scalar(b.integer("padding_idx"))).unsqueeze(-1);
            return rushlight::where(padded, 0, picked);
          });
        },
    .node = "EmbeddingBackwardBackward0",
};

constinit const Op op::embedding = {
    .schema =
        "embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, "
        "float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
    .doc =
        "The rows of `weight` that `input` names; row `padding_idx` gets no gradient. With "
        "`max_norm`, rows above that norm of order `norm_type` are first scaled down to it, in "
        "`weight` itself.",
    .examples =
        "F.embedding(tensor([[0, 2], [1, 2]]), randn(4, 3))\n"
        "F.embedding(tensor([0, 2, 1]), randn(4, 3), padding_idx=-2)\n"
        "F.embedding(tensor([0, 2, 0]), randn(4, 3), scale_grad_by_freq=True)\n"
        "F.embedding(tensor([0, 2, 0]), randn(4, 3), max_norm=0.5, norm_type=3.0)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& weight, std::optional<int64_t> padding_idx,
                      std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq,
                      bool sparse) {
      check(!sparse, ErrorKind::NotImplemented, kSparse);
      int64_t padding = padding_idx ? padding_row(padding_idx, weight.size(0)) : -1;
      if (max_norm) renormalise_rows(weight, input, *max_norm, norm_type);
      return rushlight::_embedding(weight, input, padding, scale_grad_by_freq);
    }),
};

constinit const Op op::embedding_torch = {
    .schema =
        "embedding.torch(Tensor weight, Tensor indices, int padding_idx=-1, "
        "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
    .doc = "nn.functional's, with other positions.",
    .examples =
        "embedding(randn(4, 3), tensor([[0, 2], [1, 2]]))\n"
        "embedding(randn(4, 3), tensor([0, 2, 0]), 2, True)",
    .variants = "torch-only",
    .compose = run([](const Tensor& weight, const Tensor& indices, int64_t padding_idx,
                      bool scale_grad_by_freq, bool sparse) {
      check(!sparse, ErrorKind::NotImplemented, kSparse);
      return rushlight::_embedding(weight, indices, padding_idx, scale_grad_by_freq);
    }),
};

constinit const Op op::embedding_renorm_ = {
    .schema =
        "embedding_renorm_(Tensor(a!) input, Tensor indices, float max_norm, float norm_type) -> "
        "Tensor(a!)",
    .doc = "Scales the rows named down to `max_norm`, where their norm is above it.",
    .examples = "embedding_renorm_(randn(4, 3), tensor([0, 2]), 0.5, 2.0)",
    .variants = "function-only",
    .forward = run<scale_rows>(),
    .backward = not_differentiable,
};

}  // namespace rushlight
