/* int128.h - exact 128-bit integers: instants, durations and every accumulator of a run.
 *
 * Two type names break the rule against typedefs: ISO C has no 128-bit type, and `__extension__` keeps
 * -Wpedantic quiet in this one place. All functions are pure. */
#ifndef TOKENMILL_BASE_INT128_H
#define TOKENMILL_BASE_INT128_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define I128_MAX ((i128)(~(u128)0 >> 1))
#define I128_MIN (-I128_MAX - 1)

/* Room for any value in decimal: sign, 39 digits, terminator. */
enum { I128_TEXT_SIZE = 41 };

/* floor(a / b) for b > 0 (C's `/` truncates towards zero). */
i128 i128_floor_div(i128 a, i128 b);

/* ceil(a / b) for b > 0. */
i128 i128_ceil_div(i128 a, i128 b);

/* floor(x * numerator / denominator), the product held in 256 bits. Needs x >= 0, numerator >= 0,
 * denominator > 0 and a result that fits. Used where a step is cut: 0 <= numerator <= denominator. */
i128 i128_mul_div(i128 x, i128 numerator, i128 denominator);

/* The nearest double, ties to even; the same on every machine. */
double i128_to_double(i128 value);

bool i128_fits_int64(i128 value);

/* Writes `value` in decimal into `text` and returns the number of characters. */
size_t i128_to_text(i128 value, char text[I128_TEXT_SIZE]);

/* The exact decimal expansion of value / divisor, rounded to `places` digits after the point (nearest, ties to
 * even), trailing zeros kept, no sign on a zero. divisor > 0, places <= 18; `size` >= 60 holds any. Returns the length. */
enum { I128_RATIO_TEXT_SIZE = 60 };
size_t i128_ratio_to_text(i128 value, i128 divisor, unsigned places, char *text, size_t size);

#endif
