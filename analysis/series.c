#include "analysis/series.h"

#include <stdio.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "analysis/result_parts.h"
#include "base/check.h"
#include "base/text.h"
#include "sim/clock.h"
#include "sim/timeline.h"

enum { NUMBER_SIZE = 40, HOUR_S = 3600 };

#define COUNT(FIELD, UNITS, LONG_NAME)                                                                                 \
    { #FIELD, UNITS, LONG_NAME, true, offsetof(struct interval_result, FIELD) }
#define REAL(FIELD, UNITS, LONG_NAME)                                                                                  \
    { #FIELD, UNITS, LONG_NAME, false, offsetof(struct interval_result, FIELD) }

const struct series_metric series_metrics[] = {
    COUNT(arrivals, "1", "requests that arrived in the interval and were routed to the pool"),
    COUNT(completed, "1", "requests that completed in the interval"),
    COUNT(rejected, "1", "requests that were rejected in the interval"),
    COUNT(tokens_input, "tok", "prompt tokens, each prompt once, when its prefill first ends"),
    COUNT(tokens_output, "tok", "output tokens, each once"),
    COUNT(tokens_recomputed, "tok", "tokens computed again after preemptions"),
    COUNT(tokens_prefilled, "tok", "prompt tokens computed, repeats included"),
    COUNT(steps, "1", "steps that ended in the interval"),
    COUNT(preemptions, "1", "preemptions in the interval"),
    REAL(throughput_input_tok_per_s, "tok/s", "input tokens a second"),
    REAL(throughput_output_tok_per_s, "tok/s", "output tokens a second"),
    REAL(waiting_mean, "1", "requests waiting, time-mean"),
    REAL(running_mean, "1", "requests in a batch, time-mean"),
    REAL(batch_mean, "1", "sequences in a step, mean over busy time"),
    REAL(kv_ratio, "1", "time-mean of tokens whose KV is held / tokens that the blocks can hold"),
    REAL(load_ratio, "1",
         "served token rate / capacity; a prompt counts when its prefill ends, so short intervals may exceed 1"),
    REAL(busy_ratio, "1", "GPU-seconds inside a step / GPU-seconds paid"),
    REAL(mfu_ratio, "1", "FLOP done / (peak FLOP rate of the paid GPUs x duration)"),
    REAL(mbu_ratio, "1", "memory bytes moved / (peak bandwidth of the paid GPUs x duration)"),
    REAL(power_mean_w, "W", "IT power at the wall (GPUs, hosts, supply), mean"),
    REAL(power_site_mean_w, "W", "site power (IT x PUE), mean"),
    REAL(power_board_per_gpu_w, "W", "power of a placed GPU's board, mean"),
    REAL(usd_per_hour, "USD/h", "cost by hour: what costs by time, and electricity, carbon and egress as they come"),
    REAL(usd_per_mtok_total, "USD/Mtok", "the same cost / (input + output tokens of the interval)"),
};
const size_t series_metrics_count = sizeof series_metrics / sizeof series_metrics[0];

static const void *field_of(const struct series_metric *metric, const struct interval_result *interval) {
    return (const char *)interval + metric->offset;
}

double series_real(const struct series_metric *metric, const struct interval_result *interval) {
    CHECK(!metric->is_integer);
    const double value = *(const double *)field_of(metric, interval);
    return isnan(value) ? RESULT_NONE : value + 0.0;
}

int64_t series_integer(const struct series_metric *metric, const struct interval_result *interval) {
    CHECK(metric->is_integer);
    return *(const int64_t *)field_of(metric, interval);
}

/* ---- from the run ---- */

static double usd_of(const struct result *result, const struct result_source *whole, size_t p, double duration_s,
                     double it_kwh, const struct token_counts *tokens) {
    const struct resolved_point *point = whole->point;
    struct bill_result bill = result->pools[p].bill;
    const double hours = duration_s / HOUR_S;
    bill.window_h = hours;
    bill.gpu_hours_paid = (double)bill.gpus_paid * hours;
    bill.it_kwh = it_kwh;
    bill.site_kwh = it_kwh * point->pue;
    bill.carbon_kg = point->carbon_known ? bill.site_kwh * point->grid_gco2e_per_kwh / 1e3 : RESULT_NONE;
    bill.gb_out = (double)tokens->output * point->out_byte_per_tok / 1e9;
    return result_pool_usd(result, whole, p, &bill);
}

/* `part`: the run, cut down to the interval; its outcome has the cell's sums. */
static void interval_fill(struct interval_result *out, const struct result *result, const struct result_source *whole,
                          const struct result_source *part, size_t p, const struct timeline_cell *cell) {
    const double duration_s = part->window_s;
    const double tokens = (double)(cell->tokens.input + cell->tokens.output);
    const struct utilization_result utilization = result_pool_utilization(part, p, tokens);
    const struct power_result power = result_pool_power(part, p);
    const double it_kwh = power.mean_w * duration_s / J_PER_KWH;
    const double usd = usd_of(result, whole, p, duration_s, it_kwh, &cell->tokens);
    *out = (struct interval_result){
        .arrivals = cell->arrivals,
        .completed = cell->completed,
        .rejected = cell->rejected,
        .tokens_input = cell->tokens.input,
        .tokens_output = cell->tokens.output,
        .tokens_recomputed = cell->tokens.recomputed,
        .tokens_prefilled = cell->tokens.prefilled,
        .steps = cell->pool.steps,
        .preemptions = cell->pool.preemptions,
        .throughput_input_tok_per_s = ratio_of((double)cell->tokens.input, duration_s),
        .throughput_output_tok_per_s = ratio_of((double)cell->tokens.output, duration_s),
        .waiting_mean = utilization.waiting_mean,
        .running_mean = utilization.running_mean,
        .batch_mean = utilization.batch_mean,
        .kv_ratio = utilization.kv_ratio,
        .load_ratio = utilization.load_ratio,
        .busy_ratio = utilization.busy_ratio,
        .mfu_ratio = utilization.mfu_ratio,
        .mbu_ratio = utilization.mbu_ratio,
        .power_mean_w = power.mean_w,
        .power_site_mean_w = power.site_mean_w,
        .power_board_per_gpu_w = power.board_per_gpu_w,
        .usd_per_hour = ratio_of(usd, duration_s / HOUR_S),
        .usd_per_mtok_total = ratio_of(usd, tokens / 1e6),
    };
}

static void pool_series_fill(struct result *result, const struct result_source *source, size_t p) {
    const struct timeline *timeline = &source->outcome->timelines[p];
    const struct series_result *series = &result->series;
    struct pool_outcome *pools = arena_alloc(result->arena, result->pool_count, sizeof *pools);
    struct interval_result *intervals = arena_alloc(result->arena, series->count, sizeof *intervals);
    const struct sim_outcome outcome = {.pools = pools, .pool_count = result->pool_count};
    struct result_source part = *source;
    part.outcome = &outcome;
    for (size_t i = 0; i < series->count; i++) {
        const struct timeline_cell *cell = timeline_cell_at(timeline, (int64_t)i);
        pools[p] = cell->pool;
        part.window_s = series->duration_s[i];
        interval_fill(&intervals[i], result, source, &part, p, cell);
    }
    result->pools[p].intervals = intervals;
}

void result_series_fill(struct result *result, const struct result_source *source) {
    const struct sim_config *config = &source->point->sim;
    struct series_result *series = &result->series;
    if (source->outcome->timelines == NULL || result->pool_count == 0) {
        return;
    }
    const struct timeline *timeline = &source->outcome->timelines[0];
    const i128 end = source->outcome->window_end;
    const size_t count = (size_t)timeline_count(timeline, end);
    double *starts = arena_alloc(result->arena, count, sizeof *starts);
    double *durations = arena_alloc(result->arena, count, sizeof *durations);
    int8_t *in_window = arena_alloc(result->arena, count, sizeof *in_window);
    for (size_t i = 0; i < count; i++) {
        const i128 start = timeline_start(timeline, (int64_t)i);
        const i128 next = i + 1 < count ? timeline_start(timeline, (int64_t)i + 1) : end;
        starts[i] = units_to_s(start);
        durations[i] = next > start ? units_to_s(next - start) : 0;
        in_window[i] = timeline_in_window(timeline, (int64_t)i);
    }
    *series = (struct series_result){
        .count = count,
        .interval_s = key_to_s(config->series_interval_keys),
        .warmup_s = key_to_s(config->warmup_key),
        .is_asked = source->point->series_is_asked,
        .start_s = starts,
        .duration_s = durations,
        .in_window = in_window,
    };
    for (size_t p = 0; p < result->pool_count; p++) {
        pool_series_fill(result, source, p);
    }
}

/* ---- CSV ---- */

static void write_real(FILE *stream, double value) {
    char text[NUMBER_SIZE];
    if (!isnan(value)) {
        text_from_double(value, text, sizeof text);
        fputs(text, stream);
    }
}

static void write_row(FILE *stream, const struct series_result *series, size_t i, const struct pool_result *pool) {
    write_real(stream, series->start_s[i]);
    fputc(',', stream);
    write_real(stream, series->duration_s[i]);
    fprintf(stream, ",%d,", series->in_window[i]);
    csv_field_write(stream, pool->name);
    for (size_t m = 0; m < series_metrics_count; m++) {
        fputc(',', stream);
        if (series_metrics[m].is_integer) {
            fprintf(stream, "%lld", (long long)series_integer(&series_metrics[m], &pool->intervals[i]));
        } else {
            write_real(stream, series_real(&series_metrics[m], &pool->intervals[i]));
        }
    }
    fputc('\n', stream);
}

bool series_csv_write(const char *path, const struct result *result, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    fputs("start_s,duration_s,in_window,pool", stream);
    for (size_t m = 0; m < series_metrics_count; m++) {
        fprintf(stream, ",%s", series_metrics[m].name);
    }
    fputc('\n', stream);
    for (size_t i = 0; i < result->series.count; i++) {
        for (size_t p = 0; p < result->pool_count; p++) {
            write_row(stream, &result->series, i, &result->pools[p]);
        }
    }
    return atomic_file_finish(&file, stream, diags);
}
