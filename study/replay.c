#include "study/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/clock.h"
#include "sim/simulate.h"
#include "study/columns.h"

static const int percentiles[REPLAY_PERCENTILE_COUNT] = {50, 90, 99};

const char *replay_metric_name(enum replay_metric metric) {
    static const char *const names[REPLAY_METRIC_COUNT] = {"ttft", "tpot", "e2e"};
    return names[metric];
}

int replay_percentile(size_t index) {
    return percentiles[index];
}

/* --- reading --- */

struct request_row {
    struct position at; /* first: see columns.h */
    const char *source, *model, *gpu, *engine, *precision, *recipe_id;
    int64_t tp, num_gpus, isl, osl;
    double queued_s, ttft_ms, e2e_ms;
};

#define ROW(field, wanted, needed, least, most)                                                                        \
    {                                                                                                                  \
        .name = #field, .kind = wanted, .need = needed, .min = (least), .max = (most),                                 \
        .offset = offsetof(struct request_row, field)                                                                  \
    }
static const struct column columns[] = {
    ROW(source, COLUMN_TEXT, COLUMN_OPTIONAL, 0, 0),     ROW(model, COLUMN_TEXT, COLUMN_FILLED, 0, 0),
    ROW(gpu, COLUMN_TEXT, COLUMN_FILLED, 0, 0),          ROW(engine, COLUMN_TEXT, COLUMN_OPTIONAL, 0, 0),
    ROW(precision, COLUMN_TEXT, COLUMN_OPTIONAL, 0, 0),  ROW(recipe_id, COLUMN_TEXT, COLUMN_OPTIONAL, 0, 0),
    ROW(tp, COLUMN_WHOLE, COLUMN_OPTIONAL, 0, 1e6),      ROW(num_gpus, COLUMN_WHOLE, COLUMN_OPTIONAL, 0, 1e6),
    ROW(queued_s, COLUMN_NUMBER, COLUMN_FILLED, 0, 1e8), ROW(isl, COLUMN_WHOLE, COLUMN_FILLED, 1, 1e9),
    ROW(osl, COLUMN_WHOLE, COLUMN_FILLED, 1, 1e9),       ROW(ttft_ms, COLUMN_NUMBER, COLUMN_FILLED, 0, 1e10),
    ROW(e2e_ms, COLUMN_NUMBER, COLUMN_FILLED, 0, 1e10),
};

bool replays_are_in(const char *path) {
    return columns_has(path, "queued_s") && !columns_has(path, "row_id");
}

static bool is_same_run(const struct replay *replay, const struct request_row *row) {
    return strcmp(replay->row.source, row->source) == 0 && strcmp(replay->row.model, row->model) == 0 &&
           strcmp(replay->row.gpu, row->gpu) == 0 && replay->row.tp == row->tp;
}

static void replay_begin(struct replay *replay, const struct request_row *row, size_t room, struct arena *arena) {
    *replay = (struct replay){
        .row = {.at = row->at,
                .source = row->source,
                .model = row->model,
                .gpu = row->gpu,
                .engine = row->engine,
                .precision = row->precision,
                .recipe_id = row->recipe_id,
                .kv_precision = "",
                .engine_version = "",
                .spec_decode = "none",
                .date = "",
                .group = "",
                .notes = "",
                .load_kind = LOAD_QPS,
                .tp = row->tp,
                .num_gpus = row->num_gpus,
                .length_range_ratio = (double)NAN,
                .num_requests = (double)NAN},
        .requests = arena_alloc(arena, room, sizeof(struct replayed_request)),
    };
    replay->row.row_id = arena_format(arena, "%s %s", row->model, row->gpu);
}

static int by_queued(const void *a, const void *b) {
    const struct replayed_request *left = a, *right = b;
    return (left->queued_s > right->queued_s) - (left->queued_s < right->queued_s);
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest rank; `values` are sorted on the way. */
static void fill_percentiles(double *values, size_t count, double out[REPLAY_PERCENTILE_COUNT]) {
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < REPLAY_PERCENTILE_COUNT; i++) {
        size_t rank = (count * (size_t)percentiles[i] + 99) / 100;
        out[i] = count > 0 ? values[rank - 1] : (double)NAN;
    }
}

