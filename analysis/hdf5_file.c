#include "analysis/hdf5_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/atomic_file.h"
#include "analysis/expected.h"
#include "analysis/metrics.h"
#include "analysis/netcdf_writer.h"
#include "analysis/series.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/text.h"

/* Names of workloads, pools or APIs over all points, in order of first appearance: a sweep may change them. */
struct names {
    const char **items; /* in the arena, borrowed texts */
    size_t count;
};

struct layout {
    struct netcdf_writer *writer;
    const struct result_set *set;
    struct arena *arena;
    const char *coordinates; /* CF: coordinate variables beside the dimensions' own; NULL: none */
    struct names entities[METRIC_SCOPE_COUNT];
    size_t entity_dimension[METRIC_SCOPE_COUNT];
    size_t own_dimension[METRIC_DIMENSION_COUNT];
    size_t own_length[METRIC_DIMENSION_COUNT];
    size_t bound_dimension;
};

static const char BOUND_NAME[] = "bound", TIME_NAME[] = "time", SERIES_PREFIX[] = "series_";

/* ---- dimensions ---- */

static bool is_taken(const char *name) {
    for (int scope = METRIC_WORKLOAD; scope < METRIC_SCOPE_COUNT; scope++) {
        if (strcmp(name, metric_scope_name((enum metric_scope)scope)) == 0) {
            return true;
        }
    }
    for (int dimension = METRIC_SCALAR + 1; dimension < METRIC_DIMENSION_COUNT; dimension++) {
        if (strcmp(name, metric_dimension_name((enum metric_dimension)dimension)) == 0) {
            return true;
        }
    }
    return metric_find(name) != NULL || strcmp(name, BOUND_NAME) == 0 || strcmp(name, TIME_NAME) == 0 ||
           strncmp(name, SERIES_PREFIX, sizeof SERIES_PREFIX - 1) == 0;
}

/* The coordinate's name, unless one of ours has it. */
static const char *coordinate_name(struct layout *layout, const struct sweep_coordinate *coordinate) {
    return is_taken(coordinate->name) ? arena_format(layout->arena, "sweep_%s", coordinate->name) : coordinate->name;
}

static const char *or_null(const char *text) {
    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Axis `axis` becomes dimension `axis`: axes are put first. */
static void put_axis(struct layout *layout, size_t axis) {
    const struct sweep_axis *sweep = layout->set->axes[axis];
    for (size_t c = 0; c < sweep->coordinate_count; c++) {
        const struct sweep_coordinate *coordinate = &sweep->coordinates[c];
        const char *name = coordinate_name(layout, coordinate);
        const struct netcdf_attribute attributes[] = {{"units", or_null(coordinate->unit)},
                                                      {"long_name", or_null(coordinate->long_name)},
                                                      {"scenario_path", or_null(coordinate->path)}};
        const size_t count = sizeof attributes / sizeof attributes[0];
        const enum netcdf_type type = coordinate->is_text ? NETCDF_TEXT : NETCDF_REAL;
        const void *values = coordinate->is_text ? (const void *)coordinate->texts : (const void *)coordinate->numbers;
        if (c == 0) {
            CHECK(netcdf_put_dimension(layout->writer, name, sweep->count, type, values, attributes, count) == axis);
            continue;
        }
        const struct netcdf_variable variable = {
            .name = name, .type = type, .dimensions = &axis, .rank = 1, .values = values};
        netcdf_put_variable(layout->writer, &variable, attributes, count);
        layout->coordinates =
            layout->coordinates == NULL ? name : arena_format(layout->arena, "%s %s", layout->coordinates, name);
    }
}

static size_t name_index(const struct names *names, const char *name) {
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i], name) != 0) {
        i++;
    }
    return i;
}

static struct names names_of(struct layout *layout, enum metric_scope scope) {
    const struct result_set *set = layout->set;
    size_t most = 0;
    for (size_t point = 0; point < set->count; point++) {
        most += metric_entity_count(set->results[point], scope);
    }
    struct names names = {.items = arena_alloc(layout->arena, most, sizeof *names.items)};
    for (size_t point = 0; point < set->count; point++) {
        for (size_t i = 0; i < metric_entity_count(set->results[point], scope); i++) {
            const char *name = metric_entity_name(set->results[point], scope, i);
            if (name_index(&names, name) == names.count) {
                names.items[names.count++] = name;
            }
        }
    }
    return names;
}

static size_t put_names(struct layout *layout, const char *name, const char *const *texts, size_t count,
                        const char *long_name) {
    const struct netcdf_attribute attribute = {"long_name", long_name};
    return netcdf_put_dimension(layout->writer, name, count, NETCDF_TEXT, texts, &attribute, 1);
}

