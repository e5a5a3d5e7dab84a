/* Step times, FLOP, bytes and energy on a toy model and GPU whose numbers are round; linear steps; the rules of the form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "models/roofline.h"
#include "models/step_coefficients.h"
#include "models/work.h"

static const struct position nowhere = {0};

/* Body 4 x 1000^2 + 3 x 1000 x 4000 = 16e6 parameters, head 1e6, 4,000 B of KV per token. */
static struct llm toy_llm(void) {
    struct llm llm = llm_unknown();
    llm.name = "toy";
    llm.layers = 1;
    llm.hidden = 1000;
    llm.heads = 10;
    llm.kv_heads = 10;
    llm.head_dim = 100;
    llm.ffn_dim = 4000;
    llm.vocab = 1000;
    llm.tied_embeddings = true;
    return llm;
}

/* 32 GB/s and 16 TFLOP/s: the body is read in 1 ms, a token takes 2 us; idle with context 20 W of 100 W. */
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

/* Everything at its peak, no overheads. */
static struct roofline_step toy_step(const struct llm *llm, const struct gpu *gpu) {
    struct roofline_step step = roofline_step_default(llm, gpu, PRECISION_BF16, PRECISION_BF16, 1, 8);
    step.efficiency = (struct kernel_efficiency){1, 1, 1, 1, 1};
    step.overhead = (struct engine_overhead){0, 0, 0, 0};
    step.power = (struct power_shares){0.1, 0.5, 0.2};
    return step;
}

static struct step_model *roofline_model(const struct roofline_step *step) {
    struct diags *diags = diags_new();
    struct work_model work;
    assert_true(work_model_make(step, &work, diags, nowhere));
    struct step_model *model = step_model_new_roofline(step, &work, diags, nowhere);
    assert_non_null(model);
    diags_free(diags);
    return model;
}

static struct step_model *linear_model(double c0, double c1, double c2, double c3, double c4, double quantum) {
    struct diags *diags = diags_new();
    const struct linear_step linear = {
        .c0_s = c0, .c1_s = c1, .c2_s = c2, .c3_s = c3, .c4_s = c4, .quantum_s = quantum};
    struct step_model *model = step_model_new_linear(&linear, NULL, diags, nowhere);
    assert_non_null(model);
    diags_free(diags);
    return model;
}

static void assert_seconds(i128 units, double wanted_s) {
    double got_s = i128_to_double(units) / UNIT_PER_S;
    if (!(fabs(got_s - wanted_s) <= 1e-9 * wanted_s)) {
        fail_msg("%.12g s, not %.12g s", got_s, wanted_s);
    }
}

/* Body 1 ms + head 2e6 B / 32e9 = 62.5 us + 1,000 x 4,000 B / 32e9 = 125 us + writes 10 x 0.125 us. */
static void a_decode_step_reads_weights_and_context(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1000};
    assert_seconds(step_model_duration(model, &work), 1.18875e-3);
    step_model_free(model);
}

/* Body 1,000 x 2 us + head 62.5 us + attention 5e5 x 4,000 FLOP / 16e12 = 125 us + writes 1,000 x 0.125 us. */
static void a_prefill_step_computes(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.prefill_seqs = 1, .prefill_tokens = 1000, .prefill_attention_x2 = 1000000};
    assert_seconds(step_model_duration(model, &work), 2.3125e-3);
    step_model_free(model);
}

/* Two decodes: 1 ms + 62.5 us + 2 x 0.125 us, and 3 + 2 x 1 + 2 x 0.5 ms of engine; a prefill step 4 ms more. */
static void the_engine_adds_its_own_time(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    llm.layers = 1;
    step.overhead = (struct engine_overhead){3e-3, 2e-3, 0.5e-3, 4e-3};
    struct step_model *model = roofline_model(&step);
    struct step_work work = {.decode_seqs = 2};
    assert_seconds(step_model_duration(model, &work), 1.06275e-3 + 3e-3 + 2e-3 + 1e-3);
    work = (struct step_work){.prefill_seqs = 1, .prefill_tokens = 1, .decode_seqs = 1};
    assert_seconds(step_model_duration(model, &work), 1.06275e-3 + 3e-3 + 2e-3 + 1e-3 + 4e-3);
    step_model_free(model);
}

