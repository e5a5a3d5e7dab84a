/* The throughput kernel's definition: against the engine's steps, energy and capacity, and what binds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "models/step_coefficients.h"
#include "models/throughput_curves.h"
#include "sim/clock.h"
#include "sim/simulate.h"
#include "tests/unit/throughput_fixture.h"

enum { PLENTY_OF_BLOCKS = 1 << 20 };

static struct throughput_rig rig_of(struct llm llm, int64_t tensor_parallel, int64_t num_gpu_blocks) {
    return (struct throughput_rig){.llm = llm,
                                   .gpu = h100(),
                                   .parts = {.num_gpu_blocks = num_gpu_blocks},
                                   .step = {.tensor_parallel = tensor_parallel}};
}

static void make(struct throughput_rig *rig) {
    rig_make(rig, rig->step.tensor_parallel, rig->parts.num_gpu_blocks);
}

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected))) {
        fail_msg("%.9g is not within %g of %.9g", value, relative, expected);
    }
}

static struct throughput_load load_of(double batch, double input_tok, double output_tok) {
    return (struct throughput_load){
        .batch = batch, .lengths = throughput_lengths_constant(input_tok, output_tok), .price_ratio = 1};
}

/* ---- steps and energy ---- */

static double step_s(const struct throughput_rig *rig, const struct step_work *work) {
    return units_to_s(step_model_duration(rig->model, work));
}

static void a_prompt_alone_takes_the_engines_step(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 2, PLENTY_OF_BLOCKS);
    make(&rig);
    const struct step_work work = {.prefill_seqs = 1, .prefill_tokens = 700, .prefill_attention_x2 = (i128)700 * 700};
    const struct throughput_load load = load_of(1, 700, 100);
    assert_near(throughput_of(&rig.machine, &load).prefill_s, step_s(&rig, &work), 1e-9);
    step_model_free(rig.model);
}

/* 128 slots and 128 tokens: one request begins in a step, 127 decode, at a mean context of 512 + 64 - 1. */
static void a_pure_step_is_the_engines(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    const struct step_work work = {.decode_seqs = 127, .decode_context = 127 * 575};
    const struct throughput_load load = load_of(128, 512, 128);
    assert_near(throughput_of(&rig.machine, &load).decode_s, step_s(&rig, &work), 1e-9);
    step_model_free(rig.model);
}

/* As in a_pure_step_is_the_engines: 127 decodes, one at each context from 512 to 638. */
static void windowed_layers_read_the_mean_of_their_window(void **state) {
    (void)state;
    const int64_t windows[] = {1, 512, 513, 560, 637, 638, 5000};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        struct throughput_rig rig = rig_of(windowed_8b(windows[i]), 1, PLENTY_OF_BLOCKS);
        make(&rig);
        struct step_work work = {.decode_seqs = 127, .decode_context = 127 * 575};
        for (int64_t context = 512; context < 512 + 127; context++) {
            work.decode_window_context += windowed_context(windows[i], context);
        }
        const struct throughput_load load = load_of(128, 512, 128);
        assert_near(throughput_of(&rig.machine, &load).decode_s, step_s(&rig, &work), 1e-6);
        step_model_free(rig.model);
    }
}

static void a_prompt_alone_looks_back_its_window(void **state) {
    (void)state;
    const int64_t windows[] = {1, 300, 700, 5000};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        struct throughput_rig rig = rig_of(windowed_8b(windows[i]), 1, PLENTY_OF_BLOCKS);
        make(&rig);
        const struct step_work work = {.prefill_seqs = 1,
                                       .prefill_tokens = 700,
                                       .prefill_attention_x2 = (i128)700 * 700,
                                       .prefill_window_attention_x2 = window_attention_x2_of_chunk(windows[i], 0, 700)};
        const struct throughput_load load = load_of(1, 700, 100);
        assert_near(throughput_of(&rig.machine, &load).prefill_s, step_s(&rig, &work), 1e-9);
        step_model_free(rig.model);
    }
}

