/* schedule_continuous.c - vLLM V1: decodes and prefill chunks share every step under one token budget.
 *
 * Running requests first, in order of admission; then waiting ones, first come first served, while budget, slots and
 * blocks last. No admission in a step that preempted. `request-level` is this with one slot. */
#include "base/check.h"
#include "sim/stepwise/kv.h"
#include "sim/stepwise/schedule.h"

/* Takes the blocks that admitting the head with this chunk needs; false if they are not to be had. */
static bool hold_for_admission(struct replica *replica, struct request *request, int64_t tokens) {
    const struct pool_config *config = replica->config;
    bool whole = config->batching.kv_admission == KV_ADMISSION_PROMPT;
    int64_t held = whole ? request->progress->target : request->progress->computed + tokens;
    if (kv_blocks_for(config, held) + config->batching.watermark_blocks > replica->free_blocks) {
        return false;
    }
    return kv_hold(replica, request, held);
}

/* Admits from the queue; a head that does not fit stops it, unless it would be alone. */
static void admit_waiting(struct cluster *cluster, struct replica *replica, i128 now, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    while (schedule_waiting(replica) > 0 && (int64_t)replica->running_count < batching_slots(batching) && budget > 0) {
        uint32_t index = schedule_waiting_at(replica, 0);
        int64_t tokens = schedule_chunk_wanted(batching, cluster_request(cluster, index), budget);
        if (hold_for_admission(replica, cluster_request(cluster, index), tokens)) {
            schedule_admit_head(cluster, replica, now);
            schedule_give(cluster, replica, index, tokens, now);
            budget -= tokens;
        } else if (replica->running_count == 0) {
            schedule_reject_head(cluster, replica, now);
        } else {
            return;
        }
    }
}

static void form(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    (void)wake;
    bool preempted = false;
    int64_t budget = schedule_serve_running(cluster, replica, now, &preempted);
    if (!preempted) {
        admit_waiting(cluster, replica, now, budget);
    }
    CHECK(!preempted || replica->running_count > 0);
}

const struct scheduler scheduler_continuous = {.form = form, .keeps_finished = false};
