#pragma once
// The vectorised inner loops of random fills. The numbers do not depend on the SIMD target, except
// that targets without fused multiply-add (SSE2) may differ in the last place of floats.

#include <cstdint>

#include "rushlight/generator.h"

namespace rushlight::cpu {

/// Numbers in a block of 32-bit draws: small enough for the first-level cache, a whole number of
/// twists and of 16-wide transforms.
inline constexpr int64_t kBlockWords = 2 * Mt19937::kWords;

/// The next n draws of the engine, as n calls of it would give them.
void draw(Mt19937& engine, uint32_t* bits, int64_t n);

/// The next n draws as from + (to - from) * u with a 24-bit u in [0, 1); what rounds to `to` is
/// `from`.
void draw_floats(Mt19937& engine, float* values, int64_t n, float from, float to);
/// The same of given draws with a 53-bit u: two words a number, high half first.
void uniform_doubles(const uint32_t* bits, double* values, int64_t n, double from, double to);

/// Box-Muller in place on n / 16 groups: eight 24-bit uniforms of radius, then eight of angle.
/// log, sin and cos are the single-precision polynomials of the Cephes library (Moshier, 1989).
void normal_groups(float* values, int64_t n, float mean, float std);

/// remainders[i] = bits[i] % (divisor - i), for divisors that stay positive and below 2^32.
void remainders_of_descending(const uint32_t* bits, uint32_t* remainders, int64_t n,
                              uint32_t divisor);

/// values[i] = i.
void count_up(uint32_t* values, int64_t n);

/// Widens n 32-bit words that lie in the second half of the buffer of n 64-bit values. Going up
/// never overwrites a word that is still to be read.
void widen_from_behind(int64_t* values, int64_t n);

}  // namespace rushlight::cpu
