/* Lengths against closed forms and GSL's distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "sim/lengths.h"

enum { DRAWS = 40000 };

static struct random_stream stream_of(const char *name) {
    return random_stream_make(7, 0, RANDOM_INPUT, name);
}

static double mean_of_draws(const struct length_spec *spec) {
    struct random_stream stream = stream_of("mean");
    double sum = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += (double)length_draw(spec, stream, i);
    }
    return sum / DRAWS;
}

/* Greatest distance between the draws' distribution and `cdf` at the whole numbers up to `limit`. */
static double distance(const struct length_spec *spec, double (*cdf)(const struct length_spec *, double), int limit) {
    static int counts[1 << 16];
    for (int i = 0; i < 1 << 16; i++) {
        counts[i] = 0;
    }
    struct random_stream stream = stream_of("distance");
    for (uint64_t i = 0; i < DRAWS; i++) {
        int64_t length = length_draw(spec, stream, i);
        counts[length < limit ? length : limit]++;
    }
    double worst = 0.0;
    int below = 0;
    for (int x = 1; x < limit; x++) {
        below += counts[x];
        worst = fmax(worst, fabs((double)below / DRAWS - cdf(spec, x)));
    }
    return worst;
}

/* Kolmogorov-Smirnov at 99.9 %. */
static const double ks_limit = 1.95 / 200.0;

static double cdf_lognormal(const struct length_spec *spec, double x) {
    return gsl_cdf_lognormal_P(x + 0.5, spec->mu, spec->sigma);
}

static double cdf_geometric(const struct length_spec *spec, double x) {
    return gsl_cdf_geometric_P((unsigned)x, 1.0 / spec->mean);
}

static double cdf_uniform(const struct length_spec *spec, double x) {
    return fmin(1.0, fmax(0.0, (x - spec->min + 1.0) / (spec->max - spec->min + 1.0)));
}

static void lognormal_draws_follow_gsl(void **state) {
    (void)state;
    struct length_spec spec = {.kind = LENGTH_LOGNORMAL};
    assert_true(length_lognormal_from_p99(220.0, 900.0, &spec.mu, &spec.sigma));
    assert_true(distance(&spec, cdf_lognormal, 20000) < ks_limit);
}

static void geometric_draws_follow_gsl(void **state) {
    (void)state;
    struct length_spec spec = {.kind = LENGTH_GEOMETRIC, .mean = 37.5};
    assert_true(distance(&spec, cdf_geometric, 5000) < ks_limit);
    spec.mean = 1.0;
    assert_true(distance(&spec, cdf_geometric, 5) < 1e-12);
}

static void uniform_draws_reach_both_ends_alike(void **state) {
    (void)state;
    struct length_spec spec = {.kind = LENGTH_UNIFORM, .min = 3, .max = 12};
    assert_true(distance(&spec, cdf_uniform, 13) < ks_limit);
    struct length_spec one = {.kind = LENGTH_UNIFORM, .min = 9, .max = 9};
    assert_int_equal(length_draw(&one, stream_of("one"), 4), 9);
}

static void quantiles_interpolate_and_keep_atoms(void **state) {
    (void)state;
    /* A quarter of the mass is exactly 100; the rest is linear. */
    static const double p[] = {0.0, 0.5, 0.75, 1.0};
    static const double value[] = {0.0, 100.0, 100.0, 300.0};
    struct length_spec spec = {.kind = LENGTH_QUANTILES, .quantile_p = p, .quantile_value = value, .count = 4};
    struct random_stream stream = stream_of("quantiles");
    int atom = 0;
    int low = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        int64_t length = length_draw(&spec, stream, i);
        assert_in_range(length, 1, 300);
        atom += length == 100;
        low += length <= 50;
    }
    assert_true(fabs((double)atom / DRAWS - 0.25375) < 0.01); /* the atom, and what rounds to it */
    assert_true(fabs((double)low / DRAWS - 0.2525) < 0.01);
    assert_true(fabs(length_mean(&spec) - 100.0) < 1e-12); /* 0.5 50 + 0.25 100 + 0.25 200 */
    assert_true(fabs(mean_of_draws(&spec) - 100.0) < 2.0);
}

