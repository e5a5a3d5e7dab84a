#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void spans_compare_whole(void **context) {
    (void)context;
    assert_true(span_equals(span_of("rate"), "rate"));
    assert_false(span_equals(span_of("rat"), "rate"));
    assert_false(span_equals(span_of("rates"), "rate"));
    assert_false(span_equals(span_of("Rate"), "rate"));
    assert_true(span_equals_nocase(span_of("H100-sxm"), "h100-SXM"));
    assert_false(span_equals_nocase(span_of("H100"), "h100-SXM"));
    assert_true(span_equals((struct span){"rate: 4", 4}, "rate"));
}

static void trim_takes_blanks_and_tabs_off_both_ends(void **context) {
    (void)context;
    struct span trimmed = span_trim(span_of(" \t a b\t "));
    assert_true(span_equals(trimmed, "a b"));
    assert_int_equal(span_trim(span_of(" \t ")).size, 0);
    assert_int_equal(span_trim(span_of("")).size, 0);
    assert_int_equal(span_trim(span_of("\n")).size, 1);
}

static void numbers_are_read_correctly_rounded(void **context) {
    (void)context;
    static const char *const NUMBERS[] = {
        "0",
        "-0",
        "1",
        "+4.25",
        "12e3",
        "1E-7",
        "0.1",
        "4.35e+2",
        ".5",
        "-.25e1",
        "1e-400",
        "123456789012345678901234567890",
        "1e308",
        "5e-324",
        "0009",
        "9007199254740993",
        "2.2250738585072011e-308",
    };
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        double value = 77.0;
        assert_true(text_to_double(span_of(NUMBERS[i]), &value));
        assert_true(value == strtod(NUMBERS[i], NULL));
        assert_int_equal(signbit(value) != 0, NUMBERS[i][0] == '-');
    }
}

static void what_is_no_plain_decimal_is_refused(void **context) {
    (void)context;
    static const char *const TEXTS[] = {"",      "+",     "-",     ".",        "5.", "1e",  "1e+",   "1.e3",
                                        "0x10",  "inf",   "nan",   " 1",       "1 ", "1,5", "1_000", "--1",
                                        "1.2.3", "1e5.0", "1e400", "infinity", "1f", "e5",  "1d3",   "+-1"};
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        double value = 77.0;
        if (text_to_double(span_of(TEXTS[i]), &value)) {
            fail_msg("'%s' was read as %g", TEXTS[i], value);
        }
        assert_true(value == 77.0);
    }
}

static void a_number_ends_where_its_span_ends(void **context) {
    (void)context;
    double value;
    assert_true(text_to_double((struct span){"12345", 2}, &value));
    assert_true(value == 12.0);
}

static void thousands_of_digits_are_read(void **context) {
    (void)context;
    char text[5001];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    text[1] = '.';
    text[4999] = '1';
    double value;
    assert_true(text_to_double((struct span){text, 5000}, &value));
    assert_true(value == 1.0);
}

static void expect_int64(const char *text, int64_t expected) {
    int64_t value = 77;
    if (!text_to_int64(span_of(text), &value)) {
        fail_msg("'%s' was refused", text);
    }
    assert_true(value == expected);
}

static void whole_numbers_in_any_spelling_are_integers(void **context) {
    (void)context;
    expect_int64("0", 0);
    expect_int64("-0.000", 0);
    expect_int64("63", 63);
    expect_int64("63.0", 63);
    expect_int64("1e6", 1000000);
    expect_int64("1.5e3", 1500);
    expect_int64("-12.50e1", -125);
    expect_int64("1000e-3", 1);
    expect_int64("0e999999999999", 0);
    expect_int64("1000000000000000000000000e-24", 1);
    expect_int64("0.0000000000000000000000001e25", 1);
    expect_int64("9223372036854775807", INT64_MAX);
    expect_int64("-9223372036854775808", INT64_MIN);
    expect_int64("9007199254740993", 9007199254740993); /* no double */
}

static void what_is_no_whole_number_in_range_is_refused(void **context) {
    (void)context;
    static const char *const TEXTS[] = {
        "1.5",  "1e-1",           "9223372036854775808",  "-9223372036854775809",     "1e19",           "",
        "0x10", "1e999999999999", "99999999999999999999", "1.0000000000000000000001", "1e-999999999999"};
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        int64_t value = 77;
        if (text_to_int64(span_of(TEXTS[i]), &value)) {
            fail_msg("'%s' was read as %lld", TEXTS[i], (long long)value);
        }
        assert_int_equal(value, 77);
    }
}

