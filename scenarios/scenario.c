#include "scenarios/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "scenarios/engine_defaults.h"
#include "scenarios/layers.h"
#include "scenarios/resolve.h"
#include "scenarios/schema.h"
#include "scenarios/step_profile.h"
#include "scenarios/sweep.h"
#include "sim/clock.h"

struct scenario {
    struct arena *arena; // owned
    const char *path;
    const struct diag_source *source;
    const struct node *root; /* merged, canonical, without the sweep */
    struct sweep sweep;
    size_t skipped_count;          /* points of a sweep that was left out */
    struct catalog *catalog;       // owned
    struct presets *presets;       // owned
    const struct profile *profile; /* in the arena */
    struct trace_cache traces;
    struct model_cache models;
    const char *hashes; /* of catalogues and model files */
    struct resolve_context context;
    char *resolved_text; // owned
};

void scenario_free(struct scenario *scenario) {
    if (scenario == NULL) {
        return;
    }
    free(scenario->traces.entries);
    free(scenario->models.configs);
    free(scenario->resolved_text);
    presets_free(scenario->presets);
    catalog_free(scenario->catalog);
    arena_free(scenario->arena);
    free(scenario);
}

static void release_scenario(void *scenario) {
    scenario_free(scenario);
}

/* --- checks over the whole sweep --- */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_price_path(const char *path) {
    return ends_with(path, ".gpu_usd_per_hour") || ends_with(path, ".gpu_price_usd") ||
           ends_with(path, ".system_usd_per_gpu") || strstr(path, "gpu_usd_per_hour.") != NULL;
}

/* Of coordinate `c` of axis `a`: the first number among its prices for the GPU at `gpu_path`; NULL: none. */
static const struct node *swept_price(const struct sweep *sweep, size_t a, size_t c, const char *gpu_path) {
    const struct sweep_axis *axis = &sweep->axes[a];
    const char *path = axis->coordinates[c].path;
    const size_t pool_size = strlen(gpu_path) - strlen("gpu"); /* "fleet.main." */
    bool is_meant = strncmp(path, "cost.", 5) == 0 || strncmp(path, "fleet.*.", 8) == 0 ||
                    strncmp(gpu_path, "fleet.*.", 8) == 0 || strncmp(path, gpu_path, pool_size) == 0;
    bool is_one_for_all = is_price_path(path) && strstr(path, "_usd_per_hour.") == NULL;
    for (size_t i = 0; is_meant && is_one_for_all && i < axis->count; i++) {
        const struct node *value = sweep->values[a][c * axis->count + i];
        if (strcmp(value->text, "catalogue") != 0) {
            return value;
        }
    }
    return NULL;
}

/* An axis beside `gpu_axis` that gives all its GPUs one price at a time. */
static bool check_crossed_price(const struct sweep *sweep, size_t gpu_axis, const char *gpu_path, struct diags *diags) {
    for (size_t a = 0; a < sweep->axis_count; a++) {
        for (size_t c = 0; a != gpu_axis && c < sweep->axes[a].coordinate_count; c++) {
            const struct node *price = swept_price(sweep, a, c, gpu_path);
            if (price != NULL) {
                return diag_error(diags, price->at, "gpu-sweep-price",
                                  "%s is swept beside %s, so that all GPUs have one price; zip the two, or write "
                                  "`catalogue` or a map by GPU",
                                  sweep->axes[a].coordinates[c].path, gpu_path);
            }
        }
    }
    return true;
}

static bool axis_moves_price(const struct sweep_axis *axis) {
    for (size_t i = 0; i < axis->coordinate_count; i++) {
        if (is_price_path(axis->coordinates[i].path)) {
            return true;
        }
    }
    return false;
}

/* The scalar price among the keys of a cost block; NULL: none. */
static const struct node_entry *scalar_price(const struct node *cost) {
    static const char *const keys[] = {"gpu_usd_per_hour", "gpu_price_usd", "system_usd_per_gpu"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct node_entry *entry = node_find(cost, keys[i]);
        if (entry != NULL && entry->value->kind == NODE_SCALAR && strcmp(entry->value->text, "catalogue") != 0) {
            return entry;
        }
    }
    return NULL;
}

