#include "study/engines.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "models/serving_engine.h"

static const struct engine engines[] = {
    {.name = "vllm", .word = "vllm", .seqs_by_rank = true, .is_documented = true},
    {.name = "sglang", .word = "sglang", .cuts_prompts = true, .is_documented = true},
    {.name = "trtllm",
     .word = "trtllm",
     .whole_prompts = true,
     .seqs_by_rank = true,
     .kv_by_weights = true,
     .is_documented = true},
    {.name = "trt",
     .word = "trtllm",
     .whole_prompts = true,
     .seqs_by_rank = true,
     .kv_by_weights = true,
     .is_documented = true},
    {.name = "tensorrt-llm",
     .word = "trtllm",
     .whole_prompts = true,
     .seqs_by_rank = true,
     .kv_by_weights = true,
     .is_documented = true},
    {.name = "atom", .word = "atom", .seqs_by_rank = true},
};

const struct engine *engine_find(const char *name) {
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (strcasecmp(engines[i].name, name) == 0) {
            return &engines[i];
        }
    }
    return NULL;
}

/* Is the version, "0.11.1 (...)" or "v0.9", of before the one that schedules asynchronously? */
static bool is_synchronous(const char *version) {
    int major = -1, minor = 0, patch = 0;
    version += version[0] == 'v';
    return sscanf(version, "%d.%d.%d", &major, &minor, &patch) >= 2 && major == 0 &&
           (minor < 11 || (minor == 11 && patch < 2));
}

const char *engine_word(const struct engine *engine, const char *version) {
    bool is_old = strcmp(engine->name, "vllm") == 0 && is_synchronous(version);
    return is_old ? serving_engine_name(SERVING_VLLM_011) : engine->word;
}
