#include "study/rebuild.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "scenarios/catalog.h"
#include "study/names.h"
#include "study/speculation.h"

enum {
    SET_COUNT_MAX = 27,
    KV_BLOCK_TOK = 16, /* of vLLM's prefix cache */
    TENSOR_PARALLEL_TRIED = 8,
    BATCH_LEAST = 32,
    WHOLE_PROMPT_TOK = 8192,  /* TensorRT-LLM's defaults: tokens of a step, */
    WHOLE_PROMPT_SEQS = 2048, /* sequences of a batch */
};

/* What every row varies. */
static const char base_text[] =
    "name: measured\n"
    "requests: 1\n"
    "workload: [{name: client, arrivals: {process: closed-loop, clients: 1}, input_tokens: 1, output_tokens: 1}]\n"
    "fleet: [{name: main, gpu: H100-SXM, model: Llama-3.1-8B, precision: bf16, step_time: {model: profile}}]\n"
    "cost: {gpu_usd_per_hour: 0}\n";

struct rebuild_context {
    struct scenario *base;          // owned
    const struct recipe_book *book; // borrowed
    const char *const *sets;        // borrowed
    size_t set_count;
};

/* The keys of a row while they are gathered. */
struct keys {
    struct arena *arena;
    const char *sets[SET_COUNT_MAX];
    size_t count;
};

#define ADD(keys, ...) add(keys, arena_format((keys)->arena, __VA_ARGS__))

static void add(struct keys *keys, const char *set) {
    CHECK(keys->count < SET_COUNT_MAX);
    keys->sets[keys->count++] = set;
}

/* --- the context --- */

/* The caller's own keys, alone: a mistake in them is a mistake of every row. */
static bool sets_check(const struct rebuild_context *context, struct diags *diags) {
    struct resolved_point *point = scenario_vary(context->base, 0, context->sets, context->set_count, diags);
    resolved_point_free(point);
    return point != NULL;
}

struct rebuild_context *rebuild_context_new(const struct recipe_book *book, const struct rebuild_options *options,
                                            struct diags *diags) {
    const struct scenario_options inner = {.catalog_dir = options->catalog_dir,
                                           .engine = options->engine,
                                           .has_seed = options->has_seed,
                                           .seed = options->seed,
                                           .profile = options->profile};
    struct scenario *base = scenario_read_text("measured run", base_text, &inner, diags);
    if (base == NULL) {
        return NULL;
    }
    struct rebuild_context *context = xcalloc(1, sizeof *context);
    *context =
        (struct rebuild_context){.base = base, .book = book, .sets = options->sets, .set_count = options->set_count};
    if (!sets_check(context, diags)) {
        rebuild_context_free(context);
        return NULL;
    }
    return context;
}

void rebuild_context_free(struct rebuild_context *context) {
    if (context != NULL) {
        scenario_free(context->base);
        free(context);
    }
}

const struct catalog *rebuild_catalog(const struct rebuild_context *context) {
    return scenario_catalog(context->base);
}

const struct recipe *rebuild_recipe(const struct rebuild_context *context, const struct measured_row *row) {
    const struct recipe *named = recipe_book_find(context->book, row->recipe_id);
    return named != NULL
               ? named
               : recipe_book_match(context->book, rebuild_catalog(context), row->source, row->model, row->gpu);
}

const char *rebuild_skip_name(enum rebuild_skip skip) {
    static const char *const names[SKIP_COUNT] = {"",
                                                  "unknown-gpu",
                                                  "unknown-model",
                                                  "unknown-engine",
                                                  "disaggregated",
                                                  "does-not-fit-in-memory",
                                                  "parallelism-unclear",
                                                  "not-modelled"};
    return names[skip];
}

/* --- the client's keys --- */

