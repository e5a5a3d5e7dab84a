#include "base/fmath.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <mpfr.h>

enum { TRUE_BITS = 240, POINTS = 40000 };

typedef int true_function(mpfr_t result, const mpfr_t x, mpfr_rnd_t rounding);

static uint64_t state;

static double uniform(void) { /* splitmix64: tests only */
    uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return ((double)((z ^ (z >> 31)) >> 12) + 0.5) * 0x1p-52;
}

static double between(double low, double high) {
    return low + (high - low) * uniform();
}

/* Positive, evenly spread over all exponents. */
static double any_magnitude(void) {
    int exponent = (int)between(-1074, 1024);
    return ldexp(between(1.0, 2.0), exponent);
}

/* |got - truth| in units in the last place of the truth. */
static double error_ulp(double got, mpfr_t truth) {
    double rounded = mpfr_get_d(truth, MPFR_RNDN);
    if (isinf(rounded) || isinf(got)) {
        return got == rounded ? 0.0 : HUGE_VAL;
    }
    mpfr_exp_t exponent = mpfr_zero_p(truth) ? -1021 : mpfr_get_exp(truth);
    exponent = exponent < -1021 ? -1021 : exponent;
    mpfr_t difference;
    mpfr_init2(difference, TRUE_BITS);
    mpfr_sub_d(difference, truth, got, MPFR_RNDN);
    mpfr_mul_2si(difference, difference, 53 - exponent, MPFR_RNDN);
    double ulp = fabs(mpfr_get_d(difference, MPFR_RNDU));
    mpfr_clear(difference);
    return ulp;
}

static double function_error(double (*function)(double), true_function *truth, double x) {
    mpfr_t value;
    mpfr_init2(value, TRUE_BITS);
    mpfr_set_d(value, x, MPFR_RNDN);
    truth(value, value, MPFR_RNDN);
    double error = error_ulp(function(x), value);
    mpfr_clear(value);
    return error;
}

static void expect_within(const char *name, double (*function)(double), true_function *truth, double x) {
    double error = function_error(function, truth, x);
    if (!(error <= 1.0)) {
        fail_msg("%s(%a) = %a is off by %.3f ulp", name, x, function(x), error);
    }
}

static void exp_is_within_one_ulp_up_to_overflow_and_down_to_subnormals(void **context) {
    (void)context;
    state = 1;
    for (int i = 0; i < POINTS; i++) {
        expect_within("exp", fm_exp, mpfr_exp, between(-746, 710));
        expect_within("exp", fm_exp, mpfr_exp, between(-1, 1));
        expect_within("exp", fm_exp, mpfr_exp, between(-745.2, -708));
        expect_within("exp", fm_exp, mpfr_exp, any_magnitude() * (uniform() < 0.5 ? 1e-300 : -1e-300));
    }
}

static void log_is_within_one_ulp_at_every_magnitude_and_near_one(void **context) {
    (void)context;
    state = 2;
    for (int i = 0; i < POINTS; i++) {
        expect_within("log", fm_log, mpfr_log, any_magnitude());
        expect_within("log", fm_log, mpfr_log, between(0.5, 2));
        expect_within("log", fm_log, mpfr_log, 1.0 + ldexp(between(-1, 1), -(int)between(1, 52)));
        expect_within("log", fm_log, mpfr_log, uniform() * 0x1p-1022);
    }
}

static void log1p_is_within_one_ulp(void **context) {
    (void)context;
    state = 3;
    for (int i = 0; i < POINTS; i++) {
        expect_within("log1p", fm_log1p, mpfr_log1p, any_magnitude());
        expect_within("log1p", fm_log1p, mpfr_log1p, -uniform());
        expect_within("log1p", fm_log1p, mpfr_log1p, ldexp(between(-1, 1), -(int)between(0, 1073)));
        expect_within("log1p", fm_log1p, mpfr_log1p, ldexp(uniform(), -(int)between(0, 53)) - 1.0);
    }
}

static void expm1_is_within_one_ulp(void **context) {
    (void)context;
    state = 4;
    for (int i = 0; i < POINTS; i++) {
        expect_within("expm1", fm_expm1, mpfr_expm1, between(-60, 710));
        expect_within("expm1", fm_expm1, mpfr_expm1, between(-2, 2));
        expect_within("expm1", fm_expm1, mpfr_expm1, between(30, 45));
        expect_within("expm1", fm_expm1, mpfr_expm1, ldexp(between(-1, 1), -(int)between(0, 1073)));
    }
}

