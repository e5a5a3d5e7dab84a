/* Image generators: the header's check value, the catalogue's figures from published shapes, what a row must say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/image.h"
#include "scenarios/catalog.h"

struct fixture {
    struct diags *diags;
    struct catalog *catalog;
    struct image_step step;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.diags = diags_new();
    fixture.catalog = catalog_new();
    assert_true(catalog_read(fixture.catalog, NULL, fixture.diags));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    diags_free(fixture->diags);
    catalog_free(fixture->catalog);
    return 0;
}

static const struct vision_model *row_of(struct fixture *fixture, const char *name) {
    const struct vision_model *row =
        catalog_vision(fixture->catalog, span_of(name), fixture->diags, (struct position){0});
    assert_non_null(row);
    return row;
}

static void choose(struct fixture *fixture, const char *model, const char *gpu) {
    fixture->step.model = row_of(fixture, model);
    fixture->step.gpu = catalog_gpu(fixture->catalog, span_of(gpu), fixture->diags, (struct position){0});
    fixture->step.precision = PRECISION_BF16;
}

static double duration_s(const struct step_model *model, struct step_work work) {
    return (double)step_model_duration(model, &work) / UNIT_PER_S;
}

static void a_denoising_step_of_flux_takes_237_ms(void **state) {
    struct fixture *fixture = *state;
    choose(fixture, "FLUX.1-dev", "H100-SXM");
    assert_true(image_step_check(&fixture->step, fixture->diags, (struct position){0}));
    struct work_model work;
    assert_true(image_work_make(&fixture->step, &work, fixture->diags, (struct position){0}));
    struct step_model *model = step_model_new_image(&fixture->step, &work, fixture->diags, (struct position){0});
    const double one = duration_s(model, (struct step_work){.decode_seqs = 1});
    assert_true(fabs(one - 0.2374) < 2e-4); /* 17.1 + 219.85 + 0.45 ms */
    /* Affine in the batch, whatever the context. */
    const double four = duration_s(model, (struct step_work){.decode_seqs = 4, .decode_context = 1000});
    assert_true(fabs(four - one - 3 * 74.362e12 / (989e12 * 0.342)) < 1e-6);
    /* The first step: the denoising step and what is done once. */
    const struct step_work first = {.prefill_seqs = 1, .prefill_tokens = 1, .prefill_attention_x2 = 1};
    assert_true(fabs(duration_s(model, first) - one - 5e12 / (989e12 * 0.342)) < 1e-6);
    const struct step_amounts amounts = step_model_amounts(model, &first, step_model_duration(model, &first));
    assert_true(fabs((double)amounts.flop - 79.362e12) < 1e9);
    step_model_free(model);
}

static void b200_reaches_less_of_its_peak(void **state) {
    struct fixture *fixture = *state;
    choose(fixture, "FLUX.1-dev", "B200-SXM");
    struct step_model *model = step_model_new_image(&fixture->step, NULL, fixture->diags, (struct position){0});
    const double one = duration_s(model, (struct step_work){.decode_seqs = 1});
    assert_true(fabs(one - 0.01755 - 74.362e12 / (2250e12 * 0.342 * 0.63)) < 1e-5);
    step_model_free(model);
}

/* FLOP of `layers` MMDiT layers (arXiv 2403.03206): every token passes 12 hidden^2 weights, and sees all others. */
static double mmdit_tflop(double layers, double hidden, double tokens) {
    return layers * (2 * 12 * hidden * hidden * tokens + 4 * hidden * tokens * tokens) / 1e12;
}

static void the_catalogues_flop_follow_from_published_shapes(void **state) {
    struct fixture *fixture = *state;
    /* FLUX.1: 19 double and 38 single blocks of 3072; both weigh 12 hidden^2 a token; no guidance pass. */
    assert_true(fabs(row_of(fixture, "FLUX.1-dev")->step_tflop - mmdit_tflop(57, 3072, 4096 + 512)) < 1e-2);
    /* SD3: depth d, 64 d wide; 4096 latent and 333 text tokens; two passes. */
    assert_true(fabs(row_of(fixture, "SD3.5-large")->step_tflop - 2 * mmdit_tflop(38, 2432, 4096 + 333)) < 1e-2);
    assert_true(fabs(row_of(fixture, "SD3-medium")->step_tflop - 2 * mmdit_tflop(24, 1536, 4096 + 333)) < 1e-2);
}

static void a_row_without_flop_is_refused(void **state) {
    struct fixture *fixture = *state;
    choose(fixture, "ResNet-50", "H100-SXM");
    assert_false(image_step_check(&fixture->step, fixture->diags, (struct position){0}));
    assert_string_equal(diags_first_rule(fixture->diags), "catalogue-blank");
    assert_int_equal(diags_error_count(fixture->diags), 3); /* layers, step_tflop, image_tflop */
}

static void weights_must_fit(void **state) {
    struct fixture *fixture = *state;
    choose(fixture, "FLUX.1-dev", "L4");
    struct gpu small = *fixture->step.gpu;
    small.mem_gb = 16;
    fixture->step.gpu = &small;
    assert_false(image_step_check(&fixture->step, fixture->diags, (struct position){0}));
    assert_string_equal(diags_first_rule(fixture->diags), "model-fits");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_denoising_step_of_flux_takes_237_ms),
        TEST(b200_reaches_less_of_its_peak),
        TEST(the_catalogues_flop_follow_from_published_shapes),
        TEST(a_row_without_flop_is_refused),
        TEST(weights_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
