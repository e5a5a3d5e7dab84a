#include "tests/differential/timelines.h"

#include <stdio.h>
#include <string.h>

#include "sim/clock.h"
#include "sim/timeline.h"

/* A cell as a row of numbers. */
enum { VALUES = 19, POOL_VALUES = 12 };

static const char *const names[VALUES] = {"steps",     "busy",        "busy_prefill", "busy_decode", "waiting",
                                          "running",   "kv_tokens",   "batch",        "flop",        "byte",
                                          "energy",    "preemptions", "input",        "output",      "recomputed",
                                          "prefilled", "arrivals",    "completed",    "rejected"};

struct row {
    i128 values[VALUES];
};

static void add_pool(struct row *row, const struct pool_outcome *pool) {
    const i128 values[POOL_VALUES] = {pool->steps,   pool->busy,    pool->busy_prefill, pool->busy_decode,
                                      pool->waiting, pool->running, pool->kv_tokens,    pool->batch,
                                      pool->flop,    pool->byte,    pool->energy,       pool->preemptions};
    for (int i = 0; i < POOL_VALUES; i++) {
        row->values[i] += values[i];
    }
}

static void add_tokens(struct row *row, const struct token_counts *tokens) {
    i128 *values = row->values + POOL_VALUES;
    values[0] += tokens->input;
    values[1] += tokens->output;
    values[2] += tokens->recomputed;
    values[3] += tokens->prefilled;
}

static void add_cell(struct row *row, const struct timeline_cell *cell) {
    i128 *values = row->values + POOL_VALUES + 4;
    add_pool(row, &cell->pool);
    add_tokens(row, &cell->tokens);
    values[0] += cell->arrivals;
    values[1] += cell->completed;
    values[2] += cell->rejected;
}

static bool rows_equal(const struct row *a, const struct row *b, int count, const char *where, long long index,
                       char *what, size_t size) {
    for (int i = 0; i < count; i++) {
        if (a->values[i] != b->values[i]) {
            char x[I128_TEXT_SIZE], y[I128_TEXT_SIZE];
            i128_to_text(a->values[i], x);
            i128_to_text(b->values[i], y);
            snprintf(what, size, "%s %lld: %s is %s in one, %s in the other", where, index, names[i], x, y);
            return false;
        }
    }
    return true;
}

static bool lengths_equal(long long a, long long b, char *what, size_t size) {
    if (a != b) {
        snprintf(what, size, "series: %lld intervals in one, %lld in the other", a, b);
    }
    return a == b;
}

