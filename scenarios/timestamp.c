#include "scenarios/timestamp.h"

#include <stdint.h>

#include "base/check.h"

/* 1e19 s in attoseconds: far beyond any calendar, far inside 128 bits. */
#define TIME_LIMIT ((u128)ATTOSECOND_PER_S * 10000000000000000000ULL)

enum { ATTOSECOND_DIGITS = 18, NUMBER_DIGITS_MAX = 37 };

const char *time_kind_name(enum time_kind kind) {
    static const char *const names[TIME_KIND_COUNT] = {
        [TIME_AUTO] = "auto", [TIME_S] = "s",   [TIME_MS] = "ms",
        [TIME_US] = "us",     [TIME_NS] = "ns", [TIME_TIMESTAMP] = "timestamp",
    };
    CHECK(kind < TIME_KIND_COUNT);
    return names[kind];
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Takes one character off the front if it is `c`. */
static bool take(struct span *rest, char c) {
    if (rest->size == 0 || rest->data[0] != c) {
        return false;
    }
    rest->data++;
    rest->size--;
    return true;
}

/* Takes exactly `count` digits off the front. */
static bool take_digits(struct span *rest, size_t count, int *value) {
    if (rest->size < count) {
        return false;
    }
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(rest->data[i])) {
            return false;
        }
        number = number * 10 + (rest->data[i] - '0');
    }
    rest->data += count;
    rest->size -= count;
    *value = number;
    return true;
}

/* Takes the digits after the point; what lies beyond the attosecond is cut off. */
static bool take_fraction(struct span *rest, i128 *attoseconds) {
    size_t count = 0;
    int64_t number = 0;
    for (; rest->size > 0 && is_digit(rest->data[0]); rest->data++, rest->size--, count++) {
        number = count < ATTOSECOND_DIGITS ? number * 10 + (rest->data[0] - '0') : number;
    }
    for (size_t i = count; i < ATTOSECOND_DIGITS; i++) {
        number *= 10;
    }
    *attoseconds = number;
    return count > 0;
}

