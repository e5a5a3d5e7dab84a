/* capacity.h - the capacity of pools, run once for each distinct one and shared by all points and threads.
 *
 * Two points whose `capacity_hash` of a pool agree (the pool without its replicas, and the mix) have the same capacity there
 * (docs/semantics.md section 7). Whoever needs it first runs it; others that need the same wait for it. Which point ran it
 * cannot change the number. All functions but new and free may be called from any thread. */
#ifndef TOKENMILL_STUDY_CAPACITY_H
#define TOKENMILL_STUDY_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "scenarios/resolved.h"

struct capacity_table;

struct capacity_table *capacity_table_new(void);
void capacity_table_free(struct capacity_table *table); /* accepts NULL */

/* Tokens per second that one replica of pool `pool` sustains; NaN if no request of the mix can be served. False with diagnostics
 * if a trace cannot be read; whoever asks again gets the same. */
bool capacity_table_get(struct capacity_table *table, const struct resolved_point *point, uint32_t pool,
                        double *token_per_s, struct diags *diags);

#endif
