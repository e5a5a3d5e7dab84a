#include "study/predict.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/result.h"
#include "base/arena.h"
#include "sim/clock.h"
#include "sim/simulate.h"

/* A request as its client saw it, seconds. */
struct span_of_request {
    double first_token_s, finish_s;
    int64_t output_tok;
};

/* What the engine's observer hands on. */
struct collector {
    const struct predict_watch *watch; // borrowed
    const struct client *client;       // borrowed
    struct span_of_request *spans;     // owned; only of a steady queue
    size_t span_count;
    double ttft_first_sum_s, ttft_later_sum_s;
    int64_t first_count, later_count;
    int64_t completed;
};

static void collect(void *context, const struct request_record *record) {
    struct collector *collector = context;
    if (record->status != REQUEST_COMPLETED) {
        return;
    }
    double ttft_s = units_to_s(record->ttft);
    collector->completed++;
    if (record->arrival_key == 0) {
        collector->ttft_first_sum_s += ttft_s;
        collector->first_count++;
    } else {
        collector->ttft_later_sum_s += ttft_s;
        collector->later_count++;
    }
    if (collector->spans != NULL) {
        collector->spans[collector->span_count++] =
            (struct span_of_request){.first_token_s = key_to_s(record->arrival_key) + ttft_s,
                                     .finish_s = units_to_s(record->finish),
                                     .output_tok = record->output_tokens};
    }
}

static bool tell_progress(void *context, double done_ratio, double simulated_s) {
    const struct collector *collector = context;
    return collector->watch->progress == NULL ||
           progress_point_running(collector->watch->progress, collector->watch->index, done_ratio, simulated_s);
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Output tokens within [start, end): a request's first, and its others evenly spaced up to its end. */
static double tokens_within(const struct span_of_request *span, double start_s, double end_s) {
    double from_s = span->first_token_s > start_s ? span->first_token_s : start_s;
    double to_s = span->finish_s < end_s ? span->finish_s : end_s;
    double length_s = span->finish_s - span->first_token_s;
    double tokens = span->first_token_s >= start_s && span->first_token_s < end_s ? 1 : 0;
    return to_s > from_s && length_s > 0 ? tokens + (double)(span->output_tok - 1) * (to_s - from_s) / length_s
                                         : tokens;
}

/* Output rate from when as many requests as the server takes have begun, until no more than that are left. NaN: there is no such stretch. */
static double steady_tok_per_s(const struct collector *collector, int64_t max_num_seqs) {
    size_t count = collector->span_count;
    size_t batch = (size_t)max_num_seqs;
    double *times = xcalloc(count + 1, sizeof *times);
    double tokens = 0;
    for (size_t i = 0; i < count; i++) {
        times[i] = collector->spans[i].first_token_s;
    }
    qsort(times, count, sizeof *times, by_value);
    double start_s = count > 0 ? times[(batch < count ? batch : count) - 1] : 0;
    for (size_t i = 0; i < count; i++) {
        times[i] = collector->spans[i].finish_s;
    }
    qsort(times, count, sizeof *times, by_value);
    double end_s = count > batch + 2 ? times[count - batch - 2] : 0;
    free(times);
    for (size_t i = 0; i < count; i++) {
        tokens += tokens_within(&collector->spans[i], start_s, end_s);
    }
    return end_s > start_s ? tokens / (end_s - start_s) : (double)NAN;
}

static void fill_latency(struct predicted *predicted, enum run_metric metric, const struct latency_result *latency) {
    predicted->value[metric][0] = latency->mean_s;
    predicted->value[metric][1] = latency->p50_s;
    predicted->p99_s[metric] = latency->p99_s;
}

static void fill_single(struct predicted *predicted, enum run_metric metric, double value) {
    predicted->value[metric][0] = predicted->value[metric][1] = value;
}

static void reduce(const struct resolved_point *point, const struct result *result, const struct collector *collector,
                   struct predicted *predicted) {
    bool is_steady = collector->client->is_steady;
    *predicted = (struct predicted){
        .requests = result->requests.emitted,
        .incomplete = result->requests.emitted - collector->completed,
        .ttft_first_wave_s =
            collector->first_count > 0 ? collector->ttft_first_sum_s / (double)collector->first_count : (double)NAN,
        .ttft_later_s =
            collector->later_count > 0 ? collector->ttft_later_sum_s / (double)collector->later_count : (double)NAN,
    };
    fill_latency(predicted, METRIC_TPOT, &result->latency[is_steady ? LATENCY_ITL : LATENCY_TPOT]);
    fill_latency(predicted, METRIC_TTFT, &result->latency[LATENCY_TTFT]);
    fill_latency(predicted, METRIC_E2E, &result->latency[LATENCY_E2E]);
    fill_single(predicted, METRIC_POWER, result->power.board_per_gpu_w);
    fill_single(predicted, METRIC_THROUGHPUT,
                is_steady ? steady_tok_per_s(collector,
                                             point->sim.pools[0].batching.max_num_seqs * point->sim.pools[0].replicas)
                          : result->throughput.output_tok_per_s);
}

bool predict_run(const struct resolved_point *point, const struct client *client, const struct predict_watch *watch,
                 struct predicted *predicted, struct diags *diags) {
    struct collector collector = {.watch = watch, .client = client};
    if (client->is_steady) {
        collector.spans = xcalloc((size_t)client->requests + 1, sizeof *collector.spans);
    }
    const struct observer observer = {.context = &collector, .request_ended = collect, .progress = tell_progress};
    const struct run_info info = {.engine = engine_kind_name(point->sim.engine), .seed = point->sim.seed};
    const double capacity = (double)NAN; /* nobody asks for utilization here */
    struct sim_outcome outcome = {0};
    bool is_ok = simulate(&point->sim, &observer, &outcome, diags);
    if (is_ok && outcome.abandoned) {
        sim_outcome_release(&outcome);
        is_ok = false;
    } else if (is_ok) {
        struct result *result = result_new(point, &outcome, &capacity, &info);
        reduce(point, result, &collector, predicted);
        result_free(result);
        sim_outcome_release(&outcome);
    }
    free(collector.spans);
    return is_ok;
}

double predicted_value(const struct predicted *predicted, enum run_metric metric, bool is_median) {
    return predicted->value[metric][is_median ? 1 : 0];
}
