#pragma once
// Softmax and its kin along one dim of contiguous tensors seen as (outer, n, inner).

#include <cstdint>

#include "rushlight/dtype.h"

namespace rushlight {

/// softmax or log_softmax of floating `input` over n; both arrays hold outer * n * inner elements
/// of `dtype`, contiguous. `output` may be `input`.
void run_softmax(bool logarithm, DType dtype, int64_t outer, int64_t n, int64_t inner,
                 const void* input, void* output);

/// Gradient of the input from that of the output and the output itself, all contiguous:
/// y (g - Σ g y) for softmax, g - exp(y) Σ g for log_softmax. `result` may be `grad`.
void run_softmax_backward(bool logarithm, DType dtype, int64_t outer, int64_t n, int64_t inner,
                          const void* grad, const void* output, void* result);

/// log Σ exp(input) over n; the result holds outer * inner elements. -inf for no elements.
void run_logsumexp(DType dtype, int64_t outer, int64_t n, int64_t inner, const void* input,
                   void* output);

}  // namespace rushlight
