#include "tests/differential/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "models/step_coefficients.h"
#include "sim/clock.h"

/* ---- dice ---- */

struct dice {
    struct random_stream stream;
    uint64_t thrown;
};

static double uniform(struct dice *dice) {
    return random_uniform(dice->stream, dice->thrown++, 0);
}

/* low..high, each as likely. */
static int64_t between(struct dice *dice, int64_t low, int64_t high) {
    return low + (int64_t)(uniform(dice) * (double)(high - low + 1));
}

static bool chance(struct dice *dice, double probability) {
    return uniform(dice) < probability;
}

/* ---- sources ---- */

struct list_source {
    struct arrival_source source;
    const struct scenario_workload *list;
    size_t next;
};

static enum arrival_status list_next(struct arrival_source *source, int64_t end_key, struct arrival *out,
                                     struct diags *diags) {
    struct list_source *list = (struct list_source *)source;
    (void)diags;
    if (list->next == list->list->count) {
        return ARRIVAL_END;
    }
    const struct scenario_request *request = &list->list->requests[list->next];
    if (request->key >= end_key) {
        return ARRIVAL_END;
    }
    *out = (struct arrival){
        .key = request->key,
        .draw = list->next++,
        .input_tokens = request->input,
        .output_tokens = request->output,
    };
    source->counts.read++;
    return ARRIVAL_READY;
}

static void list_free(struct arrival_source *source) {
    free(source);
}

static struct arrival_source *list_open(const void *context, uint64_t seed, uint32_t replication, struct diags *diags) {
    static const struct arrival_source_type type = {.name = "list", .next = list_next, .free = list_free};
    (void)seed;
    (void)replication;
    (void)diags;
    struct list_source *list = xcalloc(1, sizeof *list);
    list->source.type = &type;
    list->list = context;
    return &list->source;
}

/* ---- parts ---- */

/* Seconds a step: mostly milliseconds, at times next to nothing, at times minutes. */
static double any_cost(struct dice *dice) {
    double kind = uniform(dice);
    if (kind < 0.15) {
        return 0;
    }
    if (kind < 0.25) {
        return (double)between(dice, 1, 50) / UNIT_PER_S;
    }
    if (kind < 0.30) {
        return uniform(dice) * 5;
    }
    return kind < 0.6 ? (double)between(dice, 1, 20) * 1e-3 : uniform(dice) * 1e-3;
}

/* Windowed layers: contexts cross the window in the middle of answers, in prompts, or never. */
static void make_windowed_layers(struct dice *dice, struct linear_step *step) {
    step->window_tok = chance(dice, 0.7) ? between(dice, 1, 60) : between(dice, 1, 500);
    step->c5_s = chance(dice, 0.1) ? 0 : any_cost(dice) / 1000;
    step->c6_s = chance(dice, 0.5) ? 0 : any_cost(dice) / 10000;
}

/* Steps of seconds to hours: 64-bit units last 8.8 s, minutes are cut within each step, answers take days. */
static void make_huge_step(struct dice *dice, struct linear_step *step) {
    double scale_s = chance(dice, 0.5) ? 1 : 8.79;
    double part = chance(dice, 0.5) ? 1 : 1.0 / (double)between(dice, 1, 1000); /* of a token of context */
    step->c0_s = uniform(dice) * scale_s;
    step->c1_s = chance(dice, 0.5) ? 0 : uniform(dice) * scale_s;
    step->c2_s = uniform(dice) * scale_s;
    step->c3_s = chance(dice, 0.5) ? 0 : uniform(dice) * scale_s * part;
    step->c4_s = chance(dice, 0.8) ? 0 : uniform(dice) * scale_s / 100;
    step->quantum_s = chance(dice, 0.2) ? uniform(dice) * scale_s : 0;
    if (chance(dice, 0.3)) {
        step->window_tok = between(dice, 1, 60);
        step->c5_s = uniform(dice) * scale_s * part;
        step->c6_s = chance(dice, 0.5) ? 0 : uniform(dice) * scale_s / 100;
    }
    if (chance(dice, 0.3)) {
        step->h0_s = uniform(dice) * scale_s;
        step->h1_s = uniform(dice) * scale_s;
    }
}