/* Over two ranks matrices and KV halve; two all-reduces of 10 x 2,000 B at 1 us + 1e-10 s/B. */
static void ranks_share_the_work_and_talk(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    step.tensor_parallel = 2;
    step.all_reduce = (struct collective_line){1e-6, 1e-10};
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1000};
    assert_seconds(step_model_duration(model, &work), 1.18875e-3 / 2 + 2 * (1e-6 + 2e-6));
    step_model_free(model);
}

/* 8 experts, 2 a token: 2 touched by one token, 8 (1 - 0.75^2) = 3.5 by two, in the end all. */
static void experts_touched_grow_with_tokens(void **state) {
    (void)state;
    struct touched_table table = touched_table_make(8, 2);
    assert_true(table.values[0] == 0);
    assert_true(table.values[1] == 2 << TOUCHED_SHIFT);
    assert_true(table.values[2] == (7 << TOUCHED_SHIFT) / 2);
    assert_true(table.values[table.count - 1] == 8 << TOUCHED_SHIFT);
    for (int64_t i = 1; i < table.count; i++) {
        assert_true(table.values[i] >= table.values[i - 1]);
    }
    struct step_model holder = {.touched = table};
    struct step_model *model = step_model_make(NULL);
    *model = holder;
    step_model_free(model);
}

/* Experts of 3e6 parameters: one token reads two of eight, 12e6 B / 32e9 = 375 us; dense body 4e6 + router 8e3 read in 250.5 us. */
static void a_mixture_reads_touched_experts_only(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    llm.ffn_dim = 0;
    llm.moe_ffn_dim = 1000;
    llm.experts = 8;
    llm.experts_per_tok = 2;
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    struct step_work work = {.decode_seqs = 1};
    assert_seconds(step_model_duration(model, &work), 250.5e-6 + 375e-6 + 62.5e-6 + 0.125e-6);
    struct step_amounts amounts = step_model_amounts(model, &work, 1);
    assert_true(amounts.byte == 2 * 4008000 + 12000000 + 2000000 + 4000);
    work.decode_seqs = 2;
    assert_seconds(step_model_duration(model, &work), 250.5e-6 + 656.25e-6 + 62.5e-6 + 0.25e-6);
    step_model_free(model);
}

/* Of three experts one is always picked and two are every other time: 2 touched by one token, 1 + 2 x 0.75 by two. */
static void popular_experts_are_touched_first(void **state) {
    (void)state;
    static const double picks[] = {1, 0.5, 0.5};
    struct touched_table table = touched_table_of_picks(picks, 3);
    assert_true(table.values[0] == 0 && table.values[1] == 2 << TOUCHED_SHIFT);
    assert_true(table.values[2] == (5 << TOUCHED_SHIFT) / 2);
    assert_true(table.values[table.count - 1] == 3 << TOUCHED_SHIFT);
    struct step_model *model = step_model_make(NULL);
    assert_true(step_model_touched(model, 1) <= 0);
    model->touched = table;
    assert_true(fabs(step_model_touched(model, 1.5) - 2.25) < 1e-6 && fabs(step_model_touched(model, 1e9) - 3) < 1e-6);
    step_model_free(model);
}

/* A row of an expert is 6e6 FLOP. One token touches two experts: 2 x 32 rows are computed for 2, so 62 x 6e6 FLOP x 0.5 x 100 W / 16e12 more
 * than the energy of FLOP and bytes; 128 and more tokens fill the tiles of all eight. FLOP themselves are the model's. */
