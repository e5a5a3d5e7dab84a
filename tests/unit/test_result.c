#include "tests/unit/result_fixture.h"

#include <math.h>

#define RELATIVE 1e-12

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= RELATIVE * fabs(expected))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

/* ---- one pool, one workload ---- */

static void counts_are_those_of_the_outcome(void **state) {
    const struct result *result = *state;
    assert_int_equal(result->requests.read, 3602);
    assert_int_equal(result->requests.dropped, 2);
    assert_int_equal(result->requests.emitted, 3600);
    assert_int_equal(result->requests.unfinished, 10);
    assert_int_equal(result->tokens.input, 3600000);
    assert_int_equal(result->tokens.output, 900000);
    assert_near(result->tokens.input_per_output, 4);
    assert_near(result->run.simulated_s, 3600);
    assert_near(result->run.drain_s + 1, 1);
}

static void throughput_divides_by_the_window(void **state) {
    const struct result *result = *state;
    assert_near(result->throughput.total_tok_per_s, 1250);
    assert_near(result->throughput.output_tok_per_s_per_gpu, 250.0 / 8);
    assert_near(result->throughput.requests_per_s, 3590.0 / 3600);
    assert_near(result->throughput.goodput_requests_per_s, 3490.0 / 3600);
    assert_near(result->throughput.goodput_output_tok_per_s, 870000.0 / 3600);
    assert_near(result->demand_mtok_per_month, 3600 * 1250 / 1e6 * 730);
}

static void the_four_ratios(void **state) {
    const struct utilization_result *use = &((const struct result *)*state)->utilization;
    assert_near(use->load_ratio, 0.625);
    assert_near(use->busy_ratio, 0.5);
    assert_near(use->mfu_ratio, 5.76e18 / (8e15 * 2 * 3600));
    assert_near(use->mbu_ratio, 9.648e15 / (13.4e12 * 2 * 3600));
    assert_near(use->kv_ratio, 8000.0 / 32000);
    assert_near(use->batch_mean, 12);
    assert_near(use->waiting_mean, 0.5);
}

static void percentiles_come_from_the_histogram(void **state) {
    const struct latency_result *ttft = &((const struct result *)*state)->latency[LATENCY_TTFT];
    assert_near(ttft->mean_s, 0.505);
    assert_near(ttft->max_s, 1);
    assert_true(ttft->p99_s >= 0.99 && ttft->p99_s <= 0.99 * 1.002);
    assert_true(ttft->p50_s >= 0.5 && ttft->p50_s <= 0.5 * 1.002);
    assert_true(isnan(((const struct result *)*state)->latency[LATENCY_ITL].p99_s));
}

static void an_slo_counts_shares_of_the_decided(void **state) {
    const struct slo_result *slo = &((const struct result *)*state)->workloads[0].slo;
    const size_t ttft = slo_slot_of(LATENCY_TTFT, 99);
    const size_t tpot = slo_slot_of(LATENCY_TPOT, 95);
    assert_string_equal(slo_slot_name(ttft), "ttft_p99");
    assert_string_equal(slo_slot_name(tpot), "tpot_p95");
    assert_near(slo->attainment_ratio[ttft], 3580.0 / 3596);
    assert_near(slo->attainment_ratio[tpot], 3500.0 / 3600);
    assert_int_equal(slo->threshold_met[ttft], 1);
    assert_int_equal(slo->threshold_met[tpot], 1);
    assert_int_equal(slo->threshold_met[slo_slot_of(LATENCY_E2E, 99)], -1);
    assert_int_equal(slo->thresholds, 2);
    assert_near(slo->goodput_ratio, 3490.0 / 3590);
}

