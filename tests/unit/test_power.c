/* Clocks and limits of boards: the law, what a limit leaves to each phase, and what steps take then. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "models/power.h"
#include "tests/unit/throughput_fixture.h"

static const struct position nowhere = {0};

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected))) {
        fail_msg("%.9g is not within %g of %.9g", value, relative, expected);
    }
}

static void voltage_falls_to_a_floor(void **state) {
    (void)state;
    const struct power_shares full = {0.5, 0.8, 0.2};
    const struct power_shares high = power_shares_at(full, 0.8), low = power_shares_at(full, 0.5);
    assert_near(high.active_ratio, 0.5 * 0.512, 1e-12);
    assert_near(high.compute_ratio, 0.8 * 0.64, 1e-12);
    assert_near(low.active_ratio, 0.5 * 0.18, 1e-12);
    assert_near(low.compute_ratio, 0.8 * 0.36, 1e-12);
    assert_near(low.memory_ratio, 0.2, 1e-12);
    const struct power_shares same = power_shares_at(full, 1);
    assert_memory_equal(&same, &full, sizeof full);
}

/* H100 and Llama-3.1-8B. */
struct limited {
    struct llm llm;
    struct gpu gpu;
    struct roofline_step roofline;
    struct profile profile;
    struct profile_step profile_step;
    struct limited_step step;
};

static void limited_init(struct limited *limited, bool is_profile, double limit_w) {
    limited->llm = llama_8b();
    limited->gpu = h100();
    limited->roofline = roofline_step_default(&limited->llm, &limited->gpu, PRECISION_BF16, PRECISION_BF16, 1, 8);
    limited->roofline.power = (struct power_shares){0.5, 0.87, 0.06};
    limited->roofline.power_limit_w = limit_w;
    limited->profile = (struct profile){.name = "neutral"};
    limited->profile_step = (struct profile_step){
        .setup = {.llm = &limited->llm,
                  .gpu = &limited->gpu,
                  .precision = PRECISION_BF16,
                  .kv_precision = PRECISION_BF16,
                  .engine = SERVING_VLLM,
                  .tensor_parallel = 1,
                  .expert_parallel = 1,
                  .attention_dp = 1,
                  .gpus_per_node = 8},
        .profile = &limited->profile,
    };
    limited->step = (struct limited_step){.roofline = &limited->roofline,
                                          .profile = is_profile ? &limited->profile_step : NULL,
                                          .max_num_seqs = 64,
                                          .max_num_batched_tokens = 8192};
}

static struct step_model *model_of(struct limited *limited, struct phase_clocks clocks) {
    struct diags *diags = diags_new();
    struct work_model work;
    limited->roofline.clocks = limited->profile_step.clocks = clocks;
    assert_true(work_model_make(&limited->roofline, &work, diags, nowhere));
    struct step_model *model = limited->step.profile != NULL
                                   ? step_model_new_profile(&limited->profile_step, &work, diags, nowhere)
                                   : step_model_new_roofline(&limited->roofline, &work, diags, nowhere);
    assert_non_null(model);
    diags_free(diags);
    return model;
}

static double seconds(const struct step_model *model, const struct step_work *work) {
    return i128_to_double(step_model_duration(model, work)) / UNIT_PER_S;
}

static const struct step_work prompt = {
    .prefill_seqs = 1, .prefill_tokens = 8192, .prefill_attention_x2 = (i128)8192 * 8192};
static const struct step_work eight_decodes = {.decode_seqs = 8, .decode_context = 8192};

/* Half of TDP: 100.5 W of idle leave 249.5 of 599.5 W. A prompt draws all that the board may (0.5 + 0.87 x 0.7 of TDP and more), so that its
 * clock falls to the cube root, 0.747. Splitwise's H100 at half of its power: 1.3 times as long for prompts, as long as before for tokens. */