static void tiles_of_experts_are_filled_up_in_energy_only(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    llm.ffn_dim = 0;
    llm.moe_ffn_dim = 1000;
    llm.experts = 8;
    llm.experts_per_tok = 2;
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    for (int64_t n = 1; n <= 4096; n *= 2) {
        const struct step_work work = {.decode_seqs = n};
        const i128 duration = step_model_duration(model, &work);
        const struct step_amounts amounts = step_model_amounts(model, &work, duration);
        const double rows = fmax(0, floor(32 * 8 * (1 - pow(0.75, (double)n)) + 1e-4) - 2 * (double)n); /* whole ones */
        const double seconds = i128_to_double(duration) / UNIT_PER_S;
        const double wanted_j = 10 * seconds + (i128_to_double(amounts.flop) + rows * 6e6) * 50 / 16e12 +
                                i128_to_double(amounts.byte) * 20 / 32e9;
        assert_true(amounts.flop == n * (2 * 4008000 + 2 * 6000000 + 2000000));
        assert_true(fabs(i128_to_double(amounts.energy) / ENERGY_PER_J / fmin(wanted_j, 80 * seconds) - 1) < 1e-5);
        struct step_sums sums = {0};
        step_model_sum(model, &work, 3, 0, 3 * duration, &sums);
        const double of_sums = i128_to_double(step_model_amounts_of_sums(model, &sums).energy) / ENERGY_PER_J;
        assert_true(fabs(of_sums / (3 * wanted_j) - 1) < 1e-5);
    }
    step_model_free(model);
}

/* 10 x (32e6 + 2e6) + 1,000 x 4,000 FLOP; 34e6 + 10 x 4,000 + 1,000 x 4,000 B. */
static void flop_and_bytes_are_counted(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1000};
    struct step_amounts amounts = step_model_amounts(model, &work, step_model_duration(model, &work));
    assert_true(amounts.flop == 344000000);
    assert_true(amounts.byte == 38040000);
    step_model_free(model);
}

/* 10 W x 1.18875 ms + 344e6 x 0.5 x 100 W / 16e12 + 38.04e6 x 0.2 x 100 W / 32e9 = 36.7375 mJ. */
static void energy_is_by_time_and_use(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1000};
    struct step_amounts amounts = step_model_amounts(model, &work, step_model_duration(model, &work));
    assert_true(fabs(i128_to_double(amounts.energy) / ENERGY_PER_J - 36.7375e-3) < 1e-9);
    step_model_free(model);
}

/* The same work in 0.1 ms would need 258 W: boards stay at 100 W, 80 W above idle. */
static void energy_stops_at_tdp(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1000};
    i128 duration = (i128)104857600000000; /* 0.1 ms */
    struct step_amounts amounts = step_model_amounts(model, &work, duration);
    assert_true(amounts.energy == 80000 * duration);
    step_model_free(model);
}

static void durations_are_affine_in_context(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    for (int64_t context = 0; context < 100000000; context = 3 * context + 7) {
        const struct step_work work = {.prefill_seqs = 1,
                                       .prefill_tokens = 77,
                                       .prefill_attention_x2 = 77 * 77,
                                       .decode_seqs = 5,
                                       .decode_context = context};
        struct step_line line = step_model_line(model, &work);
        assert_true(step_model_duration(model, &work) == line.fixed + (i128)line.slope * context);
    }
    step_model_free(model);
}

/* 1 ms + 3 x 10 us + 2 x 20 us + 500 x 0.1 us + 3 (10 + 3/2) x 1 us. */
static void a_linear_step_is_its_five_terms(void **state) {
    (void)state;
    struct step_model *model = linear_model(1e-3, 10e-6, 20e-6, 0.1e-6, 1e-6, 0);
    const struct step_work work = {.prefill_seqs = 1,
                                   .prefill_tokens = 3,
                                   .prefill_attention_x2 = 3 * (2 * 10 + 3),
                                   .decode_seqs = 2,
                                   .decode_context = 500};
    assert_seconds(step_model_duration(model, &work), 1e-3 + 30e-6 + 40e-6 + 50e-6 + 34.5e-6);
    step_model_free(model);
}