static const char *length_text(struct arena *arena, const struct client_length *length) {
    if (length->shape == SHAPE_GEOMETRIC_TOK) {
        return arena_format(arena, "{distribution: geometric, mean: %.9g}", length->mean);
    }
    if (length->min == length->max) {
        return arena_format(arena, "{distribution: constant, value: %" PRId64 "}", length->max);
    }
    return arena_format(arena, "{distribution: uniform, min: %" PRId64 ", max: %" PRId64 "}", length->min, length->max);
}

static void add_client(struct keys *keys, const struct client *client) {
    ADD(keys, "requests=%" PRId64, client->requests);
    if (client->clients > 0) {
        ADD(keys, "workload.client.arrivals={process: closed-loop, clients: %" PRId64 "}", client->clients);
    } else {
        ADD(keys, "workload.client.arrivals={process: constant, rate: %.9g}", client->rate_per_s);
    }
    ADD(keys, "workload.client.input_tokens=%s", length_text(keys->arena, &client->input));
    ADD(keys, "workload.client.output_tokens=%s", length_text(keys->arena, &client->output));
    if (client->cached_share > 0) {
        ADD(keys, "workload.client.cached_input_share=%.9g", client->cached_share);
    }
}

/* --- the server's keys --- */

/* Rows whose recipe says one thing and whose measurements another. Llama-3.1-70B on two H100 at 8192/1024 tokens ran 29 of 64 requests
 * at a time (Little's law): what a 16-bit cache holds, half of what an FP8 cache would. */
struct kv_correction {
    const char *source, *model, *gpu, *engine;
    enum precision kv_precision;
};
static const struct kv_correction kv_corrections[] = {
    {"inferencex_via_aic", "Llama-3.1-70B", "H100-SXM", "vllm", PRECISION_BF16},
};

/* Flags of a row: 0 where nobody says, then the engine's defaults hold. */
struct server_flags {
    int64_t max_num_seqs, max_num_batched_tokens, chunk, batch_wait_iters, max_capture_size;
    int64_t decode_tokens; /* of a decode in a step: 1, and its drafts */
    double memory_share, batch_wait_ratio;
    enum precision kv_precision;
};

static void take_kv(struct server_flags *flags, const char *text) {
    char word[8];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(text, "_ ;"), text);
    enum precision precision;
    if (precision_from_text(span_of(word), &precision) && precision_is_for_kv(precision)) {
        flags->kv_precision = precision;
    }
}

static void take_whole(int64_t *flag, const char *text, const struct measured_row *row) {
    double value;
    if (recipe_number(text, row, &value) && value >= 1 && value <= 1e8) {
        *flag = (int64_t)value;
    }
}

static void take_share(double *flag, const char *text, const struct measured_row *row) {
    double value;
    if (recipe_number(text, row, &value) && value > 0 && value <= 1) {
        *flag = value;
    }
}

static void correct_kv(struct server_flags *flags, const struct measured_row *row) {
    for (size_t i = 0; i < sizeof kv_corrections / sizeof kv_corrections[0]; i++) {
        const struct kv_correction *known = &kv_corrections[i];
        if (strcmp(row->source, known->source) == 0 && strcmp(row->model, known->model) == 0 &&
            strcmp(row->gpu, known->gpu) == 0 && strcmp(row->engine, known->engine) == 0) {
            flags->kv_precision = known->kv_precision;
        }
    }
}

static void take_recipe(struct server_flags *flags, const struct recipe *recipe, const struct measured_row *row) {
    take_whole(&flags->max_num_seqs, recipe->max_num_seqs, row);
    take_whole(&flags->max_num_batched_tokens, recipe->max_num_batched_tokens, row);
    take_whole(&flags->chunk, recipe->prefill_chunk_tokens, row);
    take_whole(&flags->batch_wait_iters, recipe->batch_wait_timeout_iters, row);
    if (strstr(recipe->cuda_graph_max_batch, "explicit list") == NULL) { /* of which nothing else is said */
        take_whole(&flags->max_capture_size, recipe->cuda_graph_max_batch, row);
    }
    take_share(&flags->batch_wait_ratio, recipe->batch_wait_max_tokens_ratio, row);
    take_share(&flags->memory_share, recipe->gpu_memory_fraction, row);
    take_kv(flags, recipe->kv_precision);
}

