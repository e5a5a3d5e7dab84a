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

int64_t leap_blocks_for(const struct pool_config *config, int64_t tokens) {
    return (tokens + config->block_size - 1) / config->block_size;
}

bool leap_hold(struct leap_replica *replica, struct request *request, int64_t tokens) {
    int64_t lacking = leap_blocks_for(replica->config, tokens) - request->blocks;
    if (lacking <= 0) {
        return true;
    }
    if (lacking > replica->free_blocks) {
        return false;
    }
    replica->free_blocks -= lacking;
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
    bool was_decoding = request->decoding;
    batch_remove(cluster, replica, index);
    replica->free_blocks += was_decoding ? leap_blocks_for(replica->config, request->computed) : request->blocks;
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

/* Whether the latest admitted is a decoder that needs a block for the step that starts now. */
static bool latest_needs_block(const struct cluster *cluster, const struct leap_replica *replica) {
    const struct request *latest = &cluster->requests[replica->batch.last];
    return latest->decoding && (latest->base + replica->batch.steps) % replica->config->block_size == 0;
}

void leap_give_decoders(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    struct batch *batch = &replica->batch;
    int64_t needed = batch_blocks_needed(batch, replica->config->block_size, 0);
    while (needed > replica->free_blocks) {
        needed -= latest_needs_block(cluster, replica);
        leap_preempt_latest(cluster, replica, now);
        *preempted = true;
    }
    replica->free_blocks -= needed;
    replica->work.decode_seqs = batch->decoding;
    replica->work.decode_context = batch->context;
}
