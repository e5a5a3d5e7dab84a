#include "scenarios/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/quantity.h"
#include "scenarios/scenario.h"
#include "sim/clock.h"
#include "sim/timeline.h"

/* A point and what it hangs off. */
struct point_box {
    struct resolved_point point;     /* first: what callers hold */
    struct arena *arena;             // owned
    struct step_model **step_models; // each owned
};

void resolver_assume(struct resolver *resolver, const char *path, const char *text) {
    struct resolved_point *point = resolver->point;
    for (size_t i = 0; i < point->assumption_count; i++) {
        if (strcmp(point->assumptions[i].path, path) == 0 && strcmp(point->assumptions[i].text, text) == 0) {
            return;
        }
    }
    if (point->assumption_count == resolver->assumption_room) {
        resolver->assumption_room = 2 * resolver->assumption_room + 16;
        struct assumption *larger = arena_alloc(resolver->arena, resolver->assumption_room, sizeof(struct assumption));
        for (size_t i = 0; i < point->assumption_count; i++) {
            larger[i] = point->assumptions[i];
        }
        point->assumptions = larger;
    }
    point->assumptions[point->assumption_count++] = (struct assumption){.path = path, .text = text};
}

bool resolver_part_usable(struct resolver *resolver, const struct view *view) {
    return resolver->all_usable || view->map == NULL || schema_usable(resolver->arena, view->map, view->block);
}

/* --- the top --- */

static bool resolve_window(struct resolver *resolver) {
    const struct view *root = &resolver->root;
    struct sim_config *sim = &resolver->point->sim;
    bool has_duration = view_has(root, "duration");
    double duration_s = view_number(root, "duration");
    double warmup_s = view_number(root, "warmup");
    sim->max_requests = view_integer(root, "requests");
    sim->end_key = has_duration ? key_of_s(duration_s) : KEY_NEVER;
    sim->warmup_key = key_of_s(warmup_s);
    if (has_duration && warmup_s >= duration_s) {
        return diag_error(resolver->diags, view_at(root, "warmup"), "warmup-window",
                          "warmup = %gs leaves nothing of duration = %gs", warmup_s, duration_s);
    }
    return true;
}

/* A time series of so many intervals that a run can have. */
static bool resolve_series(struct resolver *resolver) {
    const struct view series = view_block(resolver->arena, &resolver->root, "series");
    struct sim_config *sim = &resolver->point->sim;
    if (!view_has(&resolver->root, "series") || !resolver_part_usable(resolver, &series)) {
        return true;
    }
    const double interval_s = view_number(&series, "interval");
    resolver->point->series_is_asked = true;
    sim->series_interval_keys = key_of_s(interval_s);
    sim->series_at = view_at(&series, "interval");
    if (sim->end_key == KEY_NEVER || sim->end_key / sim->series_interval_keys < TIMELINE_INTERVALS_MAX) {
        return true;
    }
    const double duration_s = key_to_s(sim->end_key);
    return diag_error(
        resolver->diags, sim->series_at, "series-length",
        "intervals of %gs are %.0f over duration = %gs; a series has %d at most: give it interval: %.0fs or more",
        interval_s, ceil(duration_s / interval_s), duration_s, TIMELINE_INTERVALS_MAX,
        ceil(duration_s / (TIMELINE_INTERVALS_MAX - 2)));
}

/* Neither duration nor requests: every workload must be a trace, which ends by itself. */
static bool check_end(struct resolver *resolver) {
    const struct view *root = &resolver->root;
    if (view_has(root, "duration") || view_has(root, "requests")) {
        return true;
    }
    for (size_t i = 0; i < view_entry_count(root, "workload"); i++) {
        struct view workload = view_entry(resolver->arena, root, "workload", i);
        struct view arrivals = workload.map == NULL ? workload : view_block(resolver->arena, &workload, "arrivals");
        const struct node_entry *process = node_find(arrivals.map, "process");
        if (process != NULL && strcmp(process->value->text, "trace") != 0) {
            return diag_error(resolver->diags, arrivals.at, "no-end",
                              "%s never ends: give the scenario a `duration: 7d`, or `requests: N`", workload.path);
        }
    }
    return true;
}

/* `start` shifts daily and weekly profiles, and nothing else. */
static bool check_start(struct resolver *resolver) {
    const struct view *root = &resolver->root;
    if (!view_has(root, "start")) {
        return true;
    }
    for (size_t i = 0; i < view_entry_count(root, "workload"); i++) {
        struct view workload = view_entry(resolver->arena, root, "workload", i);
        const struct node_entry *arrivals = node_find(workload.map, "arrivals");
        const struct node_entry *process = arrivals == NULL ? NULL : node_find(arrivals->value, "process");
        if (process != NULL && strcmp(process->value->text, "diurnal") == 0) {
            return true;
        }
    }
    return diag_error(resolver->diags, view_at(root, "start"), "key-not-used",
                      "start has a use only with a workload whose process is diurnal");
}

