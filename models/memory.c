#include "models/memory.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "models/parallel.h"
#include "models/priors.h"

static const double GB = 1e9;

/* Numbers that the widest feed-forward layer holds per token: input of each matrix and the activated product. */
static double ffn_width(const struct llm *llm) {
    double dense = (double)llm->ffn_dim;
    double moe = (double)((llm->experts_per_tok + llm->shared_experts) * llm->moe_ffn_dim);
    return dense > moe ? dense : moe;
}

/* The peak of a forward pass in 16 bit: four copies of the residual stream, three of the FFN's width, cut over
 * the ranks; and 32-bit logits with a copy for max_num_seqs samples, cut over the vocabulary. */
static double activation_byte(const struct memory_request *request) {
    const struct llm *llm = request->llm;
    double ranks = (double)request->tensor_parallel;
    double token_byte = 2 * (4 * (double)llm->hidden + 3 * ffn_width(llm) / ranks);
    double logit_byte = 8 * (double)llm->vocab / ranks;
    return (double)request->max_num_batched_tokens * token_byte + (double)request->max_num_seqs * logit_byte;
}

/* Of the replica; embedding and LM head only if they are the draft's own. */
static double draft_weight_byte(const struct memory_request *request) {
    struct llm_params params = llm_params(request->draft);
    double shared_byte = (params.embedding + params.lm_head) * precision_byte_per_weight(PRECISION_BF16);
    double byte = llm_weight_byte(request->draft, request->draft_precision);
    return request->draft_shares_head ? byte - shared_byte : byte;
}

/* What one GPU has for KV. */
static double kv_byte(const struct memory_request *request, const struct memory_plan *plan) {
    double workspace = plan->activation_byte_per_gpu + plan->overhead_byte_per_gpu;
    switch (request->engine) {
    case SERVING_SGLANG: return plan->usable_byte - plan->weight_byte_per_gpu;
    case SERVING_TRTLLM:
        return request->gpu_memory_utilization * (plan->usable_byte - plan->weight_byte_per_gpu - workspace);
    default: return plan->usable_byte - plan->weight_byte_per_gpu - workspace;
    }
}

/* Of the stage of a pipeline that has most, over the weights of the replica. */
static double stage_weight_ratio(const struct memory_request *request, double weight_byte) {
    const struct llm *llm = request->llm;
    if (request->pipeline_parallel <= 1) {
        return 1;
    }
    const struct llm_params params = llm_params(llm);
    const double wide = precision_byte_per_weight(PRECISION_BF16);
    const double ends = (params.embedding + params.lm_head) * wide;
    const double end = fmax(params.embedding, params.lm_head) * wide;
    const double share = (double)stage_layers(llm, request->pipeline_parallel) / (double)llm->layers;
    return ((weight_byte - ends) * share + end) / weight_byte;
}

static void plan_fill(const struct memory_request *request, struct memory_plan *plan) {
    const struct llm *llm = request->llm;
    const int64_t stages = request->pipeline_parallel > 1 ? request->pipeline_parallel : 1;
    const double layers_ratio = (double)stage_layers(llm, stages) / (double)llm->layers;
    int64_t ranks = request->tensor_parallel;
    int64_t groups = request->attention_dp > 1 ? request->attention_dp : 1;
    plan->weight_byte = llm_weight_byte(llm, request->precision);
    plan->weight_byte += attention_copies_byte(llm, request->precision, request->attention_dp);
    plan->weight_byte += request->draft != NULL ? draft_weight_byte(request) : 0;
    bool is_share_of_free = request->engine == SERVING_TRTLLM;
    plan->usable_byte = gpu_mem_byte(request->gpu) * (is_share_of_free ? 1 : request->gpu_memory_utilization);
    plan->weight_byte_per_gpu = plan->weight_byte * stage_weight_ratio(request, plan->weight_byte) / (double)ranks;
    plan->activation_byte_per_gpu = activation_byte(request);
    plan->overhead_byte_per_gpu = PRIOR_CONTEXT_BYTE + (ranks * stages > 1 ? PRIOR_NCCL_BYTE : 0);
    plan->kv_byte_per_gpu = kv_byte(request, plan);
    plan->kv_byte_per_tok_per_gpu =
        layers_ratio * llm_kv_byte_per_tok_per_gpu(llm, request->kv_precision, ranks / groups);
    plan->kv_byte_per_tok = llm_kv_byte_per_tok(llm, request->kv_precision, ranks / groups);
    if (request->draft != NULL) {
        plan->kv_byte_per_tok_per_gpu +=
            llm_kv_byte_per_tok_per_gpu(request->draft, request->kv_precision, ranks / groups);
        plan->kv_byte_per_tok += llm_kv_byte_per_tok(request->draft, request->kv_precision, ranks / groups);
    }
    double blocks = floor(plan->kv_byte_per_gpu / (plan->kv_byte_per_tok_per_gpu * (double)request->block_size));
    plan->num_gpu_blocks = blocks > 0 ? (int64_t)blocks * groups : 0;
}

