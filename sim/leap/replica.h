/* replica.h - a replica under the leap: its batch as aggregates, and the stretch of steps that it is in. */
#ifndef TOKENMILL_SIM_LEAP_REPLICA_H
#define TOKENMILL_SIM_LEAP_REPLICA_H

#include "sim/engine/cluster.h"
#include "sim/leap/batch.h"
#include "sim/leap/series.h"

/* What the replicas of a pool share. */
struct leap_pool {
    const struct cluster *cluster; /* borrowed */
    const struct pool_config *config;
    const struct leap_policy *policy;
    /* Steps of n decodes, all of which take a key or more and have no quantum, have the fixed part decode_fixed[n], where that is not 0, n below
     * `decode_fixed_count`. Up to `straight_context` they take it + slope x context, in 64 bits; -1: they take more than a line says. */
    int64_t *decode_fixed; /* owned */
    int64_t decode_fixed_count, straight_context;
    int64_t slope;          /* of every step's line, */
    int64_t window_slope;   /* and in windowed context */
    int64_t window;         /* tokens; 0: no windowed layers */
    int64_t window_context; /* the same in units of contexts */
    bool extended;          /* a step's time is more than a line: windowed layers, ranks, a host that may take longer */
    bool straight;          /* no quantum: durations lie on their line */
    bool never_capped;      /* see step_model_decodes_never_capped */
    bool unpadded;          /* see step_model_computes_decodes_alone */
    bool keeps_blocks;      /* blocks are held from the start to the end: static, and where they are reserved */
    bool delivers_tokens;   /* not batch by batch */
    bool bounded;           /* see bound.c: steps grow with the batch, and requests leave it when they end */
    int block_shift;        /* of a block size that is a power of two; else -1 */
    int64_t block_size;
    int64_t token_capacity; /* num_gpu_blocks in tokens; -1: beyond 64 bits, or blocks do not follow from contexts */
};

/* What every stretch touches comes first, here and below: of many replicas, few are in the cache. */
struct leap_meter {
    struct pool_outcome *out;       /* borrowed: what sums go to, the pool's outcome or its part of `cell` */
    struct timeline_cell *cell;     /* borrowed, of a time series: of the stretch's start; NULL: none is wanted */
    struct timeline_cell *end_cell; /* of the end of the stretch that has just ended */
    bool at_warmup;                 /* steps may end with the warm-up's key: see leap_meter_find_cut */
    bool in_window;                 /* stretches up to the next cut lie in the window: unless at_warmup */
    bool busy_backlog;
    i128 busy_from, busy_to; /* steps end to end, with or without backlog, not yet in the load grid */
    i128 next_cut;           /* where some meter cuts next: a minute's end, an interval's, an end of the window */
    i128 batch, kv_tokens;   /* integrals over steps of decodes since the last cut, not yet in `out`, */
    struct step_sums sums;   /* sums over these, */
    int64_t steps;           /* and their number */
    struct level waiting;
    i128 from, until; /* the window as this replica's step ends move it */
    size_t minute;    /* that the stretch starts in, */
    i128 minute_end;  /* and its end */
};

struct leap_replica {
    int64_t event_key; /* its next event, where replicas are played apart; KEY_NEVER: none */
    enum event_class event_class;
    bool stepping, start_pending;
    bool walked;    /* the step in progress serves explicit sequences */
    bool preempted; /* it preempted, and admitted nobody for that reason alone */
    bool backlog;
    bool plain;                     /* the stretch lies between two cuts, and its `time` is true */
    bool holding;                   /* trtllm: the step holds prompts back that it could have admitted */
    int64_t horizon;                /* arrivals before this key are known then */
    const struct leap_pool *shared; /* borrowed */
    const struct pool_config *config;
    i128 start, end;         /* of the stretch, or of the last */
    int64_t time;            /* from start to end, where 64 bits hold it */
    int64_t planned;         /* steps of the stretch in progress */
    struct series durations; /* of a stretch of several steps */
    struct step_work work;   /* of its first step */
    struct batch batch;
    int64_t
        held_blocks; /* by all but decoders, whose blocks follow from the aggregates; by all where blocks are kept */
    int64_t kv_tokens;
    int64_t regenerating; /* decoders that emit again what their client has (restart): then every step is walked */
    int64_t granted;      /* 1: the decoders hold blocks for a further token, the step's */
    int64_t policy_steps; /* after so many steps the policy may decide otherwise, though the batch is the same */
    struct queue waiting;
    struct queue *pool_queue; /* borrowed: under central-queue, else NULL */
    uint32_t index;           /* global */
    uint32_t pool;
    int64_t promised_blocks; /* that all waiting and running requests have at their ends */
    int64_t shortest_output; /* of all requests since nobody was waiting or prefilling, or before */
    struct leap_meter meter;
    int64_t held_steps; /* steps that held back in a row, that in progress included */
    size_t received;    /* as in sim/stepwise/replica.h */
    int64_t steps_unseen;
    int64_t new_token_ratio;       /* kv_admission: estimate */
    struct rank_work *rank_works;  /* owned: of `work`; NULL: one rank */
    struct rank_work *ranks_ahead; /* owned: scratch of leap_decode_duration */
};

