/* bench_engine.c - what a request costs the engines, as a ratio to the reference loop R (bench/reference_loop.h).
 *
 *     bench_engine [--requests N] [--only TEXT] [--long] [--baseline FILE] [--write-baseline]
 * Llama-3.1-8B on an H100, prompts of 512 tokens, Poisson arrivals, histograms on, one core. Each row is the median of several runs,
 * each divided by an R that was taken just before it, so that a neighbour on the machine cancels. `must` is what was asked for.
 * With a baseline (name,ratio a line) it says which rows moved by more than 15 %. `--long` adds the run of 10^8 requests. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/check.h"
#include "bench/reference_loop.h"
#include "models/roofline.h"
#include "models/work.h"
#include "sim/arrivals.h"
#include "sim/clock.h"
#include "sim/simulate.h"

enum { RUNS_MAX = 9, ROWS_MAX = 64, NAME_SIZE = 48 };

static const double MOVED_RATIO = 0.15;

/* ---- what is run ---- */

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

/* Points into `bench`, which must not move. */
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
static void set_load(struct bench *bench, double load) {
    double capacity;
    double tokens = length_mean(&bench->workload.input_tokens) + length_mean(&bench->workload.output_tokens);
    struct diags *diags = diags_new();
    bench->config.engine = ENGINE_LEAP;
    CHECK(simulate_capacity(&bench->config, 0, &capacity, diags));
    diags_free(diags);
    bench->arrivals.rate_per_s = load * capacity * (double)bench->pool.replicas / tokens;
}

/* What one run cost, a request. */
struct cost {
    double ns;
    double ratio; /* to R */
    double preemptions;
};

static struct cost run_once(struct bench *bench, enum engine_kind engine, int64_t requests) {
    struct sim_outcome outcome;
    struct diags *diags = diags_new();
    bench->config.engine = engine;
    bench->config.max_requests = requests;
    double reference_s = reference_turn_s();
    double start = cpu_now_s();
    CHECK(simulate(&bench->config, NULL, &outcome, diags));
    double seconds = (cpu_now_s() - start) / (double)requests;
    struct cost cost = {
        .ns = 1e9 * seconds,
        .ratio = seconds / reference_s,
        .preemptions = (double)outcome.pools[0].preemptions / (double)requests,
    };
    sim_outcome_release(&outcome);
    diags_free(diags);
    return cost;
}

static int compare_costs(const void *a, const void *b) {
    const struct cost *x = a, *y = b;
    return (x->ratio > y->ratio) - (x->ratio < y->ratio);
}

static struct cost median_cost(struct bench *bench, enum engine_kind engine, int64_t requests, int runs) {
    struct cost costs[RUNS_MAX];
    for (int i = 0; i < runs; i++) {
        costs[i] = run_once(bench, engine, requests);
    }
    qsort(costs, (size_t)runs, sizeof costs[0], compare_costs);
    return costs[runs / 2];
}

/* ---- the report ---- */

struct row {
    char name[NAME_SIZE];
    double ratio;
};

struct report {
    const char *only; /* rows whose name has this text; NULL: all */
    int64_t requests;
    bool with_long, write_baseline;
    const char *baseline_path;
    struct row rows[ROWS_MAX], baseline[ROWS_MAX];
    size_t row_count, baseline_count;
    int failed;
};

static bool wanted(const struct report *report, const char *name) {
    return report->only == NULL || strstr(name, report->only) != NULL;
}

static void print_moved(const struct report *report, const char *name, double ratio) {
    for (size_t i = 0; i < report->baseline_count; i++) {
        double before = report->baseline[i].ratio;
        if (strcmp(report->baseline[i].name, name) == 0 && fabs(ratio / before - 1) > MOVED_RATIO) {
            printf("  moved: was %.2f", before);
        }
    }
}

