#pragma once
// Datasets, and the loader that makes batches of them. The order is PyTorch's from the same seed.
//
//   data::TensorDataset samples(x, y);
//   data::DataLoader loader(samples, {.batch_size = 32, .shuffle = true});
//   for (auto& [inputs, targets] : loader) { … }

#include <rushlight/ops.h>
#include <rushlight/tensor.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace rushlight::data {

// -- Samplers: the order of an epoch -------------------------------------------------------------

/// Rows in the order in which they are taken.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual int64_t size() const = 0;  ///< rows an epoch
  /// The rows of a new epoch; random ones draw from their generator.
  virtual std::vector<int64_t> rows() const = 0;
};

/// 0, 1, 2 …
class SequentialSampler final : public Sampler {
 public:
  explicit SequentialSampler(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  std::vector<int64_t> rows() const override;

 private:
  int64_t size_;
};

struct RandomOptions {
  bool replacement = false;
  std::optional<int64_t> num_samples = {};  ///< as many as there are, if left out
  std::optional<Generator> generator =
      {};  ///< else each epoch has one, seeded from the default stream
};

/// All rows shuffled, or rows drawn with replacement.
class RandomSampler final : public Sampler {
 public:
  /// Throws a ValueError unless num_samples, or `size` in its absence, is positive.
  explicit RandomSampler(int64_t size, RandomOptions options = {});
  int64_t size() const override { return options_.num_samples.value_or(size_); }
  std::vector<int64_t> rows() const override;

 private:
  int64_t size_;
  RandomOptions options_;
};

/// The given rows, shuffled.
class SubsetRandomSampler final : public Sampler {
 public:
  explicit SubsetRandomSampler(std::vector<int64_t> rows, std::optional<Generator> generator = {})
      : rows_(std::move(rows)), generator_(std::move(generator)) {}
  int64_t size() const override { return int64_t(rows_.size()); }
  std::vector<int64_t> rows() const override;

 private:
  std::vector<int64_t> rows_;
  std::optional<Generator> generator_;
};

/// Rows drawn with probabilities in proportion to `weights`, a vector of numbers.
class WeightedRandomSampler final : public Sampler {
 public:
  WeightedRandomSampler(const Tensor& weights, int64_t num_samples, bool replacement = true,
                        std::optional<Generator> generator = {});
  int64_t size() const override { return count_; }
  std::vector<int64_t> rows() const override;

 private:
  Tensor weights_;
  int64_t count_;
  bool replacement_;
  std::optional<Generator> generator_;
};

/// Lengths of the parts that fractions of `size` give: rounded down, what is left over goes to the
/// first parts, one each. Throws a ValueError unless they sum to 1.
std::vector<int64_t> split_lengths(int64_t size, std::span<const double> fractions);
/// A random permutation of 0 … size - 1, cut into parts. Throws a ValueError unless the lengths sum
/// to `size`.
std::vector<std::vector<int64_t>> split_rows(int64_t size, std::span<const int64_t> lengths,
                                             Generator* generator);

/// What a new iterator of PyTorch's loader draws from the stream (or the default one) for workers.
void draw_base_seed(const std::optional<Generator>& generator);
/// Throws the ValueError of a batch size that is not positive.
void check_batch_size(int64_t batch_size);

// -- Datasets ------------------------------------------------------------------------------------

/// One sample, or a batch of them: N tensors, which `auto& [x, y]` takes apart.
template <size_t N>
using Sample = std::array<Tensor, N>;

/// Samples by number. Derive from it and override size() and get().
template <size_t N>
class Dataset {
 public:
  static constexpr size_t kTensors = N;
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual Sample<N> get(int64_t row) const = 0;
  /// The samples of several rows, stacked.
  virtual Sample<N> gather(std::span<const int64_t> rows) const {
    std::vector<Tensor> columns[N];
    for (int64_t row : rows) {
      Sample<N> sample = get(row);
      for (size_t i = 0; i < N; ++i) columns[i].push_back(std::move(sample[i]));
    }
    Sample<N> batch;
    for (size_t i = 0; i < N; ++i) batch[i] = stack(columns[i], 0);
    return batch;
  }
};

template <class D>
concept AnyDataset = requires {
  D::kTensors;
}
&&std::derived_from<D, Dataset<D::kTensors>>;

/// The rows of tensors: sample i is their i-th rows.
template <size_t N>
class TensorDataset final : public Dataset<N> {
 public:
  /// Throws an AssertionError if the tensors have different numbers of rows.
  template <std::convertible_to<Tensor>... Tensors>
  requires(sizeof...(Tensors) == N) explicit TensorDataset(const Tensors&... tensors)
      : tensors{tensors...} {
    for (const Tensor& tensor : this->tensors) {
      check(tensor.size(0) == this->tensors[0].size(0), ErrorKind::Assertion,
            "Size mismatch between tensors");
    }
  }
  int64_t size() const override { return tensors[0].size(0); }
  Sample<N> get(int64_t row) const override {
    Sample<N> sample;
    for (size_t i = 0; i < N; ++i) sample[i] = tensors[i][row];
    return sample;
  }
  Sample<N> gather(std::span<const int64_t> rows) const override {
    const int64_t shape[] = {int64_t(rows.size())};
    Tensor index = make_tensor(shape, DType::Int64);
    std::copy(rows.begin(), rows.end(), index.data<int64_t>());
    Sample<N> batch;
    for (size_t i = 0; i < N; ++i) batch[i] = index_select(tensors[i], 0, index);
    return batch;
  }

