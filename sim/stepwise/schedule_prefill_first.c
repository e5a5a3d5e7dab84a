/* schedule_prefill_first.c - vLLM V0, and SGLang with `chunk`: prefill goes before decoding, in steps of its own.
 *
 * If the head of the queue can be admitted (a slot, and blocks for its whole prompt above the watermark) the step is
 * prefill only. With `chunk` the step's budget is at most that, its last prompt is cut to the budget and is the first of
 * the next prefill step. A preempted request whose tokens exceed the budget prefills whole, alone in its step. */
#include "base/check.h"
#include "sim/stepwise/kv.h"
#include "sim/stepwise/schedule.h"

static int64_t step_budget(const struct batching_config *batching) {
    bool cut = batching->chunk > 0 && batching->chunk < batching->max_num_batched_tokens;
    return cut ? batching->chunk : batching->max_num_batched_tokens;
}

/* Goes on with the prompt that was cut, the latest admitted; returns the budget that is left. */
static int64_t continue_cut_prompt(struct cluster *cluster, struct replica *replica, i128 now, int64_t budget) {
    if (replica->running_count == 0) {
        return budget;
    }
    uint32_t index = replica->running[replica->running_count - 1];
    int64_t rest = cluster->requests[index].target - cluster->requests[index].computed;
    if (rest <= 0) {
        return budget;
    }
    int64_t tokens = rest < budget ? rest : budget;
    schedule_give(cluster, replica, index, tokens, now);
    return budget - tokens;
}

/* The tokens of the head's prompt that this step may take; 0: it does not fit the budget. */
static int64_t head_tokens(const struct replica *replica, const struct request *head, int64_t budget) {
    const struct batching_config *batching = &replica->config->batching;
    if (head->target <= budget || (batching->chunk > 0 && budget > 0)) {
        return head->target < budget ? head->target : budget;
    }
    bool alone = head->target > step_budget(batching) && budget == step_budget(batching);
    return alone && batching->chunk == 0 ? head->target : 0;
}

/* Slots, and blocks for the head's whole prompt. */
static bool head_fits(const struct replica *replica, const struct request *head) {
    const struct pool_config *config = replica->config;
    int64_t blocks = kv_blocks_for(config, head->target) + config->batching.watermark_blocks;
    return (int64_t)replica->running_count < config->batching.max_num_seqs && blocks <= replica->free_blocks;
}

static void admit_prompts(struct cluster *cluster, struct replica *replica, i128 now, int64_t budget) {
    while (schedule_waiting(replica) > 0 && budget > 0) {
        uint32_t index = schedule_waiting_at(replica, 0);
        struct request *head = &cluster->requests[index];
        if (!head_fits(replica, head)) {
            if (replica->running_count > 0) {
                return;
            }
            schedule_reject_head(cluster, replica, now);
            continue;
        }
        int64_t tokens = head_tokens(replica, head, budget);
        if (tokens == 0) {
            return;
        }
        CHECK(kv_hold(replica, head, head->target));
        schedule_admit_head(cluster, replica, now);
        schedule_give(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void decode_all(struct cluster *cluster, struct replica *replica, i128 now) {
    bool preempted = false;
    for (size_t i = 0; i < replica->running_count; i++) {
        uint32_t index = replica->running[i];
        if (schedule_make_room(cluster, replica, i, 1, now, &preempted)) {
            schedule_give(cluster, replica, index, 1, now);
        }
    }
}

static void form(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    (void)wake;
    int64_t budget = continue_cut_prompt(cluster, replica, now, step_budget(&replica->config->batching));
    admit_prompts(cluster, replica, now, budget);
    if (replica->work.prefill_seqs == 0) {
        decode_all(cluster, replica, now);
    }
}

const struct scheduler scheduler_prefill_first = {.form = form, .keeps_finished = false};
