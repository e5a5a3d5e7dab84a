#include "base/quantity.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum dimension {
    DIMENSION_TIME,
    DIMENSION_MONEY,
    DIMENSION_BYTE,
    DIMENSION_POWER,
    DIMENSION_TOKEN,
    DIMENSION_MASS,
    DIMENSION_FLOP,
    DIMENSION_COUNT
};

/* One name: factor = numerator / denominator in base units, exact integers. */
struct unit_name {
    const char *name;
    double numerator;
    double denominator;
    signed char exponents[DIMENSION_COUNT];
};

#define TIME(name, numerator, denominator)                                                                             \
    {                                                                                                                  \
        name, numerator, denominator, {                                                                                \
            [DIMENSION_TIME] = 1                                                                                       \
        }                                                                                                              \
    }
#define MONEY(name)                                                                                                    \
    {                                                                                                                  \
        name, 1, 1, {                                                                                                  \
            [DIMENSION_MONEY] = 1                                                                                      \
        }                                                                                                              \
    }
#define BYTE(name, factor)                                                                                             \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_BYTE] = 1                                                                                       \
        }                                                                                                              \
    }
#define POWER(name, numerator, denominator)                                                                            \
    {                                                                                                                  \
        name, numerator, denominator, {                                                                                \
            [DIMENSION_POWER] = 1                                                                                      \
        }                                                                                                              \
    }
#define ENERGY(name, factor)                                                                                           \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_POWER] = 1, [DIMENSION_TIME] = 1                                                                \
        }                                                                                                              \
    }
#define TOKEN(name, factor)                                                                                            \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_TOKEN] = 1                                                                                      \
        }                                                                                                              \
    }
#define MASS(name, factor)                                                                                             \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_MASS] = 1                                                                                       \
        }                                                                                                              \
    }
#define FLOP(name, factor)                                                                                             \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_FLOP] = 1                                                                                       \
        }                                                                                                              \
    }
#define FLOP_RATE(name, factor)                                                                                        \
    {                                                                                                                  \
        name, factor, 1, {                                                                                             \
            [DIMENSION_FLOP] = 1, [DIMENSION_TIME] = -1                                                                \
        }                                                                                                              \
    }
#define PURE(name, numerator, denominator)                                                                             \
    {                                                                                                                  \
        name, numerator, denominator, {                                                                                \
            0                                                                                                          \
        }                                                                                                              \
    }

static const struct unit_name unit_names[] = {
    TIME("ps", 1, 1e12),
    TIME("ns", 1, 1e9),
    TIME("us", 1, 1e6),
    TIME("\xc2\xb5s", 1, 1e6),
    TIME("\xce\xbcs", 1, 1e6),
    TIME("ms", 1, 1e3),
    TIME("s", 1, 1),
    TIME("sec", 1, 1),
    TIME("second", 1, 1),
    TIME("seconds", 1, 1),
    TIME("m", 60, 1),
    TIME("min", 60, 1),
    TIME("minute", 60, 1),
    TIME("minutes", 60, 1),
    TIME("h", 3600, 1),
    TIME("hr", 3600, 1),
    TIME("hour", 3600, 1),
    TIME("hours", 3600, 1),
    TIME("d", 86400, 1),
    TIME("day", 86400, 1),
    TIME("days", 86400, 1),
    TIME("w", 604800, 1),
    TIME("week", 604800, 1),
    TIME("weeks", 604800, 1),
    TIME("month", 2628000, 1),
    TIME("months", 2628000, 1),
    TIME("y", 31536000, 1),
    TIME("yr", 31536000, 1),
    TIME("year", 31536000, 1),
    TIME("years", 31536000, 1),
    MONEY("USD"),
    MONEY("usd"),
    MONEY("$"),
    BYTE("B", 1),
    BYTE("kB", 1e3),
    BYTE("KB", 1e3),
    BYTE("MB", 1e6),
    BYTE("GB", 1e9),
    BYTE("TB", 1e12),
    BYTE("KiB", 1024),
    BYTE("MiB", 1048576),
    BYTE("GiB", 1073741824),
    BYTE("TiB", 1099511627776),
    POWER("mW", 1, 1e3),
    POWER("W", 1, 1),
    POWER("kW", 1e3, 1),
    POWER("MW", 1e6, 1),
    ENERGY("J", 1),
    ENERGY("Wh", 3600),
    ENERGY("kWh", 3.6e6),
    ENERGY("MWh", 3.6e9),
    TOKEN("tok", 1),
    TOKEN("token", 1),
    TOKEN("tokens", 1),
    TOKEN("ktok", 1e3),
    TOKEN("Mtok", 1e6),
    TOKEN("Btok", 1e9),
    MASS("g", 1),
    MASS("gCO2", 1),
    MASS("gCO2e", 1),
    MASS("kg", 1e3),
    MASS("kgCO2e", 1e3),
    MASS("t", 1e6),
    MASS("tCO2e", 1e6),
    FLOP("FLOP", 1),
    FLOP_RATE("GFLOPS", 1e9),
    FLOP_RATE("TFLOPS", 1e12),
    FLOP_RATE("TOPS", 1e12),
    FLOP_RATE("PFLOPS", 1e15),
    PURE("ratio", 1, 1),
    PURE("%", 1, 100),
    PURE("request", 1, 1),
    PURE("requests", 1, 1),
    PURE("req", 1, 1),
};

/* A whole unit. */
struct unit {
    double numerator;
    double denominator;
    int exponents[DIMENSION_COUNT];
};

static const struct unit_name *find_name(struct span name) {
    for (size_t i = 0; i < sizeof(unit_names) / sizeof(unit_names[0]); i++) {
        if (span_equals(name, unit_names[i].name)) {
            return &unit_names[i];
        }
    }
    return NULL;
}

