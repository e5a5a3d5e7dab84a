#include "base/cpu_level.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/text.h"

static const char VARIABLE[] = "TOKENMILL_CPU_LEVEL";

static const char *const names[CPU_LEVEL_COUNT] = {"baseline", "avx2", "avx512"};

const char *cpu_level_name(enum cpu_level level) {
    CHECK((unsigned)level < CPU_LEVEL_COUNT);
    return names[level];
}

enum cpu_level cpu_level_highest(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        return CPU_LEVEL_AVX512;
    }
    if (__builtin_cpu_supports("avx2")) {
        return CPU_LEVEL_AVX2;
    }
#endif
    return CPU_LEVEL_BASELINE;
}

static bool unknown(const char *text, struct diags *diags) {
    const char *guess = text_guess(span_of(text), names, CPU_LEVEL_COUNT);
    if (guess != NULL) {
        return diag_error(diags, (struct position){0}, "cpu-level", "%s = '%s' is no level; did you mean '%s'?",
                          VARIABLE, text, guess);
    }
    return diag_error(diags, (struct position){0}, "cpu-level", "%s = '%s' is no level: baseline, avx2 or avx512",
                      VARIABLE, text);
}

bool cpu_level_of_text(const char *text, enum cpu_level *level, struct diags *diags) {
    const enum cpu_level highest = cpu_level_highest();
    if (text == NULL || text[0] == '\0') {
        *level = highest;
        return true;
    }
    int found = 0;
    while (found < CPU_LEVEL_COUNT && !span_equals(span_of(text), names[found])) {
        found++;
    }
    if (found == CPU_LEVEL_COUNT) {
        return unknown(text, diags);
    }
    if (found > (int)highest) {
        return diag_error(diags, (struct position){0}, "cpu-level", "%s = %s, but this machine has %s at most",
                          VARIABLE, text, names[highest]);
    }
    *level = (enum cpu_level)found;
    return true;
}

bool cpu_level_choose(enum cpu_level *level, struct diags *diags) {
    return cpu_level_of_text(getenv(VARIABLE), level, diags);
}