static void make_step(struct dice *dice, struct linear_step *step) {
    *step = (struct linear_step){.c0_s = any_cost(dice)};
    double kind = uniform(dice);
    if (kind < 0.3) {
        step->c0_s = 0.01; /* constant steps: ties on their boundaries can be constructed */
        return;
    }
    if (kind < 0.4) { /* many steps within a key */
        double part_s = key_to_s(1) / (double)between(dice, 1, 1000);
        step->c0_s = uniform(dice) * part_s;
        step->c2_s = chance(dice, 0.5) ? 0 : uniform(dice) * part_s;
        step->c3_s = chance(dice, 0.5) ? 0 : uniform(dice) * part_s / 100;
        step->window_tok = chance(dice, 0.3) ? between(dice, 1, 60) : 0;
        step->c5_s = uniform(dice) * part_s / 100;
        return;
    }
    if (kind < 0.5) {
        make_huge_step(dice, step);
        return;
    }
    step->c1_s = any_cost(dice) / 50;
    step->c2_s = any_cost(dice) / 10;
    step->c3_s = chance(dice, 0.3) ? 0 : any_cost(dice) / 1000;
    step->c4_s = chance(dice, 0.5) ? 0 : any_cost(dice) / 10000;
    step->quantum_s = chance(dice, 0.2) ? (double)between(dice, 1, 2000) * 1e-6 : 0;
    if (chance(dice, 0.3)) {
        step->pad_multiple = between(dice, 1, 16);
        step->pad_token_s = any_cost(dice) / 20;
    }
    if (chance(dice, 0.4)) {
        make_windowed_layers(dice, step);
    }
    if (chance(dice, 0.25)) { /* now the host takes longer, now the GPU */
        step->h0_s = any_cost(dice);
        step->h1_s = chance(dice, 0.3) ? 0 : any_cost(dice) / 10;
    }
}

static int64_t any_units(struct dice *dice) {
    return (int64_t)(any_cost(dice) * UNIT_PER_S);
}

/* Captured batch sizes: some of 1..24. */
static void make_captured(struct dice *dice, struct capture_table *table) {
    table->max = between(dice, 1, 24);
    table->values = xcalloc((size_t)table->max + 1, sizeof *table->values);
    table->values[table->max] = table->max;
    for (int64_t seqs = table->max - 1; seqs > 0; seqs--) {
        table->values[seqs] = chance(dice, 0.5) ? seqs : table->values[seqs + 1];
    }
}

/* What only a roofline has: parts that read or compute, whichever takes longer, experts, captured graphs. */
static void add_roofline(struct dice *dice, struct step_model *model) {
    model->body = any_units(dice);
    model->body_token = any_units(dice) / 10;
    model->head = any_units(dice);
    model->head_seq = any_units(dice) / 10;
    model->expert = any_units(dice) / 10;
    model->expert_token = any_units(dice) / 10;
    model->seq = any_units(dice) / 20;
    model->token = any_units(dice) / 50;
    model->prefill_step = any_units(dice);
    if (chance(dice, 0.7)) {
        model->pad_multiple = 0; /* a linear step's */
    }
    if (chance(dice, 0.5)) {
        make_captured(dice, &model->captured);
    }
}

/* A curve as a profile has them, or one that falls here and there. */
static void make_curve(struct dice *dice, int64_t scale, struct time_curve *curve) {
    curve->values = xcalloc(CURVE_NODES, sizeof *curve->values);
    int64_t step = scale / between(dice, 5, 200); /* some hundred nodes are in reach */
    bool falls = chance(dice, 0.3);
    for (size_t i = 1; i < CURVE_NODES; i++) {
        i128 next = curve->values[i - 1] + between(dice, 0, step) - (falls ? between(dice, 0, step) : 0);
        curve->values[i] = next > 0 ? next : 0;
    }
}

