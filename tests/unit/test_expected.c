/* Expected errors: which rows a setup's error is taken from, and how headlines go with it. */
#include "tests/unit/result_fixture.h"

#include <math.h>

#include "analysis/expected.h"
#include "base/diag.h"
#include "scenarios/catalog.h"
#include "scenarios/step_profile.h"

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static struct expected_errors unknown_errors(void) {
    struct expected_errors errors = {.seen_count = 0};
    double *all = &errors.q95_log[0][0][0];
    for (size_t i = 0; i < sizeof errors.q95_log / sizeof *all; i++) {
        all[i] = (double)NAN;
    }
    return errors;
}

/* --- the table --- */

static void what_is_unseen_adds_up_as_variances_do(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    double *tpot = errors.q95_log[EXPECTED_TPOT][EXPECTED_DENSE];
    tpot[EXPECTED_BY_GROUP] = 0.3;
    tpot[EXPECTED_BY_GPU] = 0.4;
    tpot[EXPECTED_BY_FAMILY] = 0.2; /* less than with nothing unseen: it says no more */
    tpot[EXPECTED_BY_ENGINE] = 0.5;
    struct expected_subject subject = {.class = EXPECTED_DENSE, .cases = expected_bit(EXPECTED_BY_GROUP)};
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), 0.3);
    subject.cases |= expected_bit(EXPECTED_BY_FAMILY);
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), 0.3);
    subject.cases |= expected_bit(EXPECTED_BY_GPU) | expected_bit(EXPECTED_BY_ENGINE);
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), sqrt(0.09 + 0.07 + 0.16));
}

static void own_rows_and_datasheets_stand_alone(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    double *tpot = errors.q95_log[EXPECTED_TPOT][EXPECTED_DENSE];
    tpot[EXPECTED_BY_GROUP] = 0.3;
    tpot[EXPECTED_BY_GPU] = 0.4;
    tpot[EXPECTED_AFTER_OWN_ROWS] = 0.1;
    tpot[EXPECTED_FROM_DATASHEET] = 0.9;
    struct expected_subject subject = {.cases = expected_bit(EXPECTED_BY_GPU) | expected_bit(EXPECTED_AFTER_OWN_ROWS)};
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), 0.1);
    subject.cases = expected_bit(EXPECTED_FROM_DATASHEET);
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), 0.9);
}

static void the_worst_class_stands_in_for_one_without_rows(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    const struct expected_subject subject = {.class = EXPECTED_EXPERTS, .cases = expected_bit(EXPECTED_BY_GROUP)};
    assert_true(isnan(expected_error_log(&errors, EXPECTED_E2E, &subject)));
    errors.q95_log[EXPECTED_E2E][EXPECTED_DENSE][EXPECTED_BY_GROUP] = 0.2;
    errors.q95_log[EXPECTED_E2E][EXPECTED_OTHER][EXPECTED_BY_GROUP] = 0.4;
    errors.q95_log[EXPECTED_E2E][EXPECTED_NOT_NVIDIA][EXPECTED_BY_GROUP] = 0.8; /* another vendor's says nothing */
    assert_near(expected_error_log(&errors, EXPECTED_E2E, &subject), 0.4);
}

static void a_missing_percentile_is_its_own_mean_made_wider(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    const struct expected_subject dense = {.class = EXPECTED_DENSE, .cases = expected_bit(EXPECTED_BY_GROUP)};
    errors.q95_log[EXPECTED_TTFT][EXPECTED_DENSE][EXPECTED_BY_GROUP] = 0.5;
    errors.q95_log[EXPECTED_TTFT][EXPECTED_OTHER][EXPECTED_BY_GROUP] = 0.8;
    assert_near(expected_error_log(&errors, EXPECTED_TTFT_P99, &dense), 0.5);
    errors.q95_log[EXPECTED_TTFT_P99][EXPECTED_OTHER][EXPECTED_BY_GROUP] = 1.6;
    assert_near(expected_error_log(&errors, EXPECTED_TTFT_P99, &dense), 1.0); /* not 1.6 */
}

