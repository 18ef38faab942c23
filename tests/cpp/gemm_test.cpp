// Matrix products against their definition: the order of the sums is part of the interface, so on
// targets with fused multiply-add the comparison is bit for bit.

#include "kernels/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

#include "runtime/cpu_features.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight::cpu {
namespace {

template <class T>
T random_value(std::mt19937& engine) {
  if constexpr (std::is_integral_v<T>) {
    return T(engine());
  } else {
    return T(float(int32_t(engine())) * 0x1p-31f);
  }
}

enum class Layout { RowMajor, ColumnMajor, Padded, Strided, Broadcast };

/// A matrix with its own storage, in one of the layouts that operands come in.
template <class T>
struct Sample {
  std::vector<T> storage;
  int64_t rows, columns, row_stride, column_stride;

  Sample(int64_t m, int64_t n, Layout layout, unsigned seed) : rows(m), columns(n) {
    row_stride = layout == Layout::ColumnMajor ? 1
                 : layout == Layout::Padded    ? n + 5
                 : layout == Layout::Strided   ? 3 * n + 1
                 : layout == Layout::Broadcast ? 0
                                               : n;
    column_stride = layout == Layout::ColumnMajor ? m : layout == Layout::Strided ? 3 : 1;
    std::mt19937 engine(seed);
    storage.resize(size_t(std::max<int64_t>((m + 1) * (row_stride + 1) + n * column_stride, 1)));
    for (T& value : storage) value = random_value<T>(engine);
  }
  T& at(int64_t i, int64_t j) { return storage[size_t(i * row_stride + j * column_stride)]; }
  Matrix matrix() const { return {storage.data(), rows, columns, row_stride, column_stride}; }
  MutableMatrix result() { return {storage.data(), rows, columns, row_stride, column_stride}; }
};

/// One element in the documented order, in the type that sums are held in.
template <class T, class Compute>
Compute element(Sample<T>& a, Sample<T>& b, int64_t i, int64_t j) {
  const int64_t k = a.columns;
  if (a.rows > 1 && b.columns > 1) {
    Compute total = 0;
    for (int64_t k0 = 0; k0 < k; k0 += 256) {
      Compute sum = 0;
      for (int64_t at = k0; at < std::min(k, k0 + 256); ++at) {
        sum = std::fma(Compute(a.at(i, at)), Compute(b.at(at, j)), sum);
      }
      total = k0 == 0 ? sum : total + sum;
    }
    return total;
  }
  Compute total = 0;
  for (int64_t k0 = 0; k0 < k; k0 += 65536) {
    Compute partial[64] = {};
    for (int64_t at = k0; at < std::min(k, k0 + 65536); ++at) {
      Compute& sum = partial[(at - k0) % 64];
      sum = std::fma(Compute(a.at(i, at)), Compute(b.at(at, j)), sum);
    }
    for (int half = 32; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) partial[l] += partial[l + half];
    }
    total = k0 == 0 ? partial[0] : total + partial[0];
  }
  return total;
}

bool fused() { return simd_level() != SimdTarget::Baseline; }

template <class T>
void expect_same(T got, double expected, double tolerance, const std::string& where) {
  if (fused()) {
    ASSERT_EQ(double(got), expected) << where;
  } else {
    ASSERT_NEAR(double(got), expected, tolerance) << where;
  }
}

/// Runs `body` on every target of this machine.
template <class Body>
void on_each_target(Body body) {
  const SimdTarget before = simd_level();
  for (SimdTarget target : supported_simd_targets()) {
    set_simd_target(target);
    body();
  }
  set_simd_target(before);
}

