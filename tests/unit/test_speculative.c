/* A step with drafts to verify: its time, FLOP, bytes and energy on a toy model and GPU whose numbers are round; the formula's capacity
 * against the engine's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/clock.h"
#include "sim/simulate.h"
#include "tests/unit/throughput_fixture.h"

static const struct position nowhere = {0};
static const int64_t one = INT64_C(1) << CONTEXT_SHIFT;

/* Body 16e6 parameters, head 1e6, 4,000 B of KV per token. */
static const struct llm toy_llm = {
    .name = "toy",
    .params_basis = "shape",
    .layers = 1,
    .hidden = 1000,
    .heads = 10,
    .kv_heads = 10,
    .head_dim = 100,
    .ffn_dim = 4000,
    .vocab = 1000,
    .tied_embeddings = true,
    .status = "",
};

/* 32 GB/s and 16 TFLOP/s: the body is read in 1 ms or takes 2 us a token, the head 62.5 us or 0.125 us a sample; a token of context and
 * one written take 0.125 us. */
static struct gpu toy_gpu(void) {
    struct gpu gpu = gpu_unknown();
    gpu.name = "toy";
    gpu.mem_gb = 1;
    gpu.mem_bw_gb_per_s = 32;
    gpu.bf16_dense_tflops = 16;
    gpu.nvlink_gb_per_s = 100;
    gpu.tdp_w = 100;
    gpu.idle_w = 10;
    gpu.idle_ctx_add_w = 10;
    return gpu;
}

/* Everything at its peak, no overheads; energy of 50 pJ / 16 FLOP and 20 J / 32 GB, 10 W in a step. */
static struct step_model *toy_model(const int64_t *sizes, size_t count) {
    struct gpu gpu = toy_gpu();
    struct diags *diags = diags_new();
    struct work_model work;
    struct roofline_step step = roofline_step_default(&toy_llm, &gpu, PRECISION_BF16, PRECISION_BF16, 1, 8);
    step.efficiency = (struct kernel_efficiency){1, 1, 1, 1, 1};
    step.overhead = (struct engine_overhead){0, 0, 0, 0};
    step.power = (struct power_shares){0.1, 0.5, 0.2};
    step.capture_sizes = sizes;
    step.capture_count = count;
    assert_true(work_model_make(&step, &work, diags, nowhere));
    struct step_model *model = step_model_new_roofline(&step, &work, diags, nowhere);
    assert_non_null(model);
    diags_free(diags);
    return model;
}

static void assert_seconds(i128 units, double expected) {
    double seconds = (double)units / UNIT_PER_S;
    if (!(fabs(seconds - expected) < 1e-9 * expected)) {
        fail_msg("%.12g s is not %.12g s", seconds, expected);
    }
}

/* Three drafts. Two decodes: 1 ms + 62.5 us + 8 tokens x 0.125 us + 1000.5 of context; 200: the 800 tokens compute in 1.6 ms, 800 samples in
 * 100 us. Beside a prompt of 100 tokens (one sample): 108 tokens. */
static void each_decode_has_its_drafts(void **state) {
    (void)state;
    struct step_model *model = toy_model(NULL, 0);
    step_model_speculate(model, 3, CAPTURED_TOKENS, NULL);
    struct step_work work = {.decode_seqs = 2, .decode_context = 1000 * one + one / 2};
    assert_seconds(step_model_duration(model, &work), 1e-3 + 62.5e-6 + 8 * 0.125e-6 + 1000.5 * 0.125e-6);
    struct step_amounts amounts = step_model_amounts(model, &work, (i128)1 << 80);
    assert_true(amounts.flop == (i128)(8 * 34000000) * one + 4000 * work.decode_context);
    assert_true(amounts.byte == (i128)(34000000 + 8 * 4000) * one + 4000 * work.decode_context);
    work.prefill_seqs = 1;
    work.prefill_tokens = 100;
    work.prefill_attention_x2 = 100 * 100;
    amounts = step_model_amounts(model, &work, (i128)1 << 80);
    assert_true(amounts.flop == ((i128)108 * 32000000 + 9 * 2000000 + 2000 * 10000) * one + 4000 * work.decode_context);
    work = (struct step_work){.decode_seqs = 200, .decode_context = 0};
    assert_seconds(step_model_duration(model, &work), 1.6e-3 + 100e-6 + 800 * 0.125e-6);
    step_model_free(model);
}

/* One draft: two tokens a decode. Sizes of 4 and 8 tokens hold 2 and 4 decodes; five decodes are beyond. A size of 7 tokens holds 4, rounded up.
 * Where sizes are of sequences, five are padded to eight. */