static void expect_pow_within(double x, double y, double limit_ulp) {
    mpfr_t base;
    mpfr_t exponent;
    mpfr_inits2(TRUE_BITS, base, exponent, (mpfr_ptr)NULL);
    mpfr_set_d(base, x, MPFR_RNDN);
    mpfr_set_d(exponent, y, MPFR_RNDN);
    mpfr_pow(base, base, exponent, MPFR_RNDN);
    double error = error_ulp(fm_pow(x, y), base);
    mpfr_clears(base, exponent, (mpfr_ptr)NULL);
    if (!(error <= limit_ulp)) {
        fail_msg("pow(%a, %a) = %a is off by %.3f ulp", x, y, fm_pow(x, y), error);
    }
}

static void pow_is_within_one_ulp_up_to_overflow_and_down_to_subnormals(void **context) {
    (void)context;
    state = 5;
    for (int i = 0; i < POINTS; i++) {
        double x = any_magnitude();
        expect_pow_within(x, between(-745, 710) / log(x), 1.0);
        expect_pow_within(between(0, 100), between(-50, 50), 1.0);
        expect_pow_within(1.0 + ldexp(between(-1, 1), -(int)between(2, 50)), between(-1e6, 1e6), 1.0);
        expect_pow_within(any_magnitude(), between(-1, 1), 1.0);
    }
}

static void small_integer_powers_and_identities_are_exact(void **context) {
    (void)context;
    for (int i = -300; i <= 300; i++) {
        assert_true(fm_pow(2.0, i) == ldexp(1.0, i));
    }
    double power = 1.0;
    for (int i = 0; i <= 15; i++, power *= 10.0) {
        assert_true(fm_pow(10.0, i) == power);
    }
    assert_true(fm_exp(0.0) == 1.0);
    assert_true(fm_log(1.0) == 0.0);
    assert_true(fm_log1p(0.0) == 0.0);
    assert_true(fm_expm1(0.0) == 0.0);
    assert_true(fm_exp(1.0) == 0x1.5bf0a8b145769p+1);
}

static void arguments_outside_the_domain_give_infinities_and_nan(void **context) {
    (void)context;
    const double infinity = (double)INFINITY;
    assert_true(fm_exp(infinity) == infinity);
    assert_true(fm_exp(-infinity) == 0.0);
    assert_true(fm_exp(1e308) == infinity);
    assert_true(isnan(fm_exp((double)NAN)));
    assert_true(fm_log(0.0) == -infinity);
    assert_true(fm_log(infinity) == infinity);
    assert_true(isnan(fm_log(-1.0)));
    assert_true(isnan(fm_log((double)NAN)));
    assert_true(fm_log1p(-1.0) == -infinity);
    assert_true(isnan(fm_log1p(-1.5)));
    assert_true(fm_expm1(infinity) == infinity);
    assert_true(fm_expm1(-infinity) == -1.0);
}

static void pow_at_its_edges_follows_c(void **context) {
    (void)context;
    const double infinity = (double)INFINITY;
    assert_true(fm_pow(0.0, 2.0) == 0.0);
    assert_true(fm_pow(0.0, -2.0) == infinity);
    assert_true(fm_pow(0.0, 0.0) == 1.0);
    assert_true(fm_pow(1.0, 1e308) == 1.0);
    assert_true(fm_pow(2.0, 1e308) == infinity);
    assert_true(fm_pow(2.0, -1e308) == 0.0);
    assert_true(fm_pow(0.5, infinity) == 0.0);
    assert_true(fm_pow(0.5, -infinity) == infinity);
    assert_true(fm_pow(infinity, 0.5) == infinity);
    assert_true(fm_pow(infinity, -0.5) == 0.0);
    assert_true(isnan(fm_pow(-2.0, 2.0)));
    assert_true(isnan(fm_pow(2.0, (double)NAN)));
}

/* Steps of one double must not turn around by more than the error allows: the results are within an ulp of each other. */
static void log_does_not_jump_where_the_exponent_changes(void **context) {
    (void)context;
    for (int k = -20; k <= 20; k++) {
        double edge = ldexp(0x1.6a09e667f3bcdp+0, k);
        expect_within("log", fm_log, mpfr_log, nextafter(edge, 0.0));
        expect_within("log", fm_log, mpfr_log, edge);
        expect_within("log", fm_log, mpfr_log, nextafter(edge, HUGE_VAL));
        expect_within("log", fm_log, mpfr_log, nextafter(ldexp(1.0, k), 0.0));
        expect_within("log", fm_log, mpfr_log, nextafter(ldexp(1.0, k), HUGE_VAL));
    }
}