/* Percentiles and output rate of requests as somebody saw them. */
static void summarise(const struct replayed_request *requests, size_t count,
                      double out[REPLAY_METRIC_COUNT][REPLAY_PERCENTILE_COUNT], double *tok_per_s) {
    double *values = xcalloc(count + 1, sizeof *values);
    double end_s = 0, tokens = 0;
    for (int metric = 0; metric < REPLAY_METRIC_COUNT; metric++) {
        size_t used = 0;
        for (size_t i = 0; i < count; i++) {
            const struct replayed_request *request = &requests[i];
            double tpot_s = (request->e2e_s - request->ttft_s) / (double)(request->output_tok - 1);
            if (metric != REPLAY_TPOT || request->output_tok > 1) {
                const double by_metric[] = {request->ttft_s, tpot_s, request->e2e_s};
                values[used++] = by_metric[metric];
            }
        }
        fill_percentiles(values, used, out[metric]);
    }
    for (size_t i = 0; i < count; i++) {
        double finish_s = requests[i].queued_s + requests[i].e2e_s;
        end_s = finish_s > end_s ? finish_s : end_s;
        tokens += (double)requests[i].output_tok;
    }
    *tok_per_s = end_s > 0 ? tokens / end_s : (double)NAN;
    free(values);
}

/* Mean lengths and rate, and what was measured. */
static void replay_finish(struct replay *replay) {
    double input = 0, output = 0;
    qsort(replay->requests, replay->count, sizeof *replay->requests, by_queued);
    for (size_t i = 0; i < replay->count; i++) {
        input += (double)replay->requests[i].input_tok;
        output += (double)replay->requests[i].output_tok;
    }
    double span_s = replay->requests[replay->count - 1].queued_s;
    replay->row.isl = replay->row.isl_mean_actual = input / (double)replay->count;
    replay->row.osl = replay->row.osl_mean_actual = output / (double)replay->count;
    replay->row.load = span_s > 0 ? (double)replay->count / span_s : 1;
    summarise(replay->requests, replay->count, replay->measured, &replay->measured_tok_per_s);
}

bool replays_read(const char *path, struct arena *arena, struct replay **replays, size_t *count, struct diags *diags) {
    const struct columns all = {columns, sizeof columns / sizeof columns[0], sizeof(struct request_row)};
    const double ms_per_s = 1e3;
    void *read;
    size_t row_count;
    if (!columns_read(&all, path, arena, &read, &row_count, diags)) {
        return false;
    }
    const struct request_row *rows = read;
    struct replay *made = arena_alloc(arena, row_count + 1, sizeof *made);
    size_t used = 0;
    for (size_t i = 0; i < row_count; i++) {
        size_t place = 0;
        while (place < used && !is_same_run(&made[place], &rows[i])) {
            place++;
        }
        if (place == used) {
            replay_begin(&made[used++], &rows[i], row_count - i, arena);
        }
        made[place].requests[made[place].count++] = (struct replayed_request){.queued_s = rows[i].queued_s,
                                                                              .ttft_s = rows[i].ttft_ms / ms_per_s,
                                                                              .e2e_s = rows[i].e2e_ms / ms_per_s,
                                                                              .input_tok = rows[i].isl,
                                                                              .output_tok = rows[i].osl};
    }
    for (size_t i = 0; i < used; i++) {
        replay_finish(&made[i]);
    }
    *replays = made;
    *count = used;
    return true;
}

/* --- the requests as arrivals --- */

struct listed_source {
    struct arrival_source source; /* first */
    const struct replay *replay;  // borrowed
    size_t next;
};

static enum arrival_status listed_next(struct arrival_source *source, int64_t end_key, struct arrival *out,
                                       struct diags *diags) {
    (void)diags;
    struct listed_source *listed = (struct listed_source *)source;
    if (listed->next == listed->replay->count) {
        return ARRIVAL_END;
    }
    const struct replayed_request *request = &listed->replay->requests[listed->next];
    int64_t key = key_of_s(request->queued_s);
    if (key >= end_key) {
        return ARRIVAL_END;
    }
    *out = (struct arrival){
        .key = key, .draw = listed->next++, .input_tokens = request->input_tok, .output_tokens = request->output_tok};
    source->counts.read++;
    return ARRIVAL_READY;
}

static void listed_free(struct arrival_source *source) {
    free(source);
}

