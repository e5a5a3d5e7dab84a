/* A pool's speculative decoding: how many drafts, how many of them are accepted, what makes them. */
#include <math.h>
#include <string.h>

#include "models/work.h"
#include "scenarios/resolve.h"

/* Feed-forward width of an EAGLE head whose target has no dense layers, over its hidden size. Estimate: heads published for mixtures of
 * experts have 4 to 6. */
enum { EAGLE_FFN_RATIO = 4 };

static struct position at_key(const struct view *view, const char *key) {
    return view_has(view, key) ? view_at(view, key) : view->at;
}

/* The mean of accepted drafts where each is accepted with chance p if all before it were: p + p^2 + ... + p^k.
 * Source: Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from Transformers via Speculative Decoding", 2023, arXiv:2211.17192, eq. 1
 * (which counts the token that the target adds, too). Check value: p 0.8, k 4: 0.8 + 0.64 + 0.512 + 0.4096 = 2.3616. */
static double accepted_of_rate(double rate, int64_t draft_tokens) {
    double accepted = 0, all_before = 1;
    for (int64_t i = 0; i < draft_tokens; i++) {
        all_before *= rate;
        accepted += all_before;
    }
    return accepted;
}

static bool fill_accepted(struct resolver *resolver, const struct view *view, struct speculative_config *config) {
    bool by_count = view_has(view, "accepted_tokens"), by_rate = view_has(view, "acceptance_rate");
    if (by_count == by_rate) {
        return diag_error(resolver->diags, at_key(view, "acceptance_rate"), by_count ? "key-conflict" : "missing-key",
                          by_count ? "%s has both 'accepted_tokens' and 'acceptance_rate'; keep one"
                                   : "%s needs 'accepted_tokens', the mean of accepted drafts a step, or "
                                     "'acceptance_rate', the chance of each",
                          view->path);
    }
    double accepted = by_count ? view_number(view, "accepted_tokens")
                               : accepted_of_rate(view_number(view, "acceptance_rate"), config->draft_tokens);
    config->accepted = (int64_t)nearbyint(accepted * (double)(1 << CONTEXT_SHIFT));
    return config->accepted <= config->draft_tokens << CONTEXT_SHIFT ||
           diag_error(resolver->diags, view_at(view, "accepted_tokens"), "speculative",
                      "%s.accepted_tokens = %.15g is above draft_tokens = %lld: a step accepts its drafts at most",
                      view->path, accepted, (long long)config->draft_tokens);
}

/* One layer of the target, with experts if it has them. */
static struct llm mtp_layer(const struct llm *target) {
    struct llm layer = *target;
    layer.layers = 1;
    layer.attention_layers = layer.dense_layers = 0;
    layer.sliding_window = layer.global_layer_period = 0;
    layer.params_basis = "shape";
    return layer;
}

/* One dense layer of the target's width. */
static struct llm eagle_layer(const struct llm *target) {
    struct llm layer = mtp_layer(target);
    layer.ffn_dim = layer.ffn_dim > 0 ? layer.ffn_dim : EAGLE_FFN_RATIO * layer.hidden;
    layer.experts = layer.experts_per_tok = layer.shared_experts = layer.moe_ffn_dim = 0;
    return layer;
}

