#include "models/precision.h"

#include <stddef.h>

#include "base/check.h"

static const char *const names[PRECISION_COUNT] = {"bf16", "fp16", "fp8", "int8", "int4", "fp4"};

struct precision_alias {
    const char *text;
    enum precision precision;
};

static const struct precision_alias aliases[] = {
    {"bfloat16", PRECISION_BF16}, {"auto", PRECISION_BF16},    {"float16", PRECISION_FP16}, {"half", PRECISION_FP16},
    {"fp8_e4m3", PRECISION_FP8},  {"fp8_e5m2", PRECISION_FP8}, {"float8", PRECISION_FP8},   {"w8a8", PRECISION_INT8},
    {"w4a16", PRECISION_INT4},    {"awq", PRECISION_INT4},     {"gptq", PRECISION_INT4},    {"nvfp4", PRECISION_FP4},
    {"mxfp4", PRECISION_FP4},
};

const char *precision_name(enum precision precision) {
    CHECK((unsigned)precision < PRECISION_COUNT);
    return names[precision];
}

const char *const *precision_names(void) {
    return names;
}

bool precision_from_text(struct span text, enum precision *precision) {
    for (int i = 0; i < PRECISION_COUNT; i++) {
        if (span_equals_nocase(text, names[i])) {
            *precision = (enum precision)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (span_equals_nocase(text, aliases[i].text)) {
            *precision = aliases[i].precision;
            return true;
        }
    }
    return false;
}

double precision_byte_per_weight(enum precision precision) {
    static const double bytes[PRECISION_COUNT] = {2, 2, 1, 1, 0.5 + 2.0 / 128, 0.5 + 1.0 / 16};
    CHECK((unsigned)precision < PRECISION_COUNT);
    return bytes[precision];
}

bool precision_is_for_kv(enum precision precision) {
    return precision != PRECISION_INT4 && precision != PRECISION_FP4;
}

double precision_byte_per_kv(enum precision precision) {
    CHECK(precision_is_for_kv(precision));
    return precision == PRECISION_FP8 || precision == PRECISION_INT8 ? 1 : 2;
}

enum precision precision_compute(enum precision precision) {
    return precision == PRECISION_FP16 || precision == PRECISION_INT4 ? PRECISION_BF16 : precision;
}