static void add_curves(struct dice *dice, struct step_model *model) {
    const int64_t scale =
        (model->step / 4 + model->decode / 4 + 1000000) / 4; /* as the linear step's, which all else goes by */
    make_curve(dice, scale, &model->decodes);
    make_curve(dice, scale, &model->tokens);
    make_curve(dice, scale, &model->samples);
    model->prefill_step = between(dice, 0, scale);
    model->prefill_floor = chance(dice, 0.5) ? between(dice, 0, scale) * 4 : 0;
    model->decode = between(dice, 0, scale) / 20;
    if (chance(dice, 0.7)) {
        model->pad_multiple = 0; /* a linear step's */
    }
    if (chance(dice, 0.3)) {
        make_captured(dice, &model->captured);
    }
    if (chance(dice, model->captured.values != NULL ? 0.7 : 0.2)) { /* a little, or most of the time */
        model->eager = between(dice, 0, scale) * (chance(dice, 0.5) || scale > INT64_MAX / 4000 ? 4 : 400);
    }
    model->graph_tokens = chance(dice, 0.5) ? between(dice, 0, 60) : 0;
    if (chance(dice, 0.4)) { /* rounds of a pipeline */
        model->stages = between(dice, 2, 6);
        model->micro_tokens = between(dice, 1, chance(dice, 0.5) ? 12 : 200);
    }
}

/* Prompts draw more power than decodes do, which stay below the cap. */
static void heat_prompts(struct dice *dice, struct step_model *model) {
    int64_t power_mw = between(dice, 1, 400000);
    model->body_token = model->head_seq = model->token = model->prefill_token = 0;
    model->seq = between(dice, 1000000, (int64_t)(1e-3 * UNIT_PER_S));
    model->work = (struct work_model){
        .flop_per_token = chance(dice, 0.8) ? 1000 : 3000,
        .energy_per_flop = power_mw * (model->seq / 2000),
        .active_mw = 1000,
        .cap_mw = 1000 + power_mw,
    };
    if (chance(dice, 0.5)) { /* no time but that of sequences and contexts */
        model->step = model->body = model->head = model->expert = model->expert_token = 0;
    }
    if (chance(dice, 0.3)) { /* few decodes stay below the cap, many do not */
        model->step += model->seq * between(dice, 1, 4);
    }
    if (chance(dice, 0.3)) {
        model->ranks = between(dice, 2, 4);
    }
    if (chance(dice, 0.2)) { /* padding draws as much as decodes do, and takes no time */
        model->pad_multiple = between(dice, 2, 16);
        model->pad_token = 0;
    }
    if (chance(dice, 0.5)) { /* contexts draw all that one rank has time for, or more */
        const int64_t times = between(dice, 1, 200);
        model->context = times * (model->seq / 2000);
        model->context += model->context >> 20; /* room for rounding */
        model->work.flop_per_context = chance(dice, 0.7) ? times : 2 * times;
    }
    if (chance(dice, 0.3)) { /* filling up tiles draws as much as tokens do, or less; most of it with few tokens */
        model->work.experts = between(dice, 1, 8);
        model->work.experts_per_tok = between(dice, 1, model->work.experts);
        model->work.flop_per_expert_row = 10 * between(dice, 1, 6);
        model->touched = touched_table_make(model->work.experts, model->work.experts_per_tok);
    }
    if (model->window > 0) { /* windowed context draws more, or less, than its time allows */
        const int64_t part = 50 * (model->seq / 2000);
        model->work.flop_per_window_context = 50 * between(dice, 0, 3);
        model->window_context = part * between(dice, 0, 3);
    }
    if (chance(dice, 0.5)) { /* and what every step reads as much as there is time for, or more */
        double time = (double)model->step + (double)model->body + (double)model->head;
        model->work.byte_per_step = 1000000000;
        model->work.energy_per_byte = (int64_t)(2 * uniform(dice) * (double)power_mw * time / 1e9);
    }
}

/* Next to nothing, or as much as the power of a step: then the cap may bind in some steps of a stretch. */
static int64_t any_energy(struct dice *dice) {
    int64_t most = 1;
    for (int64_t digits = between(dice, 0, 16); digits > 0; digits--) {
        most *= 10;
    }
    return between(dice, 0, most);
}

