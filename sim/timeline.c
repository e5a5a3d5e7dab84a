#include "sim/timeline.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"

enum { BLOCK_CELLS = 256 };

void timeline_init(struct timeline *timeline, int64_t interval, int64_t warmup) {
    CHECK(interval > 0);
    *timeline = (struct timeline){.interval = interval, .warmup = warmup, .split = warmup % interval != 0};
}

void timeline_release(struct timeline *timeline) {
    for (size_t i = 0; i < timeline->block_count; i++) {
        free(timeline->blocks[i]);
    }
    free(timeline->blocks);
    *timeline = (struct timeline){0};
}

/* ---- where intervals lie ---- */

/* The last interval before the window, and the first in it. */
static int64_t last_before(const struct timeline *timeline) {
    return (timeline->warmup - 1) / timeline->interval;
}

static int64_t first_in_window(const struct timeline *timeline) {
    return timeline->warmup / timeline->interval + timeline->split;
}

/* The interval that begins at or before `key`. */
static int64_t index_of(const struct timeline *timeline, int64_t key, bool in_window) {
    return key / timeline->interval + (in_window && timeline->split);
}

i128 timeline_start(const struct timeline *timeline, int64_t index) {
    int64_t first = first_in_window(timeline);
    if (timeline->split && index == first) {
        return instant_of_key(timeline->warmup);
    }
    int64_t multiple = timeline->split && index > first ? index - 1 : index;
    return instant_of_key(timeline->interval) * multiple;
}

bool timeline_in_window(const struct timeline *timeline, int64_t index) {
    return index >= first_in_window(timeline);
}

int64_t timeline_count(const struct timeline *timeline, i128 end) {
    int64_t count = (int64_t)i128_ceil_div(end, instant_of_key(timeline->interval));
    if (end < instant_of_key(timeline->warmup)) {
        return count > 1 ? count : 1;
    }
    int64_t least = first_in_window(timeline) + 1; /* a window has an interval, be it without time */
    count += timeline->split;
    return count > least ? count : least;
}

/* ---- cells ---- */

static struct timeline_cell *touch(struct timeline *timeline, int64_t index) {
    if (index >= TIMELINE_INTERVALS_MAX) {
        timeline->too_long = true;
        index = TIMELINE_INTERVALS_MAX - 1;
    }
    size_t block = (size_t)index / BLOCK_CELLS;
    if (block >= timeline->block_count) {
        size_t count = block + 1 > 2 * timeline->block_count ? block + 1 : 2 * timeline->block_count;
        timeline->blocks = xrealloc(timeline->blocks, count, sizeof *timeline->blocks);
        while (timeline->block_count < count) {
            timeline->blocks[timeline->block_count++] = NULL;
        }
    }
    if (timeline->blocks[block] == NULL) {
        timeline->blocks[block] = xcalloc(BLOCK_CELLS, sizeof(struct timeline_cell));
    }
    return &timeline->blocks[block][index % BLOCK_CELLS];
}

const struct timeline_cell *timeline_cell_at(const struct timeline *timeline, int64_t index) {
    static const struct timeline_cell nothing;
    size_t block = (size_t)index / BLOCK_CELLS;
    bool touched = block < timeline->block_count && timeline->blocks[block] != NULL;
    return touched ? &timeline->blocks[block][index % BLOCK_CELLS] : &nothing;
}

struct timeline_cell *timeline_at_end(struct timeline *timeline, int64_t key) {
    CHECK(key > 0); /* a step takes a key at least */
    bool in_window = timeline->warmup == 0 || key > timeline->warmup;
    return touch(timeline, index_of(timeline, key - 1, in_window));
}

struct timeline_cell *timeline_at_start(struct timeline *timeline, int64_t key) {
    return touch(timeline, index_of(timeline, key, key >= timeline->warmup));
}

struct timeline_cell *timeline_over(struct timeline *timeline, i128 instant, i128 from, i128 *end) {
    int64_t key = key_of_instant(instant);
    bool in_window = instant >= from;
    if (!in_window && key >= timeline->warmup) {
        key = timeline->warmup - 1; /* a step that ends with the warm-up's key counts whole before it */
    }
    int64_t index = index_of(timeline, key, in_window);
    struct timeline_cell *cell = touch(timeline, index);
    *end = !in_window && index == last_before(timeline) ? from : timeline_start(timeline, index + 1);
    *end = timeline->too_long ? I128_MAX : *end;
    return cell;
}

void timeline_add_levels(struct timeline *timeline, i128 since, i128 now, i128 from,
                         const struct timeline_levels *levels) {
    int sign = now < since ? -1 : 1;
    i128 at = now < since ? now : since;
    i128 until = now < since ? since : now;
    if (levels->waiting == 0 && levels->running == 0 && levels->kv_tokens == 0) {
        return;
    }
    while (at < until) {
        i128 end;
        struct timeline_cell *cell = timeline_over(timeline, at, from, &end);
        i128 time = ((end < until ? end : until) - at) * sign;
        cell->pool.waiting += time * levels->waiting;
        cell->pool.running += time * levels->running;
        cell->pool.kv_tokens += time * levels->kv_tokens;
        at = end;
    }
}

/* ---- sums ---- */

void pool_outcome_add(struct pool_outcome *into, const struct pool_outcome *from) {
    into->steps += from->steps;
    into->busy += from->busy;
    into->busy_prefill += from->busy_prefill;
    into->busy_decode += from->busy_decode;
    into->waiting += from->waiting;
    into->running += from->running;
    into->kv_tokens += from->kv_tokens;
    into->batch += from->batch;
    into->flop += from->flop;
    into->byte += from->byte;
    into->energy += from->energy;
    into->preemptions += from->preemptions;
}

static void cell_add(struct timeline_cell *into, const struct timeline_cell *from) {
    pool_outcome_add(&into->pool, &from->pool);
    into->tokens.input += from->tokens.input;
    into->tokens.output += from->tokens.output;
    into->tokens.recomputed += from->tokens.recomputed;
    into->tokens.prefilled += from->tokens.prefilled;
    into->arrivals += from->arrivals;
    into->completed += from->completed;
    into->rejected += from->rejected;
}

void timeline_close(struct timeline *timeline, i128 end) {
    int64_t count = timeline_count(timeline, end);
    if (count > TIMELINE_INTERVALS_MAX) {
        timeline->too_long = true;
        return;
    }
    int64_t touched = (int64_t)(timeline->block_count * BLOCK_CELLS);
    for (int64_t index = count; index < touched; index++) {
        cell_add(touch(timeline, count - 1), timeline_cell_at(timeline, index));
    }
}
