/* schedule_prefill_first.c - vLLM V0, and SGLang with `chunk`: prefill goes before decoding, in steps of its own.
 *
 * If the head of the queue can be admitted (a slot, and blocks for its whole prompt above the watermark) the step is
 * prefill only. With `chunk` the step's budget is at most that, its last prompt is cut to the budget and is the first of
 * the next prefill step. A preempted request whose tokens exceed the budget prefills whole, alone in its step.
 *
 * With a `recv_interval` who arrives is seen only so often: at the first step with nobody running, after a step of prompts, and after that many
 * steps of decodes. A preempted request has been seen.
 *
 * `kv_admission: estimate` is SGLang's: besides its prompt the head's answer must fit, and a share of what the running have yet to
 * generate (answers as they will be, which a server does not know: it takes the limits that clients ask for). The share falls with every
 * step of decodes, and after a preemption becomes what was generated of all that was asked. */
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
    const struct progress *progress = cluster_request(cluster, index)->progress;
    int64_t rest = progress->target - progress->computed;
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
    int64_t rest = head->progress->target - head->progress->computed;
    if (rest <= budget || (batching->chunk > 0 && budget > 0)) {
        return rest < budget ? rest : budget;
    }
    bool alone = rest > step_budget(batching) && budget == step_budget(batching);
    return alone && batching->chunk == 0 ? rest : 0;
}

/* Tokens that a request has yet to generate, as far as admission looks ahead. */
static int64_t tokens_ahead(const struct request *request) {
    int64_t rest = request_output(request) - request->progress->emitted;
    return rest < ESTIMATE_TOKENS_MAX ? rest : ESTIMATE_TOKENS_MAX;
}

/* Tokens that admission keeps room for: a share of what the first `running` have ahead, and all of what the rest, admitted in this step,
 * have. */
static int64_t tokens_kept(const struct cluster *cluster, const struct replica *replica, size_t running) {
    int64_t before = 0, now = 0;
    for (size_t i = 0; i < replica->running_count; i++) {
        *(i < running ? &before : &now) += tokens_ahead(cluster_request(cluster, replica->running[i]));
    }
    return (int64_t)(((i128)before * replica->new_token_ratio) >> NEW_TOKEN_RATIO_SHIFT) + now;
}

/* Slots, and blocks for the head's whole prompt; with `estimate` for more. `running`: those of before this step. */
static bool head_fits(const struct cluster *cluster, const struct replica *replica, const struct request *head,
                      size_t running) {
    const struct pool_config *config = replica->config;
    int64_t spare =
        replica->free_blocks - kv_blocks_for(config, head->progress->target) - config->batching.watermark_blocks;
    if ((int64_t)replica->running_count >= config->batching.max_num_seqs || spare < 0) {
        return false;
    }
    if (config->batching.kv_admission != KV_ADMISSION_ESTIMATE || replica->running_count == 0) {
        return true;
    }
    return tokens_kept(cluster, replica, running) + tokens_ahead(head) <= spare * config->block_size;
}

/* The share after a step of decodes: lower, or after a preemption what the running generated (and will soon) of what they are to. */
static void update_ratio(const struct cluster *cluster, struct replica *replica, bool preempted) {
    const struct batching_config *batching = &replica->config->batching;
    if (!preempted) {
        int64_t next = replica->new_token_ratio - batching->new_token_ratio_decay;
        replica->new_token_ratio = next > batching->new_token_ratio_min ? next : batching->new_token_ratio_min;
        return;
    }
    int64_t generated = 0, asked = 1;
    for (size_t i = 0; i < replica->running_count; i++) {
        const struct request *request = cluster_request(cluster, replica->running[i]);
        generated += request->progress->emitted + ESTIMATE_RETRACT_STEPS;
        asked += request_output(request);
    }
    i128 share = ((i128)generated << NEW_TOKEN_RATIO_SHIFT) / asked;
    i128 whole = (i128)1 << NEW_TOKEN_RATIO_SHIFT;
    replica->new_token_ratio = (int64_t)(share < whole ? share : whole);
}

/* Looks at who has arrived, if it is time to. */
static void look(struct replica *replica) {
    int64_t interval = replica->config->batching.recv_interval;
    if (interval <= 1 || replica->running_count == 0 || replica->steps_unseen >= interval) {
        replica->received = schedule_waiting(replica);
        replica->steps_unseen = 0;
    }
    if (replica->received > schedule_waiting(replica)) { /* other replicas took from the pool's queue */
        replica->received = schedule_waiting(replica);
    }
}

static void admit_prompts(struct cluster *cluster, struct replica *replica, i128 now, int64_t budget) {
    size_t running = replica->running_count;
    while (replica->received > 0 && budget > 0) {
        uint32_t index = schedule_waiting_at(replica, 0);
        struct request *head = cluster_request(cluster, index);
        if (!head_fits(cluster, replica, head, running)) {
            if (replica->running_count > 0) {
                return;
            }
            schedule_reject_head(cluster, replica, now);
            replica->received--;
            continue;
        }
        int64_t tokens = head_tokens(replica, head, budget);
        if (tokens == 0) {
            return;
        }
        CHECK(kv_hold(replica, head, head->progress->target));
        schedule_admit_head(cluster, replica, now);
        replica->received--;
        schedule_give(cluster, replica, index, tokens, now);
        budget -= tokens;
    }
}

static void decode_all(struct cluster *cluster, struct replica *replica, i128 now) {
    const int64_t tokens = pool_decode_tokens(replica->config);
    bool preempted = false;
    size_t waiting = replica->waiting.count;
    for (size_t i = 0; i < replica->running_count; i++) {
        uint32_t index = replica->running[i];
        if (schedule_make_room(cluster, replica, i, tokens, now, &preempted)) {
            schedule_give(cluster, replica, index, tokens, now);
        }
    }
    replica->received += replica->waiting.count - waiting;
    update_ratio(cluster, replica, preempted);
}

static void form(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    (void)wake;
    if (replica->running_count == 0) {
        replica->new_token_ratio = replica->config->batching.new_token_ratio;
    }
    look(replica);
    int64_t budget = continue_cut_prompt(cluster, replica, now, step_budget(&replica->config->batching));
    admit_prompts(cluster, replica, now, budget);
    if (replica->work.prefill_seqs == 0) {
        decode_all(cluster, replica, now);
    }
    replica->steps_unseen += replica->work.prefill_seqs > 0 ? replica->config->batching.recv_interval : 1;
}

const struct scheduler scheduler_prefill_first = {.form = form, .keeps_finished = false};
