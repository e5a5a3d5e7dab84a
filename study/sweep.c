#include "study/sweep.h"

#include "base/check.h"
#include "study/capacity.h"
#include "study/run.h"

/* What the workers share. */
struct sweep {
    const struct sweep_request *request; // borrowed
    struct capacity_table *capacities;   // owned
    struct progress *progress;           // owned
    struct result **results;             // borrowed
};

static bool run_indexed(void *context, size_t index, struct diags *diags) {
    struct sweep *sweep = context;
    struct run_request request = {
        .scenario = sweep->request->scenario,
        .point = sweep->request->first_point + index,
        .capacities = sweep->capacities,
        .progress = sweep->progress,
        .progress_index = index,
        .requests_path = sweep->request->requests_path,
        .wants_series = sweep->request->wants_series,
    };
    sweep->results[index] = run_point(&request, diags);
    return sweep->results[index] != NULL;
}

static bool is_cancelled(void *context) {
    struct sweep *sweep = context;
    return progress_cancelled(sweep->progress);
}

static void drop_results(struct result **results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        result_free(results[i]);
        results[i] = NULL;
    }
}

enum worker_pool_end sweep_run(const struct sweep_request *request, struct result **results, struct diags *diags) {
    CHECK(request->requests_path == NULL || request->point_count == 1);
    struct sweep sweep = {
        .request = request,
        .capacities = capacity_table_new(),
        .progress = progress_new(request->point_count, request->listener, request->context),
        .results = results,
    };
    for (size_t i = 0; i < request->point_count; i++) {
        results[i] = NULL;
    }
    struct worker_job job = {
        .count = request->point_count,
        .threads = request->threads,
        .context = &sweep,
        .run = run_indexed,
        .cancelled = is_cancelled,
    };
    enum worker_pool_end end = worker_pool_run(&job, diags);
    if (end != WORKER_POOL_DONE) {
        drop_results(results, request->point_count);
    }
    progress_free(sweep.progress);
    capacity_table_free(sweep.capacities);
    return end;
}