static void expect_shortest(double value, const char *expected) {
    char text[32];
    assert_int_equal(text_from_double(value, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void doubles_are_written_as_short_as_they_read_back(void **context) {
    (void)context;
    expect_shortest(0.0, "0");
    expect_shortest(0.1, "0.1");
    expect_shortest(0.1 + 0.2, "0.30000000000000004");
    expect_shortest(1e6, "1000000");
    expect_shortest(-2.5e-9, "-2.5e-09");
    expect_shortest(0x1p-1074, "5e-324");
    expect_shortest(DBL_MAX, "1.7976931348623157e+308");
    expect_shortest((double)NAN, "nan");
    expect_shortest(-(double)INFINITY, "-inf");
}

static void every_double_reads_back(void **context) {
    (void)context;
    uint64_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        bits = bits * 6364136223846793005 + 1442695040888963407;
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        char text[32];
        size_t length = text_from_double(value, text, sizeof(text));
        double again;
        assert_true(text_to_double((struct span){text, length}, &again));
        assert_memory_equal(&again, &value, sizeof(value));
    }
}

/* Skipped where no locale with a decimal comma is installed. */
static void numbers_have_a_point_in_every_locale(void **context) {
    (void)context;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "fr_FR.UTF-8") == NULL) {
        skip();
    }
    expect_shortest(0.5, "0.5");
    double value;
    bool read = text_to_double(span_of("1.5"), &value);
    setlocale(LC_ALL, "C");
    assert_true(read && value == 1.5);
}

static void expect_distance(const char *a, const char *b, unsigned expected) {
    assert_int_equal(text_distance(span_of(a), span_of(b)), expected);
    assert_int_equal(text_distance(span_of(b), span_of(a)), expected);
}

static void distance_counts_the_four_kinds_of_slip(void **context) {
    (void)context;
    expect_distance("rate", "rate", 0);
    expect_distance("rate", "rates", 1);
    expect_distance("rate", "rte", 1);
    expect_distance("rate", "rats", 1);
    expect_distance("rate", "raet", 1);
    expect_distance("", "rate", 4);
    expect_distance("kitten", "sitting", 3);
    expect_distance("ca", "abc", 3); /* optimal string alignment: no edit within a swap */
}

static void distance_of_long_texts_is_the_longer_length(void **context) {
    (void)context;
    char text[66];
    memset(text, 'a', 65);
    text[65] = '\0';
    expect_distance(text, "a", 65);
    text[64] = '\0';
    expect_distance(text, "a", 63);
}

static void guesses_are_near_or_a_prefix_of_one_candidate_only(void **context) {
    (void)context;
    static const char *const KEYS[] = {"replicas", "rate", "routing", "max_num_seqs", "max_num_batched_tokens", "gpu"};
    enum { COUNT = sizeof(KEYS) / sizeof(KEYS[0]) };
    assert_string_equal(text_guess(span_of("replica"), KEYS, COUNT), "replicas");
    assert_string_equal(text_guess(span_of("Rtae"), KEYS, COUNT), "rate");
    assert_string_equal(text_guess(span_of("GPU"), KEYS, COUNT), "gpu");
    assert_string_equal(text_guess(span_of("rou"), KEYS, COUNT), "routing");
    assert_string_equal(text_guess(span_of("max_num_b"), KEYS, COUNT), "max_num_batched_tokens");
    assert_string_equal(text_guess(span_of("Replicas-of-the-model"), KEYS, COUNT), "replicas");
    assert_null(text_guess(span_of("max_num"), KEYS, COUNT));
    static const char *const GPUS[] = {"A10G", "A10", "H100-SXM", "H100", "H100-PCIe"};
    assert_string_equal(text_guess(span_of("H10"), GPUS, 5), "H100");
    assert_string_equal(text_guess(span_of("B10"), GPUS, 5), "A10"); /* one letter */
    assert_null(text_guess(span_of("Z100"), GPUS, 3));               /* another letter first, and one more */
    assert_null(text_guess(span_of("colour"), KEYS, COUNT));
    assert_null(text_guess(span_of(""), KEYS, COUNT));
    assert_null(text_guess(span_of("x"), (const char *const[]){"y"}, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_whole),
        cmocka_unit_test(trim_takes_blanks_and_tabs_off_both_ends),
        cmocka_unit_test(numbers_are_read_correctly_rounded),
        cmocka_unit_test(what_is_no_plain_decimal_is_refused),
        cmocka_unit_test(a_number_ends_where_its_span_ends),
        cmocka_unit_test(thousands_of_digits_are_read),
        cmocka_unit_test(whole_numbers_in_any_spelling_are_integers),
        cmocka_unit_test(what_is_no_whole_number_in_range_is_refused),
        cmocka_unit_test(doubles_are_written_as_short_as_they_read_back),
        cmocka_unit_test(every_double_reads_back),
        cmocka_unit_test(numbers_have_a_point_in_every_locale),
        cmocka_unit_test(distance_counts_the_four_kinds_of_slip),
        cmocka_unit_test(distance_of_long_texts_is_the_longer_length),
        cmocka_unit_test(guesses_are_near_or_a_prefix_of_one_candidate_only),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
