// How many elements fall where: bincount and histograms.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/op.h"

#include <algorithm>
#include <cmath>

namespace rushlight {

namespace {

Tensor counted(const Tensor& input, const Tensor& weights, int64_t least) {
  check(is_integral(input.dtype()), ErrorKind::NotImplemented,
        "\"bincount_cpu\" not implemented for '", info(input.dtype()).spoken, "'");
  check(least >= 0, "minlength should be >= 0");
  if (input.dim() == 1 && input.numel() == 0) return rushlight::zeros({least}, DType::Int64);
  constexpr const char* kOnly = "bincount only supports 1-d non-negative integral inputs.";
  check_has_values(input, "bincount");
  check(input.dim() == 1, kOnly);
  Tensor bins = input.to(DType::Int64).contiguous();
  const int64_t* bin = bins.data<int64_t>();
  int64_t n = bins.numel();
  auto [low, high] = std::minmax_element(bin, bin + n);
  check(*low >= 0, kOnly);
  check(!weights.defined() || (weights.dim() == 1 && weights.numel() == n),
        "weights should be 1-d and have the same length as input");
  int64_t size = std::max(*high + 1, least);
  auto count = [&]<class T>(CppType<T>, DType dtype) {
    Tensor result = rushlight::zeros({size}, dtype);
    Tensor values = weights.defined() ? weights.to(dtype).contiguous() : Tensor();
    T* total = result.data<T>();
    for (int64_t i = 0; i < n; ++i) total[bin[i]] += weights.defined() ? values.data<T>()[i] : T(1);
    return result;
  };
  if (!weights.defined()) return count(CppType<int64_t>(), DType::Int64);
  if (weights.dtype() == DType::Float32) return count(CppType<float>(), DType::Float32);
  return count(CppType<double>(), DType::Float64);
}

struct Range {
  double low, high;
};

Range range_of(const Tensor& input) {
  return {input.min().item<double>(), input.max().item<double>()};
}

/// Limits that are equal move apart by `widen`.
Range widened(Range range, double widen, const char* name) {
  check(std::isfinite(range.low) && std::isfinite(range.high), name, " [", Scalar(range.low), ", ",
        Scalar(range.high), "] is not finite");
  if (range.low == range.high) return {range.low - widen, range.high + widen};
  return range;
}

/// Counts between equally spaced limits; the last bin has both its ends.
Tensor even_histogram(const Tensor& input, int64_t bins, const Scalar& min, const Scalar& max) {
  check_has_values(input, "histc");
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"histogram_cpu\" not implemented for '", info(input.dtype()).spoken, "'");
  check(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  check(min.real() <= max.real(), "torch.histc: max must be larger than min");
  bool given = min.real() != max.real() || input.numel() == 0;
  Range range =
      widened(given ? Range{min.real(), max.real()} : range_of(input), 1, "torch.histc: range of");
  DType compute = input.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  Tensor source = input.to(compute).contiguous();
  Tensor result = rushlight::zeros({bins}, compute);
  auto count = [&]<class T>(CppType<T>) {
    T low = T(range.low), high = T(range.high);
    const T* x = source.data<T>();
    T* total = result.data<T>();
    for (int64_t i = 0; i < source.numel(); ++i) {
      if (!(x[i] >= low && x[i] <= high)) continue;
      int64_t bin = int64_t((x[i] - low) * T(bins) / (high - low));
      total[std::min(bin, bins - 1)] += 1;
    }
  };
  compute == DType::Float64 ? count(CppType<double>()) : count(CppType<float>());
  return result.to(input.dtype());
}

/// Counts, or sums of weights, between sorted edges; the last bin has both its ends.
std::tuple<Tensor, Tensor> histogram_between(const Tensor& input, const Tensor& edges,
                                             const Tensor& weight, bool density) {
  check_has_values(input, "histogram");
  check_has_values(edges, "histogram");
  check(edges.dim() == 1 && edges.numel() > 0,
        "torch.histogramdd(): bins tensor should have one dimension, but got ", edges.dim(),
        " dimensions in the bins tensor for dimension 0");
  check(edges.dtype() == input.dtype(),
        "torch.histogramdd(): input tensor and bins tensors should have the same dtype, but got "
        "input with dtype ",
        info(input.dtype()).spoken, " and bins for dimension 0 with dtype ",
        info(edges.dtype()).spoken);
  if (weight.defined()) {
    check(weight.dtype() == input.dtype(),
          "torch.histogramdd(): if weight tensor is provided, input tensor and weight tensor "
          "should have the same dtype, but got input(",
          info(input.dtype()).spoken, "), and weight(", info(weight.dtype()).spoken, ")");
    check(same(weight.shape(), input.shape()),
          "torch.histogramdd(): if weight tensor is provided it should have the same shape as the "
          "input tensor excluding its innermost dimension, but got input with shape ",
          to_string(input.shape()), " and weight with shape ", to_string(weight.shape()));
  }
  check(input.dtype() == DType::Float32 || input.dtype() == DType::Float64,
        ErrorKind::NotImplemented, "\"histogramdd\" not implemented for '",
        info(input.dtype()).spoken, "'");
  Tensor source = input.contiguous(), edge = edges.contiguous();
  Tensor given = weight.defined() ? weight.contiguous() : Tensor();
  int64_t bins = edge.numel() - 1;
  Tensor result = rushlight::zeros({bins}, input.dtype());
  auto count = [&]<class T>(CppType<T>) {
    const T *x = source.data<T>(), *limit = edge.data<T>();
    for (int64_t i = 0; i < source.numel(); ++i) {
      if (!(x[i] >= limit[0] && x[i] <= limit[bins]) || bins == 0) continue;
      int64_t bin = std::upper_bound(limit, limit + bins + 1, x[i]) - limit - 1;
      result.data<T>()[std::min(bin, bins - 1)] += given.defined() ? given.data<T>()[i] : T(1);
    }
  };
  input.dtype() == DType::Float64 ? count(CppType<double>()) : count(CppType<float>());
  if (density) result = result / (result.sum() * edge.diff());
  return {result, edge};
}

}  // namespace

constinit const Op op::bincount = {
    .schema = "bincount(Tensor input, Tensor? weights=None, int minlength=0) -> Tensor",
    .doc = "How often each of 0, 1, … occurs, or the sum of the weights of its places.",
    .examples =
        "bincount(tensor([1, 0, 3, 1]))\n"
        "bincount(tensor([1, 0, 3, 1]), rand(4), minlength=6)",
    .forward = run([](const Tensor& input, const Tensor& weights, int64_t least) {
      return counted(input, weights, least);
    }),
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::histc = {
    .schema = "histc(Tensor input, int bins=100, Scalar min=0, Scalar max=0) -> Tensor",
    .doc = "How many elements fall into each of `bins` parts of [min, max], or of their own range.",
    .examples = "histc(randn(20), 4)\nhistc(randn(3, 4), bins=5, min=-1, max=1)",
    .forward = run([](const Tensor& input, int64_t bins, const Scalar& min, const Scalar& max) {
      return even_histogram(input, bins, min, max);
    }),
};

constinit const Op op::histogram_bin_ct = {
    .schema =
        "histogram.bin_ct(Tensor input, int bins=100, *, Scalar[]? range=None, "
        "Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)",
    .doc = "Counts, or sums of `weight`, in `bins` equal parts of `range`, and the parts' limits.",
    .examples =
        "histogram(randn(20), 4)\n"
        "histogram(randn(6), bins=5, range=(-1.0, 1.0), weight=ones(6), density=True)",
    .forward = run([](const Tensor& input, int64_t bins,
                      std::optional<std::span<const Scalar>> range, const Tensor& weight,
                      bool density) {
      check(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
      Range limits = range || input.numel() == 0 ? Range{0, 1} : range_of(input);
      if (range) {
        check(range->size() == 2,
              "torch.histogramdd(): for a 1-dimensional histogram range should have 2 elements, "
              "but got ",
              range->size());
        limits = {(*range)[0].real(), (*range)[1].real()};
      }
      limits = widened(limits, 0.5, "torch.histogramdd: dimension 0's range");
      check(limits.low <= limits.high, "torch.histogramdd: min should not exceed max, but got min ",
            Scalar(limits.low), " max ", Scalar(limits.high), " for dimension 0");
      Tensor edges = rushlight::linspace(limits.low, limits.high, bins + 1, input.dtype());
      return histogram_between(input, edges, weight, density);
    }),
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::histogram_bins_tensor = {
    .schema =
        "histogram.bins_tensor(Tensor input, Tensor bins, *, Tensor? weight=None, "
        "bool density=False) -> (Tensor hist, Tensor bin_edges)",
    .doc = "Counts, or sums of `weight`, between the sorted limits `bins`.",
    .examples = "histogram(randn(20), tensor([-1.0, 0.0, 0.5]))",
    .forward = run([](const Tensor& input, const Tensor& bins, const Tensor& weight, bool density) {
      return histogram_between(input, bins, weight, density);
    }),
    .backward = not_differentiable,
    .node = "NotImplemented",
};

}  // namespace rushlight