static void resolve_routing(struct resolver *resolver) {
    struct view routing = view_block(resolver->arena, &resolver->root, "routing");
    const struct field *policies = block_field(routing.block, span_of("policy"));
    size_t index = words_find(policies->words, span_of(view_text(&routing, "policy")));
    resolver->point->sim.routing = index == SIZE_MAX ? ROUTING_ROUND_ROBIN : (enum routing_policy)index;
}

/* --- entries --- */

static bool resolve_entries(struct resolver *resolver) {
    size_t pool_count = resolver->point->sim.pool_count;
    size_t workload_count = resolver->point->sim.workload_count;
    bool is_ok = true;
    struct view cost = view_block(resolver->arena, &resolver->root, "cost");
    bool has_cost = resolver_part_usable(resolver, &cost);
    for (size_t i = 0; i < pool_count; i++) {
        struct view view = view_entry(resolver->arena, &resolver->root, "fleet", i);
        if (view.map != NULL && has_cost && resolver_part_usable(resolver, &view)) {
            is_ok = resolve_pool(resolver, &view, i) && is_ok;
        } else if (view.map != NULL) {
            resolve_pool_names(resolver, &view, i);
            is_ok = false;
        }
    }
    for (size_t i = 0; i < workload_count; i++) {
        struct view view = view_entry(resolver->arena, &resolver->root, "workload", i);
        is_ok = view.map != NULL && resolve_workload(resolver, &view, i) && is_ok;
    }
    return is_ok;
}

static bool goes_to(const struct workload_config *workload, size_t pool) {
    for (size_t i = 0; i < workload->pool_count; i++) {
        if (workload->pools[i] == pool) {
            return true;
        }
    }
    return false;
}

static void warn_unserved(struct resolver *resolver) {
    const struct sim_config *sim = &resolver->point->sim;
    for (size_t p = 0; p < sim->pool_count; p++) {
        bool is_served = false;
        for (size_t w = 0; w < sim->workload_count; w++) {
            is_served = is_served || goes_to(&sim->workloads[w], p);
        }
        if (!is_served) {
            struct view view = view_entry(resolver->arena, &resolver->root, "fleet", p);
            diag_warning(resolver->diags, view.at, "unused-pool", "no workload goes to pool '%s'; it is paid and idle",
                         sim->pools[p].name);
        }
    }
}

/* --- capacity hashes --- */

static uint64_t hash_text(uint64_t hash, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return (hash ^ 0xff) * 0x100000001b3u;
}

static uint64_t hash_node(uint64_t hash, const struct node *node) {
    if (node == NULL) {
        return hash_text(hash, "-");
    }
    char *text = node_to_yaml(node);
    hash = hash_text(hash, text);
    free(text);
    return hash;
}

/* Workload `index` as a part of a mix: its lengths and its share. */
static uint64_t hash_workload(struct resolver *resolver, uint64_t hash, size_t index, double share) {
    struct view workload = view_entry(resolver->arena, &resolver->root, "workload", index);
    const char *trace_key = resolver->trace_keys[index];
    char text[40];
    text_from_double_digits(share, 12, text, sizeof(text));
    hash = hash_text(hash, resolver->workloads[index].name);
    hash = hash_node(hash, view_node(&workload, "input_tokens"));
    hash = hash_node(hash, view_node(&workload, "output_tokens"));
    hash = hash_node(hash, view_node(&workload, "denoising_steps"));
    hash = hash_text(hash, trace_key == NULL ? "" : trace_key);
    return hash_text(hash, text);
}

/* What a capacity run of pool `pool` depends on: the pool without replicas and prices, and its mix. */
static uint64_t capacity_hash(struct resolver *resolver, size_t pool) {
    static const char *const apart[] = {"replicas", "cost", "power"};
    const struct sim_config *sim = &resolver->point->sim;
    struct view view = view_entry(resolver->arena, &resolver->root, "fleet", pool);
    const struct node *node = view.map;
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
        node = node_without(resolver->arena, node, apart[i]);
    }
    uint64_t hash = hash_node(0xcbf29ce484222325u, node);
    hash = hash_text(hash, arena_format(resolver->arena, "%llu", (unsigned long long)sim->seed));
    double total = 0;
    for (size_t w = 0; w < sim->workload_count; w++) {
        total += goes_to(&sim->workloads[w], pool) ? sim->workloads[w].arrivals.mean_rate_per_s : 0;
    }
    for (size_t w = 0; w < sim->workload_count; w++) {
        if (goes_to(&sim->workloads[w], pool)) {
            double rate = sim->workloads[w].arrivals.mean_rate_per_s;
            hash = hash_workload(resolver, hash, w, total > 0 ? rate / total : 0);
        }
    }
    return hash;
}