template <class T, class Compute = T>
void check_plain(int64_t m, int64_t k, int64_t n, Layout la, Layout lb, Layout lc) {
  Sample<T> a(m, k, la, 1), b(k, n, lb, 2), c(m, n, lc, 3);
  const Sample<T> before = c;
  gemm(dtype_of<T>, a.matrix(), b.matrix(), c.result());
  const std::string where = std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n) +
                            " layouts " + std::to_string(int(la)) + std::to_string(int(lb)) +
                            std::to_string(int(lc)) + " target " +
                            std::to_string(int(simd_level()));
  std::vector<bool> written(c.storage.size());
  const double tolerance = (sizeof(T) == 8 ? 1e-14 : sizeof(T) == 4 ? 1e-6 : 1e-2) * double(k + 1);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      written[size_t(&c.at(i, j) - c.storage.data())] = true;
      expect_same(c.at(i, j), double(T(element<T, Compute>(a, b, i, j))), tolerance,
                  where + " at " + std::to_string(i) + "," + std::to_string(j));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  for (size_t i = 0; i < written.size(); ++i) {
    if (!written[i]) {
      ASSERT_EQ(std::memcmp(&c.storage[i], &before.storage[i], sizeof(T)), 0)
          << where << " wrote outside the result";
    }
  }
}

const std::vector<std::tuple<int64_t, int64_t, int64_t>> kShapes = {
    {1, 1, 1},     {2, 1, 2},     {2, 3, 2},       {3, 5, 7},    {8, 8, 8},     {8, 16, 3},
    {13, 64, 31},  {17, 30, 33},  {33, 257, 47},   {64, 64, 64}, {65, 70, 129}, {5, 1030, 66},
    {150, 300, 5}, {2, 600, 700}, {1, 64, 5},      {1, 100, 70}, {70, 131, 1},  {1, 1, 300},
    {300, 3, 1},   {1, 65, 1},    {129, 64, 1030}, {1, 257, 300}};

