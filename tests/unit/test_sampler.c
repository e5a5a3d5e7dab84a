/* The samplers against GSL's distributions at fixed seeds: Kolmogorov-Smirnov, four moments, tails beyond 1e-4 and 1e-6. */
#include "base/sampler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>

#include "base/arena.h"
#include "base/fmath.h"
#include "base/ziggurat.h"
#include "tests/unit/guarded.h"

enum { DRAWS = 1000000, TAIL_DRAWS = 10000000, BATCH = 1000, MOMENTS = 4 };

/* A distribution: our draws, GSL's functions, the raw moments 1 to 8. */
struct law {
    const char *name;
    void (*draw)(const struct law *law, uint64_t first, double *out); /* BATCH of them */
    double (*cdf)(const struct law *law, double x);
    double (*upper)(const struct law *law, double q); /* P(X > x) = q */
    double (*lower)(const struct law *law, double p);
    double (*moment)(const struct law *law, int k);
    double a, b; /* shape; mu, sigma; mean */
};

static struct random_stream stream_of(const struct law *law) {
    return random_stream_make(20, 0, RANDOM_SERVICE, law->name);
}

/* ---- the laws ---- */

static void draw_exponential(const struct law *law, uint64_t first, double *out) {
    sampler_exponentials(cpu_level_highest(), stream_of(law), first, BATCH, out);
}

static double cdf_exponential(const struct law *law, double x) {
    (void)law;
    return gsl_cdf_exponential_P(x, 1.0);
}

static double upper_exponential(const struct law *law, double q) {
    (void)law;
    return gsl_cdf_exponential_Qinv(q, 1.0);
}

static double lower_exponential(const struct law *law, double p) {
    (void)law;
    return gsl_cdf_exponential_Pinv(p, 1.0);
}

static double moment_exponential(const struct law *law, int k) {
    (void)law;
    return gsl_sf_fact((unsigned)k);
}

static void draw_normal(const struct law *law, uint64_t first, double *out) {
    for (uint64_t i = 0; i < BATCH; i++) {
        out[i] = sampler_normal(stream_of(law), first + i);
    }
}

static double cdf_normal(const struct law *law, double x) {
    (void)law;
    return gsl_cdf_ugaussian_P(x);
}

static double upper_normal(const struct law *law, double q) {
    (void)law;
    return gsl_cdf_ugaussian_Qinv(q);
}

static double lower_normal(const struct law *law, double p) {
    (void)law;
    return gsl_cdf_ugaussian_Pinv(p);
}

static double moment_normal(const struct law *law, int k) {
    (void)law;
    return k % 2 == 1 ? 0.0 : gsl_sf_doublefact((unsigned)k - 1);
}

static void draw_gamma(const struct law *law, uint64_t first, double *out) {
    const struct sampler_gamma gamma = sampler_gamma_make(law->a);
    sampler_gammas(cpu_level_highest(), &gamma, stream_of(law), first, BATCH, out);
}

static double cdf_gamma(const struct law *law, double x) {
    return gsl_cdf_gamma_P(x, law->a, 1.0);
}

/* By bisection of log x: GSL's own inverse does not converge everywhere. */
static double inverse_gamma(double shape, double share, double (*cdf)(double x, double a, double b), bool rises) {
    double low = -700.0, high = 7.0;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if ((cdf(exp(middle), shape, 1.0) < share) == rises) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return exp(low);
}

static double upper_gamma(const struct law *law, double q) {
    return inverse_gamma(law->a, q, gsl_cdf_gamma_Q, false);
}

static double lower_gamma(const struct law *law, double p) {
    return inverse_gamma(law->a, p, gsl_cdf_gamma_P, true);
}

static double moment_gamma(const struct law *law, int k) {
    return gsl_sf_poch(law->a, k);
}

static void draw_lognormal(const struct law *law, uint64_t first, double *out) {
    for (uint64_t i = 0; i < BATCH; i++) {
        out[i] = sampler_lognormal(stream_of(law), first + i, law->a, law->b);
    }
}

static double cdf_lognormal(const struct law *law, double x) {
    return gsl_cdf_lognormal_P(x, law->a, law->b);
}

static double upper_lognormal(const struct law *law, double q) {
    return gsl_cdf_lognormal_Qinv(q, law->a, law->b);
}

static double lower_lognormal(const struct law *law, double p) {
    return gsl_cdf_lognormal_Pinv(p, law->a, law->b);
}

