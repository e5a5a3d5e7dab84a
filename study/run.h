/* run.h - one point of a scenario, from its resolution to its result.
 *
 * Any number of points may run side by side; they share the scenario, the table of capacities and the progress. The clock on the
 * wall and the processor's are read here, for `run{wall_s, cpu_s}` alone: they time the run itself, not capacity runs. */
#ifndef TOKENMILL_STUDY_RUN_H
#define TOKENMILL_STUDY_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/result.h"
#include "base/diag.h"
#include "scenarios/scenario.h"
#include "study/capacity.h"
#include "study/progress.h"

/* The interval of a series that the scenario does not ask for. */
#define SERIES_INTERVAL_S 60.0

struct run_request {
    const struct scenario *scenario;   // borrowed
    size_t point;                      /* of the scenario's sweep */
    struct capacity_table *capacities; // borrowed
    struct progress *progress;         // borrowed
    size_t progress_index;             /* as which point of `progress` this one reports */
    const char *requests_path;         /* where to write one row a request; NULL: nowhere. Borrowed */
    bool wants_series;                 /* a time series even where the scenario has none: of SERIES_INTERVAL_S */
};

/* Runs the point; free the result with result_free. NULL, with diagnostics, if a trace or the file of requests failed; NULL
 * without any if `progress` was abandoned. The file of requests is there whole, or not at all. */
struct result *run_point(const struct run_request *request, struct diags *diags);

#endif
