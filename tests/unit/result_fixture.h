/* result_fixture.h - an hour of a small fleet, made up so that every number of its result can be worked out by hand.
 *
 * Pool `main`: 2 replicas of 4 GPUs, paid 8 at 2 USD/h. Pool `spare` (only with two pools): the same, and it does nothing unless a
 * test says so. Workload `chat` has an SLO, `batch` (only with two workloads) none. */
#ifndef TOKENMILL_TESTS_RESULT_FIXTURE_H
#define TOKENMILL_TESTS_RESULT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/result.h"
#include "base/arena.h"
#include "sim/clock.h"

enum { FIXTURE_POOLS = 2, FIXTURE_WORKLOADS = 2, FIXTURE_MINUTES = 60 };

struct fixture {
    struct resolved_point point;
    struct sim_outcome outcome;
    struct pool_config pool_configs[FIXTURE_POOLS];
    struct pool_facts pool_facts[FIXTURE_POOLS];
    struct cost_terms costs[FIXTURE_POOLS];
    struct workload_config workload_configs[FIXTURE_WORKLOADS];
    struct workload_facts workload_facts[FIXTURE_WORKLOADS];
    struct api_price api;
    struct assumption assumption;
    double capacity_tok_per_s[FIXTURE_POOLS];
};

static inline i128 fixture_s(double seconds) {
    return (i128)(seconds * UNIT_PER_S);
}

static inline i128 fixture_j(double joules) {
    return (i128)(joules * ENERGY_PER_J);
}

static inline void fixture_pool_config(struct fixture *fixture, size_t p, const char *name) {
    fixture->pool_configs[p] = (struct pool_config){
        .name = name, .replicas = 2, .gpus_per_replica = 4, .block_size = 16, .num_gpu_blocks = 1000};
    fixture->pool_facts[p] = (struct pool_facts){.name = name,
                                                 .gpu = "H100-SXM",
                                                 .model = "Llama-3.1-70B",
                                                 .precision = "fp8",
                                                 .step_time = "roofline",
                                                 .step_time_status = "datasheet",
                                                 .replicas = 2,
                                                 .tensor_parallel = 4,
                                                 .gpus_placed = 8,
                                                 .gpus_paid = 8,
                                                 .nodes = 1,
                                                 .peak_flop_per_s = 8e15,
                                                 .peak_byte_per_s = 13.4e12,
                                                 .idle_context_w = 100,
                                                 .idle_w = 70,
                                                 .tdp_w = 700,
                                                 .host_w = 500,
                                                 .pool_host_w = 500,
                                                 .power_known = true,
                                                 .memory_arithmetic = "80 GB x 0.9 - 70 GB = 2 GB: 1000 blocks",
                                                 .price_source = "on-demand, given"};
    fixture->costs[p] =
        (struct cost_terms){.deal = DEAL_ON_DEMAND, .gpu_usd_per_hour = 2, .electricity_included = true};
    fixture->capacity_tok_per_s[p] = 1000;
}

static inline void fixture_pool_outcome(struct pool_outcome *pool) {
    *pool =
        (struct pool_outcome){.energy_minute = xcalloc(FIXTURE_MINUTES, sizeof(i128)), .minute_count = FIXTURE_MINUTES};
}

/* 1000 W above idle, but that minute 7 has minute 8's energy too. */
static inline void fixture_work(struct pool_outcome *pool) {
    pool->steps = 100000;
    pool->busy = fixture_s(3600);
    pool->busy_prefill = fixture_s(900);
    pool->busy_decode = fixture_s(2700);
    pool->waiting = fixture_s(1800);
    pool->running = fixture_s(7200);
    pool->kv_tokens = fixture_s(3600.0 * 8000);
    pool->batch = fixture_s(3600.0 * 12);
    pool->flop = (i128)5760000000000000000;
    pool->byte = (i128)9648000000000000;
    pool->energy = fixture_j(3.6e6);
    for (size_t minute = 0; minute < FIXTURE_MINUTES; minute++) {
        pool->energy_minute[minute] = fixture_j(60e3);
    }
    pool->energy_minute[7] = fixture_j(120e3);
    pool->energy_minute[8] = 0;
}

static inline void fixture_latency(struct latency_stat *stat, double step_s) {
    for (int i = 1; i <= 100; i++) {
        histogram_add(&stat->known, fixture_s(step_s * i), 1);
    }
}

static inline void fixture_workload(struct fixture *fixture, size_t w, const char *name) {
    struct workload_outcome *outcome = &fixture->outcome.workloads[w];
    fixture->workload_configs[w] = (struct workload_config){
        .name = name,
        .input_tokens = {.kind = LENGTH_CONSTANT, .value = 1000},
        .output_tokens = {.kind = LENGTH_CONSTANT, .value = 250},
    };
    fixture->workload_facts[w] = (struct workload_facts){.name = name};
    outcome->tokens = xcalloc(FIXTURE_POOLS, sizeof *outcome->tokens);
    for (int metric = 0; metric < LATENCY_METRIC_COUNT; metric++) {
        histogram_init(&outcome->latency[metric].known);
        histogram_init(&outcome->latency[metric].undecided);
    }
}