static double moment_lognormal(const struct law *law, int k) {
    return exp(k * law->a + k * k * law->b * law->b / 2);
}

#define LAW(kind, text, a, b)                                                                                          \
    { text, draw_##kind, cdf_##kind, upper_##kind, lower_##kind, moment_##kind, a, b }

static const struct law laws[] = {
    LAW(exponential, "exponential", 0, 0), LAW(normal, "normal", 0, 0),       LAW(gamma, "gamma 0.05", 0.05, 0),
    LAW(gamma, "gamma 0.5", 0.5, 0),       LAW(gamma, "gamma 1", 1.0, 0),     LAW(gamma, "gamma 2.5", 2.5, 0),
    LAW(gamma, "gamma 80", 80.0, 0),       LAW(lognormal, "narrow", 3, 0.25), LAW(lognormal, "wide", 5, 1.5),
};

enum { LAWS = sizeof laws / sizeof laws[0] };

/* ---- the tests ---- */

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double ks_distance(const struct law *law, const double *sorted) {
    double worst = 0.0;
    for (int i = 0; i < DRAWS; i++) {
        const double p = law->cdf(law, sorted[i]);
        worst = fmax(worst, fmax(p - (double)i / DRAWS, (i + 1.0) / DRAWS - p));
    }
    return worst;
}

/* 99.9 %. */
static void draws_pass_kolmogorov_and_smirnov(void **state) {
    (void)state;
    double *draws = xcalloc(DRAWS, sizeof *draws);
    for (size_t l = 0; l < LAWS; l++) {
        for (uint64_t i = 0; i < DRAWS; i += BATCH) {
            laws[l].draw(&laws[l], i, draws + i);
        }
        qsort(draws, DRAWS, sizeof *draws, compare_doubles);
        const double distance = ks_distance(&laws[l], draws);
        if (distance > 1.95 / sqrt(DRAWS)) {
            fail_msg("%s: distance %g", laws[l].name, distance);
        }
    }
    free(draws);
}

static void check_moments(const struct law *law) {
    double sums[MOMENTS + 1] = {0};
    double out[BATCH];
    for (uint64_t i = 0; i < DRAWS; i += BATCH) {
        law->draw(law, i, out);
        for (size_t j = 0; j < BATCH; j++) {
            double power = 1.0;
            for (int k = 1; k <= MOMENTS; k++) {
                power *= out[j];
                sums[k] += power;
            }
        }
    }
    for (int k = 1; k <= MOMENTS; k++) {
        const double exact = law->moment(law, k);
        const double error = sqrt((law->moment(law, 2 * k) - exact * exact) / DRAWS);
        if (fabs(sums[k] / DRAWS - exact) > 3.5 * error) {
            fail_msg("%s: moment %d is %g instead of %g", law->name, k, sums[k] / DRAWS, exact);
        }
    }
}

/* Within 3.5 standard errors of the exact ones. */
static void four_moments_are_right(void **state) {
    (void)state;
    for (size_t l = 0; l < LAWS; l++) {
        check_moments(&laws[l]);
    }
}

/* A Poisson count of this mean lies inside with 99.99 %. */
static void assert_count(const char *name, const char *which, double count, double mean) {
    const double above = gsl_cdf_poisson_Q((unsigned)count, mean), below = gsl_cdf_poisson_P((unsigned)count, mean);
    if (above < 5e-5 || below < 5e-5) {
        fail_msg("%s: %g beyond %s instead of %g", name, count, which, mean);
    }
}

static void check_tails(const struct law *law) {
    static const char *const names[] = {"upper 1e-4", "upper 1e-6", "lower 1e-4", "lower 1e-6"};
    const double limits[] = {law->upper(law, 1e-4), law->upper(law, 1e-6), law->lower(law, 1e-4),
                             law->lower(law, 1e-6)};
    double counts[4] = {0};
    double out[BATCH];
    for (uint64_t i = 0; i < TAIL_DRAWS; i += BATCH) {
        law->draw(law, i, out);
        for (size_t j = 0; j < BATCH; j++) {
            counts[0] += out[j] > limits[0];
            counts[1] += out[j] > limits[1];
            counts[2] += out[j] < limits[2];
            counts[3] += out[j] < limits[3];
        }
    }
    for (size_t t = 0; t < 4; t++) {
        assert_count(law->name, names[t], counts[t], TAIL_DRAWS * (t % 2 == 0 ? 1e-4 : 1e-6));
    }
}

static void tails_hold_their_share(void **state) {
    (void)state;
    for (size_t l = 0; l < LAWS; l++) {
        check_tails(&laws[l]);
    }
}

/* Chi-square over the values up to the 99.9 % quantile and what lies beyond. */
static void check_geometric(double mean) {
    enum { BINS_MAX = 2000 };
    static double counts[BINS_MAX + 2];
    const struct random_stream stream = random_stream_make(21, 0, RANDOM_SERVICE, "geometric");
    const double p = 1.0 / mean;
    int last = 1;
    while (gsl_cdf_geometric_Q((unsigned)last, p) > 1e-3) {
        last++;
    }
    assert_true(last < BINS_MAX);
    memset(counts, 0, sizeof counts);
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double draw = sampler_geometric(stream, i, mean);
        counts[draw <= last ? (int)draw : last + 1]++;
    }
    double chi_square = 0.0;
    for (int k = 1; k <= last + 1; k++) {
        const double above = k == 1 ? 1.0 : gsl_cdf_geometric_Q((unsigned)k - 1, p);
        const double expected = DRAWS * (k > last ? above : above - gsl_cdf_geometric_Q((unsigned)k, p));
        chi_square += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    const double share = gsl_cdf_chisq_Q(chi_square, last);
    if (share < 1e-3 || share > 1 - 1e-3) {
        fail_msg("mean %g: chi-square %g with %d degrees of freedom", mean, chi_square, last);
    }
}

static void geometric_draws_follow_gsl(void **state) {
    (void)state;
    static const double means[] = {1.02, 1.5, 15.9, 16.1, 220.0};
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        check_geometric(means[i]);
    }
    const struct random_stream stream = random_stream_make(21, 0, RANDOM_SERVICE, "one");
    assert_true(fabs(sampler_geometric(stream, 0, 1.0) - 1.0) < 1e-15);
}

