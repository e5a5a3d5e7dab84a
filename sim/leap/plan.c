/* plan.c - how many steps the stretch that starts now may have.
 *
 * A stretch ends where the batch changes (a decoder ends, blocks run out), where a step's time leaves its straight line (a quantum, another
 * regime), and around the instants that meters cut at, so that only a stretch of one step straddles one. Ending a stretch too early
 * changes no result; ending it too late would. */
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/replica.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* How long the step takes that starts after `ahead` more. */
static void find_minute(struct leap_replica *replica) {
    if (replica->start >= replica->minute_end) {
        replica->minute = (size_t)(replica->start / MINUTE_UNITS);
        replica->minute_end = (i128)(replica->minute + 1) * MINUTE_UNITS;
    }
}

static i128 duration_ahead(const struct leap_replica *replica, int64_t ahead) {
    struct step_work work = replica->work;
    work.decode_context += ahead * work.decode_seqs;
    return step_model_duration(replica->config->step_model, &work);
}

/* Steps for which blocks last; those of the first are taken already. */
static int64_t steps_with_blocks(const struct leap_replica *replica, int64_t limit) {
    const struct batch *batch = &replica->batch;
    int64_t size = replica->config->block_size;
    int64_t free_blocks = replica->free_blocks;
    int64_t rounds = (limit - 1 + size - 1) / size;
    if (rounds <= free_blocks / batch->decoding) {
        return limit;
    }
    rounds = free_blocks / batch->decoding;
    int64_t steps = 1 + rounds * size;
    free_blocks -= rounds * batch->decoding;
    while (steps < limit) {
        free_blocks -= batch_blocks_needed(batch, size, steps);
        if (free_blocks < 0) {
            break;
        }
        steps++;
    }
    return least(steps, limit);
}

/* The longest stretch, up to `limit`, on which durations grow by one number. Time is convex in context, or (with a quantum) does not
 * fall in it: where the line is left it is left for good. */
static int64_t straight_steps(struct leap_replica *replica, int64_t limit) {
    struct series *line = &replica->durations;
    if (limit < 2) {
        return limit;
    }
    if (step_model_quantum(replica->config->step_model) == 0) {
        line->growth = duration_ahead(replica, 1) - line->first;
    }
    int64_t on = 0, off = limit;
    if (duration_ahead(replica, limit - 1) == series_term(*line, limit - 1)) {
        return limit;
    }
    while (off - on > 1) {
        int64_t middle = on + (off - on) / 2;
        bool straight = duration_ahead(replica, middle) == series_term(*line, middle);
        on = straight ? middle : on;
        off = straight ? off : middle;
    }
    return on + 1;
}

/* Stops short of the step that reaches `instant`; that step is a stretch of its own. */
static int64_t steps_before(const struct leap_replica *replica, i128 instant, int64_t steps) {
    if (instant <= replica->start) {
        return steps;
    }
    if (series_sum(replica->durations, steps) < instant - replica->start) {
        return steps;
    }
    int64_t reaching = series_count_to(replica->durations, instant - replica->start);
    return reaching > 1 ? reaching - 1 : 1;
}

static int64_t steps_between_cuts(const struct cluster *cluster, const struct leap_replica *replica, int64_t steps) {
    steps = steps_before(replica, replica->minute_end, steps);
    int64_t warmup = cluster->config->warmup_key;
    if (warmup > 0) {
        steps = key_of_instant(replica->start) == warmup ? 1 : steps_before(replica, instant_of_key(warmup), steps);
    }
    if (cluster->config->end_key != KEY_NEVER) {
        steps = steps_before(replica, instant_of_key(cluster->config->end_key), steps);
    }
    return steps;
}

void leap_plan(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    bool keeps_blocks = replica->config->batching.policy == BATCHING_STATIC;
    int64_t steps = 1;
    find_minute(replica);
    replica->durations = (struct series){.first = duration_ahead(replica, 0)};
    if (!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0) {
        steps = batch_next_end(cluster, batch) - batch->steps;
        CHECK(steps > 0);
        steps = keeps_blocks ? steps : steps_with_blocks(replica, steps);
        steps = straight_steps(replica, steps);
        steps = steps_between_cuts(cluster, replica, steps);
    }
    replica->planned = steps;
    replica->end = replica->start + series_sum(replica->durations, steps);
}

bool leap_cut(struct leap_replica *replica, int64_t key) {
    if (replica->planned == 1) {
        return false;
    }
    i128 wait = instant_of_key(key) - replica->start;
    int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait);
    if (steps >= replica->planned) {
        return false;
    }
    replica->planned = steps;
    replica->end = replica->start + series_sum(replica->durations, steps);
    return true;
}