static void a_case_without_rows_widens_as_that_of_tpot_does(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    const struct expected_subject hybrid = {
        .class = EXPECTED_OTHER, .cases = expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_STATE_SPACE)};
    errors.q95_log[EXPECTED_TPOT][EXPECTED_OTHER][EXPECTED_BY_GROUP] = 0.3;
    errors.q95_log[EXPECTED_TTFT][EXPECTED_OTHER][EXPECTED_BY_GROUP] = 0.7;
    errors.q95_log[EXPECTED_TPOT][EXPECTED_OTHER][EXPECTED_STATE_SPACE] = 0.6;
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &hybrid), 0.6);
    assert_near(expected_error_log(&errors, EXPECTED_TTFT, &hybrid), 1.4);
    assert_true(isnan(expected_error_log(&errors, EXPECTED_POWER, &hybrid)));
}

static void features_without_rows_add_what_an_unseen_engine_does(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    double *tpot = errors.q95_log[EXPECTED_TPOT][EXPECTED_DENSE];
    tpot[EXPECTED_BY_GROUP] = 0.3;
    tpot[EXPECTED_BY_ENGINE] = 0.5;
    struct expected_subject subject = {.cases = expected_bit(EXPECTED_BY_GROUP), .is_speculative = true};
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), 0.5);
    subject.is_pipelined = true;
    assert_near(expected_error_log(&errors, EXPECTED_TPOT, &subject), sqrt(0.25 + 0.16));
}

static void own_rows_say_nothing_of_power(void **state) {
    (void)state;
    struct expected_errors errors = unknown_errors();
    double *power = errors.q95_log[EXPECTED_POWER][EXPECTED_DENSE];
    power[EXPECTED_BY_GROUP] = 0.3;
    power[EXPECTED_BY_GPU] = 0.4;
    power[EXPECTED_AFTER_OWN_ROWS] = 0.1;
    const struct expected_subject subject = {.cases = expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_BY_GPU) |
                                                      expected_bit(EXPECTED_AFTER_OWN_ROWS)};
    assert_near(expected_error_log(&errors, EXPECTED_POWER, &subject), 0.4);
}

/* --- the shipped one --- */

struct shipped {
    struct arena *arena;
    struct diags *diags;
    struct catalog *catalog;
    const struct profile *profile;
};

static struct shipped shipped_open(void) {
    struct shipped shipped = {.arena = arena_new(), .diags = diags_new()};
    shipped.catalog = catalog_new();
    shipped.profile = step_profile_shipped(NULL, shipped.arena, shipped.diags);
    assert_true(catalog_read(shipped.catalog, NULL, shipped.diags));
    assert_non_null(shipped.profile);
    return shipped;
}

static void shipped_close(struct shipped *shipped) {
    catalog_free(shipped->catalog);
    diags_free(shipped->diags);
    arena_free(shipped->arena);
}

static struct profile_standing standing_of(const struct shipped *shipped, const char *gpu, const char *model,
                                           enum precision precision, bool engine_is_known) {
    const struct position nowhere = {.source = NULL};
    const struct profile_step step = {
        .setup = {.llm = catalog_llm(shipped->catalog, span_of(model), shipped->diags, nowhere),
                  .gpu = catalog_gpu(shipped->catalog, span_of(gpu), shipped->diags, nowhere),
                  .precision = precision,
                  .kv_precision = PRECISION_BF16,
                  .engine = SERVING_VLLM,
                  .tensor_parallel = 1,
                  .expert_parallel = 1,
                  .attention_dp = 1,
                  .gpus_per_node = 8},
        .profile = shipped->profile};
    return profile_standing_of(&step, engine_is_known);
}

