#include "scenarios/model_family.h"

#include <string.h>

static const struct model_family families[] = {
    {.type = "llama"},
    {.type = "llama4_text", .window_period = 4, .shared_experts = 1},
    {.type = "mistral", .kv_heads = 8},
    {.type = "mistral3"},
    {.type = "ministral"},
    {.type = "mixtral", .kv_heads = 8},
    {.type = "qwen", .ffn_halves = 2},
    {.type = "qwen2"},
    {.type = "qwen2_moe"},
    {.type = "qwen2_vl"},
    {.type = "qwen2_vl_text"},
    {.type = "qwen2_5_vl"},
    {.type = "qwen2_5_vl_text"},
    {.type = "qwen3", .head_dim = 128},
    {.type = "qwen3_moe", .head_dim = 128},
    {.type = "qwen3_vl_text", .head_dim = 128},
    {.type = "qwen3_vl_moe_text", .head_dim = 128},
    {.type = "qwen3_omni_moe_text", .head_dim = 128},
    {.type = "qwen3_next", .head_dim = 256, .gated_attention = true},
    {.type = "qwen3_5_text", .head_dim = 256, .gated_attention = true},
    {.type = "qwen3_5_moe_text", .head_dim = 256, .gated_attention = true},
    {.type = "gemma", .tied = true, .head_dim = 256},
    {.type = "gemma2", .tied = true, .head_dim = 256, .window_period = 2},
    {.type = "gemma3_text",
     .tied = true,
     .heads = 8,
     .kv_heads = 4,
     .head_dim = 256,
     .vocab = 262208,
     .window_period = 6},
    {.type = "phi", .ffn_matrices = 2},
    {.type = "phi3"},
    {.type = "phimoe", .kv_heads = 8},
    {.type = "deepseek_v2"},
    {.type = "deepseek_v3"},
    {.type = "deepseek_v32"},
    {.type = "kimi_k2"},
    {.type = "kimi_k25"},
    {.type = "glm4"},
    {.type = "glm4_moe"},
    {.type = "glm4v_moe_text"},
    {.type = "glm4_moe_lite"},
    {.type = "glm_moe_dsa"},
    {.type = "gpt_oss", .head_dim = 64, .window_period = 2},
    {.type = "minimax"},
    {.type = "minimax_text_01"},
    {.type = "minimax_m1"},
    {.type = "minimax_m2"},
    {.type = "nemotron_h", .ffn_matrices = 2},
    {.type = "gpt2", .tied = true, .ffn_matrices = 2},
    {.type = "gptj", .ffn_matrices = 2},
    {.type = "gpt_neox", .ffn_matrices = 2},
    {.type = "opt", .tied = true, .ffn_matrices = 2},
    {.type = "bloom", .tied = true, .ffn_matrices = 2},
    {.type = "falcon", .tied = true, .ffn_matrices = 2},
    {.type = "starcoder2", .tied = true, .ffn_matrices = 2},
    {.type = "bert", .ffn_matrices = 2, .encodes = true},
    {.type = "roberta", .ffn_matrices = 2, .encodes = true},
    {.type = "xlm-roberta", .ffn_matrices = 2, .encodes = true},
    {.type = "internlm"},
    {.type = "internlm2"},
    {.type = "olmo2"},
    {.type = "granite", .tied = true},
};

const struct model_family *model_family_find(const char *type) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(families[i].type, type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Letters and digits of both alike: underscores of the type and capitals of the name do not count. */
static bool is_alike(const char *type, const char *name, size_t size) {
    size_t i = 0;
    for (const char *c = type; *c != '\0'; c++) {
        if (*c != '_' && (i == size || lower(name[i++]) != *c)) {
            return false;
        }
    }
    return i == size;
}

const struct model_family *model_family_of_class(const char *architecture) {
    const char *end = strstr(architecture, "For");
    const char *lm_head = strstr(architecture, "LMHead");
    end = end == NULL ? lm_head : end;
    const size_t size = end == NULL ? strlen(architecture) : (size_t)(end - architecture);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (is_alike(families[i].type, architecture, size)) {
            return &families[i];
        }
    }
    return NULL;
}
