#include "analysis/expected.h"

#include <math.h>
#include <string.h>

#include "analysis/result_parts.h"
#include "base/fmath.h"

static double least(double a, double b) {
    return a < b ? a : b;
}

static double most(double a, double b) {
    return a > b ? a : b;
}

/* --- once for a result --- */

/* What its error was taken from, for people: "dense; not seen: gpu, family". */
static const char *basis_of(struct arena *arena, const struct expected_subject *subject) {
    const char *unseen = "";
    for (int k = EXPECTED_BY_GROUP + 1; k < EXPECTED_CASE_COUNT; k++) {
        if ((subject->cases & expected_bit((enum expected_case)k)) != 0) {
            unseen = arena_format(arena, "%s%s%s", unseen, unseen[0] == '\0' ? "; " : ", ",
                                  expected_case_name((enum expected_case)k));
        }
    }
    return arena_format(arena, "%s%s%s%s", expected_class_name(subject->class), unseen,
                        subject->is_speculative ? "; widened for speculative decoding" : "",
                        subject->is_pipelined ? "; widened for pipeline stages" : "");
}

/* As the pool's facts say; and prompts from a prefix cache, which are its workloads'. */
static struct expected_subject subject_of(const struct result_source *source, size_t p) {
    struct expected_subject subject = source->point->pools[p].expected;
    for (size_t w = 0; w < source->point->sim.workload_count; w++) {
        const struct workload_config *workload = &source->point->sim.workloads[w];
        for (size_t i = 0; i < workload->pool_count && workload->cached_input_share > 0; i++) {
            subject.cases |= workload->pools[i] == p ? expected_bit(EXPECTED_PREFIX_CACHE) : 0;
        }
    }
    return subject;
}

/* The largest of the pools' own, NaN if one has none; false if a pool has none at all. */
static bool fill_errors(struct result *result, const struct result_source *source) {
    struct expected_result *expected = &result->expected;
    bool is_known = result->pool_count > 0;
    for (size_t p = 0; p < result->pool_count; p++) {
        const struct pool_facts *facts = &source->point->pools[p];
        const struct expected_subject subject = subject_of(source, p);
        result->pools[p].error_basis = facts->error_is_known ? basis_of(result->arena, &subject) : "not known";
        is_known = is_known && facts->error_is_known;
        for (int m = 0; m < EXPECTED_METRIC_COUNT; m++) {
            double q_log = facts->error_is_known ? expected_error_log(facts->errors, (enum expected_metric)m, &subject)
                                                 : RESULT_NONE;
            bool is_missing = isnan(q_log) || isnan(expected->factor[m]);
            expected->factor[m] = is_missing ? RESULT_NONE : most(expected->factor[m], fm_exp(q_log));
        }
    }
    return is_known;
}

/* All requests are served; in how much time? Until the last arrival it is given; what follows goes with throughput where some have waited, with E2E
 * where none has. A server that does not keep up takes as long as its capacity says. */
static void fill_drained(struct result *result, double load) {
    struct expected_result *expected = &result->expected;
    bool has_queued = result->requests.measured_emitted > 1 && result->utilization.waiting_mean > 0;
    double s = expected->factor[has_queued ? EXPECTED_THROUGHPUT : EXPECTED_E2E];
    double drain = result->run.window_s > 0 ? least(1, result->run.drain_s / result->run.window_s) : 0;
    expected->tokens_lower = 1 / most(1 - drain + drain * s, load * expected->factor[EXPECTED_THROUGHPUT]);
    expected->tokens_upper = 1 / (1 - drain + drain / s);
    if (drain > 0.5 && has_queued) { /* a batch: what waits does so for what is before it, and no more comes */
        expected->response_lower = 1 / s;
        expected->response_upper = s;
    }
}

/* TPOT of a full batch, over the present one; the largest of the pools'. */
static double full_batch_ratio(const struct result *result, const struct result_source *source) {
    double ratio = 1, tokens = (double)(result->tokens.input + result->tokens.output);
    for (size_t p = 0; p < result->pool_count; p++) {
        double slots = (double)batching_slots(&source->point->sim.pools[p].batching);
        double output_per_s = source->capacity_tok_per_s[p] * (double)result->tokens.output / tokens;
        ratio = most(ratio, slots / output_per_s / result->latency[LATENCY_TPOT].mean_s);
    }
    return ratio;
}