static void put_entity_dimensions(struct layout *layout) {
    static const char *const LONG_NAMES[METRIC_SCOPE_COUNT] = {"", "workload of the scenario", "pool of the fleet",
                                                               "API compared with"};
    layout->entities[METRIC_RUN] = (struct names){.count = 1};
    for (int scope = METRIC_WORKLOAD; scope < METRIC_SCOPE_COUNT; scope++) {
        const struct names names = names_of(layout, (enum metric_scope)scope);
        layout->entities[scope] = names;
        if (names.count > 0) {
            layout->entity_dimension[scope] = put_names(layout, metric_scope_name((enum metric_scope)scope),
                                                        names.items, names.count, LONG_NAMES[scope]);
        }
    }
}

static size_t hour_count(const struct result_set *set) {
    size_t count = 0;
    for (size_t point = 0; point < set->count; point++) {
        const size_t hours = set->results[point]->bill.it_kwh_by_hour.count;
        count = hours > count ? hours : count;
    }
    return count;
}

static void put_hours(struct layout *layout) {
    const size_t count = hour_count(layout->set);
    layout->own_length[METRIC_BY_HOUR] = count;
    if (count == 0) {
        return;
    }
    double *hours = arena_alloc(layout->arena, count, sizeof *hours);
    for (size_t i = 0; i < count; i++) {
        hours[i] = (double)i;
    }
    const struct netcdf_attribute attributes[] = {{"units", "h"}, {"long_name", "hour of the run, its beginning"}};
    layout->own_dimension[METRIC_BY_HOUR] = netcdf_put_dimension(layout->writer, metric_dimension_name(METRIC_BY_HOUR),
                                                                 count, NETCDF_REAL, hours, attributes, 2);
}

static void put_own_dimensions(struct layout *layout) {
    static const char *const LONG_NAMES[METRIC_DIMENSION_COUNT] = {
        "", "key of the cost ledger", "why a request was rejected", "why a row of a trace was left out",
        "latency and share of requests"};
    static const char *const BOUNDS[] = {"lower", "upper"};
    for (int dimension = METRIC_SCALAR + 1; dimension < METRIC_BY_HOUR; dimension++) {
        const size_t count = metric_coordinate_count((enum metric_dimension)dimension);
        const char **names = arena_alloc(layout->arena, count, sizeof *names);
        for (size_t i = 0; i < count; i++) {
            names[i] = metric_coordinate((enum metric_dimension)dimension, i);
        }
        layout->own_length[dimension] = count;
        layout->own_dimension[dimension] = put_names(layout, metric_dimension_name((enum metric_dimension)dimension),
                                                     names, count, LONG_NAMES[dimension]);
    }
    put_hours(layout);
    layout->bound_dimension = put_names(layout, BOUND_NAME, BOUNDS, 2, "end of an interval");
}

/* ---- variables ---- */

/* All values of a metric: points x entities x own length. */
struct block {
    const struct metric *metric;
    const struct names *entities;
    size_t length; /* of its own dimension */
    size_t count;
    void *values; // owned
    bool has_missing;
};

static size_t value_size(enum metric_type type) {
    static const size_t SIZES[] = {sizeof(double), sizeof(int64_t), sizeof(int8_t), sizeof(char *)};
    return SIZES[type];
}

static void block_set_missing(struct block *block, size_t at) {
    switch (block->metric->type) {
    case METRIC_REAL: ((double *)block->values)[at] = RESULT_NONE; break;
    case METRIC_INTEGER: ((int64_t *)block->values)[at] = NETCDF_INT64_MISSING; break;
    case METRIC_BOOLEAN: ((int8_t *)block->values)[at] = -1; break;
    default: ((const char **)block->values)[at] = ""; break;
    }
}

static void block_set(struct block *block, size_t at, const struct result *result, size_t entity, size_t index) {
    const struct metric *metric = block->metric;
    switch (metric->type) {
    case METRIC_REAL: ((double *)block->values)[at] = metric_real(metric, result, entity, index); break;
    case METRIC_INTEGER: ((int64_t *)block->values)[at] = metric_integer(metric, result, entity, index); break;
    case METRIC_BOOLEAN: ((int8_t *)block->values)[at] = (int8_t)metric_integer(metric, result, entity, index); break;
    default: ((const char **)block->values)[at] = metric_text(metric, result, entity); break;
    }
}

static void block_set_entity(struct block *block, size_t first, const struct result *result, size_t entity) {
    const size_t own = metric_length(block->metric, result, entity);
    for (size_t i = 0; i < own; i++) {
        block_set(block, first + i, result, entity, i);
    }
}

