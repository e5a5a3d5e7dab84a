/* resolve_power.h - what a pool's boards draw and may draw: the keys of `power`, the scenario's and then the pool's own. Inner header of
 * scenarios/. */
#ifndef TOKENMILL_SCENARIOS_RESOLVE_POWER_H
#define TOKENMILL_SCENARIOS_RESOLVE_POWER_H

#include "models/power.h"
#include "models/roofline.h"
#include "scenarios/resolve.h"

/* Watts of the GPU's row that the scenario replaces. */
void resolve_power_watts(struct resolver *resolver, const struct view *pool, struct gpu *gpu);

/* Shares of the GPU's architecture, or the scenario's. */
struct power_shares resolve_power_shares(struct resolver *resolver, const struct view *pool, const struct gpu *gpu);

/* Sets clock and limit of a step. Rule "power-limit" where the limit leaves nothing above idle or is above TDP, or where steps take what they are
 * said to, whatever the clock (`step` NULL). */
bool resolve_power_limit(struct resolver *resolver, const struct view *pool, const struct gpu *gpu,
                         struct roofline_step *step);

/* The clocks of prefill and of decoding: those asked for, or what the limit leaves. */
struct phase_clocks resolve_power_clocks(struct resolver *resolver, const struct view *pool,
                                         const struct limited_step *step);

/* Watts of idle GPUs and of their limit, and what of them is assumed. `has_model`: energy is known at all. */
void resolve_power_facts(struct resolver *resolver, const struct view *pool, const struct gpu *gpu, bool has_model,
                         struct pool_facts *facts);

#endif
