/* bench_throughput.c - how fast the throughput kernel is, beside scalar code of the same formulas.
 *
 *     arrays, L2    one machine, 1,024 loads in columns: 48 B read and 76 B written a configuration
 *     arrays, DRAM  the same over 2 M loads: what a memory-bound use would get
 *     grid          64 machines x 64 lengths x 256 batches x P prices, generated in cache, reduced to top 10 and front
 * CPU time, medians of 7. FLOP are additions, multiplications, divisions, minima and maxima in the compiled loop, as
 * models/throughput_formula.h has them; a configuration of the grid whose price alone differs counts its own and a share of
 * the rest. `port` is the share of what two vector units could do at that width: FLOP / (2 x lanes x clock), the clock from a chain of
 * dependent additions of integers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "bench/throughput_scalar.h"
#include "models/gpu.h"
#include "models/llm.h"
#include "models/throughput_formula.h"
#include "models/work.h"

enum {
    ROUNDS = 7,
    MANY = 1 << 21,
    MACHINES = 64,
    LENGTHS = 64,
    BATCHES = 256,
    PRICES_MAX = 8,
    TOP = 10,
    CHAIN = 1 << 22
};
enum { IN_COLUMNS = 6, OUT_COLUMNS = 9 };

#define ROUND_S 0.08

/* ---- what is computed ---- */

static struct llm bench_llm(void) { /* Llama-3.1-8B */
    struct llm llm = llm_unknown();
    llm.name = "8B";
    llm.layers = 32;
    llm.hidden = 4096;
    llm.heads = 32;
    llm.kv_heads = 8;
    llm.head_dim = 128;
    llm.ffn_dim = 14336;
    llm.vocab = 128256;
    return llm;
}

static struct gpu bench_gpu(void) { /* H100-SXM */
    struct gpu gpu = gpu_unknown();
    gpu.name = "H100";
    gpu.arch = "Hopper";
    gpu.mem_gb = 80;
    gpu.mem_bw_gb_per_s = 3350;
    gpu.bf16_dense_tflops = 989;
    gpu.tdp_w = 700;
    gpu.nvlink_gb_per_s = 450;
    return gpu;
}

static struct throughput_machine bench_machine(void) {
    struct llm llm = bench_llm();
    struct gpu gpu = bench_gpu();
    struct diags *diags = diags_new();
    const struct position nowhere = {0};
    struct roofline_step step = roofline_step_default(&llm, &gpu, PRECISION_BF16, PRECISION_BF16, 1, 8);
    struct work_model work;
    CHECK(work_model_make(&step, &work, diags, nowhere));
    struct step_model *model = step_model_new_roofline(&step, &work, diags, nowhere);
    CHECK(model != NULL);
    const struct throughput_parts parts = {
        .step_model = model,
        .roofline = &step,
        .num_gpu_blocks = 25751,
        .block_size = 16,
        .max_num_batched_tokens = 8192,
        .idle_w = 250,
        .psu_efficiency = 0.94,
        .pue = 1.2,
        .usd_per_hour = 2.5,
        .usd_per_kwh_at_wall = 0.1,
    };
    struct throughput_machine machine = throughput_machine_of(&parts);
    step_model_free(model);
    diags_free(diags);
    return machine;
}

/* A deterministic spread of values in [low, high). */
static double spread(size_t i, double low, double high) {
    uint64_t hash = (i + 1) * 0x9e3779b97f4a7c15u;
    return low + (high - low) * (double)(hash >> 11) * 0x1p-53;
}

struct columns {
    double *in[IN_COLUMNS], *out[OUT_COLUMNS]; // owned
    int32_t *binding;                          // owned
    struct throughput_load_columns loads;
    struct throughput_state_columns states;
};

static void columns_fill(struct columns *columns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct throughput_lengths lengths =
            throughput_lengths_constant(spread(3 * i, 16, 4096), spread(3 * i + 1, 16, 1024));
        columns->in[0][i] = spread(3 * i + 2, 1, 512);
        columns->in[1][i] = lengths.input_tok;
        columns->in[2][i] = lengths.output_tok;
        columns->in[3][i] = lengths.context_tok;
        columns->in[4][i] = lengths.prompt_square_tok2;
        columns->in[5][i] = spread(i, 0.5, 2);
    }
}

