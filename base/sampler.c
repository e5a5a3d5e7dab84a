#include "base/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/fmath.h"
#include "base/ziggurat.h"

/* Blocks that a batch makes at once. */
enum { BATCH = 16 };

/* The halves of an ordinal, in turn. */
struct thrower {
    struct random_stream stream;
    uint64_t ordinal;
    uint32_t taken;
    struct random_halves block; /* of the last half taken */
};

static uint64_t take(struct thrower *thrower) {
    const uint32_t index = thrower->taken++;
    if (index % 2 == 0) {
        thrower->block = random_halves(thrower->stream, thrower->ordinal, index / 2);
    }
    return thrower->block.half[index % 2];
}

static double take_uniform(struct thrower *thrower) {
    return random_half_uniform(take(thrower));
}

/* Where in its layer a half falls: layer->scale x (0, 2^52). */
static inline double place(const struct ziggurat_layer *layer, uint64_t half) {
    return ((double)(int64_t)(half >> 12) + 0.5) * layer->scale;
}

/* A height in the layer at a place between its edges: is it under `density`? */
static bool is_under(const struct ziggurat_layer *layer, struct thrower *thrower, double density) {
    return layer->low + take_uniform(thrower) * (layer->high - layer->low) < density;
}

/* ---- quick functions: fmath's ideas without its last bits ---- */

static inline uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double double_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* log x to some 1e-16 absolutely, x positive and not subnormal: to accept or not. log m = 2 (s + s^3/3 + ...), s = (m - 1) / (m + 1), for
 * m in [sqrt(1/2), sqrt(2)]. */
static double log_near(double x) {
    const uint64_t half_root = 0x3FE6A09E667F3BCD;
    const int64_t exponent = (int64_t)(bits_of(x) - half_root) >> 52;
    const double m = double_of(bits_of(x) - ((uint64_t)exponent << 52));
    const double s = (m - 1.0) / (m + 1.0);
    const double q = s * s;
    const double r = q * q;
    const double low = (1.0 + q * (1.0 / 3)) + r * (1.0 / 5 + q * (1.0 / 7));
    const double high =
        (1.0 / 9 + q * (1.0 / 11)) + r * ((1.0 / 13 + q * (1.0 / 15)) + r * (1.0 / 17 + q * (1.0 / 19)));
    return (double)exponent * 0x1.62e42fefa39efp-1 + 2.0 * s * (low + r * r * high);
}

/* e^x within 2 ulp: x = k ln 2 + r, a polynomial of degree 12 in r. */
static inline double exp_near(double x) {
    if (!(fabs(x) < 700.0)) {
        return fm_exp(x);
    }
    const double to_whole = 0x1.8p52;
    const double shifted = x * 0x1.71547652b82fep+0 + to_whole;
    const double k = shifted - to_whole;
    const double r = (x - k * 0x1.62e42fefa3800p-1) - k * 0x1.ef35793c76730p-45;
    const double q = r * r;
    const double q2 = q * q;
    const double low = (1.0 / 2 + r * (1.0 / 6)) + q * (1.0 / 24 + r * (1.0 / 120));
    const double high = (1.0 / 720 + r * (1.0 / 5040)) + q * (1.0 / 40320 + r * (1.0 / 362880)) +
                        q2 * ((1.0 / 3628800 + r * (1.0 / 39916800)) + q * (1.0 / 479001600));
    const double sum = 1.0 + (r + q * (low + q2 * high));
    return double_of(bits_of(sum) + (bits_of(shifted) << 52));
}

/* ---- exponential ---- */

/* The tail is the exponential again, further on. */
static double exponential_of(struct thrower *thrower) {
    for (double begin = 0.0;;) {
        const uint64_t half = take(thrower);
        const struct ziggurat_layer *layer = &ziggurat_exponential[half % ZIGGURAT_LAYERS];
        const double x = place(layer, half);
        if (x < layer->inner) {
            return begin + x;
        }
        if (layer == ziggurat_exponential) {
            begin += layer->inner;
        } else if (is_under(layer, thrower, fm_exp(-x))) {
            return begin + x;
        }
    }
}

