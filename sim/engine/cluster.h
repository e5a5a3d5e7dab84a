/* cluster.h - the state of a run that engines share: what comes in, who waits where, what goes out.
 *
 *     intake.c    arrivals, visibility, routing, refusal
 *     engine.c    the loop over events, the books at the end
 *     capacity.c  one replica under work that never runs out
 * An engine (sim/stepwise, sim/leap) owns the replicas: scheduler, KV, batch, completions, meters. What a step costs is
 * models/step_model.h; what a request's end means is sim/recorder.h; what a request is, request.h. */
#ifndef TOKENMILL_SIM_ENGINE_CLUSTER_H
#define TOKENMILL_SIM_ENGINE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/random.h"
#include "sim/calendar.h"
#include "sim/clock.h"
#include "sim/engine/pending.h"
#include "sim/engine/queue.h"
#include "sim/engine/request.h"
#include "sim/key_tree.h"
#include "sim/load_grid.h"
#include "sim/recorder.h"
#include "sim/router.h"
#include "sim/timeline.h"

/* A number that changes at instants, integrated over the window. */
struct level {
    int64_t value;
    i128 since;
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
    struct arrival next;           /* an open loop reads one ahead, */
    bool has_next;                 /* if it has one; a closed loop never does */
    struct pending_heap invisible; /* delayed on the way to the router, or in a frontend after it */
    uint64_t ordinal;              /* of the next arrival */
    struct random_stream input_stream, output_stream;
    int64_t input_always, output_always; /* lengths that are drawn once: constants; else 0 */
};

struct cluster;

/* What an engine does; replicas by global index. */
struct engine {
    void (*init)(struct cluster *cluster);
    void (*release)(struct cluster *cluster);
    /* A request is in its replica's hands at `key`. */
    void (*enqueue)(struct cluster *cluster, uint32_t request, int64_t key);
    /* A request was added to the pool's central queue at `key`. */
    void (*pool_queue_grew)(struct cluster *cluster, uint32_t pool, int64_t key);
    void (*step_start)(struct cluster *cluster, uint32_t replica, int64_t key);
    /* Returns the instant at which the step ended. */
    i128 (*step_end)(struct cluster *cluster, uint32_t replica);
    /* For replicas that are played apart (NULL: they cannot be): what one does before arrivals at `key`; a key at or before that of its
     * next end of a request; the end of its last step (0 while it steps). */
    void (*advance_to)(struct cluster *cluster, uint32_t replica, int64_t key);
    int64_t (*next_end)(const struct cluster *cluster, uint32_t replica);
    i128 (*last_end)(const struct cluster *cluster, uint32_t replica);
    /* How far a request is, that has not ended. */
    struct progress (*progress_of)(const struct cluster *cluster, uint32_t request);
    bool keeps_progress; /* requests have a progress from the time they are handed over */
    /* Brings `token_total` up to date; NULL: it always is. */
    void (*count_tokens)(struct cluster *cluster);
    /* The run ended at `end`: the replica's last part of a step, its integrals. */
    void (*close)(struct cluster *cluster, uint32_t replica, i128 end);
    /* The pool's replicas and its time series are closed; not called without a series. NULL: nothing is left to do. */
    void (*close_pool)(struct cluster *cluster, uint32_t pool);
};

extern const struct engine stepwise_engine, leap_engine;