TEST(Gemm, EveryShapeAndTargetSumsInTheDocumentedOrder) {
  on_each_target([] {
    for (auto [m, k, n] : kShapes) {
      check_plain<float>(m, k, n, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
      check_plain<double>(m, k, n, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
    }
  });
}

TEST(Gemm, LayoutsDoNotChangeABit) {
  const Layout layouts[] = {Layout::RowMajor, Layout::ColumnMajor, Layout::Padded, Layout::Strided,
                            Layout::Broadcast};
  const std::vector<std::tuple<int64_t, int64_t, int64_t>> shapes = {
      {7, 9, 18}, {40, 270, 70}, {1, 150, 90}, {90, 150, 1}, {130, 40, 140}};
  on_each_target([&] {
    for (auto [m, k, n] : shapes) {
      for (Layout a : layouts) {
        for (Layout b : layouts) {
          for (Layout c : layouts) {
            if (c == Layout::Broadcast) continue;
            check_plain<float>(m, k, n, a, b, c);
          }
          check_plain<double>(m, k, n, a, b, Layout::RowMajor);
        }
      }
    }
  });
}

TEST(Gemm, HalvesAreSummedInFloat32AndRoundedOnce) {
  on_each_target([] {
    for (auto [m, k, n] : kShapes) {
      check_plain<BFloat16, float>(m, k, n, Layout::RowMajor, Layout::ColumnMajor, Layout::Padded);
      check_plain<Float16, float>(m, k, n, Layout::Strided, Layout::RowMajor, Layout::ColumnMajor);
    }
  });
}

TEST(Gemm, LongVectorsAreJoinedBlockByBlock) {
  on_each_target([] {
    check_plain<float>(1, 200000, 1, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
    check_plain<double>(2, 70000, 1, Layout::ColumnMajor, Layout::RowMajor, Layout::RowMajor);
    check_plain<float>(3, 2500, 4, Layout::RowMajor, Layout::RowMajor, Layout::RowMajor);
    check_plain<float>(40, 1100, 1050, Layout::RowMajor, Layout::ColumnMajor, Layout::RowMajor);
  });
}

template <class T>
void check_integers() {
  using U = std::make_unsigned_t<T>;
  Sample<T> a(9, 70, Layout::RowMajor, 1), b(70, 300, Layout::ColumnMajor, 2);
  Sample<T> c(9, 300, Layout::Strided, 3), before = c;
  gemm(dtype_of<T>, a.matrix(), b.matrix(), c.result(), 3, -2);
  for (int64_t i = 0; i < 9; ++i) {
    for (int64_t j = 0; j < 300; ++j) {
      uint64_t sum = 0;
      for (int64_t k = 0; k < 70; ++k) sum += uint64_t(a.at(i, k)) * uint64_t(b.at(k, j));
      ASSERT_EQ(c.at(i, j), T(U(3 * sum - 2 * uint64_t(before.at(i, j)))));
    }
  }
}

TEST(Gemm, IntegersWrap) {
  check_integers<uint8_t>();
  check_integers<int8_t>();
  check_integers<int16_t>();
  check_integers<int32_t>();
  check_integers<int64_t>();
}

TEST(Gemm, AlphaBetaBiasAndRelu) {
  on_each_target([] {
    for (auto [m, k, n] : kShapes) {
      for (Layout layout : {Layout::RowMajor, Layout::ColumnMajor, Layout::Strided}) {
        for (int64_t bias_stride : {1, 2, 0}) {
          Sample<float> a(m, k, Layout::RowMajor, 1), b(k, n, Layout::ColumnMajor, 2);
          Sample<float> c(m, n, layout, 3), bias(1, 2 * n, Layout::RowMajor, 4), before = c;
          const Epilogue epilogue{bias.storage.data(), bias_stride, Activation::Relu};
          gemm(DType::Float32, a.matrix(), b.matrix(), c.result(), 0.75, -1.5, &epilogue);
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              double sum = 0;
              for (int64_t l = 0; l < k; ++l) sum += double(a.at(i, l)) * double(b.at(l, j));
              sum = 0.75 * sum - 1.5 * before.at(i, j) + bias.at(0, j * bias_stride);
              ASSERT_NEAR(c.at(i, j), std::max(sum, 0.0), 1e-6 * double(k + 10));
            }
          }
        }
      }
    }
  });
}

TEST(Gemm, BetaZeroNeverReadsTheResultAndNanPasses) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  on_each_target([&] {
    for (auto [m, k, n] : kShapes) {
      Sample<float> a(m, k, Layout::RowMajor, 1), b(k, n, Layout::RowMajor, 2);
      Sample<float> c(m, n, Layout::RowMajor, 3);
      std::fill(c.storage.begin(), c.storage.end(), nan);
      a.at(m - 1, k - 1) = nan;
      b.at(k - 1, n - 1) = 0;
      const Epilogue relu{nullptr, 1, Activation::Relu};
      gemm(DType::Float32, a.matrix(), b.matrix(), c.result(), 1, 0, &relu);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) ASSERT_EQ(std::isnan(c.at(i, j)), i == m - 1);
      }
    }
  });
}

TEST(Gemm, EmptyDims) {
  on_each_target([] {
    for (auto [m, n] : {std::pair<int64_t, int64_t>{3, 4}, {1, 4}, {3, 1}, {1, 1}, {200, 300}}) {
      for (DType dtype : {DType::Float32, DType::Int32}) {
        Sample<float> c(m, n, Layout::RowMajor, 1);
        Sample<int32_t> whole(m, n, Layout::RowMajor, 1);
        const float before = c.at(m - 1, n - 1);
        const int32_t whole_before = whole.at(m - 1, n - 1);
        const MutableMatrix result = dtype == DType::Float32 ? c.result() : whole.result();
        gemm(dtype, {nullptr, m, 0, 0, 1}, {nullptr, 0, n, n, 1}, result, 1, 2);
        EXPECT_EQ(c.at(m - 1, n - 1), dtype == DType::Float32 ? 2 * before : before);
        gemm(dtype, {nullptr, m, 0, 0, 1}, {nullptr, 0, n, n, 1}, result);
        if (dtype == DType::Float32) {
          EXPECT_EQ(c.at(m - 1, n - 1), 0);
        } else {
          EXPECT_EQ(whole.at(m - 1, n - 1), 0);
          EXPECT_NE(whole_before, 0);
        }
      }
    }
    gemm(DType::Float32, {nullptr, 0, 5, 5, 1}, {nullptr, 5, 0, 0, 1}, {nullptr, 0, 0, 0, 1});
  });
}