static void energy_is_that_at_the_wall(void **state) {
    const struct result *result = *state;
    assert_near(result->power.mean_w, 2300 / 0.92);
    assert_near(result->power.peak_w, 3300 / 0.92);
    assert_near(result->power.site_mean_w, 2300 / 0.92 * 1.2);
    assert_near(result->power.per_gpu_w, 2300 / 0.92 / 8);
    assert_near(result->power.board_per_gpu_w, 1800.0 / 8);
    assert_near(result->energy.it_kwh, 2.5);
    assert_near(result->energy.site_kwh, 3);
    assert_near(result->energy.j_per_tok, 2.4);
    assert_near(result->energy.carbon_kg, 1.2);
}

static void the_bill_is_physical(void **state) {
    const struct bill_result *bill = &((const struct result *)*state)->bill;
    assert_near(bill->gpu_hours_paid, 8);
    assert_near(bill->gpu_hours_used, 4);
    assert_near(bill->committed_it_kw, (8 * 700 + 500) / 0.92 / 1e3);
    assert_near(bill->it_peak_15min_kw, 2.5);
    assert_near(bill->site_peak_15min_kw, 3);
    assert_near(bill->gb_out, 900000 * 4 / 1e9);
    assert_int_equal(bill->it_kwh_by_hour.count, 1);
    assert_near(bill->it_kwh_by_hour.values[0], 2.5);
}

static void cost_is_split_by_gpu_time(void **state) {
    const struct cost_result *cost = &((const struct result *)*state)->cost;
    assert_near(cost->total_usd, 16);
    assert_near(cost->ledger_usd[LEDGER_HARDWARE], 16);
    assert_near(cost->usd_per_mtok_total, 16 / 4.5);
    assert_near(cost->usd_per_mtok_input, 4 / 3.6);
    assert_near(cost->usd_per_mtok_output, 12 / 0.9);
    assert_near(cost->usd_per_mtok_output_all_in, 16 / 0.9);
    assert_near(cost->usd_per_1k_requests, 16 / 3.59);
    assert_near(cost->usd_per_month, 16 * 730);
}

static void idle_is_a_view_of_the_total(void **state) {
    const struct cost_result *cost = &((const struct result *)*state)->cost;
    assert_near(cost->idle.empty_usd, 8);
    assert_near(cost->idle.headroom_usd, 3);
    assert_near(cost->idle.unplaced_gpus_usd + 1, 1);
    assert_near(cost->idle_share, 11.0 / 16);
}

static void an_api_is_billed_for_the_same_tokens(void **state) {
    const struct api_result *api = &((const struct result *)*state)->apis[0];
    assert_near(api->usd, 3.6 * 0.15 + 0.9 * 0.6);
    assert_near(api->usd_per_mtok_total, 1.08 / 4.5);
    assert_near(api->cost_ratio, 16 / 1.08);
}

/* ---- variations ---- */

static void a_share_is_missed_by_one_request(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.workloads[0].slo[0].met = 3560; /* of 3596: 99 % are 3560.04 */
    struct result *result = fixture_result_of(fixture);
    assert_int_equal(result->slo.met, 0);
    assert_int_equal(result->feasible, 0);
    assert_string_equal(result->infeasible_reason, "chat: ttft_p99 of 2 s met by 98.9989 % of requests, 99 % needed");
    result_free(result);
}

static void a_threshold_that_no_request_decided_is_not_met(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.workloads[0].slo[0] = (struct slo_count){.met = 0, .undecided = 3600};
    struct result *result = fixture_result_of(fixture);
    const size_t slot = slo_slot_of(LATENCY_TTFT, 99);
    assert_int_equal(result->workloads[0].slo.threshold_met[slot], 0);
    assert_true(isnan(result->workloads[0].slo.attainment_ratio[slot]));
    assert_int_equal(result->slo.met, 0);
    assert_int_equal(result->feasible, 0);
    assert_string_equal(result->infeasible_reason,
                        "chat: ttft_p99 of 2 s is undecided: none of 3600 requests had a value by the end");
    result_free(result);
}