/* 2 + 3 tokens in eights: 1 ms + 2 x 10 us + 3 x 20 us + 3 x 48 us of padding; with 5 + 3 none, with 3 decodes alone 5 x 48 us. */
static void a_linear_step_pads_its_tokens(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    const struct linear_step linear = {
        .c0_s = 1e-3, .c1_s = 10e-6, .c2_s = 20e-6, .pad_multiple = 8, .pad_token_s = 48e-6};
    const struct work_model counts = {
        .flop_per_token = 100, .flop_per_seq = 7, .byte_per_step = 50, .byte_per_token = 3};
    struct step_model *model = step_model_new_linear(&linear, &counts, diags, nowhere);
    struct step_work work = {.prefill_seqs = 1, .prefill_tokens = 2, .decode_seqs = 3};
    i128 duration = step_model_duration(model, &work);
    assert_seconds(duration, 1e-3 + 20e-6 + 60e-6 + 144e-6);
    assert_seconds(step_model_decode_duration(model, &work, duration), 1e-3 + 20e-6 + 60e-6 + 144e-6);
    struct step_amounts amounts = step_model_amounts(model, &work, duration);
    assert_true(amounts.flop == 8 * 100 + 4 * 7 && amounts.byte == 50 + 8 * 3);
    work.prefill_tokens = 5;
    assert_seconds(step_model_duration(model, &work), 1e-3 + 50e-6 + 60e-6);
    work = (struct step_work){.decode_seqs = 3};
    assert_seconds(step_model_duration(model, &work), 1e-3 + 60e-6 + 240e-6);
    step_model_free(model);
    diags_free(diags);
}

/* As the_engine_adds_its_own_time, 0.5 ms a sequence and 0.125 us a token: captured at 2, 4 and 8. Three decodes compute as four, nine as nine,
 * three beside a prompt as three. */
static void a_captured_batch_is_the_next_size(void **state) {
    (void)state;
    static const int64_t sizes[] = {2, 4, 8};
    static const int64_t wanted[] = {2, 2, 4, 4, 8, 8, 8, 8, 9};
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    step.overhead.per_seq_s = 0.5e-3;
    struct step_model *eager = roofline_model(&step);
    step.capture_sizes = sizes;
    step.capture_count = 3;
    struct step_model *model = roofline_model(&step);
    for (int64_t seqs = 1; seqs <= 9; seqs++) {
        const struct step_work work = {.decode_seqs = seqs, .decode_context = 1000};
        const struct step_work padded = {.decode_seqs = wanted[seqs - 1], .decode_context = 1000};
        i128 duration = step_model_duration(model, &work);
        assert_seconds(duration, 1.1875e-3 + (double)wanted[seqs - 1] * (0.125e-6 + 0.5e-3));
        struct step_amounts amounts = step_model_amounts(model, &work, duration);
        struct step_amounts same = step_model_amounts(eager, &padded, duration);
        assert_memory_equal(&amounts, &same, sizeof same);
    }
    const struct step_work mixed = {.prefill_seqs = 1, .prefill_tokens = 1, .decode_seqs = 3, .decode_context = 1000};
    assert_true(step_model_duration(model, &mixed) == step_model_duration(eager, &mixed));
    step_model_free(model);
    step_model_free(eager);
}

/* However a prompt is cut into chunks, its tokens look back min(position, window). */
static void windowed_attention_is_a_sum_over_tokens(void **state) {
    (void)state;
    for (int64_t window = 1; window <= 12; window++) {
        for (int64_t context = 0; context <= 14; context++) {
            int64_t sum = 0;
            for (int64_t chunk = 1; chunk <= 16; chunk++) {
                int64_t position_x2 = 2 * (context + chunk - 1) + 1;
                sum += position_x2 < 2 * window ? position_x2 : 2 * window;
                assert_true(window_attention_x2_of_chunk(window, context, chunk) == sum);
            }
        }
    }
    assert_true(window_attention_x2_of_chunk(1000, 10, 3) == attention_x2_of_chunk(10, 3));
    assert_true(window_attention_x2_of_chunk(0, 10, 3) == 0 && windowed_context(0, 10) == 0);
}

