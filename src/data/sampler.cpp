// Orders of rows, drawn as PyTorch draws them.

#include <rushlight/data.h>

#include <cmath>
#include <numeric>

namespace rushlight::data {

namespace {

Generator* pointer(const std::optional<Generator>& generator) {
  return generator ? const_cast<Generator*>(&*generator) : nullptr;
}

int64_t draw_seed(Generator* generator) {
  return empty({}, DType::Int64).random_(generator).item<int64_t>();
}

void append(std::vector<int64_t>& rows, const Tensor& drawn, int64_t count) {
  const int64_t* first = drawn.data<int64_t>();
  rows.insert(rows.end(), first, first + count);
}

}  // namespace

std::vector<int64_t> SequentialSampler::rows() const {
  std::vector<int64_t> rows(static_cast<size_t>(size_));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

RandomSampler::RandomSampler(int64_t size, RandomOptions options)
    : size_(size), options_(std::move(options)) {
  check(this->size() > 0, ErrorKind::Value,
        "num_samples should be a positive integer value, but got num_samples=", this->size());
}

std::vector<int64_t> RandomSampler::rows() const {
  std::optional<Generator> own;
  if (!options_.generator) own = Generator(uint64_t(draw_seed(nullptr)));
  Generator* generator = own ? &*own : pointer(options_.generator);
  std::vector<int64_t> rows;
  const int64_t count = size();
  if (options_.replacement) {
    for (int64_t left = count; left >= 0; left -= 32) {
      int64_t part = std::min<int64_t>(left, 32);
      append(rows, randint(size_, {part}, generator, DType::Int64), part);
      if (part < 32) break;
    }
    return rows;
  }
  for (int64_t i = 0; i < count / size_; ++i)
    append(rows, randperm(size_, generator, DType::Int64), size_);
  append(rows, randperm(size_, generator, DType::Int64), count % size_);  // drawn even if unused
  return rows;
}

std::vector<int64_t> SubsetRandomSampler::rows() const {
  Tensor order = randperm(size(), pointer(generator_), DType::Int64);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < size(); ++i) rows.push_back(rows_[size_t(order.data<int64_t>()[i])]);
  return rows;
}

WeightedRandomSampler::WeightedRandomSampler(const Tensor& weights, int64_t num_samples,
                                             bool replacement, std::optional<Generator> generator)
    : weights_(weights.to(DType::Float64)),
      count_(num_samples),
      replacement_(replacement),
      generator_(std::move(generator)) {
  check(count_ > 0, ErrorKind::Value,
        "num_samples should be a positive integer value, but got num_samples=", count_);
  check(weights.dim() == 1, ErrorKind::Value,
        "weights should be a 1d sequence but given weights have shape ",
        to_string(weights.shape()));
}

std::vector<int64_t> WeightedRandomSampler::rows() const {
  std::vector<int64_t> rows;
  append(rows, multinomial(weights_, count_, replacement_, pointer(generator_)), count_);
  return rows;
}

std::vector<int64_t> split_lengths(int64_t size, std::span<const double> fractions) {
  double sum = 0;
  for (double fraction : fractions) sum += fraction;
  check(std::abs(sum - 1) <= 1e-9 && sum <= 1, ErrorKind::Value, "random_split: the fractions sum ",
        "to ", sum, "; they must sum to 1");
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < fractions.size(); ++i) {
    check(fractions[i] >= 0 && fractions[i] <= 1, ErrorKind::Value, "Fraction at index ", i,
          " is not between 0 and 1");
    lengths.push_back(int64_t(std::floor(double(size) * fractions[i])));
  }
  int64_t rest = size - std::reduce(lengths.begin(), lengths.end());
  for (int64_t i = 0; i < rest; ++i) ++lengths[size_t(i) % lengths.size()];
  return lengths;
}

std::vector<std::vector<int64_t>> split_rows(int64_t size, std::span<const int64_t> lengths,
                                             Generator* generator) {
  check(std::reduce(lengths.begin(), lengths.end()) == size, ErrorKind::Value,
        "Sum of input lengths does not equal the length of the input dataset!");
  Tensor order = randperm(size, generator, DType::Int64);
  const int64_t* next = order.data<int64_t>();
  std::vector<std::vector<int64_t>> parts;
  for (int64_t length : lengths) {
    parts.emplace_back(next, next + length);
    next += length;
  }
  return parts;
}

void draw_base_seed(const std::optional<Generator>& generator) { draw_seed(pointer(generator)); }

void check_batch_size(int64_t batch_size) {
  check(batch_size > 0, ErrorKind::Value,
        "batch_size should be a positive integer value, but got batch_size=", batch_size);
}

}  // namespace rushlight::data
