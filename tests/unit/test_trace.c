/* The trace reader on one small file for each thing that real files do (docs/traces.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scenarios/trace.h"
#include "sim/clock.h"

enum { ROWS_MAX = 64 };

struct replay {
    struct trace_spec spec;
    char path[512];
    struct diags *diags;
    struct arrival rows[ROWS_MAX];
    size_t count;
    struct arrival_counts counts;
    enum arrival_status status;
};

static void begin(struct replay *replay, const char *file, enum trace_format format) {
    *replay = (struct replay){.diags = diags_new()};
    const char *root = getenv("TOKENMILL_SOURCE");
    snprintf(replay->path, sizeof(replay->path), "%s/tests/unit/data/traces/%s", root != NULL ? root : ".", file);
    trace_spec_init(&replay->spec);
    replay->spec.path = replay->path;
    replay->spec.source.name = file;
    replay->spec.format = format;
}

static void columns(struct replay *replay, const char *arrival, const char *input, const char *output) {
    replay->spec.columns[TRACE_ARRIVAL].name = arrival;
    replay->spec.columns[TRACE_INPUT].name = input;
    replay->spec.columns[TRACE_OUTPUT].name = output;
}

/* Reads all rows before `end_s`; whatever happens, read = emitted + dropped. */
static void play(struct replay *replay, double end_s) {
    struct trace_stats none = {0};
    struct arrival_factory factory = trace_factory(&replay->spec, &none);
    assert_true(factory.is_trace);
    struct arrival_source *source = factory.open(factory.context, 1, 0, replay->diags);
    replay->status = ARRIVAL_FAILED;
    if (source == NULL) {
        return;
    }
    int64_t end_key = end_s > 0.0 ? key_of_s(end_s) : KEY_NEVER;
    do {
        assert_true(replay->count < ROWS_MAX);
        replay->status = source->type->next(source, end_key, &replay->rows[replay->count], replay->diags);
        replay->count += replay->status == ARRIVAL_READY;
    } while (replay->status == ARRIVAL_READY);
    replay->counts = source->counts;
    int64_t dropped = 0;
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        dropped += source->counts.dropped[reason];
    }
    int64_t failed = replay->status == ARRIVAL_FAILED;
    assert_in_range(source->counts.read - dropped, replay->count, (int64_t)replay->count + failed);
    source->type->free(source);
}

static void expect_row(const struct replay *replay, size_t index, double time_s, int64_t input, int64_t output) {
    assert_true(index < replay->count);
    assert_int_equal(replay->rows[index].key, key_of_s(time_s));
    assert_int_equal(replay->rows[index].input_tokens, input);
    assert_int_equal(replay->rows[index].output_tokens, output);
    assert_int_equal(replay->rows[index].draw, index);
}

static void expect_end(struct replay *replay, size_t emitted, int64_t read) {
    if (replay->status != ARRIVAL_END) {
        diags_render(replay->diags, stderr, false);
    }
    assert_int_equal(replay->status, ARRIVAL_END);
    assert_int_equal(replay->count, emitted);
    assert_int_equal(replay->counts.read, read);
    assert_int_equal(diags_error_count(replay->diags), 0);
    diags_free(replay->diags);
}

static void rendered(struct replay *replay, char *text, size_t size) {
    FILE *stream = fmemopen(text, size, "w");
    assert_non_null(stream);
    diags_render(replay->diags, stream, false);
    fclose(stream);
    diags_free(replay->diags);
}

static void expect_failure(struct replay *replay, const char *message) {
    char text[2048] = "";
    assert_int_equal(replay->status, ARRIVAL_FAILED);
    rendered(replay, text, sizeof(text));
    if (strstr(text, message) == NULL) {
        fail_msg("found: %s", text);
    }
}

static void azure_with_crlf_seven_digits_and_no_last_newline(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "azure.csv", TRACE_AZURE_LLM_2023);
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 4808, 10);
    expect_row(&replay, 1, 0.052, 3180, 8);
    expect_row(&replay, 2, 0.052, 110, 27); /* a tie keeps the file's order */
    expect_row(&replay, 3, 56.02004, 7, 1);
    expect_end(&replay, 4, 4);
}

static void a_byte_order_mark_and_blank_lines_are_no_rows(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "bom.csv", TRACE_NORMALISED);
    play(&replay, 0);
    expect_row(&replay, 0, 0.5, 10, 20); /* normalised: times as given */
    expect_row(&replay, 1, 2.25, 30, 40);
    expect_end(&replay, 2, 2);
}

