#include "study/measured.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/columns.h"

#define GPUS_MAX   1e6
#define TOKENS_MAX 1e9
#define LOAD_MAX   1e6
#define MS_MAX     1e9

static const char *const load_kinds[] = {"concurrency", "qps",      "max_num_seqs", "max_batch",
                                         "batch",       "max_load", "mlperf"};

#define TEXT(field, needed)                                                                                            \
    { .name = #field, .kind = COLUMN_TEXT, .need = needed, .offset = offsetof(struct measured_row, field) }
#define WHOLE(field, needed)                                                                                           \
    {                                                                                                                  \
        .name = #field, .kind = COLUMN_WHOLE, .need = needed, .max = GPUS_MAX,                                         \
        .offset = offsetof(struct measured_row, field)                                                                 \
    }
#define NUMBER(field, least, most)                                                                                     \
    {                                                                                                                  \
        .name = #field, .kind = COLUMN_NUMBER, .min = (least), .max = (most),                                          \
        .offset = offsetof(struct measured_row, field)                                                                 \
    }

static const struct column columns[] = {
    TEXT(row_id, COLUMN_FILLED),
    TEXT(model, COLUMN_FILLED),
    TEXT(gpu, COLUMN_FILLED),
    TEXT(engine, COLUMN_REQUIRED),
    {.name = "load_kind",
     .kind = COLUMN_WORD,
     .need = COLUMN_FILLED,
     .words = "concurrency|qps|max_num_seqs|max_batch|batch|max_load|mlperf",
     .offset = offsetof(struct measured_row, load_kind)},
    {.name = "mode", .kind = COLUMN_WORD, .words = "agg|disagg", .offset = offsetof(struct measured_row, mode)},
    {.name = "concurrency_or_qps",
     .kind = COLUMN_NUMBER,
     .need = COLUMN_REQUIRED,
     .min = 1e-6,
     .max = LOAD_MAX,
     .offset = offsetof(struct measured_row, load)},
    WHOLE(num_gpus, COLUMN_OPTIONAL),
    WHOLE(tp, COLUMN_OPTIONAL),
    WHOLE(pp, COLUMN_OPTIONAL),
    WHOLE(ep, COLUMN_OPTIONAL),
    WHOLE(attention_dp, COLUMN_OPTIONAL),
    TEXT(source, COLUMN_OPTIONAL),
    TEXT(precision, COLUMN_OPTIONAL),
    TEXT(kv_precision, COLUMN_OPTIONAL),
    TEXT(engine_version, COLUMN_OPTIONAL),
    TEXT(spec_decode, COLUMN_OPTIONAL),
    TEXT(date, COLUMN_OPTIONAL),
    TEXT(group, COLUMN_OPTIONAL),
    TEXT(notes, COLUMN_OPTIONAL),
    TEXT(recipe_id, COLUMN_OPTIONAL),
    NUMBER(params_b, 1e-3, 1e6),
    NUMBER(active_params_b, 1e-3, 1e6),
    NUMBER(isl, 1, TOKENS_MAX),
    NUMBER(osl, 1, TOKENS_MAX),
    NUMBER(isl_mean_actual, 1, TOKENS_MAX),
    NUMBER(osl_mean_actual, 1, TOKENS_MAX),
    NUMBER(length_range_ratio, 0, 1),
    NUMBER(num_requests, 1, 1e9),
    NUMBER(output_tok_s, 1e-9, 1e12),
    NUMBER(ttft_ms_mean, 1e-6, MS_MAX),
    NUMBER(ttft_ms_p50, 1e-6, MS_MAX),
    NUMBER(tpot_ms_mean, 1e-6, MS_MAX),
    NUMBER(tpot_ms_p50, 1e-6, MS_MAX),
    NUMBER(e2e_ms_mean, 1e-6, MS_MAX),
    NUMBER(e2e_ms_p50, 1e-6, MS_MAX),
    NUMBER(ttft_ms_p99, 1e-6, MS_MAX),
    NUMBER(tpot_ms_p99, 1e-6, MS_MAX),
    NUMBER(e2e_ms_p99, 1e-6, MS_MAX),
    NUMBER(power_w_per_gpu, 1e-3, 1e5),
};

const char *load_kind_name(enum load_kind kind) {
    return load_kinds[kind];
}

const char *run_metric_name(enum run_metric metric) {
    static const char *const names[METRIC_COUNT] = {"tpot", "ttft", "e2e", "throughput", "power"};
    return names[metric];
}

static double first_known(double first, double second, bool *is_second) {
    *is_second = isnan(first);
    return *is_second ? second : first;
}

double measured_value(const struct measured_row *row, enum run_metric metric, bool *is_median) {
    const double ms_per_s = 1e3;
    *is_median = false;
    switch (metric) {
    case METRIC_TPOT: return first_known(row->tpot_ms_mean, row->tpot_ms_p50, is_median) / ms_per_s;
    case METRIC_TTFT: return first_known(row->ttft_ms_mean, row->ttft_ms_p50, is_median) / ms_per_s;
    case METRIC_E2E: return first_known(row->e2e_ms_mean, row->e2e_ms_p50, is_median) / ms_per_s;
    case METRIC_THROUGHPUT: return row->output_tok_s;
    case METRIC_POWER: return row->power_w_per_gpu;
    case METRIC_COUNT: break;
    }
    return (double)NAN;
}

double measured_input_tok(const struct measured_row *row) {
    return isnan(row->isl_mean_actual) ? row->isl : row->isl_mean_actual;
}

double measured_output_tok(const struct measured_row *row) {
    return isnan(row->osl_mean_actual) ? row->osl : row->osl_mean_actual;
}

/* What the kind of load needs. */
static bool row_check(const struct measured_row *row, struct diags *diags) {
    bool is_ok = true;
    bool needs_load = row->load_kind != LOAD_MAX_LOAD && row->load_kind != LOAD_MLPERF;
    bool needs_lengths = row->load_kind != LOAD_MAX_NUM_SEQS && row->load_kind != LOAD_MLPERF;
    const char *kind = load_kind_name((enum load_kind)row->load_kind);
    if (needs_load && isnan(row->load)) {
        is_ok = diag_error(diags, row->at, "measured-value", "%s: load_kind %s needs concurrency_or_qps", row->row_id,
                           kind);
    }
    if (needs_load && row->load_kind != LOAD_QPS && row->load != floor(row->load)) {
        is_ok = diag_error(diags, row->at, "measured-value", "%s: concurrency_or_qps = %g is not a whole number",
                           row->row_id, row->load);
    }
    if (needs_lengths && (isnan(measured_input_tok(row)) || isnan(measured_output_tok(row)))) {
        is_ok = diag_error(diags, row->at, "measured-value",
                           "%s: load_kind %s needs lengths: isl and osl, or their measured means", row->row_id, kind);
    }
    return is_ok;
}

static int by_id(const void *a, const void *b) {
    const struct measured_row *left = *(const struct measured_row *const *)a;
    const struct measured_row *right = *(const struct measured_row *const *)b;
    int order = strcmp(left->row_id, right->row_id);
    return order != 0 ? order : (left->at.line > right->at.line) - (left->at.line < right->at.line);
}

static bool ids_check(const struct measured *measured, struct diags *diags) {
    bool is_ok = true;
    const struct measured_row **sorted = xcalloc(measured->count + 1, sizeof *sorted);
    for (size_t i = 0; i < measured->count; i++) {
        sorted[i] = &measured->rows[i];
    }
    qsort(sorted, measured->count, sizeof *sorted, by_id);
    for (size_t i = 1; i < measured->count; i++) {
        if (strcmp(sorted[i - 1]->row_id, sorted[i]->row_id) == 0) {
            is_ok = diag_error(diags, sorted[i]->at, "measured-duplicate", "row_id '%s' stands in line %u already",
                               sorted[i]->row_id, sorted[i - 1]->at.line);
        }
    }
    free(sorted);
    return is_ok;
}

bool measured_read(struct measured *measured, const char *path, struct arena *arena, struct diags *diags) {
    const struct columns all = {columns, sizeof columns / sizeof columns[0], sizeof(struct measured_row)};
    void *rows;
    struct measured made = {.count = 0};
    if (!columns_read(&all, path, arena, &rows, &made.count, diags)) {
        return false;
    }
    made.rows = rows;
    bool is_ok = true;
    for (size_t i = 0; i < made.count; i++) {
        is_ok = row_check(&made.rows[i], diags) && is_ok;
    }
    is_ok = ids_check(&made, diags) && is_ok;
    if (is_ok) {
        *measured = made;
    }
    return is_ok;
}