  const Sample<N> tensors;
};
template <class... Tensors>
TensorDataset(const Tensors&...) -> TensorDataset<sizeof...(Tensors)>;

/// Some rows of a dataset.
template <size_t N>
class Subset final : public Dataset<N> {
 public:
  Subset(std::shared_ptr<const Dataset<N>> dataset, std::vector<int64_t> rows)
      : dataset(std::move(dataset)), rows(std::move(rows)) {}
  int64_t size() const override { return int64_t(rows.size()); }
  Sample<N> get(int64_t row) const override { return dataset->get(rows.at(size_t(row))); }
  Sample<N> gather(std::span<const int64_t> wanted) const override {
    std::vector<int64_t> own;
    for (int64_t row : wanted) own.push_back(rows.at(size_t(row)));
    return dataset->gather(own);
  }

  const std::shared_ptr<const Dataset<N>> dataset;
  const std::vector<int64_t> rows;
};

/// Splits a dataset at random into parts of the given lengths, or of fractions that sum to 1:
/// `auto parts = random_split(samples, {0.8, 0.2}, &generator)`. PyTorch's random_split.
template <AnyDataset D, class Number>
requires std::is_arithmetic_v<Number>
auto random_split(D dataset, std::initializer_list<Number> parts, Generator* generator = nullptr) {
  auto shared = std::make_shared<const D>(std::move(dataset));
  std::vector<int64_t> lengths;
  if constexpr (std::is_floating_point_v<Number>)
    lengths = split_lengths(shared->size(), std::vector<double>(parts.begin(), parts.end()));
  else
    lengths.assign(parts.begin(), parts.end());
  std::vector<Subset<D::kTensors>> subsets;
  for (auto& rows : split_rows(shared->size(), lengths, generator))
    subsets.emplace_back(shared, std::move(rows));
  return subsets;
}

// -- The loader ----------------------------------------------------------------------------------

struct LoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;                       ///< leaves out a last batch that would be smaller
  std::optional<Generator> generator = {};      ///< else the default stream
  std::shared_ptr<const Sampler> sampler = {};  ///< instead of `shuffle`
};

/// Batches of a dataset; each `for` over it is an epoch.
template <size_t N>
class DataLoader {
 public:
  template <AnyDataset D>
  explicit DataLoader(D dataset, LoaderOptions options = {})
      : dataset_(std::make_shared<const D>(std::move(dataset))), options_(std::move(options)) {
    check_batch_size(options_.batch_size);
    check(!options_.sampler || !options_.shuffle, ErrorKind::Value,
          "sampler option is mutually exclusive with shuffle");
    if (options_.shuffle)
      options_.sampler = std::make_shared<RandomSampler>(
          dataset_->size(), RandomOptions{.num_samples = {}, .generator = options_.generator});
    else if (!options_.sampler)
      options_.sampler = std::make_shared<SequentialSampler>(dataset_->size());
  }

  /// Batches an epoch.
  int64_t size() const {
    int64_t rows = options_.sampler->size(), batch = options_.batch_size;
    return (options_.drop_last ? rows : rows + batch - 1) / batch;
  }
  const Dataset<N>& dataset() const { return *dataset_; }

  class Iterator {
   public:
    using value_type = Sample<N>;
    using difference_type = std::ptrdiff_t;
    Sample<N>& operator*() { return batch_; }
    Iterator& operator++() {
      ++number_;
      load();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return number_ >= loader_->size(); }

   private:
    friend class DataLoader;
    explicit Iterator(const DataLoader* loader)
        : loader_(loader), rows_(loader->options_.sampler->rows()) {
      load();
    }
    void load() {
      if (number_ >= loader_->size()) return;
      size_t size = size_t(loader_->options_.batch_size), begin = size_t(number_) * size;
      std::span<const int64_t> rows(rows_);
      batch_ = loader_->dataset_->gather(rows.subspan(begin, std::min(size, rows.size() - begin)));
    }

    const DataLoader* loader_;
    std::vector<int64_t> rows_;
    int64_t number_ = 0;
    Sample<N> batch_;
  };

  /// Starts an epoch.
  Iterator begin() const {
    draw_base_seed(options_.generator);
    return Iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::shared_ptr<const Dataset<N>> dataset_;
  LoaderOptions options_;
};
template <AnyDataset D>
DataLoader(D, LoaderOptions) -> DataLoader<D::kTensors>;
template <AnyDataset D>
DataLoader(D) -> DataLoader<D::kTensors>;

}  // namespace rushlight::data
