/* Routing policies over replicas of several pools (docs/semantics.md section 4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "sim/router.h"

/* Pools of 2, 3 and 1 replicas: global indices 0-1, 2-4, 5. Workloads a and b share pools 0 and 2; c has pool 1; d pool 2. */
static const struct pool_config pools[] = {{.replicas = 2}, {.replicas = 3}, {.replicas = 1}};
static const uint32_t outer[] = {0, 2}, middle[] = {1}, last[] = {2};
static const struct workload_config workloads[] = {
    {.name = "a", .pools = outer, .pool_count = 2},
    {.name = "b", .pools = outer, .pool_count = 2},
    {.name = "c", .pools = middle, .pool_count = 1},
    {.name = "d", .pools = last, .pool_count = 1},
};

static struct router make(enum routing_policy policy, uint64_t seed) {
    const struct sim_config config = {
        .seed = seed,
        .routing = policy,
        .pools = pools,
        .pool_count = 3,
        .workloads = workloads,
        .workload_count = 4,
    };
    struct router router;
    router_init(&router, &config);
    return router;
}

static void round_robin_takes_turns_by_set_of_pools(void **state) {
    (void)state;
    struct router router = make(ROUTING_ROUND_ROBIN, 1);
    const int64_t outstanding[6] = {0};
    assert_int_equal(router_pick(&router, 0, 0, outstanding), 0);
    assert_int_equal(router_pick(&router, 1, 0, outstanding), 1);
    assert_int_equal(router_pick(&router, 2, 0, outstanding), 2);
    assert_int_equal(router_pick(&router, 0, 1, outstanding), 5);
    assert_int_equal(router_pick(&router, 3, 0, outstanding), 5);
    assert_int_equal(router_pick(&router, 1, 1, outstanding), 0);
    assert_int_equal(router_pick(&router, 2, 1, outstanding), 3);
    assert_int_equal(router_pick(&router, 2, 2, outstanding), 4);
    assert_int_equal(router_pick(&router, 2, 3, outstanding), 2);
    router_release(&router);
}

static uint32_t pick_at(struct router *router, uint32_t workload, const int64_t outstanding[6]) {
    for (uint32_t i = 0; i < 6; i++) {
        router_changed(router, i, outstanding[i]);
    }
    return router_pick(router, workload, 0, outstanding);
}

static void least_outstanding_ties_to_the_lowest_index(void **state) {
    (void)state;
    struct router router = make(ROUTING_LEAST_OUTSTANDING, 1);
    assert_int_equal(pick_at(&router, 0, (const int64_t[]){3, 2, 0, 0, 0, 2}), 1);
    assert_int_equal(pick_at(&router, 0, (const int64_t[]){3, 3, 0, 0, 0, 2}), 5);
    assert_int_equal(pick_at(&router, 0, (const int64_t[]){1, 1, 0, 0, 0, 1}), 0);
    assert_int_equal(pick_at(&router, 2, (const int64_t[]){0, 0, 2, 1, 1, 0}), 3);
    assert_int_equal(pick_at(&router, 0, (const int64_t[]){7, 8, 0, 0, 0, 9}), 0);
    assert_int_equal(pick_at(&router, 2, (const int64_t[]){0, 0, 1, 1, 0, 0}), 4);
    router_release(&router);
}

/* Each replica of the target gets its share, by the draw alone: 6000 draws, 5 sigma. */
static void random_spreads_evenly_and_by_draw(void **state) {
    (void)state;
    struct router router = make(ROUTING_RANDOM, 1), other = make(ROUTING_RANDOM, 2);
    const int64_t outstanding[6] = {9, 0, 0, 0, 0, 0};
    int counts[6] = {0}, same = 0;
    for (uint64_t draw = 0; draw < 6000; draw++) {
        uint32_t pick = router_pick(&router, 0, draw, outstanding);
        counts[pick]++;
        assert_int_equal(router_pick(&router, 0, draw, outstanding), pick);
        same += router_pick(&other, 0, draw, outstanding) == pick;
    }
    const double sigma = sqrt(6000.0 / 3 * 2 / 3);
    assert_true(fabs(counts[0] - 2000.0) < 5 * sigma && fabs(counts[1] - 2000.0) < 5 * sigma);
    assert_true(fabs(counts[5] - 2000.0) < 5 * sigma && fabs(same - 2000.0) < 5 * sigma);
    assert_int_equal(counts[2] + counts[3] + counts[4], 0);
    router_release(&router);
    router_release(&other);
}

/* Of two distinct replicas of three the fullest never wins; the emptiest wins whenever it is drawn: in 2 of 3. */
static void power_of_two_takes_the_emptier_of_two_distinct(void **state) {
    (void)state;
    struct router router = make(ROUTING_POWER_OF_TWO, 1);
    const int64_t outstanding[6] = {0, 0, 7, 1, 4, 0};
    const int64_t equal[6] = {0};
    int counts[6] = {0}, ties[6] = {0};
    for (uint64_t draw = 0; draw < 6000; draw++) {
        counts[router_pick(&router, 2, draw, outstanding)]++;
        ties[router_pick(&router, 2, draw, equal)]++;
        assert_int_equal(router_pick(&router, 3, draw, outstanding), 5);
    }
    const double sigma = sqrt(6000.0 / 3 * 2 / 3);
    assert_int_equal(counts[2], 0);
    assert_true(fabs(counts[3] - 4000.0) < 5 * sigma);
    assert_true(fabs(counts[4] - 2000.0) < 5 * sigma);
    for (int i = 2; i <= 4; i++) {
        assert_true(fabs(ties[i] - 2000.0) < 5 * sigma); /* the first drawn, which may be any */
    }
    router_release(&router);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_takes_turns_by_set_of_pools),
        cmocka_unit_test(least_outstanding_ties_to_the_lowest_index),
        cmocka_unit_test(random_spreads_evenly_and_by_draw),
        cmocka_unit_test(power_of_two_takes_the_emptier_of_two_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
