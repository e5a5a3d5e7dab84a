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
static inline bool kv_hold(struct replica *replica, struct request *request, int64_t tokens) {
    if (tokens <= request->blocks * replica->config->block_size) {
        return true;
    }
    int64_t lacking = kv_blocks_for(replica->config, tokens) - request->blocks;
    if (lacking > replica->free_blocks) {
        return false;
    }
    replica->free_blocks -= lacking;
    request->blocks += lacking;
    return true;
}

/* Gives back all that `request` holds: it has computed nothing then. */
static inline void kv_release(struct replica *replica, struct request *request) {
    replica->free_blocks += request->blocks;
    replica->kv_tokens -= request->computed;
    request->blocks = 0;
    request->computed = 0;
    CHECK(replica->free_blocks <= replica->config->num_gpu_blocks);
}

#endif
