// Sums, means and maxima of rows of a table, chosen by index in bags.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/embedding.h"
#include "ops/op.h"

namespace rushlight {

namespace {

/// The bag of each index.
struct Bags {
  Tensor indices;  ///< of all bags, one after the other
  Tensor numbers;  ///< for each index, the number of its bag
  Tensor kept;     ///< for each index, whether it is not padding
  int64_t count;
};

void check_bags(const Tensor& input, const Tensor& offsets, const Tensor& sample_weights,
                std::string_view mode) {
  if (sample_weights.defined()) {
    check(same(input.shape(), sample_weights.shape()), ErrorKind::Value,
          "embedding_bag: If per_sample_weights (", to_string(sample_weights.shape()),
          ") is not None, then it must have the same shape as the input (",
          to_string(input.shape()), ")");
    check(mode == "sum", ErrorKind::NotImplemented,
          "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
          "for mode='sum' (got mode='",
          mode, "'). Please open a feature request on GitHub.");
  }
  check(input.dim() == 1 || input.dim() == 2, ErrorKind::Value,
        "input has to be 1D or 2D Tensor, but got Tensor of dimension ", input.dim());
  if (input.dim() == 2) {
    check(!offsets.defined(), ErrorKind::Value,
          "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
          "fixed length sequences. However, found offsets of type Tensor");
    return;
  }
  check(offsets.defined(), ErrorKind::Value, "offsets has to be a 1D Tensor but got None");
  check(offsets.dim() == 1, ErrorKind::Value, "offsets has to be a 1D Tensor");
  check(offsets.dtype() == DType::Int64 || offsets.dtype() == DType::Int32,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
        "Long, Int; but got ",
        info(offsets.dtype()).spoken);
}

/// Throws unless the indices are rows of the weight: in other words where PyTorch does not take its
/// fast way.
void check_table(const Tensor& input, const Tensor& weight, bool fast) {
  check(is_floating(weight.dtype()),
        "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, "
        "BFloat16, Float, Double; but got torch.",
        info(weight.dtype()).legacy, "Tensor instead (while checking arguments for embedding_bag)");
  check(weight.dim() == 2, ErrorKind::Value,
        "weight has to be a 2D Tensor, but got Tensor of dimension ", weight.dim());
  check(input.dtype() == DType::Int64 || input.dtype() == DType::Int32,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
        "Long, Int; but got torch.",
        info(input.dtype()).legacy, "Tensor instead (while checking arguments for embedding_bag)");
  check_has_values(input, "embedding_bag");
  Tensor wide = input.to(DType::Int64).contiguous();
  for (int64_t i = 0; i < wide.numel(); ++i) {
    int64_t row = wide.data<int64_t>()[i];
    bool valid = row >= 0 && row < weight.size(0);
    check(valid || fast,
          "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be ", row,
          " (of ", weight.size(0), ")");
    check(valid, "Index ", i, " of input takes value ", row,
          " which is not in the valid range [0, ", weight.size(0), ")");
  }
}

int64_t padding_of_bags(std::optional<int64_t> padding, const Tensor& weight) {
  int64_t rows = weight.size(0);
  check(!padding || (*padding < rows && *padding >= -rows),
        "padding_idx must be within the number of embeddings, ", -rows, " through ", rows - 1,
        ", but got ", padding.value_or(0));
  return padding_row(padding, rows);
}

/// Where each bag begins, and where the last ends.
std::vector<int64_t> limits_of(const Tensor& input, const Tensor& offsets,
                               bool include_last_offset) {
  std::vector<int64_t> limits;
  int64_t length = input.numel();
  if (input.dim() == 2) {
    for (int64_t i = 0; i <= input.size(0); ++i) limits.push_back(i * input.size(1));
    return limits;
  }
  check(!include_last_offset || offsets.numel() > 0,
        "include_last_offset: number of offset should be at least 1");
  check_has_values(offsets, "embedding_bag");
  Tensor wide = offsets.to(DType::Int64).contiguous();
  limits.assign(wide.data<int64_t>(), wide.data<int64_t>() + wide.numel());
  if (!limits.empty()) {
    check(limits.front() == 0,
          "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
          "position 0. However, got ",
          limits.front());
    check(limits.back() <= length, "offsets[-1] can not be greater than input's length ", length,
          " but got offsets[-1] of ", limits.back());
    for (size_t i = 1; i < limits.size(); ++i)
      check(limits[i] >= limits[i - 1], "embedding_bag: offsets must not decrease, but ",
            limits[i - 1], " is followed by ", limits[i]);
  }
  if (include_last_offset)
    limits.back() = length;
  else
    limits.push_back(length);
  return limits;
}

Bags bags_of(const Tensor& input, const Tensor& offsets, bool include_last_offset,
             int64_t padding) {
  std::vector<int64_t> limits = limits_of(input, offsets, include_last_offset);
  Bags bags;
  bags.count = int64_t(limits.size()) - 1;
  bags.indices = input.reshape({{-1}});
  bags.numbers = make_tensor({{input.numel()}}, DType::Int64, input.device());
  int64_t* number = bags.numbers.data<int64_t>();
  for (int64_t bag = 0; bag < bags.count; ++bag) {
    for (int64_t i = limits[size_t(bag)]; i < limits[size_t(bag + 1)]; ++i) number[i] = bag;
  }
  bags.kept = padding < 0 ? Tensor() : bags.indices != Scalar(padding);
  return bags;
}

Tensor count_of(const Bags& bags, DType dtype) {
  Tensor ones =
      bags.kept.defined() ? bags.kept.to(dtype) : rushlight::ones(bags.numbers.shape(), dtype);
  return rushlight::zeros(bags.count, dtype).index_add(0, bags.numbers, ones).unsqueeze(1);
}

/// The place among `rows` of the largest of each bag, for each column; -1 in empty bags.
Tensor places_of_largest(const Tensor& rows, const Bags& bags) {
  check_has_values(rows, "embedding_bag");
  int64_t width = rows.size(1);
  Tensor places = rushlight::full({{bags.count, width}}, -1, DType::Int64);
  Tensor values = rows.detach().to(DType::Float64).contiguous();
  Tensor kept = bags.kept.defined() ? bags.kept.contiguous() : Tensor();
  const double* value = values.data<double>();
  const int64_t* number = bags.numbers.data<int64_t>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    if (kept.defined() && !kept.data<bool>()[i]) continue;
    int64_t* best = places.data<int64_t>() + number[i] * width;
    for (int64_t j = 0; j < width; ++j) {
      if (best[j] < 0 || value[i * width + j] > value[best[j] * width + j]) best[j] = i;
    }
  }
  return places;
}

/// The row of the table from which the largest of each bag comes, for each column; 0 in empty ones.
Tensor indices_of_largest(const Tensor& weight, const Bags& bags) {
  if (bags.indices.numel() == 0)
    return rushlight::zeros({bags.count, weight.size(1)}, DType::Int64);
  Tensor places = places_of_largest(weight.detach().index_select(0, bags.indices), bags);
  Tensor indices = bags.indices.to(DType::Int64).index_select(0, places.clamp_min(0).reshape(-1));
  return rushlight::where(places < 0, 0, indices.reshape(places.shape()));
}

Tensor largest(const Tensor& rows, const Bags& bags) {
  if (rows.size(0) == 0) return rows.new_zeros(Ints({bags.count, rows.size(1)}));
  Tensor places = places_of_largest(rows, bags);
  return rushlight::where(places < 0, 0, rows.gather(0, places.clamp_min(0)));
}

}  // namespace

