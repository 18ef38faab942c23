// Pointwise kernels: layouts and dtypes through the loops.

#include "kernels/pointwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "rushlight/error.h"
#include "strided.h"

namespace rushlight {
namespace {

using namespace rushlight::testing;

/// Layouts of one shape: how many elements each dim steps.
struct Layout {
  const char* name;
  Dims shape;
  std::vector<Dims> strides;  // of output, x, y
};

const Layout kLayouts[] = {
    {"scalar", {}, {{}, {}, {}}},
    {"empty", {3, 0, 2}, {{0, 2, 1}, {0, 2, 1}, {0, 2, 1}}},
    {"short", {5}, {{1}, {1}, {1}}},
    {"contiguous", {7, 300}, {{300, 1}, {300, 1}, {300, 1}}},
    {"ones", {1, 1000, 1}, {{7, 1, 3}, {99, 1, 5}, {1000, 1, 1}}},
    {"row", {9, 700}, {{700, 1}, {700, 1}, {0, 1}}},
    {"column", {9, 700}, {{700, 1}, {700, 1}, {1, 0}}},
    {"number", {9, 700}, {{700, 1}, {700, 1}, {0, 0}}},
    {"both", {9, 700}, {{700, 1}, {0, 1}, {1, 0}}},
    {"strided", {600}, {{1}, {3}, {2}}},
    {"strided output", {600}, {{2}, {1}, {3}}},
    {"transposed", {70, 300}, {{300, 1}, {300, 1}, {1, 70}}},
    {"transposed output", {70, 300}, {{1, 70}, {300, 1}, {1, 70}}},
    {"transposed three", {5, 40, 130}, {{5200, 130, 1}, {5200, 1, 40}, {1, 5, 200}}},
    {"permuted", {6, 7, 8}, {{56, 8, 1}, {1, 6, 42}, {8, 48, 1}}},
    {"short rows", {500, 3}, {{3, 1}, {4, 1}, {0, 1}}},
    {"short rows, odd output", {500, 3}, {{6, 2}, {3, 1}, {1, 0}}},
    {"holes", {40, 70}, {{100, 1}, {200, 2}, {70, 1}}},
    {"reversed", {20, 90}, {{90, 1}, {90, 1}, {90, 1}}},
};

/// A compute dtype that holds both, as promotion would give.
DType common(DType a, DType b) {
  if (is_half(a)) a = DType::Float32;
  if (is_half(b)) b = DType::Float32;
  return std::max(a, b);
}

TEST(Pointwise, EveryLayoutAndPairOfDTypes) {
  for_each_target([](SimdTarget target) {
    for (const Layout& layout : kLayouts)
      for (DType dtype : kAllDTypes)
        for (DType other : {dtype, DType::Float16, DType::Int64, DType::Float32}) {
          DType compute = common(dtype, other);
          Array output(dtype, layout.shape, layout.strides[0]);
          Array x(other, layout.shape, layout.strides[1]),
              y(dtype, layout.shape, layout.strides[2]);
          x.randomise(1, 0, 8), y.randomise(2, 0, 8);
          Operand operands[] = {output.operand(), x.operand(), y.operand()};
          run_pointwise(Kernel::Add, compute, layout.shape, operands);
          Array expected(dtype, layout.shape), sum(compute, Dims{});
          for (int64_t i = 0; i < count(layout.shape); ++i) {
            sum.set(0, x.get(i) + y.get(i));
            expected.set(i, sum.get(0));
            ASSERT_EQ(output.get(i), expected.get(i))
                << layout.name << " " << info(dtype).name << " " << info(other).name << " at " << i
                << " on " << to_string_view(target);
          }
        }
  });
}

/// One call over contiguous operands of one dtype.
template <class T, class R = T>
std::vector<R> call(Kernel kernel, std::initializer_list<std::vector<T>> inputs,
                    std::vector<Param> params = {}) {
  int64_t n = int64_t(inputs.begin()->size()), one = 1;
  auto output = std::make_unique<R[]>(size_t(n));
  std::vector<Operand> operands{{output.get(), dtype_of<R>, &one}};
  for (const auto& input : inputs)
    operands.push_back({const_cast<T*>(input.data()), dtype_of<T>, &one});
  run_pointwise(kernel, dtype_of<T>, {&n, 1}, operands, params);
  return std::vector<R>(output.get(), output.get() + n);
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
using Floats = std::vector<float>;
using Longs = std::vector<int64_t>;

/// Equal with NaN equal to NaN, and zeros of one sign.
void expect_same(const Floats& got, const Floats& expected, const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    bool same = std::isnan(expected[i])
                    ? std::isnan(got[i])
                    : got[i] == expected[i] && std::signbit(got[i]) == std::signbit(expected[i]);
    EXPECT_TRUE(same) << what << " at " << i << ": " << got[i] << ", not " << expected[i];
  }
}

// The expected values below are PyTorch 2.13's.
TEST(Pointwise, DivisionAndRemaindersOfFloats) {
  Floats x{5, -5, 5, -5, 1, -1, 0, kInf, 1, -1, -6, 6};
  Floats y{3, 3, -3, -3, 0, 0, 0, 1, kInf, kInf, 3, -3};
  for_each_target([&](SimdTarget) {
    expect_same(call<float>(Kernel::Remainder, {x, y}),
                {2, 1, -1, -2, kNan, kNan, kNan, kNan, 1, kInf, -0.0f, 0}, "remainder");
    expect_same(call<float>(Kernel::Fmod, {x, y}),
                {2, -2, 2, -2, kNan, kNan, kNan, kNan, 1, -1, -0.0f, 0}, "fmod");
    expect_same(call<float>(Kernel::FloorDivide, {x, y}),
                {1, -2, -2, 1, kInf, -kInf, kNan, kNan, 0, -1, -2, -2}, "floor_divide");
    expect_same(call<float>(Kernel::Maximum, {{0, -0.0f, kNan, 1}, {-0.0f, 0, 1, kNan}}),
                {0, -0.0f, kNan, kNan}, "maximum");
    expect_same(call<float>(Kernel::Fmin, {{0, kNan, kNan, 1}, {2, 5, kNan, kNan}}),
                {0, 5, kNan, 1}, "fmin");
  });
}

TEST(Pointwise, IntegersWrapAndRefuseZeroDivisors) {
  constexpr int64_t least = std::numeric_limits<int64_t>::min();
  for_each_target([&](SimdTarget) {
    EXPECT_EQ(call<int64_t>(Kernel::FloorDivide, {{7, -7, 7, -7, least}, {2, 2, -2, -2, -1}}),
              (Longs{3, -4, -4, 3, least}));
    EXPECT_EQ(call<int64_t>(Kernel::Remainder, {{7, -7, 7, -7, least}, {3, 3, -3, -3, -1}}),
              (Longs{1, 2, -2, -1, 0}));
    EXPECT_EQ(call<int64_t>(Kernel::Pow, {{2, 3, -1, 1, 0, 3, -2}, {-1, -2, -3, -1, -1, 4, 63}}),
              (Longs{0, 0, -1, 1, 0, 81, least}));
    EXPECT_EQ(call<int64_t>(Kernel::PowTo, {{2, -3, 10}}, {3}), (Longs{8, -27, 1000}));
    EXPECT_EQ(call<int64_t>(Kernel::ShiftLeft, {{1, 2, 3}, {64, -1, 63}}), (Longs{0, 0, least}));
    EXPECT_EQ(call<int64_t>(Kernel::ShiftRight, {{-1, 2, 3}, {64, -1, 63}}), (Longs{-1, 0, 0}));
    EXPECT_EQ(call<int8_t>(Kernel::Abs, {{-128, -5, 5}}), (std::vector<int8_t>{-128, 5, 5}));
    EXPECT_EQ(call<uint8_t>(Kernel::Neg, {{1, 255, 0}}), (std::vector<uint8_t>{255, 1, 0}));
    EXPECT_EQ(call<int64_t>(Kernel::Add, {{least, (1ll << 53) + 1}, {-1, 1}}, {1}),
              (Longs{std::numeric_limits<int64_t>::max(), (1ll << 53) + 2}));
    EXPECT_EQ(call<int64_t>(Kernel::Sub, {{10, 20}, {3, 4}}, {(1ll << 62) + 1}),
              (Longs{int64_t(10 - 3 * ((1ull << 62) + 1)), int64_t(20 - 4 * ((1ull << 62) + 1))}));
    for (Kernel kernel :
         {Kernel::FloorDivide, Kernel::TruncDivide, Kernel::Remainder, Kernel::Fmod}) {
      try {
        call<int32_t>(kernel, {{1, 2}, {1, 0}});
        FAIL() << info(kernel).name;
      } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "ZeroDivisionError");
      }
    }
  });
}