static void normalised_drops_what_did_not_succeed(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "normalised.csv", TRACE_NORMALISED);
    play(&replay, 0);
    expect_row(&replay, 0, 82.0, 3112, 192);
    expect_row(&replay, 1, 125.0, 100, 5);
    expect_row(&replay, 2, 126.0, 102, 7);
    assert_int_equal(replay.counts.dropped[DROP_STATUS], 2);
    expect_end(&replay, 3, 5);
}

static void a_filter_takes_one_class(void **state) {
    (void)state;
    static const char *const failed[] = {"failed", "PENDING", ""};
    struct replay replay;
    begin(&replay, "normalised.csv", TRACE_NORMALISED);
    replay.spec.filter_value = "chat";
    replay.spec.status_ok = failed;
    replay.spec.status_ok_count = 3;
    play(&replay, 0);
    expect_row(&replay, 0, 93.0, 3167, 86);
    expect_row(&replay, 1, 125.0, 101, 6);
    assert_int_equal(replay.counts.dropped[DROP_FILTERED], 2);
    expect_end(&replay, 3, 5);
}

static void columns_are_found_by_name_in_any_case(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "named.csv", TRACE_COLUMNS);
    columns(&replay, "timestamp", "request TOKENS", "Response tokens");
    replay.spec.columns[TRACE_FILTER].name = "model";
    replay.spec.filter_value = "GPT-4";
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 906, 446);
    expect_row(&replay, 1, 82.5, 1779, 123);
    expect_end(&replay, 2, 3);
}

static void headerless_files_are_mapped_by_position(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "headerless.csv", TRACE_COLUMNS);
    for (int role = 0; role < 3; role++) {
        replay.spec.columns[role].position = (uint32_t)role + 1;
    }
    replay.spec.origin = TRACE_ORIGIN_ZERO;
    play(&replay, 0);
    expect_row(&replay, 0, 600.0, 805, 12);
    expect_row(&replay, 1, 2400.0, 20, 3);
    assert_int_equal(replay.counts.dropped[DROP_ZERO_INPUT], 1);
    assert_int_equal(replay.counts.dropped[DROP_ZERO_OUTPUT], 1);
    assert_int_equal(replay.counts.dropped[DROP_COLUMNS], 1);
    expect_end(&replay, 2, 5);
}

static void semicolons_decimal_commas_and_descending_time(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "semicolon.csv", TRACE_COLUMNS);
    columns(&replay, "hourutc", "Tokens", "Answer");
    replay.spec.columns[TRACE_FILTER].name = "Area";
    replay.spec.filter_value = "DK1";
    replay.spec.decimal_comma = true;
    replay.spec.order = TRACE_ORDER_SORT;
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 710, 92);
    expect_row(&replay, 1, 1800.0, 711, 93);
    expect_row(&replay, 2, 3600.0, 712, 94);
    expect_row(&replay, 3, 7200.0, 713, 95);
    assert_int_equal(replay.counts.dropped[DROP_FILTERED], 2);
    expect_end(&replay, 4, 6);
}

static void decimal_commas_in_times(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "decimal_comma.csv", TRACE_COLUMNS);
    for (int role = 0; role < 3; role++) {
        replay.spec.columns[role].position = (uint32_t)role + 1;
    }
    replay.spec.decimal_comma = true;
    play(&replay, 0);
    expect_row(&replay, 1, 0.75, 20, 2);
    expect_row(&replay, 2, 2.0, 30, 3);
    expect_end(&replay, 3, 3);
}

static void tabs_and_milliseconds_are_found_out(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "tabs.csv", TRACE_COLUMNS);
    columns(&replay, "t_ms", "input", "output");
    struct trace_stats stats;
    assert_true(trace_scan(&replay.spec, &stats, replay.diags));
    assert_int_equal(stats.time, TIME_MS);
    assert_int_equal(stats.delimiter, '\t');
    play(&replay, 0);
    expect_row(&replay, 1, 0.25, 7, 8);
    expect_row(&replay, 2, 1.001, 9, 10);
    expect_end(&replay, 3, 3);
}

static void timestamps_of_every_spelling_in_one_column(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "stamps.csv", TRACE_COLUMNS);
    columns(&replay, "when", "in", "out");
    play(&replay, 0);
    expect_row(&replay, 1, 0.499999, 2, 2);
    expect_row(&replay, 2, 0.999999, 3, 3);
    expect_row(&replay, 3, 59.999999, 4, 4);
    expect_row(&replay, 4, 89.999999, 5, 5);
    expect_end(&replay, 5, 5);
}

