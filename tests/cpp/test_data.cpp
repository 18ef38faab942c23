// Datasets and the loader in C++: shapes, orders and errors. That the orders are PyTorch's is shown
// by test_digits.py and test_data.py.

#include <gtest/gtest.h>
#include <rushlight/data.h>
#include <rushlight/rushlight.h>

#include <numeric>
#include <set>
#include <string>

namespace rushlight {
namespace {

using data::DataLoader;
using data::Sample;
using data::TensorDataset;

std::vector<int64_t> numbers(const Tensor& tensor) {
  Tensor flat = tensor.to(DType::Int64).contiguous();
  return {flat.data<int64_t>(), flat.data<int64_t>() + flat.numel()};
}

/// Sample i is (i, i * i), read one by one.
struct Squares : data::Dataset<2> {
  int64_t size() const override { return 7; }
  Sample<2> get(int64_t i) const override { return {tensor(i), tensor(i * i)}; }
};

template <class Action>
std::pair<ErrorKind, std::string> error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::Runtime, "nothing was thrown"};
}

TEST(Data, BatchesOfTensorsInOrder) {
  TensorDataset samples(arange(10).reshape({5, 2}), arange(5));
  DataLoader loader(samples, {.batch_size = 2});
  EXPECT_EQ(loader.size(), 3);
  std::vector<std::vector<int64_t>> seen;
  for (auto& [x, y] : loader) {
    seen.push_back(numbers(x));
    seen.push_back(numbers(y));
  }
  std::vector<std::vector<int64_t>> expected = {{0, 1, 2, 3}, {0, 1}, {4, 5, 6, 7},
                                                {2, 3},       {8, 9}, {4}};
  EXPECT_EQ(seen, expected);
}

TEST(Data, DropLast) {
  DataLoader loader(Squares(), {.batch_size = 3, .drop_last = true});
  EXPECT_EQ(loader.size(), 2);
  int64_t batches = 0;
  for (auto& [x, y] : loader) {
    EXPECT_EQ(x.size(0), 3);
    EXPECT_TRUE(equal(x * x, y));
    ++batches;
  }
  EXPECT_EQ(batches, 2);
}

TEST(Data, ShuffledEpochsDifferAndTheSeedDecides) {
  auto epoch = [](const auto& loader) {
    std::vector<int64_t> rows;
    for (auto& [x] : loader) {
      for (int64_t row : numbers(x)) rows.push_back(row);
    }
    return rows;
  };
  DataLoader loader(TensorDataset(arange(50)), {.batch_size = 8, .shuffle = true});
  manual_seed(3);
  auto first = epoch(loader), second = epoch(loader);
  manual_seed(3);
  EXPECT_EQ(epoch(loader), first);
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 50u);
  // PyTorch 2.13: manual_seed(3); the first batch of DataLoader(range(50), 8, shuffle=True).
  std::vector<int64_t> torch = {36, 1, 30, 38, 22, 21, 14, 7};
  EXPECT_EQ(std::vector<int64_t>(first.begin(), first.begin() + 8), torch);
}

TEST(Data, SplitsLikePyTorch) {
  Generator generator(42);
  auto parts = data::random_split(Squares(), {0.5, 0.5}, &generator);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].rows, (std::vector<int64_t>{1, 6, 3, 5}));
  EXPECT_EQ(parts[1].rows, (std::vector<int64_t>{4, 0, 2}));
  EXPECT_EQ(numbers(parts[1].get(0)[1])[0], parts[1].rows[0] * parts[1].rows[0]);
  EXPECT_EQ(data::random_split(Squares(), {5, 2}).front().size(), 5);
}

TEST(Data, Samplers) {
  Generator generator(1);
  data::RandomSampler drawn(5, {.replacement = true, .num_samples = 40, .generator = generator});
  EXPECT_EQ(drawn.rows().size(), 40u);
  EXPECT_EQ(data::RandomSampler(4, {.num_samples = 10}).rows().size(), 10u);
  auto some = data::SubsetRandomSampler({7, 8, 9}).rows();
  EXPECT_EQ(std::set<int64_t>(some.begin(), some.end()), (std::set<int64_t>{7, 8, 9}));
  auto weighted = data::WeightedRandomSampler(tensor({0.0, 1.0, 0.0}), 4).rows();
  EXPECT_EQ(weighted, (std::vector<int64_t>(4, 1)));
  auto sampler = std::make_shared<data::SubsetRandomSampler>(std::vector<int64_t>{2, 4});
  int64_t count = 0;
  for (auto& [x, y] : DataLoader(Squares(), {.sampler = sampler})) {
    EXPECT_EQ(numbers(x)[0] % 2, 0);
    ++count;
  }
  EXPECT_EQ(count, 2);
}

TEST(Data, Errors) {
  auto value = ErrorKind::Value;
  EXPECT_EQ(error_of([] { TensorDataset(ones({2}), ones({3})); }),
            std::pair(ErrorKind::Assertion, std::string("Size mismatch between tensors")));
  EXPECT_EQ(error_of([] { DataLoader(Squares(), {.batch_size = 0}); }),
            std::pair(value, std::string("batch_size should be a positive integer value, but got "
                                         "batch_size=0")));
  EXPECT_EQ(error_of([] { data::RandomSampler(0); }),
            std::pair(value, std::string("num_samples should be a positive integer value, but got "
                                         "num_samples=0")));
  EXPECT_EQ(error_of([] {
              data::random_split(Squares(), {3, 3});
            }),
            std::pair(value, std::string("Sum of input lengths does not equal the length of the "
                                         "input dataset!")));
  EXPECT_EQ(error_of([] { data::random_split(Squares(), {0.5, 0.6}); }).first, value);
  EXPECT_EQ(error_of([] {
              data::random_split(Squares(), {1.5, -0.5});
            }),
            std::pair(value, std::string("Fraction at index 0 is not between 0 and 1")));
}

}  // namespace
}  // namespace rushlight