static void make_work(struct dice *dice, struct work_model *work) {
    *work = (struct work_model){
        .flop_per_token = between(dice, 0, 1000000),
        .flop_per_seq = between(dice, 0, 1000),
        .flop_per_context = between(dice, 0, 1000),
        .flop_per_attention_x2 = between(dice, 0, 100),
        .byte_per_step = between(dice, 0, 1000000),
        .byte_per_token = between(dice, 0, 1000),
        .byte_per_context = between(dice, 0, 10000),
        .flop_per_window_context = between(dice, 0, 1000),
        .flop_per_window_attention_x2 = between(dice, 0, 100),
        .byte_per_window_context = between(dice, 0, 10000),
        .energy_per_flop = any_energy(dice),
        .energy_per_byte = any_energy(dice),
        .active_mw = between(dice, 0, 100000),
    };
    work->cap_mw = chance(dice, 0.3) ? 0 : between(dice, 1, 400000);
    if (chance(dice, 0.3)) {
        work->experts = between(dice, 1, 64);
        work->experts_per_tok = between(dice, 1, work->experts);
        work->byte_per_expert = between(dice, 0, 1000000);
        work->flop_per_expert_row = between(dice, 0, 100000);
    }
}

/* Experts of which some are picked more often than others, as a profile has them. */
static void skew_experts(struct dice *dice, struct step_model *model) {
    enum { EXPERTS_MAX = 64 };
    double pick_ratio[EXPERTS_MAX];
    for (int64_t e = 0; e < model->work.experts; e++) {
        pick_ratio[e] = 0.01 + 0.98 * uniform(dice);
    }
    free(model->touched.values);
    model->touched = touched_table_of_picks(pick_ratio, model->work.experts);
}

static void make_batching(struct dice *dice, struct batching_config *batching) {
    *batching = (struct batching_config){
        .policy = (enum batching_policy)between(dice, 0, BATCHING_POLICY_COUNT - 1),
        .max_num_seqs = chance(dice, 0.7) ? between(dice, 1, 12) : between(dice, 1, 64),
        .kv_admission = chance(dice, 0.3) ? KV_ADMISSION_PROMPT : KV_ADMISSION_CHUNK,
        .watermark_blocks = chance(dice, 0.2) ? between(dice, 1, 4) : 0,
        .on_preempt = chance(dice, 0.3) ? ON_PREEMPT_RESTART : ON_PREEMPT_RECOMPUTE,
        .max_wait = (i128)(uniform(dice) * 2 * UNIT_PER_S),
        .deliver = DELIVER_TOKEN,
    };
    if (chance(dice, 0.4)) {
        batching->deliver = DELIVER_BATCH;
    }
    batching->max_num_batched_tokens = batching->max_num_seqs + between(dice, 0, chance(dice, 0.5) ? 20 : 400);
    batching->chunk = chance(dice, 0.4) ? between(dice, 1, 40) : 0;
    batching->recv_interval = chance(dice, 0.3) ? between(dice, 1, 30) : 0;
    if (batching->policy == BATCHING_PREFILL_FIRST && chance(dice, 0.4)) {
        batching->kv_admission = KV_ADMISSION_ESTIMATE;
        batching->new_token_ratio = between(dice, 0, 1 << NEW_TOKEN_RATIO_SHIFT);
        batching->new_token_ratio_min = between(dice, 0, batching->new_token_ratio);
        batching->new_token_ratio_decay =
            between(dice, 0, (batching->new_token_ratio - batching->new_token_ratio_min) / between(dice, 1, 40));
    }
    if (batching->policy == BATCHING_TRTLLM) {
        batching->kv_admission = chance(dice, 0.6) ? KV_ADMISSION_RESERVE : KV_ADMISSION_PROMPT;
        batching->batch_wait_max_tokens = chance(dice, 0.5) ? between(dice, 0, batching->max_num_batched_tokens) : 0;
        batching->batch_wait_timeout_iters = chance(dice, 0.8) ? between(dice, 0, 30) : 1000;
    }
}