/* 3600 requests in an hour; ten are on their way at the cut. */
static inline void fixture_traffic(struct workload_outcome *outcome) {
    outcome->arrivals.read = 3602;
    outcome->arrivals.dropped[DROP_ZERO_OUTPUT] = 2;
    outcome->requests = (struct request_counts){.emitted = 3600, .completed = 3590, .waiting = 4, .running = 6};
    outcome->measured = outcome->requests;
    outcome->completed_in_window = 3590;
    outcome->tokens[0] =
        (struct token_counts){.input = 3600000, .output = 900000, .recomputed = 1000, .prefilled = 3601000};
    outcome->slo[0] = (struct slo_count){.met = 3580, .undecided = 4};
    outcome->slo[1] = (struct slo_count){.met = 3500};
    outcome->good = 3490;
    outcome->undecided_good = 10;
    outcome->good_output_tokens = 870000;
    fixture_latency(&outcome->latency[LATENCY_TTFT], 0.01);
    fixture_latency(&outcome->latency[LATENCY_TPOT], 0.001);
    fixture_latency(&outcome->latency[LATENCY_E2E], 0.1);
}

static inline void fixture_slo(struct workload_config *config) {
    config->slo[0] = (struct slo_threshold){.metric = LATENCY_TTFT, .percent = 99, .limit = fixture_s(2)};
    config->slo[1] = (struct slo_threshold){.metric = LATENCY_TPOT, .percent = 95, .limit = fixture_s(0.0625)};
    config->slo_count = 2;
}

static inline struct fixture *fixture_new(size_t pools, size_t workloads) {
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct sim_outcome *outcome = &fixture->outcome;
    outcome->pools = xcalloc(FIXTURE_POOLS, sizeof *outcome->pools);
    outcome->workloads = xcalloc(FIXTURE_WORKLOADS, sizeof *outcome->workloads);
    fixture_pool_config(fixture, 0, "main");
    fixture_pool_config(fixture, 1, "spare");
    fixture_workload(fixture, 0, "chat");
    fixture_workload(fixture, 1, "batch");
    fixture_slo(&fixture->workload_configs[0]);
    fixture_pool_outcome(&outcome->pools[0]);
    fixture_pool_outcome(&outcome->pools[1]);
    fixture_work(&outcome->pools[0]);
    fixture_traffic(&outcome->workloads[0]);
    outcome->workload_count = workloads;
    outcome->pool_count = pools;
    outcome->window_end = fixture_s(3600);
    outcome->last_arrival = fixture_s(3599);
    outcome->events = 7190;
    outcome->cut = true;
    fixture->api = (struct api_price){
        .name = "gpt-4o-mini", .usd_per_mtok_input = 0.15, .usd_per_mtok_output = 0.6, .source = "list, 2026-05"};
    fixture->assumption = (struct assumption){.path = "power.pue", .text = "1.2, typical of new sites, 2025"};
    fixture->point = (struct resolved_point){
        .sim = {.seed = 42,
                .pools = fixture->pool_configs,
                .pool_count = pools,
                .workloads = fixture->workload_configs,
                .workload_count = workloads},
        .pools = fixture->pool_facts,
        .costs = fixture->costs,
        .workloads = fixture->workload_facts,
        .pue = 1.2,
        .psu_efficiency = 0.92,
        .carbon_known = true,
        .grid_gco2e_per_kwh = 400,
        .out_byte_per_tok = 4,
        .apis = &fixture->api,
        .api_count = 1,
        .assumptions = &fixture->assumption,
        .assumption_count = 1,
        .currency = "USD",
        .usd_per_currency = 1,
    };
    return fixture;
}

static inline void fixture_free(struct fixture *fixture) {
    fixture->outcome.pool_count = FIXTURE_POOLS;
    fixture->outcome.workload_count = FIXTURE_WORKLOADS;
    sim_outcome_release(&fixture->outcome);
    free(fixture);
}

static inline struct result *fixture_result(const struct fixture *fixture) {
    const struct run_info info = {.engine = "stepwise", .seed = 42, .wall_s = 0.5, .cpu_s = 0.25};
    return result_new(&fixture->point, &fixture->outcome, fixture->capacity_tok_per_s, &info);
}

/* Frees the fixture. */
static inline struct result *fixture_result_of(struct fixture *fixture) {
    struct result *result = fixture_result(fixture);
    fixture_free(fixture);
    return result;
}

#endif