static void a_host_may_take_the_longer(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    rig.host_step_s = 100e-3;
    rig.host_seq_s = 1e-3;
    make(&rig);
    const struct throughput_load load = load_of(128, 512, 128);
    const struct throughput_state made = throughput_of(&rig.machine, &load);
    assert_near(made.decode_s, 227e-3, 1e-9);
    assert_near(made.prefill_s, 101e-3, 1e-9);
    assert_int_equal(made.binding, BINDING_ENGINE);
    step_model_free(rig.model);
    rig.host_step_s = rig.host_seq_s = 1e-9;
    make(&rig);
    const struct throughput_state fast = throughput_of(&rig.machine, &load);
    rig.host_step_s = rig.host_seq_s = 0;
    step_model_free(rig.model);
    make(&rig);
    const struct throughput_state plain = throughput_of(&rig.machine, &load);
    assert_true(fast.tpot_s == plain.tpot_s && fast.usd_per_mtok == plain.usd_per_mtok);
    assert_true(fast.prefill_s == plain.prefill_s && fast.binding == plain.binding);
    step_model_free(rig.model);
}

/* Four ranks: 127 decodes at 575 tokens, spread evenly; a prompt is on one, and so is one decode of two in a batch of two tokens' answers. */
static void ranks_share_contexts_evenly(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(windowed_8b(300), 4, PLENTY_OF_BLOCKS);
    rig.attention_dp = 4;
    make(&rig);
    const struct throughput_load load = load_of(128, 512, 128);
    const struct throughput_state made = throughput_of(&rig.machine, &load);
    struct rank_work ranks[4] = {{0}, {0}, {0}, {0}};
    const struct step_work prompt = {.prefill_seqs = 1,
                                     .prefill_tokens = 512,
                                     .prefill_attention_x2 = (i128)512 * 512,
                                     .prefill_window_attention_x2 = window_attention_x2_of_chunk(300, 0, 512),
                                     .ranks = ranks};
    ranks[2].prefill_attention_x2 = prompt.prefill_attention_x2;
    ranks[2].prefill_window_attention_x2 = prompt.prefill_window_attention_x2;
    assert_near(made.prefill_s, step_s(&rig, &prompt), 1e-9);
    for (size_t i = 0; i < 4; i++) {
        ranks[i] = (struct rank_work){.decode_context = 127 * 575 / 4, .decode_window_context = 127 * 300 / 4};
    }
    const struct step_work decodes = {
        .decode_seqs = 127, .decode_context = 127 * 575, .decode_window_context = 127 * 300, .ranks = ranks};
    assert_near(made.decode_s, step_s(&rig, &decodes), 1e-6);
    const struct throughput_load two = load_of(4, 575, 2);
    ranks[0] = (struct rank_work){.decode_context = 575, .decode_window_context = 300};
    const struct step_work few = {
        .decode_seqs = 2, .decode_context = 2 * 575, .decode_window_context = 2 * 300, .ranks = ranks};
    ranks[1] = ranks[0];
    ranks[2] = ranks[3] = (struct rank_work){0};
    assert_near(throughput_of(&rig.machine, &two).decode_s, step_s(&rig, &few), 1e-6);
    step_model_free(rig.model);
}

static void experts_are_touched_as_in_the_engine(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(mixtral_8x7b(), 2, PLENTY_OF_BLOCKS);
    make(&rig);
    for (int64_t tokens = 2; tokens <= 64; tokens += tokens) {
        const struct step_work work = {.decode_seqs = tokens - 1, .decode_context = (tokens - 1) * 1000};
        struct throughput_load load = load_of((double)tokens, 1000, (double)tokens);
        load.lengths.context_tok = 1000;
        assert_near(throughput_of(&rig.machine, &load).decode_s, step_s(&rig, &work), 1e-6);
    }
    step_model_free(rig.model);
}

