/* Whole real traces, counted a second time by a plain reader of our own. Skipped where the data are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scenarios/trace.h"
#include "sim/clock.h"

static const char *shared;

struct expected {
    const char *file;
    enum trace_format format;
    int64_t rows, input_tokens, output_tokens;
    double first_s, last_s;
};

/* Rows and sums by awk and Python's csv on the same files. */
static const struct expected traces[] = {
    {"azure2023/AzureLLMInferenceTrace_code.csv", TRACE_AZURE_LLM_2023, 8819, 18059974, 245896, 0.0, 3435.948056},
    {"azure2023/AzureLLMInferenceTrace_conv_first40min.csv", TRACE_AZURE_LLM_2023, 14176, 16942346, 2856415, 0.0,
     2399.96463},
    {"norm/azure2023_code.csv", TRACE_NORMALISED, 8819, 18059974, 245896, 0.0, 3435.948056},
    {"norm/azure2023_conv_first40min.csv", TRACE_NORMALISED, 14176, 16942346, 2856415, 0.0, 2399.96463},
    {"norm/mooncake_conversation_first44min.csv", TRACE_NORMALISED, 8722, 106871025, 3026589, 0.0, 2636.999},
    {"norm/ragpulse_A.csv", TRACE_NORMALISED, 3800, 11478851, 972475, 82.0, 604453.0},
};

static struct trace_spec spec_of(const char *file, enum trace_format format, char *path, size_t size) {
    snprintf(path, size, "%s/traces/%s", shared, file);
    struct trace_spec spec;
    trace_spec_init(&spec);
    spec.path = path;
    spec.source.name = file;
    spec.format = format;
    return spec;
}

static void check_trace(const struct expected *expected) {
    char path[512];
    struct trace_spec spec = spec_of(expected->file, expected->format, path, sizeof(path));
    struct diags *diags = diags_new();
    struct trace_stats stats;
    bool ok = trace_scan(&spec, &stats, diags);
    diags_render(diags, stderr, false);
    assert_true(ok);
    assert_int_equal(stats.counts.read, expected->rows);
    assert_int_equal(stats.emitted, expected->rows);
    assert_int_equal(stats.sum_input_tokens, expected->input_tokens);
    assert_int_equal(stats.sum_output_tokens, expected->output_tokens);
    int64_t span = key_of_s(expected->last_s) - key_of_s(expected->first_s);
    assert_true(llabs(key_of_s(stats.span_s) - span) <= 1);
    diags_free(diags);
}

static void whole_traces_reconcile_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        check_trace(&traces[i]);
    }
}

/* Two descriptions of one trace, read by two formats, are the same arrivals. */
static void original_and_normalised_agree_row_by_row(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char paths[2][512];
        struct trace_spec specs[2];
        struct arrival_source *sources[2];
        struct diags *diags = diags_new();
        struct trace_stats none = {0};
        for (size_t k = 0; k < 2; k++) {
            const struct expected *trace = &traces[i + 2 * k];
            specs[k] = spec_of(trace->file, trace->format, paths[k], sizeof(paths[k]));
            struct arrival_factory factory = trace_factory(&specs[k], &none);
            sources[k] = factory.open(factory.context, 1, 0, diags);
            assert_non_null(sources[k]);
        }
        for (int64_t row = 0; row < traces[i].rows; row++) {
            struct arrival a;
            struct arrival b;
            assert_int_equal(sources[0]->type->next(sources[0], KEY_NEVER, &a, diags), ARRIVAL_READY);
            assert_int_equal(sources[1]->type->next(sources[1], KEY_NEVER, &b, diags), ARRIVAL_READY);
            assert_int_equal(a.key, b.key);
            assert_int_equal(a.input_tokens, b.input_tokens);
            assert_int_equal(a.output_tokens, b.output_tokens);
        }
        sources[0]->type->free(sources[0]);
        sources[1]->type->free(sources[1]);
        diags_free(diags);
    }
}

static void a_cut_in_the_middle_reconciles(void **state) {
    (void)state;
    char path[512];
    struct trace_spec spec = spec_of(traces[0].file, traces[0].format, path, sizeof(path));
    struct trace_stats none = {0};
    struct arrival_factory factory = trace_factory(&spec, &none);
    struct diags *diags = diags_new();
    struct arrival_source *source = factory.open(factory.context, 1, 0, diags);
    struct arrival arrival;
    int64_t emitted = 0;
    while (source->type->next(source, key_of_s(1800.0), &arrival, diags) == ARRIVAL_READY) {
        emitted++;
    }
    assert_int_equal(source->counts.read, 8819);
    assert_int_equal(source->counts.dropped[DROP_AFTER_END], 8819 - emitted);
    assert_true(emitted > 1000 && emitted < 8000);
    source->type->free(source);
    diags_free(diags);
}

static void other_formats_of_real_files_are_read(void **state) {
    (void)state;
    char path[512];
    struct trace_stats stats;
    struct diags *diags = diags_new();

    struct trace_spec burst = spec_of("burstgpt/sample_v3_8col.csv", TRACE_COLUMNS, path, sizeof(path));
    burst.columns[TRACE_ARRIVAL].name = "timestamp";
    burst.columns[TRACE_INPUT].name = "request tokens";
    burst.columns[TRACE_OUTPUT].name = "response tokens";
    assert_true(trace_scan(&burst, &stats, diags));
    assert_int_equal(stats.emitted, 4);

    struct trace_spec windows =
        spec_of("servegen/original/mm-image_chunk-0-trace.csv", TRACE_COLUMNS, path, sizeof(path));
    windows.columns[TRACE_ARRIVAL].position = 1;
    windows.draw_input = true;
    windows.draw_output = true;
    assert_true(trace_scan(&windows, &stats, diags));
    assert_int_equal(stats.emitted, 144);
    assert_true(stats.span_s >= 85800.0 && stats.span_s <= 85800.0);

    struct trace_spec prices =
        spec_of("energy/original/Elspotprices_2024_dst_days_slice.csv", TRACE_COLUMNS, path, sizeof(path));
    prices.columns[TRACE_ARRIVAL].name = "HourUTC";
    prices.columns[TRACE_FILTER].name = "PriceArea";
    prices.filter_value = "DK1";
    prices.order = TRACE_ORDER_SORT;
    prices.decimal_comma = true;
    prices.draw_input = true;
    prices.draw_output = true;
    assert_true(trace_scan(&prices, &stats, diags));
    assert_int_equal(stats.delimiter, ';');
    assert_int_equal(stats.emitted + stats.counts.dropped[DROP_FILTERED], 192);
    assert_int_equal(diags_error_count(diags), 0);
    diags_free(diags);
}

int main(void) {
    struct stat info;
    shared = getenv("TOKENMILL_SHARED");
    if (shared == NULL || stat(shared, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_traces_reconcile_exactly),
        cmocka_unit_test(original_and_normalised_agree_row_by_row),
        cmocka_unit_test(a_cut_in_the_middle_reconciles),
        cmocka_unit_test(other_formats_of_real_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