static void nobody_who_asks_is_served_in_time(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    struct workload_outcome *outcome = &fixture->outcome.workloads[0];
    outcome->measured = (struct request_counts){0};
    outcome->slo[0] = outcome->slo[1] = (struct slo_count){0};
    outcome->good = outcome->undecided_good = 0;
    struct result *result = fixture_result_of(fixture);
    assert_int_equal(result->slo.met, 1);
    assert_int_equal(result->feasible, 1);
    result_free(result);
}

static void saturation_makes_a_point_infeasible(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.pools[0].saturated = true;
    fixture->outcome.saturated = true;
    struct result *result = fixture_result_of(fixture);
    assert_int_equal(result->feasible, 0);
    assert_string_equal(result->infeasible_reason, "pool main is saturated");
    result_free(result);
}

static void a_phase_without_tokens_gives_its_cost_to_the_other(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.workloads[0].tokens[0].output = 0;
    struct result *result = fixture_result_of(fixture);
    assert_near(result->cost.input_usd, 16);
    assert_near(result->cost.usd_per_mtok_input, 16 / 3.6);
    assert_true(isnan(result->cost.usd_per_mtok_output));
    assert_near(result->workloads[0].cost.total_usd, 16);
    result_free(result);
}

static void without_tokens_there_is_no_unit_cost(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    memset(fixture->outcome.workloads[0].tokens, 0, sizeof *fixture->outcome.workloads[0].tokens);
    struct result *result = fixture_result_of(fixture);
    assert_near(result->cost.total_usd, 16);
    assert_true(isnan(result->cost.usd_per_mtok_total));
    assert_true(isnan(result->cost.usd_per_mtok_input));
    assert_true(isnan(result->energy.j_per_tok));
    result_free(result);
}

static void workloads_share_a_pool_by_what_it_computed_for_them(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 2);
    fixture->outcome.workloads[1].tokens[0] =
        (struct token_counts){.input = 400000, .output = 100000, .prefilled = 3601000};
    struct result *result = fixture_result_of(fixture);
    assert_near(result->workloads[0].cost.input_usd, 2);
    assert_near(result->workloads[1].cost.input_usd, 2);
    assert_near(result->workloads[0].cost.output_usd, 12 * 0.9);
    assert_near(result->workloads[1].cost.output_usd, 12 * 0.1);
    assert_near(result->workloads[1].cost.usd_per_mtok_output, 12 * 0.1 / 0.1);
    result_free(result);
}

static void an_idle_pool_is_borne_by_those_who_were_served(void **state) {
    (void)state;
    struct result *result = fixture_result_of(fixture_new(2, 1));
    assert_near(result->cost.total_usd, 32);
    assert_near(result->workloads[0].cost.total_usd, 32);
    assert_near(result->cost.usd_per_mtok_input, 8 / 3.6);
    assert_near(result->utilization.load_ratio, 0.625 / 2);
    assert_near(result->pools[1].cost.total_usd, 16);
    assert_true(isnan(result->pools[1].cost.usd_per_mtok_total));
    assert_near(result->bill.it_peak_15min_kw, 2.5 + 1.3 / 0.92);
    result_free(result);
}

static void staff_is_shared_out_by_paid_gpus(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(2, 1);
    fixture->pool_facts[1].gpus_paid = 24;
    fixture->point.fleet_cost = (struct fleet_terms){.fte_min = 1, .loaded_usd_per_fte_year = 87600};
    struct result *result = fixture_result_of(fixture);
    assert_near(result->cost.ledger_usd[LEDGER_STAFF], 10);
    assert_near(result->pools[0].cost.ledger_usd[LEDGER_STAFF], 2.5);
    assert_near(result->pools[1].cost.idle.unplaced_gpus_usd, (48 + 7.5) * 16 / 24);
    result_free(result);
}

