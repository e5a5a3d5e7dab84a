/* The fields of a config.json that make a language model's shape; general rules first, families where they differ. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/model_family.h"
#include "scenarios/schema.h"

/* As in the catalogue's columns. */
enum { LAYERS_MAX = 10000, HIDDEN_MAX = 1000000, HEADS_MAX = 10000, HEAD_DIM_MAX = 100000, FFN_MAX = 10000000 };
enum { EXPERTS_MAX = 100000, VOCAB_MAX = 100000000, RANK_MAX = 100000, TOKENS_MAX = 1000000000 };

#define LAYERS    "num_hidden_layers|n_layer|num_layers|n_layers"
#define HIDDEN    "hidden_size|n_embd|d_model"
#define HEADS     "num_attention_heads|n_head|n_heads|num_heads"
#define KV_HEADS  "num_key_value_heads|num_kv_heads|n_head_kv|multi_query_group_num|num_query_groups"
#define FFN       "intermediate_size|n_inner|ffn_dim|ffn_hidden_size"
#define MOE_FFN   "moe_intermediate_size|expert_ffn_hidden_size|moe_ffn_hidden_size"
#define EXPERTS   "num_local_experts|num_experts|n_routed_experts|moe_num_experts"
#define PER_TOKEN "num_experts_per_tok|experts_per_token|num_experts_per_token|moe_top_k|moe_topk|top_k_experts"
#define CONTEXT   "max_position_embeddings|n_positions|max_sequence_length|seq_length|n_ctx|max_seq_len"

/* Required, unless the family has a default, which is then assumed. */
static int64_t number_or(struct model_json *json, const char *keys, int64_t fallback, int64_t max) {
    if (fallback == 0 || model_json_has(json, keys)) {
        return model_json_required(json, keys, max);
    }
    const struct span key = words_at(keys, 0);
    model_json_assume(json, "%.*s = %lld (the family's default)", (int)key.size, key.data, (long long)fallback);
    return fallback;
}

/* ---- attention ---- */

static int64_t kv_heads(struct model_json *json, const struct model_family *family, int64_t heads) {
    if (model_json_has(json, KV_HEADS)) {
        return model_json_required(json, KV_HEADS, HEADS_MAX);
    }
    if (model_json_has(json, "multi_query") && model_json_flag(json, "multi_query", false)) {
        return 1;
    }
    if (family->kv_heads > 0) {
        return number_or(json, KV_HEADS, family->kv_heads, HEADS_MAX);
    }
    model_json_assume(json, "num_key_value_heads = %lld (as many as query heads)", (long long)heads);
    return heads;
}

static int64_t head_dim(struct model_json *json, const struct model_family *family, const struct llm *llm) {
    static const char keys[] = "head_dim|attention_head_dim|kv_channels";
    if (family->head_dim > 0 || model_json_has(json, keys)) {
        return number_or(json, keys, family->head_dim, HEAD_DIM_MAX);
    }
    if (llm->hidden == 0 || llm->heads == 0) {
        return 0; /* said already */
    }
    if (llm->hidden % llm->heads != 0) {
        model_json_error(json, "hidden_size",
                         "hidden_size = %lld is no multiple of num_attention_heads = %lld, and there "
                         "is no head_dim",
                         (long long)llm->hidden, (long long)llm->heads);
        return 0;
    }
    model_json_assume(json, "head_dim = %lld (hidden_size / num_attention_heads)",
                      (long long)(llm->hidden / llm->heads));
    return llm->hidden / llm->heads;
}

static void read_mla(struct model_json *json, struct llm *llm) {
    llm->attention = ATTENTION_MLA;
    llm->mla_kv_rank = model_json_required(json, "kv_lora_rank", RANK_MAX);
    llm->mla_q_rank = model_json_integer(json, "q_lora_rank", RANK_MAX);
    llm->mla_rope_dim = model_json_required(json, "qk_rope_head_dim", RANK_MAX);
    llm->mla_nope_dim = model_json_required(json, "qk_nope_head_dim", RANK_MAX);
    llm->mla_v_dim = model_json_required(json, "v_head_dim", RANK_MAX);
    llm->kv_heads = llm->heads; /* every head has its own, expanded from the latent */
    llm->head_dim = llm->mla_nope_dim;
}

static void read_attention(struct model_json *json, const struct model_family *family, struct llm *llm) {
    llm->heads = number_or(json, HEADS, family->heads, HEADS_MAX);
    llm->sparse_attention = model_json_integer(json, "index_topk", TOKENS_MAX) > 0 ||
                            strcmp(family->type, "deepseek_v32") == 0 || strcmp(family->type, "glm_moe_dsa") == 0;
    if (model_json_has(json, "compress_ratios")) {
        llm->attention = ATTENTION_COMPRESSED;
        return;
    }
    if (model_json_has(json, "kv_lora_rank")) {
        read_mla(json, llm);
        return;
    }
    llm->kv_heads = kv_heads(json, family, llm->heads);
    llm->head_dim = head_dim(json, family, llm);
    if (llm->kv_heads > 0 && llm->heads % llm->kv_heads != 0) {
        model_json_error(json, "num_key_value_heads",
                         "num_attention_heads = %lld is no multiple of num_key_value_heads = %lld",
                         (long long)llm->heads, (long long)llm->kv_heads);
    }
}