/* Ranks of attention data parallelism. The script is what ran: labels of rows contradict some. "": it sets none; "true ...": every GPU of
 * the tensor-parallel group is one; "data-parallel-size 4": so many. */
static int64_t attention_ranks(const struct measured_row *row, const struct rebuilt *rebuilt) {
    int64_t labelled = row->attention_dp > 1 ? row->attention_dp : 1, stated;
    if (rebuilt->recipe == NULL || rebuilt->client.is_static) {
        return labelled;
    }
    const char *text = rebuilt->recipe->attention_dp;
    const char *blank = strrchr(text, ' ');
    if (text[0] == '\0' || strncmp(text, "false", 5) == 0) {
        return 1;
    }
    if (strncmp(text, "true", 4) == 0) {
        return row->tp > labelled ? row->tp : labelled;
    }
    bool is_stated = blank != NULL && text_to_int64(span_of(blank + 1), &stated) && stated >= 1;
    return is_stated && (row->num_gpus == 0 || row->num_gpus % stated == 0) ? stated : labelled;
}

/* GPUs over which experts are dealt, likewise: "": none; "on": all of the replica; "ep_size=row ep", "ep_size 4". Of those that the model's
 * experts and the replica's GPUs allow. */
static int64_t expert_ranks_of(const struct measured_row *row, const struct rebuilt *rebuilt, int64_t tensor_parallel) {
    int64_t labelled = row->ep > 1 ? row->ep : 1, ranks = labelled;
    const char *text = rebuilt->recipe == NULL ? "?" : rebuilt->recipe->ep_condition;
    const char *blank = strrchr(text, ' ');
    if (text[0] == '\0') {
        ranks = 1;
    } else if (strcmp(text, "on") == 0) {
        ranks = tensor_parallel;
    } else if (blank != NULL && strstr(text, "row ep") == NULL && !text_to_int64(span_of(blank + 1), &ranks)) {
        ranks = attention_ranks(row, rebuilt) > labelled ? attention_ranks(row, rebuilt) : labelled; /* not stated */
    }
    bool is_dealt =
        rebuilt->llm->experts > 0 && ranks > 1 && tensor_parallel % ranks == 0 && rebuilt->llm->experts % ranks == 0;
    return is_dealt ? ranks : 1;
}

/* The number after `name` in the text of a recipe's flags; 0: it is not there. */
static int64_t recipe_flag(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoll(at + strlen(name), NULL, 10);
}

/* A replica's flags are those of all its ranks of attention data parallelism. */
static void add_ranks(struct server_flags *flags, const struct measured_row *row, const struct rebuilt *rebuilt) {
    int64_t ranks = attention_ranks(row, rebuilt);
    if (rebuilt->engine->whole_prompts && ranks > 1 && flags->max_num_seqs == 0) {
        flags->max_num_seqs = WHOLE_PROMPT_SEQS; /* the default is a rank's, too */
    }
    if (rebuilt->engine->seqs_by_rank) {
        flags->max_num_seqs *= ranks;
        flags->max_num_batched_tokens *= ranks;
    }
}

/* How many draws it takes until each of so many ranks was drawn. */
static double draws_for_all(int64_t ranks) {
    double harmonic = 0;
    for (int64_t rank = 1; rank <= ranks; rank++) {
        harmonic += 1 / (double)rank;
    }
    return (double)ranks * harmonic;
}

/* TensorRT-LLM's `enable_balance` of attention data parallelism holds prompts back until every rank has one, for `timeout_iters` steps at
 * most. A new request goes to the rank that lost one, which is any: as a share of the step's tokens, those of the decodes and of so many
 * prompts; a step that is as full as prompts make it waits for nobody. */
