/* sampler.h - variates from keyed streams: few operations a draw, the same bits on every machine.
 *
 * A variate is a function of (stream, ordinal) alone. It takes the 64-bit halves of the ordinal's blocks in turn (block 0 half 0, block 0
 * half 1, block 1 half 0, ...) until it is accepted: one half in 97.8 % of exponential and 98.5 % of normal draws, two in most Gamma draws. So a
 * stream belongs to one distribution, and a batch gives what its draws would give one by one, whatever its length and level.
 * The distribution's parameters do not enter the throw: scenarios that differ in them alone see common random numbers.
 *
 * Exponential, normal: ziggurats (base/ziggurat.h). Bits 0..7 of a half are the layer, bit 8 the sign, bits 12..63 the place.
 * All are tested against GSL's distributions: Kolmogorov-Smirnov, moments, tails. */
#ifndef TOKENMILL_BASE_SAMPLER_H
#define TOKENMILL_BASE_SAMPLER_H

#include "base/random.h"

/* Of mean 1. */
double sampler_exponential(struct random_stream stream, uint64_t ordinal);

/* Of mean 0 and variance 1. */
double sampler_normal(struct random_stream stream, uint64_t ordinal);

/* exp(mu + sigma Z). */
double sampler_lognormal(struct random_stream stream, uint64_t ordinal, double mu, double sigma);

/* 1, 2, ... with the given mean: 1 + floor(E / -log(1 - 1 / mean)), E exponential. 1 where mean <= 1. */
double sampler_geometric(struct random_stream stream, uint64_t ordinal, double mean);

/* What a Gamma shape's draws have in common. */
struct sampler_gamma {
    double d, c;          /* of Marsaglia and Tsang */
    double boost_inverse; /* below shape 1: 1 / shape; else 0 */
};

/* shape > 0. */
struct sampler_gamma sampler_gamma_make(double shape);

/* Gamma of scale 1.
 * Source: G. Marsaglia, W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000; below shape 1
 * Gamma(shape + 1) U^(1 / shape). */
double sampler_gamma(const struct sampler_gamma *gamma, struct random_stream stream, uint64_t ordinal);

/* The draws of `count` ordinals from `first` on. */
void sampler_exponentials(enum cpu_level level, struct random_stream stream, uint64_t first, size_t count, double *out);
void sampler_gammas(enum cpu_level level, const struct sampler_gamma *gamma, struct random_stream stream,
                    uint64_t first, size_t count, double *out);

#endif