static void bad_rows_are_dropped_by_reason(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "bad_values.csv", TRACE_NORMALISED);
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 1, 1);
    expect_row(&replay, 1, 1.0, 63, 100);
    expect_row(&replay, 2, 3.0, 7, 8); /* a quoted newline does not end a row */
    expect_row(&replay, 3, 4.0, 9, 9);
    assert_int_equal(replay.counts.dropped[DROP_BAD_TIME], 3);
    assert_int_equal(replay.counts.dropped[DROP_BAD_TOKENS], 6);
    assert_int_equal(replay.counts.dropped[DROP_ZERO_INPUT], 2);
    assert_int_equal(replay.counts.dropped[DROP_ZERO_OUTPUT], 1);
    assert_int_equal(replay.counts.dropped[DROP_COLUMNS], 1);
    expect_end(&replay, 4, 17);
}

static void a_fall_of_the_clock_is_an_error_with_its_place(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "two_epochs.csv", TRACE_NORMALISED);
    play(&replay, 0);
    assert_int_equal(replay.count, 3);
    expect_failure(&replay, "two_epochs.csv:5:1: error: the clock goes back by 15 s; say order: sort, new-epoch (the "
                            "trace starts again) or drop [trace-order]");
}

static void a_new_epoch_continues_after_the_fall(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "two_epochs.csv", TRACE_NORMALISED);
    replay.spec.order = TRACE_ORDER_NEW_EPOCH;
    play(&replay, 0);
    expect_row(&replay, 2, 20.0, 3, 3);
    expect_row(&replay, 3, 25.0, 4, 4); /* its own zero lies at the fall */
    expect_row(&replay, 4, 50.0, 5, 5);
    expect_row(&replay, 5, 51.0, 6, 6);
    expect_end(&replay, 6, 6);

    begin(&replay, "two_epochs.csv", TRACE_NORMALISED);
    replay.spec.order = TRACE_ORDER_NEW_EPOCH;
    replay.spec.origin = TRACE_ORIGIN_FIRST;
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 1, 1);
    expect_row(&replay, 3, 10.0, 4, 4); /* its first row comes with the last one before */
    expect_row(&replay, 4, 35.0, 5, 5);
    expect_end(&replay, 6, 6);
}

static void rows_that_go_back_can_be_dropped(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "two_epochs.csv", TRACE_NORMALISED);
    replay.spec.order = TRACE_ORDER_DROP;
    play(&replay, 0);
    expect_row(&replay, 3, 30.0, 5, 5);
    assert_int_equal(replay.counts.dropped[DROP_OUT_OF_ORDER], 2);
    expect_end(&replay, 4, 6);
}

static void sorting_keeps_the_order_of_ties(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "ties.csv", TRACE_NORMALISED);
    replay.spec.order = TRACE_ORDER_SORT;
    play(&replay, 0);
    static const int64_t order[] = {2, 4, 6, 1, 3, 5};
    for (size_t i = 0; i < 6; i++) {
        expect_row(&replay, i, i < 3 ? 0.0 : 3.0, order[i], order[i]);
    }
    expect_end(&replay, 6, 6);
}

static void the_repeated_hour_shows_in_local_time_only(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "dst.csv", TRACE_COLUMNS);
    columns(&replay, "utc", "in", "out");
    play(&replay, 0);
    expect_row(&replay, 2, 4500.0, 3, 3);
    expect_end(&replay, 3, 3);
    begin(&replay, "dst.csv", TRACE_COLUMNS);
    columns(&replay, "local", "in", "out");
    play(&replay, 0);
    expect_failure(&replay, "dst.csv:3:1: error: the clock goes back by 1800 s");
}

static void rows_at_and_after_the_end_are_counted(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "azure.csv", TRACE_AZURE_LLM_2023);
    play(&replay, 0.052);
    assert_int_equal(replay.counts.dropped[DROP_AFTER_END], 3);
    expect_end(&replay, 1, 4);
}

static void a_rate_scale_compresses_time(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "normalised.csv", TRACE_NORMALISED);
    replay.spec.rate_scale = 4.0;
    play(&replay, 0);
    expect_row(&replay, 0, 20.5, 3112, 192);
    expect_row(&replay, 1, 31.25, 100, 5);
    expect_end(&replay, 3, 5);
}

static void no_more_rows_are_read_than_asked(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "azure.csv", TRACE_AZURE_LLM_2023);
    replay.spec.max_rows = 2;
    play(&replay, 0);
    expect_end(&replay, 2, 2);
}

