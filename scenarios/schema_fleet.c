/* The keys of fleet[] and power. */
#include "scenarios/schema_blocks.h"

static const struct field node_fields[] = {
    {.key = "gpus",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1024,
     .help = "GPUs of a node; by default the catalogue's"},
    {.key = "billing",
     .shapes = SHAPE_WORD,
     .words = "gpu|node",
     .help = "What is paid: GPUs in replicas, or all of every node; by default `gpu` for rental, `node` for owned"},
    {.key = "host_w",
     .shapes = SHAPE_NUMBER,
     .unit = "W",
     .min = 0,
     .max = 1e6,
     .help = "Power of a node without its GPUs while those idle; by default 150 W per GPU"},
    {.key = "fan_ratio",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0,
     .max = 1,
     .fallback = "0.08",
     .help = "What fans and host draw more under load, over the GPUs' power above idle; 0: liquid cooling"},
};
static const struct block node_block = {"fleet[].node", FIELDS(node_fields), NO_ALIASES};

static const struct field batching_fields[] = {
    {.key = "policy",
     .shapes = SHAPE_WORD,
     .words = "continuous|prefill-first|static|request-level|trtllm",
     .fallback = "continuous",
     .help = "`continuous` is vLLM V1, `prefill-first` vLLM V0 and, with `chunk`, SGLang, `trtllm` TensorRT-LLM"},
    {.key = "max_num_seqs",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e6,
     .fallback = "256",
     .when = "policy=continuous|policy=prefill-first|policy=static|policy=trtllm",
     .help = "Sequences in a batch at most"},
    {.key = "max_num_batched_tokens",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e8,
     .fallback = "8192",
     .help = "Tokens of a step at most"},
    {.key = "chunk",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e8,
     .when = "policy=continuous|policy=prefill-first|policy=trtllm",
     .help =
         "Prompt tokens of one sequence in a step at most; `prefill-first` and `trtllm` cut prompts only if this is given"},
    {.key = "kv_admission",
     .shapes = SHAPE_WORD,
     .words = "chunk|prompt|estimate|reserve",
     .when = "policy=continuous|policy=prefill-first|policy=trtllm",
     .help =
         "Blocks that must be free to admit: for this step's `chunk` (`continuous` only, its default), for the whole `prompt` (default of `prefill-first`), for the answer too and a share of what the running have yet to generate (`estimate`: SGLang, `prefill-first` only), or reserved for prompt and answer (`reserve`: default of `trtllm`, and only there)"},
    {.key = "schedule_conservativeness",
     .shapes = SHAPE_NUMBER,
     .min = 0,
     .max = 10,
     .fallback = "1",
     .when = "kv_admission=estimate",
     .help =
         "The share starts at 0.7 of this, at most 1, falls to 0.14 of that in 600 steps, and rises with preemptions (SGLang)"},
    {.key = "recv_interval",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .when = "policy=prefill-first",
     .help = "Steps of decodes between two looks at who has arrived (SGLang's scheduler_recv_interval)"},
    {.key = "watermark_blocks",
     .shapes = SHAPE_INTEGER,
     .min = 0,
     .max = 1e12,
     .fallback = "0",
     .when = "policy=continuous|policy=prefill-first|policy=trtllm",
     .help = "Blocks kept free at admission"},
    {.key = "on_preempt",
     .shapes = SHAPE_WORD,
     .words = "recompute|restart",
     .fallback = "recompute",
     .when = "policy=continuous|policy=prefill-first|policy=trtllm",
     .help = "A preempted request computes its tokens again, or forgets what it generated"},
    {.key = "max_wait",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 86400,
     .fallback = "1s",
     .when = "policy=static",
     .help = "A batch is formed when this has passed since its oldest request"},
    {.key = "deliver",
     .shapes = SHAPE_WORD,
     .words = "token|batch",
     .fallback = "token",
     .when = "policy=static",
     .help = "When answers reach the client"},
    {.key = "batch_wait_timeout_iters",
     .shapes = SHAPE_INTEGER,
     .min = 0,
     .max = 1e6,
     .fallback = "0",
     .when = "policy=trtllm",
     .help = "While others decode, prompts are held back for so many steps at most,"},
    {.key = "batch_wait_max_tokens_ratio",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .when = "policy=trtllm",
     .help = "as long as the step has less than this share of `max_num_batched_tokens`"},
};
static const struct block batching_block = {"fleet[].batching", FIELDS(batching_fields), NO_ALIASES};

