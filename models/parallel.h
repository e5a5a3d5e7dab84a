/* parallel.h - tensor parallelism: how a model is cut, and what its all-reduces cost.
 *
 *     all-reduce of n bytes over r GPUs = latency(link) + 2 (r - 1) / r x n / bandwidth(link)        (ring; two a
 *     layer)
 * so a step's communication is affine in its tokens. Measured one-shot kernels (small messages) are within the
 * latency term. Source of the constants: models/priors.h. */
#ifndef TOKENMILL_MODELS_PARALLEL_H
#define TOKENMILL_MODELS_PARALLEL_H

#include "base/diag.h"
#include "models/gpu.h"
#include "models/llm.h"

/* May `llm` be cut over `tensor_parallel` GPUs? Query heads, FFN width and (unless replicated) KV heads must divide.
 * Rule "tensor-parallel-shape"; the message lists what would do. */
bool tensor_parallel_check(const struct llm *llm, int64_t tensor_parallel, struct diags *diags, struct position at);

/* KV heads on each rank: max(1, kv_heads / tensor_parallel). */
int64_t kv_heads_per_rank(const struct llm *llm, int64_t tensor_parallel);

/* Time of one all-reduce: latency_s + byte x s_per_byte. Zero for one rank. */
struct collective_line {
    double latency_s;
    double s_per_byte;
};

/* The link between `ranks` GPUs as its datasheet has it: one way, per GPU; beyond a node its network, with that's latency. */
struct collective_line link_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* `ranks` GPUs within nodes of `gpus_per_node`; beyond a node over its network. */
struct collective_line all_reduce_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* Attention data parallelism: `attention_dp` groups of tensor_parallel / attention_dp GPUs each hold attention weights and a KV cache of their
 * own, and serve sequences of their own there; the feed-forward layers are cut over all GPUs (vLLM's and SGLang's data-parallel
 * attention). 0 counts as 1. Rule "attention-dp" unless it divides tensor_parallel. */
bool attention_dp_check(int64_t attention_dp, int64_t tensor_parallel, struct diags *diags, struct position at);

/* Bytes of all copies of the attention weights beyond the first. */
double attention_copies_byte(const struct llm *llm, enum precision precision, int64_t attention_dp);

#endif