static void captured_sizes_are_of_tokens(void **state) {
    (void)state;
    static const int64_t sizes[] = {4, 8}, odd[] = {4, 7};
    static const int64_t wanted[] = {2, 2, 4, 4, 5}, wanted_odd[] = {2, 2, 4};
    struct step_model *captured = toy_model(sizes, 2), *eager = toy_model(NULL, 0), *other = toy_model(odd, 2);
    step_model_speculate(captured, 1, CAPTURED_TOKENS, NULL);
    step_model_speculate(eager, 1, CAPTURED_TOKENS, NULL);
    step_model_speculate(other, 1, CAPTURED_TOKENS, NULL);
    for (int64_t decodes = 1; decodes <= 5; decodes++) {
        const struct step_work work = {.decode_seqs = decodes}, padded = {.decode_seqs = wanted[decodes - 1]};
        assert_true(step_model_duration(captured, &work) == step_model_duration(eager, &padded));
    }
    for (int64_t decodes = 1; decodes <= 3; decodes++) {
        const struct step_work work = {.decode_seqs = decodes}, padded = {.decode_seqs = wanted_odd[decodes - 1]};
        assert_true(step_model_duration(other, &work) == step_model_duration(eager, &padded));
    }
    step_model_free(captured);
    captured = toy_model(sizes, 2);
    step_model_speculate(captured, 1, CAPTURED_SEQUENCES, NULL);
    const struct step_work five = {.decode_seqs = 5}, eight = {.decode_seqs = 8};
    assert_true(step_model_duration(captured, &five) == step_model_duration(eager, &eight));
    step_model_free(captured);
    step_model_free(eager);
    step_model_free(other);
}

/* A draft model of the target's shape runs three times over the two decodes, each pass with its own reading of weights and contexts; beside a
 * prompt the first pass has that too. */
static void the_draft_model_runs_once_a_draft(void **state) {
    (void)state;
    struct step_model *bare = toy_model(NULL, 0), *model = toy_model(NULL, 0), *pass = toy_model(NULL, 0);
    step_model_speculate(bare, 3, CAPTURED_TOKENS, NULL);
    step_model_speculate(model, 3, CAPTURED_TOKENS, toy_model(NULL, 0));
    struct step_work work = {.decode_seqs = 2, .decode_context = 1000 * one};
    struct step_work own = {.decode_seqs = 2, .decode_context = 1000}; /* of a model that does not speculate */
    i128 added = step_model_duration(model, &work) - step_model_duration(bare, &work);
    assert_seconds(added, 3 * (1e-3 + 62.5e-6 + 2 * 0.125e-6 + 125e-6));
    struct step_amounts with = step_model_amounts(model, &work, (i128)1 << 80);
    struct step_amounts without = step_model_amounts(bare, &work, (i128)1 << 80);
    struct step_amounts each = step_model_amounts(pass, &own, (i128)1 << 80);
    assert_true(with.flop - without.flop == 3 * each.flop * one && with.byte - without.byte == 3 * each.byte * one);
    work.prefill_seqs = own.prefill_seqs = 1;
    work.prefill_tokens = own.prefill_tokens = 10;
    work.prefill_attention_x2 = own.prefill_attention_x2 = 100;
    added = step_model_duration(model, &work) - step_model_duration(bare, &work);
    const struct step_work decodes = {.decode_seqs = 2, .decode_context = 1000};
    assert_seconds(added,
                   (double)(step_model_duration(pass, &own) + 2 * step_model_duration(pass, &decodes)) / UNIT_PER_S);
    assert_true(step_model_slope(model) == 4 * step_model_slope(bare));
    step_model_free(bare);
    step_model_free(model);
    step_model_free(pass);
}

/* What sums over a stretch amount to is what its steps do, drafts and their model included. */
static void sums_are_the_sum_of_steps(void **state) {
    (void)state;
    struct step_model *model = toy_model(NULL, 0);
    step_model_speculate(model, 2, CAPTURED_TOKENS, toy_model(NULL, 0));
    struct step_sums sums = {0};
    struct step_amounts all = {0};
    i128 context = 0, duration = 0;
    struct step_work work = {.decode_seqs = 5, .decode_context = 700 * one + 3};
    const struct step_work first = work;
    for (int i = 0; i < 10; i++, work.decode_context += 5 * 1700) {
        i128 step = step_model_duration(model, &work);
        struct step_amounts amounts = step_model_amounts(model, &work, step);
        all.flop += amounts.flop;
        all.byte += amounts.byte;
        all.energy += amounts.energy;
        context += work.decode_context;
        duration += step;
    }
    step_model_sum(model, &first, 10, context, duration, &sums);
    struct step_amounts summed = step_model_amounts_of_sums(model, &sums);
    assert_true(summed.flop == all.flop && summed.byte == all.byte && summed.energy == all.energy);
    assert_true(all.energy > 0);
    step_model_free(model);
}

