/* recorder.h - turns requests, as they end, into counts, latencies and SLO verdicts. Shared by the engines: what a
 * latency is, and who counts in it, is said once, here (docs/semantics.md sections 3 and 6). */
#ifndef TOKENMILL_SIM_RECORDER_H
#define TOKENMILL_SIM_RECORDER_H

#include <stdbool.h>

#include "sim/config.h"
#include "sim/observer.h"
#include "sim/outcome.h"

struct recorder {
    const struct sim_config *config;
    const struct observer *observer; /* may be NULL */
    struct sim_outcome *outcome;
};

/* Allocates the outcome's arrays for this configuration and points the recorder at it. */
void recorder_init(struct recorder *recorder, const struct sim_config *config, const struct observer *observer,
                   struct sim_outcome *outcome);

/* A request of `workload` has arrived. */
void recorder_arrived(struct recorder *recorder, uint32_t workload, int64_t arrival_key);

/* Whether a request that arrived then belongs to latency, SLO and goodput. */
static inline bool recorder_measures(const struct recorder *recorder, int64_t arrival_key) {
    return arrival_key >= recorder->config->warmup_key;
}

/* `count` gaps of `gap` units between consecutive tokens of a measured request. */
void recorder_token_gap(struct recorder *recorder, uint32_t workload, i128 gap, uint64_t count);

/* `count` gaps each of `first`, first + growth, ...: `terms` of them. */
void recorder_token_gaps(struct recorder *recorder, uint32_t workload, i128 first, i128 growth, int64_t terms,
                         uint64_t count);

/* A request completed or was rejected; `in_window`: after warm-up. */
void recorder_ended(struct recorder *recorder, const struct request_record *record, bool in_window);

/* A request was unfinished at `cut`; `running`: it was in a batch. */
void recorder_unfinished(struct recorder *recorder, const struct request_record *record, i128 cut, bool running);

#endif
