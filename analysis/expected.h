/* expected.h - how far the headlines of a result may be off: 95 % prediction intervals from the model's own known error.
 *
 * A pool's q (models/expected_error.h) says within what factor s = exp(q) step times, throughput and power of servers that the fit did not see lay. With
 * rho the load, N and A tokens served and asked for, in an open loop:
 *     latency        x [ (1 - rho) / (1 - rho / s) / s',  (1 - rho) / (1 - rho s) s' ]     s of throughput, s' the latency's own; no bound where rho s >= 1
 *                    TPOT is bounded by that of a full batch, s' x slots / capacity
 *     tokens served  x [ min(1, 1 / (rho s)), min(s, max(1, A / N)) ]                      what is asked for does not depend on the server
 *     money          electricity x power's factor, the rest is fixed
 *     USD/Mtok       money / tokens served; so of a fleet that keeps up nearly the point itself
 * rho is that of the busiest hour of the window where the rate follows a profile. A run that ends with its last request serves what is asked for,
 * and how long it takes is uncertain: with d the share of the window after the last arrival, tokens (by time) served are
 *     x [ 1 / max(1 - d + d s, rho s), 1 / (1 - d + d / s) ]      s of throughput; of E2E where nobody waited
 * (1 - rho): a queue's response time is service time / (1 - rho) (processor sharing, M/G/1). In a closed loop what is served goes with 1/s, latency with s'.
 * Sampling is not in it: NaN in `_ci95` until replications give it. Several pools: the largest q, the highest load. NaN: the error of a pool, or of the metric, is not known
 * (given constants, images, embeddings). */
#ifndef TOKENMILL_ANALYSIS_EXPECTED_H
#define TOKENMILL_ANALYSIS_EXPECTED_H

#include "analysis/metrics.h"

/* NaN where there is none. An upper bound may be infinite. */
struct expected_bounds {
    double lower, upper;
};

struct expected_bounds expected_bounds_of(const struct metric *metric, const struct result *result);

#endif