static void balance_ranks(struct server_flags *flags, const struct measured_row *row, const struct rebuilt *rebuilt) {
    const char *text = rebuilt->recipe == NULL ? "" : rebuilt->recipe->attention_dp;
    int64_t ranks = attention_ranks(row, rebuilt), iters = recipe_flag(text, "timeout_iters=");
    if (strstr(text, "enable_balance=true") == NULL || ranks <= 1 || iters <= 0 || flags->max_num_batched_tokens <= 0) {
        return;
    }
    const struct client_length *input = &rebuilt->client.input;
    double prompts = draws_for_all(ranks) * (double)(input->min + input->max) / 2;
    double full = (double)(flags->max_num_batched_tokens - input->max);
    flags->batch_wait_iters = iters;
    flags->batch_wait_ratio =
        fmax(0, fmin(prompts + (double)rebuilt->client.clients, full)) / (double)flags->max_num_batched_tokens;
}

/* The server did take these prompts whole: beside a full batch, where nobody says how many tokens a step of a rank had. */
static void make_room_for_prompts(struct server_flags *flags, const struct client *client, int64_t ranks) {
    bool is_stated = flags->max_num_batched_tokens > 0;
    int64_t seqs = client->clients < WHOLE_PROMPT_SEQS ? client->clients : WHOLE_PROMPT_SEQS;
    int64_t least = client->input.max + (is_stated ? 0 : seqs);
    if (!is_stated && least < ranks * WHOLE_PROMPT_TOK) {
        least = ranks * WHOLE_PROMPT_TOK;
    }
    if (least > flags->max_num_batched_tokens && least > WHOLE_PROMPT_TOK) {
        flags->max_num_batched_tokens = least;
    }
}

/* The folder's own defaults, then the recipe, then the row. */
static struct server_flags flags_of(const struct rebuild_context *context, const struct measured_row *row,
                                    const struct rebuilt *rebuilt) {
    const struct engine *engine = rebuilt->engine;
    bool is_quantised = rebuilt->precision == PRECISION_FP8 || rebuilt->precision == PRECISION_FP4;
    struct server_flags flags = {.kv_precision =
                                     engine->kv_by_weights && is_quantised ? PRECISION_FP8 : PRECISION_BF16};
    take_whole(&flags.max_num_seqs, recipe_book_default(context->book, engine->word, "max_num_seqs"), row);
    take_whole(&flags.max_num_batched_tokens,
               recipe_book_default(context->book, engine->word, "max_num_batched_tokens"), row);
    take_share(&flags.memory_share, recipe_book_default(context->book, engine->word, "gpu_memory_fraction"), row);
    if (rebuilt->recipe != NULL) {
        take_recipe(&flags, rebuilt->recipe, row);
    }
    flags.decode_tokens = 1 + speculation_of(row, rebuilt->recipe).draft_tokens;
    add_ranks(&flags, row, rebuilt);
    if (row->load_kind == LOAD_MAX_NUM_SEQS) {
        flags.max_num_seqs = (int64_t)row->load;
    }
    if (engine->whole_prompts) {
        make_room_for_prompts(&flags, &rebuilt->client, attention_ranks(row, rebuilt));
        balance_ranks(&flags, row, rebuilt);
    }
    correct_kv(&flags, row);
    take_kv(&flags, row->kv_precision);
    return flags;
}

