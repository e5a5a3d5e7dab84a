/* measured_json.h - runs as load generators save them: `vllm bench serve --save-result` (also several objects in a file, as --append-result
 * leaves them) and GuideLLM's benchmarks.json.
 *
 * They say what the client did and what it saw, but not what served: that comes from the caller. Of vLLM: max_concurrency is a closed
 * loop, a finite request_rate an open one, neither all at once; lengths are the means that were measured. Of GuideLLM: the strategies synchronous,
 * concurrent, throughput, constant and poisson; TPOT is its inter_token_latency_ms, (last - first token) / (tokens - 1), since its time_per_output_token_ms
 * has the first token in it. Random arrivals are rebuilt as constant ones. */
#ifndef TOKENMILL_STUDY_MEASURED_JSON_H
#define TOKENMILL_STUDY_MEASURED_JSON_H

#include "study/measured.h"

/* What served. NULL or 0: not said; the model is then the file's. */
struct measured_server {
    const char *gpu, *model, *precision, *engine;
    int64_t tensor_parallel;
};

/* By its name: does it end in ".json" or ".jsonl"? */
bool measured_json_is(const char *path);

/* Reads the file; rows are "1", "2", ... Rules "measured-file" (the world), "measured-json": no such file, nothing in it that is known, no GPU said. */
bool measured_json_read(struct measured *measured, const char *path, const struct measured_server *server,
                        struct arena *arena, struct diags *diags);

#endif
