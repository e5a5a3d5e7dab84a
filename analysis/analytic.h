/* analytic.h - a pool of a resolved point in its steady state (models/throughput.h), without simulating it.
 *
 * Two questions: what one replica does with work at hand all the time (machine, lengths, limits: `tokenmill screen`), and what the
 * point's own demand makes of its pools (states: beside each simulated result, so that one sees what queueing adds).
 * No queueing: latencies are those without a wait. Pure functions of the point, but that a trace is read. */
#ifndef TOKENMILL_ANALYSIS_ANALYTIC_H
#define TOKENMILL_ANALYSIS_ANALYTIC_H

#include "base/diag.h"
#include "models/throughput.h"
#include "scenarios/resolved.h"

/* One replica of pool `pool`. Without known power it draws nothing. Curves are the point's. */
struct throughput_machine analytic_machine(const struct resolved_point *point, size_t pool);

/* What a pool costs in an hour of a steady state, staff and one-off costs left out: they are the fleet's. Demand charges are on the mean. */
struct analytic_hour {
    double it_kw; /* the pool's, at the wall */
    double output_tok_per_s;
};

double analytic_usd_per_hour(const struct resolved_point *point, size_t pool, const struct analytic_hour *hour);

/* What a pool is asked to do. */
struct analytic_mix {
    struct throughput_lengths lengths; /* of the mean request; not set without workloads */
    double requests_per_s;             /* that the pool can serve; 0: closed loops, or nothing */
    double clients, think_s;           /* of closed loops: sums over workloads */
    double delay_s;                    /* mean time until the scheduler sees a request */
    size_t workloads;                  /* that have requests for it */
    bool shared;                       /* some of them go to other pools too */
};

/* Workloads by their mean rates (open loops: rate; traces: rows over span; closed loops: clients), those of several pools by
 * replicas. Lengths are the first `samples` >= 1 that a capacity run draws of each workload (a trace: its first rows), cut at
 * max_model_len, without those that would be too long. False with diagnostics if a trace cannot be read. */
bool analytic_mix_make(const struct resolved_point *point, size_t pool, size_t samples, struct analytic_mix *mix,
                       struct diags *diags);

/* Its mean request. False with diagnostics also (rule "screen-no-requests") if no request reaches the pool. */
bool analytic_lengths(const struct resolved_point *point, size_t pool, struct throughput_lengths *lengths,
                      struct diags *diags);

/* The tightest TTFT and TPOT thresholds of the pool's workloads, whatever share of requests they are for; infinite: none. */
struct throughput_limits analytic_limits(const struct resolved_point *point, size_t pool);

/* A pool, or the fleet, at the point's own demand. NaN: what the formulas do not cover (docs/semantics.md, section 7). */
struct analytic_state {
    double tpot_mean_s, ttft_mean_s;
    double load_ratio;   /* demand / capacity: above 1 where it is more than that */
    double power_mean_w; /* IT, at the wall */
    double usd_per_mtok_total;
};

/* Of each pool (point->sim.pool_count of them) and of the fleet. False with diagnostics if a trace cannot be read. */
bool analytic_states(const struct resolved_point *point, struct analytic_state *pools, struct analytic_state *fleet,
                     struct diags *diags);

#endif