static void make_pool(struct dice *dice, struct random_scenario *scenario, size_t i) {
    static const char *const names[SCENARIO_POOLS_MAX] = {"a", "b", "c"};
    struct pool_config *pool = &scenario->pools[i];
    struct diags *diags = diags_new();
    make_step(dice, &scenario->steps[i]);
    scenario->steps[i].attention_dp = chance(dice, 0.25) ? between(dice, 2, 6) : 1;
    make_work(dice, &scenario->works[i]);
    struct step_model *model =
        step_model_new_linear(&scenario->steps[i], &scenario->works[i], diags, (struct position){0});
    CHECK(model != NULL);
    if (chance(dice, 0.2)) {
        add_curves(dice, model);
        if (model->work.experts > 0) {
            skew_experts(dice, model);
        }
    } else if (chance(dice, 0.25)) {
        add_roofline(dice, model);
        if (model->touched.values == NULL && model->quantum == 0 && chance(dice, 0.3)) {
            heat_prompts(dice, model);
        }
    } else if (chance(dice, 0.3)) { /* boundaries drift off the grid, and stay in its keys for a while */
        model->step += between(dice, 0, 4) << between(dice, 0, KEY_SHIFT - 3);
        model->step -= model->step > (1 << KEY_SHIFT) ? between(dice, 0, 1) << (KEY_SHIFT - 1) : 0;
    }
    *pool = (struct pool_config){
        .name = names[i],
        .replicas = chance(dice, 0.5)   ? 1
                    : chance(dice, 0.8) ? between(dice, 1, 4)
                                        : between(dice, 5, 40),
        .gpus_per_replica = 1,
        .block_size = between(dice, 1, 16),
        .max_model_len = chance(dice, 0.8) ? 100000 : between(dice, 20, 200),
        .step_model = model,
        .token_delay = chance(dice, 0.2) ? between(dice, 0, 1000000000) : 0,
        .finish_delay = chance(dice, 0.2) ? between(dice, 0, 1000000000000) : 0,
        .frontend_base = chance(dice, 0.2) ? (i128)(uniform(dice) * 0.02 * UNIT_PER_S) : 0,
        .frontend_per_input_token = chance(dice, 0.1) ? (i128)(uniform(dice) * 0.001 * UNIT_PER_S) : 0,
    };
    make_batching(dice, &pool->batching);
    pool->batching.micro_batches = model->stages;
    pool->num_gpu_blocks = chance(dice, 0.3) ? KV_BLOCKS_UNLIMITED : between(dice, 4, 120);
    if (pool->num_gpu_blocks != KV_BLOCKS_UNLIMITED && chance(dice, 0.1)) {
        pool->batching.watermark_blocks = between(dice, 0, pool->num_gpu_blocks); /* many are never admitted */
    }
    diags_free(diags);
}

/* Of the drafts: without what a draft model may not have. */
static struct step_model *make_draft(struct dice *dice, const struct step_model *target) {
    struct linear_step step;
    struct work_model work;
    struct diags *diags = diags_new();
    make_step(dice, &step);
    make_work(dice, &work);
    step.window_tok = 0;
    step.quantum_s = step.h0_s = step.h1_s = 0;
    step.attention_dp = target->ranks;
    struct step_model *model = step_model_new_linear(&step, &work, diags, (struct position){0});
    CHECK(model != NULL);
    if (chance(dice, 0.3)) {
        add_curves(dice, model);
        model->stages = model->eager = 0;
    }
    diags_free(diags);
    return model;
}

/* Speculative decoding: none of the drafts accepted, all of them, or some. */
static void speculate(struct dice *dice, struct pool_config *pool) {
    struct step_model *model = (struct step_model *)(uintptr_t)pool->step_model;
    int64_t drafts = chance(dice, 0.5) ? between(dice, 1, 3) : between(dice, 1, 12);
    int64_t all = drafts << CONTEXT_SHIFT;
    pool->speculative.draft_tokens = drafts;
    pool->speculative.accepted = chance(dice, 0.2) ? 0 : chance(dice, 0.2) ? all : between(dice, 0, all);
    pool->batching.max_num_batched_tokens += batching_slots(&pool->batching) * drafts;
    step_model_speculate(model, drafts, chance(dice, 0.5) ? CAPTURED_TOKENS : CAPTURED_SEQUENCES,
                         chance(dice, 0.5) ? make_draft(dice, model) : NULL);
}