static void block_fill(struct block *block, const struct result_set *set) {
    const enum metric_scope scope = block->metric->scope;
    size_t filled = 0;
    for (size_t at = 0; at < block->count; at++) {
        block_set_missing(block, at);
    }
    for (size_t point = 0; point < set->count; point++) {
        const struct result *result = set->results[point];
        for (size_t i = 0; i < metric_entity_count(result, scope); i++) {
            const size_t entity =
                scope == METRIC_RUN ? 0 : name_index(block->entities, metric_entity_name(result, scope, i));
            block_set_entity(block, (point * block->entities->count + entity) * block->length, result, i);
            filled += block->length;
        }
    }
    block->has_missing = filled < block->count;
}

static size_t axis_dimensions(const struct layout *layout, size_t *dimensions) {
    CHECK(layout->set->axis_count + 2 <= NETCDF_RANK_MAX);
    for (size_t axis = 0; axis < layout->set->axis_count; axis++) {
        dimensions[axis] = axis;
    }
    return layout->set->axis_count;
}

static void put_block(struct layout *layout, const struct block *block) {
    static const enum netcdf_type TYPES[] = {NETCDF_REAL, NETCDF_INT64, NETCDF_INT8, NETCDF_TEXT};
    const struct metric *metric = block->metric;
    size_t dimensions[NETCDF_RANK_MAX];
    size_t rank = axis_dimensions(layout, dimensions);
    if (metric->scope != METRIC_RUN) {
        dimensions[rank++] = layout->entity_dimension[metric->scope];
    }
    if (metric->dimension != METRIC_SCALAR) {
        dimensions[rank++] = layout->own_dimension[metric->dimension];
    }
    const struct netcdf_variable variable = {.name = metric->name,
                                             .type = TYPES[metric->type],
                                             .dimensions = dimensions,
                                             .rank = rank,
                                             .values = block->values,
                                             .has_missing = block->has_missing};
    const struct netcdf_attribute attributes[] = {{"units", or_null(metric->units)},
                                                  {"long_name", metric->long_name},
                                                  {"coordinates", layout->coordinates},
                                                  {"allocation_method", metric->allocation_method},
                                                  {"cost_basis", metric->cost_basis}};
    netcdf_put_variable(layout->writer, &variable, attributes, sizeof attributes / sizeof attributes[0]);
}

typedef struct expected_bounds bounds_fn(const struct metric *metric, const struct result *result);

/* A single run has no interval of the sampling: NaN, until replications give one. */
static struct expected_bounds sampling_bounds(const struct metric *metric, const struct result *result) {
    (void)metric;
    (void)result;
    return (struct expected_bounds){RESULT_NONE, RESULT_NONE};
}

static void put_interval(struct layout *layout, const struct metric *metric, const char *suffix,
                         const char *description, bounds_fn *bounds_of) {
    double *values = xcalloc(2 * layout->set->count, sizeof *values);
    for (size_t i = 0; i < layout->set->count; i++) {
        const struct expected_bounds bounds = bounds_of(metric, layout->set->results[i]);
        values[2 * i] = bounds.lower;
        values[2 * i + 1] = bounds.upper;
    }
    size_t dimensions[NETCDF_RANK_MAX];
    size_t rank = axis_dimensions(layout, dimensions);
    dimensions[rank++] = layout->bound_dimension;
    const struct netcdf_variable variable = {.name = arena_format(layout->arena, "%s%s", metric->name, suffix),
                                             .type = NETCDF_REAL,
                                             .dimensions = dimensions,
                                             .rank = rank,
                                             .values = values};
    const char *long_name = arena_format(layout->arena, "%s: %s", metric->long_name, description);
    const struct netcdf_attribute attributes[] = {
        {"units", metric->units}, {"long_name", long_name}, {"coordinates", layout->coordinates}};
    netcdf_put_variable(layout->writer, &variable, attributes, sizeof attributes / sizeof attributes[0]);
    free(values);
}

static void put_metric(struct layout *layout, const struct metric *metric) {
    struct block block = {.metric = metric,
                          .entities = &layout->entities[metric->scope],
                          .length = metric->dimension == METRIC_SCALAR ? 1 : layout->own_length[metric->dimension]};
    block.count = layout->set->count * block.entities->count * block.length;
    if (block.count == 0) {
        return;
    }
    block.values = xcalloc(block.count, value_size(metric->type));
    block_fill(&block, layout->set);
    put_block(layout, &block);
    free(block.values);
    if ((metric->flags & METRIC_INTERVALS) != 0) {
        put_interval(layout, metric, "_ci95", "95 % confidence interval of the sampling", sampling_bounds);
        put_interval(layout, metric, "_pi95", "95 % prediction interval: the model's known error", expected_bounds_of);
    }
}