static __attribute__((noinline)) double exponential_slowly(struct random_stream stream, uint64_t ordinal) {
    struct thrower thrower = {.stream = stream, .ordinal = ordinal};
    return exponential_of(&thrower);
}

/* What exponential_of gives where it takes but this half; false if it takes more. */
static inline bool exponential_quick(uint64_t half, double *out) {
    const struct ziggurat_layer *layer = &ziggurat_exponential[half % ZIGGURAT_LAYERS];
    *out = place(layer, half);
    return *out < layer->inner;
}

/* ---- normal ---- */

/* Beyond `begin`. Source: G. Marsaglia, "Generating a variable from the tail of the normal distribution", Technometrics 6, 1964. */
static double normal_tail(struct thrower *thrower, double begin) {
    for (;;) {
        const double x = -fm_log(take_uniform(thrower)) / begin;
        const double y = -fm_log(take_uniform(thrower));
        if (y + y > x * x) {
            return begin + x;
        }
    }
}

static inline double signed_by(double x, uint64_t half) {
    return double_of(bits_of(x) ^ (half << 55 & (uint64_t)1 << 63));
}

static double normal_of(struct thrower *thrower) {
    for (;;) {
        const uint64_t half = take(thrower);
        const struct ziggurat_layer *layer = &ziggurat_normal[half % ZIGGURAT_LAYERS];
        const double x = place(layer, half);
        if (x < layer->inner) {
            return signed_by(x, half);
        }
        if (layer == ziggurat_normal) {
            return signed_by(normal_tail(thrower, layer->inner), half);
        }
        if (is_under(layer, thrower, fm_exp(-0.5 * x * x))) {
            return signed_by(x, half);
        }
    }
}

static __attribute__((noinline)) double normal_slowly(struct random_stream stream, uint64_t ordinal) {
    struct thrower thrower = {.stream = stream, .ordinal = ordinal};
    return normal_of(&thrower);
}

/* As exponential_quick. */
static inline bool normal_quick(uint64_t half, double *out) {
    const struct ziggurat_layer *layer = &ziggurat_normal[half % ZIGGURAT_LAYERS];
    const double x = place(layer, half);
    *out = signed_by(x, half);
    return x < layer->inner;
}

/* ---- Gamma ---- */

struct sampler_gamma sampler_gamma_make(double shape) {
    CHECK(shape > 0.0 && isfinite(shape));
    const double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0;
    return (struct sampler_gamma){
        .d = d,
        .c = 1.0 / sqrt(9.0 * d),
        .boost_inverse = shape < 1.0 ? 1.0 / shape : 0.0,
    };
}

/* Is v = (1 + c x)^3, whose d v is the variate, accepted? The first test takes no logarithm. */
static inline bool gamma_accepts(const struct sampler_gamma *gamma, double x, double u, double *v) {
    const double root = 1.0 + gamma->c * x;
    const double square = x * x;
    *v = root * root * root;
    if (root > 0.0 && u < 1.0 - 0.0331 * square * square) {
        return true;
    }
    return root > 0.0 && log_near(u) < 0.5 * square + gamma->d * (1.0 - *v + 3.0 * log_near(root));
}

static inline double gamma_boosted(const struct sampler_gamma *gamma, double v, double exponential) {
    return gamma->d * v * exp_near(-exponential * gamma->boost_inverse);
}

static __attribute__((noinline)) double gamma_slowly(const struct sampler_gamma *gamma, struct random_stream stream,
                                                     uint64_t ordinal) {
    struct thrower thrower = {.stream = stream, .ordinal = ordinal};
    double x, u, v;
    do {
        x = normal_of(&thrower);
        u = take_uniform(&thrower);
    } while (!gamma_accepts(gamma, x, u, &v));
    return gamma->boost_inverse > 0.0 ? gamma_boosted(gamma, v, exponential_of(&thrower)) : gamma->d * v;
}

