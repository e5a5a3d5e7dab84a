/* engines.h - the serving engines that measured runs name, as the engines of scenarios (docs/engines.md). */
#ifndef TOKENMILL_STUDY_ENGINES_H
#define TOKENMILL_STUDY_ENGINES_H

#include <stdbool.h>

struct engine {
    const char *name;  /* as rows have it */
    const char *word;  /* of `engine:` in a scenario; cells and classes bear it, or the name where it is only assumed */
    bool cuts_prompts; /* SGLang: `chunk` is one of its flags */
    bool whole_prompts; /* TensorRT-LLM: a prompt takes its first step whole, and flags of waiting are its own */
    bool seqs_by_rank; /* max_num_seqs and max_num_batched_tokens are those of one rank of attention data parallelism */
    bool kv_by_weights; /* KV in FP8 where the weights are FP8 or FP4, as NVIDIA's checkpoints ask for */
    bool is_documented; /* false: scheduler and defaults are not published; vLLM's are assumed */
};

/* NULL: unknown. */
const struct engine *engine_find(const char *name);

/* The word of `engine:` for a version as rows have it, "0.11.1 (...)"; "": not known, taken as recent. */
const char *engine_word(const struct engine *engine, const char *version);

#endif
