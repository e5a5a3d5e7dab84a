/* cluster.h - the state of a run under the stepwise engine, which is the definition of what happens.
 *
 * Plainly written: it walks every sequence at every step. Apart are
 *     intake.c      arrivals, visibility, routing
 *     replica.c     a replica's step: its start, its end, what each sequence gets of it
 *     schedule*.c   which requests a step serves: a table of policies over the batch's state
 *     kv.h          KV blocks
 *     meter.c       time, energy and work, clipped to the window
 *     engine.c      the loop over events
 * What a step costs is models/step_model.h; what a request's end means is sim/recorder.h.
 * Requests are named by index into `requests` (it may move when one is added). */
#ifndef TOKENMILL_SIM_STEPWISE_CLUSTER_H
#define TOKENMILL_SIM_STEPWISE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "sim/calendar.h"
#include "sim/load_grid.h"
#include "sim/recorder.h"
#include "sim/router.h"
#include "sim/stepwise/pending.h"
#include "sim/stepwise/queue.h"

struct request {
    int64_t id;
    uint64_t ordinal; /* in its workload */
    int64_t arrival_key, visible_key;
    uint64_t draw;
    int64_t input, output;
    int64_t target;     /* tokens to prefill: the prompt, and after a preemption what was generated */
    int64_t computed;   /* tokens whose KV is held */
    int64_t emitted;    /* tokens generated, since the last restart */
    int64_t delivered;  /* output positions ever emitted */
    int64_t high_water; /* positions ever computed: below it, computing is repeating */
    int64_t blocks;
    int64_t chunk; /* tokens that it gets of the step in progress; 0: not in it */
    i128 first_scheduled, first_token, last_token; /* instants; LATENCY_NONE until they happen */
    int64_t preemptions;
    uint32_t workload, pool, replica, client; /* replica: global index, UINT32_MAX before routing */
    bool live;    /* not free in the slab */
    bool ended;   /* recorded; under `static` it may still hold its slot */
    bool running; /* in a batch */
};

/* A number that changes at instants, integrated over the window. */
struct level {
    int64_t value;
    i128 since;
};

/* The part of the window that a replica's sums cover: moved by a step whose end has a cut's key. */
struct replica_meter {
    i128 from, until;
    struct level waiting, running, kv_tokens;
};

struct replica {
    uint32_t index; /* global */
    uint32_t pool;
    const struct pool_config *config;
    uint32_t *running; /* owned: in order of admission */
    size_t running_count, running_capacity;
    struct queue waiting;     /* its own */
    struct queue *pool_queue; /* borrowed: of the pool under central-queue, else NULL */
    int64_t free_blocks;
    int64_t kv_tokens; /* whose KV is held: what its running sequences have computed */
    bool stepping;      /* a step is in progress */
    bool start_pending; /* a step start is in the calendar for the next boundary */
    i128 step_start;
    i128 step_end; /* of the step in progress, or of the last */
    struct step_work work;
    bool backlog; /* the step started and left a request waiting */
    struct replica_meter meter;
};

struct pool_state {
    const struct pool_config *config;
    uint32_t begin, end;  /* global replicas */
    struct queue queue;   /* central-queue */
    struct level waiting; /* of that queue */
    struct load_grid grid;
    bool open_loop; /* some workload of it is not a closed loop */
};

/* One workload's requests, before a replica has them. */
struct intake {
    struct arrival_source *source; /* owned */
    struct arrival next; /* an open loop reads one ahead, */
    bool has_next;       /* if it has one; a closed loop never does */
    struct pending_heap invisible; /* delayed on the way to the router */
    uint64_t ordinal; /* of the next arrival */
    struct random_stream input_stream, output_stream;
};

