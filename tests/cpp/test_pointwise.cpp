// Pointwise kernels: layouts and dtypes through the loops.

#include "kernels/pointwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

}  // namespace
}  // namespace rushlight
