/* Measured rows as servers and clients, flags, predictions. Rows are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "study/flags.h"
#include "study/predict.h"
#include "study/rebuild.h"
#include "study/speculation.h"

static const struct recipe recipes[] = {
    {.recipe_id = "x1",
     .kv_precision = "fp8_e4m3",
     .max_num_seqs = "conc",
     .max_num_batched_tokens = "2*isl",
     .prefill_chunk_tokens = "",
     .gpu_memory_fraction = "0.8",
     .length_range_ratio = "0.5",
     .client_requests_per_concurrency = "3 (short)",
     .batch_wait_timeout_iters = "",
     .batch_wait_max_tokens_ratio = "",
     .cuda_graph_max_batch = "conc",
     .speculative = "",
     .source = "",
     .engine = "",
     .model = "",
     .gpu = "",
     .precision = "",
     .attention_dp = "",
     .ep_condition = "",
     .other_flags = ""},
    {.recipe_id = "x2",
     .kv_precision = "",
     .max_num_seqs = "2",
     .max_num_batched_tokens = "",
     .prefill_chunk_tokens = "4096",
     .gpu_memory_fraction = "",
     .length_range_ratio = "",
     .client_requests_per_concurrency = "",
     .batch_wait_timeout_iters = "",
     .batch_wait_max_tokens_ratio = "",
     .cuda_graph_max_batch = "",
     .speculative = "",
     .source = "",
     .engine = "",
     .model = "",
     .gpu = "",
     .precision = "",
     .attention_dp = "true balanced",
     .ep_condition = "",
     .other_flags = "a; scheduler-recv-interval=30; b"},
    {.recipe_id = "x3",
     .kv_precision = "",
     .max_num_seqs = "",
     .max_num_batched_tokens = "4000",
     .prefill_chunk_tokens = "",
     .gpu_memory_fraction = "",
     .length_range_ratio = "0.8",
     .client_requests_per_concurrency = "",
     .batch_wait_timeout_iters = "",
     .batch_wait_max_tokens_ratio = "",
     .cuda_graph_max_batch = "8192 (explicit list 1..8192)",
     .speculative = "",
     .source = "",
     .engine = "",
     .model = "",
     .gpu = "",
     .precision = "",
     .attention_dp = "true batching_wait_iters=0 enable_balance=true timeout_iters=60",
     .ep_condition = "",
     .other_flags = ""},
    {.recipe_id = "x4",
     .kv_precision = "",
     .max_num_seqs = "",
     .max_num_batched_tokens = "",
     .prefill_chunk_tokens = "",
     .gpu_memory_fraction = "",
     .length_range_ratio = "",
     .client_requests_per_concurrency = "",
     .batch_wait_timeout_iters = "",
     .batch_wait_max_tokens_ratio = "",
     .cuda_graph_max_batch = "",
     .speculative = "EAGLE steps=2 topk=1 draft_tokens=3",
     .source = "",
     .engine = "",
     .model = "",
     .gpu = "",
     .precision = "",
     .attention_dp = "",
     .ep_condition = "",
     .other_flags = ""},
};
static const struct recipe_book book = {.recipes = recipes, .recipe_count = 4};

static struct rebuild_context *context_of(const char *const *sets, size_t count) {
    const struct rebuild_options options = {.sets = sets, .set_count = count, .engine = ENGINE_LEAP};
    struct diags *diags = diags_new();
    struct rebuild_context *context = rebuild_context_new(&book, &options, diags);
    if (context == NULL) {
        diags_render(diags, stderr, false);
    }
    diags_free(diags);
    assert_non_null(context);
    return context;
}

/* 8 clients of an 8B model on one H100. */
static struct measured_row row_of(void) {
    const double none = (double)NAN;
    return (struct measured_row){.row_id = "r",
                                 .source = "",
                                 .model = "Llama-3.1-8B",
                                 .gpu = "H100-SXM",
                                 .precision = "bf16",
                                 .kv_precision = "",
                                 .engine = "vllm",
                                 .engine_version = "",
                                 .spec_decode = "none",
                                 .date = "",
                                 .group = "",
                                 .notes = "",
                                 .recipe_id = "",
                                 .load_kind = LOAD_CONCURRENCY,
                                 .num_gpus = 1,
                                 .tp = 1,
                                 .params_b = none,
                                 .active_params_b = none,
                                 .isl = 1000,
                                 .osl = 100,
                                 .isl_mean_actual = none,
                                 .osl_mean_actual = none,
                                 .length_range_ratio = none,
                                 .num_requests = none,
                                 .load = 8,
                                 .output_tok_s = none,
                                 .ttft_ms_mean = none,
                                 .ttft_ms_p50 = none,
                                 .tpot_ms_mean = none,
                                 .tpot_ms_p50 = none,
                                 .e2e_ms_mean = none,
                                 .e2e_ms_p50 = none,
                                 .power_w_per_gpu = none};
}

