// Reductions: against plain loops, and the same bits on every thread count and FMA target.

#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rushlight/error.h"
#include "strided.h"

namespace rushlight {
namespace {

using namespace rushlight::testing;

struct Case {
  Dims shape, strides;
  std::vector<int> dims;  // to reduce
};

const Case kCases[] = {
    {{}, {}, {}},
    {{1}, {1}, {0}},
    {{5}, {1}, {0}},
    {{1000}, {1}, {0}},
    {{1000}, {3}, {0}},
    {{300000}, {1}, {0}},
    {{7, 300}, {300, 1}, {1}},
    {{7, 300}, {300, 1}, {0}},
    {{7, 300}, {300, 1}, {0, 1}},
    {{7, 300}, {300, 1}, {}},
    {{7, 300}, {1, 7}, {1}},
    {{7, 300}, {1, 7}, {0}},
    {{7, 300}, {0, 1}, {0}},
    {{3000, 3}, {3, 1}, {1}},
    {{3000, 3}, {3, 1}, {0}},
    {{400, 1100}, {1100, 1}, {0}},
    {{4, 50, 6, 20}, {6000, 120, 20, 1}, {0, 2, 3}},
    {{4, 50, 6, 20}, {6000, 120, 20, 1}, {1}},
    {{4, 50, 6, 20}, {1, 4, 4000, 200}, {1, 3}},
    {{3, 200000}, {200000, 1}, {1}},
};

/// The output of reducing `c`: contiguous with size 1 in the reduced dims, whose strides are 0.
struct Reduced {
  Reduced(DType dtype, const Case& c) : shape(c.shape) {
    for (int d : c.dims) shape[size_t(d)] = 1;
    array = Array(dtype, shape);
    strides = array.strides;
    for (int d : c.dims) strides[size_t(d)] = 0;
  }
  Operand operand() { return {array.bytes.data(), array.dtype, strides.data()}; }
  Dims shape, strides;
  Array array{DType::Float32, {}};
};

/// For each output the linear indices of the inputs it reduces, in logical order.
std::vector<std::vector<int64_t>> groups(const Case& c, const Dims& kept) {
  std::vector<std::vector<int64_t>> result(static_cast<size_t>(count(kept)));
  for (int64_t i = 0; i < count(c.shape); ++i) {
    int64_t rest = i, output = 0, step = 1;
    for (size_t d = c.shape.size(); d-- > 0;) {
      int64_t index = rest % c.shape[d];
      rest /= c.shape[d];
      if (kept[d] != 1) output += index * step;
      step *= kept[d];
    }
    result[size_t(output)].push_back(i);
  }
  return result;
}

/// The large cases are there to be split among threads; a few dtypes do for that.
bool too_slow(const Case& c, DType dtype) {
  return count(c.shape) > 100000 && dtype != DType::Float32 && dtype != DType::Int64;
}

TEST(Reduce, SumsOfFloatsAreAsGoodAsFloat64) {
  for_each_target([](SimdTarget target) {
    for (const Case& c : kCases)
      for (DType dtype : {DType::Float16, DType::BFloat16, DType::Float32, DType::Float64}) {
        if (too_slow(c, dtype)) continue;
        Array x(dtype, c.shape, c.strides);
        x.randomise(3, -1, 3);
        Reduced sum(dtype == DType::Float64 ? dtype : DType::Float32, c);
        Reduced mean = sum;
        run_reduce(Reduction::Sum, dtype, c.shape, x.operand(), sum.operand());
        run_reduce(Reduction::Mean, dtype, c.shape, x.operand(), mean.operand());
        auto inputs = groups(c, sum.shape);
        double precision = dtype == DType::Float64 ? 1e-15 : 3e-7;
        for (size_t o = 0; o < inputs.size(); ++o) {
          long double exact = 0, magnitude = 0;
          for (int64_t i : inputs[o]) exact += x.get(i), magnitude += std::abs(x.get(i));
          ASSERT_NEAR(sum.array.get(int64_t(o)), double(exact), double(magnitude) * precision)
              << to_string_view(target) << " " << info(dtype).name << " case " << &c - kCases;
          ASSERT_NEAR(mean.array.get(int64_t(o)), double(exact) / double(inputs[o].size()),
                      double(magnitude) * precision / double(inputs[o].size()));
        }
      }
  });
}

TEST(Reduce, WholeNumbersAreExact) {
  for_each_target([](SimdTarget) {
    for (const Case& c : kCases)
      for (DType dtype : kAllDTypes) {
        if (is_floating(dtype) || too_slow(c, dtype)) continue;
        Array x(dtype, c.shape, c.strides);
        x.randomise(4, 0, 3);
        Reduced sum(DType::Int64, c), product(DType::Int64, c), nonzero(DType::Int64, c);
        Reduced any(DType::Bool, c), all(DType::Bool, c);
        run_reduce(Reduction::Sum, DType::Int64, c.shape, x.operand(), sum.operand());
        run_reduce(Reduction::Prod, DType::Int64, c.shape, x.operand(), product.operand());
        run_reduce(Reduction::CountNonzero, dtype, c.shape, x.operand(), nonzero.operand());
        run_reduce(Reduction::Any, dtype, c.shape, x.operand(), any.operand());
        run_reduce(Reduction::All, DType::Bool, c.shape, x.operand(), all.operand());
        auto inputs = groups(c, sum.shape);
        for (size_t o = 0; o < inputs.size(); ++o) {
          int64_t total = 0, zeros = 0;
          uint64_t factors = 1;
          for (int64_t i : inputs[o]) {
            total += int64_t(x.get(i)), zeros += x.get(i) == 0;
            factors *= uint64_t(x.get(i));
          }
          int64_t n = int64_t(inputs[o].size()), at = int64_t(o);
          ASSERT_EQ(sum.array.get(at), double(total)) << info(dtype).name;
          ASSERT_EQ(product.array.get(at), double(int64_t(factors)));
          ASSERT_EQ(nonzero.array.get(at), double(n - zeros));
          ASSERT_EQ(any.array.get(at), double(zeros < n));
          ASSERT_EQ(all.array.get(at), double(zeros == 0));
        }
      }
  });
}

TEST(Reduce, EmptySumsAndProducts) {
  Case c{{3, 0}, {1, 1}, {1}};
  Array x(DType::Float32, c.shape);
  const std::pair<Reduction, double> expected[] = {{Reduction::Sum, 0},
                                                   {Reduction::Prod, 1},
                                                   {Reduction::Any, 0},
                                                   {Reduction::All, 1},
                                                   {Reduction::CountNonzero, 0}};
  for (auto [reduction, value] : expected) {
    Reduced output(DType::Float32, c);
    run_reduce(reduction, DType::Float32, c.shape, x.operand(), output.operand());
    for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(output.array.get(i), value);
  }
  Reduced mean(DType::Float32, c);
  run_reduce(Reduction::Mean, DType::Float32, c.shape, x.operand(), mean.operand());
  EXPECT_TRUE(std::isnan(mean.array.get(0)));
}

TEST(Reduce, ExtremesAndTheirFirstPlaces) {
  for_each_target([](SimdTarget target) {
    for (const Case& c : kCases)
      for (DType dtype : kAllDTypes)
        for (bool largest : {true, false}) {
          if (too_slow(c, dtype)) continue;
          Array x(dtype, c.shape, c.strides);
          x.randomise(6, -9, 9);
          if (is_floating(dtype))  // a NaN here and there, ties everywhere
            for (int64_t i = 0; i < count(c.shape); ++i)
              x.set(i, i % 1777 == 1500 ? NAN : std::round(x.get(i)));
          Reduced value(dtype, c), place(DType::Int64, c), argument(DType::Int64, c), alone = value;
          Operand indices = place.operand();
          auto reduction = largest ? Reduction::Max : Reduction::Min;
          run_reduce(reduction, dtype, c.shape, x.operand(), value.operand(), &indices);
          run_reduce(reduction, dtype, c.shape, x.operand(), alone.operand());
          run_reduce(largest ? Reduction::ArgMax : Reduction::ArgMin, dtype, c.shape, x.operand(),
                     argument.operand());
          auto inputs = groups(c, value.shape);
          for (size_t o = 0; o < inputs.size(); ++o) {
            size_t best = 0;
            for (size_t k = 0; k < inputs[o].size(); ++k) {
              double a = x.get(inputs[o][k]), b = x.get(inputs[o][best]);
              if (!std::isnan(b) && (std::isnan(a) || (largest ? a > b : a < b))) best = k;
            }
            double expected = x.get(inputs[o][best]);
            auto same = [&](double y) { return y == expected || (y != y && expected != expected); };
            int64_t at = int64_t(o);
            ASSERT_TRUE(same(value.array.get(at)) && same(alone.array.get(at)))
                << to_string_view(target) << " " << info(dtype).name << " case " << &c - kCases;
            ASSERT_EQ(place.array.get(at), double(best))
                << to_string_view(target) << " " << info(dtype).name << " case " << &c - kCases;
            ASSERT_EQ(argument.array.get(at), double(best));
          }
        }
  });
}

TEST(Reduce, VarianceAndMean) {
  for_each_target([](SimdTarget target) {
    for (const Case& c : kCases)
      for (DType dtype : {DType::Float16, DType::Float32, DType::Float64})
        for (double correction : {0.0, 1.0}) {
          if (too_slow(c, dtype)) continue;
          Array x(dtype, c.shape, c.strides);
          x.randomise(8, 90, 110);
          DType result = dtype == DType::Float64 ? dtype : DType::Float32;
          Reduced variance(result, c), mean = variance, deviation = variance;
          Operand means = mean.operand();
          run_variance(dtype, c.shape, x.operand(), correction, false, variance.operand(), &means);
          run_variance(dtype, c.shape, x.operand(), correction, true, deviation.operand());
          auto inputs = groups(c, variance.shape);
          double precision = dtype == DType::Float64 ? 1e-13 : 2e-7;
          for (size_t o = 0; o < inputs.size(); ++o) {
            long double n = inputs[o].size(), sum = 0, spread = 0;
            for (int64_t i : inputs[o]) sum += x.get(i);
            for (int64_t i : inputs[o]) spread += (x.get(i) - sum / n) * (x.get(i) - sum / n);
            double exact = double(spread / std::max<long double>(0, n - correction));
            double got = variance.array.get(int64_t(o)), root = deviation.array.get(int64_t(o));
            if (std::isnan(exact)) {
              ASSERT_TRUE(std::isnan(got) && std::isnan(root));
              continue;
            }
            ASSERT_NEAR(got, exact, exact * precision)
                << to_string_view(target) << " " << info(dtype).name << " case " << &c - kCases;
            ASSERT_NEAR(root, std::sqrt(exact), std::sqrt(exact) * precision);
            ASSERT_NEAR(mean.array.get(int64_t(o)), double(sum / n), 110 * precision);
          }
        }
  });
}

TEST(Reduce, SameBitsOnEveryThreadCountAndFmaTarget) {
  const Reduction sums[] = {Reduction::Sum, Reduction::Mean, Reduction::SumOfSquares,
                            Reduction::Prod};
  for (const Case& c : kCases)
    for (DType dtype : {DType::Float16, DType::Float32, DType::Float64})
      for (Reduction reduction : sums) {
        Array x(dtype, c.shape, c.strides);
        x.randomise(5);
        std::vector<char> first;
        for_each_target([&](SimdTarget target) {
          if (target == SimdTarget::Baseline) return;
          for_each_thread_count([&](int threads) {
            Reduced output(dtype, c), spread(dtype, c);
            run_reduce(reduction, dtype, c.shape, x.operand(), output.operand());
            run_variance(dtype, c.shape, x.operand(), 1, false, spread.operand());
            auto& bytes = output.array.bytes;
            bytes.insert(bytes.end(), spread.array.bytes.begin(), spread.array.bytes.end());
            if (first.empty()) first = output.array.bytes;
            ASSERT_EQ(output.array.bytes, first) << to_string_view(target) << " " << threads;
          });
        });
      }
}

}  // namespace
}  // namespace rushlight
