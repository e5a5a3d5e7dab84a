#include "models/llm.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

struct llm llm_unknown(void) {
    return (struct llm){
        .name = "",
        .total_params_b = (double)NAN,
        .active_params_b = (double)NAN,
        .params_basis = "shape",
        .status = "",
        .note = "",
        .source = "",
        .as_of = "",
    };
}

int64_t llm_moe_layers(const struct llm *llm) {
    return llm->experts > 0 ? llm->layers - llm->dense_layers : 0;
}

int64_t llm_attention_layers(const struct llm *llm) {
    return llm->attention_layers > 0 ? llm->attention_layers : llm->layers;
}

double llm_window_ratio(const struct llm *llm) {
    if (llm->sliding_window == 0) {
        return 0;
    }
    int64_t layers = llm_attention_layers(llm);
    int64_t global = llm->global_layer_period > 0 ? layers / llm->global_layer_period : 0;
    return (double)(layers - global) / (double)layers;
}

static double ffn_matrices(const struct llm *llm) {
    return llm->ffn_matrices > 0 ? (double)llm->ffn_matrices : 3;
}

/* One routed or shared expert of one layer. */
static double expert_params(const struct llm *llm) {
    return ffn_matrices(llm) * (double)llm->hidden * (double)llm->moe_ffn_dim;
}

/* q, k, v and output projections of one layer. */
static double gqa_params(const struct llm *llm) {
    double query = (double)llm->hidden * (double)llm->heads * (double)llm->head_dim;
    double kv = (double)llm->hidden * (double)llm->kv_heads * (double)llm->head_dim;
    return 2 * query + 2 * kv;
}

/* Low-rank query and key-value projections and the output projection of one layer (DeepSeek-V2, arXiv 2405.04434). */
static double mla_params(const struct llm *llm) {
    double hidden = (double)llm->hidden;
    double heads = (double)llm->heads;
    double q_rank = (double)llm->mla_q_rank;
    double kv_rank = (double)llm->mla_kv_rank;
    double q_dim = heads * (double)(llm->mla_nope_dim + llm->mla_rope_dim);
    double query = q_rank > 0 ? hidden * q_rank + q_rank * q_dim : hidden * q_dim;
    double kv_dim = heads * (double)(llm->mla_nope_dim + llm->mla_v_dim);
    double kv = hidden * (kv_rank + (double)llm->mla_rope_dim) + kv_rank * kv_dim;
    return query + kv + heads * (double)llm->mla_v_dim * hidden;
}

/* Projections of all layers. */
static double attention_params(const struct llm *llm) {
    return (double)llm->layers * (llm->attention == ATTENTION_MLA ? mla_params(llm) : gqa_params(llm));
}

/* Attention, dense FFN, shared experts and routers of all layers. */
static double shape_body(const struct llm *llm) {
    double moe_layers = (double)llm_moe_layers(llm);
    double dense_ffn = ffn_matrices(llm) * (double)llm->hidden * (double)llm->ffn_dim;
    double router = (double)llm->hidden * (double)llm->experts;
    double moe = (double)llm->shared_experts * expert_params(llm) + router;
    return attention_params(llm) + ((double)llm->layers - moe_layers) * dense_ffn + moe_layers * moe;
}

static bool is_published(const struct llm *llm) {
    return strcmp(llm->params_basis, "published") == 0 && !isnan(llm->total_params_b);
}

struct llm_params llm_params(const struct llm *llm) {
    double matrix = (double)llm->vocab * (double)llm->hidden;
    double all_experts = (double)llm_moe_layers(llm) * expert_params(llm);
    struct llm_params params = {
        .embedding = llm->tied_embeddings && !llm->embeds ? 0 : matrix,
        .lm_head = llm->embeds ? 0 : matrix,
        .body = shape_body(llm),
        .experts = all_experts * (double)llm->experts,
        .experts_active = all_experts * (double)llm->experts_per_tok,
    };
    if (is_published(llm)) {
        double rest = llm->total_params_b * 1e9 - params.embedding - params.lm_head - params.experts;
        params.body = rest > 0 ? rest : 0;
    }
    return params;
}

double llm_params_total(const struct llm *llm) {
    struct llm_params params = llm_params(llm);
    return params.embedding + params.lm_head + params.body + params.experts;
}

double llm_params_active(const struct llm *llm) {
    struct llm_params params = llm_params(llm);
    return params.embedding + params.lm_head + params.body + params.experts_active;
}

double llm_body_byte(const struct llm *llm, enum precision precision) {
    return llm_params(llm).body * precision_byte_per_weight(precision);
}

double llm_attention_byte(const struct llm *llm, enum precision precision) {
    return fmin(attention_params(llm), llm_params(llm).body) * precision_byte_per_weight(precision);
}

double llm_lm_head_byte(const struct llm *llm) {
    return llm_params(llm).lm_head * precision_byte_per_weight(PRECISION_BF16);
}

double llm_expert_byte(const struct llm *llm, enum precision precision) {
    return (double)llm_moe_layers(llm) * expert_params(llm) * precision_byte_per_weight(precision);
}

double llm_weight_byte(const struct llm *llm, enum precision precision) {
    struct llm_params params = llm_params(llm);
    double wide = params.embedding + params.lm_head;
    double quantised = params.body + params.experts;
    return wide * precision_byte_per_weight(PRECISION_BF16) + quantised * precision_byte_per_weight(precision);
}

double llm_flop_per_token(const struct llm *llm) {
    struct llm_params params = llm_params(llm);
    return 2 * (params.body + params.experts_active);
}

double llm_expert_row_flop(const struct llm *llm) {
    return llm->experts > 0 ? 2 * (double)llm_moe_layers(llm) * expert_params(llm) : 0;
}