/* vLLM schedules asynchronously from 0.11.2 on. */
static void versions_name_their_engine(void **state) {
    (void)state;
    const struct engine *vllm = engine_find("vllm");
    assert_string_equal(engine_word(vllm, "0.11.1 (ML.ENERGY v3)"), "vllm-0.11");
    assert_string_equal(engine_word(vllm, "v0.9.0"), "vllm-0.11");
    assert_string_equal(engine_word(vllm, "0.11.2"), "vllm");
    assert_string_equal(engine_word(vllm, "0.19.0"), "vllm");
    assert_string_equal(engine_word(vllm, ""), "vllm");
    assert_string_equal(engine_word(vllm, "nightly-5b8c"), "vllm");
    assert_string_equal(engine_word(engine_find("trt"), "0.9"), "trtllm");
    assert_string_equal(engine_word(engine_find("atom"), ""), "atom");
}

static void a_recipe_decides_flags_and_client(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.recipe_id = "x1";
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    const struct pool_config *pool = &rebuilt.point->sim.pools[0];
    assert_int_equal(pool->batching.policy, BATCHING_CONTINUOUS);
    assert_int_equal(pool->batching.max_num_seqs, 8);
    assert_int_equal(pool->batching.max_num_batched_tokens, 2000);
    assert_int_equal(rebuilt.point->pools[0].roofline->kv_precision, PRECISION_FP8);
    assert_int_equal(rebuilt.point->pools[0].profile->capture_count, 4); /* 1, 2, 4, 8 */
    assert_int_equal(rebuilt.client.clients, 8);
    assert_int_equal(rebuilt.client.requests, 24);
    assert_int_equal(rebuilt.client.input.min, 500);
    assert_int_equal(rebuilt.client.input.max, 1000);
    assert_int_equal(rebuilt.client.output.min, 50);
    assert_true(rebuilt.point->sim.workloads[0].input_tokens.kind == LENGTH_UNIFORM);
    assert_int_equal(rebuilt.point->sim.max_requests, 24);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

static void without_a_recipe_the_engine_and_the_client_have_defaults(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.source = "inferencex_fixture";
    row.engine = "sglang";
    row.isl_mean_actual = 901;
    rebuild_row(context, &row, &rebuilt);
    const struct pool_config *pool = &rebuilt.point->sim.pools[0];
    assert_int_equal(pool->batching.policy, BATCHING_PREFILL_FIRST);
    assert_true(pool->batching.chunk > 0);
    assert_int_equal(rebuilt.client.requests, 80);
    assert_int_equal(rebuilt.client.input.min, 800);
    assert_int_equal(rebuilt.client.input.max, 1000);
    rebuilt_release(&rebuilt);
    row.source = "somebody";
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.client.input.min, 892); /* nobody's requests are of one length to the token */
    assert_int_equal(rebuilt.client.input.max, 910);
    assert_int_equal(rebuilt.client.output.min, 99);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

static void ranks_of_attention_share_a_replica(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.num_gpus = 8;
    row.tp = 4;           /* its label says nothing of ranks, the recipe that all GPUs are */
    row.recipe_id = "x2"; /* two sequences a rank */
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    assert_int_equal(rebuilt.point->pools[0].tensor_parallel, 4);
    assert_int_equal(rebuilt.point->sim.pools[0].replicas, 2);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.max_num_seqs, 8);
    assert_int_equal(rebuilt.point->pools[0].roofline->attention_dp, 4);
    rebuilt_release(&rebuilt);
    row.recipe_id = "x1"; /* sets none, whatever the label says */
    row.attention_dp = 4;
    rebuild_row(context, &row, &rebuilt);
    assert_true(rebuilt.point->pools[0].roofline->attention_dp <= 1);
    rebuilt_release(&rebuilt);
    row.recipe_id = "";
    row.tp = 1;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.point->pools[0].roofline->attention_dp, 4);
    assert_int_equal(rebuilt.point->pools[0].tensor_parallel, 4);
    rebuilt_release(&rebuilt);
    row.num_gpus = 6;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_PARALLELISM);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

