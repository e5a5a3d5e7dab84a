#include "study/validate.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/catalog.h"

/* What the workers share. */
struct work {
    const struct rebuild_context *context; // borrowed
    struct validation *validation;         // borrowed
    const bool *is_wanted;                 /* borrowed; as in the request */
    struct progress *progress;             // owned
};

bool comparison_has(const struct comparison *comparison, enum run_metric metric) {
    return comparison->skip == SKIP_NONE && comparison->measured[metric] > 0 &&
           isfinite(comparison_predicted(comparison, metric));
}

double comparison_predicted(const struct comparison *comparison, enum run_metric metric) {
    return predicted_value(&comparison->predicted, metric, comparison->is_median[metric]);
}

double comparison_error(const struct comparison *comparison, enum run_metric metric) {
    return comparison_predicted(comparison, metric) / comparison->measured[metric] - 1;
}

bool comparison_is_scored_by(const struct comparison *comparison, enum run_metric metric) {
    return comparison->skip == SKIP_NONE && flags_let_score(comparison->flags, metric);
}

bool comparison_is_scored(const struct comparison *comparison) {
    return comparison_is_scored_by(comparison, METRIC_TPOT);
}

/* --- a row --- */

/* Metrics of runs and of expected errors are in one order. */
static_assert((int)METRIC_TPOT == (int)EXPECTED_TPOT && (int)METRIC_TTFT == (int)EXPECTED_TTFT &&
                  (int)METRIC_E2E == (int)EXPECTED_E2E && (int)METRIC_THROUGHPUT == (int)EXPECTED_THROUGHPUT &&
                  (int)METRIC_POWER == (int)EXPECTED_POWER,
              "metrics by name");

static void fill_expected(struct comparison *comparison, const struct rebuilt *rebuilt) {
    const struct pool_facts *facts = &rebuilt->point->pools[0];
    comparison->expected = facts->expected;
    comparison->expected.class = expected_class_of(rebuilt->llm, rebuilt->gpu);
    comparison->expected.cases |=
        (flags_have(comparison->flags, FLAG_UNKNOWN_RECIPE) ? expected_bit(EXPECTED_UNKNOWN_RECIPE) : 0) |
        (flags_have(comparison->flags, FLAG_PREFIX_CACHE) ? expected_bit(EXPECTED_PREFIX_CACHE) : 0);
    for (int m = 0; m < METRIC_COUNT; m++) {
        comparison->q95_log[m] = facts->error_is_known
                                     ? expected_error_log(facts->errors, (enum expected_metric)m, &comparison->expected)
                                     : (double)NAN;
    }
}

static void describe(struct comparison *comparison, const struct rebuilt *rebuilt) {
    const struct measured_row *row = comparison->row;
    comparison->skip = rebuilt->skip;
    memcpy(comparison->why, rebuilt->why, sizeof comparison->why);
    bool is_known = rebuilt->engine != NULL && rebuilt->engine->is_documented;
    comparison->engine = is_known ? rebuilt->engine->word : row->engine;
    for (int m = 0; m < METRIC_COUNT; m++) {
        comparison->measured[m] = measured_value(row, (enum run_metric)m, &comparison->is_median[m]);
    }
    if (rebuilt->skip == SKIP_NONE) {
        comparison->flags = flags_of_row(row, rebuilt);
        fill_expected(comparison, rebuilt);
    }
}

static bool compare(void *context, size_t index, struct diags *diags) {
    struct work *work = context;
    struct comparison *comparison = &work->validation->rows[index];
    const struct predict_watch watch = {work->progress, index};
    struct rebuilt rebuilt;
    if (work->is_wanted != NULL && !work->is_wanted[index]) {
        progress_point_done(work->progress, index);
        return true;
    }
    rebuild_row(work->context, comparison->row, &rebuilt);
    describe(comparison, &rebuilt);
    bool is_ok = true;
    if (rebuilt.point != NULL) {
        is_ok = predict_run(rebuilt.point, &rebuilt.client, &watch, &comparison->predicted, diags);
        comparison->flags |= comparison->predicted.incomplete > 0 ? 1u << FLAG_INCOMPLETE : 0;
    }
    rebuilt_release(&rebuilt);
    if (is_ok) {
        progress_point_done(work->progress, index);
    }
    return is_ok;
}