static int64_t gpus_of(const struct memory_request *request) {
    return request->tensor_parallel * (request->pipeline_parallel > 1 ? request->pipeline_parallel : 1);
}

enum { ARITHMETIC_SIZE = 256, DRAFT_SIZE = 160 };

/* ", of which 3.0 GB are weights of the draft model Llama-3.2-1B"; "" without one. */
static void draft_share(const struct memory_request *request, char text[DRAFT_SIZE]) {
    text[0] = '\0';
    if (request->draft != NULL) {
        snprintf(text, DRAFT_SIZE, ", of which %.1f GB are weights of the draft model %s",
                 draft_weight_byte(request) / GB, request->draft->name);
    }
}

static bool weights_fit(const struct memory_request *request, const struct memory_plan *plan, struct diags *diags,
                        struct position at) {
    if (plan->weight_byte_per_gpu <= gpu_mem_byte(request->gpu)) {
        return true;
    }
    char draft[DRAFT_SIZE];
    draft_share(request, draft);
    return diag_error(diags, at, "model-fits", "%s in %s needs %.1f GB%s; %lld x %s has %.15g GB", request->llm->name,
                      precision_name(request->precision), plan->weight_byte / GB, draft, (long long)gpus_of(request),
                      request->gpu->name, request->gpu->mem_gb * (double)gpus_of(request));
}

/* "85.9 GB x 0.9 = 77.3 GB per GPU - weights 16.1 - activations 1.2 - overhead 0.7 = 59.3 GB". */
static void arithmetic(const struct memory_request *request, const struct memory_plan *plan,
                       char text[ARITHMETIC_SIZE]) {
    double memory = gpu_mem_byte(request->gpu) / GB, share = request->gpu_memory_utilization,
           kv = plan->kv_byte_per_gpu / GB;
    double weights = plan->weight_byte_per_gpu / GB;
    double activations = plan->activation_byte_per_gpu / GB, overhead = plan->overhead_byte_per_gpu / GB;
    switch (request->engine) {
    case SERVING_SGLANG:
        snprintf(text, ARITHMETIC_SIZE, "%.1f GB x %.15g = %.1f GB per GPU - weights %.1f = %.1f GB", memory, share,
                 plan->usable_byte / GB, weights, kv);
        return;
    case SERVING_TRTLLM:
        snprintf(text, ARITHMETIC_SIZE,
                 "%.15g x (%.1f GB per GPU - weights %.1f - activations %.1f - overhead %.1f) = %.1f GB", share, memory,
                 weights, activations, overhead, kv);
        return;
    default:
        snprintf(text, ARITHMETIC_SIZE,
                 "%.1f GB x %.15g = %.1f GB per GPU - weights %.1f - activations %.1f - overhead %.1f = %.1f GB",
                 memory, share, plan->usable_byte / GB, weights, activations, overhead, kv);
    }
}

static bool blocks_fit(const struct memory_request *request, const struct memory_plan *plan, struct diags *diags,
                       struct position at) {
    if (plan->num_gpu_blocks >= 1) {
        return true;
    }
    char text[ARITHMETIC_SIZE];
    arithmetic(request, plan, text);
    char draft[DRAFT_SIZE];
    draft_share(request, draft);
    return diag_error(diags, at, "model-fits",
                      "%s in %s leaves no room for its KV cache on %lld x %s: %s%s; raise tensor_parallel or lower "
                      "max_num_batched_tokens",
                      request->llm->name, precision_name(request->precision), (long long)gpus_of(request),
                      request->gpu->name, text, draft);
}

bool memory_plan_make(const struct memory_request *request, struct memory_plan *plan, struct diags *diags,
                      struct position at) {
    CHECK(request->tensor_parallel > 0 && request->block_size > 0);
    if (isnan(request->gpu->mem_gb)) {
        return diag_error(diags, at, "catalogue-blank", "mem_gb of %s is blank; define the GPU with it",
                          request->gpu->name);
    }
    struct memory_plan made = {0};
    plan_fill(request, &made);
    if (!weights_fit(request, &made, diags, at) || !blocks_fit(request, &made, diags, at)) {
        return false;
    }
    *plan = made;
    return true;
}

const char *memory_plan_text(const struct memory_request *request, const struct memory_plan *plan,
                             struct arena *arena) {
    char text[ARITHMETIC_SIZE];
    arithmetic(request, plan, text);
    char draft[DRAFT_SIZE];
    draft_share(request, draft);
    return arena_format(arena, "%s for KV: %lld blocks of %lld tokens (%.15g B per token and GPU)", text,
                        (long long)plan->num_gpu_blocks, (long long)request->block_size, plan->kv_byte_per_tok_per_gpu);
}