/* A row whose ratio must be at most (`sign` > 0) or at least (< 0) `must`. */
static void add_row(struct report *report, const char *name, double ratio, double must, int sign, const char *more) {
    bool met = sign > 0 ? ratio <= must : ratio >= must;
    report->failed += !met;
    printf("%-44s %8.2f %s %6.1f  %-4s %s", name, ratio, sign > 0 ? "R <=" : "x >=", must, met ? "pass" : "FAIL", more);
    print_moved(report, name, ratio);
    printf("\n");
    fflush(stdout);
    CHECK(report->row_count < ROWS_MAX);
    struct row *row = &report->rows[report->row_count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    row->ratio = ratio;
}

static void read_baseline(struct report *report) {
    FILE *file = fopen(report->baseline_path, "r");
    char line[128];
    while (file != NULL && report->baseline_count < ROWS_MAX && fgets(line, sizeof line, file) != NULL) {
        char *comma = strrchr(line, ',');
        struct row *row = &report->baseline[report->baseline_count];
        if (comma != NULL && (size_t)(comma - line) < sizeof row->name) {
            *comma = '\0';
            memcpy(row->name, line, strlen(line) + 1);
            row->ratio = strtod(comma + 1, NULL);
            report->baseline_count += row->ratio > 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static void write_baseline(const struct report *report) {
    FILE *file = fopen(report->baseline_path, "w");
    if (file == NULL) {
        perror(report->baseline_path);
        return;
    }
    fprintf(file, "name,ratio\n");
    for (size_t i = 0; i < report->row_count; i++) {
        fprintf(file, "%s,%.3g\n", report->rows[i].name, report->rows[i].ratio);
    }
    fclose(file);
}

/* ---- rows ---- */

/* Answers of one length at one load: against R, and against the stepwise engine. Returns the ratio to R. */
static double bench_point(struct report *report, int64_t output, double load, double stepwise_must) {
    struct bench bench;
    char name[NAME_SIZE], stepwise_name[NAME_SIZE], more[NAME_SIZE];
    snprintf(name, sizeof name, "output %lld load %.0f %%", (long long)output, 100 * load);
    snprintf(stepwise_name, sizeof stepwise_name, "output %lld load %.0f %% against stepwise", (long long)output,
             100 * load);
    bool both = wanted(report, stepwise_name);
    if (!wanted(report, name) && !both) {
        return 0;
    }
    bench_init(&bench, output, 1);
    set_load(&bench, load);
    struct cost leap = median_cost(&bench, ENGINE_LEAP, report->requests, 5);
    snprintf(more, sizeof more, "%.0f ns", leap.ns);
    add_row(report, name, leap.ratio, 7.5, 1, more);
    if (both && !(report->only != NULL && strcmp(report->only, name) == 0)) {
        struct cost stepwise = median_cost(&bench, ENGINE_STEPWISE, report->requests * 6 / output + 1000, 3);
        snprintf(more, sizeof more, "%.0f ns", stepwise.ns);
        add_row(report, stepwise_name, stepwise.ratio / leap.ratio, stepwise_must, -1, more);
    }
    bench_release(&bench);
    return leap.ratio;
}

static void bench_single(struct report *report) {
    static const struct {
        int64_t output;
        double stepwise_must;
    } answers[] = {{128, 7}, {512, 20}, {2048, 60}};
    static const double loads[] = {0.3, 0.7, 0.95};
    for (size_t l = 0; l < 3; l++) {
        double ratios[3];
        char name[NAME_SIZE];
        for (size_t a = 0; a < 3; a++) {
            ratios[a] = bench_point(report, answers[a].output, loads[l], answers[a].stepwise_must);
        }
        snprintf(name, sizeof name, "2048 against 128 load %.0f %%", 100 * loads[l]);
        if (ratios[0] > 0 && ratios[2] > 0) {
            add_row(report, name, ratios[2] / ratios[0], 1.5, 1, "");
        }
    }
}

static void bench_fleet(struct report *report, enum routing_policy policy, int64_t replicas, double must) {
    struct bench bench;
    char name[NAME_SIZE], more[NAME_SIZE];
    snprintf(name, sizeof name, "%s %lld replicas", routing_policy_name(policy), (long long)replicas);
    if (!wanted(report, name)) {
        return;
    }
    bench_init(&bench, 512, replicas);
    set_load(&bench, 0.7);
    bench.config.routing = policy;
    int64_t least = 1000 * replicas;
    int64_t count = report->requests > least ? report->requests : least;
    struct cost cost = median_cost(&bench, ENGINE_LEAP, count, replicas > 64 ? 3 : 5);
    snprintf(more, sizeof more, "%.0f ns", cost.ns);
    add_row(report, name, cost.ratio, must, 1, more);
    bench_release(&bench);
}

static void bench_starved(struct report *report) {
    struct bench bench;
    char more[NAME_SIZE];
    if (!wanted(report, "KV-starved")) {
        return;
    }
    bench_init(&bench, 2048, 1);
    bench.pool.num_gpu_blocks = 3000;
    set_load(&bench, 0.93);
    struct cost cost = median_cost(&bench, ENGINE_LEAP, report->requests / 4, 5);
    snprintf(more, sizeof more, "%.0f ns, %.2f preemptions a request", cost.ns, cost.preemptions);
    add_row(report, "KV-starved", cost.ratio, 50, 1, more);
    bench_release(&bench);
}

/* M/M/1: one request at a time, its service exponential (to a part in 10^5); two events a request. */
static void bench_mm1(struct report *report) {
    struct bench bench;
    char more[NAME_SIZE];
    if (!wanted(report, "M/M/1")) {
        return;
    }
    bench_init(&bench, 1, 1);
    struct diags *diags = diags_new();
    const struct linear_step step = {.c1_s = 1e-6};
    step_model_free(bench.model);
    bench.model = step_model_new_linear(&step, NULL, diags, (struct position){0});
    diags_free(diags);
    bench.pool.step_model = bench.model;
    bench.pool.batching =
        (struct batching_config){.policy = BATCHING_REQUEST_LEVEL, .max_num_batched_tokens = INT64_C(1) << 40};
    bench.pool.num_gpu_blocks = KV_BLOCKS_UNLIMITED;
    bench.pool.max_model_len = INT64_C(1) << 40;
    bench.workload.input_tokens = (struct length_spec){.kind = LENGTH_GEOMETRIC, .mean = 1e5};
    bench.arrivals.rate_per_s = 7;
    struct cost cost = median_cost(&bench, ENGINE_LEAP, 2 * report->requests, 5);
    snprintf(more, sizeof more, "%.0f ns, %.1f M events/s", cost.ns, 2e3 / cost.ns);
    add_row(report, "M/M/1", cost.ratio, 5, 1, more);
    bench_release(&bench);
}

static void bench_lognormal(struct report *report) {
    struct bench bench;
    char more[NAME_SIZE];
    if (!wanted(report, "lognormal lengths gamma arrivals")) {
        return;
    }
    bench_init(&bench, 1, 1);
    struct length_spec *lengths[] = {&bench.workload.input_tokens, &bench.workload.output_tokens};
    const double means[] = {512, 256}, p99s[] = {2048, 1024};
    for (size_t i = 0; i < 2; i++) {
        *lengths[i] = (struct length_spec){.kind = LENGTH_LOGNORMAL};
        CHECK(length_lognormal_from_p99(means[i], p99s[i], &lengths[i]->mu, &lengths[i]->sigma));
    }
    bench.arrivals.process = ARRIVAL_GAMMA;
    bench.arrivals.cv = 1.5;
    set_load(&bench, 0.7);
    struct cost cost = median_cost(&bench, ENGINE_LEAP, report->requests, 5);
    snprintf(more, sizeof more, "%.0f ns", cost.ns);
    add_row(report, "lognormal lengths gamma arrivals", cost.ratio, 10, 1, more);
    bench_release(&bench);
}

/* 10^8 requests in 16 s of an R of 20 ns: 8 R each, and memory that does not grow. */
static void bench_long(struct report *report) {
    struct bench bench;
    struct rusage usage;
    char more[NAME_SIZE];
    if (!report->with_long) {
        return;
    }
    bench_init(&bench, 512, 1);
    set_load(&bench, 0.7);
    struct cost cost = run_once(&bench, ENGINE_LEAP, 100000000);
    getrusage(RUSAGE_SELF, &usage);
    double mib = (double)usage.ru_maxrss / 1024;
    snprintf(more, sizeof more, "%.1f s", cost.ns / 10);
    add_row(report, "10^8 requests", cost.ratio, 8, 1, more);
    printf("%-44s %8.1f MiB\n", "  memory of this process at its most", mib);
    CHECK(mib < 64);
    bench_release(&bench);
}

static bool read_options(struct report *report, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--requests") == 0 && i + 1 < argc) {
            report->requests = atoll(argv[++i]);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            report->only = argv[++i];
        } else if (strcmp(argv[i], "--baseline") == 0 && i + 1 < argc) {
            report->baseline_path = argv[++i];
        } else if (strcmp(argv[i], "--long") == 0) {
            report->with_long = true;
        } else if (strcmp(argv[i], "--write-baseline") == 0) {
            report->write_baseline = true;
        } else {
            fprintf(stderr, "usage: %s [--requests N] [--only TEXT] [--long] [--baseline FILE] [--write-baseline]\n",
                    argv[0]);
            return false;
        }
    }
    return report->requests > 0;
}

int main(int argc, char **argv) {
    struct report report = {.requests = 200000, .baseline_path = "bench/baseline.csv"};
    if (!read_options(&report, argc, argv)) {
        return 2;
    }
    read_baseline(&report);
    printf("R = %.1f ns\n", 1e9 * reference_turn_s());
    bench_long(&report); /* first: a process's memory at its most is not that of other rows then */
    bench_single(&report);
    bench_fleet(&report, ROUTING_LEAST_OUTSTANDING, 64, 12.5);
    bench_fleet(&report, ROUTING_LEAST_OUTSTANDING, 1024, 25);
    bench_fleet(&report, ROUTING_ROUND_ROBIN, 8, 10);
    bench_fleet(&report, ROUTING_ROUND_ROBIN, 64, 10);
    bench_fleet(&report, ROUTING_ROUND_ROBIN, 1024, 10);
    bench_starved(&report);
    bench_mm1(&report);
    bench_lognormal(&report);
    printf("%zu figures, %d not met\n", report.row_count, report.failed);
    if (report.write_baseline) {
        write_baseline(&report);
    }
    return 0;
}