/* Six layers of which one is global: of the toy's 6 x 4,000 B of KV a token 20,000 B are read for 300 tokens, 4,000 B for 1,000. One prompt of 1,000
 * tokens: attention over 5e5 pairs on one layer and 300 x 300 / 2 + 700 x 300 on five, 4,000 FLOP each. */
static void windows_bound_what_most_layers_read(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    llm.layers = 6;
    struct roofline_step full = toy_step(&llm, &gpu);
    struct step_model *plain = roofline_model(&full);
    llm.sliding_window = 300;
    llm.global_layer_period = 6;
    struct roofline_step step = toy_step(&llm, &gpu);
    struct step_model *model = roofline_model(&step);
    assert_int_equal(step_model_window(model), 300);
    struct step_work work = {.decode_seqs = 1, .decode_context = 1000};
    const struct step_amounts all = step_model_amounts(plain, &work, 1);
    double fixed_s = i128_to_double(step_model_duration(plain, &work)) / UNIT_PER_S - 1000 * 24e3 / 32e9;
    work.decode_window_context = windowed_context(300, 1000);
    assert_seconds(step_model_duration(model, &work), fixed_s + (300 * 20e3 + 1000 * 4e3) / 32e9);
    const struct step_amounts amounts = step_model_amounts(model, &work, 1);
    assert_true(all.byte - amounts.byte == 700 * 20000 && all.flop - amounts.flop == 700 * 20000);
    work = (struct step_work){.prefill_seqs = 1, .prefill_tokens = 1000, .prefill_attention_x2 = 1000000};
    fixed_s = i128_to_double(step_model_duration(plain, &work)) / UNIT_PER_S - 6 * 5e5 * 4e3 / 16e12;
    work.prefill_window_attention_x2 = window_attention_x2_of_chunk(300, 0, 1000);
    assert_seconds(step_model_duration(model, &work), fixed_s + (5e5 + 5 * (45e3 + 210e3)) * 4e3 / 16e12);
    step_model_free(model);
    step_model_free(plain);
}

/* Two ranks of one GPU each: the toy's body is read with a second copy of its 4e6 parameters of attention, (32e6 + 8e6) B / 2 / 32e9 = 625 us, the
 * head's half in 31.25 us. 1,000 and 200 tokens of context of 4,000 B each, on one GPU: 125 us; 10 tokens are written, 5 on each, 0.625 us. Two
 * all-reduces as before. Bytes are of both: 34e6 + 8e6 + 10 x 4,000 + 1,200 x 4,000. */
static void ranks_that_attend_for_themselves_share_the_rest(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    step.tensor_parallel = step.attention_dp = 2;
    step.all_reduce = (struct collective_line){1e-6, 1e-10};
    struct step_model *model = roofline_model(&step);
    assert_int_equal(step_model_ranks(model), 2);
    const struct rank_work ranks[] = {{.decode_context = 200}, {.decode_context = 1000}};
    const struct step_work work = {.decode_seqs = 10, .decode_context = 1200, .ranks = ranks};
    assert_seconds(step_model_duration(model, &work), 625e-6 + 31.25e-6 + 125e-6 + 0.625e-6 + 2 * (1e-6 + 2e-6));
    assert_true(step_model_amounts(model, &work, 1).byte == 42000000 + 40000 + 4800000);
    step_model_free(model);
    struct diags *diags = diags_new();
    step.attention_dp = 3;
    assert_null(step_model_new_roofline(&step, NULL, diags, nowhere));
    assert_string_equal(diags_first_message(diags), "attention_dp = 3 does not divide tensor_parallel = 2");
    diags_free(diags);
}