/* The rate of a workload's busiest hour in the window, over its mean there; 1: it does not vary by a profile. */
static double peak_ratio(const struct arrival_factory *arrivals, const struct run_result *run) {
    double most_rate = 0, sum = 0;
    if (arrivals->profile_count == 0) {
        return 1;
    }
    const double start_s = (double)arrivals->profile_offset_s + run->window_start_s;
    const int64_t first = (int64_t)(start_s / 3600), end = (int64_t)ceil((start_s + run->window_s) / 3600);
    const int64_t all = (int64_t)arrivals->profile_count, hours = end - first < all ? end - first : all;
    for (int64_t h = first; h < first + hours; h++) {
        double rate = arrivals->profile[(size_t)h % arrivals->profile_count];
        most_rate = most(most_rate, rate);
        sum += rate;
    }
    return sum > 0 ? most_rate * (double)hours / sum : 1;
}

/* How response times, tokens and money go with a server that is s times slower or faster. */
static void fill_open_loop(struct result *result, const struct result_source *source) {
    struct expected_result *expected = &result->expected;
    double s = expected->factor[EXPECTED_THROUGHPUT], load = 0, peak = 0;
    double served_mtok = result->throughput.total_tok_per_s / 1e6 * HOURS_PER_MONTH * 3600;
    for (size_t p = 0; p < result->pool_count; p++) {
        double pool_load = result->pools[p].utilization.load_ratio;
        load = isnan(load) || isnan(pool_load) ? RESULT_NONE : most(load, pool_load);
    }
    for (size_t w = 0; w < result->workload_count; w++) {
        peak = most(peak, load * peak_ratio(&source->point->sim.workloads[w].arrivals, &result->run));
    }
    peak = isnan(load) || isnan(s) ? RESULT_NONE : peak;
    expected->response_upper = peak * s < 1 ? (1 - peak) / (1 - peak * s) : isnan(peak) ? RESULT_NONE : INFINITY;
    expected->response_lower = peak < 1 ? (1 - peak) / (1 - peak / s) : isnan(peak) ? RESULT_NONE : 1 / s;
    expected->tokens_lower = isnan(load) ? RESULT_NONE : least(1, 1 / (load * s));
    expected->tokens_upper = least(s, most(1, result->demand_mtok_per_month / served_mtok));
    expected->full_batch_ratio = full_batch_ratio(result, source);
    if (expected->is_drained && !isnan(load)) {
        fill_drained(result, load);
    }
}

static void fill_money(struct result *result) {
    struct expected_result *expected = &result->expected;
    const struct cost_result *cost = &result->cost;
    double electricity_usd = cost->ledger_usd[LEDGER_ELECTRICITY_ENERGY] + cost->ledger_usd[LEDGER_ELECTRICITY_DEMAND] +
                             cost->ledger_usd[LEDGER_CARBON_PRICE];
    double share = cost->total_usd > 0 ? electricity_usd / cost->total_usd : 0;
    double power = expected->factor[EXPECTED_POWER];
    expected->money_lower = 1 - share + share / power;
    expected->money_upper = 1 - share + share * power;
}

void result_expected_fill(struct result *result, const struct result_source *source) {
    struct expected_result *expected = &result->expected;
    bool is_closed = false;
    for (size_t w = 0; w < result->workload_count; w++) {
        is_closed |= source->point->sim.workloads[w].arrivals.clients > 0;
    }
    *expected = (struct expected_result){.is_closed = is_closed, .is_drained = !source->outcome->cut};
    expected->is_known = fill_errors(result, source);
    double s = expected->factor[EXPECTED_THROUGHPUT];
    expected->response_lower = expected->response_upper = 1;
    expected->tokens_lower = 1 / s;
    expected->tokens_upper = s;
    expected->full_batch_ratio = INFINITY;
    if (!is_closed) {
        fill_open_loop(result, source);
    }
    fill_money(result);
}

/* --- bounds of a metric --- */

enum rule {
    RULE_TTFT,
    RULE_TPOT,
    RULE_ITL,
    RULE_E2E,
    RULE_LOAD,
    RULE_BUSY,
    RULE_POWER,
    RULE_DEMAND,
    RULE_COST,
    RULE_INPUT_COST,
    RULE_OUTPUT_COST
};

