// Sorting, ranks and what is chosen by rank.

#include "kernels/sort.h"
#include "ops/copy.h"

#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "ops/selection.h"

#include <cmath>

namespace rushlight {

namespace {

/// A tensor as contiguous rows along one dim, and its results back in its own shape.
struct RowView {
  RowView(const Tensor& input, int64_t given) : dim(wrap_dim(given, input.dim())) {
    Tensor shaped = input.dim() == 0 ? input.reshape({1}) : input;
    scalar = input.dim() == 0;
    n = shaped.size(dim);
    source = shaped.transpose(dim, -1).contiguous();
    rows = n == 0 ? 0 : source.numel() / n;
  }

  /// A result with `count` elements a row.
  Tensor make(int64_t count, DType dtype) const {
    Dims shape(source.shape());
    shape.back() = count;
    return make_tensor(shape, dtype, source.device());
  }
  /// A result of make(), with the dim where it was.
  Tensor back(const Tensor& result) const {
    if (scalar) return result.reshape(Ints());
    return result.transpose(dim, -1).contiguous();
  }
  /// A result of make(1, …), without the dim unless `keepdim`.
  Tensor back(const Tensor& result, bool keepdim) const {
    if (scalar) return result.reshape(Ints());
    Tensor view = result.transpose(dim, -1);
    return (keepdim ? view : view.squeeze(dim)).contiguous();
  }
  bool empty() const { return rows == 0 || source.impl()->device == DeviceType::Meta; }

