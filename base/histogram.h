/* histogram.h - integer log-linear histogram: 512 bins an octave (0.2 %), exact counts, mergeable in any order.
 *
 * Values are non-negative i128; below 512 each value has its own bin. A bin is identified by its upper edge (the greatest
 * value in it). Octaves are allocated when first used: 4 KB each. Inserting is O(1). */
#ifndef TOKENMILL_BASE_HISTOGRAM_H
#define TOKENMILL_BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/int128.h"

enum { HISTOGRAM_BINS_PER_OCTAVE = 512, HISTOGRAM_OCTAVES = 119 };

struct histogram {
    uint64_t *octaves[HISTOGRAM_OCTAVES]; /* owned, NULL until used */
    uint64_t count;
    i128 sum;
    i128 max; /* -1 when empty */
};

void histogram_init(struct histogram *histogram);
void histogram_release(struct histogram *histogram);
/* `value` >= 0, `count` times. */
void histogram_add(struct histogram *histogram, i128 value, uint64_t count);
/* Adds first, first + growth, ... (`terms` of them, growth >= 0), each `count` times. O(bins that they lie in). */
void histogram_add_series(struct histogram *histogram, i128 first, i128 growth, uint64_t terms, uint64_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Percentile of values partly unknown. `undecided` (may be NULL) holds the ages at the cut of those not known: undecided at every
 * x >= age, worse than x at every x < age. Finds the smallest bin x with
 *     known(<= x) >= ceil(numerator / denominator * (n - undecided(<= x))),   n = all known and undecided,
 * and sets `*value` to its upper edge, in the greatest known value's own bin to that value. (It may lie above: the rank is reached
 * where requests of that age drop out of n.) False if there is none, or n = 0. */
bool histogram_quantile(const struct histogram *known, const struct histogram *undecided, uint64_t numerator,
                        uint64_t denominator, i128 *value);

#endif
