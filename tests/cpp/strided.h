#pragma once
// Helpers for the tests of kernels: little strided arrays of any dtype, and loops over every SIMD
// target and several thread counts.

#include <cstring>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "kernels/operand.h"
#include "runtime/cpu_features.h"
#include "runtime/parallel.h"

namespace rushlight::testing {

using Dims = std::vector<int64_t>;

inline int64_t count(const Dims& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

inline Dims contiguous_strides(const Dims& shape) {
  Dims strides(shape.size());
  int64_t step = 1;
  for (size_t d = shape.size(); d-- > 0; step *= shape[d]) strides[d] = step;
  return strides;
}

/// An array of one dtype with strides of its own; elements are read and written as doubles.
struct Array {
  Array(DType type, Dims dims, Dims steps) : dtype(type), shape(dims), strides(steps) {
    int64_t last = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      if (shape[d] > 0) last += (shape[d] - 1) * strides[d];
    bytes.resize(size_t((last + 1) * size_of(dtype)) + 64);
  }
  Array(DType type, Dims dims) : Array(type, dims, contiguous_strides(dims)) {}

  Operand operand() { return {bytes.data(), dtype, strides.data()}; }

  int64_t offset(int64_t linear) const {
    int64_t at = 0;
    for (size_t d = shape.size(); d-- > 0;) {
      at += linear % shape[d] * strides[d];
      linear /= shape[d];
    }
    return at;
  }
  double get(int64_t linear) const {
    return dispatch(dtype, [&]<class T>(CppType<T>) {
      T value;
      std::memcpy(&value, bytes.data() + offset(linear) * int64_t(sizeof(T)), sizeof(T));
      if constexpr (std::is_arithmetic_v<T>)
        return double(value);
      else
        return double(float(value));
    });
  }
  void set(int64_t linear, double number) {
    dispatch(dtype, [&]<class T>(CppType<T>) {
      T value;
      if constexpr (std::is_same_v<T, bool>)
        value = number != 0;
      else if constexpr (std::is_arithmetic_v<T>)
        value = T(number);
      else
        value = T(float(number));
      std::memcpy(bytes.data() + offset(linear) * int64_t(sizeof(T)), &value, sizeof(T));
    });
  }
  /// Fills with numbers between low and high, whole ones for integer dtypes.
  Array& randomise(uint32_t seed, double low = -4, double high = 4) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<double> numbers(low, high);
    for (int64_t i = 0; i < count(shape); ++i) {
      double number = numbers(generator);
      if (!is_floating(dtype)) number = std::floor(std::abs(number));
      set(i, number);
    }
    return *this;
  }

  DType dtype;
  Dims shape, strides;
  std::vector<char> bytes;
};

/// Calls `body(target)` with every SIMD target of this processor in use, and restores the first.
template <class Body>
void for_each_target(Body body) {
  SimdTarget before = simd_level();
  for (SimdTarget target : supported_simd_targets()) {
    set_simd_target(target);
    body(target);
  }
  set_simd_target(before);
}

template <class Body>
void for_each_thread_count(Body body) {
  int before = num_threads();
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    body(threads);
  }
  set_num_threads(before);
}

inline constexpr DType kAllDTypes[] = {
    DType::Bool,  DType::UInt8,   DType::Int8,     DType::Int16,   DType::Int32,
    DType::Int64, DType::Float16, DType::BFloat16, DType::Float32, DType::Float64,
};

}  // namespace rushlight::testing
