/* config.h - all that the engine is told: a scenario's point, resolved. Immutable during a run, shared by threads. */
#ifndef TOKENMILL_SIM_CONFIG_H
#define TOKENMILL_SIM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/int128.h"
#include "models/step_model.h"
#include "sim/arrival.h"
#include "sim/lengths.h"

enum batching_policy {
    BATCHING_CONTINUOUS,    /* vLLM V1: decodes and prefill chunks in one step */
    BATCHING_PREFILL_FIRST, /* vLLM V0, SGLang: a prefill-only step goes before decoding */
    BATCHING_STATIC,        /* a batch is formed and runs until its longest ends */
    BATCHING_REQUEST_LEVEL, /* one request at a time */
    BATCHING_TRTLLM,        /* TensorRT-LLM: decodes and whole prompts in one step, blocks reserved to the end */
    BATCHING_POLICY_COUNT
};

enum routing_policy {
    ROUTING_ROUND_ROBIN,
    ROUTING_RANDOM,
    ROUTING_POWER_OF_TWO,
    ROUTING_LEAST_OUTSTANDING,
    ROUTING_CENTRAL_QUEUE,
    ROUTING_POLICY_COUNT
};

/* The contract's spellings: "continuous", "round-robin", ... */
const char *batching_policy_name(enum batching_policy policy);
const char *routing_policy_name(enum routing_policy policy);

/* Blocks that must be free to admit a request: */
enum kv_admission {
    KV_ADMISSION_CHUNK,  /* for this step's chunk */
    KV_ADMISSION_PROMPT, /* for its prompt */
    KV_ADMISSION_ESTIMATE, /* for its prompt and its answer, beside a share of what is left of the answers of the running (SGLang) */
    KV_ADMISSION_RESERVE, /* for its prompt and its whole answer, which are taken at once: nobody is preempted (trtllm) */
};
enum on_preempt { ON_PREEMPT_RECOMPUTE, ON_PREEMPT_RESTART };
enum deliver { DELIVER_TOKEN, DELIVER_BATCH };

/* Of `estimate`: tokens of an answer that are looked ahead to at most, and (after a preemption) tokens that each running sequence should
 * get before the next one. */
enum { NEW_TOKEN_RATIO_SHIFT = 20, ESTIMATE_TOKENS_MAX = 4096, ESTIMATE_RETRACT_STEPS = 20 };

/* Blocks of a pool without a memory limit. */
#define KV_BLOCKS_UNLIMITED ((int64_t)1 << 50)

struct batching_config {
    enum batching_policy policy;
    int64_t max_num_seqs;
    int64_t max_num_batched_tokens; /* of a step; of a pipeline's round in all its micro-batches together, as `chunk` */
    int64_t micro_batches;          /* of a round; 0 or 1: a step. A prompt that is not cut must fit in one */
    int64_t
        chunk; /* most prompt tokens of one sequence in a step (continuous); prefill-first: > 0 allows cutting a prompt; 0: none */
    enum kv_admission kv_admission;
    int64_t watermark_blocks; /* kept free at admission */
    enum on_preempt on_preempt;
    int64_t recv_interval; /* prefill-first: steps of decodes between two looks at who has arrived; 0 or 1: each */
    i128 max_wait;         /* static: units */
    /* trtllm: while sequences decode, prompts are held back until a step would have this many tokens, for so many steps at most. */
    int64_t batch_wait_max_tokens, batch_wait_timeout_iters;
    /* estimate: the share of the tokens left to the running that admission keeps room for, in 2^-20: where a replica starts with nobody
     * running, what it falls to, and by how much in each step of decodes. */
    int64_t new_token_ratio, new_token_ratio_min, new_token_ratio_decay;
    enum deliver deliver;
};

/* A decode verifies `draft_tokens` drafts besides its own token and emits 1 + accepted / 2^CONTEXT_SHIFT tokens on average: see
 * docs/semantics.md section 4. Zero: no speculation. */
struct speculative_config {
    int64_t draft_tokens; /* the step model's own number */
    int64_t accepted;     /* tokens a step in 2^-CONTEXT_SHIFT, at most all drafts */
};

struct pool_config {
    const char *name;
    int64_t replicas;
    int64_t gpus_per_replica;
    struct batching_config batching;
    struct speculative_config speculative;
    int64_t block_size;
    int64_t num_gpu_blocks; /* per replica, or KV_BLOCKS_UNLIMITED */
    int64_t max_model_len;
    const struct step_model *step_model; /* borrowed */
    /* API server and tokeniser of a replica: one request after the other, between router and queue; units */
    i128 frontend_base, frontend_per_input_token;
    i128 token_delay;  /* units a token, client side */
    i128 finish_delay; /* units, added once to e2e */
};