static const struct field arrival_delay_fields[] = {
    {.key = "base",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 3600,
     .fallback = "0",
     .help = "For every request"},
    {.key = "per_input_token",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .help = "For each token of the prompt"},
};
static const struct block arrival_delay_block = {"fleet[].step_time.arrival_delay", FIELDS(arrival_delay_fields),
                                                 NO_ALIASES};

static const struct field frontend_fields[] = {
    {.key = "per_request",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 10,
     .fallback = "0",
     .help = "For each request"},
    {.key = "per_input_token",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .help = "For each token of its prompt"},
};
static const struct block frontend_block = {"fleet[].frontend", FIELDS(frontend_fields), NO_ALIASES};

#define EFFICIENCY(name, text)                                                                                         \
    { .key = name, .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0.01, .max = 1, .help = text }
static const struct field efficiency_fields[] = {
    EFFICIENCY("memory", "Streaming of weights"),
    EFFICIENCY("compute", "Matrix products in the model's precision"),
    EFFICIENCY("kv_read", "Decode attention"),
    EFFICIENCY("attention", "Prefill attention"),
};
static const struct block efficiency_block = {"fleet[].step_time.efficiency", FIELDS(efficiency_fields), NO_ALIASES};

#define OVERHEAD(name, text)                                                                                           \
    { .key = name, .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 10, .help = text }
static const struct field overhead_fields[] = {
    OVERHEAD("per_step", "Each step"),
    OVERHEAD("per_layer", "Each layer of a step"),
    OVERHEAD("per_seq", "Each sequence of a step"),
    OVERHEAD("per_prefill_step", "Each step that prefills"),
    OVERHEAD(
        "host_step",
        "Each step at least, and `host_seq` more for each sequence: the host's time where it overlaps the GPU's. By default 0"),
    OVERHEAD("host_seq", "See `host_step`"),
};
static const struct block overhead_block = {"fleet[].step_time.overhead", FIELDS(overhead_fields), NO_ALIASES};

static const struct field padding_fields[] = {
    {.key = "multiple",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 65536,
     .is_required = true,
     .help = "The tokens of a step, prefill and decodes, are rounded up to a multiple of it"},
    {.key = "per_token",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 10,
     .is_required = true,
     .help = "Seconds per token of padding"},
};
static const struct block padding_block = {"fleet[].step_time.padding", FIELDS(padding_fields), NO_ALIASES};

#define COEFFICIENT(name, text)                                                                                        \
    {                                                                                                                  \
        .key = name, .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 1e6, .fallback = "0",                       \
        .when = "model=linear", .help = text                                                                           \
    }