static const struct node_entry *pool_price(const struct node *root, const char *path) {
    const struct node_entry *top = node_find(root, "cost");
    const struct node_entry *fleet = node_find(root, "fleet");
    const struct node_entry *price = top == NULL ? NULL : scalar_price(top->value);
    for (size_t i = 0; fleet != NULL && fleet->value->kind == NODE_LIST && i < fleet->value->count; i++) {
        const struct node *pool = fleet->value->items[i];
        const struct node_entry *name = node_find(pool, "name");
        const struct node_entry *cost = node_find(pool, "cost");
        size_t size = name == NULL ? 0 : strlen(name->value->text);
        bool is_meant = strncmp(path, "fleet.*.", 8) == 0 ||
                        (name != NULL && strncmp(path + 6, name->value->text, size) == 0 && path[6 + size] == '.');
        if (is_meant && cost != NULL && scalar_price(cost->value) != NULL) {
            price = scalar_price(cost->value);
        }
    }
    return price;
}

/* Sweeping the GPU under one price would compare nothing. */
static bool check_gpu_prices(const struct scenario *scenario, struct diags *diags) {
    bool is_ok = true;
    for (size_t a = 0; a < scenario->sweep.axis_count; a++) {
        const struct sweep_axis *axis = &scenario->sweep.axes[a];
        for (size_t i = 0; i < axis->coordinate_count; i++) {
            const char *path = axis->coordinates[i].path;
            bool is_gpu = strncmp(path, "fleet.", 6) == 0 && ends_with(path, ".gpu");
            const struct node_entry *price = is_gpu ? pool_price(scenario->root, path) : NULL;
            bool is_alone = is_gpu && axis->count > 1 && !axis_moves_price(axis);
            if (is_alone && price == NULL) {
                is_ok = check_crossed_price(&scenario->sweep, a, path, diags) && is_ok;
            } else if (is_alone) {
                is_ok = diag_error(diags, price->value->at, "gpu-sweep-price",
                                   "the sweep of %s has one price, %s = %s, for all GPUs; write `catalogue`, a map by "
                                   "GPU, or zip the price with the GPU",
                                   path, price->key, price->value->text);
            }
        }
    }
    return is_ok;
}

enum { ERRORS_ENOUGH = 100, BAD_POINTS_ENOUGH = 200, VALUES_ENOUGH = 200, PATH_SIZE = 512 };

/* A point, checked all the way; NULL with diagnostics. */
static struct resolved_point *point_make(const struct scenario *scenario, size_t point, bool is_checked,
                                         struct diags *diags) {
    struct arena *arena = arena_new();
    const struct node *tree = sweep_point_tree(arena, &scenario->sweep, scenario->root, point, diags);
    if (tree == NULL) {
        arena_free(arena);
        return NULL;
    }
    tree = engine_defaults_apply(arena, scenario->catalog, tree);
    bool is_ok = is_checked || schema_check(arena, tree, diags);
    return resolve_tree(&scenario->context, arena, tree, is_ok, diags);
}

/* Intervals x pools that a sweep's file may have of each number of its time series; a gigabyte or so in memory while it is written. */
enum { SERIES_CELLS_MAX = 5000000 };

/* What of a sweep's points has been looked at. */
struct checked {
    size_t bad;
    double series_cells;
};

/* Many points with long series each: what would be kept of them all. Of a run without a `duration` only the engine knows. */
static bool check_series_room(const struct resolved_point *point, struct checked *checked, struct diags *diags) {
    const struct sim_config *sim = &point->sim;
    if (sim->series_interval_keys == 0 || sim->end_key == KEY_NEVER) {
        return true;
    }
    const double before = checked->series_cells;
    checked->series_cells += (double)sim->end_key / (double)sim->series_interval_keys * (double)sim->pool_count;
    if (before > SERIES_CELLS_MAX || checked->series_cells <= SERIES_CELLS_MAX) {
        return true;
    }
    return diag_error(
        diags, sim->series_at, "series-length",
        "the points' time series have more than %d intervals together (x pools); give them a longer interval",
        SERIES_CELLS_MAX);
}

