#include "scenarios/capture_sizes.h"

#include "base/check.h"
#include "models/roofline.h"

/* From `from` on, steps of `by`; 0: doubling. */
struct range {
    int64_t from, by;
};

/* vLLM (config/vllm.py, _set_cudagraph_sizes); SGLang 0.5.5 (server_args.py); TensorRT-LLM with padding (llmapi/llm_args.py). The last range goes on. */
static const struct range vllm[] = {{1, 0}, {8, 8}, {256, 16}, {INT64_MAX, 0}};
static const struct range sglang[] = {{1, 0}, {8, 4}, {16, 8}, {256, 16}, {512, 32}, {INT64_MAX, 0}};
static const struct range trtllm[] = {{1, 0}, {8, 8}, {128, 0}, {INT64_MAX, 0}};

static const struct range *ranges_of(enum serving_engine engine) {
    return engine == SERVING_SGLANG ? sglang : engine == SERVING_TRTLLM ? trtllm : vllm;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* vLLM: twice the sequences, at most 512; SGLang by memory and tensor parallelism. */
static int64_t most_of(const struct capture_request *request) {
    const int64_t vllm_most = 512, sglang_small = 256, sglang_large = 512;
    const double large_gb = 160;
    if (request->most >= 0) {
        return request->most;
    }
    switch (request->engine) {
    case SERVING_SGLANG:
        return request->mem_gb < large_gb && request->tensor_parallel < 4 ? sglang_small : sglang_large;
    default: return least(least(2 * request->max_num_seqs, vllm_most), request->max_num_batched_tokens);
    }
}

const int64_t *capture_sizes_of(const struct capture_request *request, struct arena *arena, size_t *count) {
    const struct range *range = ranges_of(request->engine);
    const int64_t most = least(most_of(request), CAPTURE_SIZE_MAX);
    int64_t *sizes = arena_alloc(arena, (size_t)most + 1, sizeof *sizes);
    *count = 0;
    for (int64_t size = range->from; size < most;) {
        sizes[(*count)++] = size;
        size += range->by > 0 ? range->by : size;
        if (size >= range[1].from) {
            range++;
            size = range->from;
        }
    }
    if (most > 0) {
        sizes[(*count)++] = most; /* engines end with it, whatever the steps before */
    }
    return sizes;
}
