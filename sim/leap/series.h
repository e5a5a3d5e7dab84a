/* series.h - exact sums over a stretch of steps whose durations grow by the same number from step to step.
 *
 * A stretch has at most STRETCH_STEPS_MAX steps and takes at most STRETCH_TIME_MAX, so that 64 bits hold every sum below but the last. */
#ifndef TOKENMILL_SIM_LEAP_SERIES_H
#define TOKENMILL_SIM_LEAP_SERIES_H

#include <stdint.h>

#include "base/int128.h"

enum { STRETCH_STEPS_MAX = 1 << 20 };

#define STRETCH_TIME_MAX ((int64_t)1 << 61)

/* first, first + growth, first + 2 growth, ...; first > 0, growth >= 0. */
struct series {
    int64_t first, growth;
};

/* 0 + 1 + ... + (count - 1). */
static inline int64_t triangle(int64_t count) {
    return count * (count - 1) / 2;
}

/* The i-th term, from 0. */
static inline int64_t series_term(struct series series, int64_t i) {
    return series.first + series.growth * i;
}

/* Sum of the first `count` terms. */
static inline int64_t series_sum(struct series series, int64_t count) {
    return series.first * count + series.growth * triangle(count);
}

/* A number of terms, at most `count`, that sum to STRETCH_TIME_MAX at most if each took as long as the last; at least 1. */
int64_t series_fitting(struct series series, int64_t count);

/* Sum over the first `count` terms of i x term i. */
static inline i128 series_moment(struct series series, int64_t count) {
    int64_t ones = triangle(count);
    int64_t squares = ones * (2 * count - 1) / 3;
    return (i128)series.first * ones + (i128)series.growth * squares;
}

/* The smallest n >= 1 whose first n terms sum to `total` or more, where some n of a stretch does. */
int64_t series_count_to(struct series series, int64_t total);

#endif
