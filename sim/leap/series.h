/* series.h - exact sums over a stretch of steps whose amounts grow by the same number from step to step. */
#ifndef TOKENMILL_SIM_LEAP_SERIES_H
#define TOKENMILL_SIM_LEAP_SERIES_H

#include <stdint.h>

#include "base/int128.h"

/* first, first + growth, first + 2 growth, ... */
struct series {
    i128 first, growth;
};

/* The i-th term, from 0. */
static inline i128 series_term(struct series series, int64_t i) {
    return series.first + series.growth * i;
}

/* Sum of the first `count` terms. */
static inline i128 series_sum(struct series series, int64_t count) {
    return series.first * count + series.growth * ((i128)count * (count - 1) / 2);
}

/* Sum over the first `count` steps of the product of two series' terms. */
i128 series_product_sum(struct series a, struct series b, int64_t count);

/* The smallest n >= 1 whose first n terms sum to `total` or more. Terms are positive and do not shrink. */
int64_t series_count_to(struct series series, i128 total);

#endif