/* Context's energy against its time: with two ranks the slowest may have half of it. */
static void ranks_may_reach_the_cap(void **state) {
    (void)state;
    struct linear_step linear = {.c0_s = 1e-3, .c3_s = 1e-6};
    struct work_model work = {.flop_per_context = 1, .active_mw = 1, .cap_mw = 2};
    work.energy_per_flop = (int64_t)(0.9e-6 * UNIT_PER_S);
    struct diags *diags = diags_new();
    for (linear.attention_dp = 1; linear.attention_dp <= 2; linear.attention_dp++) {
        struct step_model *model = step_model_new_linear(&linear, &work, diags, nowhere);
        assert_true(step_model_decodes_never_capped(model, 256) == (linear.attention_dp == 1));
        step_model_free(model);
    }
    diags_free(diags);
}

/* A decode draws twice what its own time allows; the step's own millisecond has room for a thousand of 1 us. */
static void many_decodes_may_reach_the_cap(void **state) {
    (void)state;
    const struct linear_step linear = {.c0_s = 1e-3, .c2_s = 1e-6};
    struct work_model work = {.flop_per_token = 1, .active_mw = 1, .cap_mw = 2};
    work.energy_per_flop = (int64_t)(2e-6 * UNIT_PER_S);
    struct diags *diags = diags_new();
    struct step_model *model = step_model_new_linear(&linear, &work, diags, nowhere);
    assert_true(step_model_decodes_never_capped(model, 1));
    assert_true(step_model_decodes_never_capped(model, 999));
    assert_false(step_model_decodes_never_capped(model, 1001));
    step_model_free(model);
    diags_free(diags);
}

/* What windowed layers read is capped, or not, by itself. */
static void windowed_context_may_reach_the_cap(void **state) {
    (void)state;
    const struct linear_step linear = {.c0_s = 1e-3, .c3_s = 1e-6, .window_tok = 10, .c5_s = 1e-6};
    struct work_model work = {.flop_per_context = 1, .flop_per_window_context = 1, .active_mw = 1, .cap_mw = 2};
    work.energy_per_flop = (int64_t)(0.9e-6 * UNIT_PER_S);
    struct diags *diags = diags_new();
    struct step_model *model = step_model_new_linear(&linear, &work, diags, nowhere);
    assert_true(step_model_decodes_never_capped(model, 256));
    step_model_free(model);
    work.flop_per_window_context = 2;
    model = step_model_new_linear(&linear, &work, diags, nowhere);
    assert_false(step_model_decodes_never_capped(model, 256));
    step_model_free(model);
    diags_free(diags);
}

static void a_quantum_floors_but_leaves_one(void **state) {
    (void)state;
    struct step_model *model = linear_model(0, 0, 0.7e-6, 0, 0, 1e-6);
    const i128 microsecond = (i128)1048576000000;
    struct step_work work = {.decode_seqs = 1};
    assert_true(step_model_duration(model, &work) == microsecond);
    work.decode_seqs = 4; /* 2.8 us */
    assert_true(step_model_duration(model, &work) == 2 * microsecond);
    work.decode_seqs = 100000000; /* 70 s: beyond 64 bits */
    assert_true(step_model_duration(model, &work) == 70000000 * microsecond);
    step_model_free(model);
}

static void a_step_lasts_at_least_one_key(void **state) {
    (void)state;
    const struct step_work work = {.decode_seqs = 1};
    struct step_model *model = linear_model(0, 0, 0, 0, 0, 0);
    assert_true(step_model_duration(model, &work) == STEP_UNITS_MIN);
    step_model_free(model);
    model = linear_model(0, 0, 0, 0, 0, 1e-12);
    assert_true(step_model_duration(model, &work) == STEP_UNITS_MIN);
    step_model_free(model);
}

