#include "study/run.h"

#include <stdlib.h>
#include <time.h>

#include "analysis/requests_csv.h"
#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/simulate.h"

static double clock_s(clockid_t clock) {
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What the engine's observer hands on. */
struct watch {
    struct progress *progress; // borrowed
    size_t progress_index;
    struct requests_csv *csv; // owned; NULL: no file of requests
};

static void watch_request(void *context, const struct request_record *record) {
    const struct watch *watch = context;
    requests_csv_record(watch->csv, record);
}

static bool watch_progress(void *context, double done_ratio, double simulated_s) {
    const struct watch *watch = context;
    return progress_point_running(watch->progress, watch->progress_index, done_ratio, simulated_s);
}

/* By pool of the point; free with free(). NULL with diagnostics. */
static double *find_capacities(const struct run_request *request, const struct resolved_point *point,
                               struct diags *diags) {
    double *capacities = xcalloc(point->sim.pool_count + 1, sizeof(double));
    bool known = true;
    for (size_t p = 0; p < point->sim.pool_count && known; p++) {
        known = capacity_table_get(request->capacities, point, (uint32_t)p, &capacities[p], diags);
    }
    if (!known) {
        free(capacities);
        return NULL;
    }
    return capacities;
}

/* By pool, then of the fleet; free with free(). NULL with diagnostics. */
static struct analytic_state *find_analytic(const struct resolved_point *point, struct diags *diags) {
    const size_t pools = point->sim.pool_count;
    struct analytic_state *states = xcalloc(pools + 1, sizeof *states);
    if (!analytic_states(point, states, &states[pools], diags)) {
        free(states);
        return NULL;
    }
    return states;
}

/* Plays the point through. False with diagnostics, or without if it was abandoned; `*outcome` needs no release then. */
static bool play(const struct resolved_point *point, struct watch *watch, struct sim_outcome *outcome,
                 struct run_info *info, struct diags *diags) {
    struct observer observer = {
        .context = watch,
        .request_ended = watch->csv != NULL ? watch_request : NULL,
        .progress = watch_progress,
    };
    double wall_s = clock_s(CLOCK_MONOTONIC);
    double cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID);
    if (!simulate(&point->sim, &observer, outcome, diags)) {
        return false;
    }
    info->wall_s = clock_s(CLOCK_MONOTONIC) - wall_s;
    info->cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID) - cpu_s;
    if (outcome->abandoned) {
        sim_outcome_release(outcome);
        return false;
    }
    return true;
}

static bool open_requests(const struct run_request *request, const struct resolved_point *point, struct watch *watch,
                          struct diags *diags) {
    if (request->requests_path == NULL) {
        return true;
    }
    watch->csv = requests_csv_open(request->requests_path, &point->sim, diags);
    return watch->csv != NULL;
}

/* Ends the file of requests: in its place after a run, gone otherwise. */
static bool close_requests(struct watch *watch, bool played, struct diags *diags) {
    if (!played) {
        requests_csv_abandon(watch->csv);
        return false;
    }
    return watch->csv == NULL || requests_csv_close(watch->csv, diags);
}

static struct result *run_resolved(const struct run_request *request, const struct resolved_point *point,
                                   const double *capacities, const struct analytic_state *analytic,
                                   struct diags *diags) {
    struct watch watch = {.progress = request->progress, .progress_index = request->progress_index};
    struct run_info info = {
        .engine = engine_kind_name(point->sim.engine), .seed = point->sim.seed, .analytic = analytic};
    struct sim_outcome outcome = {0};
    if (!open_requests(request, point, &watch, diags)) {
        return NULL;
    }
    bool played = play(point, &watch, &outcome, &info, diags);
    struct result *result = NULL;
    if (close_requests(&watch, played, diags)) {
        result = result_new(point, &outcome, capacities, &info);
    }
    if (played) {
        sim_outcome_release(&outcome);
    }
    return result;
}

struct result *run_point(const struct run_request *request, struct diags *diags) {
    struct resolved_point *point = scenario_resolve(request->scenario, request->point);
    if (request->wants_series && !point->series_is_asked) {
        point->sim.series_interval_keys = key_of_s(SERIES_INTERVAL_S);
    }
    double *capacities = find_capacities(request, point, diags);
    struct result *result = NULL;
    struct analytic_state *analytic = capacities != NULL ? find_analytic(point, diags) : NULL;
    if (analytic != NULL) {
        result = run_resolved(request, point, capacities, analytic, diags);
    }
    free(analytic);
    free(capacities);
    resolved_point_free(point);
    if (result != NULL) {
        progress_point_done(request->progress, request->progress_index);
    }
    return result;
}
