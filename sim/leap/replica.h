/* replica.h - a replica under the leap: its batch as aggregates, and the stretch of steps that it is in. */
#ifndef TOKENMILL_SIM_LEAP_REPLICA_H
#define TOKENMILL_SIM_LEAP_REPLICA_H

#include "sim/engine/cluster.h"
#include "sim/leap/batch.h"
#include "sim/leap/series.h"

struct leap_meter {
    i128 from, until; /* the window as this replica's step ends move it */
    struct level waiting, running, kv_tokens;
};

struct leap_replica {
    uint32_t index; /* global */
    uint32_t pool;
    const struct pool_config *config;
    struct queue waiting;
    struct queue *pool_queue; /* borrowed: under central-queue, else NULL */
    struct batch batch;
    int64_t free_blocks;
    int64_t kv_tokens;
    int64_t regenerating; /* decoders that emit again what their client has (restart): then every step is walked */
    bool stepping, start_pending;
    bool walked;       /* the step in progress serves explicit sequences */
    bool preempted;    /* it preempted, and admitted nobody for that reason alone */
    int64_t planned;   /* steps of the stretch in progress */
    i128 start, end;   /* of the stretch, or of the last */
    size_t minute;     /* that `start` is in, */
    i128 minute_end;   /* and its end */
    struct series durations;
    struct step_work work; /* of its first step */
    bool backlog;
    struct leap_meter meter;
};

/* The replica's state behind the cluster's index. */
struct leap_replica *leap_replica_at(const struct cluster *cluster, uint32_t index);

/* Waiting requests: the replica's own, then its pool's. */
size_t leap_waiting(const struct leap_replica *replica);
uint32_t leap_waiting_at(const struct leap_replica *replica, size_t i);
uint32_t leap_pop_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now);

/* plan.c: how many steps the stretch that starts now may have, given the first step's work; sets `planned`, `durations`, `end`. */
void leap_plan(struct cluster *cluster, struct leap_replica *replica);
/* Ends the stretch at its first step boundary at or after `key`, if that is earlier; true if it was cut. */
bool leap_cut(struct leap_replica *replica, int64_t key);

/* meter.c */
void leap_meter_init(struct cluster *cluster, struct leap_meter *meter);
void leap_meter_stretch(struct cluster *cluster, struct leap_replica *replica);
void leap_meter_cut(struct cluster *cluster, struct leap_replica *replica, i128 cut);
/* Queue, batch and KV as they are from `now` on: at the start and at the end of a stretch. */
void leap_meter_levels(struct cluster *cluster, struct leap_replica *replica, i128 now);
/* The queue alone: at any time. */
void leap_meter_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now);

/* walk.c: a step in which more than sums decides, served sequence by sequence in order of admission. Dissolves the batch; returns the
 * budget that is left. */
int64_t leap_walk(struct cluster *cluster, struct leap_replica *replica, int64_t budget, i128 now, bool *preempted);

#endif