static void the_less_was_seen_the_more_is_expected(void **state) {
    (void)state;
    struct shipped shipped = shipped_open();
    const struct expected_errors *errors = shipped.profile->errors;
    const struct profile_standing seen = standing_of(&shipped, "H100-SXM", "Llama-3.1-70B", PRECISION_FP8, true);
    assert_int_equal(seen.expected.class, EXPECTED_DENSE);
    assert_int_equal(seen.expected.cases, expected_bit(EXPECTED_BY_GROUP));
    assert_true(seen.is_calibrated);
    const struct profile_standing unnamed = standing_of(&shipped, "H100-SXM", "Llama-3.1-70B", PRECISION_FP8, false);
    assert_int_equal(unnamed.expected.cases, expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_BY_ENGINE) |
                                                 expected_bit(EXPECTED_UNKNOWN_RECIPE));
    const struct profile_standing strange = standing_of(&shipped, "L40S", "Mistral-7B-v0.3", PRECISION_BF16, true);
    assert_int_equal(strange.expected.cases, expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_BY_GPU) |
                                                 expected_bit(EXPECTED_BY_ARCHITECTURE) |
                                                 expected_bit(EXPECTED_BY_FORMAT) | expected_bit(EXPECTED_BY_FAMILY));
    for (int m = 0; m < EXPECTED_METRIC_COUNT; m++) {
        struct expected_subject every = {.cases =
                                             expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_FROM_DATASHEET)};
        assert_true(!isnan(expected_error_log(errors, (enum expected_metric)m, &every)));
        every.cases = expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_STATE_SPACE);
        assert_true(!isnan(expected_error_log(errors, (enum expected_metric)m, &every)));
    }
    assert_int_equal(standing_of(&shipped, "MI300X", "DeepSeek-R1", PRECISION_FP8, true).expected.class,
                     EXPECTED_NOT_NVIDIA);
    for (int m = 0; m < EXPECTED_METRIC_COUNT; m++) {
        double q_seen = expected_error_log(errors, (enum expected_metric)m, &seen.expected);
        double q_strange = expected_error_log(errors, (enum expected_metric)m, &strange.expected);
        assert_true(q_seen > 0.05 && q_seen <= q_strange && q_strange < 4);
    }
    shipped_close(&shipped);
}

/* A value that a user wrote has no interval, one that `calibrate` wrote has. */
static void a_profile_written_by_hand_is_not_calibrated(void **state) {
    (void)state;
    struct shipped shipped = shipped_open();
    const struct profile *base = shipped.profile;
    struct profile_value *values = arena_alloc(shipped.arena, base->value_count + 1, sizeof *values);
    memcpy(values + 1, base->values, base->value_count * sizeof *values);
    struct profile own = *base;
    own.values = values;
    own.value_count++;
    own.own_count = 1;
    shipped.profile = &own;
    values[0] = (struct profile_value){.name = "Sa", .scope = "Hopper|8", .value = 1, .lower = 0.9, .upper = 1.1};
    struct profile_standing standing = standing_of(&shipped, "H100-SXM", "Llama-3.1-70B", PRECISION_FP8, true);
    assert_true(standing.is_calibrated && !standing.is_given);
    values[0].lower = values[0].upper = (double)NAN;
    standing = standing_of(&shipped, "H100-SXM", "Llama-3.1-70B", PRECISION_FP8, true);
    assert_true(!standing.is_calibrated && standing.is_given);
    shipped.profile = base;
    shipped_close(&shipped);
}

/* --- bounds --- */

/* Every q is ln 1.25; one pool at a load of 0.625. */
static struct fixture *fixture_with_error(bool is_closed, double electricity_usd) {
    static struct expected_errors errors;
    struct fixture *fixture = fixture_new(1, 1);
    double *all = &errors.q95_log[0][0][0];
    for (size_t i = 0; i < sizeof errors.q95_log / sizeof *all; i++) {
        all[i] = log(1.25);
    }
    fixture->pool_facts[0].error_is_known = true;
    fixture->pool_facts[0].errors = &errors;
    fixture->pool_facts[0].expected =
        (struct expected_subject){.class = EXPECTED_DENSE, .cases = expected_bit(EXPECTED_BY_GROUP)};
    fixture->pool_configs[0].batching.max_num_seqs = 64;
    fixture->workload_configs[0].arrivals.clients = is_closed ? 8 : 0;
    if (electricity_usd > 0) {
        fixture->costs[0].electricity_included = false;
        fixture->costs[0].electricity_usd_per_kwh = electricity_usd;
    }
    return fixture;
}

static struct result *result_with_error(bool is_closed, double electricity_usd) {
    return fixture_result_of(fixture_with_error(is_closed, electricity_usd));
}

static struct expected_bounds bounds_of(const struct result *result, const char *name) {
    return expected_bounds_of(metric_find(name), result);
}

static void assert_bounds(const struct result *result, const char *name, double lower, double upper) {
    const struct expected_bounds bounds = bounds_of(result, name);
    double value = metric_real(metric_find(name), result, 0, 0);
    print_message("%s %g: %g .. %g\n", name, value, bounds.lower / value, bounds.upper / value);
    assert_near(bounds.lower / value, lower);
    assert_near(bounds.upper / value, upper);
}

