/* Kernels by shape: worked examples against an independent implementation of the same formulas (Python, double precision), and what must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "models/kernels.h"
#include "scenarios/catalog.h"
#include "scenarios/step_profile.h"

struct fixture {
    struct diags *diags;
    struct catalog *catalog;
    struct arena *arena;
    const struct profile *profile;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.diags = diags_new();
    fixture.catalog = catalog_new();
    fixture.arena = arena_new();
    assert_true(catalog_read(fixture.catalog, NULL, fixture.diags));
    fixture.profile = step_profile_shipped(NULL, fixture.arena, fixture.diags);
    assert_non_null(fixture.profile);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    catalog_free(fixture->catalog);
    arena_free(fixture->arena);
    diags_free(fixture->diags);
    return 0;
}

struct worked {
    const char *model, *gpu;
    enum precision precision, kv_precision;
    enum serving_engine engine;
    int64_t tensor_parallel, expert_parallel;
    double decodes; /* at a context of 1500 each */
    double matrix_ms, expert_ms, collective_ms, head_ms, attention_ms, context_ms;
};

static struct kernels *kernels_of(const struct fixture *fixture, const struct worked *worked) {
    const struct position nowhere = {0};
    struct kernel_setup setup = {
        .llm = catalog_llm(fixture->catalog, span_of(worked->model), fixture->diags, nowhere),
        .gpu = catalog_gpu(fixture->catalog, span_of(worked->gpu), fixture->diags, nowhere),
        .precision = worked->precision,
        .kv_precision = worked->kv_precision,
        .engine = worked->engine,
        .tensor_parallel = worked->tensor_parallel,
        .expert_parallel = worked->expert_parallel,
        .attention_dp = 1,
        .gpus_per_node = 8,
    };
    assert_non_null(setup.llm);
    assert_non_null(setup.gpu);
    setup.knots = profile_knots(fixture->profile, setup.gpu, setup.engine, setup.tensor_parallel);
    assert_true(kernels_check(&setup, fixture->diags, nowhere));
    return kernels_new(&setup);
}

static void near(const char *what, double seconds, double ms, double tolerance) {
    if (!(fabs(seconds * 1e3 - ms) <= tolerance * ms + 1e-9)) {
        fprintf(stderr, "%s: %.5f ms, not %.5f\n", what, seconds * 1e3, ms);
        fail();
    }
}

static void shapes_take_what_was_worked_out(void **state) {
    static const struct worked table[] = {
        {"Llama-3.1-70B", "H100-SXM", PRECISION_FP8, PRECISION_BF16, SERVING_VLLM, 2, 1, 8, 14.4466, 0, 0.7600, 0.3709,
         0.9827, 0.6449},
        {"Llama-3.1-70B", "H100-SXM", PRECISION_FP8, PRECISION_BF16, SERVING_VLLM, 2, 1, 64, 16.0387, 0, 1.3344, 0.3740,
         1.4218, 5.1595},
        {"gpt-oss-120b", "H200-SXM", PRECISION_FP4, PRECISION_BF16, SERVING_VLLM, 1, 1, 8, 0.8841, 4.4396, 0, 0.2867,
         0.4704, 0.1099},
        {"gpt-oss-120b", "H200-SXM", PRECISION_FP4, PRECISION_BF16, SERVING_VLLM, 1, 1, 64, 0.9721, 16.8106, 0, 0.2931,
         0.8656, 0.8793},
        {"MiniMax-M2.5", "B200-SXM", PRECISION_FP8, PRECISION_FP8, SERVING_VLLM, 4, 4, 64, 1.3947, 6.4808, 1.6462,
         0.0535, 0.6458, 0.4209},
        {"DeepSeek-R1", "B200-SXM", PRECISION_FP4, PRECISION_FP8, SERVING_SGLANG, 8, 8, 64, 3.1675, 5.3861, 1.7376,
         0.0409, 0.5983, 0.4659},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct worked *worked = &table[i];
        struct kernels *kernels = kernels_of(*state, worked);
        struct kernel_attention attention = kernels_attention(kernels);
        fprintf(stderr, "%s %g\n", worked->model, worked->decodes);
        near("matrix", kernels_matrix(kernels, worked->decodes).s, worked->matrix_ms, 1e-2);
        near("experts", kernels_expert(kernels, worked->decodes).s, worked->expert_ms, 1e-2);
        near("collectives", kernels_collective_s(kernels, worked->decodes), worked->collective_ms, 1e-3);
        near("head", kernels_head(kernels, worked->decodes).s, worked->head_ms, 1e-2);
        near("attention", attention.step_s + attention.sequence_s * worked->decodes, worked->attention_ms, 1e-3);
        near("context",
             attention.context_s * worked->decodes * 1500 + attention.window_context_s * worked->decodes * 128,
             worked->context_ms, 1e-2);
        kernels_free(kernels);
    }
}

