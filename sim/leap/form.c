#include "sim/leap/form.h"

#include "base/check.h"
#include "sim/clock.h"

const struct leap_policy *leap_policy_of(enum batching_policy policy) {
    static const struct leap_policy *const table[BATCHING_POLICY_COUNT] = {
        [BATCHING_CONTINUOUS] = &leap_continuous, [BATCHING_PREFILL_FIRST] = &leap_prefill_first,
        [BATCHING_STATIC] = &leap_static,         [BATCHING_REQUEST_LEVEL] = &leap_continuous,
        [BATCHING_TRTLLM] = &leap_trtllm,
    };
    CHECK(policy < BATCHING_POLICY_COUNT);
    return table[policy];
}

int64_t leap_free_blocks(const struct leap_replica *replica, int64_t ahead) {
    const struct batch *batch = &replica->batch;
    int64_t free_blocks = replica->config->num_gpu_blocks - replica->held_blocks;
    int64_t size = replica->config->block_size;
    if (replica->shared->keeps_blocks) {
        return free_blocks;
    }
    if (batch->shift == 0) {
        return free_blocks - batch_blocks(batch, size, ahead);
    }
    int64_t steps = ahead > 0 ? ahead - 1 : 0, tokens = ahead > 0 ? pool_decode_tokens(replica->config) : 0;
    return free_blocks - batch_blocks_speculative(replica->shared->cluster, batch, size, steps, tokens);
}

int64_t leap_most_tokens_speculative(const struct leap_replica *replica, int64_t ahead) {
    const struct batch *batch = &replica->batch;
    int64_t steps = ahead > 0 ? ahead - 1 : 0, tokens = ahead > 0 ? pool_decode_tokens(replica->config) : 0;
    int64_t contexts = (batch->context + steps * batch->decoding * batch->advance) >> batch->shift;
    return contexts + batch->decoding * (tokens + replica->shared->block_size - 1);
}

bool leap_hold(struct leap_replica *replica, struct progress *progress, int64_t tokens) {
    int64_t lacking = leap_blocks_for(replica, tokens) - progress->blocks;
    if (lacking <= 0) {
        return true;
    }
    if (!leap_have_blocks(replica, replica->granted, lacking)) {
        return false;
    }
    replica->held_blocks += lacking;
    progress->blocks += lacking;
    return true;
}

void leap_admit_head(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    uint32_t index = leap_pop_waiting(cluster, replica, now);
    batch_admit(cluster, &replica->batch, index);
    replica->kv_tokens += progress_context(replica->config, cluster_request(cluster, index)->progress); /* cached */
}

void leap_reject_head(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    uint32_t request = leap_pop_waiting(cluster, replica, now);
    leap_promise(replica, cluster_request(cluster, request), -1);
    cluster_reject(cluster, request, REJECT_NEVER_ADMITTED, key_of_instant(now));
}

/* The chunk's part in windowed layers, and its rank's. */
static void give_chunk_extended(struct leap_replica *replica, const struct request *request, int64_t tokens) {
    i128 attention_x2 = attention_x2_of_chunk(request->progress->computed, tokens);
    i128 window_x2 = window_attention_x2_of_chunk(replica->shared->window, request->progress->computed, tokens);
    replica->work.prefill_window_attention_x2 += window_x2;
    if (replica->rank_works != NULL) {
        replica->rank_works[request->rank].prefill_attention_x2 += attention_x2;
        replica->rank_works[request->rank].prefill_window_attention_x2 += window_x2;
    }
}

void leap_give_chunk(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t tokens, i128 now) {
    const struct request *request = cluster_request(cluster, index);
    struct progress *progress = request->progress;
    struct step_work *work = &replica->work;
    CHECK(tokens > 0 && progress->chunk == 0);
    progress->chunk = tokens;
    if (progress->first_scheduled == LATENCY_NONE) {
        progress->first_scheduled = now;
    }
    work->prefill_seqs++;
    work->prefill_tokens += tokens;
    work->prefill_attention_x2 += attention_x2_of_chunk(progress->computed, tokens);
    if (replica->shared->extended) {
        give_chunk_extended(replica, request, tokens);
    }
}

void leap_count_decoders_extended(struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    const int64_t window = replica->shared->window_context;
    replica->work.decode_window_context = batch_window_context(batch, window);
    for (uint32_t i = 0; i < batch->rank_count; i++) {
        const struct batch_rank *rank = &batch->ranks[i];
        replica->rank_works[i].decode_context = rank->context;
        replica->rank_works[i].decode_window_context =
            rank->growing_context + (rank->decoding - rank->growing) * window;
    }
}