static const struct field step_time_fields[] = {
    {.key = "model",
     .shapes = SHAPE_WORD,
     .words = "profile|roofline|linear",
     .fallback = "profile",
     .help =
         "`profile` has the kernels of the GPU's architecture and what serving runs say beyond them (docs/step-times.md); `roofline` comes from the datasheet's figures alone; `linear` is c0 + c1 prefill tokens + c2 decodes + c3 decode context + c4 sum of chunk x (context + chunk / 2), and with a `window` + c5 sum of min(context, window) over decodes + c6 sum of min(position, window) over prefill tokens"},
    {.key = "profile",
     .shapes = SHAPE_TEXT,
     .when = "model=profile",
     .help =
         "A file that `tokenmill calibrate` wrote; what it does not say, and by default all, is the shipped profile's"},
    COEFFICIENT("c0", "Seconds per step"),
    COEFFICIENT("c1", "Seconds per prefill token"),
    COEFFICIENT("c2", "Seconds per decoding sequence"),
    COEFFICIENT("c3", "Seconds per token of decode context"),
    COEFFICIENT("c4", "Seconds per pair of prefill tokens"),
    {.key = "window",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = TOKENS_MAX,
     .when = "model=linear",
     .help =
         "Tokens that windowed layers look back at most; by default there are no such layers (`roofline`: the model's own)"},
    COEFFICIENT("c5", "Seconds per token of decode context within the `window`"),
    COEFFICIENT("c6", "Seconds per pair of prefill tokens within the `window`"),
    COEFFICIENT("h0", "A step takes h0 + h1 sequences at least: the host's time where it overlaps the GPU's"),
    COEFFICIENT("h1", "See `h0`"),
    {.key = "quantum",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 10,
     .fallback = "0",
     .help = "Floors each step to a multiple of it; 0: none"},
    {.key = "padding",
     .shapes = SHAPE_BLOCK,
     .block = &padding_block,
     .when = "model=linear",
     .help = "Tokens that a step computes for nothing; by default none"},
    {.key = "capture_sizes",
     .shapes = SHAPE_NUMBERS,
     .min = 1,
     .max = 65536,
     .when = "model=profile|model=roofline",
     .help =
         "Batch sizes of captured CUDA graphs, ascending: a step of decodes alone computes as if it had the next of them. By default those of `engine` (profile), or none"},
    {.key = "max_capture_size",
     .shapes = SHAPE_INTEGER,
     .min = 0,
     .max = 65536,
     .when = "model=profile",
     .help =
         "The largest batch of a captured CUDA graph, where the engine's sizes end (max_cudagraph_capture_size, cuda-graph-max-bs, cuda_graph_config.max_batch_size); larger ones are launched kernel by kernel. By default the engine's; 0: no graphs"},
    {.key = "efficiency",
     .shapes = SHAPE_BLOCK,
     .block = &efficiency_block,
     .when = "model=roofline",
     .help = "Shares of the datasheet's peaks that kernels reach; by default first values from measurements"},
    {.key = "overhead",
     .shapes = SHAPE_BLOCK,
     .block = &overhead_block,
     .when = "model=roofline",
     .help = "The serving engine's own time, likewise"},
    {.key = "arrival_delay",
     .shapes = SHAPE_BLOCK,
     .block = &arrival_delay_block,
     .help = "Until router and scheduler see a request"},
    {.key = "token_delay",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 10,
     .fallback = "0",
     .help = "Client-side time per emitted token; holds no GPU"},
    {.key = "finish_delay",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 0,
     .max = 3600,
     .fallback = "0",
     .help = "Added once to the end-to-end latency"},
};
static const struct block step_time_block = {"fleet[].step_time", FIELDS(step_time_fields), NO_ALIASES};

#define POWER_FIELDS                                                                                                   \
    {.key = "idle_w",                                                                                                  \
     .shapes = SHAPE_NUMBER,                                                                                           \
     .unit = "W",                                                                                                      \
     .min = 0,                                                                                                         \
     .max = 1e5,                                                                                                       \
     .help = "One GPU with nothing loaded; by default its row's"},                                                     \
        {.key = "idle_ctx_add_w",                                                                                      \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "W",                                                                                                  \
         .min = 0,                                                                                                     \
         .max = 1e5,                                                                                                   \
         .help = "More, with a model loaded; by default its row's"},                                                   \
        {.key = "tdp_w",                                                                                               \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "W",                                                                                                  \
         .min = 1,                                                                                                     \
         .max = 1e5,                                                                                                   \
         .help = "Limit of one GPU's board; by default its row's"},                                                    \
        {.key = "active_ratio",                                                                                        \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 2,                                                                                                     \
         .help = "Share of `tdp_w` that a board draws above idle while a step runs; by default its architecture's"},   \
        {.key = "compute_ratio",                                                                                       \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 2,                                                                                                     \
         .help = "The same at the peak of compute; by default its architecture's"},                                    \
        {.key = "memory_ratio",                                                                                        \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 2,                                                                                                     \
         .help = "The same at the peak of memory bandwidth; by default its architecture's"},                           \
        {.key = "power_limit_w",                                                                                       \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "W",                                                                                                  \
         .min = 1,                                                                                                     \
         .max = 1e5,                                                                                                   \
         .help = "Limit set on each board, at most `tdp_w`: the clock falls to where prefill and decoding meet it, "   \
                 "each for itself. By default none"},                                                                  \
    {                                                                                                                  \
        .key = "sm_clock_ratio", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0.2, .max = 1,                        \
        .help = "SM clock that boards are locked to, of their greatest; by default 1. Memory keeps its clock"          \
    }
