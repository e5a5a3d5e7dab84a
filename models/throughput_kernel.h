/* throughput_kernel.h - the loops over models/throughput_formula.h, one set for each CPU level. Inner header of models/. */
#ifndef TOKENMILL_MODELS_THROUGHPUT_KERNEL_H
#define TOKENMILL_MODELS_THROUGHPUT_KERNEL_H

#include <string.h>

#include "models/throughput.h"

enum { THROUGHPUT_SLICE = 256 };

/* Batches of one machine and one length, in the first-level cache. USD per Mtok is (usd_per_s x price ratio + power_usd_per_s) x
 * s_per_mtok. */
struct throughput_slice {
    double power_usd_per_s[THROUGHPUT_SLICE], s_per_mtok[THROUGHPUT_SLICE];
    double tpot_s[THROUGHPUT_SLICE];
    double miss[THROUGHPUT_SLICE];      /* 0 if one mean request fits and meets the limits, else infinite */
    double front_bar[THROUGHPUT_SLICE]; /* who costs more is not on the front; 0 if not one mean request fits */
};

/* What a configuration must at least cost less than to be on the front, by its TPOT: 32 steps an octave, 2^-14 s to 4 s. */
enum { THROUGHPUT_BAR_COUNT = 512, THROUGHPUT_BAR_SHIFT = 47, THROUGHPUT_BAR_FIRST = 1009 << 5 };

static inline int64_t throughput_bar_index(double tpot_s) {
    int64_t bits;
    memcpy(&bits, &tpot_s, sizeof bits);
    int64_t index = (bits >> THROUGHPUT_BAR_SHIFT) - THROUGHPUT_BAR_FIRST;
    index = index > 0 ? index : 0;
    return index < THROUGHPUT_BAR_COUNT ? index : THROUGHPUT_BAR_COUNT - 1;
}

struct throughput_slice_request {
    const struct throughput_machine *machine; // borrowed, as all of them
    const struct throughput_lengths *lengths;
    const double *batches;
    size_t count; /* <= THROUGHPUT_SLICE */
    const struct throughput_limits *limits;
    const double *front_bars; /* THROUGHPUT_BAR_COUNT */
};

struct throughput_kernel {
    void (*arrays)(const struct throughput_machine *machine, const struct throughput_load_columns *loads, size_t count,
                   const struct throughput_state_columns *states);
    void (*slice)(const struct throughput_slice_request *request, struct throughput_slice *slice);
    /* How many of [first, end) could be on the front, or cost less than `top_bar` within the limits. */
    int64_t (*candidates)(const struct throughput_slice *slice, size_t first, size_t end, double usd_per_s,
                          double top_bar);
};

extern const struct throughput_kernel throughput_kernel_baseline;
#if defined(__x86_64__)
extern const struct throughput_kernel throughput_kernel_avx2;
extern const struct throughput_kernel throughput_kernel_avx512;
#endif

const struct throughput_kernel *throughput_kernel_of(enum cpu_level level);

#endif