/* ---- windows ---- */

/* Every how manieth layer is full; 0: none, or the order is not regular. */
static int64_t period_of_list(struct model_json *json, const json_t *types, const char *windowed) {
    const size_t count = json_array_size(types);
    size_t first = count;
    bool is_regular = true;
    for (size_t i = 0; i < count; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        const bool is_full = type == NULL || strcmp(type, windowed) != 0;
        first = is_full && first == count ? i : first;
        is_regular = is_regular && is_full == ((i + 1) % (first + 1) == 0);
    }
    if (first < count && !is_regular) {
        model_json_assume(json, "one full layer in %zu (the order of layer_types is not regular)", first + 1);
    }
    return first < count ? (int64_t)first + 1 : 0;
}

static int64_t window_period(struct model_json *json, const struct model_family *family) {
    const json_t *types = model_json_list(json, "layer_types");
    if (types != NULL) {
        return period_of_list(json, types, "sliding_attention");
    }
    if (model_json_has(json, "sliding_window_pattern|_sliding_window_pattern")) {
        return model_json_integer(json, "sliding_window_pattern|_sliding_window_pattern", LAYERS_MAX);
    }
    if (family->window_period > 0) {
        model_json_assume(json, "one layer in %lld sees the whole context", (long long)family->window_period);
    }
    return family->window_period;
}

static void read_windows(struct model_json *json, const struct model_family *family, struct llm *llm) {
    const bool is_used = model_json_flag(json, "use_sliding_window", true);
    int64_t window = model_json_integer(json, "sliding_window|attention_chunk_size", TOKENS_MAX);
    const int64_t period = window > 0 && is_used ? window_period(json, family) : 0;
    const bool covers_all = llm->context_max > 0 && window >= llm->context_max;
    if (!is_used || covers_all || period == 1) {
        window = 0;
    }
    llm->sliding_window = window;
    llm->chunked_window = window > 0 && !model_json_has(json, "sliding_window");
    llm->global_layer_period = window > 0 ? period : 0;
}

/* ---- feed-forward ---- */

static int64_t count_zeros(const json_t *list) {
    int64_t zeros = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        zeros += json_integer_value(json_array_get(list, i)) == 0;
    }
    return zeros;
}

/* Of Qwen: layer i has experts where (i + 1) is a multiple of decoder_sparse_step and i is not in mlp_only_layers. */
static int64_t dense_by_step(struct model_json *json, int64_t layers) {
    const int64_t step = model_json_integer(json, "decoder_sparse_step", LAYERS_MAX);
    const json_t *only = model_json_list(json, "mlp_only_layers");
    int64_t dense = 0;
    for (int64_t i = 0; i < layers; i++) {
        bool is_dense = step > 0 && (i + 1) % step != 0;
        for (size_t k = 0; k < json_array_size(only); k++) {
            is_dense = is_dense || json_integer_value(json_array_get(only, k)) == i;
        }
        dense += is_dense;
    }
    return dense;
}

static int64_t count_words(const json_t *list, const char *word) {
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        count += text != NULL && strcmp(text, word) == 0;
    }
    return count;
}

/* Layers without experts. */
static int64_t dense_layers(struct model_json *json, int64_t layers) {
    const char *key;
    if (model_json_has(json, "mlp_layer_types")) {
        return count_words(model_json_list(json, "mlp_layer_types"), "dense");
    }
    if (model_json_has(json, "first_k_dense_replace")) {
        return model_json_integer(json, "first_k_dense_replace", LAYERS_MAX);
    }
    if (model_json_has(json, "moe_layer_freq")) {
        const json_t *list = model_json_find(json, "moe_layer_freq", &key);
        return json_is_array(list) ? count_zeros(list) : 0;
    }
    if (model_json_has(json, "interleave_moe_layer_step")) {
        const int64_t step = model_json_required(json, "interleave_moe_layer_step", LAYERS_MAX);
        return step > 0 ? layers - layers / step : 0;
    }
    return dense_by_step(json, layers);
}

/* In widths of a routed expert. */
static int64_t shared_experts(struct model_json *json, const struct model_family *family, int64_t moe_ffn) {
    static const char width_keys[] =
        "shared_expert_intermediate_size|shared_intermediate_size|moe_shared_expert_intermediate_size";
    if (model_json_has(json, width_keys) && moe_ffn > 0) {
        const int64_t width = model_json_integer(json, width_keys, FFN_MAX);
        if (width % moe_ffn != 0) {
            model_json_assume(json, "a shared expert of %lld counts as %lld of %lld", (long long)width,
                              (long long)((width + moe_ffn - 1) / moe_ffn), (long long)moe_ffn);
        }
        return (width + moe_ffn - 1) / moe_ffn;
    }
    if (model_json_has(json, "n_shared_experts|num_shared_experts")) {
        return model_json_integer(json, "n_shared_experts|num_shared_experts", 1000);
    }
    if (family->shared_experts > 0) {
        model_json_assume(json, "%lld shared expert (the family's)", (long long)family->shared_experts);
    }
    return family->shared_experts;
}

