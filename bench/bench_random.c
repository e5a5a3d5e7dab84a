/* bench_random.c - nanoseconds a draw, beside GSL's samplers on its Mersenne twister, and the ratio to the reference loop.
 *
 * CPU time, medians of 7. `one`: by ordinal, as lengths are drawn; `batch`: 16 ordinals at once, as gaps are, at each CPU level. */
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sampler.h"
#include "bench/reference_loop.h"
#include "sim/lengths.h"

enum { DRAWS = 1 << 20, ROUNDS = 7, BATCH = 16 };

struct bench {
    enum cpu_level level;
    gsl_rng *gsl; // owned
    struct random_stream stream;
    struct sampler_gamma gamma;
    double shape;
    const struct length_spec *lengths; // borrowed
};

/* The sum of DRAWS draws: keeps them from being optimised away. */
typedef double draws(const struct bench *bench);

#define MU    5.0
#define SIGMA 0.8

/* ---- ours ---- */

static double blocks(const struct bench *bench) {
    struct random_halves halves[BATCH];
    uint64_t sum = 0;
    for (uint64_t i = 0; i < DRAWS; i += BATCH) {
        random_blocks(bench->level, bench->stream, i, 0, BATCH, halves);
        sum += halves[0].half[0] ^ halves[BATCH - 1].half[1];
    }
    return (double)sum;
}

static double block(const struct bench *bench) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += random_halves(bench->stream, i, 0).half[0];
    }
    return (double)sum;
}

static double exponential(const struct bench *bench) {
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += sampler_exponential(bench->stream, i);
    }
    return sum;
}

static double exponentials(const struct bench *bench) {
    double out[BATCH], sum = 0;
    for (uint64_t i = 0; i < DRAWS; i += BATCH) {
        sampler_exponentials(bench->level, bench->stream, i, BATCH, out);
        sum += out[0] + out[BATCH - 1];
    }
    return sum;
}

static double normal(const struct bench *bench) {
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += sampler_normal(bench->stream, i);
    }
    return sum;
}

static double lognormal(const struct bench *bench) {
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += sampler_lognormal(bench->stream, i, MU, SIGMA);
    }
    return sum;
}

static double gamma_one(const struct bench *bench) {
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += sampler_gamma(&bench->gamma, bench->stream, i);
    }
    return sum;
}

static double gammas(const struct bench *bench) {
    double out[BATCH], sum = 0;
    for (uint64_t i = 0; i < DRAWS; i += BATCH) {
        sampler_gammas(bench->level, &bench->gamma, bench->stream, i, BATCH, out);
        sum += out[0] + out[BATCH - 1];
    }
    return sum;
}

static double lengths(const struct bench *bench) {
    int64_t sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        sum += length_draw(bench->lengths, bench->stream, i);
    }
    return (double)sum;
}

/* ---- GSL's ---- */

static double gsl_exponential(const struct bench *bench) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        sum += gsl_ran_exponential(bench->gsl, 1);
    }
    return sum;
}

static double gsl_normal(const struct bench *bench) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        sum += gsl_ran_gaussian_ziggurat(bench->gsl, 1);
    }
    return sum;
}

static double gsl_lognormal(const struct bench *bench) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        sum += gsl_ran_lognormal(bench->gsl, MU, SIGMA);
    }
    return sum;
}

static double gsl_gammas(const struct bench *bench) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        sum += gsl_ran_gamma(bench->gsl, bench->shape, 1);
    }
    return sum;
}

static double gsl_geometrics(const struct bench *bench) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        sum += gsl_ran_geometric(bench->gsl, 1 / bench->lengths->mean);
    }
    return sum;
}

/* ---- the clock ---- */

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ns(draws *draw, const struct bench *bench) {
    static volatile double sink;
    double times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        const double start = cpu_now_s();
        sink = draw(bench);
        times[i] = 1e9 * (cpu_now_s() - start) / DRAWS;
    }
    (void)sink;
    qsort(times, ROUNDS, sizeof times[0], compare_doubles);
    return times[ROUNDS / 2];
}

struct row {
    const char *name;
    draws *draw, *gsl; /* gsl NULL: nothing alike */
    double reference_ns;
};

static void print_row(const struct row *row, const struct bench *bench) {
    const double ns = median_ns(row->draw, bench);
    printf("%-34s %6.1f ns %6.2f R", row->name, ns, ns / row->reference_ns);
    if (row->gsl != NULL) {
        const double gsl_ns = median_ns(row->gsl, bench);
        printf("   GSL %6.1f ns, %4.1f x", gsl_ns, gsl_ns / ns);
    }
    printf("\n");
}

static void bench_singles(struct bench *bench, double reference_ns) {
    const struct row rows[] = {
        {"Philox block, one", block, NULL, reference_ns},
        {"exponential, one", exponential, gsl_exponential, reference_ns},
        {"normal, one (GSL: its ziggurat)", normal, gsl_normal, reference_ns},
        {"lognormal, one", lognormal, gsl_lognormal, reference_ns},
        {"Gamma, one", gamma_one, gsl_gammas, reference_ns},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_row(&rows[i], bench);
    }
}

static void bench_batches(struct bench *bench, double reference_ns) {
    const struct row rows[] = {
        {"Philox blocks, batch", blocks, NULL, reference_ns},
        {"exponential, batch", exponentials, gsl_exponential, reference_ns},
        {"Gamma, batch", gammas, gsl_gammas, reference_ns},
    };
    for (int level = 0; level <= (int)cpu_level_highest(); level++) {
        bench->level = (enum cpu_level)level;
        printf("%s\n", cpu_level_name(bench->level));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            print_row(&rows[i], bench);
        }
    }
}

static void bench_lengths(struct bench *bench, double reference_ns) {
    static const double p[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1};
    static const double value[] = {1, 20, 60, 180, 420, 900, 1500, 4000, 16000};
    static const struct length_spec specs[] = {
        {.kind = LENGTH_LOGNORMAL, .mu = MU, .sigma = SIGMA},
        {.kind = LENGTH_GEOMETRIC, .mean = 220},
        {.kind = LENGTH_UNIFORM, .min = 1, .max = 2000},
        {.kind = LENGTH_QUANTILES, .quantile_p = p, .quantile_value = value, .count = 9},
    };
    const struct row rows[] = {
        {"length: lognormal", lengths, gsl_lognormal, reference_ns},
        {"length: geometric", lengths, gsl_geometrics, reference_ns},
        {"length: uniform", lengths, NULL, reference_ns},
        {"length: quantiles, 9 points", lengths, NULL, reference_ns},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench->lengths = &specs[i];
        print_row(&rows[i], bench);
    }
}

int main(void) {
    const double reference_ns = 1e9 * reference_turn_s();
    struct bench bench = {
        .gsl = gsl_rng_alloc(gsl_rng_mt19937),
        .stream = random_stream_make(1, 0, RANDOM_ARRIVAL, "bench"),
    };
    printf("R = %.1f ns\n", reference_ns);
    static const double shapes[] = {2.5, 0.5};
    for (size_t i = 0; i < 2; i++) {
        bench.shape = shapes[i];
        bench.gamma = sampler_gamma_make(shapes[i]);
        printf("Gamma of shape %g\n", shapes[i]);
        bench_singles(&bench, reference_ns);
        bench_batches(&bench, reference_ns);
    }
    bench_lengths(&bench, reference_ns);
    gsl_rng_free(bench.gsl);
    return 0;
}