static void make_requests(struct dice *dice, struct scenario_workload *source, double spacing_s) {
    double kind = uniform(dice);
    double grid_s = chance(dice, 0.3) ? 0.01 : 0; /* on the boundaries of constant steps */
    int64_t longest = chance(dice, 0.5) ? 30 : 300;
    double now = 0;
    source->count = (size_t)between(dice, 1, chance(dice, 0.2) ? SCENARIO_REQUESTS_MAX : 60);
    for (size_t i = 0; i < source->count; i++) {
        if (i > 0 && !chance(dice, 0.15) && kind > 0.1) {
            now += 2 * uniform(dice) * spacing_s;
        }
        double at = grid_s > 0 ? (double)(int64_t)(now / grid_s) * grid_s : now;
        source->requests[i] = (struct scenario_request){
            .key = key_of_s(at),
            .input = between(dice, 1, longest),
            .output = chance(dice, 0.15) ? 1 : between(dice, 1, longest),
        };
    }
}

/* Between arrivals: mostly fractions of a second, at times seconds or, for huge steps, minutes. */
static double any_spacing_s(struct dice *dice) {
    double kind = uniform(dice);
    return kind < 0.2 ? 3 : kind < 0.3 ? 300 * uniform(dice) : 0.3 * uniform(dice);
}

static void make_slo(struct dice *dice, struct workload_config *workload) {
    static const enum latency_metric metrics[] = {LATENCY_TTFT, LATENCY_TPOT, LATENCY_E2E, LATENCY_QUEUE};
    workload->slo_count = (size_t)between(dice, 0, 4);
    for (size_t i = 0; i < workload->slo_count; i++) {
        workload->slo[i] = (struct slo_threshold){
            .metric = metrics[i], .percent = 99, .limit = (i128)(uniform(dice) * 3 * UNIT_PER_S)};
    }
}

static void make_lengths(struct dice *dice, struct workload_config *workload) {
    workload->input_tokens =
        (struct length_spec){.kind = LENGTH_UNIFORM, .min = 1, .max = (double)between(dice, 1, 60)};
    workload->output_tokens =
        (struct length_spec){.kind = LENGTH_UNIFORM, .min = 1, .max = (double)between(dice, 1, 60)};
}

static void make_loop(struct dice *dice, struct scenario_workload *source, struct workload_config *workload) {
    source->closed_loop = true;
    source->loop = (struct arrival_spec){
        .name = workload->name,
        .process = ARRIVAL_CLOSED_LOOP,
        .clients = (uint32_t)between(dice, 1, 20),
        .think_kind = chance(dice, 0.5) ? THINK_CONSTANT : THINK_EXPONENTIAL,
        .think_s = chance(dice, 0.4)   ? 0
                   : chance(dice, 0.3) ? 0.01
                                       : uniform(dice),
        .start = chance(dice, 0.5) ? CLOSED_LOOP_START_NOW : CLOSED_LOOP_START_THINK,
    };
    workload->arrivals = arrival_spec_factory(&source->loop);
    make_lengths(dice, workload);
}

/* The pools that a workload goes to: one, or a run of them. */
static void make_targets(struct dice *dice, struct random_scenario *scenario, size_t i) {
    struct workload_config *workload = &scenario->workloads[i];
    bool one = scenario->config.routing == ROUTING_CENTRAL_QUEUE || chance(dice, 0.5);
    uint32_t first = (uint32_t)between(dice, 0, (int64_t)scenario->config.pool_count - 1);
    workload->pool_count = one ? 1 : scenario->config.pool_count - first;
    for (uint32_t pool = 0; pool < workload->pool_count; pool++) {
        scenario->targets[i][pool] = first + pool;
    }
    workload->pools = scenario->targets[i];
}