static bool find_named(struct resolver *resolver, const struct view *view, struct draft_model *draft) {
    const struct node *node = view_node(view, "draft");
    const struct llm *named = catalog_llm(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
    if (named == NULL) {
        return false;
    }
    draft->llm = *named;
    draft->llm.sliding_window = draft->llm.global_layer_period = 0; /* all layers read all: a little too much */
    draft->precision = named->default_precision;
    draft->exists = true;
    return true;
}

/* What makes the drafts: by default nothing that takes time. `target` NULL: step times are given. */
static bool find_draft(struct resolver *resolver, const struct view *view, const struct llm *target,
                       enum precision precision, struct draft_model *draft) {
    bool is_mtp = view_is(view, "draft", "mtp"), is_eagle = view_is(view, "draft", "eagle");
    if (!view_has(view, "draft") || view_is(view, "draft", "ngram")) {
        resolver_assume(resolver, view_path(resolver->arena, view, "draft"),
                        "drafts cost no GPU time (n-grams); the drafts' verification is in the step");
        return true;
    }
    if (target == NULL) {
        return diag_error(resolver->diags, view_at(view, "draft"), "key-not-used",
                          "%s.draft has no use with step_time: {model: linear}: c0 and c2 have the drafts' time",
                          view->path);
    }
    if (!is_mtp && !is_eagle) {
        return find_named(resolver, view, draft);
    }
    draft->exists = draft->shares_head = true;
    draft->llm = is_mtp ? mtp_layer(target) : eagle_layer(target);
    draft->precision = is_mtp ? precision : PRECISION_BF16;
    resolver_assume(resolver, view_path(resolver->arena, view, "draft"),
                    is_mtp
                        ? "a layer of the model's own shape, run once for each draft; it shares embedding and LM head"
                        : "one dense layer of the model's width in 16 bit, run once for each draft; it shares "
                          "embedding and LM head");
    return true;
}

/* A full batch and its drafts must fit in a step of policies that count them. */
static bool check_budget(struct resolver *resolver, const struct view *view, const struct pool_config *pool) {
    const struct batching_config *batching = &pool->batching;
    bool counts = batching->policy != BATCHING_PREFILL_FIRST && batching->policy != BATCHING_STATIC;
    int64_t tokens = batching_slots(batching) * pool_decode_tokens(pool);
    return !counts || tokens <= batching->max_num_batched_tokens ||
           diag_error(
               resolver->diags, view_at(view, "draft_tokens"), "token-budget",
               "%s: max_num_seqs x (1 + draft_tokens) = %lld is above max_num_batched_tokens = %lld; a full batch "
               "could not take a step",
               view->path, (long long)tokens, (long long)batching->max_num_batched_tokens);
}

bool resolve_speculative(struct resolver *resolver, const struct view *pool, const struct llm *target,
                         enum precision precision, struct pool_config *config, struct draft_model *draft) {
    struct view view = view_block(resolver->arena, pool, "speculative");
    *draft = (struct draft_model){0};
    config->speculative = (struct speculative_config){0};
    if (!view_has(pool, "speculative") || view_integer(&view, "draft_tokens") == 0) {
        return true;
    }
    config->speculative.draft_tokens = view_integer(&view, "draft_tokens");
    bool is_ok = fill_accepted(resolver, &view, &config->speculative);
    is_ok = check_budget(resolver, &view, config) && is_ok;
    return find_draft(resolver, &view, target, precision, draft) && is_ok;
}

/* The draft model in the target's place: without what its engine takes once a step or a sequence. */
static struct roofline_step draft_roofline(const struct draft_model *draft, const struct roofline_step *target) {
    struct roofline_step step = roofline_step_default(&draft->llm, target->gpu, draft->precision, target->kv_precision,
                                                      target->tensor_parallel, target->gpus_per_node);
    step.attention_dp = target->attention_dp;
    step.overhead = (struct engine_overhead){.per_layer_s = target->overhead.per_layer_s};
    return step;
}

struct step_model *resolve_draft_step(struct resolver *resolver, const struct draft_model *draft,
                                      const struct roofline_step *target, const struct profile_step *profile,
                                      struct position at) {
    const struct roofline_step roofline = draft_roofline(draft, target);
    struct work_model work;
    if (!roofline_step_check(&roofline, resolver->diags, at) ||
        !work_model_make(&roofline, &work, resolver->diags, at)) {
        return NULL;
    }
    if (profile == NULL) {
        return step_model_new_roofline(&roofline, &work, resolver->diags, at);
    }
    struct profile_step step = {.setup = profile->setup, .profile = profile->profile, .is_draft = true};
    step.setup.llm = &draft->llm;
    step.setup.precision = draft->precision;
    step.setup.expert_parallel = draft->llm.experts > 0 ? profile->setup.expert_parallel : 1;
    return step_model_new_profile(&step, &work, resolver->diags, at);
}