struct ending_request {
    uint32_t request, admission;
};

struct leap_state {
    struct leap_replica *replicas; /* owned */
    struct leap_pool *pools;       /* owned */
    struct ending_request *ending; /* owned: scratch of a step's end */
    size_t ending_capacity;
};

/* The replica's state behind the cluster's index. */
static inline struct leap_replica *leap_replica_at(const struct cluster *cluster, uint32_t index) {
    const struct leap_state *state = cluster->replicas;
    return &state->replicas[index];
}

/* Waiting requests: the replica's own, then its pool's. */
static inline size_t leap_waiting(const struct leap_replica *replica) {
    return replica->waiting.count + (replica->pool_queue != NULL ? replica->pool_queue->count : 0);
}
uint32_t leap_waiting_at(const struct leap_replica *replica, size_t i);
uint32_t leap_pop_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now);

/* Whether the decodes of the step in progress lie on a known line of 64 bits up to `ahead` steps later; its fixed part (0: unknown). */
static inline bool leap_is_straight(const struct leap_replica *replica, int64_t ahead, int64_t *fixed) {
    const struct leap_pool *shared = replica->shared;
    const struct step_work *work = &replica->work;
    int64_t decodes = work->decode_seqs;
    *fixed = decodes < shared->decode_fixed_count ? shared->decode_fixed[decodes] : 0;
    return *fixed > 0 && work->decode_context + ahead * decodes * replica->batch.advance <= shared->straight_context;
}

/* plan.c: the same as the next, slowly. */
i128 leap_decode_duration_of_model(const struct leap_replica *replica, int64_t ahead);

/* How long the decodes of the step in progress take alone, `ahead` steps later (step_model_duration). */
static inline i128 leap_decode_duration(const struct leap_replica *replica, int64_t ahead) {
    const struct leap_pool *shared = replica->shared;
    const struct step_work *work = &replica->work;
    int64_t decodes = work->decode_seqs, growth = ahead * replica->batch.advance; /* of each context */
    int64_t fixed;
    if (leap_is_straight(replica, ahead, &fixed)) {
        return fixed + shared->slope * (work->decode_context + growth * decodes);
    }
    if (fixed > 0 && shared->extended) {
        i128 host = step_model_host(replica->config->step_model, decodes);
        i128 duration = fixed + (i128)shared->slope * (work->decode_context + growth * decodes);
        duration += (i128)shared->window_slope * (work->decode_window_context + growth * replica->batch.growing);
        return duration > host ? duration : host;
    }
    return leap_decode_duration_of_model(replica, ahead);
}

/* plan.c: how many steps the stretch that starts now may have, given the first step's work; sets `planned`, `durations`, `end`. */
void leap_plan(struct cluster *cluster, struct leap_replica *replica);
/* Ends the stretch at its first step boundary at or after `key`, if that is earlier; true if it was cut. */
bool leap_cut(struct leap_replica *replica, int64_t key);

/* bound.c: a key at or before that of the replica's next end of a request, if nobody arrives till then. Where replicas are played apart. */
int64_t leap_next_end(const struct cluster *cluster, uint32_t index);

/* meter.c */
void leap_meter_init(struct cluster *cluster, struct leap_meter *meter, uint32_t pool);
void leap_meter_stretch(struct cluster *cluster, struct leap_replica *replica);
void leap_meter_cut(struct cluster *cluster, struct leap_replica *replica, i128 cut);
/* The queue has another length from `now` on. */
void leap_meter_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now);
/* With a time series sums go to its cells alone: the pool's outcome is made of those of the window. */
void leap_meter_close_pool(struct cluster *cluster, uint32_t pool);
/* Finds the minute and the next cut for a stretch that starts at `start`. */
void leap_meter_find_cut(struct cluster *cluster, struct leap_replica *replica);

/* walk.c: a step in which more than sums decides, served sequence by sequence in order of admission. Dissolves the batch; returns the
 * budget that is left. */
int64_t leap_walk(struct cluster *cluster, struct leap_replica *replica, int64_t budget, i128 now, bool *preempted);

#endif
