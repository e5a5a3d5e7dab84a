/* arrivals_internal.h - what the files of arrivals.h share. */
#ifndef TOKENMILL_SIM_ARRIVALS_INTERNAL_H
#define TOKENMILL_SIM_ARRIVALS_INTERNAL_H

#include "sim/arrivals.h"

struct arrival_source *closed_loop_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication);

#endif