/* Two ranks take three draws to be drawn both: three prompts of 900 tokens on average, and 8 decodes. A step of 8,000 tokens for both is full, and
 * waits for nobody, where another prompt of 1,000 may not fit. */
static void balanced_ranks_wait_for_a_prompt_each(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.engine = "trtllm";
    row.num_gpus = row.tp = 2;
    row.recipe_id = "x3";
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.batch_wait_timeout_iters, 60);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.batch_wait_max_tokens, 3 * 900 + 8);
    rebuilt_release(&rebuilt);
    row.isl = 3000;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.batch_wait_max_tokens, 5000);
    rebuilt_release(&rebuilt);
    row.recipe_id = "x2"; /* nothing said of tokens: each rank has the default */
    row.isl = 1000;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.max_num_batched_tokens, 2 * 8192);
    rebuilt_release(&rebuilt);
    row.recipe_id = "x3";
    row.num_gpus = row.tp = 1; /* nobody to wait for */
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.batch_wait_timeout_iters, 0);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

static void each_kind_of_load_has_its_client(void **state) {
    (void)state;
    struct measured_row row = row_of();
    row.load_kind = LOAD_QPS;
    row.load = 2.5;
    struct client open = client_of(&row, NULL, 16);
    assert_int_equal(open.clients, 0);
    assert_int_equal(open.requests, 1500);
    assert_true(open.rate_per_s == 2.5);
    struct recipe counted = recipes[0];
    counted.client_requests_per_concurrency = "300 requests";
    assert_int_equal(client_of(&row, &counted, 16).requests, 300);
    counted.client_requests_per_concurrency = "open loop, duration-based";
    assert_int_equal(client_of(&row, &counted, 16).requests, 1500);
    row.load_kind = LOAD_MAX_NUM_SEQS;
    row.load = 512;
    row.isl = row.osl = (double)NAN;
    row.osl_mean_actual = 300;
    row.notes = "task=lm-arena-chat; steady";
    struct client steady = client_of(&row, NULL, 16);
    assert_true(steady.is_steady && !steady.lengths_assumed);
    assert_int_equal(steady.requests, 1536);
    assert_int_equal(steady.output.shape, SHAPE_GEOMETRIC_TOK);
    row = row_of();
    row.load_kind = LOAD_MAX_LOAD;
    row.num_gpus = 8;
    row.tp = 4;
    struct client queued = client_of(&row, NULL, 16);
    assert_int_equal(queued.clients, 2 * 5909); /* 6.5e6 tokens a replica */
    row.load_kind = LOAD_MLPERF;
    row.isl = row.osl = (double)NAN;
    assert_true(client_of(&row, NULL, 16).lengths_assumed);
    row = row_of();
    row.load_kind = LOAD_BATCH;
    assert_true(client_of(&row, NULL, 16).is_static);
    assert_int_equal(client_of(&row, NULL, 16).requests, 8);
    row.source = "inference-sim_training"; /* 1000 = 62 blocks of 16 and 8 tokens */
    assert_int_equal(client_of(&row, NULL, 16).input.max, 1000);
    assert_float_equal(client_of(&row, NULL, 16).cached_share, 0.992, 1e-9);
}