/* The commitment is 24 GPUs at 1 USD/h for the 8 that are there: 16 USD for nothing, and idle time at 1 USD/h. */
static void an_unused_commitment_is_idle_once(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->costs[0].deal = DEAL_RESERVED;
    fixture->costs[0].committed_gpus = 24;
    fixture->costs[0].committed_usd_per_hour = 1;
    struct result *result = fixture_result_of(fixture);
    assert_near(result->cost.total_usd, 24);
    assert_near(result->cost.idle.commitment_usd, 16);
    assert_near(result->cost.idle.empty_usd, 4);
    assert_near(result->cost.idle_share, (16 + 4 + 1.5) / 24);
    result_free(result);
}

/* 900 kJ more in one quarter: 1 kW. The fleet peaks first in the quarter of `main`, and `spare` pays its part of that one. */
static void pools_pay_for_their_part_of_the_common_peak(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(2, 1);
    struct pool_outcome *pools = fixture->outcome.pools;
    pools[0].energy_minute[20] += fixture_j(900e3);
    pools[0].energy += fixture_j(900e3);
    pools[1].energy_minute[50] += fixture_j(900e3);
    pools[1].energy += fixture_j(900e3);
    struct result *result = fixture_result_of(fixture);
    assert_near(result->pools[0].bill.it_peak_15min_kw, 3.3 / 0.92);
    assert_near(result->pools[1].bill.it_peak_15min_kw, 1.3 / 0.92);
    assert_near(result->bill.it_peak_15min_kw, 4.6 / 0.92);
    result_free(result);
}

static void without_a_gpu_power_is_unknown_and_money_is_not(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->pool_facts[0].power_known = false;
    struct result *result = fixture_result_of(fixture);
    assert_true(isnan(result->power.mean_w));
    assert_true(isnan(result->energy.it_kwh));
    assert_true(isnan(result->energy.carbon_kg));
    assert_near(result->cost.total_usd, 16);
    result_free(result);
}

/* 1000 W above idle and 2000 W in the peak minute: fans take a tenth of it more; boards are as before. */
static void fans_take_a_share_of_the_load(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->point.pools[0].fan_ratio = 0.1;
    const double tdp_w = fixture->point.pools[0].tdp_w;
    struct result *result = fixture_result_of(fixture);
    assert_near(result->power.mean_w, 2400 / 0.92);
    assert_near(result->power.peak_w, 3500 / 0.92);
    assert_near(result->power.board_per_gpu_w, 1800.0 / 8);
    assert_near(result->bill.committed_it_kw, (8 * tdp_w + 500 + 0.1 * 8 * (tdp_w - 100)) / 920);
    result_free(result);
}

static void a_peak_is_a_whole_minute_where_there_is_one(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    struct pool_outcome *pool = &fixture->outcome.pools[0];
    fixture->outcome.window_start = fixture_s(430); /* minute 7 lies in it in part */
    pool->energy = 0;
    for (size_t minute = 0; minute < FIXTURE_MINUTES; minute++) {
        pool->energy_minute[minute] = minute < 7 ? 0 : pool->energy_minute[minute];
        pool->energy += pool->energy_minute[minute];
    }
    struct result *result = fixture_result_of(fixture);
    assert_near(result->power.peak_w, 2300 / 0.92);
    result_free(result);
}

static void a_short_window_peaks_in_part_of_a_minute(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    struct pool_outcome *pool = &fixture->outcome.pools[0];
    fixture->outcome.window_end = fixture_s(30);
    pool->busy = fixture_s(60);
    pool->busy_prefill = fixture_s(60);
    pool->busy_decode = 0;
    pool->minute_count = 1;
    pool->energy = pool->energy_minute[0];
    struct result *result = fixture_result_of(fixture);
    assert_near(result->power.peak_w, 3300 / 0.92);
    assert_near(result->bill.it_peak_15min_kw, 3.3 / 0.92);
    result_free(result);
}