static void lengths_that_are_drawn_need_no_column(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "bad_values.csv", TRACE_COLUMNS);
    replay.spec.columns[TRACE_ARRIVAL].name = "arrival_s";
    replay.spec.draw_input = true;
    replay.spec.draw_output = true;
    play(&replay, 0);
    expect_row(&replay, 0, 0.0, 0, 0);
    assert_int_equal(replay.counts.dropped[DROP_OUT_OF_ORDER], 0);
    assert_int_equal(replay.status, ARRIVAL_FAILED); /* -3 follows 2 */
    diags_free(replay.diags);
}

static void epoch_milliseconds_are_recognised_by_size(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "epoch.csv", TRACE_COLUMNS);
    columns(&replay, "time", "in", "out");
    play(&replay, 0);
    expect_row(&replay, 1, 1.0, 2, 2);
    expect_end(&replay, 2, 2);
}

static void times_go_to_the_nearest_key(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "nanoseconds.csv", TRACE_COLUMNS);
    columns(&replay, "t_ns", "in", "out");
    play(&replay, 0);
    assert_int_equal(replay.rows[1].key, 31); /* 1 ns = 31.25 keys */
    assert_int_equal(replay.rows[2].key, 94); /* 3 ns = 93.75 keys */
    expect_end(&replay, 3, 3);
}

static void mistakes_are_named_where_they_are(void **state) {
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {
        {"bad_quote.csv", "bad_quote.csv:3:4: error: a quote within a field"},
        {"open_quote.csv", "open_quote.csv:3:1: error: the file ends within a quoted field"},
        {"empty.csv", "empty.csv:1:1: error: no rows [trace-empty]"},
        {"lines.jsonl", "lines.jsonl:1:1: error: the file is JSON; only CSV traces are read [trace-encoding]"},
        {"azure.csv", "azure.csv:1:1: error: no column 'arrival_s' (arrival); the header has TIMESTAMP, "
                      "ContextTokens, GeneratedTokens [trace-column]"},
        {"missing.csv", "missing.csv: No such file or directory [trace-open]"},
        {".", "[trace-read]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct replay replay;
        begin(&replay, cases[i].file, TRACE_NORMALISED);
        play(&replay, 0);
        expect_failure(&replay, cases[i].message);
    }
}

static void a_column_that_stands_twice_is_not_chosen_from(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "twice.csv", TRACE_COLUMNS);
    columns(&replay, "t", "i", "o");
    assert_false(trace_check(&replay.spec, replay.diags));
    replay.status = ARRIVAL_FAILED;
    expect_failure(&replay,
                   "twice.csv:1:1: error: the header has 'o' (output_tokens) twice, as columns 4 and 5; give its "
                   "position instead [trace-column]");
}

static void a_near_miss_of_a_column_is_guessed(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "named.csv", TRACE_COLUMNS);
    columns(&replay, "Timestamp", "Request token", "Response tokens");
    assert_false(trace_check(&replay.spec, replay.diags));
    replay.status = ARRIVAL_FAILED;
    expect_failure(&replay, "did you mean 'Request tokens'?");

    begin(&replay, "headerless.csv", TRACE_COLUMNS);
    replay.spec.columns[TRACE_ARRIVAL].position = 1;
    replay.spec.columns[TRACE_INPUT].position = 7;
    replay.spec.draw_output = true;
    assert_false(trace_check(&replay.spec, replay.diags));
    replay.status = ARRIVAL_FAILED;
    expect_failure(&replay, "headerless.csv:1:1: error: no column 7 (input_tokens); the first row has 6");

    begin(&replay, "words.csv", TRACE_COLUMNS);
    columns(&replay, "time", "in", "out");
    assert_false(trace_check(&replay.spec, replay.diags));
    replay.status = ARRIVAL_FAILED;
    expect_failure(&replay, "words.csv:2:1: error: 'never' is neither a number nor a timestamp");
}

static void a_scan_reconciles_and_hashes(void **state) {
    (void)state;
    struct replay replay;
    struct trace_stats stats;
    begin(&replay, "bad_values.csv", TRACE_NORMALISED);
    assert_true(trace_scan(&replay.spec, &stats, replay.diags));
    assert_int_equal(stats.emitted, 4);
    assert_int_equal(stats.counts.read, 17);
    assert_int_equal(stats.sum_input_tokens, 80);
    assert_int_equal(stats.sum_output_tokens, 118);
    assert_int_equal(stats.max_output_tokens, 100);
    assert_int_equal(stats.epochs, 1);
    assert_true(stats.span_s >= 4.0 && stats.span_s <= 4.0);
    assert_true(stats.mean_rate_per_s >= 1.0 && stats.mean_rate_per_s <= 1.0);
    FILE *file = fopen(replay.path, "rb");
    assert_non_null(file);
    uint64_t hash = 0xcbf29ce484222325ULL;
    int64_t bytes = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        hash = (hash ^ (unsigned char)c) * 0x100000001b3ULL;
        bytes++;
    }
    fclose(file);
    assert_int_equal(stats.bytes, bytes);
    assert_true(stats.fnv1a == hash);
    diags_free(replay.diags);

    begin(&replay, "header_only.csv", TRACE_NORMALISED);
    assert_false(trace_scan(&replay.spec, &stats, replay.diags));
    assert_string_equal(diags_first_message(replay.diags), "no rows below the header");
    diags_free(replay.diags);
}