static void add_batching(struct keys *keys, const struct rebuilt *rebuilt, const struct server_flags *flags) {
    const struct engine *engine = rebuilt->engine;
    if (rebuilt->client.is_static) {
        int64_t seqs = rebuilt->client.requests;
        ADD(keys,
            "fleet.main.batching={policy: static, max_num_seqs: %" PRId64 ", max_num_batched_tokens: %" PRId64 "}",
            seqs, seqs * rebuilt->client.input.max);
        return;
    }
    if (flags->max_num_seqs > 0) {
        ADD(keys, "fleet.main.batching.max_num_seqs=%" PRId64, flags->max_num_seqs);
    }
    if (flags->max_num_batched_tokens > 0) {
        int64_t least = flags->max_num_seqs * flags->decode_tokens; /* a full batch decodes in one step */
        ADD(keys, "fleet.main.batching.max_num_batched_tokens=%" PRId64,
            flags->max_num_batched_tokens > least ? flags->max_num_batched_tokens : least);
    }
    if (flags->max_capture_size > 0) {
        ADD(keys, "fleet.main.step_time.max_capture_size=%" PRId64, flags->max_capture_size);
    }
    if (engine->cuts_prompts && flags->chunk > 0) {
        ADD(keys, "fleet.main.batching.chunk=%" PRId64, flags->chunk);
    }
    int64_t interval = engine->cuts_prompts && rebuilt->recipe != NULL
                           ? recipe_flag(rebuilt->recipe->other_flags, "scheduler-recv-interval=")
                           : 0;
    if (interval > 1) {
        ADD(keys, "fleet.main.batching.recv_interval=%" PRId64, interval);
    }
    if (engine->whole_prompts && flags->batch_wait_iters > 0 && flags->batch_wait_ratio > 0) {
        ADD(keys, "fleet.main.batching.batch_wait_timeout_iters=%" PRId64, flags->batch_wait_iters);
        ADD(keys, "fleet.main.batching.batch_wait_max_tokens_ratio=%.6g", flags->batch_wait_ratio);
    }
}

static int64_t stages_of(const struct measured_row *row) {
    return row->pp > 1 ? row->pp : 1;
}

/* GPUs that share each layer of one replica; 0: GPUs and degrees do not go together. */
static int64_t tensor_parallel_of(const struct measured_row *row, const struct rebuilt *rebuilt) {
    int64_t tp = row->tp > 0 ? row->tp : 1;
    int64_t ranks = attention_ranks(row, rebuilt);
    tp = tp > ranks ? tp : ranks; /* each has a GPU at least */
    int64_t gpus_per_replica = tp * stages_of(row);
    bool is_whole = row->num_gpus == 0 || row->num_gpus % gpus_per_replica == 0;
    return is_whole ? tp : 0;
}

static void add_speculation(struct keys *keys, struct speculation speculation) {
    if (speculation.draft_tokens > 0) {
        ADD(keys, "fleet.main.speculative={draft_tokens: %" PRId64 ", acceptance_rate: %.6g, draft: %s}",
            speculation.draft_tokens, speculation.acceptance_rate, speculation.draft);
    }
}

static void add_server(struct keys *keys, const struct rebuild_context *context, const struct measured_row *row,
                       const struct rebuilt *rebuilt, int64_t tensor_parallel) {
    const struct server_flags flags = flags_of(context, row, rebuilt);
    int64_t pipeline = stages_of(row);
    int64_t ranks = attention_ranks(row, rebuilt);
    int64_t replicas = row->num_gpus > 0 ? row->num_gpus / (tensor_parallel * pipeline) : 1;
    ADD(keys, "fleet.main.gpu=%s", rebuilt->gpu->name);
    ADD(keys, "fleet.main.model=%s", rebuilt->llm->name);
    ADD(keys, "fleet.main.engine=%s", engine_word(rebuilt->engine, row->engine_version));
    ADD(keys, "fleet.main.precision=%s", precision_name(rebuilt->precision));
    ADD(keys, "fleet.main.kv_precision=%s", precision_name(flags.kv_precision));
    ADD(keys, "fleet.main.tensor_parallel=%" PRId64, tensor_parallel);
    ADD(keys, "fleet.main.replicas=%" PRId64, replicas);
    if (pipeline > 1) {
        ADD(keys, "fleet.main.pipeline_parallel=%" PRId64, pipeline);
    }
    if (ranks > 1) {
        ADD(keys, "fleet.main.attention_dp=%" PRId64, ranks);
    }
    int64_t expert_ranks = expert_ranks_of(row, rebuilt, tensor_parallel);
    if (expert_ranks > 1) {
        ADD(keys, "fleet.main.expert_parallel=%" PRId64, expert_ranks);
    }
    if (flags.memory_share > 0) {
        ADD(keys, "fleet.main.gpu_memory_utilization=%.6g", flags.memory_share);
    }
    add_speculation(keys, speculation_of(row, rebuilt->recipe));
    add_batching(keys, rebuilt, &flags);
}