/* Long outputs: nearly every step is pure. */
static void power_is_the_engines_energy_over_its_time(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    const struct step_work work = {.decode_seqs = 32, .decode_context = (int64_t)32 * 100000};
    i128 duration = step_model_duration(rig.model, &work);
    double energy_j = i128_to_double(step_model_amounts(rig.model, &work, duration).energy) / ENERGY_PER_J;
    struct throughput_load load = load_of(32, 1, 199999);
    double expected_w = (250 + energy_j / units_to_s(duration)) / 0.94;
    assert_near(throughput_of(&rig.machine, &load).power_w, expected_w, 1e-3);
    step_model_free(rig.model);
}

/* The same of experts, whose tiles are filled up: by the roofline's uniform routing, and by a profile's table. */
static void power_of_experts_is_the_engines(void **state) {
    (void)state;
    for (int is_profile = 0; is_profile <= 1; is_profile++) {
        for (int64_t n = 1; n <= 256; n *= 16) {
            struct throughput_rig rig = rig_of(mixtral_8x7b(), 2, PLENTY_OF_BLOCKS);
            rig.is_profile = is_profile != 0;
            make(&rig);
            const struct step_work work = {.decode_seqs = n, .decode_context = n * 10000};
            i128 duration = step_model_duration(rig.model, &work);
            double energy_j = i128_to_double(step_model_amounts(rig.model, &work, duration).energy) / ENERGY_PER_J;
            struct throughput_load load = load_of((double)n, 1, 19999);
            double expected_w = (500 + energy_j / units_to_s(duration)) / 0.94;
            assert_near(throughput_of(&rig.machine, &load).power_w, expected_w, 2e-3);
            step_model_free(rig.model);
        }
    }
}

/* A step that prefills 8,000 tokens and one that decodes: mixed steps have their own experts' energy. */
static void mixed_steps_have_their_own_experts(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(mixtral_8x7b(), 2, PLENTY_OF_BLOCKS);
    rig.is_profile = true;
    make(&rig);
    const struct throughput_load load = load_of(1, 8000, 2);
    const struct throughput_machine own = throughput_machine_at(&rig.machine, &load);
    const double pure_j = own.step_j - rig.machine.step_j;
    const double all_j = 8 * rig.machine.expert_j;
    assert_true(pure_j > 0 && pure_j < all_j + 8 * 32 * rig.machine.expert_row_j);
    assert_near(pure_j + own.prefill_step_j, all_j, 1e-6); /* every expert is read, every tile full */
    step_model_free(rig.model);
}

static void power_stops_at_tdp(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    const struct throughput_load load = load_of(64, 4096, 1);
    double boards_w = rig.gpu.tdp_w - gpu_idle_context_w(&rig.gpu, NULL);
    double power_w = throughput_of(&rig.machine, &load).power_w;
    assert_true(power_w <= (250 + boards_w) / 0.94);
    assert_near(power_w, (250 + boards_w) / 0.94, 5e-3);
    step_model_free(rig.model);
}

static void prices_follow_from_rate_and_power(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    struct throughput_load load = load_of(64, 512, 256);
    load.price_ratio = 3;
    const struct throughput_state made = throughput_of(&rig.machine, &load);
    double usd_per_hour = 3 * 2.5 + made.power_w / 1000 * 0.1;
    assert_near(made.usd_per_mtok, usd_per_hour / 3600 / made.tok_per_s * 1e6, 1e-12);
    assert_near(made.j_per_tok, made.power_w * 1.2 / made.tok_per_s, 1e-12);
    step_model_free(rig.model);
}

/* ---- curves ---- */

static struct throughput_rig profile_rig(struct llm llm, int64_t tensor_parallel, int64_t num_gpu_blocks) {
    struct throughput_rig rig = rig_of(llm, tensor_parallel, num_gpu_blocks);
    rig.is_profile = true;
    return rig;
}

