/* Points of time as traces write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "scenarios/timestamp.h"

static const i128 s = ATTOSECOND_PER_S;

static void expect_stamp(const char *text, int64_t seconds, int64_t attoseconds) {
    i128 time = -1;
    assert_true(timestamp_parse(span_of(text), &time));
    assert_true(time == seconds * s + attoseconds);
}

static void timestamps_of_every_kind_are_read(void **state) {
    (void)state;
    expect_stamp("1970-01-01", 0, 0);
    expect_stamp("2023-11-16 18:17:03.9799600", 1700158623, 979960000000000000);
    expect_stamp("2023-11-16T18:17:03Z", 1700158623, 0);
    expect_stamp("2023-11-16 18:17:03.000001+00:00", 1700158623, 1000000000000);
    expect_stamp("2023-11-16 18:17", 1700158620, 0);
    expect_stamp("2023-11-16 19:17:03+01:00", 1700158623, 0);
    expect_stamp("2023-11-16 19:17:03 +0100", 1700158623, 0);
    expect_stamp("2023-11-16 13:17:03-05", 1700158623, 0);
    expect_stamp("2023-11-16T23:47:03+0530", 1700158623, 0);
    expect_stamp("  2023-11-16  18:17:03 UTC ", 1700158623, 0);
    expect_stamp("2023-11-16 18:17:03,5", 1700158623, 500000000000000000);
    expect_stamp("1969-12-31 23:59:59.25", -1, 250000000000000000);
    expect_stamp("2016-12-31 23:59:60", 1483228800, 0);
    expect_stamp("2023-11-16 18:17:03.1234567890123456789", 1700158623, 123456789012345678);
}

static void what_is_no_timestamp_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "soon",
                                      "2023-13-01",
                                      "2023-02-29",
                                      "2023-00-10",
                                      "2023-04-31",
                                      "2023-11-16T",
                                      "2023-11-16 24:00",
                                      "2023-11-16 18:60",
                                      "2023-11-16 18:17:61",
                                      "2023-11-16 18:17:03.",
                                      "2023-11-16 18:17:03.5x",
                                      "2023-11-16 18:17:03+1",
                                      "2023-11-16 18:17:03+01:",
                                      "2023-11-16 18:17:03+01:00:00",
                                      "2023-11-16+01:00",
                                      "16.11.2023",
                                      "1700158623"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        i128 time = 7;
        assert_false(timestamp_parse(span_of(bad[i]), &time));
        assert_true(time == 7);
    }
}

static void dates_agree_with_the_c_library_over_centuries(void **state) {
    (void)state;
    for (int64_t day = -200000; day < 400000; day += 97) {
        time_t seconds = day * 86400;
        struct tm parts;
        char text[32];
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(text, sizeof(text), "%Y-%m-%d", &parts) > 0);
        expect_stamp(text, seconds, 0);
    }
}

static void expect_number(const char *text, enum time_kind kind, i128 attoseconds) {
    i128 time = -1;
    assert_true(time_number_parse(span_of(text), kind, '.', &time));
    assert_true(time == attoseconds);
}

static void numbers_are_exact_in_every_unit(void **state) {
    (void)state;
    expect_number("0", TIME_S, 0);
    expect_number("19440110.0", TIME_S, (i128)19440110 * s);
    expect_number("0.1", TIME_S, s / 10);
    expect_number("1700158623.9799601", TIME_S, (i128)1700158623 * s + 979960100000000000);
    expect_number("1700158623979", TIME_MS, (i128)1700158623 * s + 979000000000000000);
    expect_number("5", TIME_US, 5000000000000);
    expect_number("1700158623979960123", TIME_NS, (i128)1700158623 * s + 979960123000000000);
    expect_number("1.5e3", TIME_S, 1500 * s);
    expect_number("25E-1", TIME_S, 5 * s / 2);
    expect_number("-2.5", TIME_S, -5 * s / 2);
    expect_number("+.5", TIME_S, s / 2);
    expect_number("0.00000000000000000000000000000000000000001", TIME_S, 0);
    expect_number("0000000000000000000000000000000000000000003", TIME_S, 3 * s);
    expect_number("3.14159265358979323846264338327950288419716939937510", TIME_S, 3 * s + 141592653589793238);
    expect_number("1e-999999999999", TIME_S, 0);
    expect_number("0e999999999999", TIME_S, 0);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",    " ",    ".",   "-",   "1e",  "1e+", "1.2.3",
                                      "1,5", "0x10", "nan", "inf", "1 2", "1e99"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        i128 time = 7;
        assert_false(time_number_parse(span_of(bad[i]), TIME_S, '.', &time));
        assert_true(time == 7);
    }
    i128 time;
    assert_true(time_number_parse(span_of("1,5"), TIME_S, ',', &time));
    assert_true(time == 3 * s / 2);
}

static enum time_kind guess(const char *name, const char *value) {
    return time_kind_guess(span_of(name), span_of(value), '.');
}

static void the_kind_of_time_is_guessed_from_name_and_size(void **state) {
    (void)state;
    assert_int_equal(guess("t", "2024-11-06 22:00"), TIME_TIMESTAMP);
    assert_int_equal(guess("t", "12.5"), TIME_S);
    assert_int_equal(guess("arrival_ms", "12"), TIME_MS);
    assert_int_equal(guess("Time (us)", "12"), TIME_US);
    assert_int_equal(guess("startTimeNs", "12"), TIME_NS);
    assert_int_equal(guess("items", "12"), TIME_S);
    assert_int_equal(guess("ms", "12"), TIME_MS);
    assert_int_equal(guess("t", "1700158623.5"), TIME_S);
    assert_int_equal(guess("t", "1700158623979"), TIME_MS);
    assert_int_equal(guess("t", "1700158623979000"), TIME_US);
    assert_int_equal(guess("t", "1700158623979000000"), TIME_NS);
    assert_int_equal(guess("t", "NULL"), TIME_AUTO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_of_every_kind_are_read),
        cmocka_unit_test(what_is_no_timestamp_is_refused),
        cmocka_unit_test(dates_agree_with_the_c_library_over_centuries),
        cmocka_unit_test(numbers_are_exact_in_every_unit),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(the_kind_of_time_is_guessed_from_name_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