/* False if there have been enough mistakes. */
static bool check_point(const struct scenario *scenario, size_t index, struct checked *checked, struct diags *diags) {
    struct diags *own = diags_new();
    struct resolved_point *point = point_make(scenario, index, false, own);
    checked->bad += point == NULL || !check_series_room(point, checked, own);
    resolved_point_free(point);
    diags_append_new(diags, own);
    diags_free(own);
    return diags_error_count(diags) < ERRORS_ENOUGH && checked->bad < BAD_POINTS_ENOUGH;
}

/* Every mistake once, whatever number of points has it. */
static bool check_points(const struct scenario *scenario, struct diags *diags) {
    struct checked checked = {0};
    for (size_t i = 0; i < scenario->sweep.point_count; i++) {
        if (!check_point(scenario, i, &checked, diags)) {
            break;
        }
    }
    return checked.bad == 0;
}

/* Of a sweep that is wrong itself: each value of its good axes once, beside the first of the others. */
static void check_values(const struct scenario *scenario, struct diags *diags) {
    const struct sweep *sweep = &scenario->sweep;
    struct checked checked = {0};
    size_t stride = sweep->point_count;
    bool goes_on = check_point(scenario, 0, &checked, diags);
    for (size_t a = 0; a < sweep->axis_count; a++) {
        stride /= sweep->axes[a].count;
        for (size_t i = 1; goes_on && i < sweep->axes[a].count && i < VALUES_ENOUGH; i++) {
            goes_on = check_point(scenario, i * stride, &checked, diags);
        }
    }
}

/* --- reading --- */

static bool read_catalogues(struct scenario *scenario, const struct scenario_options *options, struct diags *diags) {
    scenario->catalog = catalog_new();
    const char *dir = options->catalog_dir;
    if (!catalog_read(scenario->catalog, dir, diags)) {
        return false;
    }
    scenario->presets = presets_new(dir, diags);
    scenario->profile = options->profile != NULL ? options->profile : step_profile_shipped(dir, scenario->arena, diags);
    return scenario->presets != NULL && scenario->profile != NULL;
}

static const char *hashes_of(const struct scenario *scenario) {
    const char *hashes = catalog_hashes(scenario->catalog);
    for (size_t i = 0; i < scenario->models.count; i++) {
        const struct model_config *config = scenario->models.configs[i];
        hashes = arena_format(scenario->arena, "%s, %s 0x%016" PRIx64, hashes, config->name, config->hash);
    }
    return hashes;
}

/* `text` NULL: the file at scenario->path. */
static bool read_all(struct scenario *scenario, const char *text, const struct scenario_options *options,
                     struct diags *diags) {
    size_t errors_before = diags_error_count(diags);
    const struct node *whole =
        text == NULL
            ? layers_read(scenario->arena, scenario->path, options->sets, options->set_count, &scenario->source, diags)
            : layers_read_text(scenario->arena, scenario->path, text, &scenario->source, diags);
    if (whole == NULL || !read_catalogues(scenario, options, diags)) {
        return false;
    }
    const struct node_entry *sweep = node_find(whole, "sweep");
    scenario->root = node_without(scenario->arena, whole, "sweep");
    scenario->context = (struct resolve_context){.catalog = scenario->catalog,
                                                 .presets = scenario->presets,
                                                 .profile = scenario->profile,
                                                 .traces = &scenario->traces,
                                                 .models = &scenario->models,
                                                 .has_seed = options->has_seed,
                                                 .seed = options->seed,
                                                 .engine = options->engine};
    if (options->has_seed && options->seed > INT64_MAX) {
        diag_error(diags, (struct position){.source = NULL}, "value-range", "seed = %llu is outside 0..%lld",
                   (unsigned long long)options->seed, (long long)INT64_MAX);
    }
    if (!sweep_read(scenario->arena, sweep == NULL ? NULL : sweep->value, scenario->root, &scenario->sweep, diags)) {
        (void)check_gpu_prices(scenario, diags);
        check_values(scenario, diags);
        return false;
    }
    (void)check_gpu_prices(scenario, diags);
    if (!check_points(scenario, diags) || diags_error_count(diags) > errors_before) {
        return false;
    }
    if (options->skip_sweep && sweep != NULL) {
        scenario->skipped_count = scenario->sweep.point_count;
        scenario->sweep = (struct sweep){.point_count = 1};
        if (!check_points(scenario, diags)) {
            return false; /* what the sweep gives is missing without it */
        }
    }
    scenario->hashes = hashes_of(scenario);
    const struct node *with_engines = engine_defaults_apply(scenario->arena, scenario->catalog, whole);
    scenario->resolved_text = node_to_yaml(schema_with_defaults(scenario->arena, with_engines));
    return true;
}

