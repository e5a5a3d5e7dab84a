#include "study/measured_json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct position nowhere = {.source = NULL};

struct reader {
    const char *path;                     /* borrowed */
    const struct measured_server *server; /* borrowed */
    struct arena *arena;                  /* borrowed */
    struct diags *diags;                  /* borrowed */
    struct measured_row *rows;            // owned while it grows
    size_t count;
};

bool measured_json_is(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".json") == 0 || strcmp(dot, ".jsonl") == 0);
}

static double number_at(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* "Org/Name" is "Name" here. */
static const char *base_name(const char *model) {
    const char *slash = strrchr(model, '/');
    return slash == NULL ? model : slash + 1;
}

static const char *known(const char *text) {
    return text == NULL ? "" : text;
}

static struct measured_row *add_row(struct reader *reader, const char *source, const char *model) {
    const struct measured_server *server = reader->server;
    const double none = (double)NAN;
    const char *name = server->model != NULL ? server->model : base_name(model);
    reader->rows = xrealloc(reader->rows, reader->count + 1, sizeof *reader->rows);
    struct measured_row *row = &reader->rows[reader->count++];
    *row = (struct measured_row){.row_id = arena_format(reader->arena, "%zu", reader->count),
                                 .source = source,
                                 .model = arena_text(reader->arena, name, strlen(name)),
                                 .gpu = server->gpu,
                                 .precision = known(server->precision),
                                 .kv_precision = "",
                                 .engine = server->engine != NULL ? server->engine : "vllm",
                                 .engine_version = "",
                                 .spec_decode = "none",
                                 .date = "",
                                 .group = "",
                                 .notes = "",
                                 .recipe_id = "",
                                 .num_gpus = server->tensor_parallel > 0 ? server->tensor_parallel : 1,
                                 .tp = server->tensor_parallel > 0 ? server->tensor_parallel : 1,
                                 .params_b = none,
                                 .active_params_b = none,
                                 .isl = none,
                                 .osl = none,
                                 .length_range_ratio = none,
                                 .power_w_per_gpu = none};
    return row;
}

static bool bad_run(const struct reader *reader, const char *what) {
    return diag_error(reader->diags, nowhere, "measured-json", "%s: run %zu: %s", reader->path, reader->count, what);
}

/* What every run must say. */
static bool row_check(const struct reader *reader, const struct measured_row *row) {
    bool is_ok = row->load > 0 || row->load_kind == LOAD_MAX_LOAD || bad_run(reader, "its load is not known");
    is_ok = (row->isl_mean_actual >= 1 && row->osl_mean_actual >= 1) || bad_run(reader, "its lengths are not known");
    return is_ok && (row->num_requests >= 1 || bad_run(reader, "has no completed request"));
}

/* --- vLLM --- */

static bool read_vllm(struct reader *reader, const json_t *run) {
    struct measured_row *row = add_row(reader, "vllm bench serve", text_at(run, "model_id"));
    double clients = number_at(run, "max_concurrency"), rate = number_at(run, "request_rate");
    double completed = number_at(run, "completed");
    row->load_kind = clients > 0 ? LOAD_CONCURRENCY : rate > 0 ? LOAD_QPS : LOAD_MAX_LOAD;
    row->load = clients > 0 ? clients : rate > 0 ? rate : completed;
    row->num_requests = completed;
    row->isl_mean_actual = number_at(run, "total_input_tokens") / completed;
    row->osl_mean_actual = number_at(run, "total_output_tokens") / completed;
    row->output_tok_s = number_at(run, "output_throughput");
    row->ttft_ms_mean = number_at(run, "mean_ttft_ms");
    row->ttft_ms_p50 = number_at(run, "median_ttft_ms");
    row->tpot_ms_mean = number_at(run, "mean_tpot_ms");
    row->tpot_ms_p50 = number_at(run, "median_tpot_ms");
    row->e2e_ms_mean = number_at(run, "mean_e2el_ms");
    row->e2e_ms_p50 = number_at(run, "median_e2el_ms");
    if (clients > 0 && rate > 0) {
        return bad_run(reader, "has both max_concurrency and a finite request_rate, which is not simulated");
    }
    return row_check(reader, row);
}

/* --- GuideLLM --- */

/* Of the requests that succeeded. */
static double statistic(const json_t *run, const char *metric, const char *which) {
    const json_t *all = json_object_get(json_object_get(run, "metrics"), metric);
    return number_at(json_object_get(all, "successful"), which);
}

static const json_t *strategy_of(const json_t *run) {
    const json_t *strategy = json_object_get(json_object_get(run, "config"), "strategy");
    return strategy != NULL ? strategy : json_object_get(json_object_get(run, "args"), "strategy");
}

static bool take_strategy(const struct reader *reader, const json_t *strategy, struct measured_row *row) {
    const char *kind = text_at(strategy, "type_");
    if (strcmp(kind, "synchronous") == 0 || strcmp(kind, "concurrent") == 0) {
        row->load_kind = LOAD_CONCURRENCY;
        row->load = kind[0] == 's' ? 1 : number_at(strategy, "streams");
    } else if (strcmp(kind, "constant") == 0 || strcmp(kind, "poisson") == 0) {
        row->load_kind = LOAD_QPS;
        row->load = number_at(strategy, "rate");
    } else if (strcmp(kind, "throughput") == 0) {
        row->load_kind = LOAD_MAX_LOAD;
        row->load = row->num_requests;
    } else {
        return bad_run(reader, "its strategy is none of synchronous, concurrent, throughput, constant, poisson");
    }
    return true;
}

static bool read_guidellm_run(struct reader *reader, const json_t *run, const char *model) {
    const double ms_per_s = 1e3;
    struct measured_row *row = add_row(reader, "GuideLLM", model);
    row->num_requests = statistic(run, "request_latency", "count");
    row->isl_mean_actual = statistic(run, "prompt_token_count", "mean");
    row->osl_mean_actual = statistic(run, "output_token_count", "mean");
    row->output_tok_s = statistic(run, "output_tokens_per_second", "mean");
    row->ttft_ms_mean = statistic(run, "time_to_first_token_ms", "mean");
    row->ttft_ms_p50 = statistic(run, "time_to_first_token_ms", "median");
    row->tpot_ms_mean = statistic(run, "inter_token_latency_ms", "mean");
    row->tpot_ms_p50 = statistic(run, "inter_token_latency_ms", "median");
    row->e2e_ms_mean = ms_per_s * statistic(run, "request_latency", "mean");
    row->e2e_ms_p50 = ms_per_s * statistic(run, "request_latency", "median");
    return take_strategy(reader, strategy_of(run), row) && row_check(reader, row);
}

static bool read_guidellm(struct reader *reader, const json_t *benchmarks) {
    bool is_ok = true;
    size_t index;
    const json_t *run;
    json_array_foreach(benchmarks, index, run) {
        const json_t *config = json_object_get(run, "config"), *args = json_object_get(run, "args");
        const json_t *backend = json_object_get(config != NULL ? config : args, "backend");
        is_ok = read_guidellm_run(reader, run, text_at(backend, "model")) && is_ok;
    }
    return is_ok;
}

/* --- the file --- */

static bool read_object(struct reader *reader, const json_t *root) {
    const json_t *benchmarks = json_object_get(root, "benchmarks");
    if (json_is_array(benchmarks)) {
        return read_guidellm(reader, benchmarks);
    }
    if (json_object_get(root, "mean_tpot_ms") != NULL || json_object_get(root, "mean_ttft_ms") != NULL) {
        return read_vllm(reader, root);
    }
    return diag_error(reader->diags, nowhere, "measured-json",
                      "%s is neither what 'vllm bench serve --save-result' nor what GuideLLM writes", reader->path);
}

/* Every object of the file. */
static bool read_stream(struct reader *reader, FILE *file) {
    bool is_ok = true;
    int next;
    do {
        json_error_t error;
        json_t *root = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        if (root == NULL) {
            return diag_error(reader->diags, nowhere, "measured-json", "%s:%d: %s", reader->path, error.line,
                              error.text);
        }
        is_ok = read_object(reader, root) && is_ok;
        json_decref(root);
        do {
            next = getc(file);
        } while (next == ' ' || next == '\n' || next == '\r' || next == '\t');
        (void)ungetc(next, file);
    } while (next != EOF && is_ok);
    return is_ok;
}

bool measured_json_read(struct measured *measured, const char *path, const struct measured_server *server,
                        struct arena *arena, struct diags *diags) {
    const struct measured_server nobody = {.gpu = NULL};
    struct reader reader = {.path = path, .server = server != NULL ? server : &nobody, .arena = arena, .diags = diags};
    if (reader.server->gpu == NULL) {
        return diag_error(diags, nowhere, "measured-json",
                          server == NULL
                              ? "%s is a load generator's: 'tokenmill calibrate' compares it, with --gpu and --model"
                              : "%s does not say on what GPU it was measured: --gpu is needed",
                          path);
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return diag_world(diags, nowhere, "measured-file", "%s cannot be read: %s", path, strerror(errno));
    }
    bool is_ok = read_stream(&reader, file);
    fclose(file);
    struct measured_row *rows = arena_alloc(arena, reader.count + 1, sizeof *rows);
    if (reader.count > 0) {
        memcpy(rows, reader.rows, reader.count * sizeof *rows);
    }
    free(reader.rows);
    *measured = (struct measured){.rows = rows, .count = reader.count};
    return is_ok;
}
