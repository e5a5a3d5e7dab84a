/* Pipelines: stages, hops, memory, and rounds of micro-batches, worked by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "models/memory.h"
#include "models/parallel.h"
#include "models/priors.h"
#include "models/step_coefficients.h"
#include "sim/clock.h"
#include "sim/simulate.h"
#include "tests/unit/throughput_fixture.h"

#define KEY ((i128)1 << 25)

static const struct position nowhere = {0};

static void assert_near(double value, double expected, double within) {
    if (!(fabs(value - expected) <= within * fabs(expected))) {
        fail_msg("%.17g is not %.17g within %g", value, expected, within);
    }
}

/* base + per n, in keys. */
static void fill_line(struct time_curve *curve, int64_t base, int64_t per) {
    double times[CURVE_NODES];
    for (size_t i = 1; i < CURVE_NODES; i++) {
        times[i] = (double)(base + per * time_curve_number(i));
    }
    assert_true(time_curve_fill(curve, &times[1], 1, (double)KEY));
}

/* Rounds of four micro-batches, of up to 100 tokens of prompts: decodes 10 + n, tokens 20 + 2 n, samples 1 + n keys. */
static struct step_model *four_stages(void) {
    const struct work_model work = {.flop_per_token = 1,
                                    .flop_per_seq = 1000,
                                    .byte_per_step = 1,
                                    .byte_per_token = 1000,
                                    .experts = 4,
                                    .experts_per_tok = 2,
                                    .byte_per_expert = 1000000};
    struct step_model *model = step_model_make(&work);
    fill_line(&model->decodes, 10, 1);
    fill_line(&model->tokens, 20, 2);
    fill_line(&model->samples, 1, 1);
    model->stages = 4;
    model->micro_tokens = 100;
    model->context = (int64_t)KEY;
    model->attention = (int64_t)KEY;
    model->prefill_token = (int64_t)KEY;
    return model;
}

static void assert_keys(const struct step_model *model, const struct step_work *work, int64_t keys) {
    assert_true(step_model_duration(model, work) == keys * KEY);
}

/* 10 decodes: 3 in the largest of 4 micro-batches; 2: one in each of two. Contexts are a stage's part already. */
static void decodes_are_dealt_to_micro_batches(void **state) {
    (void)state;
    struct step_model *model = four_stages();
    assert_keys(model, &(struct step_work){.decode_seqs = 10, .decode_context = 7}, (10 + 3) + 4 * (1 + 3) + 7);
    assert_keys(model, &(struct step_work){.decode_seqs = 2}, (10 + 1) + 2 * (1 + 1));
    assert_keys(model, &(struct step_work){.decode_seqs = 1}, (10 + 1) + (1 + 1));
    assert_true(step_model_grows(model));
    step_model_free(model);
}

/* 60 tokens fit in one micro-batch beside 2 of 5 decodes. 250 of 5 prompts fill three: 100 tokens and 2 prompts in the largest, which has
 * 100 / 250 of the attention. */
static void prompts_fill_one_micro_batch_after_the_other(void **state) {
    (void)state;
    struct step_model *model = four_stages();
    const struct step_work few = {
        .prefill_seqs = 2, .prefill_tokens = 60, .prefill_attention_x2 = 8, .decode_seqs = 5, .decode_context = 9};
    assert_keys(model, &few, (20 + 2 * 62) + (1 + 4) + 3 * (1 + 2) + 60 + 8 / 2 + 9);
    const struct step_work many = {.prefill_seqs = 5, .prefill_tokens = 250, .prefill_attention_x2 = 1000};
    assert_keys(model, &many, (20 + 2 * 100) + (1 + 2) + 100 + 1000 * 100 / 250 / 2);
    step_model_free(model);
}

