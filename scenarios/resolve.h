/* resolve.h - one point's tree, made into what the engine and the ledger take; inner header of scenarios/.
 *
 * A resolver walks the tree once. A part whose values are not usable (schema_check has said why) is skipped, everything else
 * is checked, so that all mistakes come out at once. */
#ifndef TOKENMILL_SCENARIOS_RESOLVE_H
#define TOKENMILL_SCENARIOS_RESOLVE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/int128.h"
#include "models/profile.h"
#include "models/step_model.h"
#include "scenarios/catalog.h"
#include "scenarios/model_config.h"
#include "scenarios/presets.h"
#include "scenarios/resolved.h"
#include "scenarios/schema.h"
#include "scenarios/trace.h"

/* Traces that were scanned while the scenario was read, by what of the scenario they depend on. Grows while the scenario is read;
 * looked at only afterwards, so that threads may share it. */
struct trace_cache_entry {
    const char *key;
    bool is_ok;
    struct trace_stats stats; /* at rate_scale 1 */
};

struct trace_cache {
    struct arena *arena;               /* borrowed */
    struct trace_cache_entry *entries; // owned
    size_t count;
};

/* The config.json files that `model:` names, likewise. By path as opened. */
struct model_cache {
    struct arena *arena;           /* borrowed */
    struct model_config **configs; // owned; what they point to is in the arena
    size_t count;
};

/* What all points share. */
struct resolve_context {
    const struct catalog *catalog;
    const struct presets *presets;
    const struct profile *profile; /* the shipped one */
    struct trace_cache *traces;
    struct model_cache *models;
    bool has_seed; /* of the command line */
    uint64_t seed;
    enum engine_kind engine;
};

/* Delays of a pool that its workloads carry. */
struct pool_delays {
    i128 base, per_input_token, quantum;
};

struct resolver {
    const struct resolve_context *context;
    struct arena *arena;
    struct diags *diags;
    struct view root;
    bool all_usable; /* the whole tree has passed schema_check */
    struct resolved_point *point;
    struct pool_config *pools;         /* point->sim.pools */
    struct workload_config *workloads; /* point->sim.workloads */
    struct pool_delays *delays;        /* by pool */
    const char **trace_keys;           /* by workload; NULL: no trace */
    struct step_model **step_models;   /* by pool; NULL: none was made */
    size_t assumption_room;
};

/* The point of `tree`, which lives in `arena`; takes the arena over. `is_checked`: the tree has passed schema_check without any
 * error. NULL with diagnostics; `diags` then keeps the arena, since they may point into it. */
struct resolved_point *resolve_tree(const struct resolve_context *context, struct arena *arena, const struct node *tree,
                                    bool is_checked, struct diags *diags);

/* Adds to point->assumptions. */
void resolver_assume(struct resolver *resolver, const char *path, const char *text);

/* Have the values of this part passed schema_check? An absent one has. */
bool resolver_part_usable(struct resolver *resolver, const struct view *view);

/* The parts. Each fills its place in the point, or adds diagnostics. */
bool resolve_pool(struct resolver *resolver, const struct view *view, size_t index);
/* Of a pool that is not usable: what can be said of its GPU, model and prices all the same. */
void resolve_pool_names(struct resolver *resolver, const struct view *view, size_t index);
/* resolve_batching.c. Rules "kv-admission", "token-budget". */
bool resolve_batching(struct resolver *resolver, const struct view *pool, struct batching_config *batching);

/* What makes the drafts of speculative decoding and takes time for it. */
struct draft_model {
    bool exists;
    bool shares_head; /* embedding and LM head are the target's */
    struct llm llm;
    enum precision precision;
};

/* resolve_speculative.c, after the pool's batching. `target` NULL: step times are given. Rules "speculative", "token-budget", "key-conflict",
 * "missing-key", "key-not-used". */
bool resolve_speculative(struct resolver *resolver, const struct view *pool, const struct llm *target,
                         enum precision precision, struct pool_config *config, struct draft_model *draft);

/* A pass of it on the target's GPUs, by the same kind of step times (`profile` NULL: roofline). Owned; NULL with diagnostics. */
struct step_model *resolve_draft_step(struct resolver *resolver, const struct draft_model *draft,
                                      const struct roofline_step *target, const struct profile_step *profile,
                                      struct position at);

/* resolve_language.c: keys that say nothing of a pool that makes images (`image`) or answers with vectors (`llm` embeds); either may be NULL.
 * Rule "key-not-used". */
bool resolve_language_keys(struct resolver *resolver, const struct view *pool, const struct vision_model *image,
                           const struct llm *llm);

bool resolve_workload(struct resolver *resolver, const struct view *view, size_t index);
bool resolve_lengths(struct resolver *resolver, const struct view *workload, const char *key, bool has_trace,
                     struct length_spec *spec);
bool resolve_arrivals(struct resolver *resolver, const struct view *workload, size_t index);
bool resolve_pool_cost(struct resolver *resolver, const struct view *pool, const struct gpu *gpu, size_t index);
bool resolve_fleet_cost(struct resolver *resolver);

/* The cost block of a pool: its own laid on the top one. */
struct view resolve_cost_view(struct resolver *resolver, const struct view *pool);

/* Whole units of a time in seconds. */
static inline i128 units_of_s(double seconds) {
    return (i128)nearbyint(seconds * UNIT_PER_S);
}

#endif
