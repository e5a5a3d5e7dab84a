/* form.h - which requests the next step of a replica serves, on aggregates: a row of a table for each policy. */
#ifndef TOKENMILL_SIM_LEAP_FORM_H
#define TOKENMILL_SIM_LEAP_FORM_H

#include "sim/leap/replica.h"

struct leap_policy {
    /* Forms the step that starts at `now`: fills `work`. `*wake`: see sim/stepwise/schedule.h. */
    void (*form)(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake);
    /* The stretch that was formed has ended, `planned` steps long. May be NULL. */
    void (*steps_passed)(struct leap_replica *replica);
    bool keeps_finished;
    bool decoders_go_on; /* where nobody waits or prefills, a step is that of all decoders, as far as blocks last */
};

const struct leap_policy *leap_policy_of(enum batching_policy policy);

extern const struct leap_policy leap_continuous, leap_prefill_first, leap_static, leap_trtllm;

/* Shared by the policies. */

/* ceil(tokens / block_size). */
static inline int64_t leap_blocks_for(const struct leap_replica *replica, int64_t tokens) {
    int64_t size = replica->config->block_size;
    int shift = replica->shared->block_shift;
    return shift >= 0 ? (tokens + size - 1) >> shift : (tokens + size - 1) / size;
}

/* A request comes to the replica (+1) or leaves it (-1). */
static inline void leap_promise(struct leap_replica *replica, const struct request *request, int64_t sign) {
    int64_t tokens = pool_final_tokens(replica->config, request_input(request), request_output(request)) + 1;
    replica->promised_blocks += sign * leap_blocks_for(replica, tokens);
}

/* The number of blocks that are free besides those that hold the decoders' contexts `ahead` steps from now; where the pool speculates, that they
 * hold for the step before, drafts included. */
int64_t leap_free_blocks(const struct leap_replica *replica, int64_t ahead);

/* Tokens of the blocks that decoders hold `ahead` steps from now, at most, where the pool speculates. */
int64_t leap_most_tokens_speculative(const struct leap_replica *replica, int64_t ahead);

/* Whether `blocks` are, most often without counting: there are, even if every decoder's last block has but one token. */
static inline bool leap_have_blocks(const struct leap_replica *replica, int64_t ahead, int64_t blocks) {
    const struct batch *batch = &replica->batch;
    const struct leap_pool *shared = replica->shared;
    int64_t most = batch->context + batch->decoding * (ahead + shared->block_size - 1);
    if (batch->shift > 0) {
        most = leap_most_tokens_speculative(replica, ahead);
    }
    most += (replica->held_blocks + blocks) * shared->block_size;
    return most <= shared->token_capacity || leap_free_blocks(replica, ahead) >= blocks;
}

/* Takes blocks until the request holds enough for `tokens`; false, and nothing taken, if they are not free. */
bool leap_hold(struct leap_replica *replica, struct progress *progress, int64_t tokens);

/* The progress of a request that is about to be admitted; started if it has none. */
static inline struct progress *leap_progress(struct cluster *cluster, struct request *request) {
    return request->has_progress ? request->progress : request_start_progress(&cluster->slab, request);
}

/* Tokens that a request has generated that is no decoder. */
static inline int64_t leap_emitted(const struct request *request) {
    return request->has_progress ? request->progress->emitted : 0;
}

/* Tokens that a request has yet to prefill: all, where it has not begun. */
static inline int64_t leap_target_left(const struct request *request) {
    return request->has_progress ? request->progress->target - request->progress->computed : request_input(request);
}

/* What the prefix cache holds of a waiting request. */
static inline int64_t leap_cached(const struct request *request) {
    return request->has_progress ? request->progress->computed : 0;
}

/* Moves the head of the queue into the batch. */
void leap_admit_head(struct cluster *cluster, struct leap_replica *replica, i128 now);
void leap_reject_head(struct cluster *cluster, struct leap_replica *replica, i128 now);

/* Gives a prefiller a chunk of the step. */
void leap_give_chunk(struct cluster *cluster, struct leap_replica *replica, uint32_t request, int64_t tokens, i128 now);

/* What leap_count_decoders does beyond the plain: windows and ranks. */
void leap_count_decoders_extended(struct leap_replica *replica);

/* All decoders are in the step's work. */
static inline void leap_count_decoders(struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    replica->work.decode_seqs = batch->decoding;
    replica->work.decode_context = batch->context;
    if (replica->shared->extended) {
        leap_count_decoders_extended(replica);
    }
}

/* Decoders alone, with blocks for all of them. False, and nothing done, if it is not so. */
static inline bool leap_serve_decoders(struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    if (batch->decoding == 0 || batch->prefilling_count > 0 || replica->regenerating > 0 ||
        !leap_have_blocks(replica, 1, 0)) {
        return false;
    }
    replica->granted = 1;
    leap_count_decoders(replica);
    return true;
}

/* Gives every decoder its token, and takes their blocks, preempting the latest admitted while blocks run out. */
void leap_give_decoders(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted);

/* The prompt tokens that a step with `budget` left serves of a request (schedule_tokens_wanted). */
int64_t leap_chunk_wanted(const struct batching_config *batching, const struct request *request, int64_t budget);

/* Serves the running in order of admission; returns the budget that is left. As long as prefillers come last in that order, or
 * nothing is short, serving all decoders first is the same; otherwise the step is walked. */
int64_t leap_serve_running(struct cluster *cluster, struct leap_replica *replica, i128 now, bool *preempted);

/* The latest admitted loses blocks and progress, and goes to the head of its replica's queue. Returns it. */
uint32_t leap_preempt_latest(struct cluster *cluster, struct leap_replica *replica, i128 now);

#endif
