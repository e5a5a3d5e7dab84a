/* llm.h - a language model's shape, and what follows from it: parameters, bytes, FLOP, KV.
 *
 * Dense, grouped-query (GQA, MHA and MQA are cases of it), mixture-of-experts and multi-head latent attention (MLA)
 * shapes. Norms and biases are left out (under 0.1 %). A field's name is its column's in llms.csv; 0 = does not apply.
 *
 * Check values: Llama-3.1-70B has 70.552e9 parameters, 141.1 GB in bf16, 327,680 B of KV per token in 16 bit;
 * Mixtral-8x7B 46.703e9 total, 12.880e9 active; DeepSeek-V3 671.025e9 total, 37.551e9 active, 70,272 B of KV per
 * token. */
#ifndef TOKENMILL_MODELS_LLM_H
#define TOKENMILL_MODELS_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "models/precision.h"

enum attention_kind {
    ATTENTION_GQA,        /* also MHA and MQA, by kv_heads */
    ATTENTION_MLA,        /* a latent of mla_kv_rank + mla_rope_dim numbers per token and layer */
    ATTENTION_COMPRESSED, /* not modelled: refused by llm_check */
};

struct llm {
    const char *name;
    const char *type;                       /* a configuration's model_type; NULL: from the catalogue */
    double total_params_b, active_params_b; /* as published; used only when `params_basis` is not "shape"; NaN: none */
    const char *params_basis;               /* "shape": computed from the fields below; "published": the two above */
    int64_t layers, hidden, heads, kv_heads, head_dim;
    int64_t attention_layers; /* with a KV cache; 0: all layers. Hybrids have fewer */
    int64_t ffn_dim;          /* of dense layers */
    int64_t ffn_matrices;     /* 3: gated (up, gate, down); 2: plain; 0: 3 */
    int64_t moe_ffn_dim, experts, experts_per_tok, shared_experts, dense_layers;
    int64_t vocab;
    bool tied_embeddings; /* LM head and embedding are one matrix */
    enum attention_kind attention;
    int64_t mla_kv_rank, mla_q_rank, mla_rope_dim, mla_nope_dim, mla_v_dim;
    int64_t sliding_window, global_layer_period; /* tokens; one layer in so many looks back without limit, 0: none */
    bool chunked_window;   /* a window begins anew each `sliding_window` tokens; see llm_approximation */
    bool sparse_attention; /* an indexer picks the tokens attended to; likewise */
    bool embeds;           /* the answer is a vector, no token: no LM head, nothing sampled, one output */
    bool bidirectional;    /* an encoder: every token of the prompt sees all of it */
    int64_t context_max;
    enum precision default_precision;
    const char *status, *note, *source, *as_of;
};

/* All zero, texts "", `params_basis` "shape". Start of an inline definition. */
struct llm llm_unknown(void);

/* Parameters by what is done with them. Sums over all layers. */
struct llm_params {
    double embedding;      /* looked up, no FLOP; 0 when tied (then it is the LM head) */
    double lm_head;        /* multiplied for sampled positions only */
    double body;           /* multiplied for every token: attention, dense FFN, shared experts, routers */
    double experts;        /* routed experts, all of them */
    double experts_active; /* routed experts that one token uses */
};

struct llm_params llm_params(const struct llm *llm);
double llm_params_total(const struct llm *llm);

/* Embedding included once, as model cards count. */
double llm_params_active(const struct llm *llm);

/* Layers with routed experts, and with a KV cache. */
int64_t llm_moe_layers(const struct llm *llm);
int64_t llm_attention_layers(const struct llm *llm);

/* Of these, the share that looks back `sliding_window` tokens at most; 0 without a window. Every `global_layer_period`-th layer does not. */
double llm_window_ratio(const struct llm *llm);

/* Bytes of all weights. One rule: below 16 bit, embedding and LM head stay at 16 bit and everything else is quantised.
 * Check value: Llama-3.1-8B in fp8: 6.979e9 x 1 + 1.0507e9 x 2 = 9.081e9 B. */
double llm_weight_byte(const struct llm *llm, enum precision precision);
double llm_body_byte(const struct llm *llm, enum precision precision);
/* Of these, query, key, value and output projections. */
double llm_attention_byte(const struct llm *llm, enum precision precision);
double llm_lm_head_byte(const struct llm *llm);
/* Of one routed expert index, in all layers that have it. */
double llm_expert_byte(const struct llm *llm, enum precision precision);

/* 2 x the matrix parameters that every token goes through (body and active experts). The LM head is apart. */
double llm_flop_per_token(const struct llm *llm);

/* FLOP of a token in one expert of each MoE layer; 0: dense. */
double llm_expert_row_flop(const struct llm *llm);

/* What matrix products of the layers compute in: as precision_compute, but 16 bit for experts that were published in 4 (MXFP4), whose weights are
 * unpacked first. */
enum precision llm_math_precision(const struct llm *llm, enum precision precision);

/* 2 x hidden x vocab: for each position that is sampled. 0 where nothing is. */
double llm_flop_per_sample(const struct llm *llm);

/* Attention of one new token over one token of context, all layers, windowed or not: scores and values, 4 x heads x head_dim a layer.
 * A prompt of n tokens has n^2 / 2 of them; a bidirectional one n^2, so that its prefill counts twice.
 * MLA decodes in the latent space, 2 heads (2 kv_rank + rope), and prefills expanded, 2 heads (nope + rope + v). */
double llm_decode_attention_flop(const struct llm *llm);
double llm_prefill_attention_flop(const struct llm *llm);

/* Bytes of KV per token of the whole replica. GQA: 2 x kv_heads x head_dim x layers, heads replicated where
 * `tensor_parallel` exceeds them. MLA: (kv_rank + rope) x layers on every rank, not divided. */
double llm_kv_byte_per_tok(const struct llm *llm, enum precision kv_precision, int64_t tensor_parallel);
/* The same on one rank. */
double llm_kv_byte_per_tok_per_gpu(const struct llm *llm, enum precision kv_precision, int64_t tensor_parallel);

/* What of this shape is simplified, for people: "chunked windows are treated as sliding ones", or NULL. */
const char *llm_approximation(const struct llm *llm);

/* Is the shape complete and one that is modelled? Rules "model-shape", "model-unsupported". */
bool llm_check(const struct llm *llm, struct diags *diags, struct position at);

#endif
