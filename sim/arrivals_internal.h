/* arrivals_internal.h - what the files of arrivals.h share. */
#ifndef TOKENMILL_SIM_ARRIVALS_INTERNAL_H
#define TOKENMILL_SIM_ARRIVALS_INTERNAL_H

#include "base/random.h"
#include "sim/arrivals.h"

/* -log of the uniform draw (ordinal, index): exponential of mean 1. */
double arrival_exponential_draw(struct random_stream stream, uint64_t ordinal, uint32_t index);

/* A Gamma variate of scale 1 from the draws of `ordinal`; shape > 0.
 * Source: G. Marsaglia, W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000; below shape 1
 * Gamma(shape + 1) U^(1 / shape). Checked against GSL's distribution in the test. */
double arrival_gamma_draw(struct random_stream stream, uint64_t ordinal, double shape);

struct arrival_source *open_source_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication);
struct arrival_source *closed_loop_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication);

#endif
