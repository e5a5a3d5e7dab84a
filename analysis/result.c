#include "analysis/result.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/result_parts.h"
#include "base/check.h"
#include "base/histogram.h"
#include "sim/clock.h"

static const enum latency_metric SLOT_METRICS[] = {LATENCY_TTFT, LATENCY_TPOT, LATENCY_E2E, LATENCY_QUEUE};
static const int SLOT_PERCENTS[] = {50, 90, 95, 99};

enum { SLOT_PERCENT_COUNT = sizeof SLOT_PERCENTS / sizeof SLOT_PERCENTS[0] };

const char *slo_slot_name(size_t slot) {
    static const char *const NAMES[SLO_SLOT_COUNT] = {
        "ttft_p50", "ttft_p90", "ttft_p95", "ttft_p99", "tpot_p50",  "tpot_p90",  "tpot_p95",  "tpot_p99",
        "e2e_p50",  "e2e_p90",  "e2e_p95",  "e2e_p99",  "queue_p50", "queue_p90", "queue_p95", "queue_p99"};
    CHECK(slot < SLO_SLOT_COUNT);
    return NAMES[slot];
}

size_t slo_slot_of(enum latency_metric metric, int percent) {
    for (size_t slot = 0; slot < SLO_SLOT_COUNT; slot++) {
        if (SLOT_METRICS[slot / SLOT_PERCENT_COUNT] == metric && SLOT_PERCENTS[slot % SLOT_PERCENT_COUNT] == percent) {
            return slot;
        }
    }
    check_failed("an SLO threshold has a slot", __FILE__, __LINE__);
}

