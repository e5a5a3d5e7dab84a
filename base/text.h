/* text.h - spans of text, strict numbers, guesses at what was meant. Locale-free. */
#ifndef TOKENMILL_BASE_TEXT_H
#define TOKENMILL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *data; /* not terminated */
    size_t size;
};

struct span span_of(const char *text);
bool span_equals(struct span a, const char *b);
bool span_equals_nocase(struct span a, const char *b);
struct span span_trim(struct span text); /* blanks and tabs at both ends */

/* The whole span as a decimal number ([+-]digits[.digits][e[+-]digits]; no hex, no inf, no nan, no blanks),
 * correctly rounded. False and `*value` untouched otherwise, and on overflow. */
bool text_to_double(struct span text, double *value);

/* The whole span as an integer. `63.0` and `1e6` are integers too; 1.5 is not. */
bool text_to_int64(struct span text, int64_t *value);

/* `value` rounded to `digits` significant decimal digits, as printf's %.*g; 1 <= digits <= 17. Returns its length. */
size_t text_from_double_digits(double value, int digits, char *text, size_t size);

/* The shortest decimal that reads back as `value` ("%.17g" at worst); "nan" for NaN. Returns its length. */
size_t text_from_double(double value, char *text, size_t size);

/* Damerau-Levenshtein distance, for lengths up to 64; longer texts: the greater length. */
unsigned text_distance(struct span a, struct span b);

/* The candidate nearest to `text`, or NULL if none is near enough to be what was meant (distance <= 1 + length / 4,
 * or `text` is a prefix of one candidate only, or goes on from a candidate of four letters or more). Case-insensitive. */
const char *text_guess(struct span text, const char *const *candidates, size_t count);

#endif
