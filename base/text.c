#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

enum { DISTANCE_LENGTH_MAX = 64, NUMBER_STACK_SIZE = 64, EXPONENT_MAX = 1000000 };

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_make(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(c_locale != (locale_t)0);
}

/* The host program may have called setlocale; numbers here always have a point. */
static locale_t c_locale_get(void) {
    CHECK(pthread_once(&c_locale_once, c_locale_make) == 0);
    return c_locale;
}

struct span span_of(const char *text) {
    return (struct span){.data = text, .size = strlen(text)};
}

bool span_equals(struct span a, const char *b) {
    return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the first `a.size` characters of `b` (which may end before) are `a`. */
static bool starts_nocase(struct span a, const char *b) {
    for (size_t i = 0; i < a.size; i++) {
        if (b[i] == '\0' || lower(a.data[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool span_equals_nocase(struct span a, const char *b) {
    return a.size == strlen(b) && starts_nocase(a, b);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span text) {
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* A number taken apart; the spans are empty where the part is absent. */
struct number_parts {
    bool negative;
    struct span whole;
    struct span fraction;
    int exponent; /* clipped to +-EXPONENT_MAX */
};

static size_t count_digits(const char *data, size_t size) {
    size_t count = 0;
    while (count < size && data[count] >= '0' && data[count] <= '9') {
        count++;
    }
    return count;
}

static struct span take_digits(struct span *rest) {
    struct span digits = {.data = rest->data, .size = count_digits(rest->data, rest->size)};
    rest->data += digits.size;
    rest->size -= digits.size;
    return digits;
}

static bool take(struct span *rest, char c) {
    if (rest->size == 0 || rest->data[0] != c) {
        return false;
    }
    rest->data++;
    rest->size--;
    return true;
}

static bool take_sign(struct span *rest) {
    bool negative = take(rest, '-');
    if (!negative) {
        (void)take(rest, '+');
    }
    return negative;
}

static int clipped_exponent(struct span digits, bool negative) {
    int exponent = 0;
    for (size_t i = 0; i < digits.size && exponent < EXPONENT_MAX; i++) {
        exponent = exponent * 10 + (digits.data[i] - '0');
    }
    exponent = exponent < EXPONENT_MAX ? exponent : EXPONENT_MAX;
    return negative ? -exponent : exponent;
}

/* [+-][digits][.digits][e[+-]digits], nothing before or after; digits before the point or after it. */
static bool split_number(struct span text, struct number_parts *parts) {
    struct span rest = text;
    *parts = (struct number_parts){.negative = take_sign(&rest)};
    parts->whole = take_digits(&rest);
    bool has_point = take(&rest, '.');
    if (has_point) {
        parts->fraction = take_digits(&rest);
    }
    if (has_point ? parts->fraction.size == 0 : parts->whole.size == 0) {
        return false;
    }
    if (take(&rest, 'e') || take(&rest, 'E')) {
        bool negative = take_sign(&rest);
        struct span digits = take_digits(&rest);
        if (digits.size == 0) {
            return false;
        }
        parts->exponent = clipped_exponent(digits, negative);
    }
    return rest.size == 0;
}

bool text_to_double(struct span text, double *value) {
    struct number_parts parts;
    if (!split_number(text, &parts)) {
        return false;
    }
    char stack[NUMBER_STACK_SIZE];
    char *copy = text.size < sizeof(stack) ? stack : xcalloc(text.size + 1, 1);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    double number = strtod_l(copy, NULL, c_locale_get());
    if (copy != stack) {
        free(copy);
    }
    if (isinf(number)) {
        return false;
    }
    *value = number;
    return true;
}

/* Appends digits to `*number`; zeros at the end are held back in `*zeros`, so that 1000...000e-30 needs no room. */
static bool append_digits(struct span digits, uint64_t *number, size_t *zeros) {
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] == '0') {
            *zeros += *number != 0;
            continue;
        }
        for (size_t k = 0; k <= *zeros; k++) {
            if (__builtin_mul_overflow(*number, (uint64_t)10, number)) {
                return false;
            }
        }
        *zeros = 0;
        if (__builtin_add_overflow(*number, (uint64_t)(digits.data[i] - '0'), number)) {
            return false;
        }
    }
    return true;
}

static bool apply_sign(uint64_t number, bool negative, int64_t *value) {
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    if (number > limit) {
        return false;
    }
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

bool text_to_int64(struct span text, int64_t *value) {
    struct number_parts parts;
    uint64_t number = 0;
    size_t zeros = 0;
    if (!split_number(text, &parts) || !append_digits(parts.whole, &number, &zeros) ||
        !append_digits(parts.fraction, &number, &zeros)) {
        return false;
    }
    if (number == 0) {
        *value = 0;
        return true;
    }
    int64_t scale = (int64_t)zeros + parts.exponent - (int64_t)parts.fraction.size;
    if (scale < 0) {
        return false;
    }
    for (int64_t i = 0; i < scale; i++) {
        if (__builtin_mul_overflow(number, (uint64_t)10, &number)) {
            return false;
        }
    }
    return apply_sign(number, parts.negative, value);
}

size_t text_from_double_digits(double value, int digits, char *text, size_t size) {
    CHECK(digits >= 1 && digits <= 17);
    locale_t old = uselocale(c_locale_get());
    int length = snprintf(text, size, "%.*g", digits, value);
    uselocale(old);
    CHECK(length > 0 && (size_t)length < size);
    return (size_t)length;
}

/* Up to 15 digits name one double each, so the first that reads back is the shortest; subnormals hold fewer. */
size_t text_from_double(double value, char *text, size_t size) {
    if (isnan(value)) {
        return (size_t)snprintf(text, size, "nan");
    }
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    size_t length = text_from_double_digits(value, digits, text, size);
    while (digits < 17 && strtod_l(text, NULL, c_locale_get()) != value) {
        digits++;
        length = text_from_double_digits(value, digits, text, size);
    }
    return length;
}

static unsigned min_of(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* Row i of the table of distances between prefixes, from the two rows above it. */
static void distance_row(struct span a, struct span b, size_t i, unsigned rows[3][DISTANCE_LENGTH_MAX + 1]) {
    unsigned *row = rows[i % 3];
    const unsigned *above = rows[(i + 2) % 3];
    const unsigned *two_above = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= b.size; j++) {
        unsigned replaced = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
        row[j] = min_of(replaced, min_of(above[j], row[j - 1]) + 1);
        if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1]) {
            row[j] = min_of(row[j], two_above[j - 2] + 1);
        }
    }
}

unsigned text_distance(struct span a, struct span b) {
    if (a.size > DISTANCE_LENGTH_MAX || b.size > DISTANCE_LENGTH_MAX) {
        size_t longer = a.size > b.size ? a.size : b.size;
        return longer < UINT32_MAX ? (unsigned)longer : UINT32_MAX;
    }
    unsigned rows[3][DISTANCE_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        distance_row(a, b, i, rows);
    }
    return rows[a.size % 3][b.size];
}

/* text_distance without regard to case; both at most DISTANCE_LENGTH_MAX long. */
static unsigned distance_nocase(struct span a, struct span b) {
    char a_lower[DISTANCE_LENGTH_MAX];
    char b_lower[DISTANCE_LENGTH_MAX];
    for (size_t i = 0; i < a.size; i++) {
        a_lower[i] = lower(a.data[i]);
    }
    for (size_t i = 0; i < b.size; i++) {
        b_lower[i] = lower(b.data[i]);
    }
    return text_distance((struct span){a_lower, a.size}, (struct span){b_lower, b.size});
}

/* A candidate that starts with the text goes before nearer ones; one that starts otherwise may differ by that letter only. */
static const char *guess_by_distance(struct span text, const char *const *candidates, size_t count) {
    const char *best = NULL;
    unsigned best_distance = 0;
    bool best_starts = false;
    for (size_t i = 0; i < count; i++) {
        struct span candidate = span_of(candidates[i]);
        if (candidate.size > DISTANCE_LENGTH_MAX) {
            continue;
        }
        unsigned distance = distance_nocase(text, candidate);
        bool starts = starts_nocase(text, candidates[i]);
        bool same_letter = lower(text.data[0]) == lower(candidates[i][0]);
        bool is_near = distance <= (same_letter ? 1 + text.size / 4 : 1) && distance < text.size;
        bool is_better = best == NULL || starts > best_starts || (starts == best_starts && distance < best_distance);
        if (is_near && is_better) {
            best = candidates[i];
            best_distance = distance;
            best_starts = starts;
        }
    }
    return best;
}

static const char *guess_by_prefix(struct span text, const char *const *candidates, size_t count) {
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!starts_nocase(text, candidates[i])) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = candidates[i];
    }
    return found;
}

/* The longest candidate that the text goes on from: "Llama-3.3-70B-Instruct". */
static const char *guess_by_beginning(struct span text, const char *const *candidates, size_t count) {
    const size_t shortest = 4;
    const char *found = NULL;
    size_t longest = shortest - 1;
    for (size_t i = 0; i < count; i++) {
        struct span candidate = span_of(candidates[i]);
        struct span beginning = {text.data, candidate.size};
        if (candidate.size > longest && candidate.size < text.size && span_equals_nocase(beginning, candidates[i])) {
            found = candidates[i];
            longest = candidate.size;
        }
    }
    return found;
}

const char *text_guess(struct span text, const char *const *candidates, size_t count) {
    if (text.size == 0 || text.size > DISTANCE_LENGTH_MAX) {
        return NULL;
    }
    const char *guess = guess_by_distance(text, candidates, count);
    guess = guess != NULL ? guess : guess_by_prefix(text, candidates, count);
    return guess != NULL ? guess : guess_by_beginning(text, candidates, count);
}
