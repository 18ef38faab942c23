#pragma once
// The contiguous loops behind the pointwise kernels, and how to find them.

#include <cstdint>
#include <span>

#include "kernels/pointwise.h"

namespace rushlight::cpu {

/// Runs a kernel over `n` contiguous elements: pointers[0] is the output, the inputs follow. The
/// output may be one of the inputs. Knows nothing of shapes, threads or other dtypes.
using Loop = void (*)(void* const* pointers, int64_t n, std::span<const Param> params);

/// The loop of a kernel for a compute dtype on the SIMD target in use; null if there is none. With
/// `scalar` 1 or 2, the loop for which pointers[scalar] is a single number: few kernels have it,
/// and it takes no parameters.
Loop find_loop(Kernel kernel, DType compute, int scalar = 0);

/// The loop that converts pointers[1] of dtype `from` to pointers[0] of dtype `to`.
Loop find_convert(DType from, DType to);

/// The families that find_loop asks; each knows some kernels and answers null for the others.
Loop find_arithmetic(Kernel kernel, DType compute);
Loop find_scalar(Kernel kernel, DType compute, int scalar);
Loop find_comparison(Kernel kernel, DType compute);
Loop find_choice(Kernel kernel, DType compute);
Loop find_simple(Kernel kernel, DType compute);
Loop find_exponential(Kernel kernel, DType compute);
Loop find_activation(Kernel kernel, DType compute);
Loop find_special(Kernel kernel, DType compute);

/// A parameter, or its default if the caller left it out.
template <class T>
T param_or(std::span<const Param> params, size_t index, T otherwise) {
  return index < params.size() ? params[index].to<T>() : otherwise;
}

/// About how long a kernel takes for an element, in units of 0.15 ns.
int64_t loop_cost(Kernel kernel);

}  // namespace rushlight::cpu