static void means_are_exact(void **state) {
    (void)state;
    struct length_spec lognormal = {.kind = LENGTH_LOGNORMAL, .mu = 6.0, .sigma = 0.5};
    assert_true(fabs(length_mean(&lognormal) / exp(6.125) - 1.0) < 1e-14);
    struct length_spec uniform = {.kind = LENGTH_UNIFORM, .min = 10, .max = 21};
    assert_true(fabs(length_mean(&uniform) - 15.5) < 1e-14);
    struct length_spec geometric = {.kind = LENGTH_GEOMETRIC, .mean = 12.25};
    assert_true(fabs(length_mean(&geometric) - 12.25) < 1e-14);
    assert_true(fabs(mean_of_draws(&geometric) - 12.25) < 0.25);
    struct length_spec constant = {.kind = LENGTH_CONSTANT, .value = 128.0};
    assert_true(fabs(length_mean(&constant) - 128.0) < 1e-14);
    assert_int_equal(length_draw(&constant, stream_of("c"), 0), 128);
    struct length_spec none = {.kind = LENGTH_FROM_TRACE};
    assert_true(length_mean(&none) <= 0.0);
}

static void p99_of_the_lognormal_is_the_one_given(void **state) {
    (void)state;
    double mu;
    double sigma;
    assert_true(length_lognormal_from_p99(1020.0, 4100.0, &mu, &sigma));
    assert_true(fabs(exp(mu + sigma * sigma / 2) - 1020.0) < 1e-9);
    assert_true(fabs(gsl_cdf_lognormal_Pinv(0.99, mu, sigma) - 4100.0) < 1e-8);
    assert_true(sigma < gsl_cdf_ugaussian_Pinv(0.99)); /* the smaller root */
    assert_true(length_lognormal_from_p99(100.0, 100.0, &mu, &sigma));
    assert_true(fabs(sigma) < 1e-12);
}

static void no_lognormal_has_so_far_a_tail(void **state) {
    (void)state;
    double mu = 5.0;
    double sigma = 6.0;
    assert_true(length_lognormal_from_p99(100.0, 1496.0, &mu, &sigma));
    mu = 5.0;
    sigma = 6.0;
    assert_false(length_lognormal_from_p99(100.0, 1498.0, &mu, &sigma));
    assert_false(length_lognormal_from_p99(100.0, 99.0, &mu, &sigma));
    assert_false(length_lognormal_from_p99(0.0, 10.0, &mu, &sigma));
    assert_true(mu >= 5.0 && mu <= 5.0 && sigma >= 6.0 && sigma <= 6.0);
}

static void every_draw_is_at_least_one_and_finite(void **state) {
    (void)state;
    struct length_spec tiny = {.kind = LENGTH_LOGNORMAL, .mu = -20.0, .sigma = 1.0};
    struct length_spec huge = {.kind = LENGTH_LOGNORMAL, .mu = 200.0, .sigma = 1.0};
    struct length_spec zero = {.kind = LENGTH_CONSTANT, .value = 0.0};
    assert_int_equal(length_draw(&tiny, stream_of("t"), 1), 1);
    assert_int_equal(length_draw(&huge, stream_of("t"), 1), 1000000000000);
    assert_int_equal(length_draw(&zero, stream_of("t"), 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lognormal_draws_follow_gsl),
        cmocka_unit_test(geometric_draws_follow_gsl),
        cmocka_unit_test(uniform_draws_reach_both_ends_alike),
        cmocka_unit_test(quantiles_interpolate_and_keep_atoms),
        cmocka_unit_test(means_are_exact),
        cmocka_unit_test(p99_of_the_lognormal_is_the_one_given),
        cmocka_unit_test(no_lognormal_has_so_far_a_tail),
        cmocka_unit_test(every_draw_is_at_least_one_and_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