static void make_workload(struct dice *dice, struct random_scenario *scenario, size_t i) {
    static const char *const names[SCENARIO_WORKLOADS_MAX] = {"x", "y", "z"};
    struct workload_config *workload = &scenario->workloads[i];
    *workload = (struct workload_config){.name = names[i]};
    make_targets(dice, scenario, i);
    if (chance(dice, 0.25)) {
        make_loop(dice, &scenario->sources[i], workload);
    } else {
        make_requests(dice, &scenario->sources[i], any_spacing_s(dice));
        workload->arrivals = (struct arrival_factory){.open = list_open, .context = &scenario->sources[i]};
    }
    if (chance(dice, 0.2)) {
        workload->arrival_delay_base = between(dice, 0, (int64_t)1 << 58);
        workload->arrival_delay_per_input_token = between(dice, 0, (int64_t)1 << 50);
        workload->arrival_delay_quantum = chance(dice, 0.5) ? (i128)1048576000000 : 0;
    }
    if (chance(dice, 0.3)) {
        workload->cached_input_share = between(dice, 1, 1 << CACHED_SHARE_SHIFT);
    }
    make_slo(dice, workload);
}

/* Seconds: on the boundaries of constant steps, up to `most`, or days. */
static double any_instant_s(struct dice *dice, int64_t boundaries, double most) {
    double kind = uniform(dice);
    if (kind < 0.45) {
        return (double)between(dice, 1, boundaries) * 0.01;
    }
    return kind < 0.9 ? uniform(dice) * most : uniform(dice) * most * 5000;
}

static void make_window(struct dice *dice, struct sim_config *config) {
    bool endless = false;
    for (size_t i = 0; i < config->workload_count; i++) {
        endless = endless || config->workloads[i].arrivals.open != list_open;
    }
    config->end_key = KEY_NEVER;
    config->max_requests = endless || chance(dice, 0.3) ? between(dice, 1, 500) : 0;
    if (chance(dice, 0.4)) {
        config->end_key = key_of_s(any_instant_s(dice, 1000, 200));
        config->end_key += config->end_key == 0;
    }
    if (chance(dice, 0.4)) {
        config->warmup_key = key_of_s(any_instant_s(dice, 300, 3));
    }
}

/* Intervals shorter than a step, on the boundaries of constant steps, dividing the warm-up, far longer than the run. */
static int64_t any_interval(struct dice *dice, int64_t warmup_key) {
    double kind = uniform(dice);
    if (kind < 0.2 && warmup_key > 0) {
        return warmup_key / between(dice, 1, 3) + 1 - between(dice, 0, 1);
    }
    if (kind < 0.6) {
        return key_of_s((double)between(dice, 1, 50) * 0.01);
    }
    return key_of_s(kind < 0.8 ? 0.001 + uniform(dice) : kind < 0.9 ? 20 * uniform(dice) : 1e4) + between(dice, 0, 1);
}

/* Not so short that a run of long steps has a million of them. */
static void make_series(struct dice *dice, struct random_scenario *scenario) {
    struct sim_config *config = &scenario->config;
    if (!chance(dice, 0.35)) {
        return;
    }
    int64_t interval = any_interval(dice, config->warmup_key);
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct step_work work = {
            .prefill_seqs = 4, .prefill_tokens = 400, .decode_seqs = 8, .decode_context = 300};
        int64_t least = key_of_instant(step_model_duration(config->pools[i].step_model, &work) / 4);
        interval = interval < least ? least : interval;
    }
    config->series_interval_keys = interval > 0 ? interval : 1;
}

struct random_scenario *random_scenario_new(uint64_t number) {
    struct random_scenario *scenario = xcalloc(1, sizeof *scenario);
    struct dice dice = {.stream = random_stream_make(number, 0, RANDOM_ARRIVAL, "differential")};
    struct sim_config *config = &scenario->config;
    scenario->number = number;
    *config = (struct sim_config){
        .seed = number,
        .routing = (enum routing_policy)between(&dice, 0, ROUTING_POLICY_COUNT - 1),
        .pools = scenario->pools,
        .pool_count = chance(&dice, 0.6) ? 1 : (size_t)between(&dice, 1, SCENARIO_POOLS_MAX),
        .workloads = scenario->workloads,
        .workload_count = chance(&dice, 0.6) ? 1 : (size_t)between(&dice, 1, SCENARIO_WORKLOADS_MAX),
    };
    for (size_t i = 0; i < config->pool_count; i++) {
        make_pool(&dice, scenario, i);
    }
    for (size_t i = 0; i < config->workload_count; i++) {
        make_workload(&dice, scenario, i);
    }
    make_window(&dice, config);
    make_series(&dice, scenario);
    struct dice drafts = {.stream = random_stream_make(number, 0, RANDOM_ARRIVAL, "speculation")};
    for (size_t i = 0; i < config->pool_count; i++) {
        if (chance(&drafts, 0.3) && scenario->pools[i].step_model->stages <= 1) {
            speculate(&drafts, &scenario->pools[i]);
        }
    }
    return scenario;
}

