#include "sim/lengths.h"

#include <math.h>

#include "base/check.h"
#include "base/fmath.h"
#include "base/sampler.h"

/* Longer than any context; keeps the tail of a wide lognormal inside int64. */
#define LENGTH_MAX 1e12

static double draw_uniform(const struct length_spec *spec, double u) {
    double low = nearbyint(spec->min);
    double high = nearbyint(spec->max);
    double value = low + floor(u * (high - low + 1.0));
    return value < high ? value : high;
}

static double draw_quantiles(const struct length_spec *spec, double u) {
    const double *p = spec->quantile_p;
    size_t low = 0;
    for (size_t left = spec->count - 1;
         left > 1;) { /* the segment is one of the `left` from `low` on; no branch to guess */
        const size_t half = left / 2;
        low += p[low + half] <= u ? half : 0;
        left -= half;
    }
    const size_t high = low + 1;
    double share = (u - spec->quantile_p[low]) / (spec->quantile_p[high] - spec->quantile_p[low]);
    return spec->quantile_value[low] + share * (spec->quantile_value[high] - spec->quantile_value[low]);
}

static double draw_unrounded(const struct length_spec *spec, struct random_stream stream, uint64_t ordinal) {
    switch (spec->kind) {
    case LENGTH_UNIFORM: return draw_uniform(spec, random_uniform(stream, ordinal, 0));
    case LENGTH_LOGNORMAL: return sampler_lognormal(stream, ordinal, spec->mu, spec->sigma);
    case LENGTH_GEOMETRIC: return sampler_geometric(stream, ordinal, spec->mean);
    case LENGTH_QUANTILES: return draw_quantiles(spec, random_uniform(stream, ordinal, 0));
    case LENGTH_CONSTANT:
    case LENGTH_FROM_TRACE: break;
    }
    return spec->value;
}

int64_t length_draw(const struct length_spec *spec, struct random_stream stream, uint64_t ordinal) {
    CHECK(spec->kind != LENGTH_FROM_TRACE);
    double value = draw_unrounded(spec, stream, ordinal);
    if (!(value >= 1.0)) {
        return 1;
    }
    return (int64_t)nearbyint(value < LENGTH_MAX ? value : LENGTH_MAX);
}

int64_t length_always(const struct length_spec *spec) {
    return spec->kind == LENGTH_CONSTANT ? length_draw(spec, (struct random_stream){0}, 0) : 0;
}

static double mean_of_quantiles(const struct length_spec *spec) {
    double sum = 0.0;
    for (size_t i = 1; i < spec->count; i++) {
        double width = spec->quantile_p[i] - spec->quantile_p[i - 1];
        sum += width * (spec->quantile_value[i] + spec->quantile_value[i - 1]) / 2.0;
    }
    return sum;
}

double length_mean(const struct length_spec *spec) {
    switch (spec->kind) {
    case LENGTH_CONSTANT: return spec->value;
    case LENGTH_UNIFORM: return (spec->min + spec->max) / 2.0;
    case LENGTH_LOGNORMAL: return fm_exp(spec->mu + spec->sigma * spec->sigma / 2.0);
    case LENGTH_GEOMETRIC: return spec->mean;
    case LENGTH_QUANTILES: return mean_of_quantiles(spec);
    case LENGTH_FROM_TRACE: break;
    }
    return 0.0;
}

/* ln(p99 / mean) = z sigma - sigma^2 / 2 with z = Phi^-1(0.99): a parabola with its top, z^2 / 2, at sigma = z. */
bool length_lognormal_from_p99(double mean, double p99, double *mu, double *sigma) {
    if (!(mean > 0.0) || !(p99 >= mean) || !isfinite(p99)) {
        return false;
    }
    double z = fm_normal_quantile(0.99);
    double discriminant = z * z - 2.0 * fm_log(p99 / mean);
    if (discriminant < 0.0) {
        return false;
    }
    double root = z - sqrt(discriminant);
    *mu = fm_log(mean) - root * root / 2.0;
    *sigma = root;
    return true;
}
