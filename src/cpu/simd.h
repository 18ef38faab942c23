// Include first in every file of SIMD kernels. The set of targets that Highway compiles for is
// fixed by cmake/Dependencies.cmake for all files alike.
//
// A SIMD file looks like this; it is compiled once for each target:
//   #include "cpu/simd.h"
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "cpu/this_file.cpp"
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   HWY_BEFORE_NAMESPACE();
//   namespace rushlight::cpu::HWY_NAMESPACE { void work(…); }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   … simd_select(HWY_CHOOSE_AVX3(work), HWY_CHOOSE_AVX2(work), &HWY_STATIC_DISPATCH(work))
//   #endif
// HWY_EXPORT and HWY_DYNAMIC_DISPATCH choose the same target: see runtime/highway.cpp.
#pragma once

#include "runtime/cpu_features.h"