uint32_t leap_preempt_latest(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    uint32_t index = replica->batch.last;
    struct request *request = cluster_request(cluster, index);
    if (request->decoding) {
        batch_forget_end(cluster, &replica->batch, index);
        batch_forget_crossing(cluster, replica, index);
        batch_settle(cluster, &replica->batch, request);
    }
    batch_remove(cluster, replica, index);
    struct progress *progress = request->progress;
    replica->held_blocks -= progress->blocks;
    replica->kv_tokens -= progress_context(replica->config, progress);
    progress->blocks = 0;
    if (replica->config->batching.on_preempt == ON_PREEMPT_RESTART) {
        progress->emitted = 0;
    }
    progress->target = request_input(request) + progress->emitted;
    progress->computed = cluster_cached(cluster, request);
    progress->fraction = 0;
    progress->preemptions++;
    replica->preempted = true;
    int64_t key = key_of_instant(now);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    cluster->outcome->pools[replica->pool].preemptions += key >= cluster->config->warmup_key;
    if (timeline != NULL) {
        timeline_at_start(timeline, key)->pool.preemptions++;
    }
    queue_push_front(&replica->waiting, index);
    return index;
}

void leap_give_decoders(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    while (!leap_have_blocks(replica, 1, 0)) {
        leap_preempt_latest(cluster, replica, now);
        *preempted = true;
    }
    replica->granted = 1;
    leap_count_decoders(replica);
}

/* ---- decodes and prompts in one step ---- */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t leap_chunk_wanted(const struct batching_config *batching, const struct request *request, int64_t budget) {
    int64_t rest = least(leap_target_left(request), budget);
    return batching->chunk > 0 ? least(rest, batching->chunk) : rest;
}

/* Whether all prefillers were admitted after all decoders. */
static bool prefillers_come_last(const struct cluster *cluster, const struct batch *batch) {
    uint32_t index = batch->last;
    for (size_t i = 0; i < batch->prefilling_count; i++) {
        if (index == BATCH_NONE || cluster_request(cluster, index)->decoding) {
            return false;
        }
        index = cluster_request(cluster, index)->previous;
    }
    return true;
}

/* Whether every running request can have all that it wants. */
static bool nothing_is_short(const struct cluster *cluster, const struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    const struct batching_config *batching = &replica->config->batching;
    int64_t tokens = batch->decoding * pool_decode_tokens(replica->config);
    int64_t blocks = 0;
    for (size_t i = 0; i < batch->prefilling_count; i++) {
        const struct request *request = cluster_request(cluster, batch->prefilling[i]);
        int64_t chunk = leap_chunk_wanted(batching, request, INT64_MAX);
        int64_t lacking = leap_blocks_for(replica, request->progress->computed + chunk) - request->progress->blocks;
        tokens += chunk;
        blocks += lacking > 0 ? lacking : 0;
    }
    return tokens <= batching->max_num_batched_tokens && leap_have_blocks(replica, 1, blocks);
}

/* Serves one prefiller, preempting the latest while blocks run out; false if it had to go itself. */
static bool serve_prefiller(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t *budget,
                            i128 now, bool *preempted) {
    const struct request *request = cluster_request(cluster, index);
    int64_t tokens = leap_chunk_wanted(&replica->config->batching, request, *budget);
    while (!leap_hold(replica, request->progress, request->progress->computed + tokens)) {
        *preempted = true;
        if (leap_preempt_latest(cluster, replica, now) == index) {
            return false;
        }
    }
    leap_give_chunk(cluster, replica, index, tokens, now);
    *budget -= tokens;
    return true;
}

static int64_t serve_by_sums(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    struct batch *batch = &replica->batch;
    leap_give_decoders(cluster, replica, now, preempted);
    int64_t budget = replica->config->batching.max_num_batched_tokens;
    budget -= batch->decoding * pool_decode_tokens(replica->config);
    for (size_t i = 0; i < batch->prefilling_count && budget > 0;) {
        i += serve_prefiller(cluster, replica, batch->prefilling[i], &budget, now, preempted);
    }
    return budget;
}

int64_t leap_serve_running(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted) {
    bool in_order = prefillers_come_last(cluster, &replica->batch) || nothing_is_short(cluster, replica);
    if (in_order && replica->regenerating == 0) {
        return serve_by_sums(cluster, replica, now, preempted);
    }
    return leap_walk(cluster, replica, replica->config->batching.max_num_batched_tokens, now, preempted);
}
