/* bench_engine.c - what a request costs the engines: CPU nanoseconds, and the ratio to the reference loop.
 *
 *     bench_engine [REQUESTS]
 * Llama-3.1-8B on an H100, prompts of 512 tokens, Poisson arrivals, histograms on, one core. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "bench/reference_loop.h"
#include "models/roofline.h"
#include "models/work.h"
#include "sim/arrivals.h"
#include "sim/clock.h"
#include "sim/simulate.h"

struct bench {
    struct step_model *model;
    struct pool_config pool;
    struct workload_config workload;
    struct arrival_spec arrivals;
    struct sim_config config;
    uint32_t only_pool;
};

static struct llm llama_8b(void) {
    struct llm llm = llm_unknown();
    llm.name = "Llama-3.1-8B";
    llm.layers = 32;
    llm.hidden = 4096;
    llm.heads = 32;
    llm.kv_heads = 8;
    llm.head_dim = 128;
    llm.ffn_dim = 14336;
    llm.vocab = 128256;
    llm.context_max = 131072;
    return llm;
}

static struct gpu h100(void) {
    struct gpu gpu = gpu_unknown();
    gpu.name = "H100-SXM";
    gpu.arch = "Hopper";
    gpu.mem_gb = 80;
    gpu.mem_bw_gb_per_s = 3350;
    gpu.bf16_dense_tflops = 989;
    gpu.fp8_dense_tflops = 1979;
    gpu.tdp_w = 700;
    gpu.idle_w = 62;
    gpu.nvlink_gb_per_s = 450;
    gpu.gpus_per_node = 8;
    return gpu;
}

static struct step_model *make_model(void) {
    struct llm llm = llama_8b();
    struct gpu gpu = h100();
    struct diags *diags = diags_new();
    struct position at = {0};
    struct work_model work;
    struct roofline_step step = roofline_step_default(&llm, &gpu, PRECISION_BF16, PRECISION_BF16, 1, 8);
    CHECK(work_model_make(&step, &work, diags, at));
    struct step_model *model = step_model_new_roofline(&step, &work, diags, at);
    CHECK(model != NULL);
    diags_free(diags);
    return model;
}

static void bench_init(struct bench *bench, int64_t output, int64_t replicas) {
    *bench = (struct bench){.model = make_model()};
    bench->pool = (struct pool_config){
        .name = "main",
        .replicas = replicas,
        .gpus_per_replica = 1,
        .batching = {.policy = BATCHING_CONTINUOUS, .max_num_seqs = 256, .max_num_batched_tokens = 8192},
        .block_size = 16,
        .num_gpu_blocks = 25751,
        .max_model_len = 131072,
        .step_model = bench->model,
    };
    bench->workload = (struct workload_config){
        .name = "chat",
        .input_tokens = {.kind = LENGTH_CONSTANT, .value = 512},
        .output_tokens = {.kind = LENGTH_CONSTANT, .value = (double)output},
        .pools = &bench->only_pool,
        .pool_count = 1,
    };
    bench->arrivals = (struct arrival_spec){.name = "chat", .process = ARRIVAL_POISSON, .rate_per_s = 1};
    bench->config = (struct sim_config){
        .seed = 42,
        .end_key = KEY_NEVER,
        .pools = &bench->pool,
        .pool_count = 1,
        .workloads = &bench->workload,
        .workload_count = 1,
    };
    bench->workload.arrivals = arrival_spec_factory(&bench->arrivals);
}

static void bench_release(struct bench *bench) {
    step_model_free(bench->model);
}

/* Sets the rate to `load` of the pool's capacity. */
static void set_load(struct bench *bench, double load, double output) {
    double capacity;
    struct diags *diags = diags_new();
    bench->config.engine = ENGINE_LEAP;
    CHECK(simulate_capacity(&bench->config, 0, &capacity, diags));
    diags_free(diags);
    bench->arrivals.rate_per_s = load * capacity * (double)bench->pool.replicas / (512 + output);
    bench->workload.arrivals = arrival_spec_factory(&bench->arrivals);
}