/* What gamma_slowly gives where it takes two halves, and with a boost three; false if it takes more. */
static inline bool gamma_quick(const struct sampler_gamma *gamma, struct random_halves halves, uint64_t third,
                               double *out) {
    double x, v, exponential;
    if (!normal_quick(halves.half[0], &x) || !gamma_accepts(gamma, x, random_half_uniform(halves.half[1]), &v)) {
        return false;
    }
    *out = gamma->d * v;
    if (gamma->boost_inverse > 0.0) {
        bool quick = exponential_quick(third, &exponential);
        *out = gamma_boosted(gamma, v, exponential);
        return quick;
    }
    return true;
}

/* ---- one draw ---- */

double sampler_exponential(struct random_stream stream, uint64_t ordinal) {
    double x;
    bool quick = exponential_quick(random_halves(stream, ordinal, 0).half[0], &x);
    return quick ? x : exponential_slowly(stream, ordinal);
}

double sampler_normal(struct random_stream stream, uint64_t ordinal) {
    double x;
    bool quick = normal_quick(random_halves(stream, ordinal, 0).half[0], &x);
    return quick ? x : normal_slowly(stream, ordinal);
}

double sampler_lognormal(struct random_stream stream, uint64_t ordinal, double mu, double sigma) {
    return exp_near(mu + sigma * sampler_normal(stream, ordinal));
}

/* 1 / -log(1 - p), p = 1 / mean. With s = 1 / (2 mean - 1) the logarithm is 2 (s + s^3/3 + s^5/5 + ...). */
static double gaps_per_unit(double mean) {
    if (mean < 16.0) {
        return -1.0 / fm_log1p(-1.0 / mean);
    }
    const double whole = 2.0 * mean - 1.0;
    const double square = 1.0 / (whole * whole);
    const double sum =
        1.0 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square * (1.0 / 9 + square * (1.0 / 11)))));
    return 0.5 * whole / sum;
}

double sampler_geometric(struct random_stream stream, uint64_t ordinal, double mean) {
    if (mean <= 1.0) {
        return 1.0;
    }
    return 1.0 + floor(sampler_exponential(stream, ordinal) * gaps_per_unit(mean));
}

double sampler_gamma(const struct sampler_gamma *gamma, struct random_stream stream, uint64_t ordinal) {
    const struct random_halves halves = random_halves(stream, ordinal, 0);
    const uint64_t third = gamma->boost_inverse > 0.0 ? random_halves(stream, ordinal, 1).half[0] : 0;
    double x;
    return gamma_quick(gamma, halves, third, &x) ? x : gamma_slowly(gamma, stream, ordinal);
}

/* ---- many draws ---- */

static inline size_t batch_count(size_t left) {
    return left < BATCH ? left : BATCH;
}

void sampler_exponentials(enum cpu_level level, struct random_stream stream, uint64_t first, size_t count,
                          double *out) {
    for (size_t done = 0; done < count; done += BATCH) {
        const size_t batch = batch_count(count - done);
        struct random_halves blocks[BATCH];
        random_blocks(level, stream, first + done, 0, batch, blocks);
        for (size_t i = 0; i < batch; i++) {
            double x;
            bool quick = exponential_quick(blocks[i].half[0], &x);
            out[done + i] = quick ? x : exponential_slowly(stream, first + done + i);
        }
    }
}

void sampler_gammas(enum cpu_level level, const struct sampler_gamma *gamma, struct random_stream stream,
                    uint64_t first, size_t count, double *out) {
    for (size_t done = 0; done < count; done += BATCH) {
        const size_t batch = batch_count(count - done);
        struct random_halves blocks[BATCH], thirds[BATCH] = {0};
        random_blocks(level, stream, first + done, 0, batch, blocks);
        if (gamma->boost_inverse > 0.0) {
            random_blocks(level, stream, first + done, 1, batch, thirds);
        }
        for (size_t i = 0; i < batch; i++) {
            double x;
            bool quick = gamma_quick(gamma, blocks[i], thirds[i].half[0], &x);
            out[done + i] = quick ? x : gamma_slowly(gamma, stream, first + done + i);
        }
    }
}
