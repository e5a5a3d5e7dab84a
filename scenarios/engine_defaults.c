#include "scenarios/engine_defaults.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "models/serving_engine.h"
#include "scenarios/schema.h"
#include "scenarios/schema_blocks.h"

enum gpu_class {
    ANY_GPU,
    SMALL_GPU,  /* below 70 GB, or an A100 */
    LARGE_GPU,  /* others */
    BELOW_160,  /* below 160 GB */
    FROM_160_GB /* others */
};

struct engine_default {
    enum serving_engine engine;
    const char *key; /* of the fleet entry, or of its batching block: "batching.policy" */
    const char *value;
    enum gpu_class gpu;
    const char *flag; /* that it is in the engine */
};

#define VLLM(key, value, gpu, flag)                                                                                    \
    { SERVING_VLLM, key, value, gpu, flag }
#define SGLANG(key, value, gpu, flag)                                                                                  \
    { SERVING_SGLANG, key, value, gpu, flag }
#define TRTLLM(key, value, gpu, flag)                                                                                  \
    { SERVING_TRTLLM, key, value, gpu, flag }

/* Sources: vLLM 0.9 to 0.22 (engine/arg_utils.py, config/scheduler.py); SGLang 0.5.5 (server_args.py: by GPU memory); TensorRT-LLM 1.0 to 1.2
 * (llmapi/llm_args.py, the documentation of trtllm-serve and of its runtime flags). `policy` comes first: other keys depend on it. */
static const struct engine_default defaults[] = {
    VLLM("batching.policy", "continuous", ANY_GPU, "V1 scheduler, chunked prefill"),
    VLLM("batching.max_num_seqs", "1024", LARGE_GPU, "max_num_seqs"),
    VLLM("batching.max_num_seqs", "256", SMALL_GPU, "max_num_seqs"),
    VLLM("batching.max_num_batched_tokens", "8192", LARGE_GPU, "max_num_batched_tokens"),
    VLLM("batching.max_num_batched_tokens", "2048", SMALL_GPU, "max_num_batched_tokens"),
    VLLM("batching.kv_admission", "prompt", ANY_GPU, "scheduler_reserve_full_isl (0.19)"),
    VLLM("block_size", "16", ANY_GPU, "block_size"),
    VLLM("gpu_memory_utilization", "0.9", ANY_GPU, "gpu_memory_utilization"),
    SGLANG("batching.policy", "prefill-first", ANY_GPU, "no mixed chunk"),
    SGLANG("batching.chunk", "8192", BELOW_160, "chunked_prefill_size"),
    SGLANG("batching.chunk", "16384", FROM_160_GB, "chunked_prefill_size"),
    SGLANG("batching.max_num_batched_tokens", "16384", ANY_GPU, "max_prefill_tokens"),
    SGLANG("batching.max_num_seqs", "2048", ANY_GPU, "max_running_requests (the least that it derives)"),
    SGLANG("batching.kv_admission", "estimate", ANY_GPU, "new_token_ratio"),
    SGLANG("block_size", "1", ANY_GPU, "page_size"),
    SGLANG("gpu_memory_utilization", "0.87", BELOW_160, "mem_fraction_static: all but about 10 GB"),
    SGLANG("gpu_memory_utilization", "0.9", FROM_160_GB, "mem_fraction_static"),
    TRTLLM("batching.policy", "trtllm", ANY_GPU, "in-flight batching, no chunked context"),
    TRTLLM("batching.max_num_seqs", "2048", ANY_GPU, "max_batch_size"),
    TRTLLM("batching.max_num_batched_tokens", "8192", ANY_GPU, "max_num_tokens"),
    TRTLLM("batching.kv_admission", "reserve", ANY_GPU, "GUARANTEED_NO_EVICT"),
    TRTLLM("block_size", "32", ANY_GPU, "tokens_per_block"),
    TRTLLM("gpu_memory_utilization", "0.9", ANY_GPU, "free_gpu_memory_fraction"),
};

