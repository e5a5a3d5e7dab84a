/* serving_engine.h - the programs that serve: what differs between them by name. */
#ifndef TOKENMILL_MODELS_SERVING_ENGINE_H
#define TOKENMILL_MODELS_SERVING_ENGINE_H

#include <stdbool.h>

#include "base/text.h"

enum serving_engine {
    SERVING_VLLM,     /* with asynchronous scheduling: about 0.12 and later */
    SERVING_VLLM_011, /* without: to 0.11 */
    SERVING_SGLANG,
    SERVING_TRTLLM,
    SERVING_ATOM, /* AMD's, of vLLM's kind */
    SERVING_ENGINE_COUNT
};

/* The contract's spellings: "vllm", "vllm-0.11", "sglang", "trtllm", "atom". */
const char *serving_engine_name(enum serving_engine engine);

/* False if `name` is none of them. */
bool serving_engine_from_text(struct span name, enum serving_engine *engine);

#endif
