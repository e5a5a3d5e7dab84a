/* form_continuous.c - `continuous` on aggregates (sim/stepwise/schedule_continuous.c says what it is). */
#include "base/check.h"
#include "sim/leap/form.h"

static bool hold_for_admission(struct cluster *cluster, struct leap_replica *replica, struct request *request,
                               int64_t tokens) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t held =
        batching->kv_admission == KV_ADMISSION_PROMPT ? request_target(request) : leap_cached(request) + tokens;
    int64_t blocks = leap_blocks_for(replica, held) + batching->watermark_blocks;
    bool fits = leap_have_blocks(replica, replica->granted, blocks);
    return fits && leap_hold(replica, leap_progress(cluster, request), held);
}

static void admit_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    while (leap_waiting(replica) > 0 && replica->batch.count < batching_slots(batching) && budget > 0) {
        uint32_t index = leap_waiting_at(replica, 0);
        struct request *request = cluster_request(cluster, index);
        int64_t tokens = leap_chunk_wanted(batching, request, budget);
        if (hold_for_admission(cluster, replica, request, tokens)) {
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
    int64_t budget = replica->config->batching.max_num_batched_tokens -
                     replica->batch.decoding * pool_decode_tokens(replica->config);
    if (!leap_serve_decoders(replica)) {
        budget = leap_serve_running(cluster, replica, now, &preempted);
    }
    if (!preempted) {
        admit_waiting(cluster, replica, now, budget);
    }
}

const struct leap_policy leap_continuous = {.form = form, .decoders_go_on = true};