static const struct field pool_power_fields[] = {POWER_FIELDS};
static const struct block pool_power_block = {"fleet[].power", FIELDS(pool_power_fields), NO_ALIASES};

static const struct field power_fields[] = {
    {.key = "pue", .shapes = SHAPE_NUMBER, .min = 1, .max = 5, .fallback = "1.2", .help = "Site power over IT power"},
    {.key = "psu_efficiency",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0.5,
     .max = 1,
     .fallback = "0.95",
     .help = "Power at a node's supply output over that at the wall"},
    POWER_FIELDS,
};
const struct block schema_power_block = {"power", FIELDS(power_fields), NO_ALIASES};

static const struct field speculative_fields[] = {
    {.key = "draft_tokens",
     .shapes = SHAPE_INTEGER,
     .min = 0,
     .max = DRAFT_TOKENS_MAX,
     .is_required = true,
     .help = "Drafts that a decode verifies in each step, k; 0: no speculation"},
    {.key = "accepted_tokens",
     .shapes = SHAPE_NUMBER,
     .min = 0,
     .max = DRAFT_TOKENS_MAX,
     .help =
         "Drafts accepted in a step on average, 0 to k: a decode emits 1 more than that. This, or `acceptance_rate`"},
    {.key = "acceptance_rate",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0,
     .max = 1,
     .help = "The chance p of each draft, if those before it were accepted: p + p^2 + ... + p^k tokens a step"},
    {.key = "draft",
     .shapes = SHAPE_TEXT,
     .help =
         "What makes the drafts: `mtp`, one layer of the model's own shape; `eagle`, one dense layer of its width; a model of the catalogue, on the "
         "same GPUs; `ngram`, the default, which takes no GPU time. It runs k times a step, and once over each prompt"},
};
static const struct block speculative_block = {"fleet[].speculative", FIELDS(speculative_fields), NO_ALIASES};

