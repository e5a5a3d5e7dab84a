/* A pool's scheduler. */
#include <math.h>

#include "scenarios/resolve.h"

static enum kv_admission kv_admission_of(const struct view *batching, enum batching_policy policy) {
    static const enum kv_admission by_policy[BATCHING_POLICY_COUNT] = {
        [BATCHING_PREFILL_FIRST] = KV_ADMISSION_PROMPT,
        [BATCHING_TRTLLM] = KV_ADMISSION_RESERVE,
    };
    const struct field *field = block_field(batching->block, span_of("kv_admission"));
    return view_has(batching, "kv_admission")
               ? (enum kv_admission)words_find(field->words, span_of(view_text(batching, "kv_admission")))
               : by_policy[policy];
}

/* SGLang's shares: 0.7 x conservativeness at first, 0.14 of that at last, after 600 steps (its defaults, 2025). */
static void fill_new_token_ratio(struct batching_config *batching, double conservativeness) {
    double first = fmin(0.7 * conservativeness, 1);
    double one = (double)(1 << NEW_TOKEN_RATIO_SHIFT);
    batching->new_token_ratio = (int64_t)nearbyint(first * one);
    batching->new_token_ratio_min = (int64_t)nearbyint(first * 0.14 * one);
    batching->new_token_ratio_decay = (int64_t)nearbyint(first * (1 - 0.14) / 600 * one);
}

static void fill_batching(const struct view *view, struct batching_config *batching) {
    const struct field *policies = block_field(view->block, span_of("policy"));
    batching->policy = (enum batching_policy)words_find(policies->words, span_of(view_text(view, "policy")));
    bool is_single = batching->policy == BATCHING_REQUEST_LEVEL;
    batching->max_num_seqs = is_single ? 1 : view_integer(view, "max_num_seqs");
    batching->max_num_batched_tokens = view_integer(view, "max_num_batched_tokens");
    batching->chunk = view_integer(view, "chunk");
    batching->kv_admission = kv_admission_of(view, batching->policy);
    batching->watermark_blocks = view_integer(view, "watermark_blocks");
    batching->on_preempt = view_is(view, "on_preempt", "restart") ? ON_PREEMPT_RESTART : ON_PREEMPT_RECOMPUTE;
    batching->max_wait = units_of_s(view_number(view, "max_wait"));
    batching->deliver = view_is(view, "deliver", "batch") ? DELIVER_BATCH : DELIVER_TOKEN;
    batching->recv_interval = view_integer(view, "recv_interval");
    batching->batch_wait_timeout_iters = view_integer(view, "batch_wait_timeout_iters");
    batching->batch_wait_max_tokens =
        (int64_t)ceil(view_number(view, "batch_wait_max_tokens_ratio") * (double)batching->max_num_batched_tokens);
    if (batching->kv_admission == KV_ADMISSION_ESTIMATE) {
        fill_new_token_ratio(batching, view_number(view, "schedule_conservativeness"));
    }
}

/* A pipeline's round: budgets are those of a micro-batch, and TensorRT-LLM's max_batch_size too; other engines count sequences over all. */
static void fill_rounds(const struct view *pool, struct batching_config *batching) {
    const int64_t stages = view_integer(pool, "pipeline_parallel");
    if (stages > 1) {
        batching->micro_batches = stages;
        batching->max_num_batched_tokens *= stages;
        batching->batch_wait_max_tokens *= stages;
        batching->chunk *= stages;
        batching->max_num_seqs *= view_is(pool, "engine", "trtllm") ? stages : 1;
    }
}

/* Which kinds of admission a policy knows. */
static bool check_kv_admission(struct resolver *resolver, const struct view *view,
                               const struct batching_config *batching) {
    static const struct {
        enum batching_policy policy;
        enum kv_admission admission;
    } known[] = {
        {BATCHING_CONTINUOUS, KV_ADMISSION_CHUNK},     {BATCHING_CONTINUOUS, KV_ADMISSION_PROMPT},
        {BATCHING_PREFILL_FIRST, KV_ADMISSION_PROMPT}, {BATCHING_PREFILL_FIRST, KV_ADMISSION_ESTIMATE},
        {BATCHING_TRTLLM, KV_ADMISSION_PROMPT},        {BATCHING_TRTLLM, KV_ADMISSION_RESERVE},
    };
    if (!view_has(view, "kv_admission")) {
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].policy == batching->policy && known[i].admission == batching->kv_admission) {
            return true;
        }
    }
    return diag_error(resolver->diags, view_at(view, "kv_admission"), "kv-admission",
                      "%s.kv_admission = %s is not one of policy %s: chunk and prompt are of continuous, prompt and "
                      "estimate of prefill-first, prompt and reserve of trtllm",
                      view->path, view_text(view, "kv_admission"), batching_policy_name(batching->policy));
}

static bool check_budget(struct resolver *resolver, const struct view *view, const struct batching_config *batching) {
    if (batching->max_num_batched_tokens >= batching->max_num_seqs) {
        return true;
    }
    const char *key = view_has(view, "max_num_seqs") ? "max_num_seqs" : "max_num_batched_tokens";
    return diag_error(
        resolver->diags, view_at(view, key), "token-budget",
        "%s: max_num_batched_tokens = %lld is below max_num_seqs = %lld; a full batch could not take a step",
        view->path, (long long)batching->max_num_batched_tokens, (long long)batching->max_num_seqs);
}

bool resolve_batching(struct resolver *resolver, const struct view *pool, struct batching_config *batching) {
    struct view view = view_block(resolver->arena, pool, "batching");
    fill_batching(&view, batching);
    fill_rounds(pool, batching);
    return check_kv_admission(resolver, &view, batching) && check_budget(resolver, &view, batching);
}
