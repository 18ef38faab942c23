#pragma once
// Special functions of doubles, one at a time. Out of a function's domain the result is NaN.

namespace rushlight {

// Bessel functions of order 0 and 1: first kind, second kind; then the modified ones of both kinds,
// and those scaled by exp(-|x|) and exp(x).
double bessel_j0(double x);
double bessel_j1(double x);
double bessel_y0(double x);
double bessel_y1(double x);
double bessel_i0(double x);
double bessel_i1(double x);
double bessel_k0(double x);
double bessel_k1(double x);
double bessel_i0e(double x);
double bessel_i1e(double x);
double bessel_k0e(double x);
double bessel_k1e(double x);
double spherical_j0(double x);  ///< sin(x) / x
double airy(double x);          ///< Ai

double scaled_erfc(double x);       ///< exp(x²) erfc(x)
double log_normal_below(double x);  ///< log of the standard normal distribution function
double normal_quantile(double p);   ///< the inverse of that function
double entropy(double x);           ///< -x log x; 0 at 0, -inf below

/// The regularised incomplete gamma function of `a` from 0 to `x` if `lower`, else from `x` on.
double incomplete_gamma(double a, double x, bool lower);
/// Hurwitz' zeta function: the sum of 1 / (q + k)^s over k >= 0.
double zeta(double s, double q);
double x_log1p_y(double x, double y);  ///< x log(1 + y); 0 where x is 0

}  // namespace rushlight
