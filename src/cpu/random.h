#pragma once
// Fills of contiguous buffers with PyTorch's CPU random numbers, bit for bit and draw for draw:
// after each call the generator is in the state in which PyTorch's would be.
//
// Order. PyTorch fills a tensor in the order of its memory: TensorIterator sorts the dimensions by
// stride, so empty(3, 4).t().uniform_() fills the storage from first to last, as empty(3, 4) does.
// For a destination that is not contiguous, order its dimensions by descending stride, fill a
// contiguous temporary of that shape, and copy it through the permutation. fill_normal needs to
// be told: PyTorch's 16-wide method serves contiguous tensors only.
//
// Errors have PyTorch's words and class; they are raised before the first draw, and for n = 0 too.
// Dtypes that PyTorch refuses are refused with its words.

#include <cstdint>
#include <optional>

#include "rushlight/dtype.h"
#include "rushlight/generator.h"

namespace rushlight::cpu {

/// uniform_(from, to), rand: floating dtypes; in [from, to).
void fill_uniform(void* data, DType dtype, int64_t n, double from, double to, Generator& generator);

/// normal_(mean, std), randn: floating dtypes. `contiguous` is that of the tensor that the numbers
/// are for: 16 or more numbers of a contiguous tensor come from 16-wide Box-Muller transforms
/// (float32 and halves: Cephes' single-precision polynomials with fused multiply-add), all others
/// one by one from pairs in double precision, of which the second is kept for the next call.
void fill_normal(void* data, DType dtype, int64_t n, double mean, double std, Generator& generator,
                 bool contiguous = true);

/// random_(): all dtypes; integers from 0 to the dtype's largest, or to 2^digits if floating.
void fill_random(void* data, DType dtype, int64_t n, Generator& generator);

/// random_(from, to), random_(to), randint: all dtypes; integers in [from, to). Without `to`, up
/// to the largest of the dtype; without `to` and from INT64_MIN, any 64 bits.
void fill_random_from_to(void* data, DType dtype, int64_t n, int64_t from,
                         std::optional<int64_t> to, Generator& generator);

/// bernoulli_(p), dropout's masks: all dtypes; 1 where a 53-bit uniform is below p.
void fill_bernoulli(void* data, DType dtype, int64_t n, double p, Generator& generator);

/// bernoulli_(tensor), bernoulli(tensor): all dtypes; `p` is contiguous, n values of the floating
/// dtype `p_dtype`. Float64 draws 53-bit uniforms, the others 24-bit ones.
void fill_bernoulli(void* data, DType dtype, int64_t n, const void* p, DType p_dtype,
                    Generator& generator);

/// exponential_(lambda): floating dtypes.
void fill_exponential(void* data, DType dtype, int64_t n, double lambda, Generator& generator);
/// geometric_(p): all dtypes but bool; trials up to the first success.
void fill_geometric(void* data, DType dtype, int64_t n, double p, Generator& generator);
/// log_normal_(mean, std) of the underlying normal: floating dtypes.
void fill_log_normal(void* data, DType dtype, int64_t n, double mean, double std,
                     Generator& generator);
/// cauchy_(median, sigma): floating dtypes.
void fill_cauchy(void* data, DType dtype, int64_t n, double median, double sigma,
                 Generator& generator);

/// poisson(rates): floating dtypes; `rates` are n values of the same dtype (may be `data`).
void fill_poisson(void* data, const void* rates, DType dtype, int64_t n, Generator& generator);
/// binomial(counts, probabilities): floating dtypes; `data` holds the counts, of the same dtype.
void fill_binomial(void* data, const void* probabilities, DType dtype, int64_t n,
                   Generator& generator);
/// torch._standard_gamma(alphas): float32 and float64; n values of the same dtype.
void fill_standard_gamma(void* data, const void* alphas, DType dtype, int64_t n,
                         Generator& generator);

/// randperm(n): a permutation of 0 … n - 1; any dtype but bool that can hold n.
void fill_randperm(void* data, DType dtype, int64_t n, Generator& generator);

/// multinomial: for each of `rows` rows of `categories` weights (contiguous, floating `dtype`),
/// `samples` indices into `indices` (rows x samples).
void multinomial(int64_t* indices, const void* weights, DType dtype, int64_t rows,
                 int64_t categories, int64_t samples, bool replacement, Generator& generator);

}  // namespace rushlight::cpu
