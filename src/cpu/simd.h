// Include first in every file of SIMD kernels: fixes the set of targets that Highway compiles for.
// No include guard around Highway's own multi-pass machinery is needed: only macros live here.
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
// Highway is used through its headers only, so that nothing need be linked.
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | (1LL << 6) /* AVX3_ZEN4 */ | (1LL << 4) /* AVX3_SPR */)

#include "runtime/cpu_features.h"
