/* plan.c - how many steps the stretch that starts now may have.
 *
 * A stretch ends where the batch changes (a decoder ends or fills the window, blocks run out), where a step's time leaves its straight line (a quantum, another
 * regime), and before the instants that meters cut at, so that only a stretch of one step straddles one. Ending a stretch too early
 * changes no result; ending it too late would. */
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/form.h"
#include "sim/leap/replica.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* What each rank's decodes read `ahead` steps later, in the replica's scratch. */
static const struct rank_work *ranks_ahead(const struct leap_replica *replica, int64_t ahead) {
    const struct batch *batch = &replica->batch;
    for (uint32_t i = 0; i < batch->rank_count; i++) {
        const struct rank_work *now = &replica->rank_works[i];
        replica->ranks_ahead[i] = (struct rank_work){
            .decode_context = now->decode_context + ahead * batch->ranks[i].decoding * batch->advance,
            .decode_window_context = now->decode_window_context + ahead * batch->ranks[i].growing * batch->advance,
        };
    }
    return replica->ranks_ahead;
}

i128 leap_decode_duration_of_model(const struct leap_replica *replica, int64_t ahead) {
    const int64_t growth = ahead * replica->batch.advance; /* of each context */
    struct step_work work = {
        .decode_seqs = replica->work.decode_seqs,
        .decode_context = replica->work.decode_context + growth * replica->work.decode_seqs,
        .decode_window_context = replica->work.decode_window_context + growth * replica->batch.growing,
        .ranks = ranks_ahead(replica, ahead),
    };
    return step_model_duration(replica->config->step_model, &work);
}

/* The same where blocks are counted one by one: what is held only grows with the steps. */
static int64_t speculative_steps_with_blocks(const struct leap_replica *replica, int64_t limit) {
    int64_t fits = 1, beyond = limit + 1;
    while (beyond - fits > 1) {
        int64_t middle = fits + (beyond - fits) / 2;
        bool last = leap_have_blocks(replica, middle, 0);
        fits = last ? middle : fits;
        beyond = last ? beyond : middle;
    }
    return fits;
}

/* Steps for which blocks last; those of the first are taken already. */
static int64_t steps_with_blocks(const struct leap_replica *replica, int64_t limit) {
    const struct batch *batch = &replica->batch;
    if (replica->shared->keeps_blocks || leap_have_blocks(replica, limit, 0)) {
        return limit;
    }
    if (batch->shift > 0) {
        return speculative_steps_with_blocks(replica, limit);
    }
    int64_t size = replica->config->block_size;
    int64_t free_blocks = leap_free_blocks(replica, 1);
    int64_t rounds = free_blocks / batch->decoding;
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

/* The longest stretch, up to `limit`, on which durations grow by one number (sets `durations`). Time is convex in context, or (with a
 * quantum) does not fall in it: where the line is left it is left for good. */
static int64_t straight_steps(struct leap_replica *replica, int64_t limit, int64_t first) {
    struct series *line = &replica->durations;
    *line = (struct series){.first = first};
    if (replica->shared->straight) {
        i128 growth = leap_decode_duration(replica, 1) - first;
        line->growth = growth <= STRETCH_TIME_MAX ? (int64_t)growth : STRETCH_TIME_MAX;
    }
    limit = series_fitting(*line, limit);
    if (limit < 2 || leap_decode_duration(replica, limit - 1) == series_term(*line, limit - 1)) {
        return limit;
    }
    int64_t on = 0, off = limit;
    while (off - on > 1) {
        int64_t middle = on + (off - on) / 2;
        bool straight = leap_decode_duration(replica, middle) == series_term(*line, middle);
        on = straight ? middle : on;
        off = straight ? off : middle;
    }
    return on + 1;
}

/* Plans `steps` along `durations`, but stops short of the step that reaches the next cut; that step is a stretch of its own. */
static void plan_before_cut(struct leap_replica *replica, int64_t steps) {
    i128 room = replica->meter.next_cut - replica->start;
    int64_t time = series_sum(replica->durations, steps);
    if (time >= room) {
        int64_t reaching = series_count_to(replica->durations, (int64_t)room);
        steps = reaching > 1 ? reaching - 1 : 1;
        time = series_sum(replica->durations, steps);
    }
    replica->planned = steps;
    replica->plain = time < room;
    replica->time = time;
    replica->end = replica->start + time;
}

static void plan_one(struct leap_replica *replica, i128 duration) {
    bool fits = duration <= STRETCH_TIME_MAX;
    replica->planned = 1;
    replica->plain = fits && !replica->meter.at_warmup && duration < replica->meter.next_cut - replica->start;
    replica->time = fits ? (int64_t)duration : STRETCH_TIME_MAX;
    replica->end = replica->start + duration;
}

/* Steps until the batch changes, or the policy decides otherwise. */
static int64_t steps_alike(const struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    int64_t steps = least(batch_next_end(batch) - batch->steps, STRETCH_STEPS_MAX);
    if (batch->growing > 0) {
        steps = least(steps, batch_next_crossing(batch) - batch->steps);
    }
    CHECK(steps > 0);
    return steps_with_blocks(replica, least(steps, replica->policy_steps));
}

static void plan_several(struct leap_replica *replica) {
    const struct step_work *work = &replica->work;
    int64_t steps = steps_alike(replica);
    int64_t slope = replica->shared->slope;
    int64_t fixed;
    if (leap_is_straight(replica, steps, &fixed) && !replica->meter.at_warmup) {
        replica->durations =
            (struct series){fixed + slope * work->decode_context, slope * work->decode_seqs * replica->batch.advance};
        plan_before_cut(replica, series_fitting(replica->durations, steps));
        return;
    }
    i128 first = leap_decode_duration(replica, 0);
    if (first > STRETCH_TIME_MAX || replica->meter.at_warmup) {
        plan_one(replica, first);
    } else {
        plan_before_cut(replica, straight_steps(replica, steps, (int64_t)first));
    }
}

void leap_plan(struct cluster *cluster, struct leap_replica *replica) {
    if (replica->start >= replica->meter.next_cut) {
        leap_meter_find_cut(cluster, replica);
    }
    if (!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0) {
        plan_several(replica);
        return;
    }
    plan_one(replica, step_model_duration(replica->config->step_model, &replica->work));
}

bool leap_cut(struct leap_replica *replica, int64_t key) {
    if (replica->planned == 1) {
        return false;
    }
    i128 wait = instant_of_key(key) - replica->start;
    if (wait >= replica->time) {
        return false;
    }
    int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait);
    if (steps >= replica->planned) {
        return false;
    }
    replica->planned = steps;
    replica->time = series_sum(replica->durations, steps);
    replica->end = replica->start + replica->time;
    return true;
}