/* --- what follows from a first resolution --- */

/* What was served, was not too long, whatever the model's card says. */
static void lift_length_limit(struct rebuilt *rebuilt) {
    rebuilt->pool = rebuilt->point->sim.pools[0];
    rebuilt->pool.max_model_len = INT64_MAX / 2;
    rebuilt->point->sim.pools = &rebuilt->pool;
}

/* --- resolving --- */

static enum rebuild_skip skip_of(const char *rule) {
    static const struct {
        const char *rule;
        enum rebuild_skip skip;
    } rules[] = {{"model-fits", SKIP_DOES_NOT_FIT},
                 {"tensor-parallel-shape", SKIP_PARALLELISM},
                 {"unknown-gpu", SKIP_UNKNOWN_GPU},
                 {"unknown-model", SKIP_UNKNOWN_MODEL}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rule, rules[i].rule) == 0) {
            return rules[i].skip;
        }
    }
    return SKIP_NOT_MODELLED;
}

/* The point of the row's keys and the caller's; NULL: `rebuilt` says why. */
static struct resolved_point *resolve(const struct rebuild_context *context, struct keys *keys,
                                      struct rebuilt *rebuilt) {
    const char **sets = arena_alloc(keys->arena, keys->count + context->set_count + 1, sizeof *sets);
    memcpy(sets, keys->sets, keys->count * sizeof *sets);
    for (size_t i = 0; i < context->set_count; i++) {
        sets[keys->count + i] = context->sets[i];
    }
    struct diags *diags = diags_new();
    struct resolved_point *point = scenario_vary(context->base, 0, sets, keys->count + context->set_count, diags);
    if (point == NULL) {
        rebuilt->skip = skip_of(diags_first_rule(diags));
        snprintf(rebuilt->why, sizeof rebuilt->why, "%s: %s", diags_first_rule(diags), diags_first_message(diags));
    }
    diags_free(diags);
    return point;
}

/* A step's tokens and a batch's sequences, of which a recipe states one, and the engine's default of the other contradicts it. */
static void mend_token_budget(struct keys *keys, const struct rebuild_context *context, const struct measured_row *row,
                              const struct rebuilt *rebuilt) {
    const struct server_flags flags = flags_of(context, row, rebuilt);
    if (flags.max_num_seqs > 0) {
        ADD(keys, "fleet.main.batching.max_num_batched_tokens=%" PRId64, flags.max_num_seqs * flags.decode_tokens);
    } else if (flags.max_num_batched_tokens > 0) {
        ADD(keys, "fleet.main.batching.max_num_seqs=%" PRId64, flags.max_num_batched_tokens / flags.decode_tokens);
    }
}

/* Twice where the first resolution decides keys of the second. */
static bool try_tensor_parallel(const struct rebuild_context *context, const struct measured_row *row,
                                struct rebuilt *rebuilt, int64_t tensor_parallel) {
    struct keys keys = {.arena = arena_new()};
    rebuilt->skip = SKIP_NONE;
    add_client(&keys, &rebuilt->client);
    add_server(&keys, context, row, rebuilt, tensor_parallel);
    size_t first = keys.count;
    struct resolved_point *point = resolve(context, &keys, rebuilt);
    if (point == NULL && strncmp(rebuilt->why, "token-budget", 12) == 0) {
        mend_token_budget(&keys, context, row, rebuilt);
    }
    if (keys.count > first) {
        resolved_point_free(point);
        rebuilt->skip = SKIP_NONE;
        point = resolve(context, &keys, rebuilt);
    }
    rebuilt->point = point;
    if (point != NULL) {
        lift_length_limit(rebuilt);
    }
    arena_free(keys.arena);
    return point != NULL;
}

