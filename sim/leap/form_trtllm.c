/* form_trtllm.c - `trtllm` on aggregates (sim/stepwise/schedule_trtllm.c says what it is). */
#include "base/check.h"
#include "sim/leap/form.h"

static int64_t tokens_of_newcomer(const struct batching_config *batching, const struct request *request,
                                  int64_t budget) {
    if (leap_target_left(request) <= budget || batching->chunk > 0) {
        return leap_chunk_wanted(batching, request, budget);
    }
    return budget == batching->max_num_batched_tokens ? leap_target_left(request) : 0;
}

static int64_t tokens_to_hold(const struct leap_replica *replica, const struct request *request) {
    return replica->shared->keeps_blocks
               ? pool_final_tokens(replica->config, request_input(request), request_output(request))
               : request_target(request);
}

/* How many of the waiting join this step, and the tokens of theirs in it. */
static size_t joining(const struct cluster *cluster, const struct leap_replica *replica, int64_t budget,
                      int64_t *prompt_tokens) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t most = batching->max_num_seqs - replica->batch.count;
    int64_t blocks = leap_free_blocks(replica, replica->granted) - batching->watermark_blocks;
    size_t count = 0;
    *prompt_tokens = 0;
    for (; count < leap_waiting(replica) && (int64_t)count < most && budget > 0; count++) {
        const struct request *request = cluster_request(cluster, leap_waiting_at(replica, count));
        int64_t tokens = tokens_of_newcomer(batching, request, budget);
        blocks -= leap_blocks_for(replica, tokens_to_hold(replica, request));
        if (tokens == 0 || blocks < 0) {
            break;
        }
        budget -= tokens;
        *prompt_tokens += tokens;
    }
    return count;
}

/* Until others arrive or the batch changes, the next steps hold back the same newcomers, up to the limit, where these can take blocks
 * that do not run short. */
static bool hold_back(struct leap_replica *replica, int64_t step_tokens) {
    const struct batching_config *batching = &replica->config->batching;
    replica->holding = replica->work.decode_seqs > 0 && step_tokens < batching->batch_wait_max_tokens &&
                       replica->held_steps < batching->batch_wait_timeout_iters;
    replica->held_steps = replica->holding ? replica->held_steps + 1 : 0;
    if (replica->holding) {
        int64_t more = batching->batch_wait_timeout_iters - replica->held_steps;
        replica->policy_steps = replica->shared->keeps_blocks ? 1 + more : 1;
    }
    return replica->holding;
}

static void admit(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t prompt_tokens;
    size_t count = joining(cluster, replica, budget, &prompt_tokens);
    while (count == 0 && replica->batch.count == 0 && leap_waiting(replica) > 0) {
        leap_reject_head(cluster, replica, now);
        count = joining(cluster, replica, budget, &prompt_tokens);
    }
    if (count == 0 || hold_back(replica, batching->max_num_batched_tokens - budget + prompt_tokens)) {
        return;
    }
    for (; count > 0; count--) {
        uint32_t index = leap_waiting_at(replica, 0);
        struct request *request = cluster_request(cluster, index);
        int64_t tokens = tokens_of_newcomer(batching, request, budget);
        CHECK(leap_hold(replica, leap_progress(cluster, request), tokens_to_hold(replica, request)));
        leap_admit_head(cluster, replica, now);
        leap_give_chunk(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void form(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    (void)wake;
    bool preempted = false;
    int64_t budget = leap_serve_running(cluster, replica, now, &preempted);
    if (!preempted) {
        admit(cluster, replica, now, budget);
    }
}

static void steps_passed(struct leap_replica *replica) {
    replica->held_steps += replica->holding ? replica->planned - 1 : 0;
}

const struct leap_policy leap_trtllm = {.form = form, .steps_passed = steps_passed, .decoders_go_on = true};