  int64_t dim, n = 0, rows = 0;
  bool scalar = false;
  Tensor source;
};

std::tuple<Tensor, Tensor> sorted(const Tensor& input, int64_t dim, bool descending) {
  RowView view(input, dim);
  Tensor values = view.make(view.n, input.dtype()), indices = view.make(view.n, DType::Int64);
  if (!view.empty()) {
    run_sort(input.dtype(), view.rows, view.n, descending, view.source.data(), values.data(),
             indices.data<int64_t>());
  }
  return {view.back(values), view.back(indices)};
}

std::tuple<Tensor, Tensor> best(const Tensor& input, int64_t k, int64_t dim, bool largest) {
  check(input.dtype() != DType::Bool, "topk does not support bool dtypes on CPU");
  RowView view(input, dim);
  check(k >= 0 && k <= view.n, "selected index k out of range: k is ", k, ", the dim has ", view.n,
        " elements");
  Tensor values = view.make(k, input.dtype()), indices = view.make(k, DType::Int64);
  if (!view.empty()) {
    run_topk(input.dtype(), view.rows, view.n, k, largest, view.source.data(), values.data(),
             indices.data<int64_t>());
  }
  return {view.back(values), view.back(indices)};
}

/// One element of each row, as `run(rows, n, source, values, indices)` chooses it.
template <class Run>
std::tuple<Tensor, Tensor> one_of_each(const Tensor& input, int64_t dim, bool keepdim,
                                       const char* name, Run&& run) {
  check_not_empty(input, dim, name);
  RowView view(input, dim);
  Tensor values = view.make(1, input.dtype()), indices = view.make(1, DType::Int64);
  if (!view.empty())
    run(view.rows, view.n, view.source.data(), values.data(), indices.data<int64_t>());
  return {view.back(values, keepdim), view.back(indices, keepdim)};
}

void refuse_bool(const Tensor& input, const char* kernel) {
  check(input.dtype() != DType::Bool, ErrorKind::NotImplemented, "\"", kernel,
        "\" not implemented for 'Bool'");
}

std::tuple<Tensor, Tensor> median_along(const Tensor& input, int64_t dim, bool keepdim,
                                        bool skip_nan) {
  refuse_bool(input, "median_out");
  return one_of_each(input, dim, keepdim, "median", [&](auto rows, auto n, auto... data) {
    run_median(input.dtype(), rows, n, skip_nan, data...);
  });
}

Tensor median_of_all(const Tensor& input, bool skip_nan) {
  refuse_bool(input, "median_cpu");
  Tensor result = make_tensor({}, input.dtype(), input.device());
  if (!has_values(input)) return result;
  if (input.numel() == 0) {
    dispatch(input.dtype(), [&]<class T>(CppType<T>) {
      if constexpr (std::is_integral_v<T>)
        *result.data<T>() = std::numeric_limits<T>::min();
      else
        *result.data<T>() = T(NAN);
    });
    return result;
  }
  Tensor source = input.contiguous();
  int64_t index = 0;
  run_median(input.dtype(), 1, input.numel(), skip_nan, source.data(), result.data(), &index);
  return result;
}

/// Gradient of several chosen elements a row.
Tensor sorted_gradient(Backward& b) {
  Ints shape = b.shape("input");
  if (shape.empty()) return b.grad().reshape(shape);
  int64_t dim = wrap_dim(b.integer("dim"), int64_t(shape.size()));
  return spread(b.grad(), b.saved("indices"), dim, shape[size_t(dim)]);
}

/// The ranks, between 0 and n - 1, at which quantiles stand; NaN rows are NaN, or counted without.
Tensor quantile_of(const Tensor& given, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
                   std::string_view how, bool skip_nan) {
  const char* name = skip_nan ? "nanquantile" : "quantile";
  check(given.numel() > 0, name, "() input tensor must be non-empty");
  check(given.dtype() == DType::Float32 || given.dtype() == DType::Float64, name,
        "() input tensor must be either float or double dtype");
  check(q.dim() <= 1, name, "() q must be a scalar or 1D tensor");
  check(q.dtype() == given.dtype(), name, "() q tensor must be same dtype as the input tensor");
  check(
      how == "linear" || how == "lower" || how == "higher" || how == "midpoint" || how == "nearest",
      name, "() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ",
      how);
  check(q.numel() == 0 ||
            (q.detach().min().item<double>() >= 0 && q.detach().max().item<double>() <= 1),
        name, "() q values must be in the range [0, 1]");

  int64_t place = dim ? wrap_dim(*dim, given.dim()) : 0;
  bool by_row = dim && given.dim() > 0;
  Tensor rows = by_row ? given.unsqueeze(-1).transpose(place, -1) : given.flatten();
  Tensor ordered = std::get<0>(rows.sort(-1, false));
  int64_t n = ordered.size(-1);
  // In the place of what is reduced stands 1, if anything.
  Dims shape(size_t(!by_row && keepdim ? given.dim() : 0), 1);
  for (int64_t i = 0; i < ordered.dim(); ++i)
    if (!by_row || keepdim || i != place) shape.push_back(ordered.size(i));
  ordered = ordered.view(shape);
  shape.back() = q.numel();

  Tensor ranks;
  if (skip_nan) {
    Tensor count = ordered.isnan().logical_not().sum(Ints{-1}, true);
    ranks = (q * (count - 1)).clamp_min(Scalar(0));
  } else {
    Tensor last = ordered.narrow(-1, n - 1, 1).isnan();
    ranks = rushlight::where(last, double(n - 1), q * double(n - 1));
  }
  if (how == "lower") ranks = ranks.floor();
  if (how == "higher") ranks = ranks.ceil();
  if (how == "nearest") ranks = ranks.round();
  Tensor below = ranks.detach().to(DType::Int64);
  Tensor result = ordered.gather(-1, below.expand(shape));
  if (how == "linear" || how == "midpoint") {
    Tensor weight = how == "midpoint" ? rushlight::full_like(ranks, 0.5) : ranks - below;
    Tensor above = ranks.detach().ceil().to(DType::Int64);
    result = result.lerp(ordered.gather(-1, above.expand(shape)), weight.expand(shape));
  }
  // The quantiles are the last dim: they come to the front, or go.
  return q.dim() == 0 ? result.squeeze_(-1) : result.unsqueeze_(0).transpose_(0, -1).squeeze_(-1);
}

Tensor quantile_at(const Tensor& input, double q, std::optional<int64_t> dim, bool keepdim,
                   std::string_view how, bool skip_nan) {
  check(q >= 0 && q <= 1, skip_nan ? "nanquantile" : "quantile",
        "() q must be in the range [0, 1] but got ", Scalar(q));
  DType dtype = input.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  return quantile_of(input, rushlight::scalar_tensor(q, dtype), dim, keepdim, how, skip_nan);
}

}  // namespace

constinit const Op op::sort = {
    .schema =
        "sort(Tensor input, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    .doc = "The elements in order along `dim`, and where they were; NaN counts as largest.",
    .examples = "sort(randn(3, 4))\nsort(randn(3, 4), 0, descending=True)",
    .forward = run<sorted>(),
    .save = "indices",
    .backward = [](Backward& b) { b.wrt("input", [&] { return sorted_gradient(b); }); },
};

constinit const Op op::sort_stable = {
    .schema =
        "sort.stable(Tensor input, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor "
        "values, Tensor indices)",
    .doc = "sort(), in which equal elements keep their order, as they always do here.",
    .examples = "sort(randn(3, 4), stable=True)\nsort(randn(3, 4), dim=0, stable=True)",
    .forward = run([](const Tensor& input, std::optional<bool>, int64_t dim, bool descending) {
      return sorted(input, dim, descending);
    }),
    .save = "indices",
    .backward = [](Backward& b) { b.wrt("input", [&] { return sorted_gradient(b); }); },
    .node = "SortBackward1",
};

constinit const Op op::argsort = {
    .schema = "argsort(Tensor input, int dim=-1, bool descending=False) -> Tensor",
    .doc = "The indices that sort along `dim`.",
    .examples = "argsort(randn(3, 4))\nargsort(randn(3, 4), 0, descending=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool descending) {
      return std::get<1>(sorted(input, dim, descending));
    }),
};