/* Four GPUs are two pipelines of two stages; a round has two micro-batches. */
static void stages_share_a_replica(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.pp = 2;
    row.tp = 1;
    row.num_gpus = 4;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    const struct pool_config *pool = &rebuilt.point->sim.pools[0];
    assert_int_equal(pool->replicas, 2);
    assert_int_equal(pool->gpus_per_replica, 2);
    assert_int_equal(pool->batching.micro_batches, 2);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

static void rows_that_cannot_be_rebuilt_say_why(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct rebuilt rebuilt;
    struct measured_row rows[5];
    static const enum rebuild_skip expected[5] = {SKIP_UNKNOWN_GPU, SKIP_UNKNOWN_MODEL, SKIP_UNKNOWN_ENGINE,
                                                  SKIP_DISAGGREGATED, SKIP_DOES_NOT_FIT};
    for (size_t i = 0; i < 5; i++) {
        rows[i] = row_of();
    }
    rows[0].gpu = "TPU-v9";
    rows[1].model = "Secret-7B";
    rows[2].engine = "homemade";
    rows[3].mode = SERVING_DISAGGREGATED;
    rows[4].model = "Llama-3.1-405B";
    for (size_t i = 0; i < 5; i++) {
        rebuild_row(context, &rows[i], &rebuilt);
        assert_int_equal(rebuilt.skip, expected[i]);
        assert_null(rebuilt.point);
        rebuilt_release(&rebuilt);
    }
    rebuild_context_free(context);
}

static void names_are_found_as_people_spell_them(void **state) {
    (void)state;
    static const struct {
        const char *spelt, *model, *gpu;
    } names[] = {
        {"meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B", "NVIDIA H100 80GB HBM3"},
        {"Meta-Llama-3.1-8B-Instruct-FP8", "Llama-3.1-8B", "NVIDIA-H100-80GB-HBM3"},
        {"nvidia/Llama-3.1-8B-Instruct-NVFP4", "Llama-3.1-8B", "h100_sxm"},
        {"DeepSeek-R1-0528-NVFP4", "DeepSeek-R1", "H100"},
        {"Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen3-30B-A3B", "H100-SXM"},
        {"google/gemma-3-12b-it", "Gemma-3-12B", "H100-SXM"},
        {"nobody/Llama-3.1-9B-Instruct", NULL, "H100-SXM"},
    };
    struct rebuild_context *context = context_of(NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct measured_row row = row_of();
        struct rebuilt rebuilt;
        row.model = names[i].spelt;
        row.gpu = names[i].gpu;
        row.num_gpus = row.tp = 8;
        rebuild_row(context, &row, &rebuilt);
        assert_int_equal(rebuilt.skip == SKIP_UNKNOWN_MODEL, names[i].model == NULL);
        if (names[i].model != NULL) {
            assert_non_null(rebuilt.llm);
            assert_string_equal(rebuilt.llm->name, names[i].model);
            assert_string_equal(rebuilt.gpu->name, "H100-SXM");
        }
        rebuilt_release(&rebuilt);
    }
    rebuild_context_free(context);
}

static void tensor_parallelism_that_nobody_states_is_the_least_that_holds_a_batch(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.model = "Llama-3.1-70B"; /* 141 GB: two GPUs of 80 GB hold it and hardly a request, four do well */
    row.num_gpus = 8;
    row.tp = 0;
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    assert_true(rebuilt.parallelism_assumed);
    assert_int_equal(rebuilt.point->pools[0].tensor_parallel, 4);
    assert_int_equal(rebuilt.point->sim.pools[0].replicas, 2);
    rebuilt_release(&rebuilt);
    row = row_of();
    row.tp = 0;
    rebuild_row(context, &row, &rebuilt);
    assert_false(rebuilt.parallelism_assumed);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

static void keys_of_the_caller_win(void **state) {
    (void)state;
    static const char *const sets[] = {"fleet.main.batching.max_num_seqs=5",
                                       "fleet.main.step_time={model: roofline, overhead: {per_step: 9ms}}"};
    struct rebuild_context *context = context_of(sets, 2);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.recipe_id = "x1";
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.point->sim.pools[0].batching.max_num_seqs, 5);
    assert_true(fabs(rebuilt.point->pools[0].roofline->overhead.per_step_s - 9e-3) < 1e-15);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
    static const char *const bad[] = {"fleet.main.colour=red"};
    const struct rebuild_options options = {.sets = bad, .set_count = 1};
    struct diags *diags = diags_new();
    assert_null(rebuild_context_new(&book, &options, diags));
    assert_string_equal(diags_first_rule(diags), "unknown-path");
    diags_free(diags);
}

static unsigned flags_of(const struct measured_row *row) {
    struct rebuild_context *context = context_of(NULL, 0);
    struct rebuilt rebuilt;
    rebuild_row(context, row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    unsigned flags = flags_of_row(row, &rebuilt);
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
    return flags;
}

static void physics_is_held_against_rows(void **state) {
    (void)state;
    struct measured_row row = row_of();
    row.active_params_b = 8;
    row.tpot_ms_mean = 10;
    row.ttft_ms_mean = 100;
    assert_int_equal(flags_of(&row), 1u << FLAG_UNKNOWN_RECIPE);
    /* 2 x 8e9 x 1100 x 64 FLOP in 1.1 s are 1.02e15/s; an H100 has 0.99e15. */
    row.load = 64;
    assert_true(flags_have(flags_of(&row), FLAG_PHYSICS_MFU));
    /* 16 GB take 4.8 ms at 3.35 TB/s. */
    row.load = 1;
    row.tpot_ms_mean = 4;
    assert_true(flags_have(flags_of(&row), FLAG_PHYSICS_BANDWIDTH));
    row.tpot_ms_mean = 6;
    assert_false(flags_have(flags_of(&row), FLAG_PHYSICS_BANDWIDTH));
}

static void doubtful_rows_are_flagged(void **state) {
    (void)state;
    struct measured_row row = row_of();
    row.spec_decode = "mtp";
    assert_true(flags_have(flags_of(&row), FLAG_SPECULATIVE));
    row = row_of();
    row.load_kind = LOAD_QPS;
    row.load = 10;
    row.output_tok_s = 940; /* of 1000 */
    assert_true(flags_have(flags_of(&row), FLAG_SATURATED));
    row.output_tok_s = 960;
    assert_false(flags_have(flags_of(&row), FLAG_SATURATED));
    row = row_of();
    row.engine = "atom";
    assert_true(flags_have(flags_of(&row), FLAG_UNDOCUMENTED_ENGINE));
}

static void littles_law_is_held_against_recipes(void **state) {
    (void)state;
    struct measured_row row = row_of();
    row.recipe_id = "x2"; /* two slots for eight clients: three quarters of a request's life is waiting */
    row.tpot_ms_mean = 10;
    row.ttft_ms_mean = 50;
    assert_true(flags_have(flags_of(&row), FLAG_CONTRADICTED_RECIPE));
    row.ttft_ms_mean = 3000;
    assert_false(flags_have(flags_of(&row), FLAG_CONTRADICTED_RECIPE));
    row.recipe_id = "x1"; /* eight slots */
    assert_false(flags_have(flags_of(&row), FLAG_CONTRADICTED_RECIPE));
    row.isl = 50;
    assert_true(flags_have(flags_of(&row), FLAG_CONTRADICTED_RECIPE));
}

static struct predicted predict(const struct measured_row *row, const char *const *sets, size_t set_count) {
    struct rebuild_context *context = context_of(sets, set_count);
    const struct predict_watch nobody = {.progress = NULL};
    struct diags *diags = diags_new();
    struct rebuilt rebuilt;
    struct predicted predicted;
    rebuild_row(context, row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    assert_true(predict_run(rebuilt.point, &rebuilt.client, &nobody, &predicted, diags));
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
    diags_free(diags);
    return predicted;
}

#define LINEAR "fleet.main.step_time={model: linear, c0: 10ms, c1: 0.1ms}"

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) < 1e-6 * expected)) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

