# What comes from the system or, failing that, from its source at a pinned tag.

include(FetchContent)
find_package(Threads REQUIRED)

# Highway is used through its headers alone: distributions ship its library only as a shared object,
# and the few functions that run-time dispatch calls stand in src/runtime/highway.cpp.
find_path(HIGHWAY_INCLUDE hwy/highway.h)
if(NOT HIGHWAY_INCLUDE)
  FetchContent_Declare(highway URL https://github.com/google/highway/archive/refs/tags/1.0.7.tar.gz
                       SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(highway)
  set(HIGHWAY_INCLUDE ${highway_SOURCE_DIR})
endif()
add_library(rushlight_highway INTERFACE)
target_include_directories(rushlight_highway SYSTEM INTERFACE ${HIGHWAY_INCLUDE})
# On x86 three targets: the baseline (SSE2), AVX2 and AVX3 (AVX-512). Off are AVX10, SPR, ZEN4, DL
# (bits 3 to 7), SSE4 (11) and SSSE3 (12), by number because older releases lack some of the names.
# Releases before 1.0.4 have no SSE2 target: there the baseline is EMU128, plain C++ loops over 16 bytes,
# which they distrust on GCC 12.2 because of its bug 106322 (the upper half of integer products; not used).
target_compile_definitions(rushlight_highway
  INTERFACE HWY_DISABLED_TARGETS=0x18F8 HWY_BROKEN_EMU128=0)

find_path(EIGEN_INCLUDE Eigen/Core PATH_SUFFIXES eigen3)
if(NOT EIGEN_INCLUDE)
  FetchContent_Declare(eigen URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
                       SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(eigen)
  set(EIGEN_INCLUDE ${eigen_SOURCE_DIR})
endif()
add_library(rushlight_eigen INTERFACE)
target_include_directories(rushlight_eigen SYSTEM INTERFACE ${EIGEN_INCLUDE})

if(RUSHLIGHT_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    set(INSTALL_GTEST OFF)
    FetchContent_Declare(googletest
      URL https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz)
    FetchContent_MakeAvailable(googletest)
  endif()
endif()

if(RUSHLIGHT_BENCH)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    FetchContent_Declare(benchmark
      URL https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz)
    FetchContent_MakeAvailable(benchmark)
  endif()
endif()
