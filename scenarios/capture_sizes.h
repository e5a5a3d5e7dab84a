/* capture_sizes.h - the batch sizes for which engines capture CUDA graphs when nobody tells them otherwise (docs/engines.md). */
#ifndef TOKENMILL_SCENARIOS_CAPTURE_SIZES_H
#define TOKENMILL_SCENARIOS_CAPTURE_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "models/serving_engine.h"

struct capture_request {
    enum serving_engine engine;
    int64_t max_num_seqs, max_num_batched_tokens;
    int64_t tensor_parallel;
    double mem_gb;
    int64_t most; /* the largest, if somebody says it; -1: the engine's own, of which TensorRT-LLM has none that pads */
};

/* Ascending, in the arena; sets `*count`, 0: no graphs. */
const int64_t *capture_sizes_of(const struct capture_request *request, struct arena *arena, size_t *count);

#endif