static bool replay(void *context, size_t index, struct diags *diags) {
    struct work *work = context;
    const struct predict_watch watch = {work->progress, index};
    bool is_ok = replay_run(work->context, &work->validation->replays[index], &watch, diags);
    if (is_ok) {
        progress_point_done(work->progress, index);
    }
    return is_ok;
}

static bool is_cancelled(void *context) {
    struct work *work = context;
    return progress_cancelled(work->progress);
}

/* --- all rows: cells that physics forbids, counts, scores --- */

static bool is_same_cell(const struct measured_row *a, const struct measured_row *b) {
    return strcmp(a->model, b->model) == 0 && strcmp(a->gpu, b->gpu) == 0 && strcmp(a->engine, b->engine) == 0 &&
           strcmp(a->precision, b->precision) == 0 && strcmp(a->source, b->source) == 0;
}

static void flag_cells(struct validation *validation) {
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *bad = &validation->rows[i];
        bool is_bad = bad->skip == SKIP_NONE && flags_have(bad->flags, FLAG_PHYSICS_MFU) &&
                      !flags_have(bad->flags, FLAG_SPECULATIVE);
        for (size_t k = 0; is_bad && k < validation->count; k++) {
            struct comparison *other = &validation->rows[k];
            bool is_hit = is_same_cell(bad->row, other->row) && !flags_have(other->flags, FLAG_PHYSICS_MFU);
            other->flags |= is_hit ? 1u << FLAG_PHYSICS_CELL : 0;
        }
    }
}

static void count_rows(struct validation *validation) {
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        validation->skipped[comparison->skip]++;
        if (comparison->skip != SKIP_NONE) {
            continue;
        }
        validation->predicted_count++;
        validation->scored_count += comparison_is_scored(comparison) ? 1 : 0;
        for (int f = 0; f < FLAG_COUNT; f++) {
            validation->flagged[f] += flags_have(comparison->flags, (enum row_flag)f) ? 1 : 0;
        }
    }
    validation->skipped[SKIP_NONE] = 0;
}

static const char *load_class(const struct comparison *comparison) {
    switch ((enum load_kind)comparison->row->load_kind) {
    case LOAD_CONCURRENCY: return "closed loop";
    case LOAD_QPS: return "open loop";
    case LOAD_MAX_BATCH:
    case LOAD_BATCH: return "one batch";
    case LOAD_MAX_NUM_SEQS: return "saturated, steady";
    case LOAD_MAX_LOAD:
    case LOAD_MLPERF: break;
    }
    return "saturated, offline";
}

/* Classes that are never mixed with others, whatever the metric; NULL: none of them. */
static const char *apart_class(const struct comparison *comparison) {
    if (comparison->expected.class == EXPECTED_NOT_NVIDIA) {
        return expected_class_name(EXPECTED_NOT_NVIDIA);
    }
    if (strncmp(comparison->row->gpu, "B300", 4) == 0 && strcmp(comparison->engine, "sglang") == 0) {
        return "B300, sglang";
    }
    if (flags_have(comparison->flags, FLAG_UNMODELLED_LAYERS)) {
        return "state-space layers";
    }
    if (flags_have(comparison->flags, FLAG_PREFIX_CACHE)) {
        return "prefix cache";
    }
    return strcmp(comparison->row->spec_decode, "unknown") == 0 ? "speculation not stated" : NULL;
}

static const char *class_of(const struct comparison *comparison, enum run_metric metric, struct arena *arena) {
    const char *kind = expected_class_name(comparison->expected.class);
    const char *apart = apart_class(comparison);
    const char *recipe = flags_have(comparison->flags, FLAG_UNKNOWN_RECIPE) ? "recipe unknown" : "recipe known";
    if (apart != NULL) {
        return apart;
    }
    switch (metric) {
    case METRIC_TPOT: return arena_format(arena, "%s, %s, %s", kind, comparison->engine, recipe);
    case METRIC_TTFT: return arena_format(arena, "%s, %s", recipe, comparison->engine);
    case METRIC_E2E: return arena_format(arena, "%s, %s", kind, comparison->engine);
    case METRIC_THROUGHPUT: return arena_format(arena, "%s, %s", load_class(comparison), kind);
    case METRIC_POWER: return kind;
    case METRIC_COUNT: break;
    }
    return "";
}