constinit const Op op::embedding_bag = {
    .schema =
        "embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, "
        "float norm_type=2, bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, "
        "Tensor? per_sample_weights=None, bool include_last_offset=False, "
        "int? padding_idx=None) -> Tensor",
    .doc =
        "The 'mean', 'sum' or 'max' (`mode`) of the rows of `weight` in each bag: the rows of a "
        "2-D "
        "`input`, or the parts of a 1-D one that begin at `offsets`. Row `padding_idx` is left "
        "out.",
    .examples =
        "F.embedding_bag(tensor([[0, 2], [1, 2]]), randn(4, 3))\n"
        "F.embedding_bag(tensor([0, 2, 1, 1, 3]), randn(4, 3), tensor([0, 2, 2]), mode='sum')\n"
        "F.embedding_bag(tensor([0, 2, 1, 1, 3]), randn(4, 3), tensor([0, 2, 2]), mode='max')\n"
        "F.embedding_bag(tensor([0, 2, 1, 1]), randn(4, 3), tensor([0, 2, 4]), "
        "include_last_offset=True, padding_idx=1)\n"
        "F.embedding_bag(tensor([[0, 2], [1, 2]]), randn(4, 3), mode='sum', "
        "per_sample_weights=randn(2, 2))\n"
        "F.embedding_bag(tensor([[0, 2], [1, 2]]), randn(4, 3), scale_grad_by_freq=True)\n"
        "F.embedding_bag(tensor([[0, 2], [1, 2]]), randn(4, 3), max_norm=0.5, norm_type=1.0)",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& weight, const Tensor& offsets,
                      std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq,
                      std::string_view mode, bool sparse, const Tensor& sample_weights,
                      bool include_last_offset, std::optional<int64_t> padding_idx) -> Tensor {
      check_bags(input, offsets, sample_weights, mode);
      check_table(input, weight, mode != "max" && !padding_idx && weight.dtype() != DType::Float64);
      check(mode == "sum" || mode == "mean" || mode == "max", ErrorKind::Value,
            "mode has to be one of sum, mean or max");
      check(mode != "max" || !scale_grad_by_freq, ErrorKind::Value,
            "max mode does not support scaling the gradient by the frequency");
      check(mode != "max" || !sparse, ErrorKind::Value, "max mode does not support sparse weights");
      check(!sparse, ErrorKind::NotImplemented,
            "embedding_bag: sparse gradients are not supported; leave sparse=False");
      int64_t padding = padding_of_bags(padding_idx, weight);
      check(!sample_weights.defined() || sample_weights.dtype() == weight.dtype(),
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            "#1 'per_sample_weights'; but got ",
            info(weight.dtype()).name, " and ",
            sample_weights.defined() ? info(sample_weights.dtype()).name : "",
            " (while checking arguments for embedding_bag)");
      if (max_norm) renormalise_rows(weight, input, *max_norm, norm_type);
      Bags bags = bags_of(input, offsets, include_last_offset, padding);
      Tensor rows = rushlight::_embedding(weight, bags.indices, padding, scale_grad_by_freq);
      if (mode == "max") return largest(rows, bags);
      if (bags.kept.defined()) rows = rows * bags.kept.to(rows.dtype()).unsqueeze(1);
      if (sample_weights.defined()) rows = rows * sample_weights.reshape({{-1, 1}});
      Tensor sums =
          rows.new_zeros(Ints({bags.count, rows.size(1)})).index_add(0, bags.numbers, rows);
      if (mode == "sum") return sums;
      return sums / count_of(bags, sums.dtype()).clamp_min(1);
    }),
};

