#include "base/int128.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mpfr.h>

static uint64_t state;

static uint64_t next_word(void) { /* splitmix64: tests only */
    uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

/* Not negative, of 0 to 127 bits, every length as likely. */
static i128 any_magnitude(void) {
    u128 high = next_word();
    u128 value = high << 64 | next_word();
    unsigned shift = 1 + (unsigned)(next_word() % 127);
    return (i128)(value >> shift);
}

static void assert_i128_equal(i128 got, i128 expected) {
    char got_text[I128_TEXT_SIZE];
    char expected_text[I128_TEXT_SIZE];
    i128_to_text(got, got_text);
    i128_to_text(expected, expected_text);
    assert_string_equal(got_text, expected_text);
}

static void set_integer(mpz_t integer, i128 value) {
    u128 magnitude = value < 0 ? -(u128)value : (u128)value;
    mpz_set_ui(integer, (unsigned long)(magnitude >> 64));
    mpz_mul_2exp(integer, integer, 64);
    mpz_add_ui(integer, integer, (unsigned long)magnitude);
    if (value < 0) {
        mpz_neg(integer, integer);
    }
}

static void floor_div_rounds_towards_minus_infinity(void **context) {
    (void)context;
    assert_true(i128_floor_div(7, 2) == 3);
    assert_true(i128_floor_div(-7, 2) == -4);
    assert_true(i128_floor_div(-8, 2) == -4);
    assert_true(i128_floor_div(0, 5) == 0);
    assert_i128_equal(i128_floor_div(I128_MIN, 1), I128_MIN);
    assert_i128_equal(i128_floor_div(-1, I128_MAX), -1);
}

static void ceil_div_rounds_towards_plus_infinity(void **context) {
    (void)context;
    assert_true(i128_ceil_div(7, 2) == 4);
    assert_true(i128_ceil_div(-7, 2) == -3);
    assert_true(i128_ceil_div(8, 2) == 4);
    assert_true(i128_ceil_div(0, 5) == 0);
    assert_i128_equal(i128_ceil_div(I128_MAX, I128_MAX), 1);
    assert_i128_equal(i128_ceil_div(1, I128_MAX), 1);
}

static void mul_div_agrees_with_gmp(void **context) {
    (void)context;
    state = 1;
    mpz_t product;
    mpz_t factor;
    mpz_inits(product, factor, (mpz_ptr)NULL);
    for (int i = 0; i < 100000; i++) {
        i128 x = any_magnitude();
        i128 denominator = any_magnitude() + 1;
        i128 numerator = any_magnitude() % (denominator + 1);
        set_integer(product, x);
        set_integer(factor, numerator);
        mpz_mul(product, product, factor);
        set_integer(factor, denominator);
        mpz_fdiv_q(product, product, factor);
        set_integer(factor, i128_mul_div(x, numerator, denominator));
        assert_int_equal(mpz_cmp(product, factor), 0);
    }
    mpz_clears(product, factor, (mpz_ptr)NULL);
}

static void mul_div_holds_products_of_254_bits(void **context) {
    (void)context;
    assert_i128_equal(i128_mul_div(I128_MAX, I128_MAX, I128_MAX), I128_MAX);
    assert_i128_equal(i128_mul_div(I128_MAX, I128_MAX - 1, I128_MAX), I128_MAX - 1);
    assert_i128_equal(i128_mul_div(0, I128_MAX, 1), 0);
    assert_i128_equal(i128_mul_div(I128_MAX, 1, 1), I128_MAX);
}

static void to_double_rounds_ties_to_even(void **context) {
    (void)context;
    const i128 two_53 = (i128)1 << 53;
    assert_true(i128_to_double(two_53 + 1) == 0x1p53);
    assert_true(i128_to_double(two_53 + 3) == 0x1p53 + 4);
    assert_true(i128_to_double(((two_53 + 1) << 60) + 1) == (0x1p53 + 2) * 0x1p60);
    assert_true(i128_to_double(I128_MAX) == 0x1p127);
    assert_true(i128_to_double(I128_MIN) == -0x1p127);
}

static void to_double_agrees_with_mpfr(void **context) {
    (void)context;
    state = 2;
    mpz_t integer;
    mpfr_t truth;
    mpz_init(integer);
    mpfr_init2(truth, 128);
    for (int i = 0; i < 100000; i++) {
        i128 value = i % 2 ? any_magnitude() : -any_magnitude();
        set_integer(integer, value);
        mpfr_set_z(truth, integer, MPFR_RNDN);
        assert_true(i128_to_double(value) == mpfr_get_d(truth, MPFR_RNDN));
    }
    mpz_clear(integer);
    mpfr_clear(truth);
}

static void fits_int64_at_both_edges(void **context) {
    (void)context;
    assert_true(i128_fits_int64(INT64_MAX));
    assert_true(i128_fits_int64(INT64_MIN));
    assert_false(i128_fits_int64((i128)INT64_MAX + 1));
    assert_false(i128_fits_int64((i128)INT64_MIN - 1));
}

static void expect_text(i128 value, const char *expected) {
    char text[I128_TEXT_SIZE];
    assert_int_equal(i128_to_text(value, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void to_text_writes_every_digit(void **context) {
    (void)context;
    expect_text(0, "0");
    expect_text(-1, "-1");
    expect_text(1000, "1000");
    expect_text(I128_MAX, "170141183460469231731687303715884105727");
    expect_text(I128_MIN, "-170141183460469231731687303715884105728");
}

static void expect_ratio(i128 value, i128 divisor, unsigned places, const char *expected) {
    char text[I128_RATIO_TEXT_SIZE];
    assert_int_equal(i128_ratio_to_text(value, divisor, places, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void ratio_to_text_rounds_ties_to_even(void **context) {
    (void)context;
    expect_ratio(1, 8, 2, "0.12");
    expect_ratio(3, 8, 2, "0.38");
    expect_ratio(-1, 8, 2, "-0.12");
    expect_ratio(1, 2, 0, "0");
    expect_ratio(3, 2, 0, "2");
    expect_ratio(5, 2, 0, "2");
}

static void ratio_to_text_keeps_zeros_and_carries(void **context) {
    (void)context;
    expect_ratio(5, 1, 3, "5.000");
    expect_ratio(1, 100, 3, "0.010");
    expect_ratio(9999, 1000, 2, "10.00");
    expect_ratio(-999999, 1000000, 3, "-1.000");
}

static void ratio_to_text_puts_no_sign_on_zero(void **context) {
    (void)context;
    expect_ratio(-1, 1000, 2, "0.00");
    expect_ratio(0, 7, 1, "0.0");
}

static void ratio_to_text_is_exact_at_the_limits(void **context) {
    (void)context;
    expect_ratio(I128_MIN, 1, 18, "-170141183460469231731687303715884105728.000000000000000000");
    expect_ratio(I128_MAX - 1, I128_MAX, 18, "1.000000000000000000");
    expect_ratio(1, 3, 18, "0.333333333333333333");
    expect_ratio(2, 3, 18, "0.666666666666666667");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floor_div_rounds_towards_minus_infinity),
        cmocka_unit_test(ceil_div_rounds_towards_plus_infinity),
        cmocka_unit_test(mul_div_agrees_with_gmp),
        cmocka_unit_test(mul_div_holds_products_of_254_bits),
        cmocka_unit_test(to_double_rounds_ties_to_even),
        cmocka_unit_test(to_double_agrees_with_mpfr),
        cmocka_unit_test(fits_int64_at_both_edges),
        cmocka_unit_test(to_text_writes_every_digit),
        cmocka_unit_test(ratio_to_text_rounds_ties_to_even),
        cmocka_unit_test(ratio_to_text_keeps_zeros_and_carries),
        cmocka_unit_test(ratio_to_text_puts_no_sign_on_zero),
        cmocka_unit_test(ratio_to_text_is_exact_at_the_limits),
    };
    return cmocka_run_group_tests_name("int128", tests, NULL, NULL);
}