static void expect_quantile(double p) {
    double expected = gsl_cdf_ugaussian_Pinv(p);
    double got = fm_normal_quantile(p);
    if (!(fabs(got - expected) <= 1e-14 * fabs(expected))) {
        fail_msg("normal_quantile(%a) = %.17g, GSL says %.17g", p, got, expected);
    }
}

static void normal_quantile_agrees_with_gsl(void **context) {
    (void)context;
    state = 6;
    for (int i = 0; i < POINTS; i++) {
        expect_quantile(uniform());
        expect_quantile(ldexp(between(0.5, 1), -(int)between(1, 1000)));
        expect_quantile(1.0 - ldexp(between(0.5, 1), -(int)between(1, 51)));
        expect_quantile(0.5 + ldexp(between(-0.5, 0.5), -(int)between(1, 40)));
    }
    assert_true(fm_normal_quantile(0.5) == 0.0);
}

/* An oracle that shares no formula: P(Z <= x) = erfc(-x / sqrt 2) / 2 in MPFR, one Newton step from the quantile. */
static void normal_quantile_inverts_the_distribution_function(void **context) {
    (void)context;
    state = 7;
    mpfr_t probability;
    mpfr_t density;
    mpfr_inits2(TRUE_BITS, probability, density, (mpfr_ptr)NULL);
    for (int i = 0; i < 2000; i++) {
        double p = i % 2 ? uniform() : ldexp(between(0.5, 1), -(int)between(1, 900));
        double x = fm_normal_quantile(p);
        mpfr_set_d(density, -x, MPFR_RNDN);
        mpfr_div(density, density, (mpfr_sqrt_ui(probability, 2, MPFR_RNDN), probability), MPFR_RNDN);
        mpfr_erfc(probability, density, MPFR_RNDN);
        mpfr_div_ui(probability, probability, 2, MPFR_RNDN);
        mpfr_sub_d(probability, probability, p, MPFR_RNDN);
        mpfr_set_d(density, -x, MPFR_RNDN);
        mpfr_mul_d(density, density, x / 2, MPFR_RNDN);
        mpfr_exp(density, density, MPFR_RNDN);
        mpfr_mul_d(density, density, 0.398942280401432678, MPFR_RNDN);
        mpfr_div(probability, probability, density, MPFR_RNDN);
        double step = fabs(mpfr_get_d(probability, MPFR_RNDN));
        if (!(step <= 1e-14 * fabs(x))) {
            fail_msg("normal_quantile(%a) = %.17g is off by %g", p, x, step);
        }
    }
    mpfr_clears(probability, density, (mpfr_ptr)NULL);
    mpfr_free_cache();
}

static void round_digits_keeps_the_nearest_decimal(void **context) {
    (void)context;
    assert_true(fm_round_digits(0.1 + 0.2, 12) == 0.3);
    assert_true(fm_round_digits(1.0 / 3.0, 3) == 0.333);
    assert_true(fm_round_digits(-123456.0, 2) == -120000.0);
    assert_true(fm_round_digits(0.0, 12) == 0.0);
    assert_true(fm_round_digits(1.7976931348623157e308, 2) == 1.7976931348623157e308);
    assert_true(isnan(fm_round_digits((double)NAN, 12)));
    assert_true(fm_round_digits(9.9999999999999, 12) == 10.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_one_ulp_up_to_overflow_and_down_to_subnormals),
        cmocka_unit_test(log_is_within_one_ulp_at_every_magnitude_and_near_one),
        cmocka_unit_test(log1p_is_within_one_ulp),
        cmocka_unit_test(expm1_is_within_one_ulp),
        cmocka_unit_test(pow_is_within_one_ulp_up_to_overflow_and_down_to_subnormals),
        cmocka_unit_test(small_integer_powers_and_identities_are_exact),
        cmocka_unit_test(arguments_outside_the_domain_give_infinities_and_nan),
        cmocka_unit_test(pow_at_its_edges_follows_c),
        cmocka_unit_test(log_does_not_jump_where_the_exponent_changes),
        cmocka_unit_test(normal_quantile_agrees_with_gsl),
        cmocka_unit_test(normal_quantile_inverts_the_distribution_function),
        cmocka_unit_test(round_digits_keeps_the_nearest_decimal),
    };
    return cmocka_run_group_tests_name("fmath", tests, NULL, NULL);
}