/* --- all of it --- */

static void free_step_models(struct point_box *box) {
    for (size_t i = 0; i < box->point.sim.pool_count; i++) {
        step_model_free(box->step_models[i]);
    }
}

void resolved_point_free(struct resolved_point *point) {
    if (point != NULL) {
        struct point_box *box = (struct point_box *)point;
        free_step_models(box);
        arena_free(box->arena);
    }
}

static void release_arena(void *arena) {
    arena_free(arena);
}

static const char *entry_name(struct resolver *resolver, const char *key, size_t index) {
    struct view view = view_entry(resolver->arena, &resolver->root, key, index);
    const struct node_entry *name = node_find(view.map, "name");
    return name == NULL ? "" : name->value->text;
}

/* Room for everything, names filled in, nothing resolved. */
static void make_room(struct resolver *resolver, struct point_box *box) {
    struct resolved_point *point = &box->point;
    size_t pools = view_entry_count(&resolver->root, "fleet");
    size_t workloads = view_entry_count(&resolver->root, "workload");
    resolver->pools = arena_alloc(box->arena, pools + 1, sizeof(struct pool_config));
    resolver->workloads = arena_alloc(box->arena, workloads + 1, sizeof(struct workload_config));
    resolver->delays = arena_alloc(box->arena, pools + 1, sizeof(struct pool_delays));
    resolver->trace_keys = arena_alloc(box->arena, workloads + 1, sizeof(char *));
    resolver->step_models = arena_alloc(box->arena, pools + 1, sizeof(struct step_model *));
    box->step_models = resolver->step_models;
    point->pools = arena_alloc(box->arena, pools + 1, sizeof(struct pool_facts));
    point->costs = arena_alloc(box->arena, pools + 1, sizeof(struct cost_terms));
    point->workloads = arena_alloc(box->arena, workloads + 1, sizeof(struct workload_facts));
    point->capacity_hash = arena_alloc(box->arena, pools + 1, sizeof(uint64_t));
    point->sim.pools = resolver->pools;
    point->sim.pool_count = pools;
    point->sim.workloads = resolver->workloads;
    point->sim.workload_count = workloads;
    for (size_t i = 0; i < pools; i++) {
        resolver->pools[i].name = entry_name(resolver, "fleet", i);
        point->pools[i].name = resolver->pools[i].name;
        point->pools[i].gpu = "";
    }
}

static void resolve_all(struct resolver *resolver) {
    struct resolved_point *point = resolver->point;
    const struct resolve_context *context = resolver->context;
    point->sim.seed = context->has_seed ? context->seed : (uint64_t)view_integer(&resolver->root, "seed");
    point->sim.engine = context->engine;
    resolve_routing(resolver);
    (void)check_end(resolver);
    (void)check_start(resolver);
    bool is_ok = resolve_window(resolver);
    is_ok = resolve_series(resolver) && is_ok;
    is_ok = resolve_entries(resolver) && is_ok;
    if (resolver->all_usable) {
        is_ok = resolve_fleet_cost(resolver) && is_ok;
    }
    if (!is_ok || diags_error_count(resolver->diags) > 0) {
        return;
    }
    warn_unserved(resolver);
    for (size_t i = 0; i < point->sim.pool_count; i++) {
        point->capacity_hash[i] = capacity_hash(resolver, i);
    }
}

struct resolved_point *resolve_tree(const struct resolve_context *context, struct arena *arena, const struct node *tree,
                                    bool is_checked, struct diags *diags) {
    struct point_box *box = arena_alloc(arena, 1, sizeof(struct point_box));
    struct diags *own = diags_new();
    box->arena = arena;
    struct resolver resolver = {.context = context, .arena = arena, .diags = own, .root = view_root(tree)};
    resolver.all_usable = is_checked;
    resolver.point = &box->point;
    make_room(&resolver, box);
    resolve_all(&resolver);
    bool is_ok = is_checked && diags_error_count(own) == 0;
    diags_append_new(diags, own);
    diags_free(own);
    if (!is_ok) {
        free_step_models(box);
        diags_keep(diags, arena, release_arena);
        return NULL;
    }
    return &box->point;
}