static int64_t sum_of(const int64_t *values, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

/* ---- counts ---- */

static struct request_result requests_of(const struct workload_outcome *outcome) {
    const struct request_counts *all = &outcome->requests;
    const struct request_counts *measured = &outcome->measured;
    struct request_result requests = {
        .read = outcome->arrivals.read,
        .emitted = all->emitted,
        .completed = all->completed,
        .unfinished = all->waiting + all->running,
        .waiting = all->waiting,
        .running = all->running,
        .rejected = sum_of(all->rejected, REJECT_REASON_COUNT),
        .dropped = sum_of(outcome->arrivals.dropped, DROP_REASON_COUNT),
        .stopped_clients = outcome->stopped_clients,
        .measured_emitted = measured->emitted,
        .measured_completed = measured->completed,
        .measured_unfinished = measured->waiting + measured->running,
        .measured_rejected = sum_of(measured->rejected, REJECT_REASON_COUNT),
        .completed_in_window = outcome->completed_in_window,
    };
    memcpy(requests.rejected_by_reason, all->rejected, sizeof requests.rejected_by_reason);
    memcpy(requests.dropped_by_reason, outcome->arrivals.dropped, sizeof requests.dropped_by_reason);
    CHECK(requests.read == requests.emitted + requests.dropped);
    CHECK(requests.emitted == requests.completed + requests.unfinished + requests.rejected);
    CHECK(requests.measured_emitted ==
          requests.measured_completed + requests.measured_unfinished + requests.measured_rejected);
    CHECK(requests.measured_emitted <= requests.emitted);
    CHECK(requests.completed_in_window <= requests.completed);
    return requests;
}

static void requests_add(struct request_result *into, const struct request_result *from) {
    into->read += from->read;
    into->emitted += from->emitted;
    into->completed += from->completed;
    into->unfinished += from->unfinished;
    into->waiting += from->waiting;
    into->running += from->running;
    into->rejected += from->rejected;
    into->dropped += from->dropped;
    for (size_t i = 0; i < REJECT_REASON_COUNT; i++) {
        into->rejected_by_reason[i] += from->rejected_by_reason[i];
    }
    for (size_t i = 0; i < DROP_REASON_COUNT; i++) {
        into->dropped_by_reason[i] += from->dropped_by_reason[i];
    }
    into->stopped_clients += from->stopped_clients;
    into->measured_emitted += from->measured_emitted;
    into->measured_completed += from->measured_completed;
    into->measured_unfinished += from->measured_unfinished;
    into->measured_rejected += from->measured_rejected;
    into->completed_in_window += from->completed_in_window;
}

static void tokens_add(struct token_result *into, const struct token_counts *from) {
    CHECK(from->input >= 0 && from->output >= 0 && from->recomputed >= 0 && from->prefilled >= 0);
    into->input += from->input;
    into->output += from->output;
    into->recomputed += from->recomputed;
    into->prefilled += from->prefilled;
    into->input_per_output = ratio_of((double)into->input, (double)into->output);
}

/* Every token lies in one workload and one pool: both views and the fleet's sum the same cells. */
static void tokens_fill(struct result *result, const struct sim_outcome *outcome) {
    for (size_t w = 0; w < result->workload_count; w++) {
        for (size_t p = 0; p < result->pool_count; p++) {
            const struct token_counts *cell = &outcome->workloads[w].tokens[p];
            tokens_add(&result->workloads[w].tokens, cell);
            tokens_add(&result->pools[p].tokens, cell);
            tokens_add(&result->tokens, cell);
        }
    }
}

/* ---- throughput ---- */

static void throughput_of_tokens(struct throughput_result *throughput, const struct token_result *tokens,
                                 double window_s, double gpus_paid) {
    throughput->input_tok_per_s = ratio_of((double)tokens->input, window_s);
    throughput->output_tok_per_s = ratio_of((double)tokens->output, window_s);
    throughput->total_tok_per_s = ratio_of((double)(tokens->input + tokens->output), window_s);
    throughput->output_tok_per_s_per_gpu = ratio_of(throughput->output_tok_per_s, gpus_paid);
    throughput->total_tok_per_s_per_gpu = ratio_of(throughput->total_tok_per_s, gpus_paid);
    throughput->requests_per_s = RESULT_NONE;
    throughput->goodput_requests_per_s = RESULT_NONE;
    throughput->goodput_output_tok_per_s = RESULT_NONE;
}

static void throughput_of_requests(struct throughput_result *throughput, const struct request_result *requests,
                                   int64_t good, i128 good_output_tokens, double window_s) {
    throughput->requests_per_s = ratio_of((double)requests->completed_in_window, window_s);
    throughput->goodput_requests_per_s = ratio_of((double)good, window_s);
    throughput->goodput_output_tok_per_s = ratio_of(i128_to_double(good_output_tokens), window_s);
}

static void throughput_fill(struct result *result, const struct result_source *source) {
    const double window_s = source->window_s;
    double gpus_paid = 0;
    i128 good_output_tokens = 0;
    for (size_t p = 0; p < result->pool_count; p++) {
        struct pool_result *pool = &result->pools[p];
        const double paid = (double)source->point->pools[p].gpus_paid;
        throughput_of_tokens(&pool->throughput, &pool->tokens, window_s, paid);
        gpus_paid += paid;
    }
    for (size_t w = 0; w < result->workload_count; w++) {
        struct workload_result *workload = &result->workloads[w];
        const i128 good_tokens = source->outcome->workloads[w].good_output_tokens;
        throughput_of_tokens(&workload->throughput, &workload->tokens, window_s, 0);
        throughput_of_requests(&workload->throughput, &workload->requests, workload->slo.good, good_tokens, window_s);
        good_output_tokens += good_tokens;
    }
    throughput_of_tokens(&result->throughput, &result->tokens, window_s, gpus_paid);
    throughput_of_requests(&result->throughput, &result->requests, result->slo.good, good_output_tokens, window_s);
}

/* ---- latency ---- */

static double quantile_s(const struct latency_stat *stat, uint64_t percent) {
    i128 value;
    return histogram_quantile(&stat->known, &stat->undecided, percent, 100, &value) ? units_to_s(value) : RESULT_NONE;
}

static struct latency_result latency_of(const struct latency_stat *stat) {
    const bool known = stat->known.count > 0;
    return (struct latency_result){
        .mean_s = known ? units_to_s(stat->known.sum) / (double)stat->known.count : RESULT_NONE,
        .p50_s = quantile_s(stat, 50),
        .p90_s = quantile_s(stat, 90),
        .p95_s = quantile_s(stat, 95),
        .p99_s = quantile_s(stat, 99),
        .max_s = known ? units_to_s(stat->known.max) : RESULT_NONE,
        .undecided = (int64_t)stat->undecided.count,
    };
}

static void latency_fill(struct result *result, const struct sim_outcome *outcome) {
    for (size_t metric = 0; metric < LATENCY_METRIC_COUNT; metric++) {
        struct latency_stat all;
        histogram_init(&all.known);
        histogram_init(&all.undecided);
        for (size_t w = 0; w < result->workload_count; w++) {
            const struct latency_stat *stat = &outcome->workloads[w].latency[metric];
            result->workloads[w].latency[metric] = latency_of(stat);
            histogram_merge(&all.known, &stat->known);
            histogram_merge(&all.undecided, &stat->undecided);
        }
        result->latency[metric] = latency_of(&all);
        histogram_release(&all.known);
        histogram_release(&all.undecided);
    }
}

/* ---- SLO ---- */

/* Integers of one threshold, which add up over workloads. */
struct slo_tally {
    int64_t met, decided;
    int8_t kept;
};

static void slo_clear(struct slo_result *slo) {
    *slo = (struct slo_result){.met = 1};
    for (size_t slot = 0; slot < SLO_SLOT_COUNT; slot++) {
        slo->limit_s[slot] = RESULT_NONE;
        slo->attainment_ratio[slot] = RESULT_NONE;
        slo->threshold_met[slot] = -1;
    }
}

static struct slo_tally slo_tally_of(const struct slo_threshold *threshold, const struct slo_count *count,
                                     int64_t emitted) {
    const int64_t decided = emitted - count->undecided;
    CHECK(count->met >= 0 && count->undecided >= 0 && count->met <= decided);
    const bool undecided = decided == 0 && emitted > 0; /* nobody knows: not met */
    const bool kept = !undecided && (i128)count->met * 100 >= (i128)decided * threshold->percent;
    return (struct slo_tally){.met = count->met, .decided = decided, .kept = (int8_t)kept};
}

/* A limit that two workloads set differently has no one value. */
static void slo_set(struct slo_result *slo, size_t slot, double limit_s, struct slo_tally tally) {
    const bool first = slo->threshold_met[slot] < 0;
    slo->thresholds += first;
    slo->limit_s[slot] = first || slo->limit_s[slot] == limit_s ? limit_s : RESULT_NONE;
    slo->attainment_ratio[slot] = ratio_of((double)tally.met, (double)tally.decided);
    slo->threshold_met[slot] = first ? tally.kept : (int8_t)(slo->threshold_met[slot] && tally.kept);
    slo->met = (int8_t)(slo->met && tally.kept);
}

static void slo_fill(struct result *result, const struct result_source *source) {
    struct slo_tally fleet[SLO_SLOT_COUNT] = {0};
    int64_t undecided = 0;
    slo_clear(&result->slo);
    for (size_t w = 0; w < result->workload_count; w++) {
        const struct workload_config *config = &source->point->sim.workloads[w];
        const struct workload_outcome *outcome = &source->outcome->workloads[w];
        struct slo_result *slo = &result->workloads[w].slo;
        slo_clear(slo);
        for (size_t i = 0; i < config->slo_count; i++) {
            const struct slo_threshold *threshold = &config->slo[i];
            const size_t slot = slo_slot_of(threshold->metric, threshold->percent);
            const struct slo_tally tally = slo_tally_of(threshold, &outcome->slo[i], outcome->measured.emitted);
            slo_set(slo, slot, units_to_s(threshold->limit), tally);
            fleet[slot].met += tally.met;
            fleet[slot].decided += tally.decided;
            fleet[slot].kept = tally.kept;
            slo_set(&result->slo, slot, units_to_s(threshold->limit), fleet[slot]);
        }
        slo->good = outcome->good;
        slo->goodput_ratio = ratio_of((double)slo->good, (double)(outcome->measured.emitted - outcome->undecided_good));
        CHECK(slo->good + outcome->undecided_good <= outcome->measured.emitted);
        result->slo.good += slo->good;
        undecided += outcome->undecided_good;
    }
    const double decided = (double)(result->requests.measured_emitted - undecided);
    result->slo.goodput_ratio = ratio_of((double)result->slo.good, decided);
}

/* ---- the rest ---- */

static struct run_result run_of(const struct sim_outcome *outcome, const struct run_info *info, double window_s,
                                struct arena *arena) {
    return (struct run_result){
        .engine = arena_text(arena, info->engine, strlen(info->engine)),
        .seed = info->seed,
        .wall_s = info->wall_s,
        .cpu_s = info->cpu_s,
        .simulated_s = units_to_s(outcome->window_end),
        .window_start_s = units_to_s(outcome->window_start),
        .window_s = window_s,
        .drain_s = outcome->cut ? 0 : units_to_s(outcome->window_end - outcome->last_arrival),
        .events = outcome->events,
        .saturated = outcome->saturated,
    };
}

/* Mean tokens of a request: of the distributions, or of what was served where lengths come from a trace. */
static double mean_tokens(const struct workload_config *config, const struct workload_result *workload) {
    if (config->input_tokens.kind != LENGTH_FROM_TRACE && config->output_tokens.kind != LENGTH_FROM_TRACE) {
        return length_mean(&config->input_tokens) + length_mean(&config->output_tokens);
    }
    const int64_t served = workload->tokens.input + workload->tokens.output;
    return ratio_of((double)served, (double)workload->requests.completed_in_window);
}

static double demand_mtok_per_month(const struct result *result, const struct result_source *source) {
    double tokens = 0;
    for (size_t w = 0; w < result->workload_count; w++) {
        const struct workload_result *workload = &result->workloads[w];
        if (workload->requests.measured_emitted > 0) {
            tokens +=
                (double)workload->requests.measured_emitted * mean_tokens(&source->point->sim.workloads[w], workload);
        }
    }
    return ratio_of(tokens / 1e6 * HOURS_PER_MONTH * 3600, source->window_s);
}

static const char *copy(struct arena *arena, const char *text) {
    return text == NULL ? "" : arena_text(arena, text, strlen(text));
}

static void names_fill(struct result *result, const struct resolved_point *point) {
    struct arena *arena = result->arena;
    for (size_t w = 0; w < result->workload_count; w++) {
        result->workloads[w].name = copy(arena, point->workloads[w].name);
    }
    for (size_t p = 0; p < result->pool_count; p++) {
        const struct pool_facts *facts = &point->pools[p];
        struct pool_result *pool = &result->pools[p];
        pool->name = copy(arena, facts->name);
        pool->gpu = copy(arena, facts->gpu);
        pool->model = copy(arena, facts->model);
        pool->precision = copy(arena, facts->precision);
        pool->step_time = copy(arena, facts->step_time);
        pool->step_time_status = copy(arena, facts->step_time_status);
        pool->memory_arithmetic = copy(arena, facts->memory_arithmetic);
        pool->price_source = copy(arena, facts->price_source);
        pool->tensor_parallel = facts->tensor_parallel;
        pool->pipeline_parallel = facts->pipeline_parallel;
    }
    result->currency = copy(arena, point->currency);
    result->usd_per_currency = point->usd_per_currency;
    result->facility_not_included = point->facility_not_included;
}

static void assumptions_fill(struct result *result, const struct resolved_point *point) {
    const char *all = "";
    for (size_t i = 0; i < result->assumption_count; i++) {
        struct assumption_result *assumption = &result->assumptions[i];
        assumption->path = copy(result->arena, point->assumptions[i].path);
        assumption->text = copy(result->arena, point->assumptions[i].text);
        all = arena_format(result->arena, "%s%s%s: %s", all, i == 0 ? "" : "\n", assumption->path, assumption->text);
    }
    result->assumptions_text = all;
}

static void analytic_fill(struct result *result, const struct analytic_state *states) {
    const double none = RESULT_NONE;
    const struct analytic_state unknown = {none, none, none, none, none};
    for (size_t p = 0; p < result->pool_count; p++) {
        result->pools[p].analytic = states != NULL ? states[p] : unknown;
    }
    result->analytic = states != NULL ? states[result->pool_count] : unknown;
}

static struct result *result_alloc(const struct resolved_point *point) {
    struct arena *arena = arena_new();
    struct result *result = arena_alloc(arena, 1, sizeof *result);
    result->arena = arena;
    result->workload_count = point->sim.workload_count;
    result->pool_count = point->sim.pool_count;
    result->api_count = point->api_count;
    result->assumption_count = point->assumption_count;
    result->workloads = arena_alloc(arena, result->workload_count, sizeof *result->workloads);
    result->pools = arena_alloc(arena, result->pool_count, sizeof *result->pools);
    result->apis = arena_alloc(arena, result->api_count, sizeof *result->apis);
    result->assumptions = arena_alloc(arena, result->assumption_count, sizeof *result->assumptions);
    return result;
}

struct result *result_new(const struct resolved_point *point, const struct sim_outcome *outcome,
                          const double *capacity_tok_per_s, const struct run_info *info) {
    CHECK(outcome->workload_count == point->sim.workload_count && outcome->pool_count == point->sim.pool_count);
    struct result *result = result_alloc(point);
    const bool empty = outcome->window_end <= outcome->window_start;
    const i128 window = empty ? 0 : outcome->window_end - outcome->window_start;
    const struct result_source source = {.point = point,
                                         .outcome = outcome,
                                         .capacity_tok_per_s = capacity_tok_per_s,
                                         .window = window,
                                         .window_s = units_to_s(window)};
    names_fill(result, point);
    assumptions_fill(result, point);
    result->run = run_of(outcome, info, source.window_s, result->arena);
    for (size_t w = 0; w < result->workload_count; w++) {
        result->workloads[w].requests = requests_of(&outcome->workloads[w]);
        requests_add(&result->requests, &result->workloads[w].requests);
    }
    result->tokens.input_per_output = RESULT_NONE;
    tokens_fill(result, outcome);
    latency_fill(result, outcome);
    slo_fill(result, &source);
    throughput_fill(result, &source);
    result->demand_mtok_per_month = demand_mtok_per_month(result, &source);
    const bool ended_early = !outcome->cut && result->requests.emitted < point->sim.max_requests;
    result->requests_asked = ended_early ? point->sim.max_requests : 0;
    result_physics_fill(result, &source);
    result_money_fill(result, &source);
    result_verdict_fill(result, &source);
    analytic_fill(result, info->analytic);
    result_expected_fill(result, &source);
    result_series_fill(result, &source);
    return result;
}

void result_free(struct result *result) {
    if (result != NULL) {
        arena_free(result->arena);
    }
}
