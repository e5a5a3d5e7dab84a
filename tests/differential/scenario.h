/* scenario.h - random scenarios for comparing engines: small, hostile, and a pure function of their number.
 *
 * Heavy load, starved KV, steps from less than a key to hours and runs of days, windowed layers, hosts that take longer, arrivals exactly on step boundaries, equal keys, one-token answers, zero think time, tiny and huge
 * coefficients, every policy, router, window and delay. Requests of open workloads are explicit lists, so that a minimiser can take them away. */
#ifndef TOKENMILL_TESTS_DIFFERENTIAL_SCENARIO_H
#define TOKENMILL_TESTS_DIFFERENTIAL_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/work.h"
#include "sim/arrivals.h"
#include "sim/config.h"

enum { SCENARIO_POOLS_MAX = 3, SCENARIO_WORKLOADS_MAX = 3, SCENARIO_REQUESTS_MAX = 400 };

struct scenario_request {
    int64_t key, input, output;
};

struct scenario_workload {
    struct scenario_request requests[SCENARIO_REQUESTS_MAX]; /* by key */
    size_t count;
    bool closed_loop;
    struct arrival_spec loop; /* of a closed loop */
};

struct random_scenario {
    uint64_t number;
    struct sim_config config;
    struct pool_config pools[SCENARIO_POOLS_MAX];
    struct linear_step steps[SCENARIO_POOLS_MAX];
    struct work_model works[SCENARIO_POOLS_MAX];
    struct workload_config workloads[SCENARIO_WORKLOADS_MAX];
    struct scenario_workload sources[SCENARIO_WORKLOADS_MAX];
    uint32_t targets[SCENARIO_WORKLOADS_MAX][SCENARIO_POOLS_MAX];
};

/* The scenario of this number. Free with random_scenario_free. */
struct random_scenario *random_scenario_new(uint64_t number);
void random_scenario_free(struct random_scenario *scenario);

/* Describes it in a few lines. */
void random_scenario_print(const struct random_scenario *scenario);

#endif