/* ---- time series ---- */

/* The result that has most intervals; NULL without a series to store. */
static const struct result *longest_series(const struct result_set *set) {
    const struct result *longest = NULL;
    for (size_t point = 0; point < set->count; point++) {
        const struct result *result = set->results[point];
        if (result->series.is_asked && (longest == NULL || result->series.count > longest->series.count)) {
            longest = result;
        }
    }
    return longest;
}

/* Whether the intervals of all points begin at the same times. */
static bool has_one_grid(const struct result_set *set, const struct series_result *series) {
    for (size_t point = 0; point < set->count; point++) {
        const struct series_result *other = &set->results[point]->series;
        if (other->interval_s != series->interval_s || other->warmup_s != series->warmup_s) {
            return false;
        }
    }
    return true;
}

/* The dimension `time`: when intervals begin or, where a sweep's points have other intervals, their number. */
static size_t put_time(struct layout *layout, const struct series_result *series) {
    const bool one_grid = has_one_grid(layout->set, series);
    double *values = arena_alloc(layout->arena, series->count, sizeof *values);
    char interval_s[40];
    text_from_double(series->interval_s, interval_s, sizeof interval_s);
    for (size_t i = 0; i < series->count; i++) {
        values[i] = one_grid ? series->start_s[i] : (double)i;
    }
    const struct netcdf_attribute attributes[] = {
        {"units", one_grid ? "s" : "1"},
        {"long_name",
         one_grid ? "time since the start of the run, beginning of an interval" : "number of the interval"},
        {"interval_s", one_grid ? interval_s : NULL},
    };
    return netcdf_put_dimension(layout->writer, TIME_NAME, series->count, NETCDF_REAL, values, attributes, 3);
}

/* A variable of the series over the axes, pools if `by_pool`, and `time`. */
static void put_series_variable(struct layout *layout, const struct series_metric *metric, size_t time, bool by_pool,
                                enum netcdf_type type, const void *values) {
    size_t dimensions[NETCDF_RANK_MAX];
    size_t rank = axis_dimensions(layout, dimensions);
    if (by_pool) {
        dimensions[rank++] = layout->entity_dimension[METRIC_POOL];
    }
    dimensions[rank++] = time;
    const struct netcdf_variable variable = {.name = arena_format(layout->arena, "%s%s", SERIES_PREFIX, metric->name),
                                             .type = type,
                                             .dimensions = dimensions,
                                             .rank = rank,
                                             .values = values,
                                             .has_missing = type == NETCDF_INT64};
    const struct netcdf_attribute attributes[] = {
        {"units", metric->units}, {"long_name", metric->long_name}, {"coordinates", layout->coordinates}};
    netcdf_put_variable(layout->writer, &variable, attributes, 3);
}

static void put_interval_starts(struct layout *layout, size_t time, size_t length) {
    static const struct series_metric START = {
        .name = "start_s", .units = "s", .long_name = "beginning of the interval"};
    static const struct series_metric DURATION = {
        .name = "duration_s", .units = "s", .long_name = "length of the interval; the last ends with the run"};
    static const struct series_metric IN_WINDOW = {
        .name = "in_window", .units = "1", .long_name = "the interval lies after the warm-up"};
    const struct result_set *set = layout->set;
    double *starts = xcalloc(set->count * length, sizeof *starts);
    double *durations = xcalloc(set->count * length, sizeof *durations);
    int8_t *in_window = xcalloc(set->count * length, sizeof *in_window);
    for (size_t at = 0; at < set->count * length; at++) {
        const struct series_result *series = &set->results[at / length]->series;
        const size_t i = at % length;
        starts[at] = i < series->count ? series->start_s[i] : RESULT_NONE;
        durations[at] = i < series->count ? series->duration_s[i] : RESULT_NONE;
        in_window[at] = i < series->count ? series->in_window[i] : -1;
    }
    put_series_variable(layout, &START, time, false, NETCDF_REAL, starts);
    put_series_variable(layout, &DURATION, time, false, NETCDF_REAL, durations);
    put_series_variable(layout, &IN_WINDOW, time, false, NETCDF_INT8, in_window);
    free(starts);
    free(durations);
    free(in_window);
}

