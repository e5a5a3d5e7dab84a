/* fmath.h - elementary functions of + - * / sqrt alone: the same bits on every machine.
 *
 * glibc's log and exp differ in the last bit between machines with and without FMA, so none of libm's transcendentals
 * may reach a result. At most 1 ulp from the true value (checked against MPFR). Compile with -ffp-contract=off. */
#ifndef TOKENMILL_BASE_FMATH_H
#define TOKENMILL_BASE_FMATH_H

double fm_exp(double x);   /* overflow: inf, underflow: 0 */
double fm_log(double x);   /* x > 0; 0: -inf; negative: NaN */
double fm_log1p(double x); /* x > -1 */
double fm_expm1(double x);
double fm_pow(double x, double y); /* x > 0; within 1 ulp, subnormal results too */

/* The x with P(Z <= x) = p for a standard normal Z, 0 < p < 1. Relative error under 1e-14.
 * Source: M. Wichura, "Algorithm AS 241", Applied Statistics 37 (1988). */
double fm_normal_quantile(double p);

/* `value` rounded to `digits` significant decimal digits (sweep values: 12). */
double fm_round_digits(double value, int digits);

#endif
