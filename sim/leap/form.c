#include "sim/leap/form.h"

#include "base/check.h"
#include "sim/clock.h"

const struct leap_policy *leap_policy_of(enum batching_policy policy) {
    static const struct leap_policy *const table[BATCHING_POLICY_COUNT] = {
        [BATCHING_CONTINUOUS] = &leap_continuous,
        [BATCHING_PREFILL_FIRST] = &leap_prefill_first,
        [BATCHING_STATIC] = &leap_static,
        [BATCHING_REQUEST_LEVEL] = &leap_continuous,
    };
    CHECK(policy < BATCHING_POLICY_COUNT);
    return table[policy];
}

int64_t leap_free_blocks(const struct leap_replica *replica, int64_t ahead) {
    int64_t free_blocks = replica->config->num_gpu_blocks - replica->held_blocks;
    return replica->shared->keeps_blocks
               ? free_blocks
               : free_blocks - batch_blocks(&replica->batch, replica->config->block_size, ahead);
}

bool leap_hold(struct leap_replica *replica, struct request *request, int64_t tokens) {
    int64_t lacking = leap_blocks_for(replica, tokens) - request->blocks;
    if (lacking <= 0) {
        return true;
    }
    if (!leap_have_blocks(replica, replica->granted, lacking)) {
        return false;
    }
    replica->held_blocks += lacking;
    request->blocks += lacking;
    return true;
}

void leap_admit_head(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    batch_admit(cluster, &replica->batch, leap_pop_waiting(cluster, replica, now));
}

void leap_reject_head(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    uint32_t request = leap_pop_waiting(cluster, replica, now);
    cluster_reject(cluster, request, REJECT_NEVER_ADMITTED, key_of_instant(now));
}

void leap_give_chunk(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t tokens, i128 now) {
    struct request *request = &cluster->requests[index];
    struct step_work *work = &replica->work;
    CHECK(tokens > 0 && request->chunk == 0);
    request->chunk = tokens;
    if (request->first_scheduled == LATENCY_NONE) {
        request->first_scheduled = now;
    }
    work->prefill_seqs++;
    work->prefill_tokens += tokens;
    work->prefill_attention_x2 += (i128)tokens * (2 * request->computed + tokens);
}

uint32_t leap_preempt_latest(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    uint32_t index = replica->batch.last;
    struct request *request = &cluster->requests[index];
    if (request->decoding) {
        batch_forget_end(cluster, &replica->batch, index);
    }
    batch_remove(cluster, replica, index);
    replica->held_blocks -= request->blocks;
    replica->kv_tokens -= request->computed;
    request->blocks = 0;
    if (replica->config->batching.on_preempt == ON_PREEMPT_RESTART) {
        request->emitted = 0;
    }
    request->target = request->input + request->emitted;
    request->computed = 0;
    request->preemptions++;
    replica->preempted = true;
    cluster->outcome->pools[replica->pool].preemptions += key_of_instant(now) >= cluster->config->warmup_key;
    queue_push_front(&replica->waiting, index);
    return index;
}

void leap_give_decoders(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    const struct batch *batch = &replica->batch;
    while (!leap_have_blocks(replica, 1, 0)) {
        leap_preempt_latest(cluster, replica, now);
        *preempted = true;
    }
    replica->granted = 1;
    replica->work.decode_seqs = batch->decoding;
    replica->work.decode_context = batch->context;
}
