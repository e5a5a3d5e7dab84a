/* kernels.c - what models/kernels.c makes of measured kernels, and a fit of its constants to them.
 *
 *     kernel_times [--fit | --as=ARCHITECTURE] < ROWS
 *
 * A row: kind, GPU, number format (all-reduce: engine), 1 if it may be fitted, measured seconds, then the shape:
 *     gemm        m n k                                               [m, k] x [k, n]
 *     decode      sequences context heads kv_heads                    tokens of context of each
 *     prefill     sequences tokens heads kv_heads
 *     moe         tokens hidden width picked experts tensor_ranks expert_ranks
 *     all_reduce  ranks bytes
 * Writes the architecture and the seconds of each row, in order; with --fit first the constants that rows moved, as lines of kernels_table.h,
 * each after "= ". The fit: for each kind, architecture and format the least mean of sqrt(1 + (ln(predicted / measured) / 0.1)^2) - 1, every GPU of the
 * architecture weighing the same, by GSL's simplex over the constants' logarithms. How evenly experts are picked (zipf) is left as it is.
 * --as takes every constant from that architecture ("Hopper"): what a GPU of an unknown one would be taken for. */
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "models/kernels.h"
#include "models/kernels_table.h"
#include "scenarios/catalog.h"
#include "scenarios/step_profile.h"

enum { SHAPE_MAX = 7, WORD_SIZE = 64, CONSTANTS_MAX = 6, HEAD_DIM = 128, ROUNDS = 3000, GPUS_MAX = 32 };

enum kind { KIND_GEMM, KIND_DECODE, KIND_PREFILL, KIND_MOE, KIND_ALL_REDUCE, KIND_COUNT };
static const char *const kind_names[KIND_COUNT] = {"gemm", "decode", "prefill", "moe", "all_reduce"};
static const int shape_counts[KIND_COUNT] = {3, 4, 4, 7, 2};

struct row {
    enum kind kind;
    char format_name[WORD_SIZE];
    bool is_fitted;
    double measured_s, shape[SHAPE_MAX];
    struct llm llm;
    struct kernels *kernels; // owned
    const struct gpu *gpu;   // borrowed
    int arch, format;        /* where its constants stand */
};

static struct {
    struct catalog *catalog;
    const struct profile *profile;
    struct kernel_table table;
    struct row *rows; // owned
    size_t count;
} tool;

/* ---- rows ---- */

static const char *const arch_names[KERNELS_ARCH_COUNT] = {"Hopper", "Blackwell", "Ampere", "Ada", "CDNA3", "CDNA4"};

static int arch_of(const struct kernels *kernels) {
    for (int i = 0; i < KERNELS_ARCH_COUNT; i++) {
        if (strcmp(arch_names[i], kernels_arch_name(kernels)) == 0) {
            return i;
        }
    }
    CHECK(!"an architecture without a name");
}

/* "bfloat16", "fp8", ... as the tables have it. */
static enum precision precision_of(const char *format) {
    static const struct {
        const char *name;
        enum precision precision;
    } names[] = {{"bfloat16", PRECISION_BF16}, {"fp8", PRECISION_FP8},      {"fp8_block", PRECISION_FP8},
                 {"nvfp4", PRECISION_FP4},     {"int4_wo", PRECISION_INT4}, {"w4a16_mxfp4", PRECISION_FP4}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(format, names[i].name) == 0) {
            return names[i].precision;
        }
    }
    return PRECISION_BF16;
}

static int format_of(enum kind kind, const char *name) {
    if (kind == KIND_DECODE || kind == KIND_PREFILL) {
        return 0;
    }
    switch (precision_of(name)) {
    case PRECISION_FP8: return strcmp(name, "fp8_block") == 0 && kind == KIND_MOE ? FORMAT_8B : FORMAT_8;
    case PRECISION_FP4: return strcmp(name, "nvfp4") == 0 ? FORMAT_4 : FORMAT_MX4;
    case PRECISION_INT4: return FORMAT_INT4;
    default: return FORMAT_16;
    }
}

