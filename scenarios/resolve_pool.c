/* A pool: GPU, model, what fits, what a step takes, the scheduler, the nodes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/quantity.h"
#include "models/memory.h"
#include "models/placement.h"
#include "models/roofline.h"
#include "models/work.h"
#include "scenarios/capture_sizes.h"
#include "scenarios/layers.h"
#include "scenarios/resolve.h"
#include "scenarios/resolve_power.h"
#include "scenarios/step_profile.h"

/* What a pool is built from while it is resolved. */
struct pool_parts {
    const struct view *view;
    struct view step;
    bool is_linear;
    const struct gpu *gpu;                   /* NULL: none named */
    const struct llm *llm;                   /* NULL: none named */
    const struct vision_model *image;        /* an image generator instead; NULL: none */
    struct image_step image_step;            /* if gpu and image are there */
    const struct model_config *model_config; /* NULL: it is from no file */
    enum precision precision, kv_precision;
    enum serving_engine engine;
    int64_t tensor_parallel, attention_dp, pipeline_parallel;
    struct node_spec node;
    struct roofline_step roofline; /* if gpu and llm are there */
    struct profile_step profile;   /* if step_time is a profile */
    bool has_shape;                /* gpu and llm are there and go together */
    int64_t draft_tokens;          /* 0: no speculation */
    struct draft_model draft;
    struct step_model **step_model; /* where the pool's goes */
};

static int64_t gpus_per_replica(const struct pool_parts *parts) {
    return parts->tensor_parallel * parts->pipeline_parallel;
}

/* Tokens of prompts in a micro-batch of a pipeline. */
static int64_t micro_batch_tok(const struct batching_config *batching) {
    const int64_t stages = batching->micro_batches > 1 ? batching->micro_batches : 1;
    bool cuts = batching->policy == BATCHING_PREFILL_FIRST && batching->chunk > 0;
    bool is_chunk = cuts && batching->chunk < batching->max_num_batched_tokens;
    return (is_chunk ? batching->chunk : batching->max_num_batched_tokens) / stages;
}

static bool has_image(const struct pool_parts *parts) {
    return parts->gpu != NULL && parts->image != NULL;
}

/* An inline definition's value may carry the unit of its column (80GB): then the plain number. */
static const char *column_text(struct arena *arena, const struct catalog_column *column, const char *text) {
    double value;
    bool has_unit =
        strcmp(column->unit, "GB") == 0 || strcmp(column->unit, "W") == 0 || strcmp(column->unit, "USD") == 0;
    if (column->kind != CATALOG_NUMBER || !has_unit ||
        quantity_parse(span_of(text), column->unit, &value) != QUANTITY_OK) {
        return text;
    }
    char number[40];
    return arena_text(arena, number, text_from_double(value, number, sizeof(number)));
}

/* Fills `row` from an inline definition. */
static bool inline_row(struct resolver *resolver, const struct node *map, enum catalog_table table, void *row) {
    size_t count;
    const struct catalog_column *columns = catalog_columns(table, &count);
    bool is_ok = true;
    for (size_t i = 0; i < count; i++) {
        const struct node_entry *entry = node_find(map, columns[i].name);
        if (entry != NULL && entry->value->kind == NODE_SCALAR) {
            const char *text = column_text(resolver->arena, &columns[i], entry->value->text);
            is_ok = catalog_set_field(row, &columns[i], text, resolver->diags, entry->value->at) && is_ok;
        }
    }
    return is_ok;
}

static void override(const struct view *view, const char *key, double *value) {
    if (view_has(view, key)) {
        *value = view_number(view, key);
    }
}

static bool find_gpu(struct resolver *resolver, struct pool_parts *parts) {
    const struct node *node = view_node(parts->view, "gpu");
    if (node == NULL) {
        return parts->is_linear || diag_error(resolver->diags, parts->view->at, "missing-key",
                                              "%s needs 'gpu' (or step_time: {model: linear, ...})", parts->view->path);
    }
    struct gpu *gpu = arena_alloc(resolver->arena, 1, sizeof(struct gpu));
    if (node->kind == NODE_SCALAR) {
        const struct gpu *row = catalog_gpu(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
        if (row == NULL) {
            return false;
        }
        *gpu = *row;
    } else {
        *gpu = gpu_unknown();
        gpu->name = "custom";
        if (!inline_row(resolver, node, CATALOG_GPUS, gpu)) {
            return false;
        }
    }
    resolve_power_watts(resolver, parts->view, gpu);
    parts->gpu = gpu;
    return true;
}

/* The model of a config.json, read once; NULL with diagnostics, or silently if they have been given. */
static const struct model_config *model_config_of(struct resolver *resolver, const struct node *node) {
    struct model_cache *cache = resolver->context->models;
    const char *path = path_beside(resolver->arena, node->at, node->text);
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->configs[i]->path, path) == 0) {
            return cache->configs[i]->is_ok ? cache->configs[i] : NULL;
        }
    }
    struct model_config *config = arena_alloc(cache->arena, 1, sizeof *config);
    if (!model_config_read(path, node->text, node->at, cache->arena, config, resolver->diags)) {
        config->path = arena_text(cache->arena, path, strlen(path));
    }
    cache->configs = xrealloc(cache->configs, cache->count + 1, sizeof(struct model_config *));
    cache->configs[cache->count++] = config;
    return config->is_ok ? config : NULL;
}

