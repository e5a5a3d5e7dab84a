/* config.h - all that the engine is told: a scenario's point, resolved. Immutable during a run, shared by threads. */
#ifndef TOKENMILL_SIM_CONFIG_H
#define TOKENMILL_SIM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"
#include "models/step_model.h"
#include "sim/arrival.h"
#include "sim/lengths.h"

enum batching_policy {
    BATCHING_CONTINUOUS,    /* vLLM V1: decodes and prefill chunks in one step */
    BATCHING_PREFILL_FIRST, /* vLLM V0, SGLang: a prefill-only step goes before decoding */
    BATCHING_STATIC,        /* a batch is formed and runs until its longest ends */
    BATCHING_REQUEST_LEVEL, /* one request at a time */
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

enum kv_admission { KV_ADMISSION_CHUNK, KV_ADMISSION_PROMPT };
enum on_preempt { ON_PREEMPT_RECOMPUTE, ON_PREEMPT_RESTART };
enum deliver { DELIVER_TOKEN, DELIVER_BATCH };

/* Blocks of a pool without a memory limit. */
#define KV_BLOCKS_UNLIMITED ((int64_t)1 << 50)

struct batching_config {
    enum batching_policy policy;
    int64_t max_num_seqs;
    int64_t max_num_batched_tokens;
    int64_t
        chunk; /* most prompt tokens of one sequence in a step (continuous); prefill-first: > 0 allows cutting a prompt; 0: none */
    enum kv_admission kv_admission;
    int64_t watermark_blocks; /* kept free at admission */
    enum on_preempt on_preempt;
    i128 max_wait; /* static: units */
    enum deliver deliver;
};

struct pool_config {
    const char *name;
    int64_t replicas;
    int64_t gpus_per_replica;
    struct batching_config batching;
    int64_t block_size;
    int64_t num_gpu_blocks; /* per replica, or KV_BLOCKS_UNLIMITED */
    int64_t max_model_len;
    const struct step_model *step_model; /* borrowed */
    i128 token_delay;                    /* units a token, client side */
    i128 finish_delay;                   /* units, added once to e2e */
};

/* Sequences that a batch may have. */
static inline int64_t batching_slots(const struct batching_config *batching) {
    return batching->policy == BATCHING_REQUEST_LEVEL ? 1 : batching->max_num_seqs;
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
    i128 arrival_delay_base; /* units: until router and scheduler see the request */
    i128 arrival_delay_per_input_token;
    i128 arrival_delay_quantum; /* the delay is floored to a multiple of it; 0: none */
    struct slo_threshold slo[SLO_THRESHOLD_MAX];
    size_t slo_count;
};

/* Both give the same results, to the byte; `stepwise` is the definition. */
enum engine_kind { ENGINE_STEPWISE, ENGINE_LEAP, ENGINE_KIND_COUNT };

const char *engine_kind_name(enum engine_kind engine); /* "stepwise", "leap" */

struct sim_config {
    enum engine_kind engine;
    uint64_t seed;
    uint32_t replication;
    int64_t max_requests; /* the first N arrivals; 0: no limit */
    int64_t end_key;      /* [0, end): cut there; KEY_NEVER: no limit */
    int64_t warmup_key;   /* the window begins here */
    enum routing_policy routing;
    const struct pool_config *pools;
    size_t pool_count;
    const struct workload_config *workloads;
    size_t workload_count;
};

#endif
