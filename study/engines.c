/* Defaults are those of the engines' public documentation:
 *   vLLM V1 ("Engine arguments", docs.vllm.ai): gpu_memory_utilization 0.9; max_num_seqs 1024 and max_num_batched_tokens 8192 for an
 *     API server on GPUs of 70 GiB and more other than A100, else 256 and 2048; KV in the model's type;
 *   SGLang ("Server arguments", docs.sglang.ai): prompts in chunks of 8192, 16384 from 160 GB on; as many sequences as the KV cache takes; memory for
 *     weights and KV is what activations (1.5 MiB for each token of a chunk), graphs (2 MiB for each captured sequence) and 0.5 GiB leave;
 *   TensorRT-LLM ("LLM API", nvidia.github.io/TensorRT-LLM): max_batch_size 2048, max_num_tokens 8192, 0.9 of free memory for
 *     KV, which follows the checkpoint: NVIDIA's FP8 and FP4 checkpoints ask for FP8. */
#include "study/engines.h"

#include <string.h>

static const struct engine engines[] = {
    {"vllm", "policy: continuous", "policy: continuous", false, false, MEMORY_WHOLE, true},
    {"sglang", "policy: prefill-first", "policy: prefill-first", true, false, MEMORY_KV, true},
    {"trtllm", "policy: trtllm", "policy: continuous, kv_admission: prompt", false, true, MEMORY_FREE, true},
    {"atom", "policy: continuous", "policy: continuous", false, false, MEMORY_WHOLE, false},
};

const struct engine *engine_find(const char *name) {
    const char *wanted = strcmp(name, "trt") == 0 ? "trtllm" : name;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (strcmp(engines[i].name, wanted) == 0) {
            return &engines[i];
        }
    }
    return NULL;
}

static struct engine_flags vllm_defaults(const struct gpu *gpu) {
    bool is_large = gpu->mem_gb >= 70 && strncmp(gpu->name, "A100", 4) != 0;
    return (struct engine_flags){.max_num_seqs = is_large ? 1024 : 256,
                                 .max_num_batched_tokens = is_large ? 8192 : 2048,
                                 .memory_share = 0.9,
                                 .kv_precision = PRECISION_BF16};
}

static struct engine_flags sglang_defaults(const struct gpu *gpu, int64_t tensor_parallel) {
    const double mib_per_gib = 1024;
    bool is_large = gpu->mem_gb >= 160;
    int64_t chunk = is_large ? 16384 : 8192;
    double graphs = is_large || tensor_parallel >= 4 ? 512 : 256;
    double reserved = 512 + 1.5 * (double)chunk + 2 * graphs + 1024 * (double)tensor_parallel / 8;
    double least = 10 * mib_per_gib;
    double share = 1 - (reserved > least ? reserved : least) / (gpu->mem_gb * mib_per_gib);
    return (struct engine_flags){.max_num_seqs = 4096,
                                 .max_num_batched_tokens = chunk,
                                 .chunk = chunk,
                                 .memory_share = share > 0.3 ? share : 0.3,
                                 .kv_precision = PRECISION_BF16};
}

static struct engine_flags trtllm_defaults(enum precision precision) {
    bool is_quantised = precision == PRECISION_FP8 || precision == PRECISION_FP4;
    return (struct engine_flags){.max_num_seqs = 2048,
                                 .max_num_batched_tokens = 8192,
                                 .memory_share = 0.9,
                                 .kv_precision = is_quantised ? PRECISION_FP8 : PRECISION_BF16};
}

struct engine_flags engine_defaults(const struct engine *engine, const struct gpu *gpu, enum precision precision,
                                    int64_t tensor_parallel) {
    switch (engine->memory_rule) {
    case MEMORY_KV: return sglang_defaults(gpu, tensor_parallel);
    case MEMORY_FREE: return trtllm_defaults(precision);
    case MEMORY_WHOLE: break;
    }
    return vllm_defaults(gpu);
}
