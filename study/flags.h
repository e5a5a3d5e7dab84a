/* flags.h - what is wrong or uncertain about a measured row. A flagged row is predicted all the same; it is only left out of the scores.
 *
 * The physics filters hold whatever the simulation says:
 *     MFU = 2 N_active (isl + osl) C / ((TTFT + TPOT osl) peak of all GPUs)          above 0.6 no server reaches it
 *     bytes of one decode step / bandwidth                                           a step cannot be shorter
 * One row above 0.6 casts doubt on its whole cell (model, GPU, engine, precision, source): a prefix cache was on, or the load was not
 * what it says. */
#ifndef TOKENMILL_STUDY_FLAGS_H
#define TOKENMILL_STUDY_FLAGS_H

#include <stdbool.h>

#include "study/measured.h"
#include "study/rebuild.h"

enum row_flag {
    FLAG_PHYSICS_MFU,
    FLAG_PHYSICS_CELL,
    FLAG_PHYSICS_BANDWIDTH,
    FLAG_SATURATED,
    FLAG_SPECULATIVE,
    FLAG_SUSPECTED_SPECULATION,
    FLAG_HELD_UP, /* slower than itself: the host did not keep up */
    FLAG_ASSUMED_LENGTHS,
    FLAG_ASSUMED_PARALLELISM,
    FLAG_CONTRADICTED_RECIPE, /* by Little's law more, or far fewer, requests ran at once than the recipe's flags let */
    FLAG_OLD_STACK,           /* software of a GPU's first months */
    FLAG_UNDOCUMENTED_ENGINE,
    FLAG_INCOMPLETE, /* not every request of the simulated run was completed */
    FLAG_PREFIX_CACHE,
    FLAG_UNMODELLED_LAYERS,
    FLAG_COLD_START, /* doubts TTFT alone */
    FLAG_UNKNOWN_RECIPE,
    FLAG_COUNT
};

const char *row_flag_name(enum row_flag flag); /* "physics-mfu", ... */
const char *row_flag_help(enum row_flag flag); /* for people */

/* A set of flags. */
static inline bool flags_have(unsigned flags, enum row_flag flag) {
    return (flags & (1u << flag)) != 0;
}

/* May the row's metric be scored, and may profiles be fitted to the row? What is uncertain about the model is scored, for that is what scores are
 * for, but not fitted; lengths that are assumed are fitted, for TPOT hardly depends on them, but not scored. */
bool flags_let_score(unsigned flags, enum run_metric metric);
bool flags_let_fit(unsigned flags);

/* What can be said of one row that was rebuilt (point not NULL): all but FLAG_PHYSICS_CELL and FLAG_INCOMPLETE. */
unsigned flags_of_row(const struct measured_row *row, const struct rebuilt *rebuilt);

/* Share of the GPUs' peak FLOP/s that the row claims; NaN where it does not say enough. */
double row_mfu(const struct measured_row *row, const struct rebuilt *rebuilt);

/* Shortest time of a decode step by bandwidth, s; NaN likewise. Mixtures of experts: their active parameters. */
double row_step_floor_s(const struct measured_row *row, const struct rebuilt *rebuilt);

#endif
