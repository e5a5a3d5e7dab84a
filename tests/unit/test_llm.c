/* Shapes to parameters, bytes, FLOP and KV: worked by hand. Every catalogue row is checked in test_catalog.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "models/gpu.h"
#include "models/llm.h"

static struct llm llama_8b(void) {
    struct llm llm = llm_unknown();
    llm.name = "Llama-3.1-8B";
    llm.layers = 32;
    llm.hidden = 4096;
    llm.heads = 32;
    llm.kv_heads = 8;
    llm.head_dim = 128;
    llm.ffn_dim = 14336;
    llm.vocab = 128256;
    return llm;
}

static struct llm mixtral(void) {
    struct llm llm = llama_8b();
    llm.name = "Mixtral-8x7B";
    llm.ffn_dim = 0;
    llm.moe_ffn_dim = 14336;
    llm.experts = 8;
    llm.experts_per_tok = 2;
    llm.vocab = 32000;
    return llm;
}

static struct llm deepseek(void) {
    struct llm llm = llm_unknown();
    llm.name = "DeepSeek-V3";
    llm.layers = 61;
    llm.hidden = 7168;
    llm.heads = 128;
    llm.kv_heads = 128;
    llm.head_dim = 128;
    llm.ffn_dim = 18432;
    llm.moe_ffn_dim = 2048;
    llm.experts = 256;
    llm.experts_per_tok = 8;
    llm.shared_experts = 1;
    llm.dense_layers = 3;
    llm.vocab = 129280;
    llm.attention = ATTENTION_MLA;
    llm.mla_kv_rank = 512;
    llm.mla_q_rank = 1536;
    llm.mla_rope_dim = 64;
    llm.mla_nope_dim = 128;
    llm.mla_v_dim = 128;
    return llm;
}

static void assert_near(double got, double wanted, double tolerance) {
    assert_true(fabs(got - wanted) <= tolerance * fabs(wanted));
}

/* A layer: 2 x 4096^2 + 2 x 4096 x 1024 + 3 x 4096 x 14336 = 218,103,808; 32 of them and 2 x 128256 x 4096. */
static void dense_parameters_follow_from_the_shape(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    struct llm_params params = llm_params(&llm);
    assert_true(params.body == 32.0 * 218103808);
    assert_true(params.embedding == 128256.0 * 4096);
    assert_true(params.lm_head == 128256.0 * 4096);
    assert_true(llm_params_total(&llm) == 32.0 * 218103808 + 2.0 * 128256 * 4096);
}

static void moe_counts_all_and_active_experts(void **state) {
    (void)state;
    struct llm llm = mixtral();
    assert_near(llm_params_total(&llm), 46.703e9, 1e-3);
    assert_near(llm_params_active(&llm), 12.880e9, 1e-3);
}

static void mla_counts_low_rank_projections(void **state) {
    (void)state;
    struct llm llm = deepseek();
    assert_near(llm_params_total(&llm), 671.025e9, 1e-3);
    assert_near(llm_params_active(&llm), 37.551e9, 1e-3);
}

static void tied_embeddings_count_once(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    llm.tied_embeddings = true;
    assert_true(llm_params_total(&llm) == 32.0 * 218103808 + 128256.0 * 4096);
}

static void published_parameters_overrule_the_shape(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    llm.params_basis = "published";
    llm.total_params_b = 9;
    assert_near(llm_params_total(&llm), 9e9, 1e-12);
}

/* 6,979,321,856 x 1 + 1,050,673,152 x 2. */
static void embedding_and_head_stay_at_16_bit(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_weight_byte(&llm, PRECISION_BF16) == 2 * 8029995008.0);
    assert_true(llm_weight_byte(&llm, PRECISION_FP8) == 6979321856.0 + 2 * 1050673152.0);
    assert_true(llm_weight_byte(&llm, PRECISION_INT4) == 6979321856.0 * 0.515625 + 2 * 1050673152.0);
}

static void flop_leave_the_embedding_out(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_flop_per_token(&llm) == 2 * 6979321856.0);
    assert_true(llm_flop_per_sample(&llm) == 2 * 525336576.0);
}

