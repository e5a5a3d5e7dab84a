/* replica.h - a replica under the stepwise engine, which is the definition of what happens.
 *
 * Plainly written: it walks every sequence at every step. Apart are
 *     replica.c     a replica's step: its start, its end, what each sequence gets of it
 *     schedule*.c   which requests a step serves: a table of policies over the batch's state
 *     kv.h          KV blocks
 *     meter.c       time, energy and work, clipped to the window */
#ifndef TOKENMILL_SIM_STEPWISE_REPLICA_H
#define TOKENMILL_SIM_STEPWISE_REPLICA_H

#include "sim/engine/cluster.h"

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
    int64_t kv_tokens;  /* whose KV is held: what its running sequences have computed, in units of contexts */
    bool stepping;      /* a step is in progress */
    bool start_pending; /* a step start is in the calendar for the next boundary */
    i128 step_start;
    i128 step_end; /* of the step in progress, or of the last */
    struct step_work work;
    struct rank_work *ranks; /* owned: of the step in progress; NULL: one rank */
    bool backlog;            /* the step started and left a request waiting */
    int64_t held_steps;      /* trtllm: steps that held prompts back since some were admitted */
    size_t received;         /* prefill-first with a recv_interval: of the waiting, those seen at the last look, */
    int64_t steps_unseen;    /* so many steps ago */
    int64_t new_token_ratio; /* kv_admission: estimate */
    struct replica_meter meter;
};

struct replica *replica_at(const struct cluster *cluster, uint32_t index);

/* meter.c */
void meter_init(struct cluster *cluster, struct replica_meter *meter);
/* The step in progress ended whole. */
void meter_step_ended(struct cluster *cluster, struct replica *replica);
/* The run was cut at `cut`, in the middle of the step in progress if there is one. */
void meter_cut(struct cluster *cluster, struct replica *replica, i128 cut);
/* The replica's queue, batch and KV as they are from `now` on. */
void meter_levels(struct cluster *cluster, struct replica *replica, i128 now);

#endif