/* ---- the contract of draws ---- */

static uint64_t half_at(struct random_stream stream, uint64_t ordinal, uint32_t index) {
    return random_halves(stream, ordinal, index / 2).half[index % 2];
}

/* The ziggurat as its header says, throw by throw. */
static double exponential_defined(struct random_stream stream, uint64_t ordinal, uint32_t *taken) {
    double begin = 0.0;
    for (*taken = 0;;) {
        const uint64_t half = half_at(stream, ordinal, (*taken)++);
        const struct ziggurat_layer *layer = &ziggurat_exponential[half & 255];
        const double x = ((double)(half >> 12) + 0.5) * layer->scale;
        if (x < layer->inner) {
            return begin + x;
        }
        if ((half & 255) == 0) {
            begin += layer->inner;
            continue;
        }
        const double u = random_half_uniform(half_at(stream, ordinal, (*taken)++));
        if (layer->low + u * (layer->high - layer->low) < fm_exp(-x)) {
            return begin + x;
        }
    }
}

/* The share of places that lie wholly under the density. */
static double first_throws(void) {
    double sum = 0.0;
    for (size_t i = 0; i < ZIGGURAT_LAYERS; i++) {
        sum += ziggurat_exponential[i].inner / (ziggurat_exponential[i].scale * 0x1p52);
    }
    return sum / ZIGGURAT_LAYERS;
}

static void a_rejected_throw_takes_further_halves_of_its_ordinal(void **state) {
    (void)state;
    const struct random_stream stream = random_stream_make(2, 0, RANDOM_ARRIVAL, "chat");
    int one = 0, most = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        uint32_t taken;
        const double expected = exponential_defined(stream, i, &taken);
        const double made = sampler_exponential(stream, i);
        assert_memory_equal(&made, &expected, sizeof made);
        one += taken == 1;
        most = (int)taken > most ? (int)taken : most;
    }
    assert_true(fabs(one / 200000.0 - first_throws()) < 0.001);
    assert_true(most >= 4);
}

static enum cpu_level level_of(void **state) {
    const enum cpu_level level = *(const enum cpu_level *)*state;
    if (level > cpu_level_highest()) {
        print_message("this machine has no %s\n", cpu_level_name(level));
        skip();
    }
    return level;
}

static void assert_single(struct random_stream stream, uint64_t first, const double *made, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double expected = sampler_exponential(stream, first + i);
        assert_memory_equal(&made[i], &expected, sizeof expected);
    }
}

