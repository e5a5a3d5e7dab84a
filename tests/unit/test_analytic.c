/* A point's demand in the steady state: against arithmetic where a step always takes the same, and what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/analytic.h"
#include "scenarios/scenario.h"

enum { POOLS_MAX = 2 };

struct states {
    struct analytic_state pools[POOLS_MAX], fleet;
};

#define POISSON(RATE)  "{process: poisson, rate: " RATE "/s}"
#define CLIENTS(COUNT) "{process: closed-loop, clients: " COUNT ", think_time: 1.5s}"
#define WORKLOAD(NAME, POOL, ARRIVALS)                                                                                 \
    "  - {name: " NAME ", pool: " POOL ", arrivals: " ARRIVALS ", input_tokens: 100, output_tokens: 50}\n"
/* Every step takes 10 ms: a request of 50 tokens half a second. */
#define POOL(NAME, BATCHING, STEP)                                                                                     \
    "  - {name: " NAME ", replicas: 1, batching: {max_num_seqs: 16" BATCHING                                           \
    "}, step_time: {model: linear, c0: 10ms" STEP "}, cost: {gpu_usd_per_hour: 2}}\n"
#define SCENARIO(WORKLOADS, POOLS) "name: t\nduration: 1h\nworkload:\n" WORKLOADS "fleet:\n" POOLS
#define ONE(ARRIVALS)              SCENARIO(WORKLOAD("chat", "main", ARRIVALS), POOL("main", "", ""))

static struct scenario *scenario_of(const char *text, struct diags *diags) {
    char path[] = "/tmp/tokenmill-test-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    FILE *stream = fdopen(file, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
    struct scenario *scenario = scenario_read(path, NULL, diags);
    unlink(path);
    if (scenario == NULL) {
        diags_render(diags, stderr, false);
    }
    assert_non_null(scenario);
    return scenario;
}

static struct states states_of(const char *text) {
    struct diags *diags = diags_new();
    struct scenario *scenario = scenario_of(text, diags);
    struct resolved_point *point = scenario_resolve(scenario, 0);
    struct states states;
    assert_true(point->sim.pool_count <= POOLS_MAX);
    assert_true(analytic_states(point, states.pools, &states.fleet, diags));
    resolved_point_free(point);
    scenario_free(scenario);
    diags_free(diags);
    return states;
}

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-6 * fabs(expected))) {
        fail_msg("%.12g is not %.12g", value, expected);
    }
}

/* Two requests a second of half a second each: one at hand, of 16 slots; none with chance 1/e. */
static void an_open_loop_follows_from_its_rate(void **state) {
    (void)state;
    const struct analytic_state fleet = states_of(ONE(POISSON("2"))).fleet;
    assert_near(fleet.tpot_mean_s, 0.01);
    assert_near(fleet.load_ratio, 1.0 / 16);
    assert_near(fleet.ttft_mean_s, 0.01 + 0.005 * (1 - exp(-1)));
    assert_near(fleet.usd_per_mtok_total, 2.0 / 3600 / (2 * 150) * 1e6);
}

/* Four clients, a quarter of their time at the server: the same rate; none with chance (3/4)^4. */
static void a_closed_loop_follows_from_its_clients(void **state) {
    (void)state;
    const struct analytic_state fleet = states_of(ONE(CLIENTS("4"))).fleet;
    assert_near(fleet.tpot_mean_s, 0.01);
    assert_near(fleet.load_ratio, 1.0 / 16);
    assert_near(fleet.ttft_mean_s, 0.01 + 0.005 * (1 - pow(0.75, 4)));
}

/* 16 slots give 32 requests a second. */
static void beyond_capacity_the_batch_is_full(void **state) {
    (void)state;
    const struct analytic_state fleet = states_of(ONE(POISSON("48"))).fleet;
    assert_near(fleet.load_ratio, 1.5);
    assert_near(fleet.tpot_mean_s, 0.01);
    assert_near(fleet.usd_per_mtok_total, 2.0 / 3600 / (32 * 150) * 1e6);
}

static void a_pool_without_requests_costs_and_waits(void **state) {
    (void)state;
    const struct states states =
        states_of(SCENARIO(WORKLOAD("chat", "a", POISSON("2")), POOL("a", "", "") POOL("b", "", "")));
    assert_true(states.pools[1].load_ratio == 0);
    assert_true(isnan(states.pools[1].tpot_mean_s) && isnan(states.pools[1].usd_per_mtok_total));
    assert_near(states.fleet.load_ratio, 1.0 / 32);
    assert_near(states.fleet.tpot_mean_s, 0.01);
    assert_near(states.fleet.usd_per_mtok_total, 4.0 / 3600 / (2 * 150) * 1e6);
}

/* Round-robin: half of the one workload, all of the other. */
static void a_workload_of_two_pools_is_split_by_replicas(void **state) {
    (void)state;
    const struct states states =
        states_of(SCENARIO(WORKLOAD("chat", "[a, b]", POISSON("4")) WORKLOAD("batch", "b", POISSON("1")),
                           POOL("a", "", "") POOL("b", "", "")));
    assert_near(states.pools[0].load_ratio, 2.0 / 32);
    assert_near(states.pools[1].load_ratio, 3.0 / 32);
    assert_near(states.fleet.load_ratio, 2.5 / 32);
}

static void what_the_formulas_do_not_cover_is_none(void **state) {
    static const char *const texts[] = {
        SCENARIO(WORKLOAD("chat", "main", POISSON("2")), POOL("main", ", policy: static", "")),
        SCENARIO(WORKLOAD("chat", "main", POISSON("2")), POOL("main", ", chunk: 50", "")),
        SCENARIO(WORKLOAD("chat", "main", POISSON("2")), POOL("main", "", ", quantum: 1ms")),
        SCENARIO(WORKLOAD("chat", "main", POISSON("2")) WORKLOAD("loop", "main", CLIENTS("4")), POOL("main", "", "")),
        SCENARIO(WORKLOAD("chat", "[a, b]", POISSON("2")),
                 POOL("a", "", "") POOL("b", "", "")) "routing: {policy: least-outstanding}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct analytic_state fleet = states_of(texts[i]).fleet;
        assert_true(isnan(fleet.tpot_mean_s) && isnan(fleet.ttft_mean_s) && isnan(fleet.load_ratio));
        assert_true(isnan(fleet.power_mean_w) && isnan(fleet.usd_per_mtok_total));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_loop_follows_from_its_rate),
        cmocka_unit_test(a_closed_loop_follows_from_its_clients),
        cmocka_unit_test(beyond_capacity_the_batch_is_full),
        cmocka_unit_test(a_pool_without_requests_costs_and_waits),
        cmocka_unit_test(a_workload_of_two_pools_is_split_by_replicas),
        cmocka_unit_test(what_the_formulas_do_not_cover_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