/* c0 1 ms, c1 10 us, c2 20 us: two decodes with three drafts each. */
static void a_linear_draft_costs_what_a_prompts_token_does(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    const struct linear_step linear = {.c0_s = 1e-3, .c1_s = 10e-6, .c2_s = 20e-6, .c3_s = 1e-6, .draft_tokens = 3};
    struct step_model *model = step_model_new_linear(&linear, NULL, diags, nowhere);
    step_model_speculate(model, 3, CAPTURED_TOKENS, NULL);
    const struct step_work work = {.decode_seqs = 2, .decode_context = 100 * one + one / 4};
    assert_seconds(step_model_duration(model, &work), 1e-3 + 2 * (20e-6 + 3 * 10e-6) + 100.25e-6);
    step_model_free(model);
    diags_free(diags);
}

/* ---- the formula ---- */

struct capacity_case {
    struct llm llm;
    int64_t batch, draft_tokens;
    double accepted_tok, input_tok, output_tok, within; /* outputs uniform, half to one and a half of it */
    bool is_profile, has_draft;
};

static double capacity_of(const struct throughput_rig *rig, const struct capacity_case *row) {
    static const uint32_t only_pool = 0;
    const struct pool_config pool = {
        .name = "main",
        .replicas = 1,
        .gpus_per_replica = 1,
        .batching = {.policy = BATCHING_CONTINUOUS, .max_num_seqs = row->batch, .max_num_batched_tokens = 8192},
        .speculative = {row->draft_tokens, (int64_t)nearbyint(row->accepted_tok * (double)one)},
        .block_size = 16,
        .num_gpu_blocks = 1 << 20,
        .max_model_len = 1 << 20,
        .step_model = rig->model,
    };
    const struct workload_config workload = {
        .name = "chat",
        .arrivals = {.mean_rate_per_s = 1},
        .input_tokens = {.kind = LENGTH_UNIFORM, .min = row->input_tok / 2, .max = row->input_tok * 3 / 2},
        .output_tokens = {.kind = LENGTH_UNIFORM, .min = row->output_tok / 2, .max = row->output_tok * 3 / 2},
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

static void the_formula_meets_the_engines_capacity(void **state) {
    (void)state;
    const struct capacity_case rows[] = {
        {llama_8b(), 128, 3, 2, 512, 256, 0.01, false, false},
        {llama_8b(), 16, 4, 1.3, 1000, 512, 0.01, false, true},
        {llama_8b(), 64, 3, 0.7, 512, 256, 0.01, true, true},
        {mixtral_8x7b(), 64, 2, 1.5, 512, 256, 0.02, false, true},
        {llama_8b(), 256, 7, 4.4, 512, 128, 0.02, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct capacity_case *row = &rows[i];
        struct throughput_rig rig = {.llm = row->llm,
                                     .gpu = h100(),
                                     .is_profile = row->is_profile,
                                     .draft_tokens = row->draft_tokens,
                                     .accepted_tok = row->accepted_tok,
                                     .has_draft = row->has_draft};
        rig_make(&rig, 1, 1 << 20);
        struct throughput_load load = {
            .batch = (double)row->batch,
            .lengths = throughput_lengths_constant(row->input_tok, row->output_tok),
            .price_ratio = 1,
        };
        load.lengths.context_tok = row->input_tok + row->output_tok / 2 * (13.0 / 12) - 1;
        load.lengths.prompt_square_tok2 = row->input_tok * row->input_tok * (13.0 / 12);
        double expected = capacity_of(&rig, row), found = throughput_of(&rig.machine, &load).tok_per_s;
        if (!(fabs(found - expected) <= row->within * expected)) {
            fail_msg("case %zu: %.6g is not within %g of %.6g", i, found, row->within, expected);
        }
        step_model_free(rig.model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_decode_has_its_drafts),
        cmocka_unit_test(captured_sizes_are_of_tokens),
        cmocka_unit_test(the_draft_model_runs_once_a_draft),
        cmocka_unit_test(sums_are_the_sum_of_steps),
        cmocka_unit_test(a_linear_draft_costs_what_a_prompts_token_does),
        cmocka_unit_test(the_formula_meets_the_engines_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
