#include "sim/stepwise/schedule.h"

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/stepwise/kv.h"

const struct scheduler *scheduler_of(enum batching_policy policy) {
    static const struct scheduler *const table[BATCHING_POLICY_COUNT] = {
        [BATCHING_CONTINUOUS] = &scheduler_continuous,
        [BATCHING_PREFILL_FIRST] = &scheduler_prefill_first,
        [BATCHING_STATIC] = &scheduler_static,
        [BATCHING_REQUEST_LEVEL] = &scheduler_continuous, /* with max_num_seqs 1 */
        [BATCHING_TRTLLM] = &scheduler_trtllm,
    };
    CHECK(policy < BATCHING_POLICY_COUNT);
    return table[policy];
}

size_t schedule_waiting(const struct replica *replica) {
    return replica->waiting.count + (replica->pool_queue != NULL ? replica->pool_queue->count : 0);
}

uint32_t schedule_waiting_at(const struct replica *replica, size_t i) {
    size_t own = replica->waiting.count;
    return i < own ? queue_at(&replica->waiting, i) : queue_at(replica->pool_queue, i - own);
}

/* Takes the head out of whichever queue it is in. */
static uint32_t pop_head(struct cluster *cluster, struct replica *replica, i128 now) {
    if (replica->waiting.count > 0) {
        return queue_pop_front(&replica->waiting);
    }
    uint32_t request = queue_pop_front(replica->pool_queue);
    cluster_pool_queue_changed(cluster, replica->pool, now);
    request_set_replica(cluster_request(cluster, request), replica->index);
    cluster_outstanding_add(cluster, replica->index, 1);
    return request;
}

/* The rank with the fewest running sequences, of equals the first. */
static uint32_t rank_for_next(const struct cluster *cluster, const struct replica *replica) {
    uint32_t ranks = (uint32_t)step_model_ranks(replica->config->step_model);
    uint32_t best = 0;
    size_t fewest = SIZE_MAX;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        size_t count = 0;
        for (size_t i = 0; i < replica->running_count; i++) {
            count += cluster_request(cluster, replica->running[i])->rank == rank;
        }
        if (count < fewest) {
            fewest = count;
            best = rank;
        }
    }
    return best;
}

void schedule_admit_head(struct cluster *cluster, struct replica *replica, i128 now) {
    uint32_t request = pop_head(cluster, replica, now);
    if (replica->running_count == replica->running_capacity) {
        replica->running_capacity = 2 * replica->running_capacity + 16;
        replica->running = xrealloc(replica->running, replica->running_capacity, sizeof *replica->running);
    }
    cluster_request(cluster, request)->rank = replica->ranks != NULL ? (uint16_t)rank_for_next(cluster, replica) : 0;
    replica->running[replica->running_count++] = request;
    cluster_request(cluster, request)->running = true;
    replica->kv_tokens += progress_context(replica->config, cluster_request(cluster, request)->progress); /* cached */
}

void schedule_reject_head(struct cluster *cluster, struct replica *replica, i128 now) {
    uint32_t request = pop_head(cluster, replica, now);
    cluster_reject(cluster, request, REJECT_NEVER_ADMITTED, key_of_instant(now));
}

/* The same for the sequence's own rank. */
static void give_rank(struct replica *replica, const struct request *request, int64_t tokens) {
    const struct progress *progress = request->progress;
    struct rank_work *rank = &replica->ranks[request->rank];
    int64_t window = step_model_window(replica->config->step_model);
    if (progress->computed < progress->target) {
        rank->prefill_attention_x2 += attention_x2_of_chunk(progress->computed, tokens);
        rank->prefill_window_attention_x2 += window_attention_x2_of_chunk(window, progress->computed, tokens);
    } else {
        const struct pool_config *config = replica->config;
        int64_t context = progress_context(config, progress);
        rank->decode_context += context;
        rank->decode_window_context += windowed_context(window << pool_context_shift(config), context);
    }
}

void schedule_give(struct cluster *cluster, struct replica *replica, uint32_t index, int64_t tokens, i128 now) {
    const struct request *request = cluster_request(cluster, index);
    struct progress *progress = request->progress;
    struct step_work *work = &replica->work;
    int64_t window = step_model_window(replica->config->step_model);
    CHECK(tokens > 0 && progress->chunk == 0);
    progress->chunk = tokens;
    if (progress->first_scheduled == LATENCY_NONE) {
        progress->first_scheduled = now;
    }
    if (progress->computed < progress->target) {
        work->prefill_seqs++;
        work->prefill_tokens += tokens;
        work->prefill_attention_x2 += attention_x2_of_chunk(progress->computed, tokens);
        work->prefill_window_attention_x2 += window_attention_x2_of_chunk(window, progress->computed, tokens);
    } else {
        int64_t context = progress_context(replica->config, progress);
        work->decode_seqs++;
        work->decode_context += context;
        work->decode_window_context += windowed_context(window << pool_context_shift(replica->config), context);
    }
    if (replica->ranks != NULL) {
        give_rank(replica, request, tokens);
    }
}

/* The latest admitted loses its blocks and what was computed, and goes to the head of its replica's queue. */
static uint32_t preempt_latest(struct cluster *cluster, struct replica *replica, i128 now) {
    uint32_t index = replica->running[--replica->running_count];
    struct request *request = cluster_request(cluster, index);
    struct progress *progress = request->progress;
    kv_release(replica, request);
    if (replica->config->batching.on_preempt == ON_PREEMPT_RESTART) {
        progress->emitted = 0;
    }
    progress->target = request_input(request) + progress->emitted;
    progress->computed = cluster_cached(cluster, request);
    request->running = false;
    progress->preemptions++;
    int64_t key = key_of_instant(now);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    cluster->outcome->pools[replica->pool].preemptions += key >= cluster->config->warmup_key;
    if (timeline != NULL) {
        timeline_at_start(timeline, key)->pool.preemptions++;
    }
    queue_push_front(&replica->waiting, index);
    return index;
}

bool schedule_make_room(struct cluster *cluster, struct replica *replica, size_t i, int64_t tokens, i128 now,
                        bool *preempted) {
    uint32_t index = replica->running[i];
    struct request *request = cluster_request(cluster, index);
    while (!kv_hold(replica, request, request->progress->computed + tokens)) {
        *preempted = true;
        if (preempt_latest(cluster, replica, now) == index) {
            return false;
        }
    }
    return true;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t schedule_chunk_wanted(const struct batching_config *batching, const struct request *request, int64_t budget) {
    const struct progress *progress = request->progress;
    int64_t rest = least(progress->target - progress->computed, budget);
    return batching->chunk > 0 ? least(rest, batching->chunk) : rest;
}

int64_t schedule_serve_running(struct cluster *cluster, struct replica *replica, i128 now, bool *preempted) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t budget = batching->max_num_batched_tokens;
    for (size_t i = 0; i < replica->running_count && budget > 0; i++) {
        uint32_t index = replica->running[i];
        const struct request *request = cluster_request(cluster, index);
        bool decodes = request->progress->computed >= request->progress->target;
        int64_t tokens =
            decodes ? pool_decode_tokens(replica->config) : schedule_chunk_wanted(batching, request, budget);
        if (tokens > budget) {
            break;
        }
        if (schedule_make_room(cluster, replica, i, tokens, now, preempted)) {
            schedule_give(cluster, replica, index, tokens, now);
            budget -= tokens;
        }
    }
    return budget;
}