/* The GPU of a fleet entry, as far as its name tells. */
static bool gpu_is(const struct catalog *catalog, const struct node *pool, enum gpu_class class) {
    const struct node_entry *entry = node_find(pool, "gpu");
    double mem_gb = 80; /* without a row: as most */
    bool is_a100 = false;
    if (entry != NULL && entry->value->kind == NODE_SCALAR) {
        struct diags *ignored = diags_new();
        const struct gpu *gpu = catalog_gpu(catalog, span_of(entry->value->text), ignored, entry->value->at);
        diags_free(ignored);
        mem_gb = gpu == NULL || isnan(gpu->mem_gb) ? mem_gb : gpu->mem_gb;
        is_a100 = gpu != NULL && strncmp(gpu->name, "A100", 4) == 0;
    } else if (entry != NULL && node_find(entry->value, "mem_gb") != NULL) {
        (void)text_to_double(span_of(node_find(entry->value, "mem_gb")->value->text), &mem_gb);
    }
    bool is_small = mem_gb < 70 || is_a100;
    return class == ANY_GPU || (class == SMALL_GPU && is_small) || (class == LARGE_GPU && !is_small) ||
           (class == BELOW_160 && mem_gb < 160) || (class == FROM_160_GB && mem_gb >= 160);
}

/* `map` with `key` set to a default, unless it is there or has no use there. */
static const struct node *with_default(struct arena *arena, const struct node *map, const struct block *block,
                                       const char *key, const struct node *value) {
    const struct field *field = block_field(block, span_of(key));
    CHECK(field != NULL);
    bool is_wanted = node_find(map, key) == NULL && field_applies(field, block, map);
    return is_wanted ? node_with(arena, map, key, value->at, value) : map;
}

static bool is_of_batching(const char *key) {
    return strncmp(key, "batching.", strlen("batching.")) == 0;
}

static bool policy_is(const struct node *pool, const char *policy) {
    const struct node_entry *batching = node_find(pool, "batching");
    const struct node_entry *entry = batching == NULL ? NULL : node_find(batching->value, "policy");
    return entry != NULL && strcmp(entry->value->text, policy) == 0;
}

static const struct node *pool_with_default(struct arena *arena, const struct node *pool,
                                            const struct engine_default *row, struct position at) {
    const struct node *value = node_scalar(arena, at, row->value);
    if (!is_of_batching(row->key)) {
        return with_default(arena, pool, &schema_fleet_block, row->key, value);
    }
    const struct node_entry *entry = node_find(pool, "batching");
    const struct node *batching = entry == NULL ? node_map(arena, at) : entry->value;
    if (batching->kind != NODE_MAP) {
        return pool;
    }
    const struct block *block = block_field(&schema_fleet_block, span_of("batching"))->block;
    batching = with_default(arena, batching, block, row->key + strlen("batching."), value);
    return node_with(arena, pool, "batching", entry == NULL ? at : entry->key_at, batching);
}

static const struct node *pool_with_defaults(struct arena *arena, const struct catalog *catalog,
                                             const struct node *pool) {
    const struct node_entry *entry = node_find(pool, "engine");
    enum serving_engine engine;
    if (entry == NULL || entry->value->kind != NODE_SCALAR ||
        !serving_engine_from_text(span_of(entry->value->text), &engine)) {
        return pool;
    }
    const bool is_vllm = engine == SERVING_VLLM_011 || engine == SERVING_ATOM; /* ATOM's own are not published */
    engine = is_vllm ? SERVING_VLLM : engine;
    const struct node *result = pool;
    bool is_own = true; /* the scheduler is */
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        const struct engine_default *row = &defaults[i];
        if (row->engine == engine && gpu_is(catalog, pool, row->gpu) && (is_own || !is_of_batching(row->key))) {
            result = pool_with_default(arena, result, row, entry->value->at);
            is_own = is_own && (strcmp(row->key, "batching.policy") != 0 || policy_is(result, row->value));
        }
    }
    return result;
}

const struct node *engine_defaults_apply(struct arena *arena, const struct catalog *catalog, const struct node *root) {
    const struct node_entry *fleet = node_find(root, "fleet");
    if (fleet == NULL || fleet->value->kind != NODE_LIST) {
        return root;
    }
    const struct node *pools = fleet->value;
    for (size_t i = 0; i < pools->count; i++) {
        pools = node_with_item(arena, pools, i, pool_with_defaults(arena, catalog, pools->items[i]));
    }
    return node_with(arena, root, "fleet", fleet->key_at, pools);
}
