/* analytic.h - a pool of a resolved point in its steady state (models/throughput.h), without simulating it.
 *
 * One replica with work at hand all the time, the pool's mix of requests as means, its power and its prices. No queueing: rates are
 * those of full load and latencies those without a wait. Staff, one-off costs and egress are left out: they are not a replica's.
 * Pure functions of the point, but that a trace is read. */
#ifndef TOKENMILL_ANALYSIS_ANALYTIC_H
#define TOKENMILL_ANALYSIS_ANALYTIC_H

#include "base/diag.h"
#include "models/throughput.h"
#include "scenarios/resolved.h"

/* One replica of pool `pool`. Without known power it draws nothing. */
struct throughput_machine analytic_machine(const struct resolved_point *point, size_t pool);

/* The pool's mean request: workloads by their mean rates; lengths as a capacity run draws them (a trace: its first rows), cut at
 * max_model_len, without those that would be too long. False with diagnostics if a trace cannot be read, or
 * (rule "screen-no-requests") if no request reaches the pool. */
bool analytic_lengths(const struct resolved_point *point, size_t pool, struct throughput_lengths *lengths,
                      struct diags *diags);

/* The tightest TTFT and TPOT thresholds of the pool's workloads, whatever share of requests they are for; infinite: none. */
struct throughput_limits analytic_limits(const struct resolved_point *point, size_t pool);

#endif