constinit const Op op::embedding_bag_torch = {
    .schema =
        "embedding_bag.torch(Tensor weight, Tensor indices, Tensor offsets, "
        "bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
        "Tensor? per_sample_weights=None, bool include_last_offset=False, "
        "int? padding_idx=None) -> (Tensor, Tensor, Tensor, Tensor)",
    .doc =
        "nn.functional's, with other positions and the mode 0 (sum), 1 (mean) or 2 (max); then, "
        "where the mode asks for them, the bag of each index, how many each bag keeps, and where "
        "its maxima are.",
    .examples =
        "embedding_bag(randn(4, 3), tensor([0, 2, 1, 1, 3]), tensor([0, 2, 2]), False, 1)\n"
        "embedding_bag(randn(4, 3), tensor([0, 2, 1, 1, 3]), tensor([0, 2]), mode=2)",
    .variants = "torch-only",
    .compose =
        run([](const Tensor& weight, const Tensor& indices, const Tensor& offsets,
               bool scale_grad_by_freq, int64_t mode, bool sparse, const Tensor& sample_weights,
               bool include_last_offset, std::optional<int64_t> padding_idx) {
          check(mode >= 0 && mode < 3, "`mode` must be sum, mean, or max.");
          constexpr const char* kModes[] = {"sum", "mean", "max"};
          Tensor output = rushlight::embedding_bag(
              indices, weight, offsets, {}, 2, scale_grad_by_freq, kModes[mode], sparse,
              sample_weights, include_last_offset, padding_idx);
          int64_t padding = padding_of_bags(padding_idx, weight);
          Bags bags = bags_of(indices, offsets, include_last_offset, padding);
          bool plain = mode == 0 && padding < 0;
          Tensor none = rushlight::zeros({bags.count}, DType::Int64);
          Tensor sizes = mode == 0 ? none : count_of(bags, DType::Int64).squeeze(1);
          Tensor places = mode == 2 ? indices_of_largest(weight, bags) : sizes.clone();
          return std::tuple(output, plain ? rushlight::zeros({0}, DType::Int64) : bags.numbers,
                            sizes, places);
        }),
};

}  // namespace rushlight
