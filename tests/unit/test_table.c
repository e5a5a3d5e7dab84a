#include "tests/unit/result_set_fixture.h"

#include <math.h>
#include <stdio.h>

#include "analysis/table.h"
#include "analysis/table_text.h"

/* The caller frees `*text`. */
static void table_of_run(const struct result *result, char **text) {
    size_t size = 0;
    FILE *stream = open_memstream(text, &size);
    table_print_run(stream, "chat-70b", result);
    fclose(stream);
}

static void table_of_sweep(const struct result_set *set, char **text) {
    size_t size = 0;
    FILE *stream = open_memstream(text, &size);
    table_print_sweep(stream, set);
    fclose(stream);
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' is not in:\n%s", words, text);
    }
}

/* Characters, not bytes. */
static void assert_fits(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++) {
        width = *text == '\n' ? 0 : width + (((unsigned char)*text & 0xc0) != 0x80);
        assert_true(width <= TABLE_WIDTH);
    }
}

static void a_run_is_told_in_a_hundred_columns(void **state) {
    (void)state;
    struct result *result = fixture_result_of(fixture_new(2, 2));
    char *text;
    table_of_run(result, &text);
    assert_fits(text);
    assert_says(text, "mean input:output = 4 : 1");
    assert_says(text, "chat                 ttft_p99  <=        2 s      99.55 % of requests   met");
    assert_says(text, "- power.pue: 1.2, typical of new sites, 2025");
    free(text);
    result_free(result);
}

static void a_run_says_what_to_be_careful_about(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->pool_facts[0].gpus_placed = 2;
    fixture->workload_configs[0].slo_count = 0;
    fixture->outcome.cut = false;
    fixture->outcome.last_arrival = fixture_s(3000);
    fixture->point.facility_not_included = true;
    fixture->outcome.pools[0].saturated = true;
    fixture->outcome.saturated = true;
    struct result *result = fixture_result_of(fixture);
    char *text;
    table_of_run(result, &text);
    assert_says(text, "paying for 8 GPUs, 2 in use");
    assert_says(text, "no SLO: cheapest means slowest");
    assert_says(text, "16.66 % of the window: cost is overstated");
    assert_says(text, "facility: not included");
    assert_says(text, "saturated");
    assert_says(text, "2 of 3602 rows were left out: 2 zero_output");
    free(text);
    result_free(result);
}

static void a_window_without_time_is_named(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->outcome.cut = false;
    fixture->outcome.last_arrival = fixture_s(3000);
    fixture->outcome.window_start = fixture_s(4000);
    fixture->outcome.pools[0] = (struct pool_outcome){.energy_minute = fixture->outcome.pools[0].energy_minute,
                                                      .minute_count = FIXTURE_MINUTES};
    memset(fixture->outcome.pools[0].energy_minute, 0, FIXTURE_MINUTES * sizeof(i128));
    fixture->outcome.workloads[0].tokens[0] = (struct token_counts){0};
    struct workload_outcome *outcome = &fixture->outcome.workloads[0];
    outcome->measured = (struct request_counts){0};
    outcome->slo[0] = outcome->slo[1] = (struct slo_count){0};
    outcome->good = outcome->undecided_good = outcome->completed_in_window = 0;
    struct result *result = fixture_result_of(fixture);
    char *text;
    table_of_run(result, &text);
    assert_says(text, "nothing was measured: the run ended at 3600 s, before its warm-up did");
    assert_null(strstr(text, "inf %"));
    free(text);
    result_free(result);
}

static void a_load_above_its_capacity_is_explained(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->capacity_tok_per_s[0] = 500;
    struct result *result = fixture_result_of(fixture);
    char *text;
    table_of_run(result, &text);
    assert_says(text, "the load of pool main is 1.250 of its capacity: the capacity run preempts; see kv_admission");
    free(text);
    result_free(result);
}

static void of_a_price_the_first_source_and_the_date_are_shown(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->assumption =
        (struct assumption){.path = "cost.gpu_usd_per_hour",
                            .text = "catalogue on-demand price 2.59 USD/h (H100-SXM, a list (of links); another; a "
                                    "third (min; max, all), 2026-05-24)"};
    fixture->pool_facts[0].price_source = fixture->assumption.text;
    struct result *result = fixture_result_of(fixture);
    char *text;
    table_of_run(result, &text);
    assert_says(text, "2.59 USD/h (H100-SXM, a list (of links); ...,\n      2026-05-24)\n");
    assert_null(strstr(text, "another"));
    assert_non_null(strstr(result->assumptions_text, "another"));
    free(text);
    result_free(result);
}