static void a_fleet_that_keeps_up_costs_what_it_costs(void **state) {
    (void)state;
    struct result *result = result_with_error(false, 0);
    const double load = result->utilization.load_ratio, s = 1.25;
    assert_near(load, 0.625);
    assert_bounds(result, "usd_per_mtok_total", 1, 1);
    assert_bounds(result, "demand_mtok_per_month", 1, 1);
    assert_bounds(result, "load_ratio", 1 / s, s);
    assert_bounds(result, "busy_ratio", 1 / s, s); /* half */
    assert_bounds(result, "power_mean_w", 1 / s, s);
    assert_bounds(result, "e2e_p99_s", (1 - load) / (1 - load / s) / s, (1 - load) / (1 - load * s) * s);
    assert_string_equal(result->pools[0].error_basis, "dense");
    result_free(result);
}

static void a_closed_loop_goes_with_its_server(void **state) {
    (void)state;
    struct result *result = result_with_error(true, 0);
    const double s = 1.25;
    assert_bounds(result, "usd_per_mtok_total", 1 / s, s);
    assert_bounds(result, "demand_mtok_per_month", 1 / s, s);
    assert_bounds(result, "ttft_p99_s", 1 / s, s);
    assert_bounds(result, "tpot_p99_s", 1 / s, s);
    result_free(result);
}

static void metered_electricity_is_as_uncertain_as_power(void **state) {
    (void)state;
    struct result *result = result_with_error(false, 0.5);
    const struct cost_result *cost = &result->cost;
    const double share = cost->ledger_usd[LEDGER_ELECTRICITY_ENERGY] / cost->total_usd, s = 1.25;
    assert_true(share > 0.05);
    assert_bounds(result, "usd_per_1k_requests", 1 - share + share / s, 1 - share + share * s);
    result_free(result);
}

/* Input bears a quarter of the cost: odds of 1/3, as uncertain as TTFT. */
static void the_price_of_a_phase_goes_with_its_share(void **state) {
    (void)state;
    struct result *result = result_with_error(false, 0);
    const double share = result->cost.input_usd / result->cost.total_usd, odds = share / (1 - share), s = 1.25;
    assert_bounds(result, "usd_per_mtok_input", odds / s / (1 + odds / s) / share, odds * s / (1 + odds * s) / share);
    result_free(result);
}

static void a_server_that_may_not_keep_up_has_no_upper_bound(void **state) {
    (void)state;
    struct result *result = result_with_error(false, 0);
    result->expected.response_upper = INFINITY;
    assert_true(isinf(bounds_of(result, "ttft_p99_s").upper));
    assert_true(isinf(bounds_of(result, "e2e_p99_s").upper));
    assert_true(isfinite(bounds_of(result, "tpot_p99_s").upper)); /* no longer than that of a full batch */
    result_free(result);
}

/* Half of the window is after the last arrival. */
static void a_run_that_ends_with_its_last_request_takes_as_long_as_its_server(void **state) {
    (void)state;
    struct fixture *fixture = fixture_with_error(false, 0);
    fixture->outcome.cut = false;
    fixture->outcome.last_arrival = fixture->outcome.window_end - fixture_s(1800);
    struct result *result = fixture_result_of(fixture);
    const double s = 1.25, slower = (1 + s) / 2, faster = (1 + 1 / s) / 2;
    assert_bounds(result, "usd_per_mtok_total", faster, slower);
    assert_bounds(result, "demand_mtok_per_month", 1 / slower, 1 / faster);
    assert_bounds(result, "load_ratio", 1 / faster / s, s / slower);
    result_free(result);
}

/* Asked for: twice what is served. */
static void a_server_with_too_much_to_do_stays_busy(void **state) {
    (void)state;
    struct fixture *fixture = fixture_with_error(false, 0);
    struct workload_outcome *outcome = &fixture->outcome.workloads[0];
    outcome->arrivals.read += 3600;
    outcome->requests.emitted += 3600;
    outcome->requests.waiting += 3600;
    outcome->measured = outcome->requests;
    struct result *result = fixture_result_of(fixture);
    assert_near(bounds_of(result, "load_ratio").lower, result->utilization.load_ratio);
    assert_near(bounds_of(result, "busy_ratio").lower, result->utilization.busy_ratio);
    result_free(result);
}