/* A model of one layer that has this kernel. */
static void make_llm(struct row *row) {
    const double *shape = row->shape;
    struct llm *llm = &row->llm;
    *llm = (struct llm){.name = "kernel", .layers = 1, .hidden = 1024, .heads = 1, .kv_heads = 1, .head_dim = HEAD_DIM};
    llm->vocab = llm->ffn_dim = 1024;
    if (row->kind == KIND_DECODE || row->kind == KIND_PREFILL) {
        llm->heads = (int64_t)shape[2];
        llm->kv_heads = (int64_t)shape[3];
    } else if (row->kind == KIND_MOE) {
        llm->hidden = (int64_t)shape[1];
        llm->moe_ffn_dim = (int64_t)shape[2];
        llm->experts_per_tok = (int64_t)shape[3];
        llm->experts = (int64_t)shape[4];
        llm->default_precision = strcmp(row->format_name, "w4a16_mxfp4") == 0 ? PRECISION_FP4
                                 : strcmp(row->format_name, "fp8_block") == 0 ? PRECISION_FP8
                                                                              : PRECISION_BF16;
    } else if (row->kind == KIND_ALL_REDUCE) {
        llm->hidden = (int64_t)shape[1] / 2;
    }
}

static void make_kernels(struct row *row) {
    const char *format = row->format_name;
    const bool is_moe = row->kind == KIND_MOE;
    int64_t ranks = is_moe ? (int64_t)(row->shape[5] * row->shape[6]) : 1;
    ranks = row->kind == KIND_ALL_REDUCE ? (int64_t)row->shape[0] : ranks;
    struct kernel_setup setup = {.llm = &row->llm,
                                 .gpu = row->gpu,
                                 .precision = precision_of(format),
                                 .kv_precision = precision_of(format),
                                 .engine = is_moe ? SERVING_TRTLLM
                                                  : SERVING_VLLM, /* fp8 by tensor unless the model says blocks */
                                 .tensor_parallel = ranks,
                                 .expert_parallel = is_moe ? (int64_t)row->shape[6] : 1,
                                 .attention_dp = 1,
                                 .gpus_per_node = 8,
                                 .table = &tool.table};
    if (row->kind == KIND_ALL_REDUCE) {
        CHECK(serving_engine_from_text(span_of(format), &setup.engine));
        setup.knots = profile_knots(tool.profile, row->gpu, setup.engine, ranks);
    }
    row->kernels = kernels_new(&setup);
    row->arch = arch_of(row->kernels);
    row->format = format_of(row->kind, format);
}

static double row_s(const struct row *row) {
    const double *shape = row->shape;
    struct kernel_attention attention;
    switch (row->kind) {
    case KIND_GEMM: return kernels_gemm_s(row->kernels, shape[0], shape[1], shape[2]);
    case KIND_DECODE:
        attention = kernels_attention(row->kernels);
        return attention.step_s + shape[0] * (attention.sequence_s + shape[1] * attention.context_s);
    case KIND_PREFILL:
        attention = kernels_attention(row->kernels);
        return attention.step_s +
               shape[0] * shape[1] * (attention.prefill_token_s + shape[1] / 2 * attention.prefill_pair_s);
    case KIND_MOE: return kernels_expert(row->kernels, shape[0]).s + kernels_expert_launch_s(row->kernels);
    default: return kernels_collective_s(row->kernels, 1) / 2; /* two a layer */
    }
}

/* False at the end of the input; a row that it does not understand is a mistake of the caller. */
static bool read_row(struct row *row) {
    char kind[WORD_SIZE], gpu[WORD_SIZE];
    int is_fitted;
    *row = (struct row){.kind = KIND_COUNT};
    if (scanf("%63s %63s %63s %d %lf", kind, gpu, row->format_name, &is_fitted, &row->measured_s) != 5) {
        return false;
    }
    for (int i = 0; i < KIND_COUNT; i++) {
        row->kind = strcmp(kind, kind_names[i]) == 0 ? (enum kind)i : row->kind;
    }
    CHECK(row->kind < KIND_COUNT);
    for (int i = 0; i < shape_counts[row->kind]; i++) {
        CHECK(scanf("%lf", &row->shape[i]) == 1);
    }
    struct diags *diags = diags_new();
    row->gpu = catalog_gpu(tool.catalog, span_of(gpu), diags, (struct position){0});
    diags_free(diags);
    CHECK(row->gpu != NULL);
    row->is_fitted = is_fitted != 0;
    return true;
}