/* Four ranks with sequences of their own: projections, router and residual stream are of a quarter of the tokens; what is gathered for experts in
 * 8 bit is half of what 16 bit would be, what is scattered is not. */
static void ranks_of_attention_have_tokens_of_their_own(void **state) {
    const struct fixture *fixture = *state;
    const struct position nowhere = {0};
    const double tokens = 1024;
    struct kernel_setup setup = {
        .llm = catalog_llm(fixture->catalog, span_of("Qwen3-30B-A3B"), fixture->diags, nowhere),
        .gpu = catalog_gpu(fixture->catalog, span_of("H100-SXM"), fixture->diags, nowhere),
        .precision = PRECISION_FP8,
        .kv_precision = PRECISION_BF16,
        .engine = SERVING_TRTLLM,
        .tensor_parallel = 4,
        .expert_parallel = 4,
        .attention_dp = 4,
        .gpus_per_node = 8,
    };
    struct kernels *eight = kernels_new(&setup);
    setup.precision = PRECISION_BF16;
    struct kernels *sixteen = kernels_new(&setup);
    near("matrix", kernels_matrix(eight, tokens).s, 1.86798, 1e-3);
    near("collectives", kernels_collective_s(eight, tokens), 1e3 * kernels_collective_s(sixteen, 0.75 * tokens), 1e-9);
    kernels_free(eight);
    kernels_free(sixteen);
}

/* [8, 4096] x [4096, 4096]: a consumer card reaches more of its datasheet than a server card of the same chips. */
static void consumer_cards_reach_more_of_their_datasheet(void **state) {
    const struct fixture *fixture = *state;
    static const struct {
        const char *gpu;
        double ms;
    } cards[] = {{"RTX-4090", 0.039131}, {"L40S", 0.052634}};
    for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
        const struct position nowhere = {0};
        const struct kernel_setup setup = {
            .llm = catalog_llm(fixture->catalog, span_of("Llama-3.1-8B"), fixture->diags, nowhere),
            .gpu = catalog_gpu(fixture->catalog, span_of(cards[i].gpu), fixture->diags, nowhere),
            .precision = PRECISION_BF16,
            .kv_precision = PRECISION_BF16,
            .tensor_parallel = 1,
            .expert_parallel = 1,
            .attention_dp = 1,
            .gpus_per_node = 8,
        };
        struct kernels *kernels = kernels_new(&setup);
        near(cards[i].gpu, kernels_gemm_s(kernels, 8, 4096, 4096), cards[i].ms, 1e-4);
        kernels_free(kernels);
    }
}

/* Profiles know products by these names; int4 has constants of its own, and so have fp8 by tensor and by blocks. */
static void formats_have_names(void **state) {
    const struct fixture *fixture = *state;
    static const struct {
        const char *model;
        enum precision precision;
        enum serving_engine engine;
        const char *name;
    } formats[] = {{"Kimi-K2.5", PRECISION_INT4, SERVING_VLLM, "i4"},
                   {"gpt-oss-120b", PRECISION_FP4, SERVING_VLLM, "mx"},
                   {"Qwen3-30B-A3B", PRECISION_FP8, SERVING_VLLM, "8b"},
                   {"Qwen3-30B-A3B", PRECISION_FP8, SERVING_TRTLLM, "8"},
                   {"Llama-3.1-8B", PRECISION_FP8, SERVING_VLLM, "8"}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct position nowhere = {0};
        const struct kernel_setup setup = {
            .llm = catalog_llm(fixture->catalog, span_of(formats[i].model), fixture->diags, nowhere),
            .gpu = catalog_gpu(fixture->catalog, span_of("B200-SXM"), fixture->diags, nowhere),
            .precision = formats[i].precision,
            .kv_precision = PRECISION_BF16,
            .engine = formats[i].engine,
            .tensor_parallel = 1,
            .expert_parallel = 1,
            .attention_dp = 1,
            .gpus_per_node = 8,
        };
        struct kernels *kernels = kernels_new(&setup);
        assert_string_equal(kernels_format_name(kernels), formats[i].name);
        kernels_free(kernels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(consumer_cards_reach_more_of_their_datasheet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(formats_have_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranks_of_attention_have_tokens_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shapes_take_what_was_worked_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
