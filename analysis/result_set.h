/* result_set.h - the results of all points of one scenario, and where they lie: what every writer is given.
 *
 * Borrows results and scenario, which must outlive it. */
#ifndef TOKENMILL_ANALYSIS_RESULT_SET_H
#define TOKENMILL_ANALYSIS_RESULT_SET_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/result.h"
#include "scenarios/scenario.h"

struct result_set {
    const char *name;          /* of the scenario */
    const char *scenario_text; /* as read, and resolved */
    const char *resolved_text;
    const char *catalog_hashes;
    uint64_t seed;
    const struct sweep_axis **axes; // owned list of borrowed axes, outermost first
    size_t axis_count;
    const struct result *const *results; /* row by row, the last axis fastest */
    size_t count;                        /* product of the axes' counts */
};

void result_set_init(struct result_set *set, const struct scenario *scenario, const struct result *const *results,
                     size_t count);
void result_set_release(struct result_set *set); /* accepts NULL and a zeroed one */

/* Index of point `point` on axis `axis`. */
size_t result_set_index(const struct result_set *set, size_t point, size_t axis);

#endif