static bool is_joint(char c) {
    return c == '/' || c == '*' || c == '-' || c == ' ';
}

/* Takes the leading name of `rest`, which may be empty. */
static struct span take_name(struct span *rest) {
    struct span name = {.data = rest->data, .size = 0};
    while (name.size < rest->size && !is_joint(rest->data[name.size])) {
        name.size++;
    }
    rest->data += name.size;
    rest->size -= name.size;
    return name;
}

static void multiply(struct unit *unit, const struct unit_name *name, bool inverse) {
    unit->numerator *= inverse ? name->denominator : name->numerator;
    unit->denominator *= inverse ? name->numerator : name->denominator;
    for (size_t i = 0; i < DIMENSION_COUNT; i++) {
        unit->exponents[i] += inverse ? -name->exponents[i] : name->exponents[i];
    }
}

/* "USD/kW-month": what follows a slash is below it, to the end. */
static bool parse_unit(struct span text, struct unit *unit) {
    *unit = (struct unit){.numerator = 1, .denominator = 1};
    struct span rest = span_trim(text);
    bool inverse = false;
    while (rest.size > 0) {
        if (is_joint(rest.data[0])) {
            inverse = inverse || rest.data[0] == '/';
            rest.data++;
            rest.size--;
            continue;
        }
        const struct unit_name *name = find_name(take_name(&rest));
        if (name == NULL) {
            return false;
        }
        multiply(unit, name, inverse);
    }
    return true;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Both factors are integers below 2^53, or else left as they are. */
static void reduce(double *numerator, double *denominator) {
    const double limit = 9007199254740992.0;
    if (*numerator >= limit || *denominator >= limit) {
        return;
    }
    double divisor = (double)common_divisor((uint64_t)*numerator, (uint64_t)*denominator);
    *numerator /= divisor;
    *denominator /= divisor;
}

static double convert(double value, const struct unit *from, const struct unit *to) {
    double from_numerator = from->numerator, from_denominator = from->denominator;
    double to_numerator = to->numerator, to_denominator = to->denominator;
    reduce(&from_numerator, &to_numerator);
    reduce(&to_denominator, &from_denominator);
    double numerator = from_numerator * to_denominator;
    double denominator = from_denominator * to_numerator;
    reduce(&numerator, &denominator);
    return value * numerator / denominator;
}

/* The length of the number that `text` begins with: [+-]digits[.digits][e[+-]digits]; 0: none. */
static size_t number_size(struct span text) {
    size_t size = 0;
    double value;
    for (size_t end = 1; end <= text.size; end++) {
        char c = text.data[end - 1];
        if (strchr("0123456789.+-eE", c) == NULL || c == '\0') {
            break;
        }
        if (text_to_double((struct span){.data = text.data, .size = end}, &value)) {
            size = end;
        }
    }
    return size;
}

enum quantity_status quantity_parse(struct span text, const char *unit, double *value) {
    struct span trimmed = span_trim(text);
    size_t size = number_size(trimmed);
    double number;
    if (size == 0 || !text_to_double((struct span){.data = trimmed.data, .size = size}, &number)) {
        return QUANTITY_NOT_A_NUMBER;
    }
    struct span rest = span_trim((struct span){.data = trimmed.data + size, .size = trimmed.size - size});
    struct unit given, wanted;
    CHECK(parse_unit(span_of(unit[0] == '1' ? unit + 1 : unit), &wanted)); /* "1/s" */
    if (rest.size == 0) {
        *value = number;
        return QUANTITY_OK;
    }
    if (!parse_unit(rest, &given)) {
        return QUANTITY_UNKNOWN_UNIT;
    }
    if (unit[0] == '\0') {
        return QUANTITY_NEEDS_NO_UNIT;
    }
    if (memcmp(given.exponents, wanted.exponents, sizeof(given.exponents)) != 0) {
        return QUANTITY_WRONG_UNIT;
    }
    *value = convert(number, &given, &wanted);
    return QUANTITY_OK;
}

struct unit_example {
    const char *unit;
    const char *examples;
};

static const struct unit_example unit_examples[] = {
    {"s", "2s, 500ms, 24h, 7d, 5 years"},
    {"1/s", "4/s, 0.25/s, 240/min"},
    {"year", "5, 5y, 5 years, 60 months"},
    {"ratio", "0.2, 20%"},
    {"USD/h", "2.59, 2.59 USD/h"},
    {"USD/kWh", "0.08, 0.08 USD/kWh, 80 USD/MWh"},
    {"GB", "80, 80GB, 40GiB"},
    {"W", "700, 700W, 0.7kW"},
};

const char *quantity_examples(const char *unit) {
    for (size_t i = 0; i < sizeof(unit_examples) / sizeof(unit_examples[0]); i++) {
        if (strcmp(unit_examples[i].unit, unit) == 0) {
            return unit_examples[i].examples;
        }
    }
    return "";
}

size_t quantity_format(double value, const char *unit, char *text, size_t size) {
    char number[40];
    text_from_double(value, number, sizeof(number));
    bool is_pure = unit[0] == '\0' || strcmp(unit, "ratio") == 0;
    bool is_rate = strncmp(unit, "1/", 2) == 0;
    bool is_short = strcmp(unit, "s") == 0;
    const char *shown = is_pure ? "" : is_rate ? unit + 1 : unit;
    int length = snprintf(text, size, "%s%s%s", number, is_pure || is_rate || is_short ? "" : " ", shown);
    CHECK(length > 0 && (size_t)length < size);
    return (size_t)length;
}