static void read_rows(void) {
    size_t room = 0;
    struct row row;
    while (read_row(&row)) {
        if (tool.count == room) {
            room = room == 0 ? 1024 : 2 * room;
            tool.rows = realloc(tool.rows, room * sizeof *tool.rows);
            CHECK(tool.rows != NULL);
        }
        tool.rows[tool.count++] = row;
    }
    for (size_t i = 0; i < tool.count; i++) { /* which stay where they are from now on */
        make_llm(&tool.rows[i]);
        make_kernels(&tool.rows[i]);
    }
}

/* ---- the fit ---- */

/* Constants that are fitted together: `count` doubles from `first` on. */
struct group {
    enum kind kind;
    int arch, format;
    double *first;
    size_t count;
    const char *name; /* of the table's field */
};

/* Shares are at most what any kernel has shown; a corner is between a sum and nearly a maximum. */
static bool is_allowed(const struct group *group, size_t index, double value) {
    static const double most[KIND_COUNT][CONSTANTS_MAX] = {
        [KIND_GEMM] = {50, 0.95, 0.95, 4},
        [KIND_DECODE] = {50, 1, 0.95, 0.95},
        [KIND_PREFILL] = {0.95, 1},
        [KIND_MOE] = {300, 0.95, 0.95, 4, 1},
    };
    bool is_corner = index == 3 && (group->kind == KIND_GEMM || group->kind == KIND_MOE);
    return value <= most[group->kind][index] && value >= (is_corner ? 1 : 1e-4);
}

static bool is_in(const struct row *row, const struct group *group) {
    bool has_format = group->kind == KIND_GEMM || group->kind == KIND_MOE;
    return row->is_fitted && row->kind == group->kind && row->arch == group->arch &&
           (!has_format || row->format == group->format);
}

/* The mean over GPUs of the mean loss. */
static double loss_of(const struct group *group) {
    const double scale = 0.1;
    struct {
        const struct gpu *gpu;
        double sum, count;
    } gpus[GPUS_MAX] = {{0}};
    double total = 0, seen = 0;
    for (size_t i = 0; i < tool.count; i++) {
        const struct row *row = &tool.rows[i];
        if (is_in(row, group)) {
            double error = log(row_s(row) / row->measured_s) / scale;
            size_t g = 0;
            while (gpus[g].gpu != NULL && gpus[g].gpu != row->gpu) {
                g++;
                CHECK(g < GPUS_MAX);
            }
            gpus[g].gpu = row->gpu;
            gpus[g].sum += sqrt(1 + error * error) - 1;
            gpus[g].count += 1;
        }
    }
    for (size_t g = 0; g < GPUS_MAX && gpus[g].gpu != NULL; g++) {
        total += gpus[g].sum / gpus[g].count;
        seen += 1;
    }
    return seen > 0 ? total / seen : 0;
}

static double loss_at(const gsl_vector *logs, void *data) {
    const struct group *group = data;
    const double forbidden = 1e6;
    for (size_t i = 0; i < group->count; i++) {
        group->first[i] = exp(gsl_vector_get(logs, i));
        if (!is_allowed(group, i, group->first[i])) {
            return forbidden;
        }
    }
    return loss_of(group);
}

