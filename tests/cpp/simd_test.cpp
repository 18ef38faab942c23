// Run-time dispatch reaches every SIMD target of this machine.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd_test.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::HWY_NAMESPACE {
int64_t running_target() { return HWY_TARGET; }
}  // namespace rushlight::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

namespace rushlight {
HWY_EXPORT(running_target);

TEST(Highway, BestTargetRunsUnlessAnotherIsForced) {
  int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  // A lower bit is a better target.
  EXPECT_EQ(HWY_DYNAMIC_DISPATCH(running_target)(), supported & -supported);
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    int64_t best = (target | HWY_STATIC_TARGET) & -(target | HWY_STATIC_TARGET);
    EXPECT_EQ(HWY_DYNAMIC_DISPATCH(running_target)(), best);
  }
  hwy::SetSupportedTargetsForTest(0);
}
}  // namespace rushlight
#endif
