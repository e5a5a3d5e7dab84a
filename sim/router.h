/* router.h - which replica gets a request. Shared by the engines: sees the outstanding requests of each replica and
 * nothing else.
 *
 * Workloads with the same pools share a target: one load balancer, one round-robin turn. */
#ifndef TOKENMILL_SIM_ROUTER_H
#define TOKENMILL_SIM_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "sim/config.h"

/* The replicas that a workload may go to, as ranges of global indices, ascending. */
struct route_target {
    const uint32_t *pools; /* borrowed */
    size_t pool_count;
    uint32_t replica_count;
    uint32_t turn; /* of round-robin */
    uint64_t *
        least; /* owned, least-outstanding: a tree of minima, leaves from `leaf_count` on: outstanding << 32 | the n of the replica */
    uint32_t leaf_count;
};

struct router {
    enum routing_policy policy;
    struct route_target *targets; /* owned */
    size_t target_count;
    uint32_t *target_of_workload;  /* owned */
    uint32_t *pool_begin;          /* owned: first global replica of each pool, and the total at the end */
    struct random_stream *streams; /* owned: by workload */
};

void router_init(struct router *router, const struct sim_config *config);
void router_release(struct router *router);

/* The global replica for the next request of `workload` whose draws have the counter `draw`. `outstanding`: waiting and
 * running requests by global replica. Not for central-queue. O(1), but for the pools of a target. */
uint32_t router_pick(struct router *router, uint32_t workload, uint64_t draw, const int64_t *outstanding);

/* A replica has `outstanding` requests now, below 2^32. Least-outstanding must be told, others need not. O(log replicas), less where
 * the least stays what it was. */
void router_changed(struct router *router, uint32_t replica, int64_t outstanding);

#endif