static void fit_group(struct group *group) {
    gsl_vector *start = gsl_vector_alloc(group->count), *step = gsl_vector_alloc(group->count);
    gsl_multimin_function function = {.f = loss_at, .n = group->count, .params = group};
    gsl_multimin_fminimizer *simplex = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, group->count);
    for (size_t i = 0; i < group->count; i++) {
        gsl_vector_set(start, i, log(group->first[i]) - (is_allowed(group, i, group->first[i] * 1.02) ? 0 : 0.02));
    }
    for (int again = 0; again < 2; again++) { /* a simplex may shrink too early */
        gsl_vector_set_all(step, 0.15);
        gsl_multimin_fminimizer_set(simplex, &function, start, step);
        int status = GSL_CONTINUE;
        for (int round = 0; status == GSL_CONTINUE && round < ROUNDS; round++) {
            gsl_multimin_fminimizer_iterate(simplex);
            status = gsl_multimin_test_size(gsl_multimin_fminimizer_size(simplex), 1e-3);
        }
        gsl_vector_memcpy(start, simplex->x);
    }
    loss_at(simplex->x, group);
    gsl_multimin_fminimizer_free(simplex);
    gsl_vector_free(start);
    gsl_vector_free(step);
}

static void print_constants(const struct group *group) {
    static const char *const arches[KERNELS_ARCH_COUNT] = {"HOPPER", "BLACKWELL", "AMPERE", "ADA", "CDNA3", "CDNA4"};
    static const char *const formats[FORMAT_COUNT] = {"16", "8", "8B", "4", "MX4", "INT4"};
    bool has_format = group->kind == KIND_GEMM || group->kind == KIND_MOE;
    printf("= .%s[KERNELS_%s]%s%s%s = {", group->name, arches[group->arch], has_format ? "[FORMAT_" : "",
           has_format ? formats[group->format] : "", has_format ? "]" : "");
    size_t count = group->kind == KIND_MOE ? group->count + 1 : group->count; /* zipf, too */
    for (size_t i = 0; i < count; i++) {
        printf("%s%.4g", i > 0 ? ", " : "", group->first[i]);
    }
    printf("},\n");
}

static void fit_if_any(struct group group) {
    for (size_t i = 0; i < tool.count; i++) {
        if (is_in(&tool.rows[i], &group)) {
            fit_group(&group);
            print_constants(&group);
            return;
        }
    }
}

static void fit(void) {
    struct kernel_table *table = &tool.table;
    for (int a = 0; a < KERNELS_ARCH_COUNT; a++) {
        for (int f = 0; f < FORMAT_COUNT; f++) {
            fit_if_any((struct group){KIND_GEMM, a, f, &table->gemm[a][f].t0_us, 4, "gemm"});
            fit_if_any((struct group){KIND_MOE, a, f, &table->expert[a][f].launch_us, 5, "expert"});
        }
        fit_if_any((struct group){KIND_DECODE, a, 0, &table->attention[a].step_us, 4, "attention(decode)"});
        fit_if_any((struct group){KIND_PREFILL, a, 0, &table->attention[a].compute_ratio, 2, "attention(prefill)"});
    }
}

static void take_all_from(const char *name) {
    struct kernel_table *table = &tool.table;
    for (int from = 0; from < KERNELS_ARCH_COUNT; from++) {
        for (int to = 0; to < KERNELS_ARCH_COUNT && strcmp(arch_names[from], name) == 0; to++) {
            memmove(&table->gemm[to], &table->gemm[from], sizeof table->gemm[to]);
            memmove(&table->expert[to], &table->expert[from], sizeof table->expert[to]);
            table->attention[to] = table->attention[from];
        }
    }
}

int main(int argc, char **argv) {
    struct diags *diags = diags_new();
    struct arena *arena = arena_new();
    tool.catalog = catalog_new();
    tool.table = kernel_table_shipped;
    CHECK(catalog_read(tool.catalog, NULL, diags));
    tool.profile = step_profile_shipped(NULL, arena, diags);
    CHECK(tool.profile != NULL);
    read_rows();
    if (argc == 2 && strcmp(argv[1], "--fit") == 0) {
        fit();
    } else if (argc == 2 && strncmp(argv[1], "--as=", 5) == 0) {
        take_all_from(argv[1] + 5);
    }
    for (size_t i = 0; i < tool.count; i++) {
        printf("%s %.9g\n", arch_names[tool.rows[i].arch], row_s(&tool.rows[i]));
        kernels_free(tool.rows[i].kernels);
    }
    free(tool.rows);
    catalog_free(tool.catalog);
    arena_free(arena);
    diags_free(diags);
    return 0;
}
