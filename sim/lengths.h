/* lengths.h - how many tokens a prompt and an answer have. Keyed draws: the n-th request's lengths do not depend on
 * anything else. Every draw is rounded to nearest and is at least 1. */
#ifndef TOKENMILL_SIM_LENGTHS_H
#define TOKENMILL_SIM_LENGTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/random.h"

enum length_kind {
    LENGTH_FROM_TRACE, /* no distribution: the arrival carries the length */
    LENGTH_CONSTANT,
    LENGTH_UNIFORM,   /* integers min..max, each as likely */
    LENGTH_LOGNORMAL, /* exp(mu + sigma Z) */
    LENGTH_GEOMETRIC, /* 1, 2, ... with the given mean */
    LENGTH_QUANTILES, /* piecewise-linear inverse CDF */
};

struct length_spec {
    enum length_kind kind;
    double value;     /* constant */
    double min, max;  /* uniform */
    double mu, sigma; /* lognormal */
    double mean;      /* geometric */
    const double
        *quantile_p; /* quantiles: `count` probabilities rising from 0 to 1, and values that do not fall; borrowed */
    const double *quantile_value;
    size_t count;
};

/* The draw of request `ordinal`. */
int64_t length_draw(const struct length_spec *spec, struct random_stream stream, uint64_t ordinal);

/* The length of all requests where they have one; else 0. */
int64_t length_always(const struct length_spec *spec);

/* Exact mean of the unrounded distribution (0 for LENGTH_FROM_TRACE). */
double length_mean(const struct length_spec *spec);

/* mu and sigma from mean and 99th percentile (the smaller root). False, and nothing set, if p99 / mean is above 14.97 or below 1:
 * no lognormal has that. */
bool length_lognormal_from_p99(double mean, double p99, double *mu, double *sigma);

#endif