/* A value, or a missing one, of an integer or real metric. */
static void set_series_value(const struct series_metric *metric, const struct interval_result *interval, void *values,
                             size_t at) {
    if (metric->is_integer) {
        ((int64_t *)values)[at] = interval == NULL ? NETCDF_INT64_MISSING : series_integer(metric, interval);
    } else {
        ((double *)values)[at] = interval == NULL ? RESULT_NONE : series_real(metric, interval);
    }
}

/* The values of a metric in the file's order: points x pools x intervals, missing where a point has no such pool or interval. */
static void series_values(const struct layout *layout, const struct series_metric *metric, size_t length,
                          void *values) {
    const struct result_set *set = layout->set;
    const struct names *pools = &layout->entities[METRIC_POOL];
    for (size_t at = 0; at < set->count * pools->count * length; at++) {
        set_series_value(metric, NULL, values, at);
    }
    for (size_t point = 0; point < set->count; point++) {
        const struct result *result = set->results[point];
        for (size_t p = 0; p < result->pool_count; p++) {
            const size_t first = (point * pools->count + name_index(pools, result->pools[p].name)) * length;
            for (size_t i = 0; i < result->series.count; i++) {
                set_series_value(metric, series_interval(&result->pools[p], i), values, first + i);
            }
        }
    }
}

static void put_series(struct layout *layout) {
    const struct result *longest = longest_series(layout->set);
    if (longest == NULL) {
        return;
    }
    const size_t length = longest->series.count;
    const size_t time = put_time(layout, &longest->series);
    put_interval_starts(layout, time, length);
    void *values = xcalloc(layout->set->count * layout->entities[METRIC_POOL].count * length, sizeof(double));
    for (size_t i = 0; i < series_metrics_count; i++) {
        series_values(layout, &series_metrics[i], length, values);
        put_series_variable(layout, &series_metrics[i], time, true,
                            series_metrics[i].is_integer ? NETCDF_INT64 : NETCDF_REAL, values);
    }
    free(values);
}

static void put_provenance(struct netcdf_writer *writer, const struct result_set *set) {
    netcdf_put_text(writer, "Conventions", "CF-1.8");
    netcdf_put_text(writer, "title", set->name);
    netcdf_put_text(writer, "tokenmill_version", TOKENMILL_VERSION);
    netcdf_put_text(writer, "scenario_text", set->scenario_text);
    netcdf_put_text(writer, "scenario_resolved", set->resolved_text);
    netcdf_put_text(writer, "catalogue_hashes", set->catalog_hashes);
    netcdf_put_uint64(writer, "seed", set->seed);
}

static void put_all(struct netcdf_writer *writer, const struct result_set *set) {
    struct layout layout = {.writer = writer, .set = set, .arena = arena_new()};
    put_provenance(writer, set);
    for (size_t axis = 0; axis < set->axis_count; axis++) {
        put_axis(&layout, axis);
    }
    put_entity_dimensions(&layout);
    put_own_dimensions(&layout);
    for (size_t i = 0; i < metrics_count; i++) {
        if ((metrics[i].flags & METRIC_JSON_ONLY) == 0) {
            put_metric(&layout, &metrics[i]);
        }
    }
    put_series(&layout);
    arena_free(layout.arena);
}

/* HDF5 prints its errors unless told not to. */
static bool build_quietly(const struct result_set *set, struct netcdf_writer *writer, void **image, size_t *size) {
    H5E_auto2_t printer = NULL;
    void *context = NULL;
    H5Eget_auto2(H5E_DEFAULT, &printer, &context);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (netcdf_open(writer)) {
        put_all(writer, set);
    }
    const bool built = netcdf_close(writer, image, size);
    H5Eset_auto2(H5E_DEFAULT, printer, context);
    return built;
}

static bool write_image(const char *path, const void *image, size_t size, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    if (file.temp == NULL) {
        fclose(stream);
        atomic_file_abandon(&file);
        return diag_world(diags, (struct position){0}, "cannot-write", "cannot write %s: not a regular file", path);
    }
    if (fwrite(image, 1, size, stream) != size) {
        diag_world(diags, (struct position){0}, "cannot-write", "cannot write %s: %s", path, strerror(errno));
        fclose(stream);
        atomic_file_abandon(&file);
        return false;
    }
    return atomic_file_finish(&file, stream, diags);
}

bool hdf5_file_write(const char *path, const struct result_set *set, struct diags *diags) {
    struct netcdf_writer writer;
    void *image;
    size_t size;
    if (!build_quietly(set, &writer, &image, &size)) {
        return diag_world(diags, (struct position){0}, "cannot-write", "cannot write %s: %s", path, writer.reason);
    }
    const bool written = write_image(path, image, size, diags);
    free(image);
    return written;
}
