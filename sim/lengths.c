#include "sim/lengths.h"

#include <math.h>

#include "base/check.h"
#include "base/fmath.h"

/* Longer than any context; keeps the tail of a wide lognormal inside int64. */
#define LENGTH_MAX 1e12

static double draw_uniform(const struct length_spec *spec, double u) {
    double low = nearbyint(spec->min);
    double high = nearbyint(spec->max);
    double value = low + floor(u * (high - low + 1.0));
    return value < high ? value : high;
}

/* Smallest k with 1 - (1 - p)^k >= u, by inversion; p = 1 / mean. */
static double draw_geometric(const struct length_spec *spec, double u) {
    if (spec->mean <= 1.0) {
        return 1.0;
    }
    return 1.0 + floor(fm_log(u) / fm_log1p(-1.0 / spec->mean));
}

static double draw_quantiles(const struct length_spec *spec, double u) {
    size_t low = 0;
    size_t high = spec->count - 1;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (spec->quantile_p[middle] <= u) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double share = (u - spec->quantile_p[low]) / (spec->quantile_p[high] - spec->quantile_p[low]);
    return spec->quantile_value[low] + share * (spec->quantile_value[high] - spec->quantile_value[low]);
}

static double draw_unrounded(const struct length_spec *spec, double u) {
    switch (spec->kind) {
    case LENGTH_UNIFORM: return draw_uniform(spec, u);
    case LENGTH_LOGNORMAL: return fm_exp(spec->mu + spec->sigma * fm_normal_quantile(u));
    case LENGTH_GEOMETRIC: return draw_geometric(spec, u);
    case LENGTH_QUANTILES: return draw_quantiles(spec, u);
    case LENGTH_CONSTANT:
    case LENGTH_FROM_TRACE: break;
    }
    return spec->value;
}

int64_t length_draw(const struct length_spec *spec, struct random_stream stream, uint64_t ordinal) {
    CHECK(spec->kind != LENGTH_FROM_TRACE);
    double u = spec->kind == LENGTH_CONSTANT ? 0.5 : random_uniform(stream, ordinal, 0);
    double value = nearbyint(draw_unrounded(spec, u));
    if (!(value >= 1.0)) {
        return 1;
    }
    return (int64_t)(value < LENGTH_MAX ? value : LENGTH_MAX);
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