static struct scenario *scenario_make(const char *path, const char *text, const struct scenario_options *options,
                                      struct diags *diags) {
    static const struct scenario_options none = {.sets = NULL};
    struct scenario *scenario = xcalloc(1, sizeof(struct scenario));
    scenario->arena = arena_new();
    scenario->path = arena_text(scenario->arena, path, strlen(path));
    scenario->traces.arena = scenario->arena;
    scenario->models.arena = scenario->arena;
    const char *own_text = text == NULL ? NULL : arena_text(scenario->arena, text, strlen(text));
    if (!read_all(scenario, own_text, options == NULL ? &none : options, diags)) {
        diags_keep(diags, scenario, release_scenario);
        return NULL;
    }
    return scenario;
}

struct scenario *scenario_read(const char *path, const struct scenario_options *options, struct diags *diags) {
    return scenario_make(path, NULL, options, diags);
}

struct scenario *scenario_read_text(const char *name, const char *text, const struct scenario_options *options,
                                    struct diags *diags) {
    return scenario_make(name, text, options, diags);
}

/* --- what others ask --- */

size_t scenario_skipped_count(const struct scenario *scenario) {
    return scenario->skipped_count;
}

const char *scenario_name(const struct scenario *scenario) {
    const struct view root = view_root(scenario->root);
    return view_text(&root, "name");
}

const char *scenario_path(const struct scenario *scenario) {
    return scenario->path;
}

uint64_t scenario_seed(const struct scenario *scenario) {
    const struct view root = view_root(scenario->root);
    return scenario->context.has_seed ? scenario->context.seed : (uint64_t)view_integer(&root, "seed");
}

const char *scenario_text(const struct scenario *scenario) {
    return scenario->source->text;
}

const char *scenario_resolved_text(const struct scenario *scenario) {
    return scenario->resolved_text;
}

const char *scenario_catalog_hashes(const struct scenario *scenario) {
    return scenario->hashes;
}

size_t scenario_axis_count(const struct scenario *scenario) {
    return scenario->sweep.axis_count;
}

size_t scenario_model_count(const struct scenario *scenario) {
    return scenario->models.count;
}

const struct model_config *scenario_model(const struct scenario *scenario, size_t index) {
    CHECK(index < scenario->models.count);
    return scenario->models.configs[index];
}

const struct sweep_axis *scenario_axis(const struct scenario *scenario, size_t axis) {
    CHECK(axis < scenario->sweep.axis_count);
    return &scenario->sweep.axes[axis];
}

size_t scenario_point_count(const struct scenario *scenario) {
    return scenario->sweep.point_count;
}

struct resolved_point *scenario_resolve(const struct scenario *scenario, size_t point) {
    CHECK(point < scenario->sweep.point_count);
    struct diags *diags = diags_new();
    struct resolved_point *resolved = point_make(scenario, point, true, diags);
    CHECK(resolved != NULL);
    diags_free(diags);
    return resolved;
}

struct resolved_point *scenario_vary(const struct scenario *scenario, size_t point, const char *const *sets,
                                     size_t set_count, struct diags *diags) {
    CHECK(point < scenario->sweep.point_count);
    struct arena *arena = arena_new();
    size_t errors_before = diags_error_count(diags);
    const struct node *tree = sweep_point_tree(arena, &scenario->sweep, scenario->root, point, diags);
    CHECK(tree != NULL);
    for (size_t i = 0; i < set_count; i++) {
        tree = layers_set(arena, tree, sets[i], i + 1, diags);
    }
    tree = engine_defaults_apply(arena, scenario->catalog, tree);
    bool is_ok = diags_error_count(diags) == errors_before && schema_check(arena, tree, diags);
    return resolve_tree(&scenario->context, arena, tree, is_ok, diags);
}

const struct catalog *scenario_catalog(const struct scenario *scenario) {
    return scenario->catalog;
}

bool scenario_has_single_price(const struct scenario *scenario, const char *pool) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "fleet.%s.gpu", pool);
    return pool_price(scenario->root, path) != NULL;
}
