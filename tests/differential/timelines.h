/* timelines.h - what must hold of a run's time series: the same in both engines, and nothing lost between intervals. */
#ifndef TOKENMILL_TESTS_DIFFERENTIAL_TIMELINES_H
#define TOKENMILL_TESTS_DIFFERENTIAL_TIMELINES_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/outcome.h"

/* Each returns true if it holds; otherwise `what` says where not. Runs without a series have nothing that could differ. */

/* The same number in every cell. */
bool timelines_equal(const struct sim_outcome *a, const struct sim_outcome *b, char *what, size_t size);

/* The intervals of the window add up to the outcome, those of the run to what it counts over the whole run; they lie end to end. */
bool timelines_add_up(const struct sim_outcome *outcome, char *what, size_t size);

/* The intervals of `coarse` are sums of those of `fine`, the same run with a shorter interval that divides coarse's. */
bool timelines_refine(const struct sim_outcome *fine, const struct sim_outcome *coarse, char *what, size_t size);

#endif
