/* predict.h - what a rebuilt run would have measured: simulated, and reduced as its client reduced it. */
#ifndef TOKENMILL_STUDY_PREDICT_H
#define TOKENMILL_STUDY_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "study/measured.h"
#include "study/progress.h"
#include "study/rebuild.h"

struct predicted {
    /* By metric in s, tok/s and W per GPU, [0] mean and [1] median; throughput and power have one value in both. NaN: none. METRIC_TPOT of
     * a steady queue is the gap between tokens. */
    double value[METRIC_COUNT][2];
    double p99_s[METRIC_E2E + 1]; /* of the latencies, likewise */
    double ttft_first_wave_s;     /* mean of the requests that were sent at t = 0, before any had ended; NaN: none */
    double ttft_later_s;          /* of the others */
    int64_t requests, incomplete; /* rejected, or cut short by the model's length limit */
};

/* Progress of one run among many; `progress` NULL: nobody listens. */
struct predict_watch {
    struct progress *progress; // borrowed
    size_t index;
};

/* Plays the point through. False if it was abandoned, or with diagnostics. */
bool predict_run(const struct resolved_point *point, const struct client *client, const struct predict_watch *watch,
                 struct predicted *predicted, struct diags *diags);

/* The prediction to hold against measured_value(row, metric). */
double predicted_value(const struct predicted *predicted, enum run_metric metric, bool is_median);

#endif
