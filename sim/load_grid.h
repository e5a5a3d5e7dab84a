/* load_grid.h - a pool's load over the whole run on 256 cells whose width doubles as the run grows.
 *
 * Holds what decides whether a pool is saturated (docs/semantics.md section 3). Sums are additive and exact, so the
 * order in which replicas add to it does not matter; the last width depends on the run's end alone. */
#ifndef TOKENMILL_SIM_LOAD_GRID_H
#define TOKENMILL_SIM_LOAD_GRID_H

#include <stdbool.h>

#include "base/int128.h"

enum { LOAD_GRID_CELLS = 256 };

struct load_cell {
    i128 busy;         /* replica-time inside a step */
    i128 busy_backlog; /* of which in steps that started and left a request waiting */
    i128 waiting;      /* integral of requests waiting */
};

struct load_grid {
    struct load_cell cells[LOAD_GRID_CELLS];
    int width_shift; /* a cell is 2^width_shift units wide */
    i128 end;        /* of the cells */
};

void load_grid_init(struct load_grid *grid);

/* A step of one replica over [from, to). */
void load_grid_step(struct load_grid *grid, i128 from, i128 to, bool backlog);

/* `count` requests waiting over [from, to); from > to takes that stretch back. */
void load_grid_waiting(struct load_grid *grid, i128 from, i128 to, int64_t count);

/* Saturated, given the instant of the last arrival: see docs/semantics.md section 3. */
bool load_grid_saturated(const struct load_grid *grid, i128 last_arrival);

#endif