/* 10 decodes: 10 tokens and samples, but weights are read four times and each micro-batch of 3 touches 4 (1 - 1/8) experts. */
static void each_micro_batch_reads_the_weights(void **state) {
    (void)state;
    struct step_model *model = four_stages();
    const struct step_work work = {.decode_seqs = 10};
    const struct step_amounts amounts = step_model_amounts(model, &work, KEY);
    assert_true(amounts.flop == 10 + 10 * 1000);
    assert_true(amounts.byte == 4 * (1 + 3500000) + 10 * 1000);
    struct step_sums sums = {0};
    step_model_sum(model, &work, 3, 0, 3 * KEY, &sums);
    assert_true(step_model_amounts_of_sums(model, &sums).byte == 3 * amounts.byte);
    const int64_t sizes[] = {4, 8};
    model->captured = capture_table_make(sizes, 2);
    assert_true(step_model_amounts(model, &work, KEY).flop == 16 + 16 * 1000);
    assert_keys(model, &work, (10 + 4) + 4 * (1 + 3));
    step_model_free(model);
}

/* Of two ranks each pads its half to a graph of 4 or 8; beyond 16 in all, a step takes as long as launching it. */
static void captured_batches_are_a_ranks(void **state) {
    (void)state;
    struct step_model *model = four_stages();
    const int64_t sizes[] = {4, 8};
    const struct rank_work ranks[2] = {{0}};
    model->captured = capture_table_make(sizes, 2);
    model->stages = 0;
    model->ranks = 2;
    model->eager = 100 * (int64_t)KEY;
    assert_keys(model, &(struct step_work){.decode_seqs = 5, .ranks = ranks}, (10 + 8) + (1 + 5));
    assert_keys(model, &(struct step_work){.decode_seqs = 16, .ranks = ranks}, (10 + 16) + (1 + 16));
    assert_keys(model, &(struct step_work){.decode_seqs = 17, .ranks = ranks}, 100);
    assert_keys(model, &(struct step_work){.decode_seqs = 60, .ranks = ranks}, (10 + 60) + (1 + 60));
    step_model_free(model);
}

/* Up to 20 tokens a step with a prompt runs captured pieces; beyond, it takes as long as launching it. */
static void small_prompts_run_captured_pieces(void **state) {
    (void)state;
    struct step_model *model = four_stages();
    model->stages = 0;
    model->graph_tokens = 20;
    model->prefill_floor = 200 * (int64_t)KEY;
    assert_keys(model, &(struct step_work){.prefill_seqs = 1, .prefill_tokens = 19, .decode_seqs = 1},
                (20 + 2 * 20) + (1 + 2) + 19);
    assert_keys(model, &(struct step_work){.prefill_seqs = 1, .prefill_tokens = 20, .decode_seqs = 1}, 200);
    model->graph_tokens = 0;
    assert_keys(model, &(struct step_work){.prefill_seqs = 1, .prefill_tokens = 19}, 200);
    step_model_free(model);
}

/* 32 layers on 3 stages: 11 on the slowest. */
static void the_stage_with_most_layers_decides(void **state) {
    (void)state;
    const struct llm llm = llama_8b();
    assert_int_equal(stage_layers(&llm, 3), 11);
    assert_near(stage_ratio(&llm, 3), 33.0 / 32, 1e-12);
    struct diags *diags = diags_new();
    assert_true(pipeline_parallel_check(&llm, 32, diags, nowhere));
    assert_false(pipeline_parallel_check(&llm, 33, diags, nowhere));
    assert_string_equal(diags_first_rule(diags), "pipeline-parallel-shape");
    diags_free(diags);
}

