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
    const struct request *request = cluster_request(cluster, batch->prefilling[0]);
    int64_t rest = leap_target_left(request);
    int64_t tokens = rest < budget ? rest : budget;
    leap_give_chunk(cluster, replica, batch->prefilling[0], tokens, now);
    return budget - tokens;
}

static int64_t tokens_of_head(const struct batching_config *batching, const struct request *head, int64_t budget) {
    const int64_t rest = leap_target_left(head);
    if (rest <= budget) {
        return rest;
    }
    if (batching->chunk > 0) {
        return budget;
    }
    bool can_never_fit = rest > step_budget(batching);
    return can_never_fit && budget == step_budget(batching) ? rest : 0;
}

static int64_t emitted_of(const struct leap_replica *replica, const struct request *request) {
    return request->decoding ? batch_emitted(&replica->batch, request) : leap_emitted(request);
}

static int64_t tokens_ahead(const struct leap_replica *replica, const struct request *request) {
    int64_t rest = request_output(request) - emitted_of(replica, request);
    return rest < ESTIMATE_TOKENS_MAX ? rest : ESTIMATE_TOKENS_MAX;
}

/* Whether there is room for the answers too: of the head, of those admitted in this step (after the first `running`), and a share of the
 * others'. */
static bool answers_have_room(const struct cluster *cluster, const struct leap_replica *replica,
                              const struct request *head, int64_t running) {
    int64_t blocks = leap_blocks_for(replica, request_target(head)) + replica->config->batching.watermark_blocks;
    int64_t spare = (leap_free_blocks(replica, replica->granted) - blocks) * replica->config->block_size;
    int64_t before = 0, now = tokens_ahead(replica, head);
    for (uint32_t i = replica->batch.first; i != BATCH_NONE; i = cluster_request(cluster, i)->next) {
        *(running-- > 0 ? &before : &now) += tokens_ahead(replica, cluster_request(cluster, i));
    }
    return (int64_t)(((i128)before * replica->new_token_ratio) >> NEW_TOKEN_RATIO_SHIFT) + now <= spare;
}

/* With `estimate` the answer may change with every step. */
static bool head_has_room(const struct cluster *cluster, struct leap_replica *replica, const struct request *head,
                          int64_t running) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t blocks = leap_blocks_for(replica, request_target(head)) + batching->watermark_blocks;
    if (replica->batch.count >= batching->max_num_seqs || !leap_have_blocks(replica, replica->granted, blocks)) {
        return false;
    }
    if (batching->kv_admission != KV_ADMISSION_ESTIMATE || replica->batch.count == 0 ||
        answers_have_room(cluster, replica, head, running)) {
        return true;
    }
    replica->policy_steps = 1;
    return false;
}

/* Steps of decodes have passed, or one has preempted. */
static void update_ratio(const struct cluster *cluster, struct leap_replica *replica) {
    int64_t generated = 0, asked = 1;
    for (uint32_t i = replica->batch.first; i != BATCH_NONE; i = cluster_request(cluster, i)->next) {
        const struct request *request = cluster_request(cluster, i);
        generated += emitted_of(replica, request) + ESTIMATE_RETRACT_STEPS;
        asked += request_output(request);
    }
    i128 share = ((i128)generated << NEW_TOKEN_RATIO_SHIFT) / asked;
    i128 whole = (i128)1 << NEW_TOKEN_RATIO_SHIFT;
    replica->new_token_ratio = (int64_t)(share < whole ? share : whole);
}

/* Where nobody waits, looks in between have seen nobody: the count of steps goes round. */
static void unseen_passed(struct leap_replica *replica) {
    int64_t interval = replica->config->batching.recv_interval;
    if (interval > 1 && replica->planned > 1) {
        replica->steps_unseen = (replica->steps_unseen - 1 + replica->planned - 1) % interval + 1;
    }
}

static void steps_passed(struct leap_replica *replica) {
    const struct batching_config *batching = &replica->config->batching;
    unseen_passed(replica);
    if (replica->work.prefill_seqs == 0 && !replica->preempted) {
        int64_t least = batching->new_token_ratio_min;
        bool far = batching->new_token_ratio_decay > (replica->new_token_ratio - least) / replica->planned;
        replica->new_token_ratio =
            far ? least : replica->new_token_ratio - replica->planned * batching->new_token_ratio_decay;
    }
}

static void look(struct leap_replica *replica) {
    int64_t interval = replica->config->batching.recv_interval;
    if (interval <= 1 || replica->batch.count == 0 || replica->steps_unseen >= interval) {
        replica->received = leap_waiting(replica);
        replica->steps_unseen = 0;
    }
    if (replica->received > leap_waiting(replica)) {
        replica->received = leap_waiting(replica);
    }
}

/* Counts the step; the stretch goes up to the next look, if somebody waits. */
static void count_step(struct leap_replica *replica) {
    int64_t interval = replica->config->batching.recv_interval;
    replica->steps_unseen += replica->work.prefill_seqs > 0 ? interval : 1;
    if (interval > 1 && leap_waiting(replica) > 0) {
        int64_t more = interval > replica->steps_unseen ? interval - replica->steps_unseen : 0;
        replica->policy_steps = replica->policy_steps < 1 + more ? replica->policy_steps : 1 + more;
    }
}

static void admit_prompts(struct cluster *cluster, struct leap_replica *replica, i128 now, int64_t budget) {
    int64_t running = replica->batch.count;
    while (replica->received > 0 && budget > 0) {
        uint32_t index = leap_waiting_at(replica, 0);
        struct request *head = cluster_request(cluster, index);
        if (!head_has_room(cluster, replica, head, running)) {
            if (replica->batch.count > 0) {
                return;
            }
            leap_reject_head(cluster, replica, now);
            replica->received--;
            continue;
        }
        int64_t tokens = tokens_of_head(&replica->config->batching, head, budget);
        if (tokens == 0) {
            return;
        }
        CHECK(leap_hold(replica, leap_progress(cluster, head), request_target(head)));
        leap_admit_head(cluster, replica, now);
        replica->received--;
        leap_give_chunk(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void decode_all(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    bool preempted = false;
    size_t waiting = replica->waiting.count;
    if (replica->regenerating == 0) {
        leap_give_decoders(cluster, replica, now, &preempted);
    } else {
        leap_walk(cluster, replica, INT64_MAX, now, &preempted);
    }
    replica->received += replica->waiting.count - waiting;
    if (preempted) {
        update_ratio(cluster, replica);
    }
}

static void form(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    (void)wake;
    if (replica->batch.count == 0) {
        replica->new_token_ratio = replica->config->batching.new_token_ratio;
    }
    look(replica);
    int64_t budget = continue_cut_prompt(cluster, replica, now, step_budget(&replica->config->batching));
    admit_prompts(cluster, replica, now, budget);
    if (replica->work.prefill_seqs == 0) {
        decode_all(cluster, replica, now);
    }
    count_step(replica);
}

const struct leap_policy leap_prefill_first = {.form = form, .steps_passed = steps_passed};