static void columns_init(struct columns *columns, size_t count) {
    for (size_t c = 0; c < IN_COLUMNS; c++) {
        columns->in[c] = xcalloc(count, sizeof(double));
    }
    for (size_t c = 0; c < OUT_COLUMNS; c++) {
        columns->out[c] = xcalloc(count, sizeof(double));
    }
    columns->binding = xcalloc(count, sizeof(int32_t));
    double *const *in = columns->in;
    double *const *out = columns->out;
    columns->loads = (struct throughput_load_columns){in[0], in[1], in[2], in[3], in[4], in[5]};
    columns->states = (struct throughput_state_columns){out[0], out[1], out[2], out[3], out[4],
                                                        out[5], out[6], out[7], out[8], columns->binding};
    columns_fill(columns, count);
}

static void columns_release(struct columns *columns) {
    for (size_t c = 0; c < IN_COLUMNS; c++) {
        free(columns->in[c]);
    }
    for (size_t c = 0; c < OUT_COLUMNS; c++) {
        free(columns->out[c]);
    }
    free(columns->binding);
}

/* ---- measuring ---- */

static double cpu_s(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef void work_function(void *context);

/* Median seconds of one call. */
static double measure(work_function *work, void *context) {
    double rounds[ROUNDS];
    work(context);
    for (size_t r = 0; r < ROUNDS; r++) {
        double start = cpu_s();
        double elapsed = 0;
        size_t calls = 0;
        do {
            work(context);
            calls++;
            elapsed = cpu_s() - start;
        } while (elapsed < ROUND_S);
        rounds[r] = elapsed / (double)calls;
    }
    qsort(rounds, ROUNDS, sizeof(double), compare);
    return rounds[ROUNDS / 2];
}

struct array_work {
    enum cpu_level level;
    bool scalar;
    const struct throughput_machine *machine;
    const struct columns *columns;
    size_t count, passes;
};

static void run_arrays(void *context) {
    const struct array_work *work = context;
    for (size_t pass = 0; pass < work->passes; pass++) {
        if (work->scalar) {
            scalar_arrays(work->machine, &work->columns->loads, work->count, &work->columns->states);
        } else {
            throughput_arrays(work->level, work->machine, &work->columns->loads, work->count, &work->columns->states);
        }
    }
}

struct grid_work {
    enum cpu_level level;
    bool scalar;
    struct throughput_axes axes;
    struct throughput_limits limits;
    double cheapest; /* out */
};

static void run_grid(void *context) {
    struct grid_work *work = context;
    if (work->scalar) {
        work->cheapest = scalar_grid(&work->axes, &work->limits).usd_per_mtok;
        return;
    }
    struct throughput_ranking ranking;
    throughput_ranking_init(&ranking, TOP);
    throughput_grid(work->level, &work->axes, &work->limits, &ranking);
    work->cheapest = ranking.top_count > 0 ? ranking.top[0].usd_per_mtok : HUGE_VAL;
    throughput_ranking_release(&ranking);
}

/* ---- telling ---- */

struct line {
    const char *form, *variant;
    double s_per_config, scalar_s_per_config;
    double flop, byte; /* of a configuration; 0 byte: none from beyond the cache */
    double goal;       /* ratio; 0: none */
    double lanes;      /* doubles that a vector holds */
    double hz;
};

/* Turns of a chain of dependent additions, one a cycle. */
static void run_chain(void *context) {
    uint64_t *value = context;
    for (size_t i = 0; i < CHAIN; i++) {
        *value += i;
        __asm__ volatile("" : "+r"(*value));
    }
}

static void print_line(const struct line *line) {
    double per_s = 1 / line->s_per_config;
    printf("%-24s %-9s %8.2f %9.1f %9.1f", line->form, line->variant, line->s_per_config * 1e9, per_s / 1e6,
           per_s * line->flop / 1e9);
    if (line->byte > 0) {
        printf(" %8.1f", per_s * line->byte / 1e9);
    } else {
        printf(" %8s", "-");
    }
    printf(" %7.0f%%", 100 * per_s * line->flop / (2 * line->lanes * line->hz));
    double ratio = line->scalar_s_per_config / line->s_per_config;
    if (line->goal > 0) {
        printf(" %8.2f  (goal %g: %s)\n", ratio, line->goal, ratio >= line->goal ? "met" : "MISSED");
    } else {
        printf(" %8.2f\n", ratio);
    }
}

static double lanes_of(enum cpu_level level) {
    return level == CPU_LEVEL_AVX512 ? 8 : level == CPU_LEVEL_AVX2 ? 4 : 2;
}

static double goal_of(enum cpu_level level, double avx2, double avx512) {
    return level == CPU_LEVEL_AVX512 ? avx512 : level == CPU_LEVEL_AVX2 ? avx2 : 0;
}

static void bench_arrays(const struct throughput_machine *machine, double hz, const char *form, size_t count) {
    struct columns columns;
    columns_init(&columns, count);
    struct array_work work = {.scalar = true, .machine = machine, .columns = &columns, .count = count};
    work.passes = count < MANY ? 16 : 1;
    double configs = (double)(count * work.passes);
    struct line line = {.form = form, .variant = "scalar", .flop = THROUGHPUT_FLOP_ALL, .byte = 48 + 76, .lanes = 1};
    line.hz = hz;
    line.scalar_s_per_config = measure(run_arrays, &work) / configs;
    line.s_per_config = line.scalar_s_per_config;
    print_line(&line);
    work.scalar = false;
    for (int level = 0; level <= (int)cpu_level_highest(); level++) {
        work.level = (enum cpu_level)level;
        line.variant = cpu_level_name(work.level);
        line.s_per_config = measure(run_arrays, &work) / configs;
        line.goal = count < MANY ? goal_of(work.level, 4, 7) : 0;
        line.lanes = lanes_of(work.level);
        print_line(&line);
    }
    columns_release(&columns);
}

static void bench_grid(const struct throughput_axes *axes, double hz, const char *form) {
    struct grid_work work = {.scalar = true, .axes = *axes, .limits = {.ttft_s = 1, .tpot_s = 0.03}};
    double prices = (double)axes->price_count;
    double configs = (double)(axes->machine_count * axes->length_count * axes->batch_count) * prices;
    struct line line = {.form = form, .variant = "scalar", .flop = THROUGHPUT_FLOP_GRID, .lanes = 1, .hz = hz};
    line.scalar_s_per_config = measure(run_grid, &work) / configs;
    line.s_per_config = line.scalar_s_per_config;
    print_line(&line);
    double cheapest = work.cheapest;
    work.scalar = false;
    line.flop = THROUGHPUT_FLOP_GRID / prices + THROUGHPUT_FLOP_PRICE;
    for (int level = 0; level <= (int)cpu_level_highest(); level++) {
        work.level = (enum cpu_level)level;
        line.variant = cpu_level_name(work.level);
        line.s_per_config = measure(run_grid, &work) / configs;
        line.goal = axes->price_count > 1 ? goal_of(work.level, 8, 15) : 0;
        line.lanes = lanes_of(work.level);
        print_line(&line);
        CHECK(fabs(work.cheapest - cheapest) <= 1e-12 * cheapest);
    }
}

static void bench_grids(const struct throughput_machine *machine, double hz) {
    static struct throughput_machine machines[MACHINES];
    static struct throughput_lengths lengths[LENGTHS];
    static double batches[BATCHES], prices[PRICES_MAX];
    for (size_t i = 0; i < MACHINES; i++) {
        machines[i] = *machine;
        machines[i].body_s *= spread(i, 0.5, 4);
        machines[i].context_s *= spread(i + 99, 0.5, 4);
    }
    for (size_t i = 0; i < LENGTHS; i++) {
        lengths[i] = throughput_lengths_constant(spread(i, 64, 4096), spread(i + 7, 64, 1024));
    }
    for (size_t i = 0; i < BATCHES; i++) {
        batches[i] = (double)(i + 1);
    }
    for (size_t i = 0; i < PRICES_MAX; i++) {
        prices[i] = 0.5 + 0.25 * (double)i;
    }
    struct throughput_axes axes = {machines, MACHINES, lengths, LENGTHS, batches, BATCHES, prices, PRICES_MAX};
    bench_grid(&axes, hz, "grid, 8 prices");
    axes.price_count = 1;
    bench_grid(&axes, hz, "grid, 1 price");
}

int main(void) {
    struct throughput_machine machine = bench_machine();
    uint64_t value = 0;
    double hz = CHAIN / measure(run_chain, &value);
    printf("%-24s %-9s %8s %9s %9s %8s %8s %8s\n", "throughput kernel", "level", "ns/cfg", "Mcfg/s", "GFLOP/s", "GB/s",
           "port", "ratio");
    bench_arrays(&machine, hz, "arrays, L2", THROUGHPUT_BLOCK);
    bench_arrays(&machine, hz, "arrays, DRAM", MANY);
    bench_grids(&machine, hz);
    printf(
        "%.2f GHz; %d FLOP a configuration of an array (48 B read, 76 B written), %d of a grid and %d for each price\n",
        hz / 1e9, THROUGHPUT_FLOP_ALL, THROUGHPUT_FLOP_GRID, THROUGHPUT_FLOP_PRICE);
    return 0;
}