static int64_t dense_width(struct model_json *json, const struct model_family *family, const struct llm *llm) {
    if (model_json_has(json, "intermediate_size_mlp")) {
        return model_json_required(json, "intermediate_size_mlp", FFN_MAX);
    }
    const bool is_plain = family->ffn_matrices == 2;
    if (is_plain && !model_json_has(json, FFN) && llm->hidden > 0) {
        const int64_t width = 4 * llm->hidden;
        model_json_assume(json, "intermediate_size = %lld (4 x hidden_size)", (long long)width);
        return width;
    }
    const int64_t stated = model_json_required(json, FFN, FFN_MAX);
    return family->ffn_halves > 0 ? stated / family->ffn_halves : stated;
}

static void read_experts(struct model_json *json, const struct model_family *family, struct llm *llm) {
    llm->experts_per_tok = model_json_required(json, PER_TOKEN, EXPERTS_MAX);
    llm->dense_layers = dense_layers(json, llm->layers);
    if (model_json_has(json, MOE_FFN)) {
        llm->moe_ffn_dim = model_json_required(json, MOE_FFN, FFN_MAX);
    } else {
        llm->moe_ffn_dim = model_json_required(json, FFN, FFN_MAX); /* then it is the experts' */
    }
    llm->shared_experts = shared_experts(json, family, llm->moe_ffn_dim);
    if (llm->experts_per_tok > llm->experts) {
        model_json_error(json, "num_experts_per_tok", "num_experts_per_tok = %lld is above the %lld experts",
                         (long long)llm->experts_per_tok, (long long)llm->experts);
    }
    if (llm->dense_layers > llm->layers && llm->layers > 0) {
        model_json_error(json, "first_k_dense_replace", "first_k_dense_replace = %lld is above the %lld layers",
                         (long long)llm->dense_layers, (long long)llm->layers);
    }
}

static void read_ffn(struct model_json *json, const struct model_family *family, struct llm *llm) {
    llm->ffn_matrices = family->ffn_matrices;
    llm->experts = model_json_integer(json, EXPERTS, EXPERTS_MAX);
    if (llm->experts <= 1) {
        llm->experts = 0; /* one expert is a dense layer */
    } else {
        read_experts(json, family, llm);
    }
    if (llm->layers > llm_moe_layers(llm)) {
        llm->ffn_dim = dense_width(json, family, llm);
    }
}

/* ---- the rest ---- */

/* YaRN stretches what the model was trained on; servers take the product. */
static int64_t yarn_context(struct model_json *json) {
    const char *key;
    const json_t *rope = model_json_find(json, "rope_scaling|rope_parameters", &key);
    const json_t *type = json_object_get(rope, "rope_type");
    const char *word = json_string_value(type == NULL ? json_object_get(rope, "type") : type);
    if (word == NULL || strcmp(word, "yarn") != 0) {
        return 0;
    }
    const double factor = json_number_value(json_object_get(rope, "factor"));
    const double original = json_number_value(json_object_get(rope, "original_max_position_embeddings"));
    return factor > 0 && original > 0 && factor * original <= TOKENS_MAX ? (int64_t)(factor * original) : 0;
}

static int64_t read_context(struct model_json *json) {
    const int64_t stated = model_json_integer(json, CONTEXT, TOKENS_MAX);
    const int64_t stretched = yarn_context(json);
    if (stated == 0 && stretched == 0) {
        model_json_assume(json, "no limit of length");
    }
    return stretched > stated ? stretched : stated;
}

static bool read_tied(struct model_json *json, const struct model_family *family) {
    if (!model_json_has(json, "tie_word_embeddings")) {
        model_json_assume(json, "tie_word_embeddings = %s", family->tied ? "true" : "false");
    }
    return model_json_flag(json, "tie_word_embeddings", family->tied);
}

void model_shape_read(struct model_json *json, const struct model_family *family, struct llm *llm) {
    llm->layers = model_json_required(json, LAYERS, LAYERS_MAX);
    llm->hidden = model_json_required(json, HIDDEN, HIDDEN_MAX);
    llm->vocab = number_or(json, "vocab_size", family->vocab, VOCAB_MAX);
    llm->context_max = read_context(json);
    read_attention(json, family, llm);
    read_windows(json, family, llm);
    read_ffn(json, family, llm);
    llm->tied_embeddings = read_tied(json, family);
    if (json->is_ok) {
        model_hybrid_read(json, family, llm);
    }
    llm->default_precision = model_precision_read(json);
}