static void a_batch_is_its_draws_one_by_one(void **state) {
    const enum cpu_level level = level_of(state);
    static const double shapes[] = {0.3, 1.0, 7.0};
    const struct random_stream stream = random_stream_make(2, 0, RANDOM_ARRIVAL, "batch");
    struct guarded page = guarded_make();
    for (size_t count = 0; count <= 100; count++) {
        const uint64_t first = count % 2 == 0 ? 37 * count : UINT32_MAX - 9 * count;
        double *made = guarded_place(&page, count * sizeof *made, count % 4 < 2);
        sampler_exponentials(level, stream, first, count, made);
        assert_single(stream, first, made, count);
        for (size_t s = 0; s < 3; s++) {
            const struct sampler_gamma gamma = sampler_gamma_make(shapes[s]);
            sampler_gammas(level, &gamma, stream, first, count, made);
            for (size_t i = 0; i < count; i++) {
                const double expected = sampler_gamma(&gamma, stream, first + i);
                assert_memory_equal(&made[i], &expected, sizeof expected);
            }
        }
    }
    guarded_release(&page);
}

static void layers_have_equal_areas(void **state) {
    (void)state;
    const struct ziggurat_layer *tables[] = {ziggurat_exponential, ziggurat_normal};
    static const double begins[] = {7.69711747013104972, 3.6541528853610088};
    /* r f(r), and the tail beyond r. */
    const double areas[] = {(begins[0] + 1) * exp(-begins[0]),
                            begins[1] * exp(-begins[1] * begins[1] / 2) + sqrt(M_PI / 2) * erfc(begins[1] / M_SQRT2)};
    for (size_t t = 0; t < 2; t++) {
        const struct ziggurat_layer *table = tables[t];
        assert_true(fabs(table[0].inner - begins[t]) < 1e-15);
        assert_true(fabs(table[0].scale * 0x1p52 * table[0].high - areas[t]) < 1e-15);
        for (size_t i = 1; i < ZIGGURAT_LAYERS; i++) {
            assert_true(fabs(table[i].scale * 0x1p52 * (table[i].high - table[i].low) - areas[t]) < 1e-15);
            assert_memory_equal(&table[i].low, &table[i - 1].high, sizeof(double));
        }
        assert_true(fabs(table[ZIGGURAT_LAYERS - 1].inner) <= 0.0 && table[ZIGGURAT_LAYERS - 1].high >= 1.0);
    }
}

/* FNV-1a over the bits of many draws: a change here changes results, on this machine or since. */
static uint64_t digest(const struct law *law) {
    uint64_t hash = 0xCBF29CE484222325;
    double out[BATCH];
    for (uint64_t i = 0; i < 100 * BATCH; i += BATCH) {
        law->draw(law, i, out);
        for (size_t j = 0; j < BATCH; j++) {
            uint64_t bits;
            memcpy(&bits, &out[j], sizeof bits);
            hash = (hash ^ bits) * 0x100000001B3;
        }
    }
    return hash;
}

static void the_bits_of_draws_never_change(void **state) {
    (void)state;
    static const uint64_t expected[LAWS] = {0x8d32146e677024a,  0xd8069dac6ec8ea78, 0x5e8e375401d822ee,
                                            0x4d28df844e6897dc, 0xdb0219a7cba04652, 0xc292006fde970b19,
                                            0x33c3efedb3e1cb2b, 0xd3d883ff5cc56778, 0xddea8388641bfe8c};
    for (size_t l = 0; l < LAWS; l++) {
        assert_int_equal(digest(&laws[l]), expected[l]);
    }
}

int main(void) {
    static enum cpu_level levels[] = {CPU_LEVEL_BASELINE, CPU_LEVEL_AVX2, CPU_LEVEL_AVX512};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_pass_kolmogorov_and_smirnov),
        cmocka_unit_test(four_moments_are_right),
        cmocka_unit_test(tails_hold_their_share),
        cmocka_unit_test(geometric_draws_follow_gsl),
        cmocka_unit_test(a_rejected_throw_takes_further_halves_of_its_ordinal),
        cmocka_unit_test_prestate(a_batch_is_its_draws_one_by_one, &levels[0]),
        cmocka_unit_test_prestate(a_batch_is_its_draws_one_by_one, &levels[1]),
        cmocka_unit_test_prestate(a_batch_is_its_draws_one_by_one, &levels[2]),
        cmocka_unit_test(layers_have_equal_areas),
        cmocka_unit_test(the_bits_of_draws_never_change),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