bool timelines_equal(const struct sim_outcome *a, const struct sim_outcome *b, char *what, size_t size) {
    for (size_t pool = 0; a->timelines != NULL && b->timelines != NULL && pool < a->pool_count; pool++) {
        const struct timeline *x = &a->timelines[pool], *y = &b->timelines[pool];
        int64_t count = timeline_count(x, a->window_end);
        if (!lengths_equal(count, timeline_count(y, b->window_end), what, size)) {
            return false;
        }
        for (int64_t i = 0; i < count; i++) {
            struct row of_x = {0}, of_y = {0};
            add_cell(&of_x, timeline_cell_at(x, i));
            add_cell(&of_y, timeline_cell_at(y, i));
            if (!rows_equal(&of_x, &of_y, VALUES, "series, interval", i, what, size)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- sums ---- */

/* What the outcome says of the window; emitted and rejected of the whole run. */
static struct row outcome_row(const struct sim_outcome *outcome, bool whole_run) {
    struct row row = {0};
    i128 *requests = row.values + POOL_VALUES + 4;
    for (size_t pool = 0; pool < outcome->pool_count; pool++) {
        add_pool(&row, &outcome->pools[pool]);
    }
    for (size_t i = 0; i < outcome->workload_count; i++) {
        const struct workload_outcome *workload = &outcome->workloads[i];
        for (size_t pool = 0; pool < outcome->pool_count; pool++) {
            add_tokens(&row, &workload->tokens[pool]);
        }
        requests[0] += whole_run ? workload->requests.emitted : workload->measured.emitted;
        requests[1] += whole_run ? workload->requests.completed : workload->completed_in_window;
        for (int reason = 0; reason < REJECT_REASON_COUNT; reason++) {
            requests[2] += workload->requests.rejected[reason];
        }
    }
    return row;
}

/* Sums of a pool's intervals in the window, and of all. */
static void sum_timeline(const struct timeline *timeline, i128 end, struct row *window, struct row *all) {
    int64_t count = timeline_count(timeline, end);
    for (int64_t i = 0; i < count; i++) {
        const struct timeline_cell *cell = timeline_cell_at(timeline, i);
        add_cell(all, cell);
        if (timeline_in_window(timeline, i)) {
            add_cell(window, cell);
        }
    }
}

static bool pool_adds_up(const struct sim_outcome *outcome, size_t pool, const struct row *sum, char *what,
                         size_t size) {
    struct row row = {0};
    add_pool(&row, &outcome->pools[pool]);
    return rows_equal(sum, &row, POOL_VALUES, "sums of the series and pool", (long long)pool, what, size);
}

/* Intervals begin in order, the window's first where the window does, and the last reaches the end. */
static bool lie_end_to_end(const struct timeline *timeline, const struct sim_outcome *outcome, char *what,
                           size_t size) {
    int64_t count = timeline_count(timeline, outcome->window_end);
    bool good = timeline_start(timeline, 0) == 0 && timeline_start(timeline, count) >= outcome->window_end;
    for (int64_t i = 1; i < count; i++) {
        i128 start = timeline_start(timeline, i);
        good = good && timeline_start(timeline, i - 1) < start && start <= outcome->window_end;
        bool first = timeline_in_window(timeline, i) && !timeline_in_window(timeline, i - 1);
        good = good && (!first || start == outcome->window_start);
    }
    if (!good) {
        snprintf(what, size, "series: intervals do not lie end to end");
    }
    return good;
}

bool timelines_add_up(const struct sim_outcome *outcome, char *what, size_t size) {
    struct row window = {0}, all = {0};
    for (size_t pool = 0; outcome->timelines != NULL && pool < outcome->pool_count; pool++) {
        struct row own = {0};
        sum_timeline(&outcome->timelines[pool], outcome->window_end, &own, &all);
        if (!pool_adds_up(outcome, pool, &own, what, size) ||
            !lie_end_to_end(&outcome->timelines[pool], outcome, what, size)) {
            return false;
        }
        for (int i = 0; i < VALUES; i++) {
            window.values[i] += own.values[i];
        }
    }
    if (outcome->timelines == NULL) {
        return true;
    }
    struct row said = outcome_row(outcome, false);
    struct row said_of_all = outcome_row(outcome, true);
    for (int i = 0; i < VALUES - 3; i++) { /* of these the outcome knows the window alone */
        said_of_all.values[i] = all.values[i];
    }
    said.values[VALUES - 1] = window.values[VALUES - 1]; /* rejected: of the whole run alone */
    return rows_equal(&window, &said, VALUES, "sums of the series and the window", 0, what, size) &&
           rows_equal(&all, &said_of_all, VALUES, "sums of the series and the run", 0, what, size);
}

bool timelines_refine(const struct sim_outcome *fine, const struct sim_outcome *coarse, char *what, size_t size) {
    for (size_t pool = 0; fine->timelines != NULL && pool < fine->pool_count; pool++) {
        const struct timeline *x = &fine->timelines[pool], *y = &coarse->timelines[pool];
        int64_t fine_count = timeline_count(x, fine->window_end);
        int64_t coarse_count = timeline_count(y, coarse->window_end);
        int64_t next = 0;
        for (int64_t i = 0; i < coarse_count; i++) {
            struct row sum = {0}, whole = {0};
            bool last = i + 1 == coarse_count;
            for (; next < fine_count && (last || timeline_start(x, next) < timeline_start(y, i + 1)); next++) {
                add_cell(&sum, timeline_cell_at(x, next));
            }
            add_cell(&whole, timeline_cell_at(y, i));
            if (!rows_equal(&sum, &whole, VALUES, "sum of shorter intervals, interval", i, what, size)) {
                return false;
            }
        }
    }
    return true;
}