void random_scenario_free(struct random_scenario *scenario) {
    for (size_t i = 0; scenario != NULL && i < scenario->config.pool_count; i++) {
        step_model_free((struct step_model *)(uintptr_t)scenario->pools[i].step_model);
    }
    free(scenario);
}

/* ---- words ---- */

static void print_pool(const struct pool_config *pool, const struct linear_step *step) {
    const struct batching_config *batching = &pool->batching;
    printf("pool %s: %" PRId64 " x %s seqs %" PRId64 " budget %" PRId64 " chunk %" PRId64 " blocks %" PRId64
           " of %" PRId64 " admission %d watermark %" PRId64 " preempt %d deliver %d hold to %" PRId64 " for %" PRId64
           " wait %g len %" PRId64 "\n",
           pool->name, pool->replicas, batching_policy_name(batching->policy), batching->max_num_seqs,
           batching->max_num_batched_tokens, batching->chunk, pool->num_gpu_blocks, pool->block_size,
           (int)batching->kv_admission, batching->watermark_blocks, (int)batching->on_preempt, (int)batching->deliver,
           batching->batch_wait_max_tokens, batching->batch_wait_timeout_iters, units_to_s(batching->max_wait),
           pool->max_model_len);
    if (pool->speculative.draft_tokens > 0) {
        printf("  drafts %" PRId64 " accepted %" PRId64 " / 1024\n", pool->speculative.draft_tokens,
               pool->speculative.accepted);
    }
    printf("  step c0 %g c1 %g c2 %g c3 %g c4 %g quantum %g padding %" PRId64 " x %g\n", step->c0_s, step->c1_s,
           step->c2_s, step->c3_s, step->c4_s, step->quantum_s, step->pad_multiple, step->pad_token_s);
    printf("  window %" PRId64 " c5 %g c6 %g host %g + %g ranks %" PRId64 "\n", step->window_tok, step->c5_s,
           step->c6_s, step->h0_s, step->h1_s, step->attention_dp);
    const struct step_model *model = pool->step_model;
    printf("  body %" PRId64 " + %" PRId64 " head %" PRId64 " + %" PRId64 " expert %" PRId64 " + %" PRId64
           " seq %" PRId64 " token %" PRId64 " prefill %" PRId64 " captured to %" PRId64 "\n",
           model->body, model->body_token, model->head, model->head_seq, model->expert, model->expert_token, model->seq,
           model->token, model->prefill_step, model->captured.max);
}

void random_scenario_print(const struct random_scenario *scenario) {
    const struct sim_config *config = &scenario->config;
    printf("scenario %" PRIu64 ": %s, requests %" PRId64 ", warm-up %.12g s, end %.12g s, series of %.12g s\n",
           scenario->number, routing_policy_name(config->routing), config->max_requests, key_to_s(config->warmup_key),
           config->end_key == KEY_NEVER ? -1 : key_to_s(config->end_key), key_to_s(config->series_interval_keys));
    for (size_t i = 0; i < config->pool_count; i++) {
        print_pool(&scenario->pools[i], &scenario->steps[i]);
    }
    for (size_t i = 0; i < config->workload_count; i++) {
        const struct scenario_workload *source = &scenario->sources[i];
        const struct workload_config *workload = &config->workloads[i];
        printf("workload %s: pools %u+%zu, %s\n", workload->name, workload->pools[0], workload->pool_count,
               source->closed_loop ? "closed loop" : "list");
        for (size_t r = 0; r < source->count && r < 12; r++) {
            const struct scenario_request *request = &source->requests[r];
            printf("  %.12g s: %" PRId64 " + %" PRId64 "\n", key_to_s(request->key), request->input, request->output);
        }
    }
}
