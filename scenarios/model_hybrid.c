/* Layers without a KV cache: how many, and what they weigh. Weights only; norms, biases and short convolutions are left out.
 *
 *     gated delta rule (Qwen3-Next, Qwen3.5): hidden x (2 key + 2 value + 2 value heads) + value x hidden
 *     lightning attention (MiniMax):          5 x hidden x heads x head_dim (q, k, v, gate, output)
 *     Mamba-2 (Nemotron-H):                   hidden x (2 inner + 2 groups x state + heads) + inner x hidden
 *
 * Sources: arXiv 2412.06464 (gated delta networks), 2501.08313 (MiniMax-01), 2405.21060 (Mamba-2), each with its model's
 * published configuration. Check values: Qwen3-Next-80B-A3B 79.67e9, MiniMax-Text-01 456.1e9, Nemotron-Nano-9B-v2
 * 8.887e9 parameters. */
#include <string.h>

#include "scenarios/model_family.h"

struct layer_counts {
    int64_t attention, delta, lightning, mamba, ffn, moe, other;
};

static int64_t all_of(const struct layer_counts *counts) {
    return counts->attention + counts->delta + counts->lightning + counts->mamba + counts->other;
}

static void count_types(const json_t *types, struct layer_counts *counts) {
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        const bool is_linear = type != NULL && strcmp(type, "linear_attention") == 0;
        const bool is_attention = type == NULL || strstr(type, "attention") != NULL;
        counts->delta += is_linear;
        counts->attention += !is_linear && is_attention;
        counts->other += !is_attention;
    }
}

/* One letter a layer: M Mamba-2, * attention, - feed-forward, E experts. */
static void count_letters(const char *pattern, struct layer_counts *counts) {
    for (const char *c = pattern; *c != '\0'; c++) {
        counts->mamba += *c == 'M';
        counts->attention += *c == '*';
        counts->ffn += *c == '-';
        counts->moe += *c == 'E';
    }
}

static void count_layers(struct model_json *json, const struct model_family *family, const struct llm *llm,
                         struct layer_counts *counts) {
    if (model_json_has(json, "hybrid_override_pattern")) {
        count_letters(model_json_text(json, "hybrid_override_pattern", ""), counts);
    } else if (model_json_has(json, "attn_type_list")) {
        const json_t *types = model_json_list(json, "attn_type_list");
        for (size_t i = 0; i < json_array_size(types); i++) {
            const bool is_full = json_integer_value(json_array_get(types, i)) == 1;
            counts->attention += is_full;
            counts->lightning += !is_full;
        }
    } else if (model_json_has(json, "layer_types|layers_block_type")) {
        count_types(model_json_list(json, "layer_types|layers_block_type"), counts);
    } else if (model_json_has(json, "full_attention_interval")) {
        const int64_t interval = model_json_required(json, "full_attention_interval", llm->layers);
        counts->attention = interval > 0 ? llm->layers / interval : llm->layers;
        counts->delta = llm->layers - counts->attention;
    }
    const bool is_minimax = strncmp(family->type, "minimax", 7) == 0; /* in the names of Transformers */
    if (counts->delta > 0 && !model_json_has(json, "linear_num_value_heads")) {
        *(is_minimax ? &counts->lightning : &counts->other) += counts->delta;
        counts->delta = 0;
    }
}

static double attention_params(const struct llm *llm, bool is_gated) {
    const double query = (double)llm->hidden * (double)llm->heads * (double)llm->head_dim;
    return (is_gated ? 3 : 2) * query + 2 * (double)llm->hidden * (double)llm->kv_heads * (double)llm->head_dim;
}

static double delta_params(struct model_json *json, const struct llm *llm) {
    const double key_heads = (double)model_json_required(json, "linear_num_key_heads", 10000);
    const double value_heads = (double)model_json_required(json, "linear_num_value_heads", 10000);
    const double key = key_heads * (double)model_json_required(json, "linear_key_head_dim", 100000);
    const double value = value_heads * (double)model_json_required(json, "linear_value_head_dim", 100000);
    return (double)llm->hidden * (2 * key + 3 * value + 2 * value_heads);
}

static double mamba_params(struct model_json *json, const struct llm *llm) {
    const double heads = (double)model_json_required(json, "mamba_num_heads|mamba_n_heads", 10000);
    const double inner = heads * (double)model_json_required(json, "mamba_head_dim|mamba_d_head", 100000);
    const double groups = (double)model_json_required(json, "n_groups|mamba_n_groups", 10000);
    const double state = groups * (double)model_json_required(json, "ssm_state_size|mamba_d_state", 100000);
    return (double)llm->hidden * (3 * inner + 2 * state + heads);
}

/* Nemotron-H: a layer is one of attention, Mamba-2, feed-forward, experts, and none of the others. */
static double one_of_each(struct model_json *json, const struct layer_counts *counts, const struct llm *llm) {
    const struct llm_params whole = llm_params(llm);
    const double matrices = llm->ffn_matrices > 0 ? (double)llm->ffn_matrices : 3;
    const double hidden = (double)llm->hidden;
    const double expert = matrices * hidden * (double)llm->moe_ffn_dim;
    const double moe = (double)(llm->experts + llm->shared_experts) * expert + hidden * (double)llm->experts;
    return whole.embedding + whole.lm_head + (double)counts->attention * attention_params(llm, false) +
           (double)counts->mamba * mamba_params(json, llm) + (double)counts->moe * moe +
           (double)counts->ffn * matrices * hidden * (double)llm->ffn_dim;
}

/* Attention of all layers replaced by what each kind has. */
static double replaced(struct model_json *json, const struct model_family *family, const struct layer_counts *counts,
                       const struct llm *llm) {
    const bool is_gated = family->gated_attention || model_json_flag(json, "attn_output_gate", false);
    const double lightning = 5 * (double)llm->hidden * (double)llm->heads * (double)llm->head_dim;
    const double delta = counts->delta > 0 ? delta_params(json, llm) : 0;
    return llm_params_total(llm) - (double)llm->layers * attention_params(llm, false) +
           (double)counts->attention * attention_params(llm, is_gated) + (double)counts->lightning * lightning +
           (double)counts->delta * delta;
}

static void set_total(struct llm *llm, double total) {
    llm->params_basis = "published"; /* the shape's own formula does not know these layers */
    llm->total_params_b = total / 1e9;
}

void model_hybrid_read(struct model_json *json, const struct model_family *family, struct llm *llm) {
    struct layer_counts counts = {0};
    count_layers(json, family, llm, &counts);
    const int64_t kinds = all_of(&counts) + counts.ffn + counts.moe;
    if (kinds == 0 || counts.attention == llm->layers || llm->attention != ATTENTION_GQA) {
        return;
    }
    if (kinds != llm->layers) {
        model_json_error(json, "num_hidden_layers", "num_hidden_layers = %lld, but the list of layer kinds has %lld",
                         (long long)llm->layers, (long long)kinds);
        return;
    }
    if (counts.attention == 0) {
        model_json_error(json, "model_type", "no layer has attention; a model without a KV cache is not modelled");
        return;
    }
    llm->attention_layers = counts.attention;
    if (counts.other > 0) {
        model_json_assume(json, "%lld layers of other kinds weigh what attention weighs", (long long)counts.other);
        return;
    }
    if (counts.mamba > 0) {
        llm->dense_layers = counts.moe > 0 ? llm->layers - counts.moe : 0;
        set_total(llm, one_of_each(json, &counts, llm));
    } else {
        set_total(llm, replaced(json, family, &counts, llm));
    }
}
