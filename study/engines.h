/* engines.h - serving engines by name: which scheduler they are, and their defaults. */
#ifndef TOKENMILL_STUDY_ENGINES_H
#define TOKENMILL_STUDY_ENGINES_H

#include <stdbool.h>
#include <stdint.h>

#include "models/gpu.h"
#include "models/precision.h"

/* What `gpu_memory_fraction` is a share of. */
enum memory_rule {
    MEMORY_WHOLE, /* vLLM: of the GPU: weights, activations, graphs, KV */
    MEMORY_KV,    /* SGLang: of the GPU: weights and KV */
    MEMORY_FREE,  /* TensorRT-LLM: of what is free once the model is loaded: KV */
};

struct engine {
    const char *name; /* "vllm", "sglang", "trtllm" */
    /* Keys of `batching`, as in "policy: continuous". `policy` is tried first; where it is not modelled, `policy_until_then`. */
    const char *policy, *policy_until_then;
    bool has_chunk;      /* prompts are cut to `chunk` */
    bool has_wait_iters; /* `policy` knows batch_wait_timeout_iters */
    enum memory_rule memory_rule;
    bool is_documented; /* false: scheduler and defaults are not published; vLLM's are assumed */
};

/* NULL: unknown. "trt" and "atom" are names too. */
const struct engine *engine_find(const char *name);

struct engine_flags {
    int64_t max_num_seqs, max_num_batched_tokens;
    int64_t chunk; /* 0: none */
    double memory_share;
    enum precision kv_precision;
};

/* What the engine takes for flags that nobody sets, on this GPU. `precision`: of the weights. */
struct engine_flags engine_defaults(const struct engine *engine, const struct gpu *gpu, enum precision precision,
                                    int64_t tensor_parallel);

#endif
