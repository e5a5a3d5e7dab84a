/* sweep.h - some or all points of a scenario on a pool of threads; the same results for any number of threads. */
#ifndef TOKENMILL_STUDY_SWEEP_H
#define TOKENMILL_STUDY_SWEEP_H

#include <stddef.h>

#include "analysis/result.h"
#include "base/diag.h"
#include "scenarios/scenario.h"
#include "study/pool.h"
#include "study/progress.h"

struct sweep_request {
    const struct scenario *scenario; // borrowed
    size_t first_point, point_count;
    unsigned threads;            /* 0: all cores */
    progress_listener *listener; /* hears of progress, may abandon the sweep; NULL: nobody */
    void *context;               // borrowed: the listener's
    const char *requests_path;   /* needs point_count 1; NULL: none */
    bool wants_series;           /* see study/run.h */
};

/* Runs the points. WORKER_POOL_DONE: results[i] is that of point first_point + i, free each with result_free. Otherwise nothing is
 * left in `results`; WORKER_POOL_FAILED says why in `diags`. */
enum worker_pool_end sweep_run(const struct sweep_request *request, struct result **results, struct diags *diags);

#endif