static const struct field fleet_fields[] = {
    {.key = "name", .shapes = SHAPE_NAME, .is_required = true, .help = "Stands in key paths and results"},
    {.key = "gpu",
     .shapes = SHAPE_TEXT | SHAPE_COLUMNS,
     .table = CATALOG_GPUS,
     .help = "A GPU of the catalogue, or a map with its columns. Needed unless `step_time` is `linear`"},
    {.key = "model",
     .shapes = SHAPE_TEXT | SHAPE_COLUMNS,
     .table = CATALOG_LLMS,
     .help =
         "A language model of the catalogue, a map with its columns, or a Hugging Face `config.json` (`./config.json`, or a "
         "folder that holds one), relative to the scenario's; likewise"},
    {.key = "engine",
     .shapes = SHAPE_WORD,
     .words = "vllm|vllm-0.11|sglang|trtllm|atom",
     .help =
         "The program that serves. It sets what its own defaults are (docs/engines.md) where the keys below are not given: scheduler, block size, memory share; without it the defaults of this page hold. With step times of a profile its overheads count, without it vllm's"},
    {.key = "precision",
     .shapes = SHAPE_WORD,
     .words = "bf16|fp16|fp8|int8|int4|fp4",
     .help = "Of weights; by default the model's"},
    {.key = "kv_precision",
     .shapes = SHAPE_WORD,
     .words = "bf16|fp16|fp8|int8",
     .fallback = "bf16",
     .help = "Of the KV cache"},
    {.key = "tensor_parallel",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1024,
     .fallback = "1",
     .help = "GPUs that share each layer; times `pipeline_parallel`: the GPUs of a replica"},
    {.key = "attention_dp",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1024,
     .fallback = "1",
     .help =
         "Ranks that hold sequences of their own for attention, each on `tensor_parallel` / `attention_dp` GPUs (data-parallel attention); a step waits for the slowest"},
    {.key = "pipeline_parallel",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1024,
     .fallback = "1",
     .help =
         "Stages of layers, each on `tensor_parallel` GPUs, with as many micro-batches in flight; `max_num_batched_tokens` and `chunk` are a micro-batch's. A step is a round of all micro-batches"},
    {.key = "expert_parallel",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1024,
     .fallback = "1",
     .help = "GPUs of the replica over which experts are dealt whole; 1: every GPU has a part of each"},
    {.key = "replicas",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .shapes_not_yet = SHAPE_BLOCK,
     .help = "Copies of the model, each on its own GPUs"},
    {.key = "node", .shapes = SHAPE_BLOCK, .block = &node_block, .help = "The machines"},
    {.key = "max_model_len",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = TOKENS_MAX,
     .help = "Tokens of a sequence at most; by default the model's own limit"},
    {.key = "gpu_memory_utilization",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0.01,
     .max = 1,
     .fallback = "0.9",
     .help =
         "Share of GPU memory that the engine may use; under `sglang` for weights and KV (mem-fraction-static), under `trtllm` of what is left for KV (free_gpu_memory_fraction)"},
    {.key = "block_size",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 65536,
     .fallback = "16",
     .help = "Tokens of a KV block"},
    {.key = "num_gpu_blocks",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e12,
     .help = "KV blocks of a replica; by default what memory holds (`linear` without a GPU: no limit)"},
    {.key = "batching", .shapes = SHAPE_BLOCK, .block = &batching_block, .help = "The scheduler"},
    {.key = "speculative",
     .shapes = SHAPE_BLOCK,
     .block = &speculative_block,
     .help = "Speculative decoding: decodes verify drafts and emit several tokens a step. By default off"},
    {.key = "frontend",
     .shapes = SHAPE_BLOCK,
     .block = &frontend_block,
     .help =
         "API server and tokeniser of a replica: one request after the other, between router and scheduler; a burst queues here"},
    {.key = "step_time", .shapes = SHAPE_BLOCK, .block = &step_time_block, .help = "What a step takes"},
    {.key = "power",
     .shapes = SHAPE_BLOCK,
     .block = &pool_power_block,
     .help = "Overrides `power` for this pool, key by key"},
    {.key = "cost",
     .shapes = SHAPE_BLOCK,
     .block = &schema_pool_cost_block,
     .help = "Overrides `cost` for this pool, key by key"},
};
static const struct field_alias fleet_aliases[] = {
    {"tensor_parallel_size", "tensor_parallel", NULL},
    {"pipeline_parallel_size", "pipeline_parallel", NULL},
    {"kv_cache_dtype", "kv_precision", "auto=|fp8_e4m3=fp8|fp8_e5m2=fp8|bfloat16=bf16|float16=fp16"},
    {"quantization", "precision", "none=|awq=int4|gptq=int4|nvfp4=fp4|modelopt=fp8"},
    {"cudagraph_capture_sizes", "step_time.capture_sizes", NULL},
    {"max_cudagraph_capture_size", "step_time.max_capture_size", NULL},
    {"num_gpu_blocks_override", "num_gpu_blocks", NULL},
    {"max_num_seqs", "batching.max_num_seqs", NULL},
    {"max_num_batched_tokens", "batching.max_num_batched_tokens", NULL},
};
const struct block schema_fleet_block = {"fleet[]", FIELDS(fleet_fields), FIELDS(fleet_aliases)};
