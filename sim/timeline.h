/* timeline.h - what a pool did, interval by interval: the time series of a run.
 *
 * Intervals begin at multiples of the chosen one, from 0, and once more at the end of the warm-up: an interval that it would fall into is
 * split there, so that the cells of the window add up to the pool's outcome exactly. Rules of docs/semantics.md sections 1 and 9:
 * what happens at a step's end belongs to the interval that the end's key lies in or closes, what happens at an arrival or a step's start
 * to the one that the key lies in or opens; amounts of a step are cut at the boundary's instant, floor(X elapsed / duration) before it.
 * All sums are integers, so replicas may add in any order.
 * Memory: blocks of cells, made when first touched; it grows with simulated time, not with requests. Cells do not move. */
#ifndef TOKENMILL_SIM_TIMELINE_H
#define TOKENMILL_SIM_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/outcome.h"

/* Intervals of a run at most. */
enum { TIMELINE_INTERVALS_MAX = 1000000 };

struct timeline_cell {
    struct pool_outcome pool; /* the same sums, of this interval alone; no minutes, no verdict */
    struct token_counts tokens;
    int64_t arrivals;  /* by arrival, whenever they were routed; what never was counts for its workload's first pool */
    int64_t completed; /* and rejected: when they ended */
    int64_t rejected;
};

struct timeline {
    int64_t interval, warmup;      /* keys */
    bool split;                    /* the warm-up ends inside of an interval */
    bool too_long;                 /* more intervals than may be: sums mean nothing any more */
    struct timeline_cell **blocks; /* owned, and each of them; NULL: all zero */
    size_t block_count;
};

/* `interval` > 0, keys. */
void timeline_init(struct timeline *timeline, int64_t interval, int64_t warmup);
void timeline_release(struct timeline *timeline); /* accepts a zeroed one */

/* The cell of what happens at a step's end with this key; and at an arrival or a step's start. */
struct timeline_cell *timeline_at_end(struct timeline *timeline, int64_t key);
struct timeline_cell *timeline_at_start(struct timeline *timeline, int64_t key);

/* The cell of the time that begins at `instant`, and the instant at which it ends. `from`: where the window begins for whoever asks: the
 * warm-up's end, or the end of a step that has its key. */
struct timeline_cell *timeline_over(struct timeline *timeline, i128 instant, i128 from, i128 *end);

/* Adds the integrals of levels over [since, now); now < since takes that stretch back. */
struct timeline_levels {
    int64_t waiting, running, kv_tokens;
};
void timeline_add_levels(struct timeline *timeline, i128 since, i128 now, i128 from,
                         const struct timeline_levels *levels);

/* The run ended at `end`: what lies beyond it (a last step's few keys, an event at the end itself, the refusal of a request that became
 * visible after it) goes to the last interval. Once only. */
void timeline_close(struct timeline *timeline, i128 end);

/* How many intervals a run has that ends at `end`. At least 1; an interval may have no time in it. */
int64_t timeline_count(const struct timeline *timeline, i128 end);

/* Where interval `index` begins; that of count ends it (a run's end comes before). Whether it lies in the window. */
i128 timeline_start(const struct timeline *timeline, int64_t index);
bool timeline_in_window(const struct timeline *timeline, int64_t index);

/* The sums of interval `index`; of one that nothing touched, zeros. */
const struct timeline_cell *timeline_cell_at(const struct timeline *timeline, int64_t index);

/* into += from: all that is additive in a pool's outcome but its minutes. */
void pool_outcome_add(struct pool_outcome *into, const struct pool_outcome *from);

#endif
