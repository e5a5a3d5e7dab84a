/* The worker pool, the table of capacities and the progress of many points. Built a second time under the thread sanitizer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "sim/simulate.h"
#include "study/capacity.h"
#include "study/pool.h"
#include "study/progress.h"

enum { JOBS = 200 };

static const struct position NOWHERE;

struct squares {
    size_t results[JOBS];
    atomic_size_t started;
    size_t fail_from;    /* this index and every seventh after it fail */
    size_t cancel_after; /* jobs started; 0: never */
    struct progress *progress;
};

static bool square(void *context, size_t index, struct diags *diags) {
    struct squares *squares = context;
    atomic_fetch_add(&squares->started, 1);
    diag_warning(diags, NOWHERE, "job-ran", "job %zu", index);
    if (index >= squares->fail_from && (index - squares->fail_from) % 7 == 0) {
        return diag_error(diags, NOWHERE, "job-failed", "job %zu failed", index);
    }
    squares->results[index] = index * index;
    if (squares->progress != NULL) {
        progress_point_running(squares->progress, index, 0.5, 1);
        progress_point_done(squares->progress, index);
    }
    return true;
}

static bool square_cancelled(void *context) {
    struct squares *squares = context;
    return squares->cancel_after > 0 && atomic_load(&squares->started) >= squares->cancel_after;
}

static char *rendered(const struct diags *diags) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    diags_render(diags, stream, false);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static enum worker_pool_end run_squares(struct squares *squares, unsigned threads, char **said) {
    struct diags *diags = diags_new();
    struct worker_job job = {
        .count = JOBS, .threads = threads, .context = squares, .run = square, .cancelled = square_cancelled};
    enum worker_pool_end end = worker_pool_run(&job, diags);
    *said = rendered(diags);
    diags_free(diags);
    return end;
}

static void results_lie_at_their_index_for_any_number_of_threads(void **state) {
    (void)state;
    char *said_by_one = NULL;
    for (unsigned threads = 1; threads <= 9; threads += 2) {
        struct squares squares = {.fail_from = JOBS};
        char *said;
        assert_int_equal(run_squares(&squares, threads, &said), WORKER_POOL_DONE);
        for (size_t i = 0; i < JOBS; i++) {
            assert_int_equal(squares.results[i], i * i);
        }
        if (said_by_one == NULL) {
            said_by_one = said;
            continue;
        }
        assert_string_equal(said, said_by_one);
        free(said);
    }
    free(said_by_one);
}

static void the_first_failure_is_reported_alone_for_any_number_of_threads(void **state) {
    (void)state;
    char *said_by_one = NULL;
    for (unsigned threads = 1; threads <= 9; threads += 2) {
        struct squares squares = {.fail_from = 37};
        char *said;
        assert_int_equal(run_squares(&squares, threads, &said), WORKER_POOL_FAILED);
        assert_non_null(strstr(said, "job 37 failed"));
        assert_null(strstr(said, "job 44 failed"));
        if (said_by_one == NULL) {
            said_by_one = said;
            continue;
        }
        assert_string_equal(said, said_by_one);
        free(said);
    }
    free(said_by_one);
}

static void a_cancelled_pool_starts_nothing_further(void **state) {
    (void)state;
    struct squares squares = {.fail_from = JOBS, .cancel_after = 10};
    char *said;
    assert_int_equal(run_squares(&squares, 4, &said), WORKER_POOL_CANCELLED);
    assert_true(atomic_load(&squares.started) < 10 + 4);
    free(said);
}

static void no_jobs_are_done_at_once(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    struct worker_job job = {.count = 0, .run = square};
    assert_int_equal(worker_pool_run(&job, diags), WORKER_POOL_DONE);
    diags_free(diags);
}

/* Stands in for the engine: what is under test is who calls it, and how often. */
static atomic_int capacity_runs;

bool simulate_capacity(const struct sim_config *config, uint32_t pool, double *token_per_s, struct diags *diags) {
    (void)config;
    atomic_fetch_add(&capacity_runs, 1);
    if (pool == 5) {
        return diag_world(diags, NOWHERE, "trace-read", "cannot read the trace of pool %u", pool);
    }
    *token_per_s = 100.0 * pool;
    return true;
}

struct capacity_users {
    struct capacity_table *table;
    double token_per_s[JOBS];
};