static bool holds_batch(const struct rebuilt *rebuilt) {
    const struct pool_config *pool = &rebuilt->point->sim.pools[0];
    const struct workload_config *workload = &rebuilt->point->sim.workloads[0];
    double tokens = length_mean(&workload->input_tokens) + length_mean(&workload->output_tokens);
    return (double)(pool->num_gpu_blocks * pool->block_size) >= BATCH_LEAST * tokens;
}

/* The smallest number of GPUs that holds the model and a batch worth the name; if none does, the largest that holds the model. */
static void find_tensor_parallel(const struct rebuild_context *context, const struct measured_row *row,
                                 struct rebuilt *rebuilt) {
    int64_t gpus = row->num_gpus > 0 ? row->num_gpus : TENSOR_PARALLEL_TRIED;
    rebuilt->parallelism_assumed = true;
    rebuilt->skip = SKIP_DOES_NOT_FIT;
    for (int64_t tp = 1; tp <= TENSOR_PARALLEL_TRIED && tp <= gpus; tp *= 2) {
        if (gpus % tp == 0) {
            resolved_point_free(rebuilt->point);
            bool is_ok = try_tensor_parallel(context, row, rebuilt, tp);
            if (is_ok && holds_batch(rebuilt)) {
                return;
            }
        }
    }
}

/* Four-bit floating-point weights on a GPU that does not compute with them are multiplied in 16 bit, as int4 is. */
static enum precision precision_of(const struct measured_row *row, const struct rebuilt *rebuilt) {
    enum precision precision = rebuilt->llm->default_precision;
    if (row->precision[0] == '\0' && row->load_kind == LOAD_MLPERF) {
        precision = isnan(rebuilt->gpu->fp8_dense_tflops) ? PRECISION_BF16 : PRECISION_FP8;
    }
    (void)precision_from_text(span_of(row->precision), &precision);
    bool is_weight_only = precision == PRECISION_FP4 && isnan(rebuilt->gpu->fp4_dense_tflops);
    return is_weight_only ? PRECISION_INT4 : precision;
}

/* GPU, model, engine and mode by name. */
static bool find_names(const struct rebuild_context *context, const struct measured_row *row, struct rebuilt *rebuilt) {
    const struct catalog *catalog = scenario_catalog(context->base);
    rebuilt->engine = engine_find(row->engine);
    rebuilt->recipe = recipe_book_find(context->book, row->recipe_id);
    rebuilt->gpu = names_gpu(catalog, row->gpu);
    rebuilt->llm = names_llm(catalog, row->model);
    if (row->mode == SERVING_DISAGGREGATED) {
        rebuilt->skip = SKIP_DISAGGREGATED;
    } else if (rebuilt->gpu == NULL) {
        rebuilt->skip = SKIP_UNKNOWN_GPU;
    } else if (rebuilt->llm == NULL) {
        rebuilt->skip = SKIP_UNKNOWN_MODEL;
    } else if (rebuilt->engine == NULL) {
        rebuilt->skip = SKIP_UNKNOWN_ENGINE;
    }
    return rebuilt->skip == SKIP_NONE;
}

void rebuild_row(const struct rebuild_context *context, const struct measured_row *row, struct rebuilt *rebuilt) {
    *rebuilt = (struct rebuilt){.skip = SKIP_NONE};
    if (!find_names(context, row, rebuilt)) {
        return;
    }
    rebuilt->client = client_of(row, rebuilt->recipe, KV_BLOCK_TOK);
    rebuilt->precision = precision_of(row, rebuilt);
    if (row->tp == 0 && row->num_gpus != 1) {
        find_tensor_parallel(context, row, rebuilt);
        return;
    }
    int64_t tensor_parallel = tensor_parallel_of(row, rebuilt);
    if (tensor_parallel == 0) {
        rebuilt->skip = SKIP_PARALLELISM;
        return;
    }
    try_tensor_parallel(context, row, rebuilt, tensor_parallel);
}

void rebuilt_release(struct rebuilt *rebuilt) {
    resolved_point_free(rebuilt->point);
    rebuilt->point = NULL;
}
