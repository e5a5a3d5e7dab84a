#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

struct check_context {
    uint64_t seed;
    double simulated_s;
};

static _Thread_local struct check_context context;

void check_context_set(uint64_t seed, double simulated_s) {
    context = (struct check_context){.seed = seed, .simulated_s = simulated_s};
}

void check_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "tokenmill: internal error: CHECK(%s) failed at %s:%d (seed %llu, simulated time %.9g s)\n",
            condition, file, line, (unsigned long long)context.seed, context.simulated_s);
    fflush(stderr);
    abort();
}