static bool use_capacity(void *context, size_t index, struct diags *diags) {
    struct capacity_users *users = context;
    uint64_t hashes[4] = {100, 101, 102, 103};
    struct resolved_point point = {.capacity_hash = hashes};
    return capacity_table_get(users->table, &point, (uint32_t)index % 4, &users->token_per_s[index], diags);
}

static void each_distinct_capacity_runs_once(void **state) {
    (void)state;
    struct capacity_users users = {.table = capacity_table_new()};
    struct diags *diags = diags_new();
    atomic_store(&capacity_runs, 0);
    struct worker_job job = {.count = JOBS, .threads = 8, .context = &users, .run = use_capacity};
    assert_int_equal(worker_pool_run(&job, diags), WORKER_POOL_DONE);
    assert_int_equal(atomic_load(&capacity_runs), 4);
    for (size_t i = 0; i < JOBS; i++) {
        assert_true(users.token_per_s[i] == 100.0 * (double)(i % 4));
    }
    capacity_table_free(users.table);
    diags_free(diags);
}

static void a_failed_capacity_fails_again_in_the_same_words(void **state) {
    (void)state;
    struct capacity_table *table = capacity_table_new();
    uint64_t hashes[6] = {1, 2, 3, 4, 5, 6};
    struct resolved_point point = {.capacity_hash = hashes};
    for (int i = 0; i < 2; i++) {
        struct diags *diags = diags_new();
        double token_per_s = 7;
        assert_false(capacity_table_get(table, &point, 5, &token_per_s, diags));
        assert_string_equal(diags_first_message(diags), "cannot read the trace of pool 5");
        assert_true(token_per_s == 7);
        diags_free(diags);
    }
    capacity_table_free(table);
}

struct hearing {
    int calls;
    bool stop;
    struct progress_snapshot last;
};

static bool hear(void *context, const struct progress_snapshot *snapshot) {
    struct hearing *hearing = context;
    hearing->calls++;
    hearing->last = *snapshot;
    return !hearing->stop;
}

static void progress_is_told_at_once_and_then_rarely(void **state) {
    (void)state;
    struct hearing hearing = {0};
    struct progress *progress = progress_new(4, hear, &hearing);
    assert_true(progress_point_running(progress, 0, 0.5, 12));
    assert_int_equal(hearing.calls, 1);
    assert_true(hearing.last.done_ratio == 0.125);
    assert_true(hearing.last.simulated_s == 12);
    assert_int_equal(hearing.last.points_total, 4);
    for (int i = 0; i < 1000; i++) {
        progress_point_running(progress, 0, 0.6, 13);
    }
    assert_true(hearing.calls < 10);
    progress_free(progress);
}

static void a_listener_can_abandon_the_work(void **state) {
    (void)state;
    struct hearing hearing = {.stop = true};
    struct progress *progress = progress_new(4, hear, &hearing);
    assert_false(progress_point_running(progress, 0, -1, 0));
    assert_true(progress_cancelled(progress));
    progress_free(progress);
}

static void progress_of_many_threads_adds_up(void **state) {
    (void)state;
    struct hearing hearing = {0};
    struct squares squares = {.fail_from = JOBS, .progress = progress_new(JOBS, hear, &hearing)};
    char *said;
    assert_int_equal(run_squares(&squares, 8, &said), WORKER_POOL_DONE);
    assert_false(progress_cancelled(squares.progress));
    assert_true(hearing.calls >= 1);
    assert_true(hearing.last.points_done <= JOBS);
    assert_true(hearing.last.done_ratio <= 1);
    progress_free(squares.progress);
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_lie_at_their_index_for_any_number_of_threads),
        cmocka_unit_test(the_first_failure_is_reported_alone_for_any_number_of_threads),
        cmocka_unit_test(a_cancelled_pool_starts_nothing_further),
        cmocka_unit_test(no_jobs_are_done_at_once),
        cmocka_unit_test(each_distinct_capacity_runs_once),
        cmocka_unit_test(a_failed_capacity_fails_again_in_the_same_words),
        cmocka_unit_test(progress_is_told_at_once_and_then_rarely),
        cmocka_unit_test(a_listener_can_abandon_the_work),
        cmocka_unit_test(progress_of_many_threads_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