static bool is_leap_year(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01; the year is taken to begin in March, so that a leap day is its last. */
static int64_t days_of(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t day_of_year = (153 * m + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool take_date(struct span *rest, int64_t *days) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year;
    int month;
    int day;
    if (!take_digits(rest, 4, &year) || !take(rest, '-') || !take_digits(rest, 2, &month) || !take(rest, '-') ||
        !take_digits(rest, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    if (day > month_days[month - 1] + (month == 2 && is_leap_year(year))) {
        return false;
    }
    *days = days_of(year, month, day);
    return true;
}

/* HH:MM[:SS[.fraction]] */
static bool take_clock(struct span *rest, i128 *time) {
    int hour;
    int minute;
    int second = 0;
    i128 fraction = 0;
    if (!take_digits(rest, 2, &hour) || !take(rest, ':') || !take_digits(rest, 2, &minute)) {
        return false;
    }
    if (take(rest, ':')) {
        if (!take_digits(rest, 2, &second)) {
            return false;
        }
        if ((take(rest, '.') || take(rest, ',')) && !take_fraction(rest, &fraction)) {
            return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *time = (i128)(hour * 3600 + minute * 60 + second) * ATTOSECOND_PER_S + fraction;
    return true;
}

/* Nothing, Z, UTC or +HH[[:]MM]; `*offset_s` is what local time is ahead by. */
static bool take_zone(struct span *rest, int *offset_s) {
    int hours;
    int minutes = 0;
    *rest = span_trim(*rest);
    *offset_s = 0;
    if (rest->size == 0 || span_equals_nocase(*rest, "z") || span_equals_nocase(*rest, "utc")) {
        return true;
    }
    bool negative = take(rest, '-');
    if ((!negative && !take(rest, '+')) || !take_digits(rest, 2, &hours)) {
        return false;
    }
    bool colon = take(rest, ':');
    if ((colon || rest->size > 0) && !take_digits(rest, 2, &minutes)) {
        return false;
    }
    *offset_s = (negative ? -60 : 60) * (hours * 60 + minutes);
    return rest->size == 0 && hours <= 23 && minutes <= 59;
}

bool timestamp_parse(struct span text, i128 *time) {
    struct span rest = span_trim(text);
    int64_t days;
    i128 clock = 0;
    int offset_s = 0;
    if (!take_date(&rest, &days)) {
        return false;
    }
    bool has_clock = take(&rest, 'T') || take(&rest, 't');
    while (!has_clock && take(&rest, ' ')) {
        has_clock = rest.size > 0 && rest.data[0] != ' ';
    }
    if (has_clock ? !take_clock(&rest, &clock) || !take_zone(&rest, &offset_s) : rest.size > 0) {
        return false;
    }
    *time = ((i128)days * 86400 - offset_s) * ATTOSECOND_PER_S + clock;
    return true;
}

/* A decimal number as digits x 10^scale. */
struct decimal {
    bool negative;
    u128 digits;
    int64_t scale;
};

/* Appends one digit; beyond what 128 bits hold, a fraction's is cut off, a whole number's only scales. */
static void decimal_append(struct decimal *decimal, size_t *count, char c, bool in_fraction) {
    bool kept = *count < NUMBER_DIGITS_MAX;
    if (kept) {
        decimal->digits = decimal->digits * 10 + (unsigned)(c - '0');
        *count += decimal->digits > 0;
    }
    decimal->scale += (kept ? 0 : 1) - (in_fraction ? 1 : 0);
}

static bool take_exponent(struct span *rest, int64_t *exponent) {
    bool negative = take(rest, '-');
    if (!negative) {
        (void)take(rest, '+');
    }
    if (rest->size == 0) {
        return false;
    }
    int64_t number = 0;
    for (; rest->size > 0 && is_digit(rest->data[0]); rest->data++, rest->size--) {
        number = number < 100000 ? number * 10 + (rest->data[0] - '0') : number;
    }
    *exponent = negative ? -number : number;
    return rest->size == 0;
}

static bool decimal_parse(struct span rest, char decimal_point, struct decimal *decimal) {
    *decimal = (struct decimal){.negative = take(&rest, '-')};
    if (!decimal->negative) {
        (void)take(&rest, '+');
    }
    size_t kept = 0;
    size_t seen = 0;
    bool in_fraction = false;
    for (; rest.size > 0; rest.data++, rest.size--) {
        if (is_digit(rest.data[0])) {
            decimal_append(decimal, &kept, rest.data[0], in_fraction);
            seen++;
        } else if (rest.data[0] == decimal_point && !in_fraction) {
            in_fraction = true;
        } else {
            break;
        }
    }
    int64_t exponent = 0;
    if ((take(&rest, 'e') || take(&rest, 'E')) && !take_exponent(&rest, &exponent)) {
        return false;
    }
    decimal->scale += exponent;
    return seen > 0 && rest.size == 0;
}

bool time_number_parse(struct span text, enum time_kind kind, char decimal_point, i128 *time) {
    CHECK(kind >= TIME_S && kind <= TIME_NS);
    struct decimal decimal;
    if (!decimal_parse(span_trim(text), decimal_point, &decimal)) {
        return false;
    }
    u128 value = decimal.digits;
    int64_t scale = decimal.scale + ATTOSECOND_DIGITS - 3 * (int64_t)(kind - TIME_S);
    for (; scale < 0 && value > 0; scale++) {
        value /= 10;
    }
    for (; scale > 0 && value > 0; scale--) {
        if (value > TIME_LIMIT / 10) {
            return false;
        }
        value *= 10;
    }
    if (value > TIME_LIMIT) {
        return false;
    }
    *time = decimal.negative ? -(i128)value : (i128)value;
    return true;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does `name` end in this unit, set apart from what is before it: "t_ms", "time (ms)", "timeMs", "ms"? */
static bool ends_in_unit(struct span name, const char *unit) {
    while (name.size > 0 && !is_letter(name.data[name.size - 1])) {
        name.size--;
    }
    struct span tail = {name.data, 2};
    if (name.size < 2) {
        return false;
    }
    tail.data += name.size - 2;
    bool apart = name.size == 2 || !is_letter(tail.data[-1]) || (tail.data[0] < 'a' && tail.data[-1] >= 'a');
    return apart && span_equals_nocase(tail, unit);
}

enum time_kind time_kind_guess(struct span name, struct span value, char decimal_point) {
    i128 time;
    if (timestamp_parse(value, &time)) {
        return TIME_TIMESTAMP;
    }
    if (!time_number_parse(value, TIME_S, decimal_point, &time)) {
        return TIME_AUTO;
    }
    for (enum time_kind kind = TIME_MS; kind <= TIME_NS; kind++) {
        if (ends_in_unit(name, time_kind_name(kind))) {
            return kind;
        }
    }
    static const int64_t epoch_least[] = {
        [TIME_MS] = 100000000000, [TIME_US] = 100000000000000, [TIME_NS] = 100000000000000000};
    for (enum time_kind kind = TIME_NS; kind >= TIME_MS; kind--) {
        if (time >= epoch_least[kind] * ATTOSECOND_PER_S) {
            return kind;
        }
    }
    return TIME_S;
}