enum precision llm_math_precision(const struct llm *llm, enum precision precision) {
    bool is_packed = llm->experts > 0 && llm->default_precision == PRECISION_FP4 && precision == PRECISION_FP4;
    return is_packed ? PRECISION_BF16 : precision_compute(precision);
}

double llm_flop_per_sample(const struct llm *llm) {
    return llm->embeds ? 0 : 2 * (double)llm->hidden * (double)llm->vocab;
}

/* 2 x heads x `numbers` x attention layers. */
static double attention_flop(const struct llm *llm, int64_t numbers) {
    return 2 * (double)llm->heads * (double)numbers * (double)llm_attention_layers(llm);
}

double llm_decode_attention_flop(const struct llm *llm) {
    bool mla = llm->attention == ATTENTION_MLA;
    return attention_flop(llm, mla ? 2 * llm->mla_kv_rank + llm->mla_rope_dim : 2 * llm->head_dim);
}

double llm_prefill_attention_flop(const struct llm *llm) {
    bool mla = llm->attention == ATTENTION_MLA;
    int64_t numbers = mla ? llm->mla_nope_dim + llm->mla_rope_dim + llm->mla_v_dim : 2 * llm->head_dim;
    return (llm->bidirectional ? 2 : 1) * attention_flop(llm, numbers);
}

double llm_kv_byte_per_tok_per_gpu(const struct llm *llm, enum precision kv_precision, int64_t tensor_parallel) {
    CHECK(tensor_parallel > 0);
    double layer_byte = (double)llm_attention_layers(llm) * precision_byte_per_kv(kv_precision);
    if (llm->attention == ATTENTION_MLA) {
        return (double)(llm->mla_kv_rank + llm->mla_rope_dim) * layer_byte;
    }
    double heads = llm->kv_heads > tensor_parallel ? (double)llm->kv_heads / (double)tensor_parallel : 1;
    return 2 * heads * (double)llm->head_dim * layer_byte;
}

double llm_kv_byte_per_tok(const struct llm *llm, enum precision kv_precision, int64_t tensor_parallel) {
    return llm_kv_byte_per_tok_per_gpu(llm, kv_precision, tensor_parallel) * (double)tensor_parallel;
}

const char *llm_approximation(const struct llm *llm) {
    if (llm->attention_layers > 0 && llm->attention_layers < llm->layers) {
        return "layers without a KV cache count as matrix products only; their state is left out";
    }
    if (llm->chunked_window) {
        return "chunked windows are treated as sliding ones: long contexts come out slower than they are";
    }
    if (llm->sparse_attention) {
        return "sparse attention is treated as full attention, its indexer left out: long contexts come out slower than "
               "they are";
    }
    return NULL;
}

struct shape_rule {
    const char *field;
    int64_t value;
};

/* Every field must be positive. */
static bool fields_positive(const struct llm *llm, const struct shape_rule *rules, size_t count, struct diags *diags,
                            struct position at) {
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        if (rules[i].value <= 0) {
            ok = diag_error(diags, at, "model-shape", "%s: %s is missing; a model of this shape needs it", llm->name,
                            rules[i].field);
        }
    }
    return ok;
}

static bool attention_check(const struct llm *llm, struct diags *diags, struct position at) {
    const struct shape_rule mla[] = {
        {"mla_kv_rank", llm->mla_kv_rank},
        {"mla_rope_dim", llm->mla_rope_dim},
        {"mla_nope_dim", llm->mla_nope_dim},
        {"mla_v_dim", llm->mla_v_dim},
    };
    const struct shape_rule gqa[] = {{"kv_heads", llm->kv_heads}, {"head_dim", llm->head_dim}};
    if (llm->attention == ATTENTION_MLA) {
        return fields_positive(llm, mla, sizeof mla / sizeof mla[0], diags, at);
    }
    return fields_positive(llm, gqa, sizeof gqa / sizeof gqa[0], diags, at);
}

static bool ffn_check(const struct llm *llm, struct diags *diags, struct position at) {
    const struct shape_rule moe[] = {{"moe_ffn_dim", llm->moe_ffn_dim}, {"experts_per_tok", llm->experts_per_tok}};
    const struct shape_rule dense[] = {{"ffn_dim", llm->ffn_dim}};
    bool ok = true;
    if (llm->experts > 0) {
        ok = fields_positive(llm, moe, 2, diags, at);
    }
    if (llm->layers > llm_moe_layers(llm)) {
        ok = fields_positive(llm, dense, 1, diags, at) && ok;
    }
    if (llm->experts_per_tok > llm->experts || llm->dense_layers > llm->layers) {
        ok = diag_error(diags, at, "model-shape",
                        "%s: experts_per_tok = %lld of experts = %lld, dense_layers = %lld of layers = %lld; a part is "
                        "greater than its whole",
                        llm->name, (long long)llm->experts_per_tok, (long long)llm->experts,
                        (long long)llm->dense_layers, (long long)llm->layers);
    }
    return ok;
}

bool llm_check(const struct llm *llm, struct diags *diags, struct position at) {
    if (llm->attention == ATTENTION_COMPRESSED) {
        return diag_error(diags, at, "model-unsupported",
                          "%s: compressed or sparse attention is not modelled yet (attention: gqa or mla are)",
                          llm->name);
    }
    const struct shape_rule rules[] = {
        {"layers", llm->layers}, {"hidden", llm->hidden}, {"heads", llm->heads}, {"vocab", llm->vocab}};
    bool ok = fields_positive(llm, rules, sizeof rules / sizeof rules[0], diags, at);
    ok = attention_check(llm, diags, at) && ok;
    return ffn_check(llm, diags, at) && ok;
}
