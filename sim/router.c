#include "sim/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static bool same_pools(const struct route_target *target, const struct workload_config *workload) {
    return target->pool_count == workload->pool_count &&
           memcmp(target->pools, workload->pools, workload->pool_count * sizeof *workload->pools) == 0;
}

static uint32_t find_or_add_target(struct router *router, const struct workload_config *workload) {
    for (uint32_t i = 0; i < router->target_count; i++) {
        if (same_pools(&router->targets[i], workload)) {
            return i;
        }
    }
    struct route_target *target = &router->targets[router->target_count];
    *target = (struct route_target){.pools = workload->pools, .pool_count = workload->pool_count};
    for (size_t i = 0; i < workload->pool_count; i++) {
        uint32_t pool = workload->pools[i];
        target->replica_count += router->pool_begin[pool + 1] - router->pool_begin[pool];
    }
    return (uint32_t)router->target_count++;
}

/* All replicas of the target have nothing outstanding. */
static void init_least(struct route_target *target) {
    target->leaf_count = 1;
    while (target->leaf_count < target->replica_count) {
        target->leaf_count *= 2;
    }
    target->least = xcalloc(2 * (size_t)target->leaf_count, sizeof *target->least);
    for (uint32_t n = 0; n < target->leaf_count; n++) {
        target->least[target->leaf_count + n] = n < target->replica_count ? n : UINT64_MAX;
    }
    for (uint32_t node = target->leaf_count - 1; node >= 1; node--) {
        target->least[node] = target->least[2 * node]; /* the lower n */
    }
}

void router_init(struct router *router, const struct sim_config *config) {
    *router = (struct router){.policy = config->routing};
    router->pool_begin = xcalloc(config->pool_count + 1, sizeof *router->pool_begin);
    for (size_t i = 0; i < config->pool_count; i++) {
        router->pool_begin[i + 1] = router->pool_begin[i] + (uint32_t)config->pools[i].replicas;
    }
    router->targets = xcalloc(config->workload_count, sizeof *router->targets);
    router->target_of_workload = xcalloc(config->workload_count, sizeof *router->target_of_workload);
    router->streams = xcalloc(config->workload_count, sizeof *router->streams);
    for (size_t i = 0; i < config->workload_count; i++) {
        router->target_of_workload[i] = find_or_add_target(router, &config->workloads[i]);
        router->streams[i] =
            random_stream_make(config->seed, config->replication, RANDOM_ROUTING, config->workloads[i].name);
    }
    for (size_t i = 0; i < router->target_count && router->policy == ROUTING_LEAST_OUTSTANDING; i++) {
        init_least(&router->targets[i]);
    }
}

void router_release(struct router *router) {
    for (size_t i = 0; i < router->target_count; i++) {
        free(router->targets[i].least);
    }
    free(router->targets);
    free(router->target_of_workload);
    free(router->pool_begin);
    free(router->streams);
    *router = (struct router){0};
}

/* The global index of the target's n-th replica. */
static uint32_t nth_replica(const struct router *router, const struct route_target *target, uint32_t n) {
    for (size_t i = 0; i < target->pool_count; i++) {
        uint32_t begin = router->pool_begin[target->pools[i]];
        uint32_t size = router->pool_begin[target->pools[i] + 1] - begin;
        if (n < size) {
            return begin + n;
        }
        n -= size;
    }
    CHECK_NEVER("replica within the target");
    return 0;
}

/* 0..count-1, each as likely to within 2^-52. */
static uint32_t draw_below(struct random_stream stream, uint64_t draw, uint32_t index, uint32_t count) {
    uint32_t n = (uint32_t)(random_uniform(stream, draw, index) * (double)count);
    return n < count ? n : count - 1;
}

/* Two distinct draws; the one with fewer outstanding, the first on a tie. */
static uint32_t pick_of_two(const struct router *router, const struct route_target *target, struct random_stream stream,
                            uint64_t draw, const int64_t *outstanding) {
    uint32_t n = draw_below(stream, draw, 0, target->replica_count);
    uint32_t first = nth_replica(router, target, n);
    if (target->replica_count == 1) {
        return first;
    }
    uint32_t other = draw_below(stream, draw, 1, target->replica_count - 1);
    uint32_t second = nth_replica(router, target, other < n ? other : other + 1);
    return outstanding[second] < outstanding[first] ? second : first;
}

static void set_least(struct route_target *target, uint32_t n, int64_t outstanding) {
    uint64_t *least = target->least;
    uint32_t node = target->leaf_count + n;
    least[node] = (uint64_t)outstanding << 32 | n;
    for (; node > 1; node /= 2) {
        uint64_t smaller = least[node] < least[node ^ 1] ? least[node] : least[node ^ 1];
        if (least[node / 2] == smaller) {
            return;
        }
        least[node / 2] = smaller;
    }
}

/* The target's n of a global replica; its replica_count if it is not among them. */
static uint32_t place_in_target(const struct router *router, const struct route_target *target, uint32_t replica) {
    uint32_t before = 0;
    for (size_t i = 0; i < target->pool_count; i++) {
        uint32_t begin = router->pool_begin[target->pools[i]], end = router->pool_begin[target->pools[i] + 1];
        if (replica >= begin && replica < end) {
            return before + replica - begin;
        }
        before += end - begin;
    }
    return target->replica_count;
}

void router_changed(struct router *router, uint32_t replica, int64_t outstanding) {
    if (router->policy != ROUTING_LEAST_OUTSTANDING) {
        return;
    }
    for (size_t i = 0; i < router->target_count; i++) {
        struct route_target *target = &router->targets[i];
        uint32_t n = place_in_target(router, target, replica);
        if (n < target->replica_count) {
            set_least(target, n, outstanding);
        }
    }
}

static uint32_t take_turn(const struct router *router, struct route_target *target) {
    uint32_t n = target->turn;
    target->turn = n + 1 == target->replica_count ? 0 : n + 1;
    return nth_replica(router, target, n);
}

uint32_t router_pick(struct router *router, uint32_t workload, uint64_t draw, const int64_t *outstanding) {
    struct route_target *target = &router->targets[router->target_of_workload[workload]];
    struct random_stream stream = router->streams[workload];
    switch (router->policy) {
    case ROUTING_ROUND_ROBIN: return take_turn(router, target);
    case ROUTING_RANDOM: return nth_replica(router, target, draw_below(stream, draw, 0, target->replica_count));
    case ROUTING_POWER_OF_TWO: return pick_of_two(router, target, stream, draw, outstanding);
    case ROUTING_LEAST_OUTSTANDING: return nth_replica(router, target, (uint32_t)target->least[1]);
    case ROUTING_CENTRAL_QUEUE:
    case ROUTING_POLICY_COUNT: break;
    }
    CHECK_NEVER("a policy that picks a replica");
    return 0;
}