/* Two clients, prompts of 1000 and answers of 3 tokens, four requests; a step takes 10 ms and 0.1 ms a prompt token. Both prompts prefill
 * in one step of 210 ms, two decode steps of 10 ms follow; the second two likewise. */
static void a_closed_loop_comes_out_as_reckoned_by_hand(void **state) {
    (void)state;
    static const char *const sets[] = {LINEAR};
    struct measured_row row = row_of();
    row.load = 2;
    row.osl = 3;
    row.num_requests = 4;
    row.length_range_ratio = 1;
    struct predicted predicted = predict(&row, sets, 1);
    assert_int_equal(predicted.requests, 4);
    assert_int_equal(predicted.incomplete, 0);
    assert_near(predicted_value(&predicted, METRIC_TTFT, false), 0.210);
    assert_near(predicted.ttft_first_wave_s, 0.210);
    assert_near(predicted.ttft_later_s, 0.210);
    assert_near(predicted_value(&predicted, METRIC_TPOT, false), 0.010);
    assert_near(predicted_value(&predicted, METRIC_E2E, false), 0.230);
    assert_near(predicted_value(&predicted, METRIC_THROUGHPUT, false), 12 / 0.460);
}

/* A steady queue: latency is the gap between tokens, and the rate that of full batches. One slot, a step of 10 ms for each token but the
 * prompt's 110 ms (1000 tokens): gaps of 10 ms; of a request's 100 tokens in 110 + 990 ms the last 99 come evenly. */