/* Two hours of the day are 1.2 times as busy as the mean of the window: a load of 0.75; at twice, it could saturate. */
static void the_busiest_hour_bounds_latency(void **state) {
    (void)state;
    double profile[24] = {1.2, 0.8};
    struct fixture *fixture = fixture_with_error(false, 0);
    struct arrival_factory *arrivals = &fixture->workload_configs[0].arrivals;
    *arrivals = (struct arrival_factory){.profile = profile, .profile_count = 24, .profile_offset_s = 1800};
    struct result *result = fixture_result_of(fixture);
    const double load = 0.75, s = 1.25;
    assert_bounds(result, "e2e_p99_s", (1 - load) / (1 - load / s) / s, (1 - load) / (1 - load * s) * s);
    result_free(result);
    profile[0] = 3;
    fixture = fixture_with_error(false, 0);
    fixture->workload_configs[0].arrivals =
        (struct arrival_factory){.profile = profile, .profile_count = 24, .profile_offset_s = 1800};
    result = fixture_result_of(fixture);
    assert_true(isinf(bounds_of(result, "e2e_p99_s").upper));
    result_free(result);
}

static void a_prefix_cache_and_drafts_are_named(void **state) {
    (void)state;
    struct fixture *fixture = fixture_with_error(false, 0);
    static const uint32_t pools[] = {0};
    fixture->workload_configs[0].pools = pools;
    fixture->workload_configs[0].pool_count = 1;
    fixture->workload_configs[0].cached_input_share = 1 << (CACHED_SHARE_SHIFT - 1);
    fixture->pool_facts[0].expected.is_speculative = true;
    struct result *result = fixture_result_of(fixture);
    assert_string_equal(result->pools[0].error_basis, "dense; prefix-cache; widened for speculative decoding");
    result_free(result);
}

/* Power is not known: latency is. */
static void a_metric_without_error_leaves_the_others(void **state) {
    (void)state;
    static struct expected_errors errors;
    struct fixture *fixture = fixture_with_error(false, 0);
    errors = *fixture->pool_facts[0].errors;
    for (int c = 0; c < EXPECTED_CLASS_COUNT; c++) {
        errors.q95_log[EXPECTED_POWER][c][EXPECTED_BY_GROUP] = (double)NAN;
    }
    fixture->pool_facts[0].errors = &errors;
    struct result *result = fixture_result_of(fixture);
    assert_true(isnan(bounds_of(result, "power_mean_w").lower));
    assert_true(!isnan(bounds_of(result, "e2e_p99_s").lower));
    result_free(result);
}

static void no_known_error_no_interval(void **state) {
    (void)state;
    struct result *result = fixture_result_of(fixture_new(1, 1));
    assert_true(isnan(bounds_of(result, "ttft_p99_s").lower));
    assert_true(isnan(bounds_of(result, "usd_per_mtok_total").upper));
    assert_string_equal(result->pools[0].error_basis, "not known");
    result_free(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unseen_adds_up_as_variances_do),
        cmocka_unit_test(own_rows_and_datasheets_stand_alone),
        cmocka_unit_test(the_worst_class_stands_in_for_one_without_rows),
        cmocka_unit_test(the_less_was_seen_the_more_is_expected),
        cmocka_unit_test(a_fleet_that_keeps_up_costs_what_it_costs),
        cmocka_unit_test(a_closed_loop_goes_with_its_server),
        cmocka_unit_test(metered_electricity_is_as_uncertain_as_power),
        cmocka_unit_test(the_price_of_a_phase_goes_with_its_share),
        cmocka_unit_test(a_server_that_may_not_keep_up_has_no_upper_bound),
        cmocka_unit_test(a_missing_percentile_is_its_own_mean_made_wider),
        cmocka_unit_test(a_case_without_rows_widens_as_that_of_tpot_does),
        cmocka_unit_test(features_without_rows_add_what_an_unseen_engine_does),
        cmocka_unit_test(own_rows_say_nothing_of_power),
        cmocka_unit_test(a_profile_written_by_hand_is_not_calibrated),
        cmocka_unit_test(a_run_that_ends_with_its_last_request_takes_as_long_as_its_server),
        cmocka_unit_test(a_server_with_too_much_to_do_stays_busy),
        cmocka_unit_test(the_busiest_hour_bounds_latency),
        cmocka_unit_test(a_prefix_cache_and_drafts_are_named),
        cmocka_unit_test(a_metric_without_error_leaves_the_others),
        cmocka_unit_test(no_known_error_no_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