TEST(Pointwise, ConversionsOfWhatDoesNotFit) {
  constexpr int32_t least32 = std::numeric_limits<int32_t>::min();
  constexpr int64_t least64 = std::numeric_limits<int64_t>::min();
  Floats x{300.7f, -1.5f, 1e20f, kNan, kInf, -kInf, 255.9f, -129, 3e9f, 40000};
  for_each_target([&](SimdTarget) {
    EXPECT_EQ((call<float, uint8_t>(Kernel::Copy, {x})),
              (std::vector<uint8_t>{44, 255, 0, 0, 0, 0, 255, 127, 0, 64}));
    EXPECT_EQ((call<float, int16_t>(Kernel::Copy, {x})),
              (std::vector<int16_t>{300, -1, 0, 0, 0, 0, 255, -129, 0, -25536}));
    EXPECT_EQ((call<float, int32_t>(Kernel::Copy, {x})),
              (std::vector<int32_t>{300, -1, least32, least32, least32, least32, 255, -129, least32,
                                    40000}));
    EXPECT_EQ((call<float, int64_t>(Kernel::Copy, {x})),
              (Longs{300, -1, least64, least64, least64, least64, 255, -129, 3000000000, 40000}));
    EXPECT_EQ((call<float, bool>(Kernel::Copy, {{kNan, 0, -0.0f, 1e-45f}})),
              (std::vector<bool>{true, false, false, true}));
  });
}

