/* form_continuous.c - `continuous` on aggregates (sim/stepwise/schedule_continuous.c says what it is).
 *
 * The running are served in order of admission. As long as prefillers come last in that order, or nothing is short, serving all
 * decoders first is the same; otherwise the step is walked. */
#include "base/check.h"
#include "sim/leap/form.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t chunk_wanted(const struct batching_config *batching, const struct request *request, int64_t budget) {
    int64_t rest = least(request->target - request->computed, budget);
    return batching->chunk > 0 ? least(rest, batching->chunk) : rest;
}

/* Whether all prefillers were admitted after all decoders. */
static bool prefillers_come_last(const struct cluster *cluster, const struct batch *batch) {
    uint32_t index = batch->last;
    for (size_t i = 0; i < batch->prefilling_count; i++) {
        if (index == BATCH_NONE || cluster->requests[index].decoding) {
            return false;
        }
        index = cluster->requests[index].previous;
    }
    return true;
}

/* Whether every running request can have all that it wants. */
static bool nothing_is_short(const struct cluster *cluster, const struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    const struct batching_config *batching = &replica->config->batching;
    int64_t tokens = batch->decoding;
    int64_t blocks = 0;
    for (size_t i = 0; i < batch->prefilling_count; i++) {
        const struct request *request = &cluster->requests[batch->prefilling[i]];
        int64_t chunk = chunk_wanted(batching, request, INT64_MAX);
        int64_t lacking = leap_blocks_for(replica, request->computed + chunk) - request->blocks;
        tokens += chunk;
        blocks += lacking > 0 ? lacking : 0;
    }
    return tokens <= batching->max_num_batched_tokens && leap_have_blocks(replica, 1, blocks);
}

/* Serves one prefiller, preempting the latest while blocks run out; false if it had to go itself. */
static bool serve_prefiller(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t *budget,
                            i128 now, bool *preempted) {
    struct request *request = &cluster->requests[index];
    int64_t tokens = chunk_wanted(&replica->config->batching, request, *budget);
    while (!leap_hold(replica, request, request->computed + tokens)) {
        *preempted = true;
        if (leap_preempt_latest(cluster, replica, now) == index) {
            return false;
        }
    }
    leap_give_chunk(cluster, replica, index, tokens, now);
    *budget -= tokens;
    return true;
}

static int64_t serve_running(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    struct batch *batch = &replica->batch;
    leap_give_decoders(cluster, replica, now, preempted);
    int64_t budget = replica->config->batching.max_num_batched_tokens - batch->decoding;
    for (size_t i = 0; i < batch->prefilling_count && budget > 0;) {
        i += serve_prefiller(cluster, replica, batch->prefilling[i], &budget, now, preempted);
    }
    return budget;
}

static bool hold_for_admission(struct leap_replica *replica, struct request *request, int64_t tokens) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t held = batching->kv_admission == KV_ADMISSION_PROMPT ? request->target : tokens;
    int64_t blocks = leap_blocks_for(replica, held) + batching->watermark_blocks;
    bool fits = leap_have_blocks(replica, replica->granted, blocks);
    return fits && leap_hold(replica, request, held);
}

static void admit_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    while (leap_waiting(replica) > 0 && replica->batch.count < batching_slots(batching) && budget > 0) {
        uint32_t index = leap_waiting_at(replica, 0);
        struct request *request = &cluster->requests[index];
        int64_t tokens = chunk_wanted(batching, request, budget);
        if (hold_for_admission(replica, request, tokens)) {
            leap_admit_head(cluster, replica, now);
            leap_give_chunk(cluster, replica, index, tokens, now);
            budget -= tokens;
        } else if (replica->batch.count == 0) {
            leap_reject_head(cluster, replica, now);
        } else {
            return;
        }
    }
}

static void form(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    (void)wake;
    bool preempted = false;
    int64_t budget;
    bool in_order = prefillers_come_last(cluster, &replica->batch) || nothing_is_short(cluster, replica);
    if (in_order && replica->regenerating == 0) {
        budget = serve_running(cluster, replica, now, &preempted);
    } else {
        budget = leap_walk(cluster, replica, replica->config->batching.max_num_batched_tokens, now, &preempted);
    }
    if (!preempted) {
        admit_waiting(cluster, replica, now, budget);
    }
}

const struct leap_policy leap_continuous = {.form = form};