struct cluster {
    const struct sim_config *config;
    struct diags *diags; /* borrowed */
    struct recorder recorder;
    struct sim_outcome *outcome;
    struct calendar calendar;
    struct intake *intakes;   /* owned, by workload */
    struct pool_state *pools; /* owned */
    struct replica *replicas; /* owned */
    uint32_t replica_count;
    int64_t *outstanding; /* owned: waiting and running, by replica */
    struct router router;
    struct request *requests; /* owned slab */
    uint32_t *free_requests;  /* owned stack */
    size_t request_capacity, free_count;
    int64_t arrived;       /* requests so far, also the next id */
    bool intake_closed;    /* the limit on requests was reached */
    bool failed;           /* a source failed */
    i128 last_step_end;    /* latest end of any step */
    int64_t token_total;   /* prompts prefilled and tokens emitted, in the window or not (capacity) */
    int64_t completed;
    int64_t ended;         /* completed or rejected */
};

/* Calendar sources. */
static inline size_t source_of_arrivals(uint32_t workload) {
    return workload;
}
static inline size_t source_of_invisible(const struct cluster *cluster, uint32_t workload) {
    return cluster->config->workload_count + workload;
}
static inline size_t source_of_replica(const struct cluster *cluster, uint32_t replica) {
    return 2 * cluster->config->workload_count + replica;
}

void cluster_init(struct cluster *cluster, const struct sim_config *config, const struct observer *observer,
                  struct sim_outcome *outcome, struct diags *diags);
void cluster_release(struct cluster *cluster);

/* Plays one event. False when none is left before the cut, or a source failed. `*key` is the event's. */
bool cluster_step(struct cluster *cluster, int64_t *key);

/* Closes the books: meters at the end of the run, unfinished requests, saturation. */
void cluster_finish(struct cluster *cluster);

/* intake.c */
bool intake_open(struct cluster *cluster, uint32_t workload);
void intake_release(struct intake *intake);
/* The workload's next arrival happens. */
void intake_arrival(struct cluster *cluster, uint32_t workload, int64_t key);
/* The earliest of the workload's delayed requests reaches the router. */
void intake_visible(struct cluster *cluster, uint32_t workload);
/* A request ended at `instant` for its client, which may issue the next one. */
void intake_request_ended(struct cluster *cluster, const struct request *request, i128 instant, bool rejected);
/* The source's counts, for the outcome. */
void intake_close_books(struct cluster *cluster, uint32_t workload);

/* A new request's slot, and its return. */
uint32_t cluster_request_new(struct cluster *cluster);
void cluster_request_free(struct cluster *cluster, uint32_t request);

/* The record of a request as it stands. */
struct request_record cluster_record(const struct cluster *cluster, const struct request *request);

/* Whether an event with this key is after the warm-up's cut (class 0, step ends, goes before it). */
bool cluster_in_window(const struct cluster *cluster, int64_t step_end_key);

/* replica.c */
void replica_init(struct cluster *cluster, uint32_t index, uint32_t pool);
void replica_release(struct replica *replica);
/* A request reached the replica (its own queue or its pool's) at `key`: starts it if it is idle. */
void replica_notice(struct cluster *cluster, struct replica *replica, int64_t key);
void replica_step_start(struct cluster *cluster, struct replica *replica, int64_t key);
void replica_step_end(struct cluster *cluster, struct replica *replica);
/* Rejects a request that is in no queue and no batch; frees it. */
void replica_reject(struct cluster *cluster, uint32_t request, enum reject_reason reason, int64_t key);

/* meter.c */
void meter_init(struct cluster *cluster, struct replica_meter *meter);
/* The step in progress ended whole. */
void meter_step_ended(struct cluster *cluster, struct replica *replica);
/* The run was cut at `cut`, in the middle of the step in progress if there is one. */
void meter_cut(struct cluster *cluster, struct replica *replica, i128 cut);
/* The replica's queue, batch and KV as they are from `now` on. */
void meter_levels(struct cluster *cluster, struct replica *replica, i128 now);
void meter_pool_queue(struct cluster *cluster, struct pool_state *pool, i128 now);

#endif
