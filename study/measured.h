/* measured.h - measured runs of real servers, one row a run: tokenmill's own format, docs/measured-format.md.
 *
 * Latencies are as in the file, in milliseconds; what a row does not say is NaN, 0 or "". The same file may hold many models, GPUs,
 * engines and kinds of load. */
#ifndef TOKENMILL_STUDY_MEASURED_H
#define TOKENMILL_STUDY_MEASURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

enum load_kind {
    LOAD_CONCURRENCY,  /* closed loop of so many clients */
    LOAD_QPS,          /* open loop, constant rate, 1/s */
    LOAD_MAX_NUM_SEQS, /* a queue that never empties, a server of so many sequences; latencies are gaps between tokens */
    LOAD_MAX_BATCH,    /* one padded batch of so many */
    LOAD_BATCH,        /* likewise */
    LOAD_MAX_LOAD,     /* all queued at t = 0 */
    LOAD_MLPERF,       /* likewise; lengths and parallelism not stated */
};

const char *load_kind_name(enum load_kind kind);

enum serving_mode { SERVING_AGGREGATED, SERVING_DISAGGREGATED };

struct measured_row {
    struct position at; /* first: see columns.h */
    const char *row_id, *source, *model, *gpu, *precision, *kv_precision, *engine, *engine_version;
    const char *spec_decode, *date, *group, *notes, *recipe_id;
    size_t load_kind, mode;                     /* enum load_kind, serving_mode */
    int64_t num_gpus, tp, pp, ep, attention_dp; /* 0: not stated */
    double params_b, active_params_b;
    double isl, osl, isl_mean_actual, osl_mean_actual; /* tokens */
    double length_range_ratio;                         /* lengths are uniform in [ratio x nominal, nominal] */
    double num_requests;
    double load; /* concurrency_or_qps */
    double output_tok_s;
    double ttft_ms_mean, ttft_ms_p50, tpot_ms_mean, tpot_ms_p50, e2e_ms_mean, e2e_ms_p50;
    double ttft_ms_p99, tpot_ms_p99, e2e_ms_p99; /* NaN or 0: not known */
    double power_w_per_gpu;
};

struct measured {
    const struct measured_row *rows; /* in the arena */
    size_t count;
};

/* What a run is compared by. */
enum run_metric { METRIC_TPOT, METRIC_TTFT, METRIC_E2E, METRIC_THROUGHPUT, METRIC_POWER, METRIC_COUNT };

const char *run_metric_name(enum run_metric metric); /* "tpot", "ttft", "e2e", "throughput", "power" */

/* The row's own figure in s, tok/s or W per GPU: the mean where it has one, else the median (`*is_median`). NaN: not measured. */
double measured_value(const struct measured_row *row, enum run_metric metric, bool *is_median);

/* Mean length of prompts and answers: measured, else nominal; NaN: not stated. */
double measured_input_tok(const struct measured_row *row);
double measured_output_tok(const struct measured_row *row);

/* Reads the file. Rules as columns.h, and "measured-duplicate": row_id has to tell rows apart. */
bool measured_read(struct measured *measured, const char *path, struct arena *arena, struct diags *diags);

#endif