/* Four GPUs of a node hand on over NVLink. Two nodes of 8: two hops over 8 ports of 40 GB/s, 65 us each. */
static void hops_take_the_link_between_stages(void **state) {
    (void)state;
    const struct gpu gpu = h100();
    struct collective_line within = pipeline_hops(&gpu, 1, 4, 8, 0.5, 5e-6);
    assert_near(within.latency_s, 20e-6, 1e-12);
    assert_near(within.s_per_byte, 4 / (450e9 * 0.5), 1e-12);
    struct collective_line between = pipeline_hops(&gpu, 8, 2, 8, 0.5, 5e-6);
    assert_near(between.latency_s, 2 * (5e-6 + PRIOR_NETWORK_LATENCY_S), 1e-12);
    assert_near(between.s_per_byte, 2 / (8 * PRIOR_NETWORK_BYTE_PER_S * 0.5), 1e-12);
    assert_true(pipeline_hops(&gpu, 8, 1, 8, 0.5, 5e-6).latency_s <= 0);
}

/* 8B on 3 stages: 13,958,643,712 B of layers x 11 / 32 and one of two matrices of 1,050,673,152 B; 131,072 x 11 / 32 B of KV a token. */
static void a_stage_holds_its_layers(void **state) {
    (void)state;
    const struct llm llm = llama_8b();
    const struct gpu gpu = h100();
    const struct memory_request request = {.llm = &llm,
                                           .gpu = &gpu,
                                           .tensor_parallel = 1,
                                           .pipeline_parallel = 3,
                                           .gpu_memory_utilization = 0.9,
                                           .block_size = 16,
                                           .max_num_batched_tokens = 8192,
                                           .max_num_seqs = 256};
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_true(memory_plan_make(&request, &plan, diags, nowhere));
    assert_near(plan.weight_byte_per_gpu, 13958643712.0 * 11 / 32 + 1050673152.0, 1e-12);
    assert_near(plan.kv_byte_per_tok_per_gpu, 45056, 1e-12);
    assert_near(plan.kv_byte_per_tok, 131072, 1e-12);
    assert_int_equal(plan.num_gpu_blocks, (int64_t)(plan.kv_byte_per_gpu / (16 * 45056)));
    diags_free(diags);
}

/* A round of 2 n decodes takes a step of n, hops, and n samples more. */
static void assert_round(bool is_profile) {
    struct throughput_rig one = {.llm = llama_8b(), .gpu = h100(), .is_profile = is_profile};
    struct throughput_rig two = one;
    two.pipeline_parallel = 2;
    rig_make(&one, 1, 1 << 20);
    rig_make(&two, 1, 1 << 20);
    const struct step_work half = {.decode_seqs = 24, .decode_context = 24000}, nobody = {.decode_seqs = 1};
    const struct step_work whole = {.decode_seqs = 48, .decode_context = 48000};
    const double head_s = 1.0507e9 / 3.35e12;
    double step_s = (double)step_model_duration(one.model, &half) / UNIT_PER_S;
    double round_s = (double)step_model_duration(two.model, &whole) / UNIT_PER_S;
    double more_s = round_s - step_s;
    assert_true(more_s > head_s && more_s < 4 * head_s + 24 * PRIOR_SEQ_S);
    assert_near((double)step_model_duration(two.model, &nobody), (double)step_model_duration(one.model, &nobody), 0.01);
    const struct step_work prompt = {.prefill_seqs = 1, .prefill_tokens = 4096, .prefill_attention_x2 = 1 << 24};
    const struct step_work prompts = {.prefill_seqs = 4, .prefill_tokens = 16384, .prefill_attention_x2 = 4 << 24};
    const struct step_work pair = {.prefill_seqs = 2, .prefill_tokens = 8192, .prefill_attention_x2 = 2 << 24};
    assert_near((double)step_model_duration(two.model, &prompt), (double)step_model_duration(one.model, &prompt), 0.01);
    assert_near((double)step_model_duration(two.model, &prompts), (double)step_model_duration(one.model, &pair), 0.01);
    step_model_free(one.model);
    step_model_free(two.model);
}

static void a_round_is_a_step_of_one_micro_batch(void **state) {
    (void)state;
    assert_round(false);
    assert_round(true);
}