/* Whole numbers: what the engine reads, on nodes, between them and beyond the last. */
static void curves_are_the_engines(void **state) {
    (void)state;
    static const int64_t numbers[] = {1,   2,    63,   64,   65,      66,      127,     128,
                                      130, 1000, 4095, 4096, 1234567, 4194303, 4194304, 9999999};
    struct throughput_rig rig = profile_rig(mixtral_8x7b(), 2, PLENTY_OF_BLOCKS);
    make(&rig);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const double seconds = step_parts_at(rig.machine.curves->tokens, (double)numbers[i]).total_s;
        assert_near(seconds, i128_to_double(time_curve_at(&rig.model->tokens, numbers[i])) / UNIT_PER_S, 1e-12);
    }
    const double three = step_parts_at(rig.machine.curves->decodes, 3).total_s;
    const double four = step_parts_at(rig.machine.curves->decodes, 4).total_s;
    assert_near(step_parts_at(rig.machine.curves->decodes, 3.25).total_s, 0.75 * three + 0.25 * four, 1e-12);
    assert_true(step_parts_at(rig.machine.curves->decodes, 0.3).total_s == rig.machine.curves->decodes[1].total_s);
    step_model_free(rig.model);
}

/* 128 slots and 128 tokens: 127 decodes, on a node of the curve or between two of them. */
static void curves_take_the_engines_steps(void **state) {
    (void)state;
    struct throughput_rig rigs[] = {profile_rig(llama_8b(), 2, PLENTY_OF_BLOCKS),
                                    profile_rig(mixtral_8x7b(), 2, PLENTY_OF_BLOCKS),
                                    profile_rig(windowed_8b(300), 1, PLENTY_OF_BLOCKS)};
    for (size_t i = 0; i < sizeof rigs / sizeof rigs[0]; i++) {
        make(&rigs[i]);
        const int64_t window = step_model_window(rigs[i].model);
        for (int64_t slots = 2; slots <= 1024; slots = slots * 3 + 1) {
            struct step_work work = {.decode_seqs = slots - 1, .decode_context = (slots - 1) * 2000};
            work.decode_window_context = window > 0 ? (slots - 1) * windowed_context(window, 2000) : 0;
            struct throughput_load load = load_of((double)slots, 1000, (double)slots);
            load.lengths.context_tok = 2000;
            assert_near(throughput_of(&rigs[i].machine, &load).decode_s, step_s(&rigs[i], &work), 1e-6);
        }
        step_model_free(rigs[i].model);
    }
}