constinit const Op op::argsort_stable = {
    .schema =
        "argsort.stable(Tensor input, *, bool stable, int dim=-1, bool descending=False) -> Tensor",
    .doc = "argsort(), in which equal elements keep their order, as they always do here.",
    .examples = "argsort(randn(3, 4), stable=True)",
    .compose = run([](const Tensor& input, bool, int64_t dim, bool descending) {
      return input.argsort(dim, descending);
    }),
};

constinit const Op op::msort = {
    .schema = "msort(Tensor input) -> Tensor",
    .doc = "The elements in order along dim 0.",
    .examples = "msort(randn(3, 4))",
    .compose = run([](const Tensor& input) { return std::get<0>(input.sort(0, false)); }),
};

constinit const Op op::topk = {
    .schema =
        "topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor "
        "values, Tensor indices)",
    .doc = "The `k` largest (or smallest) elements along `dim`, best first, and where they were.",
    .examples = "topk(randn(3, 4), 2)\ntopk(randn(3, 4), 2, 0, largest=False)",
    .forward = run([](const Tensor& input, int64_t k, int64_t dim, bool largest, bool) {
      return best(input, k, dim, largest);
    }),
    .save = "indices",
    .backward = [](Backward& b) { b.wrt("input", [&] { return sorted_gradient(b); }); },
};

constinit const Op op::kthvalue = {
    .schema =
        "kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor "
        "indices)",
    .doc = "The `k`-th smallest element along `dim`, counted from 1.",
    .examples = "kthvalue(randn(3, 4), 2)\nkthvalue(randn(3, 4), 2, 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t k, int64_t dim, bool keepdim) {
      int64_t wrapped = wrap_dim(dim, input.dim());
      int64_t n = input.dim() == 0 ? 1 : input.shape()[size_t(wrapped)];
      check(n > 0, ErrorKind::Index, "kthvalue(): Expected reduction dim ", wrapped,
            " to have non-zero size.");
      check(k >= 1 && k <= n, "kthvalue(): selected number k out of range for dimension ", wrapped,
            ": k is ", k, ", the dim has ", n, " elements");
      refuse_bool(input, "kthvalue_cpu");
      return one_of_each(input, dim, keepdim, "kthvalue", [&](auto rows, auto size, auto... data) {
        run_kth(input.dtype(), rows, size, k - 1, data...);
      });
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
};

constinit const Op op::median = {
    .schema = "median(Tensor input) -> Tensor",
    .doc = "The median of all elements: of two in the middle the lower; NaN if any is.",
    .examples = "median(randn(3, 4))",
    .forward = run([](const Tensor& input) { return median_of_all(input, false); }),
    .save = "input, result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return shared_gradient(b, {}, false); }); },
};