static bool find_model_config(struct resolver *resolver, struct pool_parts *parts, const struct node *node) {
    const struct model_config *config = model_config_of(resolver, node);
    if (config == NULL) {
        return false;
    }
    parts->model_config = config;
    parts->llm = &config->llm;
    diag_warning(resolver->diags, node->at, "model-read", "%s: %s", config->name, config->report);
    if (!config->is_known_type) {
        diag_warning(resolver->diags, node->at, "model-type",
                     "%s: the model type '%s' is not known: read by its usual fields; look at the shape above",
                     config->name, config->type);
    }
    return true;
}

/* Is it a row of the image generators, and none of the language models? */
static bool names_image(struct resolver *resolver, const char *name) {
    const struct catalog *catalog = resolver->context->catalog;
    const size_t row = catalog_find(catalog, CATALOG_VISION, span_of(name));
    if (row == SIZE_MAX || catalog_find(catalog, CATALOG_LLMS, span_of(name)) != SIZE_MAX) {
        return false;
    }
    struct diags *none = diags_new();
    const struct vision_model *model = catalog_vision(catalog, span_of(name), none, (struct position){0});
    diags_free(none);
    return strcmp(model->kind, "image-diffusion") == 0;
}

static bool find_model(struct resolver *resolver, struct pool_parts *parts) {
    const struct node *node = view_node(parts->view, "model");
    if (node == NULL) {
        return parts->is_linear ||
               diag_error(resolver->diags, parts->view->at, "missing-key",
                          "%s needs 'model' (or step_time: {model: linear, ...})", parts->view->path);
    }
    if (node->kind == NODE_SCALAR && model_config_is_path(node->text)) {
        return find_model_config(resolver, parts, node);
    }
    if (node->kind == NODE_SCALAR && names_image(resolver, node->text)) {
        parts->image = catalog_vision(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
        return true;
    }
    if (node->kind == NODE_SCALAR) {
        parts->llm = catalog_llm(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
        return parts->llm != NULL;
    }
    struct llm *llm = arena_alloc(resolver->arena, 1, sizeof(struct llm));
    *llm = llm_unknown();
    llm->name = "custom";
    if (!inline_row(resolver, node, CATALOG_LLMS, llm)) {
        return false;
    }
    parts->llm = llm;
    return true;
}

static void find_precisions(struct pool_parts *parts) {
    parts->precision = parts->llm == NULL ? PRECISION_BF16 : parts->llm->default_precision;
    if (parts->image != NULL) {
        (void)precision_from_text(span_of(parts->image->default_precision), &parts->precision);
    }
    if (view_has(parts->view, "precision")) {
        CHECK(precision_from_text(span_of(view_text(parts->view, "precision")), &parts->precision));
    }
    CHECK(precision_from_text(span_of(view_text(parts->view, "kv_precision")), &parts->kv_precision));
}

static void find_node(struct resolver *resolver, struct pool_parts *parts) {
    struct view node = view_block(resolver->arena, parts->view, "node");
    struct view cost = resolve_cost_view(resolver, parts->view);
    bool is_owned = view_is(&cost, "deal", "owned");
    bool by_node = view_has(&node, "billing") ? view_is(&node, "billing", "node") : is_owned;
    parts->node = (struct node_spec){.gpus = view_integer(&node, "gpus"),
                                     .billing = by_node ? NODE_BILLING_NODE : NODE_BILLING_GPU,
                                     .host_w = view_number(&node, "host_w")};
    if (parts->gpu != NULL && !view_has(&node, "host_w")) {
        resolver_assume(resolver, view_path(resolver->arena, parts->view, "node.host_w"),
                        "150 W per GPU slot for CPUs, fans and network cards (EcoLogits: 1.2 kW per 8 GPUs)");
    }
    if (parts->gpu != NULL && !view_has(&node, "fan_ratio")) {
        resolver_assume(resolver, view_path(resolver->arena, parts->view, "node.fan_ratio"),
                        "fans take 8 % of what the GPUs draw above idle (air cooling)");
    }
}

static void override_step(struct resolver *resolver, struct pool_parts *parts) {
    struct view efficiency = view_block(resolver->arena, &parts->step, "efficiency");
    struct view overhead = view_block(resolver->arena, &parts->step, "overhead");
    struct roofline_step *step = &parts->roofline;
    step->quantum_s = view_number(&parts->step, "quantum");
    override(&efficiency, "memory", &step->efficiency.memory_ratio);
    override(&efficiency, "compute", &step->efficiency.compute_ratio);
    override(&efficiency, "kv_read", &step->efficiency.kv_read_ratio);
    override(&efficiency, "attention", &step->efficiency.attention_ratio);
    override(&overhead, "per_step", &step->overhead.per_step_s);
    override(&overhead, "per_layer", &step->overhead.per_layer_s);
    override(&overhead, "per_seq", &step->overhead.per_seq_s);
    override(&overhead, "per_prefill_step", &step->overhead.per_prefill_step_s);
    override(&overhead, "host_step", &step->host_step_s);
    override(&overhead, "host_seq", &step->host_seq_s);
}

/* Those of the engine that is named, for a profile. TensorRT-LLM pads only if it is told how far. */
static void default_capture_sizes(struct resolver *resolver, struct pool_parts *parts,
                                  const struct batching_config *batching) {
    struct profile_step *step = &parts->profile;
    bool has_most = view_has(&parts->step, "max_capture_size");
    bool has_own = view_has(parts->view, "engine") && parts->engine != SERVING_TRTLLM;
    if (!view_is(&parts->step, "model", "profile") || !(has_most || has_own)) {
        return;
    }
    const int64_t parts_count = parts->pipeline_parallel * parts->attention_dp; /* batches of their own */
    const struct capture_request request = {
        .engine = parts->engine,
        .max_num_seqs = (batching->max_num_seqs + parts_count - 1) / parts_count,
        .max_num_batched_tokens = batching->max_num_batched_tokens / parts_count,
        .tensor_parallel = parts->tensor_parallel,
        .mem_gb = parts->gpu->mem_gb,
        .most = has_most ? view_integer(&parts->step, "max_capture_size") : -1,
    };
    step->capture_sizes = capture_sizes_of(&request, resolver->arena, &step->capture_count);
    step->is_captured = true;
}

/* vLLM V1 captures pieces between attentions, which steps with prompts run too. */
static void fill_graph_tokens(struct pool_parts *parts) {
    struct profile_step *step = &parts->profile;
    bool has_pieces = parts->engine == SERVING_VLLM || parts->engine == SERVING_VLLM_011;
    if (has_pieces && step->is_captured && step->capture_count > 0) {
        step->graph_tok = step->capture_sizes[step->capture_count - 1];
    }
}

static bool fill_capture_sizes(struct resolver *resolver, struct pool_parts *parts,
                               const struct batching_config *batching) {
    const struct node *list = view_node(&parts->step, "capture_sizes");
    if (list == NULL) {
        default_capture_sizes(resolver, parts, batching);
        return true;
    }
    int64_t *sizes = arena_alloc(resolver->arena, list->count + 1, sizeof *sizes);
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        bool is_whole = item->kind == NODE_SCALAR && text_to_int64(span_of(item->text), &sizes[i]);
        if (!is_whole || sizes[i] < 1 || sizes[i] > CAPTURE_SIZE_MAX || (i > 0 && sizes[i] <= sizes[i - 1])) {
            return diag_error(resolver->diags, item->at, "capture-sizes",
                              "%s: capture sizes are whole numbers from 1 to %d, each above the one before",
                              view_path(resolver->arena, &parts->step, "capture_sizes"), CAPTURE_SIZE_MAX);
        }
    }
    parts->roofline.capture_sizes = parts->profile.capture_sizes = sizes;
    parts->roofline.capture_count = parts->profile.capture_count = list->count;
    parts->profile.is_captured = true;
    return true;
}

/* An image generator: one GPU a replica, and what its row must say. */
static bool make_image(struct resolver *resolver, struct pool_parts *parts) {
    parts->image_step = (struct image_step){.model = parts->image,
                                            .gpu = parts->gpu,
                                            .precision = parts->precision,
                                            .power = resolve_power_shares(resolver, parts->view, parts->gpu)};
    const int64_t gpus = gpus_per_replica(parts);
    if (gpus != 1) {
        const char *key = parts->tensor_parallel > 1 ? "tensor_parallel" : "pipeline_parallel";
        return diag_error(resolver->diags, view_at(parts->view, key), "tensor-parallel-shape",
                          "%s makes images: a replica is one GPU, not %lld; raise `replicas`", parts->image->name,
                          (long long)gpus);
    }
    if (!resolve_power_limit(resolver, parts->view, parts->gpu, NULL)) {
        return false;
    }
    return image_step_check(&parts->image_step, resolver->diags, view_at(parts->view, "model"));
}

/* Experts are dealt over GPUs of the replica. */
static bool check_expert_parallel(struct resolver *resolver, const struct pool_parts *parts) {
    int64_t ranks = view_integer(parts->view, "expert_parallel");
    struct position at = view_at(parts->view, "expert_parallel");
    if (ranks == 1) {
        return true;
    }
    if (parts->llm->experts == 0) {
        return diag_error(resolver->diags, at, "expert-parallel", "%s has no experts: expert_parallel is 1",
                          parts->llm->name);
    }
    if (!view_is(&parts->step, "model", "profile")) {
        return diag_error(resolver->diags, at, "expert-parallel",
                          "expert_parallel = %lld needs step_time: {model: profile}", (long long)ranks);
    }
    return (parts->tensor_parallel % ranks == 0 && parts->llm->experts % ranks == 0) ||
           diag_error(resolver->diags, at, "expert-parallel",
                      "expert_parallel = %lld does not divide tensor_parallel = %lld and the %lld experts of %s",
                      (long long)ranks, (long long)parts->tensor_parallel, (long long)parts->llm->experts,
                      parts->llm->name);
}

/* GPU and model together: does the GPU have what the model needs, does the model divide? */
static bool make_shape(struct resolver *resolver, struct pool_parts *parts, const struct batching_config *batching) {
    if (parts->gpu != NULL && parts->image != NULL) {
        return make_image(resolver, parts);
    }
    if (parts->gpu == NULL || parts->llm == NULL) {
        return resolve_power_limit(resolver, parts->view, parts->gpu, NULL);
    }
    if (!llm_check(parts->llm, resolver->diags, view_at(parts->view, "model")) ||
        !tensor_parallel_check(parts->llm, parts->tensor_parallel, resolver->diags,
                               view_at(parts->view, "tensor_parallel")) ||
        !attention_dp_check(parts->attention_dp, parts->tensor_parallel, resolver->diags,
                            view_at(parts->view, "attention_dp")) ||
        !pipeline_parallel_check(parts->llm, parts->pipeline_parallel, resolver->diags,
                                 view_at(parts->view, "pipeline_parallel"))) {
        return false;
    }
    if (!check_expert_parallel(resolver, parts)) {
        return false;
    }
    parts->roofline = roofline_step_default(parts->llm, parts->gpu, parts->precision, parts->kv_precision,
                                            parts->tensor_parallel, parts->node.gpus);
    parts->roofline.attention_dp = parts->attention_dp;
    parts->roofline.pipeline_parallel = parts->pipeline_parallel;
    parts->roofline.micro_batch_tok = micro_batch_tok(batching);
    parts->roofline.power = resolve_power_shares(resolver, parts->view, parts->gpu);
    override_step(resolver, parts);
    if (!resolve_power_limit(resolver, parts->view, parts->gpu, parts->is_linear ? NULL : &parts->roofline)) {
        return false;
    }
    if (!fill_capture_sizes(resolver, parts, batching)) {
        return false;
    }
    fill_graph_tokens(parts);
    if (!roofline_step_check(&parts->roofline, resolver->diags, view_at(parts->view, "gpu"))) {
        return false;
    }
    parts->has_shape = true;
    return true;
}

static bool fill_linear(struct resolver *resolver, const struct view *step, struct linear_step *linear) {
    struct view padding = view_block(resolver->arena, step, "padding");
    linear->c0_s = view_number(step, "c0");
    linear->c1_s = view_number(step, "c1");
    linear->c2_s = view_number(step, "c2");
    linear->c3_s = view_number(step, "c3");
    linear->c4_s = view_number(step, "c4");
    linear->quantum_s = view_number(step, "quantum");
    linear->pad_multiple = view_integer(&padding, "multiple");
    linear->pad_token_s = view_has(step, "padding") ? view_number(&padding, "per_token") : 0;
    linear->window_tok = view_integer(step, "window");
    linear->c5_s = view_number(step, "c5");
    linear->c6_s = view_number(step, "c6");
    linear->h0_s = view_number(step, "h0");
    linear->h1_s = view_number(step, "h1");
    return linear->window_tok > 0 || (linear->c5_s <= 0 && linear->c6_s <= 0) ||
           diag_error(resolver->diags, view_at(step, linear->c5_s > 0 ? "c5" : "c6"), "missing-key",
                      "%s: c5 and c6 are of windowed layers; they need 'window', in tokens", step->path);
}

/* The shipped profile, or a user's before it; NULL with diagnostics. */
static const struct profile *find_profile(struct resolver *resolver, const struct view *step) {
    const struct node *file = view_node(step, "profile");
    if (file == NULL) {
        return resolver->context->profile;
    }
    return step_profile_read(path_beside(resolver->arena, file->at, file->text), file->at, resolver->context->profile,
                             resolver->arena, resolver->diags);
}

/* Of the times of a profile, or of the roofline. */
static void take_clocks(struct resolver *resolver, struct pool_parts *parts, struct profile_step *profile,
                        const struct batching_config *batching) {
    const struct limited_step limited = {
        .roofline = &parts->roofline,
        .profile = profile,
        .max_num_seqs = batching->max_num_seqs,
        .max_num_batched_tokens = batching->max_num_batched_tokens,
        .draft_tokens = parts->draft_tokens,
    };
    parts->roofline.clocks = resolve_power_clocks(resolver, parts->view, &limited);
    parts->profile.clocks = parts->roofline.clocks;
}

static struct step_model *make_profile(struct resolver *resolver, struct pool_parts *parts,
                                       const struct batching_config *batching, const struct work_model *work) {
    struct profile_step *step = &parts->profile;
    step->profile = find_profile(resolver, &parts->step);
    if (step->profile == NULL) {
        return NULL;
    }
    const int64_t ranks = ranks_in_node(parts->gpu, parts->tensor_parallel, parts->roofline.gpus_per_node);
    step->setup = (struct kernel_setup){.llm = parts->llm,
                                        .gpu = parts->gpu,
                                        .precision = parts->precision,
                                        .kv_precision = parts->kv_precision,
                                        .engine = parts->engine,
                                        .tensor_parallel = parts->tensor_parallel,
                                        .expert_parallel = view_integer(parts->view, "expert_parallel"),
                                        .attention_dp = parts->attention_dp > 1 ? parts->attention_dp : 1,
                                        .pipeline_parallel = parts->pipeline_parallel,
                                        .gpus_per_node = parts->roofline.gpus_per_node,
                                        .knots = profile_knots(step->profile, parts->gpu, parts->engine, ranks)};
    step->micro_batch_tok = parts->roofline.micro_batch_tok;
    step->quantum_s = parts->roofline.quantum_s;
    step->draft_tokens = parts->draft_tokens;
    take_clocks(resolver, parts, step, batching);
    return step_model_new_profile(step, work, resolver->diags, parts->step.at);
}

/* Drafts, and what makes them, are part of a step. */
static bool speculate(struct resolver *resolver, struct pool_parts *parts) {
    const struct profile_step *profile = parts->profile.profile != NULL ? &parts->profile : NULL;
    struct step_model *draft = NULL;
    if (parts->draft_tokens == 0) {
        return true;
    }
    if (parts->image != NULL || (parts->llm != NULL && parts->llm->embeds)) {
        return diag_error(resolver->diags, view_at(parts->view, "speculative"), "speculative",
                          "%s has no tokens to draft: leave 'speculative' out",
                          parts->image != NULL ? parts->image->name : parts->llm->name);
    }
    if (parts->pipeline_parallel > 1) {
        return diag_error(
            resolver->diags, view_at(parts->view, "speculative"), "speculative",
            "%s: speculation across the stages of a pipeline is not modelled: leave 'speculative' out, or "
            "'pipeline_parallel'",
            parts->view->path);
    }
    if (parts->draft.exists) {
        draft =
            resolve_draft_step(resolver, &parts->draft, &parts->roofline, profile, view_at(parts->view, "speculative"));
        if (draft == NULL) {
            return false;
        }
    }
    bool by_sequence = parts->engine == SERVING_SGLANG || parts->engine == SERVING_TRTLLM;
    step_model_speculate(*parts->step_model, parts->draft_tokens, by_sequence ? CAPTURED_SEQUENCES : CAPTURED_TOKENS,
                         draft);
    return true;
}

static bool make_step_model(struct resolver *resolver, struct pool_parts *parts,
                            const struct batching_config *batching) {
    struct work_model work;
    const struct work_model *known_work = NULL;
    struct position at = parts->step.at;
    if (parts->has_shape) {
        if (!work_model_make(&parts->roofline, &work, resolver->diags, at)) {
            return false;
        }
        known_work = &work;
    }
    if (has_image(parts)) {
        if (!image_work_make(&parts->image_step, &work, resolver->diags, at)) {
            return false;
        }
        known_work = &work;
    }
    if (parts->is_linear) {
        struct linear_step linear = {0};
        if (!fill_linear(resolver, &parts->step, &linear)) {
            return false;
        }
        linear.attention_dp = parts->attention_dp;
        linear.draft_tokens = parts->draft_tokens;
        *parts->step_model = step_model_new_linear(&linear, known_work, resolver->diags, at);
    } else if (has_image(parts)) {
        *parts->step_model = step_model_new_image(&parts->image_step, known_work, resolver->diags, at);
    } else if (view_is(&parts->step, "model", "profile")) {
        *parts->step_model = make_profile(resolver, parts, batching, known_work);
    } else {
        take_clocks(resolver, parts, NULL, batching);
        *parts->step_model = step_model_new_roofline(&parts->roofline, known_work, resolver->diags, at);
    }
    return *parts->step_model != NULL && speculate(resolver, parts);
}

static void fill_memory_request(const struct pool_parts *parts, const struct pool_config *config,
                                struct memory_request *request) {
    const struct batching_config *batching = &config->batching;
    const int64_t stages = parts->pipeline_parallel;
    *request = (struct memory_request){.llm = parts->llm,
                                       .gpu = parts->gpu,
                                       .engine = parts->engine,
                                       .precision = parts->precision,
                                       .kv_precision = parts->kv_precision,
                                       .tensor_parallel = parts->tensor_parallel,
                                       .attention_dp = parts->attention_dp,
                                       .pipeline_parallel = stages,
                                       .draft = parts->draft.exists ? &parts->draft.llm : NULL,
                                       .draft_shares_head = parts->draft.shares_head,
                                       .draft_precision = parts->draft.precision,
                                       .gpu_memory_utilization = view_number(parts->view, "gpu_memory_utilization"),
                                       .block_size = config->block_size,
                                       .max_num_batched_tokens = batching->max_num_batched_tokens / stages,
                                       .max_num_seqs = (batching->max_num_seqs + stages - 1) / stages};
}

/* How many KV blocks a replica has, and why. */
static bool fill_memory(struct resolver *resolver, const struct pool_parts *parts, struct pool_config *config,
                        struct pool_facts *facts) {
    bool is_given = view_has(parts->view, "num_gpu_blocks");
    config->num_gpu_blocks = is_given ? view_integer(parts->view, "num_gpu_blocks") : KV_BLOCKS_UNLIMITED;
    facts->blocks_given = is_given;
    facts->memory_arithmetic = is_given ? "num_gpu_blocks is given" : "no GPU or model named: KV cache without limit";
    facts->weight_byte = (double)NAN;
    facts->kv_byte_per_tok = (double)NAN;
    if (has_image(parts)) {
        facts->weight_byte = image_weight_byte(&parts->image_step);
        facts->memory_arithmetic =
            arena_format(resolver->arena, "weights of the denoiser %.1f GB; no KV cache", facts->weight_byte / 1e9);
    }
    if (!parts->has_shape) {
        return true;
    }
    struct memory_request request;
    struct memory_plan plan;
    fill_memory_request(parts, config, &request);
    struct position at = view_at(parts->view, "gpu");
    if (!memory_plan_make(&request, &plan, resolver->diags, at)) {
        return false;
    }
    facts->weight_byte = plan.weight_byte;
    facts->kv_byte_per_tok = plan.kv_byte_per_tok;
    if (!is_given) {
        config->num_gpu_blocks = plan.num_gpu_blocks;
        facts->memory_arithmetic = memory_plan_text(&request, &plan, resolver->arena);
    }
    return true;
}

static bool fill_max_model_len(struct resolver *resolver, const struct pool_parts *parts, struct pool_config *config) {
    const int64_t no_limit = (int64_t)1 << 40;
    int64_t own = parts->llm == NULL || parts->llm->context_max == 0 ? no_limit : parts->llm->context_max;
    config->max_model_len = view_has(parts->view, "max_model_len") ? view_integer(parts->view, "max_model_len") : own;
    return config->max_model_len <= own ||
           diag_error(resolver->diags, view_at(parts->view, "max_model_len"), "max-model-len",
                      "%s.max_model_len = %lld is above the %lld tokens that %s can take", parts->view->path,
                      (long long)config->max_model_len, (long long)own, parts->llm->name);
}

static void fill_delays(struct resolver *resolver, const struct pool_parts *parts, struct pool_config *config,
                        size_t index) {
    struct view delay = view_block(resolver->arena, &parts->step, "arrival_delay");
    struct pool_delays *delays = &resolver->delays[index];
    delays->base = units_of_s(view_number(&delay, "base"));
    delays->per_input_token = units_of_s(view_number(&delay, "per_input_token"));
    delays->quantum = units_of_s(view_number(&parts->step, "quantum"));
    struct view frontend = view_block(resolver->arena, parts->view, "frontend");
    config->frontend_base = units_of_s(view_number(&frontend, "per_request"));
    config->frontend_per_input_token = units_of_s(view_number(&frontend, "per_input_token"));
    config->token_delay = units_of_s(view_number(&parts->step, "token_delay"));
    config->finish_delay = units_of_s(view_number(&parts->step, "finish_delay"));
}

/* Where the scenario says nothing of the request's way to the scheduler, a profile does. */
static void fill_request_path(const struct resolver *resolver, const struct pool_parts *parts,
                              struct pool_config *config, size_t index) {
    if (parts->profile.profile == NULL || view_has(parts->view, "frontend") ||
        view_has(&parts->step, "arrival_delay")) {
        return;
    }
    struct profile_path path = profile_path_of(parts->profile.profile, parts->engine);
    resolver->delays[index].base = units_of_s(path.request_s);
    config->frontend_base = units_of_s(path.serve_s);
    config->frontend_per_input_token = units_of_s(path.serve_token_s);
}

static bool fill_placement(struct resolver *resolver, const struct pool_parts *parts, const struct pool_config *config,
                           struct pool_facts *facts) {
    struct gpu unknown = gpu_unknown();
    struct placement placement;
    if (!placement_make(parts->gpu == NULL ? &unknown : parts->gpu, &parts->node, config->replicas,
                        config->gpus_per_replica, &placement, resolver->diags,
                        view_at(parts->view, "tensor_parallel"))) {
        return false;
    }
    facts->gpus_placed = placement.gpus_placed;
    facts->gpus_paid = placement.gpus_paid;
    facts->nodes = placement.nodes;
    facts->host_w = placement.host_w;
    struct view node = view_block(resolver->arena, parts->view, "node");
    facts->fan_ratio = view_number(&node, "fan_ratio");
    facts->pool_host_w = placement_host_w(&placement, parts->node.billing);
    facts->node_billing = parts->node.billing == NODE_BILLING_NODE;
    return true;
}

/* What of the model is simplified or not certain, and a replica that one node does not hold. */
static void assume_model(struct resolver *resolver, const struct pool_parts *parts) {
    struct arena *arena = resolver->arena;
    const struct llm *llm = parts->llm;
    if (parts->model_config != NULL) {
        const struct model_config *config = parts->model_config;
        resolver_assume(resolver, view_path(arena, parts->view, "model"),
                        arena_format(arena, "%s 0x%016" PRIx64 ": %s", config->name, config->hash, config->report));
    }
    const char *approximation = llm == NULL ? NULL : llm_approximation(llm);
    if (approximation != NULL) {
        resolver_assume(resolver, view_path(arena, parts->view, "model"), approximation);
    }
    if (llm != NULL && strcmp(llm->status, "estimate") == 0) {
        resolver_assume(resolver, view_path(arena, parts->view, "model"),
                        arena_format(arena, "the catalogue's row of %s is an estimate (%s)", llm->name, llm->note));
    }
    const int64_t node_gpus = parts->has_shape ? parts->roofline.gpus_per_node : INT64_MAX;
    if (!parts->is_linear && parts->tensor_parallel > node_gpus) {
        resolver_assume(resolver, view_path(arena, parts->view, "tensor_parallel"),
                        arena_format(arena,
                                     "a replica's %lld GPUs span %lld nodes of %lld: all-reduce over the network, an "
                                     "estimate",
                                     (long long)parts->tensor_parallel,
                                     (long long)((parts->tensor_parallel + node_gpus - 1) / node_gpus),
                                     (long long)node_gpus));
    }
}

static void assume_image(struct resolver *resolver, const struct pool_parts *parts) {
    if (!has_image(parts)) {
        return;
    }
    const char *path = view_path(resolver->arena, parts->view, "model");
    resolver_assume(resolver, path,
                    "images of 1024 x 1024 on one GPU; the memory of a batch is not checked: give "
                    "batching.max_num_seqs; a token of this pool is a denoising step");
    if (image_ratio_is_assumed(&parts->image_step)) {
        resolver_assume(resolver, path,
                        arena_format(resolver->arena,
                                     "%s reaches 24 %% of the peak (mean of seven "
                                     "measured models)",
                                     parts->image->name));
    }
}

/* A profile's overheads are an engine's. */
static void assume_engine(struct resolver *resolver, const struct pool_parts *parts) {
    if (parts->profile.profile != NULL && !view_has(parts->view, "engine")) {
        resolver_assume(resolver, view_path(resolver->arena, parts->view, "engine"),
                        arena_format(resolver->arena, "step times of %s; its defaults are not taken",
                                     serving_engine_name(parts->engine)));
    }
}

static void assume_step_time(struct resolver *resolver, const struct pool_parts *parts, bool is_known) {
    if (is_known || parts->image != NULL) {
        return;
    }
    resolver_assume(
        resolver, view_path(resolver->arena, parts->view, "step_time"),
        parts->profile.profile != NULL
            ? "kernels of the GPU's architecture by datasheet, and neutral overheads where the profile has none; not "
              "calibrated for this GPU, number format and engine"
            : "roofline from the datasheet with first values of efficiency and overhead; not calibrated for "
              "this GPU, model and engine");
}

/* What the error of the step times is taken from; are they calibrated? Sets `is_given` where a user's file gives them. */
static bool fill_standing(const struct resolver *resolver, const struct pool_parts *parts, bool *is_given,
                          struct pool_facts *facts) {
    bool is_calibrated = false;
    facts->errors = resolver->context->profile->errors;
    facts->error_is_known = parts->has_shape && !parts->is_linear && facts->errors != NULL && !facts->embeds;
    if (parts->profile.profile != NULL) {
        const struct profile_standing standing = profile_standing_of(&parts->profile, view_has(parts->view, "engine"));
        facts->expected = standing.expected;
        is_calibrated = standing.is_calibrated;
        *is_given |= standing.is_given;
    } else if (facts->error_is_known) {
        facts->expected =
            (struct expected_subject){.class = expected_class_of(parts->llm, parts->gpu),
                                      .cases = expected_bit(EXPECTED_BY_GROUP) | expected_bit(EXPECTED_FROM_DATASHEET)};
    }
    facts->expected.is_speculative = parts->draft_tokens > 0;
    facts->expected.is_pipelined = parts->pipeline_parallel > 1;
    return is_calibrated;
}

static void fill_facts(struct resolver *resolver, const struct pool_parts *parts, const struct pool_config *config,
                       struct pool_facts *facts) {
    facts->gpu = parts->gpu == NULL ? "" : parts->gpu->name;
    facts->makes_images = parts->image != NULL;
    facts->embeds = parts->llm != NULL && parts->llm->embeds;
    facts->model = parts->image != NULL ? parts->image->name : parts->llm != NULL ? parts->llm->name : "";
    facts->precision = facts->model[0] == '\0' ? "" : precision_name(parts->precision);
    const bool is_profile = parts->profile.profile != NULL;
    facts->step_time = parts->is_linear ? "linear" : is_profile ? "profile" : "roofline";
    bool is_given = parts->is_linear || view_has(&parts->step, "efficiency") || view_has(&parts->step, "overhead");
    bool is_calibrated = fill_standing(resolver, parts, &is_given, facts);
    facts->error_is_known = facts->error_is_known && !is_given;
    facts->step_time_status = is_given ? "given" : is_calibrated ? "calibrated" : "datasheet";
    facts->replicas = config->replicas;
    facts->tensor_parallel = parts->tensor_parallel;
    facts->pipeline_parallel = parts->pipeline_parallel;
    if (parts->has_shape && !parts->is_linear) {
        struct roofline_step *roofline = arena_alloc(resolver->arena, 1, sizeof *roofline);
        *roofline = parts->roofline;
        facts->roofline = roofline;
    }
    if (is_profile) {
        struct profile_step *profile = arena_alloc(resolver->arena, 1, sizeof *profile);
        *profile = parts->profile;
        facts->profile = profile;
    }
    if (parts->has_shape || has_image(parts)) {
        double ranks = (double)gpus_per_replica(parts);
        facts->peak_flop_per_s = ranks * gpu_peak_flop_per_s(parts->gpu, precision_compute(parts->precision));
        facts->peak_byte_per_s = ranks * gpu_peak_byte_per_s(parts->gpu);
    }
    assume_model(resolver, parts);
    assume_image(resolver, parts);
    assume_engine(resolver, parts);
    assume_step_time(resolver, parts, is_given || is_calibrated);
    resolve_power_facts(resolver, parts->view, parts->gpu, parts->has_shape || has_image(parts), facts);
}

bool resolve_pool(struct resolver *resolver, const struct view *view, size_t index) {
    struct pool_config *config = &resolver->pools[index];
    struct pool_facts *facts = &resolver->point->pools[index];
    struct pool_parts parts = {.view = view, .step_model = &resolver->step_models[index]};
    parts.step = view_block(resolver->arena, view, "step_time");
    parts.is_linear = view_is(&parts.step, "model", "linear");
    parts.tensor_parallel = view_integer(view, "tensor_parallel");
    parts.attention_dp = view_integer(view, "attention_dp");
    parts.pipeline_parallel = view_integer(view, "pipeline_parallel");
    bool has_gpu = find_gpu(resolver, &parts);
    if (!find_model(resolver, &parts) || !has_gpu) {
        return false;
    }
    find_precisions(&parts);
    if (view_has(view, "engine")) {
        CHECK(serving_engine_from_text(span_of(view_text(view, "engine")), &parts.engine));
    }
    find_node(resolver, &parts);
    config->replicas = view_integer(view, "replicas");
    config->gpus_per_replica = gpus_per_replica(&parts);
    config->block_size = view_integer(view, "block_size");
    fill_delays(resolver, &parts, config, index);
    bool is_ok = resolve_batching(resolver, view, &config->batching);
    is_ok = resolve_language_keys(resolver, view, parts.image, parts.llm) && is_ok;
    is_ok = resolve_speculative(resolver, view, parts.is_linear ? NULL : parts.llm, parts.precision, config,
                                &parts.draft) &&
            is_ok;
    parts.draft_tokens = config->speculative.draft_tokens;
    is_ok = make_shape(resolver, &parts, &config->batching) && fill_memory(resolver, &parts, config, facts) &&
            make_step_model(resolver, &parts, &config->batching) && is_ok;
    fill_request_path(resolver, &parts, config, index);
    is_ok = fill_max_model_len(resolver, &parts, config) && is_ok;
    is_ok = fill_placement(resolver, &parts, config, facts) && is_ok;
    config->step_model = *parts.step_model;
    fill_facts(resolver, &parts, config, facts);
    return resolve_pool_cost(resolver, view, parts.gpu, index) && is_ok;
}

void resolve_pool_names(struct resolver *resolver, const struct view *view, size_t index) {
    struct pool_parts parts = {
        .view = view, .is_linear = true, .pipeline_parallel = 1}; /* what is missing has been said */
    struct view cost = view_block(resolver->arena, &resolver->root, "cost");
    struct view own_cost = view_block(resolver->arena, view, "cost");
    bool has_gpu = find_gpu(resolver, &parts);
    (void)find_model(resolver, &parts);
    const struct node *gpu = view_node(view, "gpu");
    bool is_priced = gpu != NULL && gpu->kind == NODE_SCALAR && (cost.map != NULL || own_cost.map != NULL);
    if (has_gpu && is_priced && resolver_part_usable(resolver, &cost) && resolver_part_usable(resolver, &own_cost)) {
        (void)resolve_pool_cost(resolver, view, parts.gpu, index);
    }
}