static const struct {
    const char *name;
    enum rule rule;
} rules[] = {
    {"ttft_p99_s", RULE_TTFT},
    {"queue_p99_s", RULE_TTFT},
    {"tpot_p99_s", RULE_TPOT},
    {"itl_p99_s", RULE_ITL},
    {"e2e_p99_s", RULE_E2E},
    {"load_ratio", RULE_LOAD},
    {"busy_ratio", RULE_BUSY},
    {"power_mean_w", RULE_POWER},
    {"demand_mtok_per_month", RULE_DEMAND},
    {"usd_per_mtok_total", RULE_COST},
    {"usd_per_mtok_output_all_in", RULE_COST},
    {"usd_per_1k_requests", RULE_COST},
    {"usd_per_kimage", RULE_COST},
    {"usd_per_mtok_input", RULE_INPUT_COST},
    {"usd_per_mtok_output", RULE_OUTPUT_COST},
};

static struct expected_bounds around(double value, double lower, double upper) {
    return (struct expected_bounds){value * lower, value * upper};
}

static struct expected_bounds latency_bounds(const struct expected_result *expected, double value, double factor,
                                             double highest) {
    return around(value, expected->response_lower / factor, least(expected->response_upper, highest) * factor);
}

/* Of a share of time: at most 1. Where more is asked for than is served, a faster server is as busy. */
static struct expected_bounds ratio_bounds(const struct expected_result *expected, double value, double factor) {
    double lower = expected->is_closed ? 1 / factor : least(1, expected->tokens_upper / factor);
    double upper = expected->is_drained ? factor * least(1, expected->tokens_lower) : factor;
    return isnan(factor) ? (struct expected_bounds){RESULT_NONE, RESULT_NONE}
                         : (struct expected_bounds){value * lower, least(value * most(1, upper), most(value, 1))};
}

/* Of cost that prefill (or decode) bears, by its share of GPU time: how long it takes beside the other is as uncertain as TTFT. */
static struct expected_bounds phase_bounds(const struct result *result, double value, double share) {
    const struct expected_result *expected = &result->expected;
    double factor = expected->factor[EXPECTED_TTFT], odds = share / (1 - share);
    double lower = share < 1 ? odds / factor / (1 + odds / factor) / share : 1;
    double upper = share < 1 ? odds * factor / (1 + odds * factor) / share : 1;
    return around(value, lower * expected->money_lower / expected->tokens_upper,
                  upper * expected->money_upper / expected->tokens_lower);
}

static struct expected_bounds bounds_by(enum rule rule, const struct result *result, double value) {
    const struct expected_result *expected = &result->expected;
    const double *factor = expected->factor;
    switch (rule) {
    case RULE_TTFT: return latency_bounds(expected, value, factor[EXPECTED_TTFT_P99], INFINITY);
    case RULE_TPOT: return latency_bounds(expected, value, factor[EXPECTED_TPOT_P99], expected->full_batch_ratio);
    case RULE_ITL: return latency_bounds(expected, value, factor[EXPECTED_ITL_P99], expected->full_batch_ratio);
    case RULE_E2E: return latency_bounds(expected, value, factor[EXPECTED_E2E_P99], INFINITY);
    case RULE_LOAD: return ratio_bounds(expected, value, factor[EXPECTED_THROUGHPUT]);
    case RULE_BUSY: return ratio_bounds(expected, value, factor[EXPECTED_TPOT]);
    case RULE_POWER: return around(value, 1 / factor[EXPECTED_POWER], factor[EXPECTED_POWER]);
    case RULE_COST:
        return around(value, expected->money_lower / expected->tokens_upper,
                      expected->money_upper / expected->tokens_lower);
    case RULE_INPUT_COST: return phase_bounds(result, value, result->cost.input_usd / result->cost.total_usd);
    case RULE_OUTPUT_COST: return phase_bounds(result, value, result->cost.output_usd / result->cost.total_usd);
    case RULE_DEMAND:
        return expected->is_closed || expected->is_drained
                   ? around(value, expected->tokens_lower, expected->tokens_upper)
                   : around(value, 1, 1);
    }
    return (struct expected_bounds){RESULT_NONE, RESULT_NONE};
}

struct expected_bounds expected_bounds_of(const struct metric *metric, const struct result *result) {
    const struct expected_bounds none = {RESULT_NONE, RESULT_NONE};
    if (!result->expected.is_known) {
        return none;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].name, metric->name) == 0) {
            struct expected_bounds bounds = bounds_by(rules[i].rule, result, metric_real(metric, result, 0, 0));
            return isnan(bounds.lower) || isnan(bounds.upper) ? none : bounds;
        }
    }
    return none;
}
