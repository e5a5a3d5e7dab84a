/* memory.h - what fits: weights, activations and the KV cache of one replica, with the arithmetic for people.
 *
 *     num_gpu_blocks   = floor(KV bytes per GPU / (block_size x KV bytes per token and GPU))
 *     KV bytes per GPU, with u = gpu_memory_utilization, by serving engine:
 *         vLLM           memory x u - weights / tp - activations - overhead        (u of all, measured at start-up)
 *         SGLang         memory x u - weights / tp                                  (u covers weights and KV alone: mem-fraction-static)
 *         TensorRT-LLM   u x (memory - weights / tp - activations - overhead)       (u of what is free: free_gpu_memory_fraction)
 * A draft model's weights and KV (speculative decoding) count with the model's.
 * With attention data parallelism (models/parallel.h) a rank holds the KV of its own sequences over tp / attention_dp GPUs, and the attention
 * weights once more; the replica's blocks are those of all its ranks together.
 * A stage of a pipeline holds the weights and the KV of its layers, the first one the embedding, the last one the LM head; the one with most of them
 * decides, and a block spans all stages. max_num_batched_tokens are then those of a micro-batch.
 * Activations: the peak of a forward pass over max_num_batched_tokens, 2 B x (4
 * hidden + 3 FFN width / tp) a token, and 8 B x vocab / tp for each of max_num_seqs samples; overhead: context,
 * graphs, NCCL buffers (models/priors.h). Memory: gpu_mem_byte; a GB printed is 1e9 bytes.
 * Check value: Llama-3.1-8B, bf16, 1 x 80 GB, 0.9, 8192 tokens, 256 sequences, blocks of 16: 77.31 - 16.06 - 1.24 -
 * 0.7 GB = 59.3 GB, 28,282 blocks. */
#ifndef TOKENMILL_MODELS_MEMORY_H
#define TOKENMILL_MODELS_MEMORY_H

#include "base/arena.h"
#include "base/diag.h"
#include "models/gpu.h"
#include "models/llm.h"
#include "models/serving_engine.h"

struct memory_request {
    const struct llm *llm; /* borrowed */
    const struct gpu *gpu; /* borrowed */
    enum serving_engine engine;
    enum precision precision, kv_precision;
    int64_t tensor_parallel;
    int64_t attention_dp;          /* see models/parallel.h; 0 or 1: none */
    int64_t pipeline_parallel;     /* likewise */
    double gpu_memory_utilization; /* 0..1 */
    int64_t block_size;            /* tokens */
    int64_t max_num_batched_tokens, max_num_seqs;
    const struct llm *draft; /* borrowed: its weights and KV lie beside the model's, cut likewise; NULL: none */
    bool draft_shares_head;  /* embedding and LM head are the model's */
    enum precision draft_precision;
};

/* Bytes; per GPU unless named otherwise. `usable`: what weights, activations, overhead and KV share; under SGLang weights and KV. */
struct memory_plan {
    double weight_byte; /* of the replica, copies included */
    double usable_byte, weight_byte_per_gpu, activation_byte_per_gpu, overhead_byte_per_gpu, kv_byte_per_gpu;
    double kv_byte_per_tok_per_gpu;
    double kv_byte_per_tok; /* of the replica */
    int64_t num_gpu_blocks;
};

/* Rule "model-fits", with the arithmetic, if the weights or not one block of KV fit: "Llama-3.1-70B in bf16 needs
 * 141.1 GB; 1 x L4 has 24 GB". Rule "catalogue-blank" if the GPU's memory is not known. */
bool memory_plan_make(const struct memory_request *request, struct memory_plan *plan, struct diags *diags,
                      struct position at);

/* "85.9 GB x 0.9 = 77.3 GB per GPU - weights 16.1 - activations 1.2 - overhead 0.7 = 59.3 GB for KV: 28282 blocks
 * of 16 tokens (131072 B per token and GPU)". In the arena. */
const char *memory_plan_text(const struct memory_request *request, const struct memory_plan *plan, struct arena *arena);

#endif
