/* observer.h - who watches a run: the writer of --requests, the progress line. Neither can change a result. */
#ifndef TOKENMILL_SIM_OBSERVER_H
#define TOKENMILL_SIM_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/int128.h"

enum request_status { REQUEST_COMPLETED, REQUEST_UNFINISHED, REQUEST_REJECTED };

enum reject_reason {
    REJECT_TOO_LARGE,      /* its KV would not fit in an empty replica */
    REJECT_TOO_LONG,       /* input >= max_model_len, or a prompt that may not be cut is above the token budget */
    REJECT_NEVER_ADMITTED, /* alone on the replica, and still not admissible (watermark, reservation) */
    REJECT_REASON_COUNT
};

const char *reject_reason_name(enum reject_reason reason); /* "too_large", ... */

#define LATENCY_NONE ((i128)-1)

/* A request as it ended, or as it stood at the cut. Durations in units, LATENCY_NONE where not (yet) determined. */
struct request_record {
    int64_t request_id; /* from 0 in arrival order over all workloads */
    uint32_t workload, pool;
    int64_t replica; /* index within the pool; -1 if it reached none */
    int64_t arrival_key;
    i128 queue, ttft, tpot, e2e;
    i128 finish; /* instant for the client */
    int64_t input_tokens;
    int64_t output_tokens; /* emitted */
    int64_t preemptions;
    enum request_status status;
    enum reject_reason reject_reason; /* when rejected */
};

struct observer {
    void *context;
    /* Requests in order of their end; unfinished ones last, by id. May be NULL. */
    void (*request_ended)(void *context, const struct request_record *record);
    /* Called every few thousand events with the share of the run that is done (0..1; -1 if unknown), and the simulated
     * time. Return false to abandon the run. May be NULL. */
    bool (*progress)(void *context, double done_ratio, double simulated_s);
};

#endif