struct cluster {
    const struct sim_config *config;
    const struct engine *engine;
    struct diags *diags; /* borrowed */
    struct recorder recorder;
    struct sim_outcome *outcome;
    struct calendar calendar;
    struct intake *intakes;   /* owned, by workload */
    struct pool_state *pools; /* owned */
    void *replicas;           /* the engine's */
    uint32_t replica_count;
    uint64_t admissions;  /* counter of admissions to batches */
    int64_t *outstanding; /* owned: waiting and running, by replica */
    i128 *frontend_free;  /* owned: when its frontend has served all that it was given, by replica */
    struct router router;
    struct request_slab slab;
    int64_t arrived;      /* requests so far, also the next id */
    bool apart;           /* replicas are played apart, each up to its own arrivals: see cluster_play_apart */
    bool ends_ordered;    /* apart, but brought up to date when a request of theirs may have ended, */
    struct key_tree ends; /* which is not before these keys, by replica */
    bool intake_closed;   /* the limit on requests was reached */
    bool failed;          /* a source failed */
    i128 last_step_end;   /* latest end of any step */
    int64_t token_total;  /* prompts prefilled and tokens emitted, in the window or not, once counted (capacity) */
    int64_t ended;        /* requests completed or rejected */
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

/* The pool's time series; NULL: none is wanted. */
static inline struct timeline *cluster_timeline(const struct cluster *cluster, uint32_t pool) {
    struct timeline *timelines = cluster->outcome->timelines;
    return timelines != NULL ? &timelines[pool] : NULL;
}

static inline struct request *cluster_request(const struct cluster *cluster, uint32_t index) {
    return &cluster->slab.items[index];
}

/* What of its prompt the prefix cache holds. */
static inline int64_t cluster_cached(const struct cluster *cluster, const struct request *request) {
    const struct workload_config *workload = &cluster->config->workloads[request->workload];
    return workload->cached_input_share > 0 ? workload_cached(workload, request_input(request)) : 0;
}

/* The pool that a request is in, or will be if it has not been routed. */
static inline uint32_t cluster_pool_of(const struct cluster *cluster, const struct request *request) {
    uint32_t pool = 0;
    if (cluster->config->pool_count == 1) {
        return 0;
    }
    if (request->replica == REQUEST_NO_REPLICA) {
        return cluster->config->workloads[request->workload].pools[0];
    }
    while (request->replica >= cluster->pools[pool].end) {
        pool++;
    }
    return pool;
}

/* A replica has one request more (+1) or less (-1) waiting and running. */
static inline void cluster_outstanding_add(struct cluster *cluster, uint32_t replica, int64_t change) {
    cluster->outstanding[replica] += change;
    router_changed(&cluster->router, replica, cluster->outstanding[replica]);
}

void cluster_init(struct cluster *cluster, const struct sim_config *config, const struct observer *observer,
                  struct sim_outcome *outcome, struct diags *diags);
void cluster_release(struct cluster *cluster);

/* Plays one event. False when none is left before the cut, or a source failed. `*key` is the event's. */
bool cluster_step(struct cluster *cluster, int64_t *key);

/* Where nothing that a replica does is seen by another, by an arrival or by a watcher, replicas need no common calendar: each is brought
 * up to date when it gets a request, and the outcome, a sum over replicas, is the same. Turns that on if it holds: an engine that can,
 * open arrivals, nobody who wants requests in order of their end. Routing may look at what is outstanding (`ends_ordered`): before an
 * arrival, those are brought up to date that may have ended a request since. */
void cluster_play_apart(struct cluster *cluster);

/* The replica got a request: it may end one earlier than before. */
void cluster_lower_end(struct cluster *cluster, uint32_t replica);

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
void intake_request_ended(struct cluster *cluster, uint32_t request, i128 instant, bool rejected);
/* Requests that no router has seen at the end of the run arrived all the same, for the time series. */
void intake_count_invisible(struct cluster *cluster, uint32_t workload);
/* The source's counts, for the outcome. */
void intake_close_books(struct cluster *cluster, uint32_t workload);

/* Whether an event with this key is after the warm-up's cut (class 0, step ends, goes before it). */
static inline bool cluster_in_window(const struct cluster *cluster, int64_t step_end_key) {
    int64_t warmup = cluster->config->warmup_key;
    return warmup == 0 || step_end_key > warmup;
}

/* The next event of a replica. An instant beyond all keys fails the run (rule "time-range"). */
void cluster_set_replica_event(struct cluster *cluster, uint32_t replica, enum event_class class, i128 instant);
/* The run passes the last key (rule "time-range"): it has failed. Returns false. */
bool cluster_fail_time(struct cluster *cluster);
/* The key of an instant, for an event; false, and the run has failed, if it is beyond all keys. */
static inline bool cluster_event_key(struct cluster *cluster, i128 instant, int64_t *key) {
    if (instant >= instant_of_key(KEY_NEVER)) {
        return cluster_fail_time(cluster);
    }
    *key = key_of_instant(instant);
    return true;
}
void cluster_clear_replica_event(struct cluster *cluster, uint32_t replica);

/* The pool's central queue has another length from `now` on. */
void cluster_pool_queue_changed(struct cluster *cluster, uint32_t pool, i128 now);

/* A request completed at `now`: records it and tells its client. `progress` is its own, or what it would be. */
void cluster_complete(struct cluster *cluster, uint32_t request, const struct progress *progress, i128 now);

/* Rejects a request that is in no queue and no batch; frees it. */
void cluster_reject(struct cluster *cluster, uint32_t request, enum reject_reason reason, int64_t key);

/* intake.c: whether a pool accepts such a request when it arrives; the reason if not. */
bool pool_accepts(const struct pool_config *config, int64_t input, int64_t cached, int64_t output,
                  enum reject_reason *reason);

#endif
