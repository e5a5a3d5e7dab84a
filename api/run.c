#include <stdlib.h>

#include "api/handles.h"
#include "api/relay.h"
#include "base/arena.h"
#include "study/sweep.h"

/* The coordinates of `axis` at `index` alone, into `out`. */
static void slice_coordinates(const struct sweep_axis *axis, size_t index, struct sweep_coordinate *out) {
    for (size_t c = 0; c < axis->coordinate_count; c++) {
        out[c] = axis->coordinates[c];
        if (out[c].is_text) {
            out[c].texts += index;
        } else {
            out[c].numbers += index;
        }
    }
}

/* Axes of length 1: where in the sweep `point` lies. */
static void slice_axes(struct tmill_results *results, const struct scenario *scenario, size_t point) {
    size_t axis_count = scenario_axis_count(scenario);
    size_t coordinate_count = 0;
    for (size_t a = 0; a < axis_count; a++) {
        coordinate_count += scenario_axis(scenario, a)->coordinate_count;
    }
    results->axes = xcalloc(axis_count + 1, sizeof(struct sweep_axis));
    results->coordinates = xcalloc(coordinate_count + 1, sizeof(struct sweep_coordinate));
    struct sweep_coordinate *next = results->coordinates;
    size_t stride = scenario_point_count(scenario);
    for (size_t a = 0; a < axis_count; a++) {
        const struct sweep_axis *axis = scenario_axis(scenario, a);
        stride /= axis->count;
        slice_coordinates(axis, point / stride % axis->count, next);
        results->axes[a] =
            (struct sweep_axis){.count = 1, .coordinates = next, .coordinate_count = axis->coordinate_count};
        next += axis->coordinate_count;
    }
}

/* The set of a single point: its file has the sweep's axes, each with the point's own value. */
static void init_point_set(struct tmill_results *results, const struct scenario *scenario, size_t point) {
    size_t axis_count = scenario_axis_count(scenario);
    slice_axes(results, scenario, point);
    results->set = (struct result_set){
        .name = scenario_name(scenario),
        .scenario_text = scenario_text(scenario),
        .resolved_text = scenario_resolved_text(scenario),
        .catalog_hashes = scenario_catalog_hashes(scenario),
        .seed = scenario_seed(scenario),
        .axes = xcalloc(axis_count + 1, sizeof(struct sweep_axis *)),
        .axis_count = axis_count,
        .results = (const struct result *const *)results->items,
        .count = 1,
    };
    for (size_t a = 0; a < axis_count; a++) {
        results->set.axes[a] = &results->axes[a];
    }
}

static struct tmill_results *results_new(const struct tmill_scenario *scenario, struct result **items, size_t count) {
    struct tmill_results *results = xcalloc(1, sizeof *results);
    results->scenario = scenario;
    results->items = items;
    results->count = count;
    return results;
}

/* `relay` must live as long as the request. */
static struct sweep_request request_of(const struct tmill_scenario *scenario, const struct tmill_run_options *options,
                                       struct relay *relay) {
    struct sweep_request request = {.scenario = scenario->scenario, .point_count = 1};
    if (options != NULL) {
        request.threads = options->jobs;
        request.requests_path = options->requests_path;
        request.wants_series = options->series;
        if (options->listener != NULL) {
            *relay = (struct relay){.listener = options->listener, .context = options->context};
            request.listener = relay_progress;
            request.context = relay;
        }
    }
    return request;
}

/* Runs what `request` asks for. Anything but TMILL_DONE: no items. */
static enum tmill_status run_items(const struct sweep_request *request, struct result **items,
                                   struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    enum worker_pool_end end = sweep_run(request, items, diags);
    enum tmill_status status = messages_take(messages, diags);
    return end == WORKER_POOL_CANCELLED ? TMILL_INTERRUPTED : status;
}

enum tmill_status tmill_run(const struct tmill_scenario *scenario, size_t point,
                            const struct tmill_run_options *options, struct tmill_results **results,
                            struct tmill_messages *messages) {
    size_t point_count = scenario_point_count(scenario->scenario);
    if (point >= point_count) {
        return messages_usage(messages, "point %zu does not exist: the scenario has %zu, numbered from 0", point,
                              point_count);
    }
    struct relay relay;
    struct sweep_request request = request_of(scenario, options, &relay);
    request.first_point = point;
    struct result **items = xcalloc(1, sizeof(struct result *));
    enum tmill_status status = run_items(&request, items, messages);
    if (status != TMILL_DONE) {
        free(items);
        return status;
    }
    *results = results_new(scenario, items, 1);
    init_point_set(*results, scenario->scenario, point);
    return TMILL_DONE;
}

enum tmill_status tmill_sweep(const struct tmill_scenario *scenario, const struct tmill_run_options *options,
                              struct tmill_results **results, struct tmill_messages *messages) {
    struct relay relay;
    struct sweep_request request = request_of(scenario, options, &relay);
    request.point_count = scenario_point_count(scenario->scenario);
    if (scenario_axis_count(scenario->scenario) == 0) {
        return messages_usage(messages, "the scenario has no `sweep` block: it is one point, for tmill_run");
    }
    if (request.requests_path != NULL || request.wants_series) {
        return messages_usage(messages, "a file of %s belongs to one point, not to a sweep",
                              request.wants_series ? "a time series" : "requests");
    }
    struct result **items = xcalloc(request.point_count + 1, sizeof(struct result *));
    enum tmill_status status = run_items(&request, items, messages);
    if (status != TMILL_DONE) {
        free(items);
        return status;
    }
    *results = results_new(scenario, items, request.point_count);
    (*results)->is_sweep = true;
    result_set_init(&(*results)->set, scenario->scenario, (const struct result *const *)items, request.point_count);
    return TMILL_DONE;
}

void tmill_results_free(struct tmill_results *results) {
    if (results == NULL) {
        return;
    }
    result_set_release(&results->set);
    for (size_t i = 0; i < results->count; i++) {
        result_free(results->items[i]);
    }
    free(results->items);
    free(results->axes);
    free(results->coordinates);
    free(results);
}