static struct arrival_source *listed_open(const void *context, uint64_t seed, uint32_t replication,
                                          struct diags *diags) {
    static const struct arrival_source_type type = {.name = "replay", .next = listed_next, .free = listed_free};
    (void)seed;
    (void)replication;
    (void)diags;
    struct listed_source *listed = xcalloc(1, sizeof *listed);
    listed->source.type = &type;
    listed->replay = context;
    return &listed->source;
}

/* The point with the run's own requests in place of what its row says of them. */
static void put_requests(struct resolved_point *point, const struct replay *replay, struct workload_config *workload) {
    *workload = point->sim.workloads[0];
    workload->arrivals = (struct arrival_factory){
        .open = listed_open, .context = replay, .mean_rate_per_s = replay->row.load, .is_trace = true};
    workload->input_tokens = workload->output_tokens = (struct length_spec){.kind = LENGTH_FROM_TRACE};
    point->sim.workloads = workload;
    point->sim.max_requests = 0;
}

/* --- running --- */

struct collector {
    const struct predict_watch *watch; // borrowed
    struct replayed_request *requests; // borrowed
    size_t count;
};

static void collect(void *context, const struct request_record *record) {
    struct collector *collector = context;
    if (record->status == REQUEST_COMPLETED) {
        collector->requests[collector->count++] = (struct replayed_request){.queued_s = key_to_s(record->arrival_key),
                                                                            .ttft_s = units_to_s(record->ttft),
                                                                            .e2e_s = units_to_s(record->e2e),
                                                                            .input_tok = record->input_tokens,
                                                                            .output_tok = record->output_tokens};
    }
}

static bool tell_progress(void *context, double done_ratio, double simulated_s) {
    const struct collector *collector = context;
    return collector->watch->progress == NULL ||
           progress_point_running(collector->watch->progress, collector->watch->index, done_ratio, simulated_s);
}

static bool play(struct resolved_point *point, struct replay *replay, const struct predict_watch *watch,
                 struct diags *diags) {
    struct workload_config workload;
    struct sim_outcome outcome = {0};
    struct collector collector = {.watch = watch,
                                  .requests = xcalloc(replay->count + 1, sizeof(struct replayed_request))};
    const struct observer observer = {.context = &collector, .request_ended = collect, .progress = tell_progress};
    put_requests(point, replay, &workload);
    bool is_ok = simulate(&point->sim, &observer, &outcome, diags);
    bool is_done = is_ok && !outcome.abandoned;
    if (is_done) {
        summarise(collector.requests, collector.count, replay->predicted, &replay->predicted_tok_per_s);
        replay->incomplete = replay->count - collector.count;
    }
    if (is_ok) {
        sim_outcome_release(&outcome);
    }
    free(collector.requests);
    return is_done;
}

/* What a recipe says of the run: engine, precision, and copies that share the requests ("data_parallel_size 2"). */
static void fill_from_recipe(struct replay *replay, const struct rebuild_context *context) {
    struct measured_row *row = &replay->row;
    const struct recipe *recipe = rebuild_recipe(context, row);
    int64_t copies = 1;
    if (recipe != NULL) {
        const char *blank = strrchr(recipe->attention_dp, ' ');
        row->recipe_id = recipe->recipe_id;
        row->engine = row->engine[0] != '\0' ? row->engine : recipe->engine;
        row->precision = row->precision[0] != '\0' ? row->precision : recipe->precision;
        if (blank == NULL || !text_to_int64(span_of(blank + 1), &copies) || copies < 1) {
            copies = 1;
        }
    }
    row->engine = row->engine[0] != '\0' ? row->engine : "vllm";
    row->num_gpus = row->num_gpus > 0 ? row->num_gpus : copies * (row->tp > 0 ? row->tp : 1);
    replay->has_recipe = recipe != NULL;
}

bool replay_run(const struct rebuild_context *context, struct replay *replay, const struct predict_watch *watch,
                struct diags *diags) {
    struct rebuilt rebuilt;
    fill_from_recipe(replay, context);
    rebuild_row(context, &replay->row, &rebuilt);
    replay->skip = rebuilt.skip;
    memcpy(replay->why, rebuilt.why, sizeof replay->why);
    replay->engine = rebuilt.engine != NULL ? rebuilt.engine->word : replay->row.engine;
    bool is_ok = rebuilt.point == NULL || play(rebuilt.point, replay, watch, diags);
    rebuilt_release(&rebuilt);
    return is_ok;
}
