#include "tests/unit/result_fixture.h"

#include <math.h>
#include <stdio.h>

#include "analysis/metrics.h"

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static void names_are_unique(void **state) {
    (void)state;
    for (size_t i = 0; i < metrics_count; i++) {
        assert_ptr_equal(metric_find(metrics[i].name), &metrics[i]);
    }
}

static void json_keys_are_unique_within_a_scope(void **state) {
    (void)state;
    for (size_t i = 0; i < metrics_count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(metrics[i].scope == metrics[k].scope && strcmp(metrics[i].json, metrics[k].json) == 0);
        }
    }
}

/* The unit in a name is that of the attribute. */
static void names_end_in_their_units(void **state) {
    static const struct {
        const char *end, *units;
    } ENDS[] = {{"_per_s", NULL}, {"_s", "s"},   {"_h", "h"},     {"_w", "W"},     {"_kw", "kW"},
                {"_kwh", "kWh"},  {"_kg", "kg"}, {"_ratio", "1"}, {"_usd", "USD"}, {"_tok_per_s", "tok/s"}};
    (void)state;
    for (size_t i = 0; i < metrics_count; i++) {
        for (size_t e = 0; e < sizeof ENDS / sizeof ENDS[0]; e++) {
            if (ends_with(metrics[i].name, ENDS[e].end)) {
                assert_true(ENDS[e].units == NULL ? strstr(metrics[i].units, "/s") != NULL
                                                  : strcmp(metrics[i].units, ENDS[e].units) == 0);
                break;
            }
        }
    }
}

static void money_says_how_it_was_shared_out(void **state) {
    (void)state;
    for (size_t i = 0; i < metrics_count; i++) {
        const bool is_cost = strncmp(metrics[i].json, "cost.", 5) == 0 && strstr(metrics[i].json, "revenue") == NULL &&
                             strstr(metrics[i].json, "margin") == NULL;
        if (is_cost) {
            assert_non_null(metrics[i].allocation_method);
            assert_non_null(metrics[i].cost_basis);
        }
    }
}

static void a_metric_reads_its_field(void **state) {
    const struct result *result = *state;
    assert_true(metric_real(metric_find("usd_per_mtok_total"), result, 0, 0) == result->cost.usd_per_mtok_total);
    assert_int_equal(metric_integer(metric_find("requests_emitted"), result, 0, 0), 3600);
    assert_int_equal(metric_integer(metric_find("workload_tokens_input"), result, 0, 0), 3600000);
    assert_string_equal(metric_text(metric_find("pool_gpu"), result, 0), "H100-SXM");
    assert_true(metric_real(metric_find("ledger_usd"), result, 0, LEDGER_HARDWARE) == 16);
    assert_true(metric_real(metric_find("bill_it_kwh_by_hour"), result, 0, 0) == 2.5);
    assert_int_equal(metric_integer(metric_find("feasible"), result, 0, 0), 1);
}

/* A file's bytes depend on it. */
static void there_is_one_nan_and_one_zero(void **state) {
    struct result *result = *state;
    const struct metric *metric = metric_find("usd_per_hour");
    uint64_t bits;
    result->cost.usd_per_hour = -(double)NAN;
    double value = metric_real(metric, result, 0, 0);
    memcpy(&bits, &value, sizeof bits);
    assert_true(bits == 0x7ff8000000000000);
    result->cost.usd_per_hour = -0.0;
    value = metric_real(metric, result, 0, 0);
    memcpy(&bits, &value, sizeof bits);
    assert_true(bits == 0);
}

/* ---- docs/metrics.md ---- */

static char *read_text(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = xcalloc(1, 1 << 20);
    if (file != NULL) {
        text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

static void the_reference_page_is_made_from_the_table(void **state) {
    (void)state;
    const char *source = getenv("TOKENMILL_SOURCE");
    if (source == NULL) {
        skip();
        return;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/metrics.md", source);
    char *made = metrics_reference_md();
    if (getenv("TOKENMILL_UPDATE") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(made, file);
        fclose(file);
    }
    char *page = read_text(path);
    assert_true(strcmp(page, made) == 0);
    free(page);
    free(made);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(json_keys_are_unique_within_a_scope),
        cmocka_unit_test(names_end_in_their_units),
        cmocka_unit_test(money_says_how_it_was_shared_out),
        cmocka_unit_test_setup_teardown(a_metric_reads_its_field, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_one_nan_and_one_zero, setup, teardown),
        cmocka_unit_test(the_reference_page_is_made_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
