/* kv.h - a replica's KV blocks: how many a request holds, how many are free. */
#ifndef TOKENMILL_SIM_STEPWISE_KV_H
#define TOKENMILL_SIM_STEPWISE_KV_H

#include "base/check.h"
#include "sim/stepwise/replica.h"

/* ceil(tokens / block_size). */
static inline int64_t kv_blocks_for(const struct pool_config *config, int64_t tokens) {
    return (tokens + config->block_size - 1) / config->block_size;
}

/* Takes what `request` lacks to hold `tokens`; false, and nothing taken, if fewer blocks than that are free. */
static inline bool kv_hold(struct replica *replica, const struct request *request, int64_t tokens) {
    struct progress *progress = request->progress;
    if (tokens <= progress->blocks * replica->config->block_size) {
        return true;
    }
    int64_t lacking = kv_blocks_for(replica->config, tokens) - progress->blocks;
    if (lacking > replica->free_blocks) {
        return false;
    }
    replica->free_blocks -= lacking;
    progress->blocks += lacking;
    return true;
}

/* Gives back what a decode held for drafts that were not accepted; not where blocks are held to the end. */
static inline void kv_trim(struct replica *replica, struct progress *progress) {
    const struct batching_config *batching = &replica->config->batching;
    bool keeps = batching->policy == BATCHING_STATIC || batching->kv_admission == KV_ADMISSION_RESERVE;
    int64_t spare = progress->blocks - kv_blocks_for(replica->config, progress->computed);
    if (!keeps && spare > 0) {
        replica->free_blocks += spare;
        progress->blocks -= spare;
    }
}

/* Gives back all that `request` holds: it has computed nothing then. */
static inline void kv_release(struct replica *replica, const struct request *request) {
    struct progress *progress = request->progress;
    replica->free_blocks += progress->blocks;
    replica->kv_tokens -= progress_context(replica->config, progress);
    progress->blocks = 0;
    progress->computed = 0;
    progress->fraction = 0;
    CHECK(replica->free_blocks <= replica->config->num_gpu_blocks);
}

#endif