static void score(struct validation *validation) {
    size_t count = 0;
    struct score_item *items = arena_alloc(validation->arena, METRIC_COUNT * validation->count + 1, sizeof *items);
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        for (int m = 0; m < METRIC_COUNT; m++) {
            enum run_metric metric = (enum run_metric)m;
            if (comparison_is_scored_by(comparison, metric) && comparison_has(comparison, metric)) {
                items[count++] = (struct score_item){.row = comparison->row,
                                                     .metric = metric,
                                                     .class_name = class_of(comparison, metric, validation->arena),
                                                     .engine = comparison->engine,
                                                     .error = comparison_error(comparison, metric),
                                                     .q95_log = comparison->q95_log[metric]};
            }
        }
    }
    validation->scores = scores_make(items, count, validation->arena);
}

double validation_first_wave(const struct validation *validation, size_t *rows) {
    double *ratios = xcalloc(validation->count + 1, sizeof *ratios);
    *rows = 0;
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        double ratio = comparison->predicted.ttft_first_wave_s / comparison->predicted.ttft_later_s;
        if (comparison_is_scored(comparison) && comparison->row->load_kind == LOAD_CONCURRENCY && isfinite(ratio)) {
            ratios[(*rows)++] = ratio;
        }
    }
    double median = score_median(ratios, *rows);
    free(ratios);
    return median;
}

/* --- all of it --- */

static bool read_runs(const struct validate_request *request, struct measured *measured, struct arena *arena,
                      struct diags *diags) {
    return measured_json_is(request->path) ? measured_json_read(measured, request->path, request->server, arena, diags)
                                           : measured_read(measured, request->path, arena, diags);
}

static bool read_rows(const struct validate_request *request, struct validation *validation, struct diags *diags) {
    struct measured measured;
    validation->is_replay = !measured_json_is(validation->path) && replays_are_in(validation->path);
    if (validation->is_replay) {
        return replays_read(validation->path, validation->arena, &validation->replays, &validation->replay_count,
                            diags);
    }
    if (!read_runs(request, &measured, validation->arena, diags)) {
        return false;
    }
    validation->count = measured.count;
    validation->rows = arena_alloc(validation->arena, measured.count + 1, sizeof *validation->rows);
    for (size_t i = 0; i < measured.count; i++) {
        validation->rows[i].row = &measured.rows[i];
        validation->rows[i].engine = measured.rows[i].engine;
    }
    return true;
}

static enum worker_pool_end run_rows(const struct validate_request *request, const struct rebuild_context *context,
                                     struct validation *validation, struct diags *diags) {
    size_t count = validation->is_replay ? validation->replay_count : validation->count;
    struct work work = {.context = context,
                        .validation = validation,
                        .is_wanted = request->is_wanted,
                        .progress = progress_new(count, request->listener, request->context)};
    const struct worker_job job = {.count = count,
                                   .threads = request->threads,
                                   .context = &work,
                                   .run = validation->is_replay ? replay : compare,
                                   .cancelled = is_cancelled};
    enum worker_pool_end end = worker_pool_run(&job, diags);
    progress_free(work.progress);
    if (end == WORKER_POOL_DONE && !validation->is_replay) {
        flag_cells(validation);
        count_rows(validation);
        score(validation);
    }
    return end;
}

static void release_arena(void *arena) {
    arena_free(arena);
}

enum worker_pool_end validate_run(const struct validate_request *request, struct validation **validation,
                                  struct diags *diags) {
    struct arena *arena = arena_new();
    struct validation *made = arena_alloc(arena, 1, sizeof *made);
    struct recipe_book *book = arena_alloc(arena, 1, sizeof *book);
    *made = (struct validation){.path = request->path, .has_recipes = request->recipes_dir != NULL, .arena = arena};
    bool is_ok = read_rows(request, made, diags);
    is_ok = (request->recipes_dir == NULL || recipe_book_read(book, request->recipes_dir, arena, diags)) && is_ok;
    struct rebuild_context *context = rebuild_context_new(book, &request->rebuild, diags);
    enum worker_pool_end end = WORKER_POOL_FAILED;
    if (is_ok && context != NULL) {
        end = run_rows(request, context, made, diags);
    }
    rebuild_context_free(context);
    if (end != WORKER_POOL_DONE) {
        diags_keep(diags, arena, release_arena);
        return end;
    }
    *validation = made;
    return end;
}

void validation_free(struct validation *validation) {
    if (validation != NULL) {
        arena_free(validation->arena);
    }
}