/* Tokens of a decode in a step: of budgets, and of KV that it holds then. */
static inline int64_t pool_decode_tokens(const struct pool_config *pool) {
    return 1 + pool->speculative.draft_tokens;
}

/* Contexts are in units of 2^-shift tokens. */
static inline int pool_context_shift(const struct pool_config *pool) {
    return pool->speculative.draft_tokens > 0 ? CONTEXT_SHIFT : 0;
}

/* What a decode adds to its context in a step, in those. */
static inline int64_t pool_advance(const struct pool_config *pool) {
    return ((int64_t)1 << pool_context_shift(pool)) + pool->speculative.accepted;
}

/* KV tokens of a request with so long an answer when it ends, and what it may hold for drafts that are not accepted. */
static inline int64_t pool_final_tokens(const struct pool_config *pool, int64_t input, int64_t output) {
    return input + output - 1 + pool->speculative.draft_tokens;
}

/* Sequences that a batch may have. */
static inline int64_t batching_slots(const struct batching_config *batching) {
    return batching->policy == BATCHING_REQUEST_LEVEL ? 1 : batching->max_num_seqs;
}

/* Tokens of a prompt that is not cut, at most. */
static inline int64_t batching_prompt_tokens(const struct batching_config *batching) {
    return batching->max_num_batched_tokens / (batching->micro_batches > 1 ? batching->micro_batches : 1);
}

/* Latencies that a threshold or a statistic can be about. */
enum latency_metric { LATENCY_TTFT, LATENCY_TPOT, LATENCY_ITL, LATENCY_E2E, LATENCY_QUEUE, LATENCY_METRIC_COUNT };

const char *latency_metric_name(enum latency_metric metric); /* "ttft", ... */

/* One threshold of an SLO: `percent` of the requests must have `metric` at or under `limit`. Not for ITL. */
struct slo_threshold {
    enum latency_metric metric;
    int percent; /* 50, 90, 95, 99 */
    i128 limit;  /* units */
};

enum { SLO_THRESHOLD_MAX = 16 };

struct workload_config {
    const char *name;
    struct arrival_factory arrivals;
    struct length_spec input_tokens, output_tokens;
    const uint32_t *pools; /* indices into sim_config.pools, ascending; borrowed */
    size_t pool_count;
    int64_t cached_input_share; /* of each prompt that a prefix cache holds, in 2^-20: see workload_cached */
    i128 arrival_delay_base;    /* units: until router and scheduler see the request */
    i128 arrival_delay_per_input_token;
    i128 arrival_delay_quantum; /* the delay is floored to a multiple of it; 0: none */
    struct slo_threshold slo[SLO_THRESHOLD_MAX];
    size_t slo_count;
};

enum { CACHED_SHARE_SHIFT = 20 };

/* Tokens of a prompt that are in the prefix cache: their KV is held and attended to, and nothing computes it. To the nearest; the last token
 * of a prompt is always computed. */
static inline int64_t workload_cached(const struct workload_config *workload, int64_t input) {
    const int64_t half = (int64_t)1 << (CACHED_SHARE_SHIFT - 1);
    int64_t cached = (input * workload->cached_input_share + half) >> CACHED_SHARE_SHIFT;
    return cached < input ? cached : input - 1;
}

/* Both give the same results, to the byte; `stepwise` is the definition. */
enum engine_kind { ENGINE_STEPWISE, ENGINE_LEAP, ENGINE_KIND_COUNT };

const char *engine_kind_name(enum engine_kind engine); /* "stepwise", "leap" */

struct sim_config {
    enum engine_kind engine;
    uint64_t seed;
    uint32_t replication;
    int64_t max_requests;         /* the first N arrivals; 0: no limit */
    int64_t end_key;              /* [0, end): cut there; KEY_NEVER: no limit */
    int64_t warmup_key;           /* the window begins here */
    int64_t series_interval_keys; /* a time series of each pool with this interval (sim/timeline.h); 0: none */
    struct position series_at;    /* where that was asked for */
    enum routing_policy routing;
    const struct pool_config *pools;
    size_t pool_count;
    const struct workload_config *workloads;
    size_t workload_count;
};

#endif
