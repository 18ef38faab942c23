// Scans and softmax, against plain loops in long double.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/reduce.h"
#include "kernels/softmax.h"
#include "rushlight/error.h"
#include "strided.h"

namespace rushlight {
namespace {

using namespace rushlight::testing;

struct ScanCase {
  Dims shape, strides, out_strides;
  int dim;
};
const ScanCase kScans[] = {
    {{}, {}, {}, 0},
    {{700}, {1}, {1}, 0},
    {{700}, {2}, {3}, 0},
    {{20, 300}, {300, 1}, {300, 1}, 1},
    {{20, 300}, {300, 1}, {300, 1}, 0},
    {{20, 300}, {1, 20}, {300, 1}, 1},
    {{300, 130}, {1, 300}, {1, 300}, 1},
    {{5, 40, 70}, {2800, 70, 1}, {2800, 70, 1}, 1},
    {{5, 40, 70}, {1, 5, 200}, {2800, 70, 1}, 2},
};

/// Walks every line along the dim: calls body(linear indices of the line, in order).
template <class Body>
void for_lines(const Dims& shape, int dim, Body body) {
  int64_t n = shape.empty() ? 1 : shape[size_t(dim)], inner = 1;
  for (size_t d = size_t(dim) + 1; d < shape.size(); ++d) inner *= shape[d];
  for (int64_t first = 0; first < count(shape); ++first) {
    if (first / inner % n != 0) continue;
    std::vector<int64_t> line;
    for (int64_t i = 0; i < n; ++i) line.push_back(first + i * inner);
    body(line);
  }
}

TEST(Scan, SumsProductsAndLogarithms) {
  for (const ScanCase& c : kScans)
    for (DType dtype : {DType::Float16, DType::Float32, DType::Float64, DType::Int64}) {
      Array x(dtype, c.shape, c.strides);
      x.randomise(1, 0.5, 1.5);
      DType result = dtype;
      Array sum(result, c.shape, c.out_strides), product = sum, logs = sum;
      Operand sums = sum.operand(), products = product.operand();
      run_scan(Scan::Sum, dtype, c.shape, c.dim, x.operand(), sums);
      run_scan(Scan::Prod, dtype, c.shape, c.dim, x.operand(), products);
      if (is_floating(dtype))
        run_scan(Scan::LogSumExp, dtype, c.shape, c.dim, x.operand(), logs.operand());
      double precision = dtype == DType::Float16 ? 1e-3 : dtype == DType::Float32 ? 1e-6 : 1e-13;
      for_lines(c.shape, c.dim, [&](const std::vector<int64_t>& line) {
        long double total = 0, factors = 1, exponentials = 0;
        for (int64_t i : line) {
          total += x.get(i), factors *= x.get(i), exponentials += std::exp((long double)x.get(i));
          ASSERT_NEAR(sum.get(i), double(total), double(total) * precision) << &c - kScans;
          ASSERT_NEAR(product.get(i), double(factors), double(factors) * precision + 1e-4);
          if (!is_floating(dtype)) continue;
          ASSERT_NEAR(logs.get(i), double(std::log(exponentials)),
                      (1 + double(std::log(exponentials))) * precision);
        }
      });
    }
}

TEST(Scan, ExtremesKeepTheLastOfEquals) {
  for (const ScanCase& c : kScans)
    for (DType dtype : {DType::Bool, DType::Int16, DType::Float32}) {
      Array x(dtype, c.shape, c.strides);
      x.randomise(2, 0, 9);
      if (is_floating(dtype))
        for (int64_t i = 0; i < count(c.shape); ++i)
          x.set(i, i % 501 == 250 ? NAN : std::floor(x.get(i)));
      Array top(dtype, c.shape, c.out_strides), place(DType::Int64, c.shape);
      Operand places = place.operand();
      run_scan(Scan::Max, dtype, c.shape, c.dim, x.operand(), top.operand(), &places);
      for_lines(c.shape, c.dim, [&](const std::vector<int64_t>& line) {
        size_t best = 0;
        for (size_t k = 0; k < line.size(); ++k) {
          double a = x.get(line[k]), b = x.get(line[best]);
          if (std::isnan(a) || a >= b) best = k;
          double expected = x.get(line[best]), got = top.get(line[k]);
          ASSERT_TRUE(got == expected || (std::isnan(got) && std::isnan(expected)));
          ASSERT_EQ(place.get(line[k]), double(best));
        }
      });
    }
}

const Dims kSoftmaxShapes[] = {{1, 1, 1},  {3, 5, 1},  {7, 1000, 1}, {2, 3, 40},
                               {4, 10, 7}, {1, 33, 1}, {2, 64, 64},  {40, 2048, 1}};

TEST(Softmax, ForwardAndBackward) {
  for_each_target([](SimdTarget target) {
    for (const Dims& shape : kSoftmaxShapes)
      for (DType dtype : {DType::Float16, DType::BFloat16, DType::Float32, DType::Float64})
        for (bool logarithm : {false, true}) {
          Array x(dtype, shape), y(dtype, shape), grad(dtype, shape), back(dtype, shape);
          x.randomise(3, -9, 9), grad.randomise(4, -1, 1);
          Array total(dtype, {shape[0], shape[2]});
          run_softmax(logarithm, dtype, shape[0], shape[1], shape[2], x.bytes.data(),
                      y.bytes.data());
          run_softmax_backward(logarithm, dtype, shape[0], shape[1], shape[2], grad.bytes.data(),
                               y.bytes.data(), back.bytes.data());
          run_logsumexp(dtype, shape[0], shape[1], shape[2], x.bytes.data(), total.bytes.data());
          double precision = dtype == DType::BFloat16  ? 1e-2
                             : dtype == DType::Float16 ? 1e-3
                             : dtype == DType::Float32 ? 2e-6
                                                       : 1e-14;
          double smallest = dtype == DType::Float16 ? 0x1p-23 : 0;  // subnormals are that coarse
          int64_t row = 0;
          for_lines(shape, 1, [&](const std::vector<int64_t>& line) {
            long double sum = 0, slope = 0;
            for (int64_t i : line) sum += std::exp((long double)x.get(i));
            for (int64_t i : line) slope += grad.get(i) * (logarithm ? 1 : y.get(i));
            ASSERT_NEAR(total.get(row++), double(std::log(sum)), 12 * precision);
            for (int64_t i : line) {
              long double share = std::exp((long double)x.get(i)) / sum;
              double exact = double(logarithm ? std::log(share) : share);
              ASSERT_NEAR(y.get(i), exact,
                          smallest + precision * std::max(logarithm ? 9.0 : 0, std::abs(exact)))
                  << to_string_view(target) << " " << info(dtype).name;
              double gradient = double(logarithm ? grad.get(i) - std::exp(y.get(i)) * slope
                                                 : y.get(i) * (grad.get(i) - slope));
              double scale = logarithm ? 1 + std::exp(y.get(i)) * 50 : y.get(i) * 3;
              ASSERT_NEAR(back.get(i), gradient, smallest + precision * scale);
            }
          });
        }
  });
}

TEST(Softmax, InfinitiesAndNothing) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  float x[] = {-inf, -inf, inf, 1, -inf, 0}, y[6], sums[3];
  run_softmax(false, DType::Float32, 3, 2, 1, x, y);
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[2]) && std::isnan(y[3]));
  EXPECT_EQ(y[4], 0);
  EXPECT_EQ(y[5], 1);
  run_logsumexp(DType::Float32, 3, 2, 1, x, sums);
  EXPECT_EQ(sums[0], -inf);
  EXPECT_EQ(sums[1], inf);
  EXPECT_EQ(sums[2], 0);
  run_logsumexp(DType::Float32, 2, 0, 1, x, sums);
  EXPECT_EQ(sums[0], -inf);
  EXPECT_THROW(run_softmax(false, DType::Int64, 1, 1, 1, x, y), Error);
}

TEST(Softmax, SameBitsOnEveryThreadCountAndFmaTarget) {
  for (const Dims& shape : {Dims{40, 2048, 1}, Dims{9, 77, 130}})
    for (DType dtype : {DType::Float32, DType::Float64}) {
      std::vector<char> first;
      for_each_target([&](SimdTarget target) {
        if (target == SimdTarget::Baseline) return;
        for_each_thread_count([&](int) {
          Array x(dtype, shape), y(dtype, shape);
          x.randomise(5);
          run_softmax(false, dtype, shape[0], shape[1], shape[2], x.bytes.data(), y.bytes.data());
          if (first.empty()) first = y.bytes;
          ASSERT_EQ(y.bytes, first);
        });
      });
    }
}

}  // namespace
}  // namespace rushlight
