/* schedule_trtllm.c - TensorRT-LLM: every running sequence decodes in every step, and whole prompts join it while its tokens,
 * slots and blocks last, first come first served. Only with `chunk` are prompts cut (chunked context).
 *
 * With `kv_admission: reserve` (GUARANTEED_NO_EVICT) a request takes the blocks of its prompt and its whole answer when it is
 * admitted; with `prompt` (MAX_UTILIZATION) those of its prompt, and the latest may be preempted.
 * Waiting for a batch: while sequences decode and the step with its newcomers would have less than `batch_wait_max_tokens`
 * tokens, newcomers are held back, for `batch_wait_timeout_iters` steps at most. Prompts that were cut go on meanwhile. */
#include "base/check.h"
#include "sim/stepwise/kv.h"
#include "sim/stepwise/schedule.h"

/* The tokens of a newcomer that the step may take; 0: none. A prompt longer than any step (recomputed after a preemption) goes
 * alone. */
static int64_t newcomer_tokens(const struct batching_config *batching, const struct request *request, int64_t budget) {
    int64_t tokens = schedule_chunk_wanted(batching, request, budget);
    int64_t rest = request->progress->target - request->progress->computed;
    if (batching->chunk > 0 || tokens == rest) {
        return tokens;
    }
    return budget == batching->max_num_batched_tokens ? rest : 0;
}

/* The tokens for which a newcomer takes blocks. */
static int64_t newcomer_held(const struct pool_config *config, const struct request *request) {
    bool reserve = config->batching.kv_admission == KV_ADMISSION_RESERVE;
    return reserve ? pool_final_tokens(config, request_input(request), request_output(request))
                   : request->progress->target;
}

/* Newcomers that join this step, and their tokens in it. */
struct newcomers {
    size_t count;
    int64_t prompt_tokens;
};

static struct newcomers find_newcomers(const struct cluster *cluster, const struct replica *replica, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    struct newcomers found = {0};
    int64_t slots = batching->max_num_seqs - (int64_t)replica->running_count;
    int64_t blocks = replica->free_blocks - batching->watermark_blocks;
    while (found.count < schedule_waiting(replica) && (int64_t)found.count < slots && budget > 0) {
        const struct request *request = cluster_request(cluster, schedule_waiting_at(replica, found.count));
        int64_t tokens = newcomer_tokens(batching, request, budget);
        blocks -= kv_blocks_for(replica->config, newcomer_held(replica->config, request));
        if (tokens == 0 || blocks < 0) {
            break;
        }
        budget -= tokens;
        found.prompt_tokens += tokens;
        found.count++;
    }
    return found;
}

/* Whether newcomers wait for a fuller step; counts the step if so. */
static bool hold_back(struct replica *replica, const struct newcomers *newcomers, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t tokens = batching->max_num_batched_tokens - budget + newcomers->prompt_tokens;
    bool wait = replica->work.decode_seqs > 0 && tokens < batching->batch_wait_max_tokens &&
                replica->held_steps < batching->batch_wait_timeout_iters;
    replica->held_steps = wait ? replica->held_steps + 1 : 0;
    return wait;
}

static void admit(struct cluster *cluster, struct replica *replica, i128 now, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    struct newcomers newcomers = find_newcomers(cluster, replica, budget);
    while (newcomers.count == 0 && replica->running_count == 0 && schedule_waiting(replica) > 0) {
        schedule_reject_head(cluster, replica, now);
        newcomers = find_newcomers(cluster, replica, budget);
    }
    if (newcomers.count == 0 || hold_back(replica, &newcomers, budget)) {
        return;
    }
    for (size_t i = 0; i < newcomers.count; i++) {
        uint32_t index = schedule_waiting_at(replica, 0);
        struct request *request = cluster_request(cluster, index);
        int64_t tokens = newcomer_tokens(batching, request, budget);
        CHECK(kv_hold(replica, request, newcomer_held(replica->config, request)));
        schedule_admit_head(cluster, replica, now);
        schedule_give(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void form(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    (void)wake;
    bool preempted = false;
    int64_t budget = schedule_serve_running(cluster, replica, now, &preempted);
    if (!preempted) {
        admit(cluster, replica, now, budget);
    }
}

const struct scheduler scheduler_trtllm = {.form = form, .keeps_finished = false};
