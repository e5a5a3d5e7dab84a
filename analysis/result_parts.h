/* result_parts.h - how a result is put together: physics first, then money. Private to analysis/. */
#ifndef TOKENMILL_ANALYSIS_RESULT_PARTS_H
#define TOKENMILL_ANALYSIS_RESULT_PARTS_H

#include <math.h>

#include "analysis/result.h"

#define J_PER_KWH 3.6e6

/* part / whole; NaN without a whole. */
static inline double ratio_of(double part, double whole) {
    return whole > 0 ? part / whole : RESULT_NONE;
}

/* What the parts are computed from. */
struct result_source {
    const struct resolved_point *point;
    const struct sim_outcome *outcome;
    const double *capacity_tok_per_s;
    i128 window; /* units, not negative */
    double window_s;
};

/* Tokens and throughput of result and pools must be set. Sets utilization, power, energy and bill of both. */
void result_physics_fill(struct result *result, const struct result_source *source);

/* Needs the bill. Sets cost of result, pools and workloads, and the APIs' bills. */
void result_money_fill(struct result *result, const struct result_source *source);

/* What a pool did with `window_s` seconds of its replicas, given the tokens served; without steps, preemptions and capacity. */
struct utilization_result result_pool_utilization(const struct result_source *source, size_t p, double tokens);

/* What it drew; no peaks. */
struct power_result result_pool_power(const struct result_source *source, size_t p);

/* A bill priced on the pool's terms, its share of staff and one-off costs included. */
double result_pool_usd(const struct result *result, const struct result_source *source, size_t p,
                       const struct bill_result *bill);

/* Needs everything else. Sets the series, if the run has one. */
void result_series_fill(struct result *result, const struct result_source *source);

/* Needs saturation and SLOs. Sets `feasible` and `infeasible_reason`. */
void result_verdict_fill(struct result *result, const struct result_source *source);

/* Needs cost, utilization and the demand. Sets the expected error. */
void result_expected_fill(struct result *result, const struct result_source *source);

#endif