/* 4 x 32 heads x 128 x 32 layers; MLA: 2 x 128 heads x (2 x 512 + 64) x 61 decoding, (128 + 64 + 128) prefilling. */
static void attention_flop_per_token_of_context(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_decode_attention_flop(&llm) == 524288);
    assert_true(llm_prefill_attention_flop(&llm) == 524288);
    struct llm mla = deepseek();
    assert_true(llm_decode_attention_flop(&mla) == 2.0 * 128 * 1088 * 61);
    assert_true(llm_prefill_attention_flop(&mla) == 2.0 * 128 * 320 * 61);
}

/* 2 x 8 heads x 128 x 32 layers x 2 B = 131,072 B; DeepSeek 576 x 61 x 2 B = 70,272 B. */
static void kv_bytes_per_token(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_kv_byte_per_tok(&llm, PRECISION_BF16, 1) == 131072);
    assert_true(llm_kv_byte_per_tok(&llm, PRECISION_FP8, 1) == 65536);
    struct llm mla = deepseek();
    assert_true(llm_kv_byte_per_tok(&mla, PRECISION_BF16, 1) == 70272);
}

static void kv_heads_are_replicated_beyond_their_number(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_kv_byte_per_tok_per_gpu(&llm, PRECISION_BF16, 8) == 131072 / 8);
    assert_true(llm_kv_byte_per_tok_per_gpu(&llm, PRECISION_BF16, 16) == 131072 / 8);
    assert_true(llm_kv_byte_per_tok(&llm, PRECISION_BF16, 16) == 2 * 131072);
}

static void mla_is_not_divided_by_tensor_parallelism(void **state) {
    (void)state;
    struct llm llm = deepseek();
    assert_true(llm_kv_byte_per_tok_per_gpu(&llm, PRECISION_BF16, 8) == 70272);
}

/* Gemma 3 27B: 62 layers, each sixth global, 10 of them; Mistral 7B v0.1: all windowed; gpt-oss-20b: every other. */
static void windowed_layers_are_counted(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_true(llm_window_ratio(&llm) == 0);
    llm.sliding_window = 4096;
    assert_true(llm_window_ratio(&llm) == 1);
    llm.layers = 62;
    llm.global_layer_period = 6;
    assert_true(llm_window_ratio(&llm) == 52.0 / 62);
    llm.layers = 24;
    llm.global_layer_period = 2;
    assert_true(llm_window_ratio(&llm) == 0.5);
}

static void chunked_windows_are_said_to_be_sliding(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    assert_null(llm_approximation(&llm));
    llm.sliding_window = 4096;
    assert_null(llm_approximation(&llm));
    llm.chunked_window = true;
    assert_non_null(strstr(llm_approximation(&llm), "chunked"));
    llm.chunked_window = false;
    llm.sparse_attention = true;
    assert_non_null(strstr(llm_approximation(&llm), "indexer"));
}

static void incomplete_shapes_are_refused_by_field(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    struct llm llm = llama_8b();
    assert_true(llm_check(&llm, diags, (struct position){0}));
    llm.kv_heads = 0;
    llm.ffn_dim = 0;
    assert_false(llm_check(&llm, diags, (struct position){0}));
    assert_int_equal(diags_error_count(diags), 2);
    assert_string_equal(diags_first_message(diags),
                        "Llama-3.1-8B: kv_heads is missing; a model of this shape needs it");
    diags_free(diags);
}

static void compressed_attention_is_refused(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    struct llm llm = llama_8b();
    llm.attention = ATTENTION_COMPRESSED;
    assert_false(llm_check(&llm, diags, (struct position){0}));
    diags_free(diags);
}

static void int4_weights_compute_in_16_bit(void **state) {
    (void)state;
    struct gpu gpu = gpu_unknown();
    gpu.bf16_dense_tflops = 989;
    gpu.fp8_dense_tflops = 1979;
    assert_true(gpu_peak_flop_per_s(&gpu, PRECISION_INT4) == 989e12);
    assert_true(gpu_peak_flop_per_s(&gpu, PRECISION_FP8) == 1979e12);
    assert_true(isnan(gpu_peak_flop_per_s(&gpu, PRECISION_FP4)));
}