/* Both boards draw. */
static void all_stages_draw_power(void **state) {
    (void)state;
    struct throughput_rig rig = {.llm = llama_8b(), .gpu = h100(), .pipeline_parallel = 2};
    struct work_model work;
    struct diags *diags = diags_new();
    rig_make(&rig, 1, 1 << 20);
    assert_true(work_model_make(&rig.step, &work, diags, nowhere));
    assert_near((double)work.cap_mw, 2 * 1000 * (700 - gpu_idle_context_w(&rig.gpu, NULL)), 1e-6);
    diags_free(diags);
    step_model_free(rig.model);
}

static double capacity_of(const struct throughput_rig *rig, int64_t seqs, double input_tok, double output_tok) {
    static const uint32_t only_pool = 0;
    const struct pool_config pool = {
        .name = "main",
        .replicas = 1,
        .gpus_per_replica = 2,
        .batching = {.policy = BATCHING_CONTINUOUS, .max_num_seqs = seqs, .max_num_batched_tokens = 16384},
        .block_size = 16,
        .num_gpu_blocks = 1 << 20,
        .max_model_len = 1 << 20,
        .step_model = rig->model,
    };
    const struct workload_config workload = {
        .name = "chat",
        .arrivals = {.mean_rate_per_s = 1},
        .input_tokens = {.kind = LENGTH_UNIFORM, .min = input_tok / 2, .max = input_tok * 3 / 2},
        .output_tokens = {.kind = LENGTH_UNIFORM, .min = output_tok / 2, .max = output_tok * 3 / 2},
        .pools = &only_pool,
        .pool_count = 1,
    };
    const struct sim_config config = {
        .seed = 1, .end_key = KEY_NEVER, .pools = &pool, .pool_count = 1, .workloads = &workload, .workload_count = 1};
    struct diags *diags = diags_new();
    double token_per_s = 0;
    assert_true(simulate_capacity(&config, 0, &token_per_s, diags));
    diags_free(diags);
    return token_per_s;
}

/* The formulas for averages come to what the engine's capacity run does. */
static void the_formula_is_the_engines_capacity(void **state) {
    (void)state;
    static const struct {
        int64_t seqs;
        double input_tok, output_tok;
        bool is_profile;
    } rows[] = {{256, 512, 256, true}, {64, 2048, 256, true}, {256, 512, 256, false}, {256, 8000, 16, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct throughput_rig rig = {
            .llm = llama_8b(), .gpu = h100(), .is_profile = rows[i].is_profile, .pipeline_parallel = 2};
        rig_make(&rig, 1, 1 << 20);
        struct throughput_load load = {.batch = (double)rows[i].seqs,
                                       .lengths = throughput_lengths_constant(rows[i].input_tok, rows[i].output_tok),
                                       .price_ratio = 1};
        load.lengths.context_tok = rows[i].input_tok + rows[i].output_tok / 2 * (13.0 / 12) - 1;
        load.lengths.prompt_square_tok2 = rows[i].input_tok * rows[i].input_tok * (13.0 / 12);
        assert_near(throughput_of(&rig.machine, &load).tok_per_s,
                    capacity_of(&rig, rows[i].seqs, rows[i].input_tok, rows[i].output_tok), 0.03);
        step_model_free(rig.model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_are_dealt_to_micro_batches),
        cmocka_unit_test(prompts_fill_one_micro_batch_after_the_other),
        cmocka_unit_test(each_micro_batch_reads_the_weights),
        cmocka_unit_test(captured_batches_are_a_ranks),
        cmocka_unit_test(small_prompts_run_captured_pieces),
        cmocka_unit_test(the_stage_with_most_layers_decides),
        cmocka_unit_test(hops_take_the_link_between_stages),
        cmocka_unit_test(a_stage_holds_its_layers),
        cmocka_unit_test(a_round_is_a_step_of_one_micro_batch),
        cmocka_unit_test(all_stages_draw_power),
        cmocka_unit_test(the_formula_is_the_engines_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
