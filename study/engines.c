#include "study/engines.h"

#include <stddef.h>
#include <string.h>

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
    {.name = "atom", .word = "vllm", .seqs_by_rank = true},
};

const struct engine *engine_find(const char *name) {
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (strcmp(engines[i].name, name) == 0) {
            return &engines[i];
        }
    }
    return NULL;
}