/* A short prompt takes as long as its launches. */
static void a_prompt_alone_takes_its_curves_step(void **state) {
    (void)state;
    struct throughput_rig rig = profile_rig(windowed_8b(300), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    for (int64_t tokens = 10; tokens <= 8192; tokens = tokens * 2 + 3) {
        const struct step_work work = {
            .prefill_seqs = 1,
            .prefill_tokens = tokens,
            .prefill_attention_x2 = (i128)tokens * tokens,
            .prefill_window_attention_x2 = window_attention_x2_of_chunk(300, 0, tokens),
        };
        const struct throughput_load load = load_of(1, (double)tokens, 100);
        assert_near(throughput_of(&rig.machine, &load).prefill_s, step_s(&rig, &work), 1e-6);
    }
    step_model_free(rig.model);
}

/* 64 outputs of 1 on 64 slots: 64 prompts of 100 begin in a step of nothing else, q of w of them in a mixed step. */
static void mixed_steps_are_on_the_curves(void **state) {
    (void)state;
    struct throughput_rig rig = profile_rig(llama_8b(), 1, PLENTY_OF_BLOCKS);
    make(&rig);
    const struct step_work work = {
        .prefill_seqs = 64, .prefill_tokens = 6400, .prefill_attention_x2 = (i128)64 * 100 * 100};
    const struct throughput_load load = load_of(64, 100, 1);
    const double per_s = 64 * 101 / step_s(&rig, &work);
    assert_near(throughput_of(&rig.machine, &load).tok_per_s, per_s, 0.01);
    step_model_free(rig.model);
}

/* ---- against the engine's capacity run ---- */

struct capacity_case {
    struct llm llm;
    int64_t tensor_parallel, num_gpu_blocks, batch;
    double input_tok, output_tok; /* uniform, half to one and a half of it */
    double within;
    double host_step_s;
    bool is_profile;
};

static double capacity_of(const struct throughput_rig *rig, const struct capacity_case *row) {
    static const uint32_t only_pool = 0;
    const struct pool_config pool = {
        .name = "main",
        .replicas = 1,
        .gpus_per_replica = row->tensor_parallel,
        .batching = {.policy = BATCHING_CONTINUOUS, .max_num_seqs = row->batch, .max_num_batched_tokens = 8192},
        .block_size = 16,
        .num_gpu_blocks = row->num_gpu_blocks,
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

/* Uniform over half to one and a half: mean square 13/12 of the mean's. */
static struct throughput_load spread_load(const struct capacity_case *row) {
    struct throughput_load load = load_of((double)row->batch, row->input_tok, row->output_tok);
    load.lengths.context_tok = row->input_tok + row->output_tok / 2 * (13.0 / 12) - 1;
    load.lengths.prompt_square_tok2 = row->input_tok * row->input_tok * (13.0 / 12);
    return load;
}

static void the_rate_is_the_engines_capacity(void **state) {
    (void)state;
    const struct capacity_case rows[] = {
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 256, 512, 128, 0.01, 0, false},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 64, 512, 512, 0.01, 0, false},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 8, 2048, 256, 0.01, 0, false},
        {llama_8b(), 4, PLENTY_OF_BLOCKS, 128, 1024, 256, 0.01, 0, false},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 32, 20000, 64, 0.01, 0, false},
        {mixtral_8x7b(), 2, PLENTY_OF_BLOCKS, 64, 512, 256, 0.01, 0, false},
        {windowed_8b(1024), 1, PLENTY_OF_BLOCKS, 128, 1000, 512, 0.01, 0, false},
        {windowed_8b(1024), 1, PLENTY_OF_BLOCKS, 32, 20000, 64, 0.01, 0, false},
        {windowed_8b(128), 1, PLENTY_OF_BLOCKS, 256, 512, 256, 0.01, 0, false},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 256, 512, 256, 0.01, 20e-3, false},
        {llama_8b(), 1, 4000, 256, 512, 256, 0.10, 0, false}, /* what is preempted is computed again */
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 256, 512, 128, 0.01, 0, true},
        {llama_8b(), 4, PLENTY_OF_BLOCKS, 128, 1024, 256, 0.01, 0, true},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 8, 2048, 256, 0.02, 0, true},
        {llama_8b(), 1, PLENTY_OF_BLOCKS, 32, 20000, 64, 0.01, 0, true},
        {mixtral_8x7b(), 2, PLENTY_OF_BLOCKS, 64, 512, 256, 0.01, 0, true},
        {windowed_8b(1024), 1, PLENTY_OF_BLOCKS, 128, 1000, 512, 0.01, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct throughput_rig rig = rig_of(rows[i].llm, rows[i].tensor_parallel, rows[i].num_gpu_blocks);
        rig.host_step_s = rows[i].host_step_s;
        rig.is_profile = rows[i].is_profile;
        make(&rig);
        const struct throughput_load load = spread_load(&rows[i]);
        double expected = capacity_of(&rig, &rows[i]);
        assert_near(throughput_of(&rig.machine, &load).tok_per_s, expected, rows[i].within);
        step_model_free(rig.model);
    }
}

/* ---- what binds ---- */

static void assert_binding(struct throughput_rig *rig, struct throughput_load load, enum throughput_binding expected) {
    make(rig);
    assert_string_equal(throughput_binding_name(throughput_of(&rig->machine, &load).binding),
                        throughput_binding_name(expected));
    step_model_free(rig->model);
}

