#include "scenarios/resolve_power.h"

#include <math.h>

#include "models/priors.h"

/* A key of `power`; false if neither block has it. */
static bool read(struct resolver *resolver, const struct view *pool, const char *key, double *value,
                 struct position *at) {
    struct view top = view_block(resolver->arena, &resolver->root, "power");
    struct view own = view_block(resolver->arena, pool, "power");
    const struct view *view = view_has(&own, key) ? &own : &top;
    if (!view_has(view, key)) {
        return false;
    }
    *value = view_number(view, key);
    if (at != NULL) {
        *at = view_at(view, key);
    }
    return true;
}

void resolve_power_watts(struct resolver *resolver, const struct view *pool, struct gpu *gpu) {
    read(resolver, pool, "idle_w", &gpu->idle_w, NULL);
    read(resolver, pool, "idle_ctx_add_w", &gpu->idle_ctx_add_w, NULL);
    read(resolver, pool, "tdp_w", &gpu->tdp_w, NULL);
}

struct power_shares resolve_power_shares(struct resolver *resolver, const struct view *pool, const struct gpu *gpu) {
    const struct architecture_power *row = catalog_power(resolver->context->catalog, gpu);
    struct power_shares shares = {PRIOR_POWER_ACTIVE, PRIOR_POWER_COMPUTE, PRIOR_POWER_MEMORY};
    if (row != NULL) {
        shares = (struct power_shares){row->active_ratio, row->compute_ratio, row->memory_ratio};
    }
    bool is_given = read(resolver, pool, "active_ratio", &shares.active_ratio, NULL);
    is_given = read(resolver, pool, "compute_ratio", &shares.compute_ratio, NULL) && is_given;
    is_given = read(resolver, pool, "memory_ratio", &shares.memory_ratio, NULL) && is_given;
    if (row == NULL && !is_given && !isnan(gpu->tdp_w)) {
        resolver_assume(resolver, view_path(resolver->arena, pool, "power"),
                        "shares of TDP as of other architectures: no measurements of this one");
    }
    return shares;
}

static bool limit_check(struct resolver *resolver, const struct view *pool, const struct gpu *gpu, double limit_w,
                        struct position at) {
    const double idle_w = gpu_idle_context_w(gpu, NULL);
    if (limit_w > idle_w && limit_w <= gpu->tdp_w) {
        return true;
    }
    return diag_error(resolver->diags, at, "power-limit",
                      "%s = %g W is outside what a board of %s draws: above %g W with a model loaded, at most %g W",
                      view_path(resolver->arena, pool, "power.power_limit_w"), limit_w, gpu->name, idle_w, gpu->tdp_w);
}

bool resolve_power_limit(struct resolver *resolver, const struct view *pool, const struct gpu *gpu,
                         struct roofline_step *step) {
    double limit_w = 0, clock_ratio = 1;
    struct position limit_at = {0}, clock_at = {0};
    const bool has_limit = read(resolver, pool, "power_limit_w", &limit_w, &limit_at);
    const bool has_clock = read(resolver, pool, "sm_clock_ratio", &clock_ratio, &clock_at);
    if (step == NULL) {
        return (!has_limit && !has_clock) ||
               diag_error(resolver->diags, has_limit ? limit_at : clock_at, "power-limit",
                          "%s needs step times that know the clock: a language model, and `profile` or `roofline`",
                          view_path(resolver->arena, pool, has_limit ? "power.power_limit_w" : "power.sm_clock_ratio"));
    }
    step->clock_ratio = clock_ratio;
    step->clocks = (struct phase_clocks){clock_ratio, clock_ratio};
    step->power_limit_w = has_limit && limit_w < gpu->tdp_w ? limit_w : 0;
    return !has_limit || limit_check(resolver, pool, gpu, limit_w, limit_at);
}

struct phase_clocks resolve_power_clocks(struct resolver *resolver, const struct view *pool,
                                         const struct limited_step *step) {
    if (!(step->roofline->power_limit_w > 0)) {
        return step->roofline->clocks;
    }
    const struct phase_clocks clocks = power_clocks_within(step);
    const double percent = 100;
    resolver_assume(resolver, view_path(resolver->arena, pool, "power.power_limit_w"),
                    arena_format(resolver->arena, "SM clock at %.0f %% in steps with prefill, %.0f %% in others",
                                 percent * clocks.prefill_ratio, percent * clocks.decode_ratio));
    return clocks;
}

void resolve_power_facts(struct resolver *resolver, const struct view *pool, const struct gpu *gpu, bool has_model,
                         struct pool_facts *facts) {
    facts->power_known = has_model && !isnan(gpu->tdp_w);
    if (!facts->power_known) {
        return;
    }
    bool idle_assumed = false;
    facts->idle_w = gpu_idle_w(gpu, &idle_assumed);
    facts->idle_context_w = gpu_idle_context_w(gpu, NULL);
    facts->tdp_w = gpu->tdp_w;
    read(resolver, pool, "power_limit_w", &facts->tdp_w, NULL);
    if (idle_assumed) {
        resolver_assume(
            resolver, view_path(resolver->arena, pool, "power.idle_w"),
            arena_format(resolver->arena, "%.0f W (10 %% of TDP; the row of %s is blank)", facts->idle_w, gpu->name));
    }
    if (isnan(gpu->idle_ctx_add_w)) {
        resolver_assume(resolver, view_path(resolver->arena, pool, "power.idle_ctx_add_w"),
                        arena_format(resolver->arena, "%.0f W (5.5 %% of TDP; the row of %s is blank)",
                                     facts->idle_context_w - facts->idle_w, gpu->name));
    }
}