TEST(Gemm, BatchesBroadcast) {
  const int64_t sizes[] = {3, 5}, a_strides[] = {5 * 6 * 7, 6 * 7}, b_strides[] = {0, 7 * 20},
                c_strides[] = {6 * 20, 3 * 6 * 20};
  const Batch batch{2, sizes, a_strides, b_strides, c_strides};
  on_each_target([&] {
    Sample<float> a(15 * 6, 7, Layout::RowMajor, 1), b(5 * 7, 20, Layout::RowMajor, 2);
    Sample<float> c(15 * 6, 20, Layout::RowMajor, 3);
    batched_gemm(DType::Float32, batch, {a.storage.data(), 6, 7, 7, 1},
                 {b.storage.data(), 7, 20, 20, 1}, {c.storage.data(), 6, 20, 20, 1});
    for (int64_t x = 0; x < 3; ++x) {
      for (int64_t y = 0; y < 5; ++y) {
        Sample<float> one(6, 20, Layout::RowMajor, 9);
        gemm(DType::Float32, {&a.storage[size_t((x * 5 + y) * 42)], 6, 7, 7, 1},
             {&b.storage[size_t(y * 140)], 7, 20, 20, 1}, one.result());
        for (int64_t i = 0; i < 120; ++i) {
          ASSERT_EQ(one.storage[size_t(i)], c.storage[size_t((y * 3 + x) * 120 + i)]);
        }
      }
    }
  });
}

TEST(Gemm, ThreadsDoNotChangeABit) {
  const int before = num_threads();
  for (auto [m, k, n] : {std::tuple<int64_t, int64_t, int64_t>{300, 700, 520},
                         {3, 900, 2000},
                         {1, 2000, 3000},
                         {2000, 3000, 1},
                         {1500, 50, 40}}) {
    Sample<float> a(m, k, Layout::RowMajor, 1), b(k, n, Layout::RowMajor, 2);
    Sample<float> one(m, n, Layout::RowMajor, 3), many(m, n, Layout::RowMajor, 4);
    set_num_threads(1);
    gemm(DType::Float32, a.matrix(), b.matrix(), one.result());
    for (int threads : {2, 4, 7}) {
      set_num_threads(threads);
      gemm(DType::Float32, a.matrix(), b.matrix(), many.result());
      for (int64_t i = 0; i < m * n; ++i) {
        ASSERT_EQ(one.storage[size_t(i)], many.storage[size_t(i)]);
      }
    }
  }
  set_num_threads(before);
}

TEST(Gemm, RefusesByName) {
  float x[6] = {};
  bool y[4] = {};
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([&] {
              gemm(DType::Float32, {x, 2, 3, 3, 1}, {x, 2, 3, 3, 1}, {x, 2, 3, 3, 1});
            }),
            "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
  EXPECT_EQ(message([&] {
              gemm(DType::Float32, {x, 2, 3, 3, 1}, {x, 3, 2, 2, 1}, {x, 2, 3, 3, 1});
            }),
            "gemm: the result is 2x3; expected 2x2");
  EXPECT_NE(message([&] {
              gemm(DType::Bool, {y, 2, 2, 2, 1}, {y, 2, 2, 2, 1}, {y, 2, 2, 2, 1});
            }).find("'Bool'"),
            std::string::npos);
}

}  // namespace
}  // namespace rushlight::cpu