TEST(Pointwise, EveryFloat16AndBFloat16SurvivesTheTrip) {
  for_each_target([&](SimdTarget) {
    for (DType dtype : {DType::Float16, DType::BFloat16}) {
      int64_t n = 65536, one = 1;
      std::vector<uint16_t> halves(65536), back(65536);
      std::iota(halves.begin(), halves.end(), uint16_t(0));
      Floats wide(65536);
      Operand half{halves.data(), dtype, &one}, middle{wide.data(), DType::Float32, &one};
      run_copy({&n, 1}, middle, half);
      run_copy({&n, 1}, {back.data(), dtype, &one}, middle);
      for (size_t i = 0; i < 65536; ++i) {
        if (std::isnan(wide[i])) continue;
        ASSERT_EQ(back[i], halves[i]);
        float value = dtype == DType::Float16 ? float(std::bit_cast<Float16>(halves[i]))
                                              : float(std::bit_cast<BFloat16>(halves[i]));
        ASSERT_EQ(wide[i], value);
      }
    }
  });
}

TEST(Pointwise, ChoosingAndClamping) {
  Floats x{kNan, 1, 2, 3, -0.0f};
  for_each_target([&](SimdTarget) {
    expect_same(call<float>(Kernel::ClampTo, {x}, {2.0, 1.0}), {kNan, 1, 1, 1, 1}, "clamp");
    expect_same(call<float>(Kernel::ClampTo, {x}, {double(kNan), 1.0}),
                {kNan, kNan, kNan, kNan, kNan}, "clamp to nan");
    expect_same(call<float>(Kernel::ClampMin, {x, {2, 2, 2, kNan, 0}}), {kNan, 2, 2, kNan, -0.0f},
                "clamp min");
    expect_same(call<float>(Kernel::Relu, {x}), {kNan, 1, 2, 3, -0.0f}, "relu");
    expect_same(call<float>(Kernel::ReluBackward, {{1, 2, 3, 4, 5}, x}), {1, 2, 3, 4, 0},
                "relu backward");
    expect_same(call<float>(Kernel::Lerp, {{1, 1}, {3, 3}, {0.25f, 0.75f}}), {1.5f, 2.5f}, "lerp");
  });
}

TEST(Pointwise, InPlaceIsSafe) {
  for_each_target([&](SimdTarget) {
    for (int64_t n : {3, 64, 1000, 300001}) {
      Array x(DType::Float32, {n}), copy = x.randomise(3);
      Operand both[] = {x.operand(), x.operand(), x.operand()};
      run_pointwise(Kernel::Mul, DType::Float32, x.shape, both);
      run_pointwise(Kernel::Add, DType::Float64, x.shape, both);  // through tiles
      for (int64_t i = 0; i < n; ++i) {
        float square = float(copy.get(i)) * float(copy.get(i));
        ASSERT_EQ(x.get(i), square + square);
      }
    }
  });
}

TEST(Pointwise, SameBitsOnEveryThreadCount) {
  for (Kernel kernel : {Kernel::Exp, Kernel::Tanh, Kernel::Sin, Kernel::Gelu, Kernel::Log1p}) {
    std::vector<char> first;
    for_each_target([&](SimdTarget target) {
      if (target == SimdTarget::Baseline) return;
      for_each_thread_count([&](int) {
        Array x(DType::Float32, {300, 1001}, {1, 300}), y(DType::Float32, {300, 1001});
        Operand operands[] = {y.operand(), x.randomise(1).operand()};
        run_pointwise(kernel, DType::Float32, x.shape, operands);
        if (first.empty()) first = y.bytes;
        ASSERT_EQ(y.bytes, first) << info(kernel).name;
      });
    });
  }
}

TEST(Pointwise, RefusesByName) {
  try {
    call<int64_t>(Kernel::Exp, {{1}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "\"exp\" not implemented for 'Long'");
    EXPECT_EQ(error.kind(), ErrorKind::NotImplemented);
  }
  EXPECT_THROW(call<float>(Kernel::Add, {{1}}), Error);
}

}  // namespace
}  // namespace rushlight