/* H100-SXM: 62 W measured, context addition blank: + 0.055 x 700 W. */
static void packed_experts_compute_in_16_bit(void **state) {
    (void)state;
    struct llm llm = mixtral();
    assert_int_equal(llm_math_precision(&llm, PRECISION_FP8), PRECISION_FP8);
    assert_int_equal(llm_math_precision(&llm, PRECISION_FP4), PRECISION_FP4);
    llm.default_precision = PRECISION_FP4; /* published so */
    assert_int_equal(llm_math_precision(&llm, PRECISION_FP4), PRECISION_BF16);
    assert_int_equal(llm_math_precision(&llm, PRECISION_BF16), PRECISION_BF16);
    llm = llama_8b();
    assert_int_equal(llm_math_precision(&llm, PRECISION_INT4), PRECISION_BF16);
    assert_true(llm_expert_row_flop(&llm) <= 0);
}

static void idle_watts_say_what_was_assumed(void **state) {
    (void)state;
    struct gpu gpu = gpu_unknown();
    gpu.tdp_w = 700;
    gpu.idle_w = 62;
    bool assumed = true;
    assert_true(gpu_idle_w(&gpu, &assumed) == 62);
    assert_false(assumed);
    assert_near(gpu_idle_context_w(&gpu, &assumed), 100.5, 1e-12);
    assert_true(assumed);
}

static void precisions_have_aliases(void **state) {
    (void)state;
    enum precision precision = PRECISION_FP8;
    assert_true(precision_from_text(span_of("BFloat16"), &precision));
    assert_int_equal(precision, PRECISION_BF16);
    assert_true(precision_from_text(span_of("nvfp4"), &precision));
    assert_int_equal(precision, PRECISION_FP4);
    assert_false(precision_from_text(span_of("int3"), &precision));
    assert_int_equal(precision, PRECISION_FP4);
}

/* multilingual-e5-large: 24 layers of 1024, two-matrix FFN of 4096, vocabulary of 250,002. */
static void an_encoder_has_no_head_and_sees_the_whole_prompt(void **state) {
    (void)state;
    struct llm llm = llm_unknown();
    llm.layers = 24;
    llm.hidden = 1024;
    llm.heads = llm.kv_heads = 16;
    llm.head_dim = 64;
    llm.ffn_dim = 4096;
    llm.ffn_matrices = 2;
    llm.vocab = 250002;
    llm.embeds = llm.bidirectional = true;
    const double body = 24.0 * (4 * 1024 * 1024 + 2 * 1024 * 4096); /* 302.0e6 */
    assert_true(llm_params_total(&llm) == body + 250002.0 * 1024);
    assert_true(llm_flop_per_token(&llm) == 2 * body);
    assert_true(llm_flop_per_sample(&llm) == 0);
    assert_true(llm_lm_head_byte(&llm) == 0);
    /* Every pair of tokens: 4 x 1024 x 24 x n^2 = what a causal prompt's n^2 / 2 count twice. */
    assert_true(llm_prefill_attention_flop(&llm) == 2 * 4.0 * 1024 * 24);
    assert_true(llm_check(&llm, NULL, (struct position){0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_parameters_follow_from_the_shape),
        cmocka_unit_test(moe_counts_all_and_active_experts),
        cmocka_unit_test(mla_counts_low_rank_projections),
        cmocka_unit_test(tied_embeddings_count_once),
        cmocka_unit_test(published_parameters_overrule_the_shape),
        cmocka_unit_test(embedding_and_head_stay_at_16_bit),
        cmocka_unit_test(flop_leave_the_embedding_out),
        cmocka_unit_test(attention_flop_per_token_of_context),
        cmocka_unit_test(kv_bytes_per_token),
        cmocka_unit_test(kv_heads_are_replicated_beyond_their_number),
        cmocka_unit_test(mla_is_not_divided_by_tensor_parallelism),
        cmocka_unit_test(windowed_layers_are_counted),
        cmocka_unit_test(chunked_windows_are_said_to_be_sliding),
        cmocka_unit_test(incomplete_shapes_are_refused_by_field),
        cmocka_unit_test(compressed_attention_is_refused),
        cmocka_unit_test(int4_weights_compute_in_16_bit),
        cmocka_unit_test(packed_experts_compute_in_16_bit),
        cmocka_unit_test(idle_watts_say_what_was_assumed),
        cmocka_unit_test(precisions_have_aliases),
        cmocka_unit_test(an_encoder_has_no_head_and_sees_the_whole_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