/* Rows longer than the buffer, and a quote that never closes, in a file made here. */
static void what_a_prefix_cache_would_hold_is_summed_over_the_rows_taken(void **state) {
    (void)state;
    struct replay replay;
    struct trace_stats stats;
    begin(&replay, "prefixes.csv", TRACE_NORMALISED);
    assert_true(trace_scan(&replay.spec, &stats, replay.diags));
    assert_int_equal(stats.emitted, 4);
    assert_int_equal(stats.sum_input_tokens, 1000);
    assert_int_equal(stats.sum_prefix_tokens, 250); /* one is blank, one no number, one of a failed request */
    diags_free(replay.diags);
}

static void long_rows_pass_and_endless_ones_do_not(void **state) {
    (void)state;
    struct replay replay;
    begin(&replay, "made.csv", TRACE_NORMALISED);
    snprintf(replay.path, sizeof(replay.path), "/tmp/test_trace_%ld.csv", (long)getpid());
    FILE *file = fopen(replay.path, "wb");
    assert_non_null(file);
    fputs("arrival_s,input_tokens,output_tokens,note\r", file); /* lines that end in CR alone */
    for (int i = 0; i < 5; i++) {
        fprintf(file, "%d,1,2,%0*d\r", i, 300000, 0);
    }
    fputs("9,3,4,\"", file);
    for (int i = 0; i < 40000; i++) {
        fputs("and so on, line after line\n", file);
    }
    fclose(file);
    play(&replay, 0);
    unlink(replay.path);
    assert_int_equal(replay.count, 5);
    expect_row(&replay, 4, 4.0, 1, 2);
    expect_failure(&replay, "made.csv:7:1: error: a row of more than 1048576 bytes; is a quote left open? [trace-row]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(azure_with_crlf_seven_digits_and_no_last_newline),
        cmocka_unit_test(a_byte_order_mark_and_blank_lines_are_no_rows),
        cmocka_unit_test(normalised_drops_what_did_not_succeed),
        cmocka_unit_test(a_filter_takes_one_class),
        cmocka_unit_test(columns_are_found_by_name_in_any_case),
        cmocka_unit_test(headerless_files_are_mapped_by_position),
        cmocka_unit_test(semicolons_decimal_commas_and_descending_time),
        cmocka_unit_test(decimal_commas_in_times),
        cmocka_unit_test(tabs_and_milliseconds_are_found_out),
        cmocka_unit_test(timestamps_of_every_spelling_in_one_column),
        cmocka_unit_test(bad_rows_are_dropped_by_reason),
        cmocka_unit_test(a_fall_of_the_clock_is_an_error_with_its_place),
        cmocka_unit_test(a_new_epoch_continues_after_the_fall),
        cmocka_unit_test(rows_that_go_back_can_be_dropped),
        cmocka_unit_test(sorting_keeps_the_order_of_ties),
        cmocka_unit_test(the_repeated_hour_shows_in_local_time_only),
        cmocka_unit_test(rows_at_and_after_the_end_are_counted),
        cmocka_unit_test(a_rate_scale_compresses_time),
        cmocka_unit_test(no_more_rows_are_read_than_asked),
        cmocka_unit_test(lengths_that_are_drawn_need_no_column),
        cmocka_unit_test(epoch_milliseconds_are_recognised_by_size),
        cmocka_unit_test(times_go_to_the_nearest_key),
        cmocka_unit_test(mistakes_are_named_where_they_are),
        cmocka_unit_test(a_column_that_stands_twice_is_not_chosen_from),
        cmocka_unit_test(a_near_miss_of_a_column_is_guessed),
        cmocka_unit_test(a_scan_reconciles_and_hashes),
        cmocka_unit_test(what_a_prefix_cache_would_hold_is_summed_over_the_rows_taken),
        cmocka_unit_test(long_rows_pass_and_endless_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