static void a_sweep_is_a_line_a_point(void **state) {
    (void)state;
    struct set_fixture *fixture = set_fixture_new();
    char *text;
    table_of_sweep(&fixture->set, &text);
    assert_fits(text);
    assert_says(text, "\nper_s  label ");
    assert_says(text, "8 \xc3\x97 H100");
    assert_says(text, "(12.44)");
    assert_says(text, " reps ");
    assert_null(strstr(text, "licas"));
    assert_says(text, "1 of 4 points are infeasible");
    free(text);
    set_fixture_free(fixture);
}

static void latencies_of_several_workloads_are_said_to_be_so(void **state) {
    (void)state;
    struct set_fixture *fixture = set_fixture_new();
    char *text;
    table_of_sweep(&fixture->set, &text);
    assert_says(text, "ttft and tpot are of all workloads together; the SLO is judged for each workload by itself");
    free(text);
    struct result *single = fixture_result_of(fixture_new(1, 1));
    for (size_t i = 0; i < SET_POINTS; i++) {
        fixture->borrowed[i] = single;
    }
    table_of_sweep(&fixture->set, &text);
    assert_null(strstr(text, "of all workloads"));
    free(text);
    result_free(single);
    set_fixture_free(fixture);
}

static void long_names_are_cut_to_fit(void **state) {
    static const char *const TEXTS[] = {"a very long label of a very wide configuration, indeed", "short"};
    (void)state;
    struct set_fixture *fixture = set_fixture_new();
    fixture->gpus[1].texts = TEXTS;
    char *text;
    table_of_sweep(&fixture->set, &text);
    assert_says(text, "  a very long labe~  ");
    free(text);
    set_fixture_free(fixture);
}

static void the_cheapest_is_feasible(void **state) {
    (void)state;
    struct set_fixture *fixture = set_fixture_new();
    fixture->results[0]->feasible = 0;
    char *text;
    table_of_sweep(&fixture->set, &text);
    assert_says(text, "Cheapest feasible point\n    8.889 USD/Mtok at rate_per_s 0.5, label 8 \xc3\x97 L40S\n");
    assert_says(text, "8 \xc3\x97 H100  10.67 USD/Mtok at rate_per_s 1, label 8 \xc3\x97 H100\n");
    free(text);
    for (size_t i = 0; i < SET_POINTS; i++) {
        fixture->results[i]->feasible = 0;
    }
    table_of_sweep(&fixture->set, &text);
    assert_says(text, "none: no point meets its SLO");
    free(text);
    set_fixture_free(fixture);
}

static int count_of(const char *text, const char *words) {
    int count = 0;
    for (text = strstr(text, words); text != NULL; text = strstr(text + 1, words)) {
        count++;
    }
    return count;
}

static void an_assumption_is_said_once(void **state) {
    (void)state;
    struct set_fixture *fixture = set_fixture_new();
    char *text;
    table_of_sweep(&fixture->set, &text);
    assert_int_equal(count_of(text, "power.pue"), 1);
    free(text);
    set_fixture_free(fixture);
}

static void numbers_have_four_digits(void **state) {
    (void)state;
    assert_string_equal(cell_number(3.14159, 4).text, "3.142");
    assert_string_equal(cell_number(123456.7, 4).text, "123457");
    assert_string_equal(cell_number((double)NAN, 4).text, "-");
    assert_string_equal(cell_percent(0.98996).text, "98.99 %");
    assert_string_equal(cell_percent(1).text, "100 %");
    assert_string_equal(cell_ratio(0.0104).text, "0.010");
    assert_string_equal(cell_ratio((double)NAN).text, "-");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_told_in_a_hundred_columns),
        cmocka_unit_test(a_run_says_what_to_be_careful_about),
        cmocka_unit_test(a_window_without_time_is_named),
        cmocka_unit_test(a_load_above_its_capacity_is_explained),
        cmocka_unit_test(of_a_price_the_first_source_and_the_date_are_shown),
        cmocka_unit_test(latencies_of_several_workloads_are_said_to_be_so),
        cmocka_unit_test(a_sweep_is_a_line_a_point),
        cmocka_unit_test(long_names_are_cut_to_fit),
        cmocka_unit_test(the_cheapest_is_feasible),
        cmocka_unit_test(an_assumption_is_said_once),
        cmocka_unit_test(numbers_have_four_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
