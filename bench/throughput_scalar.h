/* throughput_scalar.h - the formulas of models/throughput.h as one would write them down: a division wherever a formula has one,
 * one configuration at a time, never vectorised. What the kernel's speed is compared with. */
#ifndef TOKENMILL_BENCH_THROUGHPUT_SCALAR_H
#define TOKENMILL_BENCH_THROUGHPUT_SCALAR_H

#include "models/throughput.h"

/* throughput_arrays; the same numbers but for the last bits. Dense models only. */
void scalar_arrays(const struct throughput_machine *machine, const struct throughput_load_columns *loads, size_t count,
                   const struct throughput_state_columns *states);

/* The cheapest configuration of the grid within the limits, with what a grid needs of each and nothing more. */
struct throughput_pick scalar_grid(const struct throughput_axes *axes, const struct throughput_limits *limits);

#endif