/* CPU nanoseconds a request. */
static double run_ns(struct bench *bench, enum engine_kind engine, int64_t requests) {
    struct sim_outcome outcome;
    struct diags *diags = diags_new();
    bench->config.engine = engine;
    bench->config.max_requests = requests;
    double start = cpu_now_s();
    CHECK(simulate(&bench->config, NULL, &outcome, diags));
    double seconds = cpu_now_s() - start;
    sim_outcome_release(&outcome);
    diags_free(diags);
    return 1e9 * seconds / (double)requests;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ns(struct bench *bench, enum engine_kind engine, int64_t requests, int runs) {
    double times[9];
    for (int i = 0; i < runs; i++) {
        times[i] = run_ns(bench, engine, requests);
    }
    qsort(times, (size_t)runs, sizeof times[0], compare_doubles);
    return times[runs / 2];
}

static void print_row(const char *name, double ns, double reference_ns, const char *more) {
    printf("%-44s %9.1f ns %8.2f R  %s\n", name, ns, ns / reference_ns, more);
}

static void bench_single(double reference_ns, int64_t requests) {
    static const int64_t outputs[] = {128, 512, 2048};
    static const double loads[] = {0.3, 0.7, 0.95};
    for (size_t o = 0; o < 3; o++) {
        for (size_t l = 0; l < 3; l++) {
            struct bench bench;
            char name[64], more[64];
            bench_init(&bench, outputs[o], 1);
            set_load(&bench, loads[l], (double)outputs[o]);
            double leap = median_ns(&bench, ENGINE_LEAP, requests, 3);
            double stepwise = median_ns(&bench, ENGINE_STEPWISE, requests / 40, 1);
            snprintf(name, sizeof name, "output %lld, load %.0f %%", (long long)outputs[o], 100 * loads[l]);
            snprintf(more, sizeof more, "stepwise %.0f ns, %.1f x", stepwise, stepwise / leap);
            print_row(name, leap, reference_ns, more);
            bench_release(&bench);
        }
    }
}

static void bench_fleet(double reference_ns, int64_t requests) {
    static const enum routing_policy policies[] = {ROUTING_ROUND_ROBIN, ROUTING_LEAST_OUTSTANDING};
    static const int64_t replicas[] = {8, 64, 1024};
    for (size_t p = 0; p < 2; p++) {
        for (size_t r = 0; r < 3; r++) {
            struct bench bench;
            char name[64];
            bench_init(&bench, 512, replicas[r]);
            set_load(&bench, 0.7, 512);
            bench.config.routing = policies[p];
            int64_t count = requests > 400 * replicas[r] ? requests : 400 * replicas[r];
            snprintf(name, sizeof name, "%s, %lld replicas", routing_policy_name(policies[p]), (long long)replicas[r]);
            print_row(name, median_ns(&bench, ENGINE_LEAP, count, 1), reference_ns, "");
            bench_release(&bench);
        }
    }
}

static void bench_starved(double reference_ns, int64_t requests) {
    struct bench bench;
    bench_init(&bench, 2048, 1);
    bench.pool.num_gpu_blocks = 3000;
    set_load(&bench, 0.95, 2048);
    print_row("KV-starved, output 2048", median_ns(&bench, ENGINE_LEAP, requests / 4, 3), reference_ns, "");
    bench_release(&bench);
}

int main(int argc, char **argv) {
    int64_t requests = argc > 1 ? atoll(argv[1]) : 400000;
    double reference_ns = 1e9 * reference_turn_s();
    printf("R = %.1f ns\n", reference_ns);
    bench_single(reference_ns, requests);
    bench_fleet(reference_ns, requests);
    bench_starved(reference_ns, requests);
    return 0;
}