/* Mixed: decode's share is what its decodes alone would take, 1 ms + 2 x 20 us. */
static void decode_share_is_what_decodes_alone_would_take(void **state) {
    (void)state;
    struct step_model *model = linear_model(1e-3, 10e-6, 20e-6, 0, 0, 0);
    struct step_work work = {.prefill_seqs = 1, .prefill_tokens = 3, .decode_seqs = 2};
    i128 duration = step_model_duration(model, &work);
    assert_seconds(step_model_decode_duration(model, &work, duration), 1.04e-3);
    assert_true(step_model_decode_duration(model, &work, 5) == 5);
    work.decode_seqs = 0;
    assert_true(step_model_decode_duration(model, &work, duration) == 0);
    work = (struct step_work){.decode_seqs = 2};
    assert_true(step_model_decode_duration(model, &work, duration) == duration);
    step_model_free(model);
}

static void coefficients_beyond_int64_are_named(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    const struct linear_step linear = {.c0_s = 10, .c2_s = -1};
    assert_null(step_model_new_linear(&linear, NULL, diags, nowhere));
    assert_int_equal(diags_error_count(diags), 2);
    assert_string_equal(diags_first_message(diags), "c0 = 10 is outside 0..8.79609");
    diags_free(diags);
}

static void a_blank_peak_is_an_error_not_zero(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    step.precision = PRECISION_FP8;
    struct diags *diags = diags_new();
    assert_null(step_model_new_roofline(&step, NULL, diags, nowhere));
    assert_int_equal(diags_error_count(diags), 1);
    diags_free(diags);
}

static void int4_weights_halve_twice_in_bytes_only(void **state) {
    (void)state;
    struct llm llm = toy_llm();
    struct gpu gpu = toy_gpu();
    struct roofline_step step = toy_step(&llm, &gpu);
    step.precision = PRECISION_INT4;
    struct step_model *model = roofline_model(&step);
    struct step_work work = {.decode_seqs = 1};
    assert_seconds(step_model_duration(model, &work), 16e6 * 0.515625 / 32e9 + 62.5e-6 + 0.125e-6);
    work.decode_seqs = 1000; /* computes in 16 bit: 2 us a token; head 1,000 x 0.125 us */
    assert_seconds(step_model_duration(model, &work), 2e-3 + 125e-6 + 125e-6);
    step_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decode_step_reads_weights_and_context),
        cmocka_unit_test(a_prefill_step_computes),
        cmocka_unit_test(the_engine_adds_its_own_time),
        cmocka_unit_test(ranks_share_the_work_and_talk),
        cmocka_unit_test(experts_touched_grow_with_tokens),
        cmocka_unit_test(a_mixture_reads_touched_experts_only),
        cmocka_unit_test(popular_experts_are_touched_first),
        cmocka_unit_test(tiles_of_experts_are_filled_up_in_energy_only),
        cmocka_unit_test(flop_and_bytes_are_counted),
        cmocka_unit_test(energy_is_by_time_and_use),
        cmocka_unit_test(energy_stops_at_tdp),
        cmocka_unit_test(durations_are_affine_in_context),
        cmocka_unit_test(a_linear_step_is_its_five_terms),
        cmocka_unit_test(a_linear_step_pads_its_tokens),
        cmocka_unit_test(a_captured_batch_is_the_next_size),
        cmocka_unit_test(windowed_attention_is_a_sum_over_tokens),
        cmocka_unit_test(windows_bound_what_most_layers_read),
        cmocka_unit_test(windowed_context_may_reach_the_cap),
        cmocka_unit_test(many_decodes_may_reach_the_cap),
        cmocka_unit_test(ranks_that_attend_for_themselves_share_the_rest),
        cmocka_unit_test(ranks_may_reach_the_cap),
        cmocka_unit_test(a_quantum_floors_but_leaves_one),
        cmocka_unit_test(a_step_lasts_at_least_one_key),
        cmocka_unit_test(decode_share_is_what_decodes_alone_would_take),
        cmocka_unit_test(coefficients_beyond_int64_are_named),
        cmocka_unit_test(a_blank_peak_is_an_error_not_zero),
        cmocka_unit_test(int4_weights_halve_twice_in_bytes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