static void limits_of_workloads_that_differ_have_no_one_value(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 2);
    fixture->workload_configs[1].slo[0] =
        (struct slo_threshold){.metric = LATENCY_TTFT, .percent = 99, .limit = fixture_s(30)};
    fixture->workload_configs[1].slo_count = 1;
    struct result *result = fixture_result_of(fixture);
    const size_t slot = slo_slot_of(LATENCY_TTFT, 99);
    assert_true(isnan(result->slo.limit_s[slot]));
    assert_near(result->workloads[1].slo.limit_s[slot], 30);
    assert_int_equal(result->slo.thresholds, 2);
    assert_int_equal(result->slo.threshold_met[slot], 1);
    result_free(result);
}

static void a_run_that_drains_says_how_long(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.cut = false;
    fixture->outcome.last_arrival = fixture_s(3000);
    fixture->point.sim.max_requests = 5000;
    struct result *result = fixture_result_of(fixture);
    assert_near(result->run.drain_s, 600);
    assert_int_equal(result->requests_asked, 5000);
    result_free(result);
}

static void an_empty_window_has_counts_and_no_ratios(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    struct pool_outcome *pool = &fixture->outcome.pools[0];
    fixture->outcome.window_start = fixture->outcome.window_end;
    memset(fixture->outcome.workloads[0].tokens, 0, sizeof *fixture->outcome.workloads[0].tokens);
    free(pool->energy_minute);
    *pool = (struct pool_outcome){0};
    struct result *result = fixture_result_of(fixture);
    assert_int_equal(result->requests.emitted, 3600);
    assert_true(isnan(result->utilization.busy_ratio));
    assert_true(isnan(result->power.peak_w));
    assert_near(result->cost.total_usd + 1, 1);
    result_free(result);
}

static int setup(void **state) {
    *state = fixture_result_of(fixture_new(1, 1));
    return 0;
}

static int teardown(void **state) {
    result_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest worked[] = {
        cmocka_unit_test(counts_are_those_of_the_outcome),
        cmocka_unit_test(throughput_divides_by_the_window),
        cmocka_unit_test(the_four_ratios),
        cmocka_unit_test(percentiles_come_from_the_histogram),
        cmocka_unit_test(an_slo_counts_shares_of_the_decided),
        cmocka_unit_test(energy_is_that_at_the_wall),
        cmocka_unit_test(the_bill_is_physical),
        cmocka_unit_test(cost_is_split_by_gpu_time),
        cmocka_unit_test(idle_is_a_view_of_the_total),
        cmocka_unit_test(an_api_is_billed_for_the_same_tokens),
    };
    const struct CMUnitTest variations[] = {
        cmocka_unit_test(a_share_is_missed_by_one_request),
        cmocka_unit_test(a_threshold_that_no_request_decided_is_not_met),
        cmocka_unit_test(nobody_who_asks_is_served_in_time),
        cmocka_unit_test(saturation_makes_a_point_infeasible),
        cmocka_unit_test(a_phase_without_tokens_gives_its_cost_to_the_other),
        cmocka_unit_test(without_tokens_there_is_no_unit_cost),
        cmocka_unit_test(workloads_share_a_pool_by_what_it_computed_for_them),
        cmocka_unit_test(an_idle_pool_is_borne_by_those_who_were_served),
        cmocka_unit_test(staff_is_shared_out_by_paid_gpus),
        cmocka_unit_test(an_unused_commitment_is_idle_once),
        cmocka_unit_test(pools_pay_for_their_part_of_the_common_peak),
        cmocka_unit_test(without_a_gpu_power_is_unknown_and_money_is_not),
        cmocka_unit_test(fans_take_a_share_of_the_load),
        cmocka_unit_test(a_peak_is_a_whole_minute_where_there_is_one),
        cmocka_unit_test(a_short_window_peaks_in_part_of_a_minute),
        cmocka_unit_test(limits_of_workloads_that_differ_have_no_one_value),
        cmocka_unit_test(a_run_that_drains_says_how_long),
        cmocka_unit_test(an_empty_window_has_counts_and_no_ratios),
    };
    const int failed = cmocka_run_group_tests_name("worked by hand", worked, setup, teardown);
    return failed + cmocka_run_group_tests_name("variations", variations, NULL, NULL);
}
