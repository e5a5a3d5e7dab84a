/* model_family.h - what a family's own code assumes where its config.json is silent; inner header of scenarios/.
 *
 * Source: the defaults of the configuration classes in the public documentation of Hugging Face Transformers 4.5x, checked
 * against published parameter counts (tests/unit/test_model_config.c). 0: the general rule of model_shape.c. */
#ifndef TOKENMILL_SCENARIOS_MODEL_FAMILY_H
#define TOKENMILL_SCENARIOS_MODEL_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "models/llm.h"
#include "scenarios/model_json.h"

struct model_family {
    const char *type; /* model_type */
    bool tied;        /* LM head = embedding */
    bool gated_attention;
    bool encodes; /* an embedding model that sees the whole input at once */
    int64_t heads, kv_heads, head_dim, vocab;
    int64_t ffn_matrices;   /* 2: no gate */
    int64_t ffn_halves;     /* 2: intermediate_size counts gate and up together */
    int64_t window_period;  /* one layer in so many is global */
    int64_t shared_experts; /* that no field counts */
};

/* By model_type; NULL: not known. */
const struct model_family *model_family_find(const char *type);

/* By the class name: "Qwen3MoeForCausalLM" is qwen3_moe. NULL: not known. */
const struct model_family *model_family_of_class(const char *architecture);

/* Fills `llm` but for name and texts. Mistakes go to json->diags and json->is_ok. */
void model_shape_read(struct model_json *json, const struct model_family *family, struct llm *llm);

/* Layers of a hybrid by kind: sets `attention_layers` and the total of parameters. Nothing for other models. */
void model_hybrid_read(struct model_json *json, const struct model_family *family, struct llm *llm);

/* The format that the weights are published in. */
enum precision model_precision_read(struct model_json *json);

#endif