static void a_steady_queue_counts_full_batches_only(void **state) {
    (void)state;
    static const char *const sets[] = {LINEAR};
    struct measured_row row = row_of();
    row.load_kind = LOAD_MAX_NUM_SEQS;
    row.load = 1;
    struct predicted predicted = predict(&row, sets, 1);
    assert_true(fabs(predicted_value(&predicted, METRIC_TPOT, true) - 0.010) < 3e-5); /* a histogram's bin */
    assert_true(fabs(predicted_value(&predicted, METRIC_THROUGHPUT, false) - 100 / 1.100) < 0.1);
}

static int64_t drafts_of(const char *spec_decode, const char *text) {
    struct measured_row row = row_of();
    struct recipe recipe = recipes[0];
    row.spec_decode = spec_decode;
    recipe.speculative = text;
    return speculation_of(&row, &recipe).draft_tokens;
}

static void a_recipe_states_its_drafts_in_words(void **state) {
    (void)state;
    assert_int_equal(drafts_of("mtp", "EAGLE steps=2 topk=1 draft_tokens=3"), 2);
    assert_int_equal(drafts_of("mtp", "MTP nextn=3 (from config file name)"), 3);
    assert_int_equal(drafts_of("eagle3", "eagle3 tokens=7 draft_tp=1"), 7);
    assert_int_equal(drafts_of("mtp", "mtp tokens=default"), 0);
    assert_int_equal(drafts_of("mtp", ""), 0);
    assert_int_equal(drafts_of("unknown", "MTP nextn=3"), 0);
    assert_int_equal(drafts_of("none", "MTP nextn=3"), 0);
}

/* 0.72 + 0.72^2 of two drafts. */
static void a_server_has_its_drafts(void **state) {
    (void)state;
    struct rebuild_context *context = context_of(NULL, 0);
    struct measured_row row = row_of();
    struct rebuilt rebuilt;
    row.recipe_id = "x4";
    row.spec_decode = "mtp";
    rebuild_row(context, &row, &rebuilt);
    assert_int_equal(rebuilt.skip, SKIP_NONE);
    const struct speculative_config *speculative = &rebuilt.point->sim.pools[0].speculative;
    assert_int_equal(speculative->draft_tokens, 2);
    assert_int_equal(speculative->accepted, 1268); /* 1.2384 x 1024 */
    rebuilt_release(&rebuilt);
    rebuild_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_name_their_engine),
        cmocka_unit_test(a_recipe_decides_flags_and_client),
        cmocka_unit_test(without_a_recipe_the_engine_and_the_client_have_defaults),
        cmocka_unit_test(ranks_of_attention_share_a_replica),
        cmocka_unit_test(balanced_ranks_wait_for_a_prompt_each),
        cmocka_unit_test(each_kind_of_load_has_its_client),
        cmocka_unit_test(stages_share_a_replica),
        cmocka_unit_test(rows_that_cannot_be_rebuilt_say_why),
        cmocka_unit_test(names_are_found_as_people_spell_them),
        cmocka_unit_test(tensor_parallelism_that_nobody_states_is_the_least_that_holds_a_batch),
        cmocka_unit_test(keys_of_the_caller_win),
        cmocka_unit_test(physics_is_held_against_rows),
        cmocka_unit_test(doubtful_rows_are_flagged),
        cmocka_unit_test(littles_law_is_held_against_recipes),
        cmocka_unit_test(a_closed_loop_comes_out_as_reckoned_by_hand),
        cmocka_unit_test(a_steady_queue_counts_full_batches_only),
        cmocka_unit_test(a_recipe_states_its_drafts_in_words),
        cmocka_unit_test(a_server_has_its_drafts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