static void each_resource_can_bind(void **state) {
    (void)state;
    struct throughput_rig one = rig_of(llama_8b(), 1, PLENTY_OF_BLOCKS);
    struct throughput_rig starved = rig_of(llama_8b(), 1, 2000);
    struct throughput_rig slow_links = rig_of(llama_8b(), 8, PLENTY_OF_BLOCKS);
    slow_links.gpu.nvlink_gb_per_s = (double)NAN;
    slow_links.gpu.pcie_gen = 3;
    assert_binding(&one, load_of(16, 4096, 16), BINDING_COMPUTE);
    assert_binding(&one, load_of(4, 100, 400), BINDING_MEMORY);
    assert_binding(&one, load_of(512, 16, 512), BINDING_ENGINE);
    assert_binding(&starved, load_of(256, 1000, 1000), BINDING_KV_CAPACITY);
    assert_binding(&slow_links, load_of(64, 2000, 100), BINDING_COMMUNICATION);
}

static void each_resource_can_bind_curves(void **state) {
    (void)state;
    struct throughput_rig one = profile_rig(llama_8b(), 1, PLENTY_OF_BLOCKS);
    struct throughput_rig many = profile_rig(llama_8b(), 8, PLENTY_OF_BLOCKS);
    struct throughput_rig starved = profile_rig(llama_8b(), 1, 2000);
    struct throughput_rig slow_links = profile_rig(llama_8b(), 8, PLENTY_OF_BLOCKS);
    slow_links.gpu.nvlink_gb_per_s = (double)NAN;
    slow_links.gpu.pcie_gen = 3;
    assert_binding(&one, load_of(16, 4096, 16), BINDING_COMPUTE);
    assert_binding(&one, load_of(4, 100, 400), BINDING_MEMORY);
    assert_binding(&many, load_of(256, 16, 512), BINDING_ENGINE);
    assert_binding(&starved, load_of(256, 1000, 1000), BINDING_KV_CAPACITY);
    assert_binding(&slow_links, load_of(64, 2000, 100), BINDING_COMMUNICATION);
}

/* 1,000 blocks of 16; a slot holds 1,000 + 500 - 1 tokens on average, and half a block more. */
static void short_kv_cuts_the_slots(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, 1000);
    make(&rig);
    const struct throughput_load load = load_of(256, 1000, 1000);
    assert_near(throughput_of(&rig.machine, &load).batch, 16000 / (1499.0 + 8), 1e-12);
    step_model_free(rig.model);
}

static void a_request_that_does_not_fit_earns_nothing(void **state) {
    (void)state;
    struct throughput_rig rig = rig_of(llama_8b(), 1, 100);
    make(&rig);
    const struct throughput_load load = load_of(4, 1000, 1000);
    const struct throughput_state made = throughput_of(&rig.machine, &load);
    assert_true(made.tok_per_s == 0 && isinf(made.usd_per_mtok));
    step_model_free(rig.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_alone_takes_the_engines_step),
        cmocka_unit_test(a_pure_step_is_the_engines),
        cmocka_unit_test(windowed_layers_read_the_mean_of_their_window),
        cmocka_unit_test(a_prompt_alone_looks_back_its_window),
        cmocka_unit_test(a_host_may_take_the_longer),
        cmocka_unit_test(ranks_share_contexts_evenly),
        cmocka_unit_test(experts_are_touched_as_in_the_engine),
        cmocka_unit_test(power_is_the_engines_energy_over_its_time),
        cmocka_unit_test(power_of_experts_is_the_engines),
        cmocka_unit_test(mixed_steps_have_their_own_experts),
        cmocka_unit_test(power_stops_at_tdp),
        cmocka_unit_test(prices_follow_from_rate_and_power),
        cmocka_unit_test(curves_are_the_engines),
        cmocka_unit_test(curves_take_the_engines_steps),
        cmocka_unit_test(a_prompt_alone_takes_its_curves_step),
        cmocka_unit_test(mixed_steps_are_on_the_curves),
        cmocka_unit_test(the_rate_is_the_engines_capacity),
        cmocka_unit_test(each_resource_can_bind),
        cmocka_unit_test(each_resource_can_bind_curves),
        cmocka_unit_test(short_kv_cuts_the_slots),
        cmocka_unit_test(a_request_that_does_not_fit_earns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
