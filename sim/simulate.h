/* simulate.h - one run of one configuration, and the capacity of a pool. Pure functions of their configuration: no
 * globals, no clock, no I/O but what an arrival source reads; any number may run side by side. */
#ifndef TOKENMILL_SIM_SIMULATE_H
#define TOKENMILL_SIM_SIMULATE_H

#include "base/diag.h"
#include "sim/config.h"
#include "sim/observer.h"
#include "sim/outcome.h"

/* Plays the configuration through with its engine. `observer` may be NULL. True: `*outcome` is set (release
 * it). False: a source failed, diagnostics added. */
bool simulate(const struct sim_config *config, const struct observer *observer, struct sim_outcome *outcome,
              struct diags *diags);

/* Tokens per second that one replica of pool `pool` sustains when work never runs out (docs/semantics.md section 7).
 * NaN if no request of the mix can be served. False with diagnostics if a trace cannot be read. */
bool simulate_capacity(const struct sim_config *config, uint32_t pool, double *token_per_s, struct diags *diags);

#endif