constinit const Op op::median_dim = {
    .schema =
        "median.dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    .doc = "The medians along `dim`, and where they are.",
    .examples = "median(randn(3, 4), 1)\nmedian(randn(3, 4), 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim) {
      return median_along(input, dim, keepdim, false);
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
    .node = "MedianBackward1",
};

constinit const Op op::nanmedian = {
    .schema = "nanmedian(Tensor input) -> Tensor",
    .doc = "The median of all elements that are not NaN.",
    .examples = "nanmedian(randn(3, 4))",
    .forward = run([](const Tensor& input) { return median_of_all(input, true); }),
    .save = "input, result",
    .backward = [](Backward& b) { b.wrt("input", [&] { return shared_gradient(b, {}, false); }); },
};

constinit const Op op::nanmedian_dim = {
    .schema =
        "nanmedian.dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor "
        "indices)",
    .doc = "The medians along `dim` of what is not NaN, and where they are.",
    .examples = "nanmedian(randn(3, 4), 1)\nnanmedian(randn(3, 4), 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim) {
      return median_along(input, dim, keepdim, true);
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
    .node = "NanmedianBackward1",
};

constinit const Op op::mode = {
    .schema =
        "mode(Tensor input, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    .doc = "The most frequent values along `dim` (the smallest of several), and where one is.",
    .examples = "mode(randint(0, 3, (3, 4)))\nmode(randint(0, 3, (3, 4)), 0, keepdim=True)",
    .forward = run([](const Tensor& input, int64_t dim, bool keepdim) {
      return one_of_each(input, dim, keepdim, "mode", [&](auto rows, auto n, auto... data) {
        run_mode(input.dtype(), rows, n, data...);
      });
    }),
    .save = "indices",
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return chosen_gradient(b, b.saved("indices")); }); },
};

constinit const Op op::quantile = {
    .schema =
        "quantile(Tensor input, Tensor q, int? dim=None, bool keepdim=False, *, "
        "str interpolation='linear') -> Tensor",
    .doc = "The values below which the fractions `q` of the elements lie, of all or along `dim`.",
    .examples =
        "quantile(randn(3, 4), tensor([0.25, 0.5]))\n"
        "quantile(randn(3, 4), tensor([0.25, 0.5]), dim=1, keepdim=True)",
    .compose =
        run([](const Tensor& input, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
               std::string_view how) { return quantile_of(input, q, dim, keepdim, how, false); }),
};

constinit const Op op::quantile_scalar = {
    .schema =
        "quantile.scalar(Tensor input, float q, int? dim=None, bool keepdim=False, *, "
        "str interpolation='linear') -> Tensor",
    .doc = "The value below which the fraction `q` of the elements lies, of all or along `dim`.",
    .examples =
        "quantile(randn(3, 4), 0.3)\nquantile(randn(3, 4), 0.3, 0, interpolation='nearest')",
    .compose =
        run([](const Tensor& input, double q, std::optional<int64_t> dim, bool keepdim,
               std::string_view how) { return quantile_at(input, q, dim, keepdim, how, false); }),
};

constinit const Op op::nanquantile = {
    .schema =
        "nanquantile(Tensor input, Tensor q, int? dim=None, bool keepdim=False, *, "
        "str interpolation='linear') -> Tensor",
    .doc = "quantile() of what is not NaN.",
    .examples = "nanquantile(randn(3, 4), tensor([0.25, 0.5]), dim=1)",
    .compose =
        run([](const Tensor& input, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
               std::string_view how) { return quantile_of(input, q, dim, keepdim, how, true); }),
};

constinit const Op op::nanquantile_scalar = {
    .schema =
        "nanquantile.scalar(Tensor input, float q, int? dim=None, bool keepdim=False, *, "
        "str interpolation='linear') -> Tensor",
    .doc = "quantile() of what is not NaN.",
    .examples = "nanquantile(randn(3, 4), 0.3)",
    .compose =
        run([](const Tensor& input, double q, std::optional<int64_t> dim, bool keepdim,
               std::string_view how) { return quantile_at(input, q, dim, keepdim, how, true); }),
};

}  // namespace rushlight