static void half_of_the_power_slows_prompts_and_hardly_decodes(void **state) {
    (void)state;
    for (int is_profile = 0; is_profile <= 1; is_profile++) {
        struct limited limited;
        limited_init(&limited, is_profile != 0, 350);
        const struct phase_clocks clocks = power_clocks_within(&limited.step);
        assert_near(clocks.prefill_ratio, 0.747, 0.02);
        assert_true(clocks.decode_ratio > clocks.prefill_ratio && clocks.decode_ratio < 1);
        struct step_model *free_model = model_of(&limited, (struct phase_clocks){1, 1});
        struct step_model *model = model_of(&limited, clocks);
        const double longer = seconds(model, &prompt) / seconds(free_model, &prompt);
        assert_true(longer > 1.25 && longer < 1.35);
        assert_near(seconds(model, &eight_decodes), seconds(free_model, &eight_decodes), 0.02);
        step_model_free(model);
        step_model_free(free_model);
    }
}

/* The work of a prompt of 8,192 tokens at full clock would take the boards beyond 350 W in the longer time too: energy stops there. */
static void energy_stops_at_the_limit(void **state) {
    (void)state;
    struct limited limited;
    limited_init(&limited, true, 350);
    struct step_model *model = model_of(&limited, power_clocks_within(&limited.step));
    const double energy_j =
        i128_to_double(step_model_amounts(model, &prompt, step_model_duration(model, &prompt)).energy) / ENERGY_PER_J;
    assert_near(energy_j / seconds(model, &prompt), 350 - 100.5, 1e-6);
    step_model_free(model);
}

static void a_limit_that_nothing_reaches_changes_no_clock(void **state) {
    (void)state;
    struct limited limited;
    limited_init(&limited, true, 699.9);
    const struct phase_clocks clocks = power_clocks_within(&limited.step);
    assert_near(clocks.prefill_ratio, 1, 1e-3); /* at TDP already: the limit is where the board stands */
    assert_near(clocks.decode_ratio, 1, 1e-12);
}

/* Lower limits never raise a clock; where even the least draws too much it stays there. */
static void clocks_fall_with_the_limit(void **state) {
    (void)state;
    struct phase_clocks before = {1, 1};
    for (double limit_w = 650; limit_w > 101; limit_w -= 90) {
        struct limited limited;
        limited_init(&limited, false, limit_w);
        const struct phase_clocks clocks = power_clocks_within(&limited.step);
        assert_true(clocks.prefill_ratio <= before.prefill_ratio && clocks.decode_ratio <= before.decode_ratio);
        assert_true(clocks.prefill_ratio >= POWER_CLOCK_MIN && clocks.decode_ratio >= POWER_CLOCK_MIN);
        before = clocks;
    }
    struct limited limited;
    limited_init(&limited, false, 101);
    assert_near(power_clocks_within(&limited.step).prefill_ratio, POWER_CLOCK_MIN, 1e-9);
}

/* A locked clock: prompts take 1 / 0.7 as long where they compute, decodes that wait for memory as long; both draw less. */
static void a_locked_clock_slows_what_computes(void **state) {
    (void)state;
    struct limited limited;
    limited_init(&limited, false, 0);
    struct step_model *full = model_of(&limited, (struct phase_clocks){1, 1});
    limited.roofline.clock_ratio = 0.7;
    struct step_model *model = model_of(&limited, (struct phase_clocks){0.7, 0.7});
    assert_near(seconds(model, &prompt) / seconds(full, &prompt), 1 / 0.7, 0.03);
    assert_near(seconds(model, &eight_decodes), seconds(full, &eight_decodes), 1e-9);
    const i128 duration = step_model_duration(model, &eight_decodes);
    const double ratio = i128_to_double(step_model_amounts(model, &eight_decodes, duration).energy) /
                         i128_to_double(step_model_amounts(full, &eight_decodes, duration).energy);
    assert_true(ratio > 0.343 && ratio < 0.5); /* mostly active, 0.7^3 of it; memory's as before */
    step_model_free(model);
    step_model_free(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(voltage_falls_to_a_floor),
        cmocka_unit_test(half_of_the_power_slows_prompts_and_hardly_decodes),
        cmocka_unit_test(energy_stops_at_the_limit),
        cmocka_unit_test(a_limit_that_nothing_reaches_changes_no_clock),
        cmocka_unit_test(clocks_fall_with_the_limit),
        cmocka_unit_test(a_locked_clock_slows_what_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
