/* form_prefill_first.c - `prefill-first` on aggregates (sim/stepwise/schedule_prefill_first.c says what it is). */
#include "base/check.h"
#include "sim/leap/form.h"

static int64_t step_budget(const struct batching_config *batching) {
    bool cut = batching->chunk > 0 && batching->chunk < batching->max_num_batched_tokens;
    return cut ? batching->chunk : batching->max_num_batched_tokens;
}

/* There is at most one prompt that was cut, the latest admitted. */
static int64_t continue_cut_prompt(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    const struct batch *batch = &replica->batch;
    CHECK(batch->prefilling_count <= 1);
    if (batch->prefilling_count == 0) {
        return budget;
    }
    const struct request *request = &cluster->requests[batch->prefilling[0]];
    int64_t rest = request->target - request->computed;
    int64_t tokens = rest < budget ? rest : budget;
    leap_give_chunk(cluster, replica, batch->prefilling[0], tokens, now);
    return budget - tokens;
}

static int64_t tokens_of_head(const struct batching_config *batching, const struct request *head, int64_t budget) {
    if (head->target <= budget) {
        return head->target;
    }
    if (batching->chunk > 0) {
        return budget;
    }
    bool can_never_fit = head->target > step_budget(batching);
    return can_never_fit && budget == step_budget(batching) ? head->target : 0;
}

static bool head_has_room(const struct leap_replica *replica, const struct request *head) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t blocks = leap_blocks_for(replica, head->target) + batching->watermark_blocks;
    return replica->batch.count < batching->max_num_seqs && leap_have_blocks(replica, replica->granted, blocks);
}

static void admit_prompts(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    while (leap_waiting(replica) > 0 && budget > 0) {
        uint32_t index = leap_waiting_at(replica, 0);
        struct request *head = &cluster->requests[index];
        if (!head_has_room(replica, head)) {
            if (replica->batch.count > 0) {
                return;
            }
            leap_reject_head(cluster, replica, now);
            continue;
        }
        int64_t tokens = tokens_of_head(&replica->config->batching, head, budget);
        if (tokens == 0) {
            return;
        }
        CHECK(leap_hold(replica, head, head->target));
        leap_admit_head(cluster, replica, now);
        leap_give_chunk(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void form(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    (void)wake;
    bool preempted = false;
    int64_t budget = continue_cut_prompt(cluster, replica, now, step_budget(&replica->config->batching));
    admit_prompts(cluster, replica, now, budget);
    if (replica->work.prefill_seqs > 0) {
        return;
    }
    if (replica->regenerating == 0) {
        leap_give_decoders(cluster, replica, now, &preempted);
    } else {
        leap_walk(cluster, replica, INT64_MAX, now, &preempted);
    }
}

const struct leap_policy leap_prefill_first = {.form = form};
