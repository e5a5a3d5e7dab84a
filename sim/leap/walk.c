/* walk.c - steps that aggregates cannot say: budget or blocks short with prefillers among decoders, or decoders that emit again what
 * their client has. Every sequence is explicit for one step. */
#include "base/check.h"
#include "sim/leap/form.h"

static int64_t tokens_wanted(const struct pool_config *config, const struct request *request, int64_t budget) {
    const struct batching_config *batching = &config->batching;
    int64_t rest = leap_target_left(request);
    if (rest <= 0) {
        return pool_decode_tokens(config);
    }
    rest = rest < budget ? rest : budget;
    return batching->chunk > 0 && batching->chunk < rest ? batching->chunk : rest;
}

static void give(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t tokens, i128 now) {
    const struct request *request = cluster_request(cluster, index);
    struct progress *progress = request->progress;
    if (progress->computed < progress->target) {
        leap_give_chunk(cluster, replica, index, tokens, now);
        return;
    }
    int64_t context = progress_context(replica->config, progress);
    progress->chunk = tokens;
    replica->work.decode_seqs++;
    replica->work.decode_context += context;
    int64_t window_context = windowed_context(replica->shared->window_context, context);
    replica->work.decode_window_context += window_context;
    if (replica->rank_works != NULL) {
        replica->rank_works[request->rank].decode_context += context;
        replica->rank_works[request->rank].decode_window_context += window_context;
    }
}

/* Room for `tokens` more of a sequence, preempting the latest; false if it had to go itself. */
static bool make_room(struct cluster *cluster, struct leap_replica *replica, uint32_t index, int64_t tokens, i128 now,
                      bool *preempted) {
    const struct request *request = cluster_request(cluster, index);
    while (!leap_hold(replica, request->progress, request->progress->computed + tokens)) {
        *preempted = true;
        if (leap_preempt_latest(cluster, replica, now) == index) {
            return false;
        }
    }
    return true;
}

int64_t leap_walk(struct cluster *cluster, struct leap_replica *replica, int64_t budget, i128 now, bool *preempted) {
    struct batch *batch = &replica->batch;
    batch_dissolve(cluster, replica);
    replica->walked = true;
    for (uint32_t index = batch->first; index != BATCH_NONE && budget > 0;) {
        int64_t tokens = tokens_wanted(replica->config, cluster_request(cluster, index), budget);
        if (tokens > budget) {
            break;
        }
        if (!make_room(cluster, replica, index, tokens, now, preempted)) {
            break;
        }
        give(cluster, replica, index, tokens, now);
        budget -= tokens;
        index = cluster_request(cluster, index)->next;
    }
    return budget;
}
