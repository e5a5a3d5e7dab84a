/* outcome.h - what happened in a run: integers only, additive over replicas. Everything that a result shows is
 * computed from this and the scenario. "In the window" = at or after warm-up, up to the end of the run. */
#ifndef TOKENMILL_SIM_OUTCOME_H
#define TOKENMILL_SIM_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/int128.h"
#include "sim/arrival.h"
#include "sim/config.h"
#include "sim/observer.h"

/* Values known, and ages at the cut of those that are not. In units of time. */
struct latency_stat {
    struct histogram known;
    struct histogram undecided;
};

struct token_counts {
    int64_t input;      /* prompts, each once, when its prefill first ends */
    int64_t output;     /* output positions, each the first time */
    int64_t recomputed; /* computed again after a preemption */
    int64_t prefilled;  /* prompt tokens computed in prefill chunks, repeats included (shares prefill time out) */
};

struct request_counts {
    int64_t emitted;
    int64_t completed;
    int64_t waiting; /* unfinished and not in a batch at the end (includes those not yet visible) */
    int64_t running;
    int64_t rejected[REJECT_REASON_COUNT];
};

struct slo_count {
    int64_t met;       /* known and at or under the limit */
    int64_t undecided; /* neither known nor older than the limit at the cut */
};

struct workload_outcome {
    struct arrival_counts arrivals; /* whole run */
    struct request_counts requests; /* whole run */
    struct request_counts measured; /* those that arrive in the window */
    int64_t completed_in_window;    /* whenever they arrived */
    int64_t stopped_clients;
    struct latency_stat latency[LATENCY_METRIC_COUNT]; /* of those that arrive in the window */
    struct slo_count slo[SLO_THRESHOLD_MAX]; /* by threshold of the workload; among those that arrive in the window */
    int64_t good;                            /* completed and met every threshold */
    int64_t undecided_good;                  /* unfinished, has violated nothing: left out of goodput */
    i128 good_output_tokens;                 /* output tokens of the good ones */
    struct token_counts *tokens;             /* by pool, in the window; owned */
};

/* Sums over the replicas of a pool, in the window. Times in units. */
struct pool_outcome {
    int64_t steps;     /* that ended in the window */
    i128 busy;         /* replica-time inside a step */
    i128 busy_prefill; /* of which prefill, */
    i128 busy_decode;  /* and decode: the two sum to busy */
    i128 waiting;      /* integral of requests waiting (count x time) */
    i128 running;      /* integral of requests in a batch */
    i128 kv_tokens;    /* integral of tokens whose KV is held; as FLOP and bytes in 2^-pool_context_shift */
    i128 batch;        /* sum over busy time of sequences in the step (count x time) */
    i128 flop, byte;
    i128 energy;         /* of GPU boards above idle-with-context, ENERGY_PER_J */
    i128 *energy_minute; /* the same by aligned minutes of the run, index 0 = [0, 60 s); owned */
    size_t minute_count;
    int64_t preemptions;
    bool saturated;
};

struct timeline; /* sim/timeline.h */

struct sim_outcome {
    struct workload_outcome *workloads; /* owned */
    size_t workload_count;
    struct pool_outcome *pools; /* owned */
    size_t pool_count;
    struct timeline *timelines;    /* by pool, owned; NULL: no series was asked for */
    i128 window_start, window_end; /* instants */
    i128 last_arrival;             /* instant; 0 without any */
    int64_t events;                /* arrivals and completions */
    bool cut;                      /* ended by `duration` */
    bool saturated;                /* any pool */
    bool abandoned;                /* the observer said so: nothing else is set then */
};

void sim_outcome_release(struct sim_outcome *outcome); /* accepts a zeroed one */

#endif
